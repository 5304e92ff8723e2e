# shellcheck shell=bash
# How the set-up scripts speak: one line for each thing they do, and an error that
# says what to do next. Sourced, never run.

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    if (($#)); then printf '       %s\n' "$@" >&2; fi
    exit 1
}

# Runs a command for so many seconds at most, where the machine has a way to see to that (macOS has none).
within() {
    if command -v timeout >/dev/null; then
        timeout "$@"
    else
        shift
        "$@"
    fi
}

# Runs a command with its output kept back, and shows the output only if the
# command fails: a set-up that works is read in a few lines.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if ((status)); then
        printf 'this failed (exit %s): %s\n' "$status" "$*" >&2
        tail -n 40 "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# Runs a command under a heading, and says how long it took.
section() {
    local heading=$1 started=$SECONDS status=0
    shift
    printf '\n##### %s\n' "$heading"
    "$@" || status=$?
    if ((status == 0)); then
        printf '##### %s: done in %d s\n' "$heading" "$((SECONDS - started))"
    else
        printf '##### %s: FAILED (exit %d) after %d s\n' "$heading" "$status" "$((SECONDS - started))"
    fi
    return "$status"
}
