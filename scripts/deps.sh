#!/usr/bin/env bash
# deps.sh GROUP... - install the Debian packages that are missing.
#
# Groups: build, run, test, bench, coverage, aarch64.  Does nothing, quickly, when all
# are there.  Needs root or sudo only when something is missing.
set -euo pipefail

# "a|b": either will do; a is installed when there is neither.
declare -A packages=(
    [build]="gcc make pkg-config|pkgconf libuv1-dev
        libcurl4-openssl-dev|libcurl4-gnutls-dev libjansson-dev libxml2-dev
        libsqlite3-dev libpq-dev libhiredis-dev libpcre2-dev libssl-dev
        zlib1g-dev"
    [run]="tzdata ca-certificates curl poppler-utils"
    [test]="libcmocka-dev libhttp-parser-dev clang-14 libclang-rt-14-dev
        clang-format-14 postgresql postgresql-contrib chromium fonts-liberation
        redis-server nginx-light|nginx|nginx-full openssl iproute2"
    [bench]="wrk redis-server pgloader"
    [coverage]="gcovr"
    [aarch64]="gcc-aarch64-linux-gnu qemu-user-static mmdebstrap"
)

if ! command -v dpkg-query >/dev/null; then
    echo "deps: not a Debian system; these must be installed by hand:"
    for group in "$@"; do
        echo "  $group:" ${packages[$group]}
    done
    exit 0
fi

wanted=""
for group in "$@"; do
    wanted+=" ${packages[$group]}"
    # Any Python that can make a virtual environment will do.  The build takes
    # Node from there where the machine's own is too old.
    if [[ $group =~ ^(build|run|test|bench)$ ]] &&
        ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        wanted+=" python3 python3-venv"
    fi
done

# Any Java and Maven will do: they run the official Java client.
if [[ " $* " == *" test "* ]] && ! command -v mvn >/dev/null; then
    wanted+=" maven default-jdk-headless"
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' \
    $(tr '|' ' ' <<<"$wanted") 2>/dev/null |
    awk '$2 == "installed" { print $1 }') || true
missing=()
for choice in $wanted; do
    grep -qxE -- "$choice" <<<"$installed" || missing+=("${choice%%|*}")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: missing, and neither root nor sudo to install them:" \
            "${missing[*]}" >&2
        exit 1
    fi
    sudo=(sudo)
fi
echo "deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${sudo[@]}" apt-get update -q &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
        --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get failed (above)" >&2
    exit 1
fi
echo "deps: done"
