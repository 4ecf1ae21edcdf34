#!/bin/sh
# embed.sh header|assembler FILE... - put files into the program.
#
# FILE docs.html becomes asset_docs_html[] and asset_docs_html_len.  The bytes
# come in through the assembler's .incbin: a megabyte costs no compile time,
# and no tool is needed that gcc does not bring.
set -eu

kind=$1
shift

name_of() {
    basename "$1" | LC_ALL=C tr -c 'A-Za-z0-9\n' '_'
}

header() {
    echo '/* Made by scripts/embed.sh from src/assets/. */'
    echo '#ifndef GEN_ASSETS_H'
    echo '#define GEN_ASSETS_H'
    echo
    echo '#include <stddef.h>'
    echo
    for file; do
        name=$(name_of "$file")
        echo "extern const unsigned char asset_$name[];"
        echo "extern const size_t asset_${name}_len;"
    done
    echo
    echo '#endif'
}

# A zero byte follows each file, so that text can be used as a C string; the
# length does not count it.
assembler() {
    echo '    .section .rodata'
    for file; do
        name=$(name_of "$file")
        cat <<END
    .global asset_$name, asset_${name}_len
    .type asset_$name, @object
    .type asset_${name}_len, @object
    .balign 16
asset_$name:
    .incbin "$file"
1:  .byte 0
    .size asset_$name, . - asset_$name
    .balign 8
asset_${name}_len:
    .quad 1b - asset_$name
    .size asset_${name}_len, 8
END
    done
    echo '    .section .note.GNU-stack,"",@progbits'
}

"$kind" "$@"
