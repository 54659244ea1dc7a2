# Starting and stopping the broker under test: sourced by the scripts that need a running broker.
# It does not decide what is tested; it knows only how one broker process lives and dies.
#
#   broker_start LISTEN DATA_DIR   starts FELICE_BIN, waits for its ready line (30 s), sets
#                                  BROKER_PID and BROKER_ADDRESS (host:port, the real port)
#   broker_stop [SIGNAL]           sends SIGNAL (default TERM) and waits until the process is gone
#   broker_restart [SIGNAL]        stops and starts on the same address and data directory
#
# FELICE_BIN   the binary (default: target/release/felice of this repository)
# BROKER_LOG   where the broker's standard error goes (default: DATA_DIR.log)
# BROKER_ARGS  further arguments of `serve`, an array

FELICE_BIN=${FELICE_BIN:-$(dirname "${BASH_SOURCE[0]}")/../target/release/felice}
BROKER_PID=
BROKER_ADDRESS=
declare -p BROKER_ARGS >/dev/null 2>&1 || BROKER_ARGS=()

broker_start() {
    local listen=$1 ready tries
    BROKER_DATA_DIR=$2
    BROKER_LOG=${BROKER_LOG:-$BROKER_DATA_DIR.log}
    ready=$BROKER_DATA_DIR.ready
    : >"$ready"
    [ -x "$FELICE_BIN" ] || {
        echo "no broker at $FELICE_BIN: build it with cargo build --release, or set FELICE_BIN" >&2
        return 1
    }
    "$FELICE_BIN" serve --listen "$listen" --data-dir "$BROKER_DATA_DIR" \
        ${BROKER_ARGS[@]+"${BROKER_ARGS[@]}"} >"$ready" 2>>"$BROKER_LOG" &
    BROKER_PID=$!
    disown "$BROKER_PID" # or the shell would announce each kill
    for ((tries = 0; tries < 1500; tries++)); do
        BROKER_ADDRESS=$(grep -oE '127\.0\.0\.1:[0-9]+' "$ready" | head -n 1 || true)
        [ -z "$BROKER_ADDRESS" ] || return 0
        kill -0 "$BROKER_PID" 2>/dev/null || break
        sleep 0.02
    done
    echo "the broker did not become ready; the end of $BROKER_LOG:" >&2
    tail -n 20 "$BROKER_LOG" >&2 || true
    broker_stop KILL
    return 1
}

broker_stop() {
    local signal=${1:-TERM} tries
    [ -n "$BROKER_PID" ] || return 0
    kill -s "$signal" "$BROKER_PID" 2>/dev/null || true
    for ((tries = 0; tries < 1500; tries++)); do
        kill -0 "$BROKER_PID" 2>/dev/null || break
        sleep 0.02
    done
    if kill -0 "$BROKER_PID" 2>/dev/null; then
        echo "the broker did not stop within 30 s of SIG$signal: killed" >&2
        kill -s KILL "$BROKER_PID" 2>/dev/null || true
        BROKER_PID=
        return 1
    fi
    BROKER_PID=
}

broker_restart() {
    broker_stop "${1:-TERM}" || return 1
    broker_start "$BROKER_ADDRESS" "$BROKER_DATA_DIR"
}
