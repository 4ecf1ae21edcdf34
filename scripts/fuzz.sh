#!/usr/bin/env bash
# fuzz.sh DIR total|each SECONDS - run the fuzz drivers in DIR/bin.
#
# The driver fuzz_http starts from fuzz/corpus/http/ (kept in git, never
# written here) and what earlier runs found in DIR/corpus/http; it uses
# fuzz/corpus/http.dict where there is one.  An input that breaks a driver is
# left in DIR/crash/ with the command that repeats it.
set -u

dir=$1 how=$2 seconds=$3
shopt -s nullglob
drivers=("$dir"/bin/fuzz_*)

if [ ${#drivers[@]} -eq 0 ]; then
    echo "fuzz: there is no driver" >&2
    exit 1
fi
for corpus in fuzz/corpus/*/; do
    name=$(basename "$corpus")
    if [ ! -f "fuzz/fuzz_$name.c" ]; then
        echo "fuzz: $corpus has no driver fuzz/fuzz_$name.c" >&2
        exit 1
    fi
done
if [ "$how" = total ]; then
    seconds=$((seconds / ${#drivers[@]}))
    [ $seconds -gt 0 ] || seconds=1
fi

fuzz_one() {
    local driver=$1 name=${1##*/fuzz_} log dict=()
    log=$dir/$name.log
    mkdir -p "$dir/corpus/$name" "$dir/crash"
    [ ! -f "fuzz/corpus/$name.dict" ] || dict=(-dict="fuzz/corpus/$name.dict")
    if "$driver" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$dir/crash/$name-" \
        "${dict[@]}" "$dir/corpus/$name" $(ls -d "fuzz/corpus/$name" \
            2>/dev/null) >"$log" 2>&1 </dev/null; then
        printf 'ok    %-28s %9s inputs\n' "fuzz_$name" \
            "$(awk '/number_of_executed_units/ { print $2 }' "$log")"
        return 0
    fi
    tail -n 60 "$log" >&2
    echo "FAIL  fuzz_$name; repeat: $driver $(sed -n \
        's/.*Test unit written to //p' "$log" | tail -n 1)" >&2
    return 1
}

status=0
for driver in "${drivers[@]}"; do
    fuzz_one "$driver" || status=1
done
exit $status
