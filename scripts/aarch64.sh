#!/usr/bin/env bash
# aarch64.sh BUILD - build the program for aarch64, and test it here.
#
# gcc's cross compiler, the libraries of Debian's arm64 in a folder of their own
# (BUILD/aarch64/root: nothing of the system changes), and qemu's user mode, in
# which the system calls are ours.  What is run: the unit tests of what is
# written apart for that CPU or depends on its byte order, alignment and signed
# char, and the program itself in some integration tests.  qemu is 20 times as
# slow, so not all of them.
#
# Where the tools cannot be had nothing is tested, and that is said.
set -euo pipefail

build=$1
make=${MAKE:-make}
root=$(realpath -m "$build/aarch64/root")
program=$(realpath -m "$build/aarch64/sheaf")
run=$build/aarch64/run
libraries=libc6-dev,libuv1-dev,libcurl4-openssl-dev,libjansson-dev,libxml2-dev
libraries+=,libsqlite3-dev,libpq-dev,libhiredis-dev,libpcre2-dev,libssl-dev,zlib1g-dev
libraries+=,libcmocka-dev,libhttp-parser-dev
modules=(kernels tokenizer token_trie safetensors utf8 json http_parse chunk)

give_up() {
    echo "aarch64: not tested: $*"
    exit 0
}

[ "$(uname -m)" = x86_64 ] || give_up "this is no x86-64"
scripts/deps.sh aarch64 || give_up "the tools cannot be installed"
command -v mmdebstrap >/dev/null || give_up "mmdebstrap is not installed"

# The libraries; again when their list has changed.
if [ "$(cat "$root.list" 2>/dev/null)" != "$libraries" ]; then
    echo "aarch64: fetching the libraries of Debian's arm64"
    rm -rf "$root"
    mkdir -p "$build/aarch64"
    if ! mmdebstrap --quiet --variant=extract --architectures=arm64 \
        --include="$libraries" bookworm "$root" >"$root.log" 2>&1; then
        tail -n 5 "$root.log"
        give_up "the libraries cannot be fetched (above)"
    fi
    echo "$libraries" >"$root.list"
fi

# Stands for the program where its path is asked for.
cat >"$run" <<EOF
#!/bin/sh
exec qemu-aarch64-static -cpu max -L '$root' '$program' "\$@"
EOF
chmod +x "$run"

$make --no-print-directory AARCH64=1 all \
    "${modules[@]/#/$build/aarch64/unit/test_}"
UNIT_RUNNER="qemu-aarch64-static -cpu max -L $root" \
    tests/run-unit "${modules[@]/#/$build/aarch64/unit/test_}"
$make --no-print-directory AARCH64=1 test-integration T=embeddings \
    PYTEST_ARGS="-k 'known_values or meaning or precisions'"
$make --no-print-directory AARCH64=1 test-integration T=documents \
    PYTEST_ARGS="-k drawn_flow"
