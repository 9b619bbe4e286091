# Sourced by the scripts of this directory, which run in the root of the clone: one line per step, and when a
# step fails, what failed, the end of its output, and what to do.

cache=${NODEWITNESS_CACHE:-$PWD/.cache}
mkdir -p "$cache/log"

# die "what failed" "what to do"
die() {
    printf '\nerror: %s\n%s\n' "$1" "$2" >&2
    exit 1
}

# step "what is done" "what to do if it fails" COMMAND...
step() {
    local what=$1 remedy=$2 log
    shift 2
    log=$cache/log/${0##*/}.log
    printf '  %s\n' "$what"
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" | sed 's/^/    /' >&2
        die "$what: failed (all output: $log)" "$remedy"
    fi
}
