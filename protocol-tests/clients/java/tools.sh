#!/usr/bin/env bash
# Kafka's command line tools in the course of ../README.md, with their own means: kafka-topics,
# console producer and consumer, consumer-groups, get-offsets, VerifiableProducer and
# VerifiableConsumer. JARS is the folder of jars.
set -euo pipefail

client=java-tools
[ $# = 3 ] || { echo "usage: tools.sh BOOTSTRAP before|after TOPIC_PREFIX" >&2; exit 2; }
bootstrap=$1 phase=$2 data=$3-data group=$3-group
here=$(dirname "$0")
. "$here/../lib-checks.sh"
[ -d "${JARS:-}" ] || fail "JARS must name the folder of Kafka's jars"

codecs="none gzip snappy lz4 zstd"
java_options=(-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
    "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$JARS/*")
# tool CLASS ARGUMENTS...: one tool, its standard error kept for the message of a failure.
tool() {
    local class=org.apache.kafka.tools.$1
    shift
    timeout 60 java "${java_options[@]}" "$class" --bootstrap-server "$bootstrap" "$@" \
        2>"$scratch/tool.err" ||
        fail "$class $*: $(grep -v '^WARN' "$scratch/tool.err" | head -n 5)"
}

# Ten lines for a codec: headers, key, value; number 3 has no value, number 4 no key.
lines() {
    local i key value
    for i in 0 1 2 3 4 5 6 7 8 9; do
        key=$1-$i value="$1 value $i"
        [ $i != 3 ] || value=NULL
        [ $i != 4 ] || key=NULL
        printf 'trace:a,trace:b,number:%s\t%s\t%s\n' $i "$key" "$value"
    done
}

wanted_lines() { for codec in $codecs; do lines "$codec"; done | sort; }

verify_data() {
    local got
    got=$(tool consumer.ConsoleConsumer --topic "$data" --from-beginning --max-messages 50 \
        --timeout-ms 20000 --formatter-property print.headers=true \
        --formatter-property print.key=true --formatter-property null.literal=NULL)
    equal "$(sort <<<"$got")" "$(wanted_lines)" \
        "the console consumer gives the 50 records that were sent"
}

# member NAME [ARGUMENTS]: a VerifiableConsumer in the background, its events in NAME.out.
member() {
    local name=$1
    shift
    : >"$scratch/$name.out"
    timeout 100 java "${java_options[@]}" org.apache.kafka.tools.VerifiableConsumer \
        --bootstrap-server "$bootstrap" --topic "$group" --group-id "$group" \
        --reset-policy earliest --session-timeout 10000 "$@" \
        >"$scratch/$name.out" 2>"$scratch/$name.err" &
    joined=$!
    children+=("$joined")
}

# assigned NAME: the partitions of the last assignment that was not revoked, e.g. "0 1".
assigned() {
    grep -E '"partitions_(assigned|revoked)"' "$scratch/$1.out" | tail -n 1 |
        grep partitions_assigned | grep -oE '"partition":[0-9]+' | cut -d: -f2 | sort | xargs
}
owns_all() { [ "$(assigned "$1")" = "0 1 2" ]; }
both_share() {
    local a b
    a=$(assigned a) b=$(assigned b)
    [ -n "$a" ] && [ -n "$b" ] && [ "$(printf '%s\n' $a $b | sort | xargs)" = "0 1 2" ]
}

# ranges NAME...: partition, first and last offset of every report, in order.
ranges() {
    local n='\([0-9]*\)'
    cat "${@/#/$scratch/}" | grep '"records_consumed"' | tr '{' '\n' |
        sed -n "s/.*\"partition\":$n.*\"minOffset\":$n,\"maxOffset\":$n.*/\1 \2 \3/p" |
        sort -n -k1,1 -k2,2
}
# consumed NAME...: how many records the members reported; the sum of the ranges, for the tool's own
# "count" includes those that it threw away because of --max-messages.
consumed() { ranges "$@" | awk '{ sum += $3 - $2 + 1 } END { print sum + 0 }'; }
has_consumed() { [ "$(consumed "${@:2}")" -ge "$1" ]; }
# gapless: the ranges on standard input touch each other and begin at 0 in each partition.
gapless() { awk '$2 != next_one[$1] + 0 { exit 1 } { next_one[$1] = $3 + 1 }'; }

# produce_verifiable FROM: 300 records, numbers from FROM, all acknowledged.
produce_verifiable() {
    local out
    out=$(tool VerifiableProducer --topic "$group" --max-messages 300 --acks -1 --value-prefix "$1")
    has "$out" '"name":"tool_data".*"acked":300|"acked":300.*"name":"tool_data"' \
        "VerifiableProducer: 300 sent, 300 acknowledged"
}

# lag: the sum of column LAG that consumer-groups shows.
lag() {
    tool consumer.group.ConsumerGroupCommand --describe --group "$group" | awk '
        $1 == "GROUP" { for (i = 1; i <= NF; i++) if ($i == "LAG") column = i; next }
        column && NF { sum += $column }
        END { print sum + 0 }'
}

# total TOPIC: the sum of the end offsets that get-offsets shows.
total() { tool GetOffsetShell --topic "$1" | awk -F: '{ sum += $3 } END { print sum + 0 }'; }

before() {
    local codec a b
    tool TopicCommand --create --topic "$data" --partitions 3 --replication-factor 1 >/dev/null
    has "$(tool TopicCommand --describe --topic "$data")" "PartitionCount: 3" \
        "kafka-topics created $data"
    for codec in $codecs; do
        lines "$codec" | tool ConsoleProducer --topic "$data" --compression-codec "$codec" \
            --reader-property parse.headers=true --reader-property parse.key=true \
            --reader-property null.marker=NULL
    done
    verify_data
    equal "$(total "$data")" 50 "get-offsets shows 50 records"

    tool TopicCommand --create --topic "$group" --partitions 3 --replication-factor 1 >/dev/null
    has "$(tool TopicCommand --list)" "^$group\$" "kafka-topics lists $group"
    member a
    a=$joined
    until_true "A alone owns all partitions" owns_all a
    member b
    b=$joined
    until_true "A and B share the partitions, each owned once" both_share
    produce_verifiable 1
    until_true "300 records arrived" has_consumed 300 a.out b.out
    has "$(tool consumer.group.ConsumerGroupCommand --describe --group "$group" --members)" \
        "$group.* [12] *\$" "consumer-groups shows the members"
    stop "$b"
    until_true "A took over when B left" owns_all a
    produce_verifiable 2
    until_true "300 more records arrived" has_consumed 600 a.out b.out
    stop "$a"
    equal "$(consumed a.out b.out)" 600 "600 records were consumed, none twice"
    ranges a.out b.out | gapless ||
        fail "the offsets have gaps or repeat: $(ranges a.out b.out | head)"
    passed "the offsets of each partition are gapless"
    ! grep '"offsets_committed"' "$scratch/a.out" "$scratch/b.out" | grep -q '"success":false' ||
        fail "a commit failed: $(cat "$scratch"/[ab].out | grep -m1 '"success":false')"
    passed "all commits succeeded"

    produce_verifiable 3
    member half --max-messages 150
    wait "$joined" || fail "the member that takes 150 records: $(tail -n 3 "$scratch/half.err")"
    equal "$(consumed half.out)" 150 "a member took 150 of 300 more and committed them"
    has "$(tool consumer.group.ConsumerGroupCommand --list)" "^$group\$" \
        "consumer-groups lists the group"
    equal "$(lag)" 150 "consumer-groups shows a lag of 150"
}

# dump ARGUMENTS...: what kafka-dump-log says of files.
dump() {
    timeout 60 java "${java_options[@]}" org.apache.kafka.tools.DumpLogSegments "$@" \
        2>"$scratch/tool.err" || fail "DumpLogSegments $*: $(head -n 5 "$scratch/tool.err")"
}

# Files that Felice wrote, in the eyes of Kafka's own tool. It needs no broker.
verify_files() {
    local codec logs dumped files=$here/../../data/directories/2026-11/data
    logs=$(find "$files/topics" -name '*.log' | sort | paste -sd,)
    dumped=$(dump --deep-iteration --print-data-log --files "$logs" | tr -d '\0')
    equal "$(grep '^baseOffset' <<<"$dumped" | grep -vc 'isvalid: true' || true)" 0 \
        "kafka-dump-log finds every batch of a data directory valid"
    equal "$(grep -c '^| offset: .* headerKeys: \[h\]' <<<"$dumped")" 40 \
        "kafka-dump-log reads the records of every codec, and of compacted batches"
    for codec in $codecs; do
        has "$dumped" "^baseOffset.* compresscodec: $codec " "kafka-dump-log knows $codec"
    done
    logs=$(ls "$files"/__cluster_metadata-0/*.checkpoint)
    dumped=$(dump --cluster-metadata-decoder --files "$logs")
    has "$dumped" '"type":"TOPIC_RECORD".*"name":"segments"' "kafka-dump-log reads the metadata"
}

after() {
    local state
    has "$(tool TopicCommand --describe --topic "$data")" "PartitionCount: 3" \
        "$data still has 3 partitions"
    verify_data
    equal "$(total "$group")" 900 "get-offsets shows 900 records"
    equal "$(lag)" 150 "the lag is still 150"
    state=$(tool consumer.group.ConsumerGroupCommand --describe --group "$group" --state)
    has "$state" "$group.*Empty" "the group is Empty"
    tool consumer.ConsoleConsumer --topic "$group" --group "$group" --max-messages 150 \
        --timeout-ms 20000 >"$scratch/rest"
    equal "$(grep -c '^3\.' "$scratch/rest")" 150 "resumed: 150 records of the last load"
    equal "$(sort -u "$scratch/rest" | wc -l)" 150 "resumed: none twice"
    equal "$(lag)" 0 "the lag is 0"
    verify_files
}

case $phase in
    before | after) "$phase" ;;
    *) fail "unknown phase" ;;
esac
echo "$client ok: $checks checks"
