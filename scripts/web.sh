#!/usr/bin/env bash
# web.sh BUILD NPM-ARGUMENT... - npm in web/, with the Node of scripts/node.sh.
#
# The bundle goes to BUILD/web/dist.  Says nothing, unless it fails.
set -euo pipefail

build=$(realpath -m "$1")
shift

fail() {
    echo "web: 'npm $*' failed (above); 'make WEB=0' builds a program without" \
        "the desk" >&2
    exit 1
}

scripts/node.sh "$build/node" || fail "$@"
export PATH=$build/node/bin:$PATH
export NO_COLOR=1
export SHEAF_WEB_OUT=$build/web/dist
mkdir -p "$build/web"
log=$build/web/npm.log
if ! (cd web && npm --no-update-notifier "$@") >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    fail "$@"
fi
