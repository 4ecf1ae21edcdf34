#!/usr/bin/env bash
# run.sh PROGRAM serve --data-dir DIR ARGUMENT... - start the server; at its very
# first start read in its own documentation, so that there is something to ask;
# and a browser where one is.
#
# The server prints its address once it listens: that line, not the passing of
# time, is what the others wait for.
set -u

program=$1
dir=$4
first=
[ -e "$dir/sheaf.db" ] || first=yes

read_docs() {
    "$program" ingest --data-dir "$dir" README.md docs >/dev/null 2>&1 &&
        echo "sheaf's own documentation can be asked:" \
            "$program query --data-dir $dir 'how is a webhook signed'"
}

open_browser() {
    if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] &&
        command -v xdg-open >/dev/null; then
        xdg-open "$1" >/dev/null 2>&1
    fi
}

# Ctrl-C reaches the reader too; it must outlive the server, or the server's
# last lines would have nowhere to go.
when_listening() {
    trap '' INT TERM
    local line opened=
    while IFS= read -r line; do
        printf '%s\n' "$line"
        if [ -z "$opened" ] && [[ $line =~ https?://[^[:space:]\"]+ ]]; then
            opened=yes
            open_browser "${BASH_REMATCH[0]}" &
            [ -z "$first" ] || read_docs &
        fi
    done
}

# The server takes this process's place: signals and exit status are its own.
exec "$@" > >(when_listening)
