#!/bin/sh
# Rehearse the bundle in a sandbox: deploy it, run its job, see a run fail, and destroy it. Exits with 1 if one of the
# steps ends otherwise than it should. The official CLI is the command `databricks`, or what DATABRICKS_CLI_PATH names.
cd "$(dirname "$0")" || exit
: "${DATABRICKS_CLI_PATH:=databricks}"
folder=$(mktemp -d)
dbjobs sandbox serve --time-scale 20 --quiet --log "$folder/requests.jsonl" >"$folder/environment" &
sandbox=$!
trap 'kill $sandbox; wait $sandbox; rm -r "$folder"' EXIT
until grep -q TOKEN "$folder/environment"; do
    kill -0 $sandbox || exit
    sleep 0.1
done
. "$folder/environment"

# ends_with CODE COMMAND...: run a step, and stop unless it ends with this exit code
ends_with() {
    expected=$1
    shift
    echo "\$ $*"
    "$@"
    code=$?
    if [ $code -ne "$expected" ]; then
        echo "$* ended with $code, and should have ended with $expected" >&2
        exit 1
    fi
}

ends_with 0 "$DATABRICKS_CLI_PATH" bundle validate
ends_with 0 "$DATABRICKS_CLI_PATH" bundle deploy
ends_with 0 "$DATABRICKS_CLI_PATH" bundle run nightly
ends_with 0 dbjobs runs now "[dev user] nightly sales" --wait
ends_with 10 dbjobs runs now "[dev user] nightly sales" -P broken_orders=9 --wait
ends_with 0 "$DATABRICKS_CLI_PATH" bundle destroy --auto-approve
