#!/usr/bin/env bash
# pack-web.sh DIST OUT - the desk's files, as the program has them inside.
#
# OUT/desk.bin holds their bytes one after the other, text packed by gzip as hard
# as it can; OUT/web_files.c says where each begins and what it is (struct
# web_file).  The same files give the same bytes.
#
# Fails when a file is of an unknown type, or all together are over the budget.
set -euo pipefail
export LC_ALL=C

dist=$1 out=$2
max_bytes=2000000

# Content type, and whether packing pays.
kind_of() {
    case $1 in
    *.html) echo 'text/html; charset=utf-8|pack' ;;
    *.js) echo 'text/javascript; charset=utf-8|pack' ;;
    *.css) echo 'text/css; charset=utf-8|pack' ;;
    *.json | *.map) echo 'application/json|pack' ;;
    *.webmanifest) echo 'application/manifest+json|pack' ;;
    *.svg) echo 'image/svg+xml|pack' ;;
    *.txt) echo 'text/plain; charset=utf-8|pack' ;;
    *.png) echo 'image/png|keep' ;;
    *.jpg) echo 'image/jpeg|keep' ;;
    *.webp) echo 'image/webp|keep' ;;
    *.ico) echo 'image/vnd.microsoft.icon|keep' ;;
    *.woff2) echo 'font/woff2|keep' ;;
    *)
        echo "pack-web: no content type is known for $1" >&2
        return 1
        ;;
    esac
}

mapfile -t files < <(cd "$dist" && find . -type f -printf '%P\n' | sort)
if [ ! -f "$dist/index.html" ]; then
    echo "pack-web: there is no $dist/index.html" >&2
    exit 1
fi

mkdir -p "$out"
work=$(mktemp -d "$out/pack.XXXXXX")
trap 'rm -rf "$work"' EXIT
# What index.html asks for before anything is shown.
first_names=$(grep -oE '/app/assets/[^"]+\.js' "$dist/index.html" | sort -u)
first=0
: >"$work/desk.bin"
{
    echo '/* Made by scripts/pack-web.sh from web/. */'
    echo '#include "web/files.h"'
    echo
    echo 'extern const char asset_desk_bin[];'
    echo
    echo 'static const struct web_file list[] = {'
    at=0
    for file in "${files[@]}"; do
        if [[ ! $file =~ ^[A-Za-z0-9._/-]+$ ]]; then
            echo "pack-web: a name like '$file' is not served" >&2
            exit 1
        fi
        kind=$(kind_of "$file")
        plain=$(stat -c %s "$dist/$file")
        etag=$(sha256sum <"$dist/$file")
        case $kind in
        *'|pack')
            gzip=true
            gzip -9 -n <"$dist/$file" >"$work/one"
            ;;
        *)
            gzip=false
            cp "$dist/$file" "$work/one"
            ;;
        esac
        kept=$(stat -c %s "$work/one")
        cat "$work/one" >>"$work/desk.bin"
        printf '    {"%s",\n     {{asset_desk_bin + %d, %d}, %s, %d,\n' \
            "$file" $at "$kept" $gzip "$plain"
        printf '      "%s", "\\"%s\\""}},\n' "${kind%|*}" "${etag:0:32}"
        at=$((at + kept))
        if grep -qxF "/app/$file" <<<"$first_names"; then
            first=$((first + kept))
        fi
    done
    echo '};'
    echo
    echo 'const struct web_files web_files = {list, sizeof(list) / sizeof(list[0])};'
    echo "$at $first" >"$work/sizes"
} >"$work/web_files.c"

read -r bytes first <"$work/sizes"
echo "web: ${#files[@]} files, $((bytes / 1000)) kB in the program;" \
    "first load $((first / 1000)) kB of JavaScript"
if [ "$bytes" -gt $max_bytes ]; then
    echo "pack-web: that is over the budget of $((max_bytes / 1000)) kB" >&2
    exit 1
fi
mv "$work/desk.bin" "$out/desk.bin"
mv "$work/web_files.c" "$out/web_files.c"
