#!/usr/bin/env bash
# kcat (librdkafka) in the course of README.md, with its own means: it creates topics by producing
# to them (the broker runs with num.partitions=3), sets headers once per call, leaves the timestamps
# to the clock, and commits what it printed when it ends.
set -euo pipefail

client=kcat
[ $# = 3 ] || { echo "usage: kcat.sh BOOTSTRAP before|after TOPIC_PREFIX" >&2; exit 2; }
bootstrap=$1 phase=$2 data=$3-data group=$3-group state=$3-state
. "$(dirname "$0")/lib-checks.sh"

codecs="none gzip snappy lz4 zstd"
kcat() { timeout 60 kcat -b "$bootstrap" -X topic.metadata.refresh.interval.ms=1000 "$@"; }

# lines CODEC PARTITION: `key:value`; number 3 has no value, number 4 no key.
lines() {
    for i in 0 1 2 3 4 5 6 7 8 9; do
        case $i in
            3) echo "$1-$2-$i:" ;;
            4) echo ":$1 value $2-$i" ;;
            *) echo "$1-$2-$i:$1 value $2-$i" ;;
        esac
    done
}

# Offset, key length, key, value length, value and headers of every record of a partition.
read_partition() {
    kcat -C -q -e -o beginning -t "$data" -p "$1" -f '%o %K %k %S %s %h\n'
}

wanted_partition() {
    local codec offset=0 line key value key_length value_length
    for codec in $codecs; do
        while IFS= read -r line; do
            key=${line%%:*} value=${line#*:}
            key_length=${#key} value_length=${#value}
            [ -n "$key" ] || key_length=-1
            [ -n "$value" ] || value_length=-1
            echo "$offset $key_length $key $value_length $value trace=a,trace=b,codec=$codec"
            offset=$((offset + 1))
        done < <(lines "$codec" "$1")
    done
}

verify_data() {
    local partition
    for partition in 0 1 2; do
        equal "$(read_partition $partition)" "$(wanted_partition $partition)" \
            "50 records of $data/$partition are what was sent"
    done
}

# produce_plain FIRST: ten records a partition, numbered from FIRST.
produce_plain() {
    local partition
    for partition in 0 1 2; do
        seq "$1" $(($1 + 9)) | sed "s|^|$partition/|" |
            kcat -P -t "$group" -p $partition -X enable.idempotence=true
    done
}

# join NAME [ARGUMENTS]: a member in the background; its records go to NAME.out, its pid to
# `joined`.
join() {
    local name=$1
    shift
    : >"$scratch/$name.err"
    timeout 100 kcat -b "$bootstrap" -G "$group" -u -X auto.offset.reset=earliest \
        -X heartbeat.interval.ms=500 -X session.timeout.ms=10000 -f '%p %o %s\n' "$@" "$group" \
        >"$scratch/$name.out" 2>"$scratch/$name.err" &
    joined=$!
    children+=("$joined")
}

# assigned NAME: the partitions a member owns now, e.g. "0 1"; a revocation empties the list.
assigned() {
    sed -n 's/.*rebalanced.*: \(assigned\|revoked\): */\1 /p' "$scratch/$1.err" | tail -n 1 |
        grep '^assigned' | grep -oE '\[[0-9]+\]' | tr -d '[]' | sort | xargs
}
owns_all() { [ "$(assigned "$1")" = "0 1 2" ]; }
both_share() {
    local a b
    a=$(assigned a) b=$(assigned b)
    [ -n "$a" ] && [ -n "$b" ] && [ "$(printf '%s\n' $a $b | sort | xargs)" = "0 1 2" ]
}
lines_in() { cat "${@/#/$scratch/}" | wc -l; }
has_lines() { [ "$(lines_in "${@:2}")" -ge "$1" ]; }

# plain FIRST: what produce_plain FIRST must give, sorted.
plain() {
    local partition
    for partition in 0 1 2; do
        seq "$1" $(($1 + 9)) | sed "s|.*|$partition & $partition/&|"
    done | sort
}

before() {
    local codec partition start a b
    start=$(date +%s)
    for codec in $codecs; do
        for partition in 0 1 2; do
            lines "$codec" $partition | kcat -P -t "$data" -p $partition -K: -Z -z "$codec" \
                -H trace=a -H trace=b -H "codec=$codec"
        done
    done
    has "$(kcat -L -t "$data")" "topic \"$data\" with 3 partitions" \
        "$data was created with 3 partitions"
    verify_data
    kcat -C -q -e -o beginning -t "$data" -f '%T\n' |
        awk -v from="$start" -v to=$(($(date +%s) + 1)) \
            '{ s = $1 / 1000; if (s < from || s > to) bad = 1 } END { exit bad }' ||
        fail "a timestamp is not the time of its sending"
    passed "the timestamps are the time of sending"
    for partition in 0 1 2; do
        has "$(kcat -Q -t "$data:$partition:-1")" "offset 50" "the end of $data/$partition is 50"
    done

    kcat -L -t "$group" >/dev/null
    until_true "$group exists" has_group_topic
    join a
    a=$joined
    until_true "A alone owns all partitions" owns_all a
    join b
    b=$joined
    until_true "A and B share the partitions, each owned once" both_share
    produce_plain 0
    until_true "30 records arrived" has_lines 30 a.out b.out
    sleep 0.5
    equal "$(sort "$scratch/a.out" "$scratch/b.out")" "$(plain 0)" "shared: 30 records once each"
    equal "$(cut -d' ' -f1 "$scratch/a.out" | sort -u | xargs)" "$(assigned a)" \
        "A got those of its partitions"
    stop "$b"
    until_true "A took over when B left" owns_all a
    produce_plain 10
    until_true "30 more records arrived" has_lines 60 a.out b.out
    sleep 0.5
    stop "$a"
    equal "$(sort "$scratch/a.out" "$scratch/b.out")" "$(cat <(plain 0) <(plain 10) | sort)" \
        "after the takeover: 30 records once each"

    produce_plain 20
    join half -c 15
    wait "$joined" || fail "the member that takes 15 records: $(tail -n 3 "$scratch/half.err")"
    equal "$(lines_in half.out)" 15 "a member took 15 of 30 more and committed them"
    kcat -P -t "$state" -p 0 <"$scratch/half.out"
}

has_group_topic() { kcat -L -t "$group" 2>/dev/null | grep -q "\"$group\" with 3 partitions"; }

after() {
    has "$(kcat -L -t "$data")" "topic \"$data\" with 3 partitions" "$data still has 3 partitions"
    verify_data
    kcat -C -q -e -o beginning -t "$state" -p 0 >"$scratch/half.out"
    equal "$(lines_in half.out)" 15 "the note of what was taken survived"
    join rest
    until_true "15 records arrived" has_lines 15 rest.out
    sleep 0.5
    stop "$joined"
    equal "$(sort "$scratch/half.out" "$scratch/rest.out")" "$(plain 20)" \
        "resumed: the other 15, once each"
    produce_plain 30
    join again
    until_true "30 records arrived" has_lines 30 again.out
    sleep 0.5
    stop "$joined"
    equal "$(sort "$scratch/again.out")" "$(plain 30)" "resumed again: 30 records once each"
}

case $phase in
    before | after) "$phase" ;;
    *) fail "unknown phase" ;;
esac
echo "$client ok: $checks checks"
