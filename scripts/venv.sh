#!/usr/bin/env bash
# venv.sh DIR REQUIREMENTS - a Python environment with exactly these packages.
#
# Made anew whenever the list differs from the one DIR was made from, so what
# is in DIR is never a mixture.  DIR/ready is written last.
set -euo pipefail

dir=$1 list=$2

if cmp -s "$list" "$dir/ready"; then
    touch "$dir/ready"
    exit 0
fi
for python in python3 /usr/bin/python3; do
    "$python" -c 'import venv, ensurepip' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "venv: no Python with venv; run 'make deps'" >&2
    exit 1
fi
echo "venv: making $dir from $list"
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-input -r "$list"
cp "$list" "$dir/ready"
