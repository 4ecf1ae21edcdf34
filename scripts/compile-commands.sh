#!/bin/sh
# compile-commands.sh COMPILER-WITH-FLAGS FILE... - compile_commands.json, for
# clangd and editors, on standard output.
set -eu

command=$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g')
shift
comma=
echo '['
for file; do
    printf '%s{"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
        "$comma" "$PWD" "$file" "$command" "$file"
    comma=',
'
done
printf '\n]\n'
