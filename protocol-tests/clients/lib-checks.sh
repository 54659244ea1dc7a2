# Checks for the clients that are command line tools: sourced by kcat.sh and java/tools.sh, which
# set `client` and `phase`. It knows nothing of any tool.

checks=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/felice-client.XXXXXX")
children=()
clean_up() {
    for child in ${children[@]+"${children[@]}"}; do kill -9 "$child" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
    echo "$client FAILED in $phase: $*"
    exit 1
}

passed() {
    checks=$((checks + 1))
    echo "  ok $*"
}

# equal ACTUAL WANTED MESSAGE: two texts, compared whole; the first differing lines are shown.
equal() {
    if [ "$1" != "$2" ]; then
        diff <(echo "$1") <(echo "$2") | cut -c1-200 | head -n 10 || true
        fail "$3 (above: < what came, > what is right)"
    fi
    passed "$3"
}

# has TEXT PATTERN MESSAGE: some line of the text matches the extended pattern.
has() {
    grep -qE -- "$2" <<<"$1" || fail "$3: no line matches '$2' in: $(head -c 1000 <<<"$1")"
    passed "$3"
}

# until_true MESSAGE COMMAND...: the command succeeds within 40 s.
until_true() {
    local message=$1 deadline=$((SECONDS + 40))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || fail "not within 40 s: $message"
        sleep 0.1
    done
    passed "$message"
}

# stop PID: ends a member as a user would, so that it leaves its group, and waits for it.
stop() {
    kill -TERM "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
