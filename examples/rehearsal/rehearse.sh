#!/bin/sh
# Rehearse pipeline.sh: every way in which it can end, on this machine, in half a minute.
# Prints a line for each; exits with 1 if one of them ended otherwise.
cd "$(dirname "$0")" || exit
folder=$(mktemp -d)
sandbox=
failed=0
trap 'stop; rm -r "$folder"' EXIT
trap 'exit 129' HUP # which ends the sandbox, too
trap 'exit 130' INT
trap 'exit 143' TERM

stop() {
    [ -z "$sandbox" ] || kill "$sandbox" 2>"$folder/kill"
    [ -z "$sandbox" ] || wait "$sandbox"
    sandbox=
}

# in_scenario NAME|FILE: a fresh workspace in which that goes wrong
in_scenario() {
    stop
    : >"$folder/environment"
    dbjobs sandbox serve --scenario "$1" --time-scale 20 --quiet >>"$folder/environment" &
    sandbox=$!
    until grep -q TOKEN "$folder/environment"; do
        kill -0 $sandbox || exit
        sleep 0.1
    done
    . "$folder/environment"
    echo "# $1"
}

# ends_with CODE COMMAND...: run it, and compare
ends_with() {
    expected=$1
    shift
    "$@" >"$folder/stdout" 2>"$folder/stderr"
    code=$?
    printf '%-4s %-40s %s\n' "$code" "$*" "$(grep '^next:' "$folder/stdout")"
    if [ $code -ne "$expected" ]; then
        echo "     this was to be $expected:"
        cat "$folder/stderr"
        failed=1
    fi
}

# without_room COMMAND...: run it with its output going to a disk that is full
without_room() { "$@" >/dev/full; }

in_scenario any-ending
ends_with 0 ./pipeline.sh SUCCESS
ends_with 10 ./pipeline.sh FAILED
ends_with 11 ./pipeline.sh TIMEDOUT
ends_with 12 ./pipeline.sh CANCELED
ends_with 13 ./pipeline.sh SKIPPED
ends_with 14 ./pipeline.sh INTERNAL_ERROR
ends_with 15 ./pipeline.sh UPSTREAM_FAILED
ends_with 16 ./pipeline.sh EVICTED
ends_with 0 ./pipeline.sh SUCCESS_WITH_FAILURES
ends_with 17 ./pipeline.sh SUCCESS_WITH_FAILURES --strict
ends_with 19 ./pipeline.sh SHELVED
ends_with 74 without_room dbjobs runs list
ends_with 2 ./pipeline.sh SUCCESS --timeout soon
ends_with 4 dbjobs runs get 42
ends_with 3 env DATABRICKS_TOKEN=expired ./pipeline.sh nightly

in_scenario scenarios/not-allowed.yaml
ends_with 5 ./pipeline.sh nightly

in_scenario outage
ends_with 6 ./pipeline.sh nightly --max-outage 1s

in_scenario scenarios/slow.yaml
ends_with 124 ./pipeline.sh nightly --timeout 1s
ends_with 130 timeout --preserve-status -s INT 1 dbjobs runs submit -f job.yaml --wait
ends_with 143 timeout --preserve-status -s TERM 1 dbjobs runs submit -f job.yaml --wait

in_scenario flaky-network
ends_with 0 ./pipeline.sh nightly

exit $failed
