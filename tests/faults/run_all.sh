#!/bin/sh
# The long part of the fault programme, one process at a time: `make faults` runs it. Needs Linux, and about an hour.
# Counts and findings are appended to files in the folder that is given; a seed makes it try other inputs.
set -u
folder="$1" seed="$2" python="$3"
here="$(dirname "$0")"
export PYTHONPATH="$here/../helpers${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
mkdir -p "$folder"
bad=0
nice -n 19 "$python" "$here/broken_disk.py" --faults 100 -o "$folder/disk.txt" || bad=1
nice -n 19 "$python" "$here/damaged_files.py" --inputs 20000 --seed "$seed" -o "$folder/damaged.txt" || bad=1
nice -n 19 "$python" "$here/kills.py" --kills 200 --seed "$seed" -o "$folder/kills.txt" || bad=1
exit $bad
