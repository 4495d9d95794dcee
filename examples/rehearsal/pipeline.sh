#!/bin/sh
# A step of a pipeline: run something, wait for it, and do what the exit code calls for.
#
#   pipeline.sh NAME [options of dbjobs runs submit]
dbjobs runs submit -f job.yaml --wait --poll-interval 0.2s --quiet --run-name "$@"
code=$?
case $code in
    0 | 17) echo "next: publish the report" ;;
    10 | 11 | 12 | 14 | 15) echo "next: tell the owner of the job" ;;
    13 | 16) echo "next: nothing, for nothing ran; the next run is tomorrow's" ;;
    6 | 124 | 130 | 143) echo "next: look again later, since the run may still be going" ;;
    *) echo "next: tell the owner of the pipeline" ;;
esac
exit $code
