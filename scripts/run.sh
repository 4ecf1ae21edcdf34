#!/usr/bin/env bash
# run.sh PROGRAM ARGUMENT... - start the server, and a browser where one is.
#
# The server prints its address once it listens: that line, not the passing of
# time, is what the browser waits for.
set -u

if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || ! command -v xdg-open >/dev/null
then
    exec "$@"
fi

# Ctrl-C reaches the reader too; it must outlive the server, or the server's
# last lines would have nowhere to go.
open_when_listening() {
    trap '' INT TERM
    local line opened=
    while IFS= read -r line; do
        printf '%s\n' "$line"
        if [ -z "$opened" ] && [[ $line =~ https?://[^[:space:]\"]+ ]]; then
            opened=yes
            xdg-open "${BASH_REMATCH[0]}" >/dev/null 2>&1 &
        fi
    done
}

# The server takes this process's place: signals and exit status are its own.
exec "$@" > >(open_when_listening)
