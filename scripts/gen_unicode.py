#!/usr/bin/env python3
"""Write src/embed/unicode_table.c: what BERT's normaliser does to each code
point.

    pip install tokenizers==0.23.3
    scripts/gen_unicode.py            write the table
    scripts/gen_unicode.py --check    compare it with what stands there

Nothing is read from Unicode's own files: every code point is put through the
normaliser and the pre-tokeniser of Hugging Face `tokenizers`, whose tables come
from several crates of different age.  Four things are found out for each:

  what becomes of it   removed, a space, part of a word, or a word of its own
  its replacement      after decomposition, without accents, in lower case
  its combining class  marks in a row are sorted by it, and marks that are not
                       removed (there are some hundred) change places
  when it is removed   before or after that sorting

The script stops when a code point does anything that the table cannot say.
"""
import argparse
import sys
import unicodedata
from pathlib import Path

from tokenizers import __version__
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

TARGET = Path(__file__).parent.parent / "src/embed/unicode_table.c"
HANGUL = range(0xAC00, 0xD7A4)
N_CODE_POINTS = 0x110000
# As in unicode_table.h.  Blocks of 128 make the smallest table.
BLOCK = 128
DROP, MARK, SPACE, LETTER, ALONE, SEQUENCE, HANGUL_SYLLABLE = range(7)

bert = BertNormalizer(clean_text=True, handle_chinese_chars=True,
                      strip_accents=None, lowercase=True)
clean = BertNormalizer(clean_text=True, handle_chinese_chars=False,
                       strip_accents=False, lowercase=False)
nfd = NFD()
pieces = BertPreTokenizer()


def moves(one, other):
    """Do two marks change places in either order?"""
    return (nfd.normalize_str("a" + one + other) != "a" + one + other
            or nfd.normalize_str("a" + other + one) != "a" + other + one)


def is_sorted(c):
    """Is it a mark?  Then it goes past one of the lowest or the highest class
    that there are (1 and 240)."""
    return moves(c, "\u0334") or moves(c, "\u0345")


def probes():
    """{combining class: a mark of it}"""
    found = {}
    for c in map(chr, range(N_CODE_POINTS)):
        if unicodedata.combining(c) not in (0, *found) and is_sorted(c):
            found[unicodedata.combining(c)] = c
    return found


def combining_class(c, known):
    """0 for a character at which sorting starts anew."""
    if nfd.normalize_str("a" + c) != "a" + c:
        c = nfd.normalize_str("a" + c)[1]  # its first part
    if not is_sorted(c):
        return 0
    same = [value for value, mark in known.items()
            if c == mark or not moves(c, mark)]
    if len(same) != 1:
        sys.exit(f"U+{ord(c):04X} has the classes {same}")
    return same[0]


def classify(c):
    """(kind, replacement) of one character, by what it does between letters."""
    out = bert.normalize_str("a" + c + "b")
    words = [word for word, _ in pieces.pre_tokenize_str(out)]
    middle = out[1:-1]
    if middle == "":
        return (MARK if clean.normalize_str(c) else DROP), ""
    if words == ["a" + middle + "b"]:
        return (LETTER if len(middle) == 1 else SEQUENCE), middle
    if words == ["a", "b"] and middle == " ":
        return SPACE, ""
    if len(words) == 3 and len(words[1]) == 1:
        return ALONE, words[1]
    sys.exit(f"U+{ord(c):04X} becomes {out!r}, cut to {words}")


def hangul(c):
    """Is this syllable the sum of its letters, as it can be computed?"""
    index = ord(c) - HANGUL[0]
    parts = chr(0x1100 + index // 588) + chr(0x1161 + index % 588 // 28)
    if index % 28:
        parts += chr(0x11A7 + index % 28)
    return classify(c) == (SEQUENCE, parts)


def rules():
    """The rule of each code point, as the number that the table holds, and
    the sequences."""
    known = probes()
    sequences = []
    out = []
    for cp in range(N_CODE_POINTS):
        if 0xD800 <= cp < 0xE000:
            out.append(DROP)  # not a character; cannot be met in UTF-8
            continue
        c = chr(cp)
        if cp in HANGUL and hangul(c):
            out.append(HANGUL_SYLLABLE)
            continue
        kind, text = classify(c)
        mark = 0 if kind in (DROP, SPACE) else combining_class(c, known)
        if mark and kind not in (MARK, LETTER):
            sys.exit(f"U+{cp:04X} is a mark of kind {kind}")
        if kind == SEQUENCE:
            if len(text) > 3:
                sys.exit(f"U+{cp:04X} becomes {text!r}")
            sequences.append([ord(x) for x in text])
            value = len(sequences) - 1
        else:
            value = ord(text) if text and text != c else 0
        out.append(kind | mark << 3 | value << 11)
    return out, sequences


def blocks(values):
    """Two stages: (block number of each block, the distinct blocks)."""
    numbers, distinct = [], {}
    for at in range(0, len(values), BLOCK):
        block = tuple(values[at:at + BLOCK])
        numbers.append(distinct.setdefault(block, len(distinct)))
    return numbers, list(distinct)


def rows(numbers, form=str):
    """The numbers as lines of at most 80 columns."""
    line = "   "
    for number in numbers:
        item = f" {form(number)},"
        if len(line) + len(item) > 80:
            yield line
            line = "   "
        line += item
    yield line


def table():
    """The text of the C file."""
    all_rules, sequences = rules()
    distinct = {rule: n for n, rule in
                enumerate(sorted(set(all_rules), key=lambda r: (r >> 11, r)))}
    numbers, cells = blocks([distinct[rule] for rule in all_rules])
    lines = [
        "/* Made by scripts/gen_unicode.py from Hugging Face tokenizers "
        f"{__version__}.",
        " * Do not edit. */",
        '#include "embed/unicode_table.h"', "",
        "/* clang-format off */",
        f"const uint32_t unicode_rules[{len(distinct)}] = {{",
        *rows(distinct, hex), "};", "",
        f"const uint32_t unicode_sequences[{len(sequences)}][3] = {{",
        *rows(sequences, lambda s: "{" + ", ".join(map(hex, s)) + "}"),
        "};", "",
        f"const uint16_t unicode_blocks[{len(numbers)}] = {{",
        *rows(numbers), "};", "",
        f"const uint16_t unicode_cells[{len(cells) * BLOCK}] = {{",
        *rows(sum(map(list, cells), [])), "};"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail if the table is not current")
    text = table()
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="ascii")
    elif TARGET.read_text(encoding="ascii") != text:
        sys.exit(f"{TARGET} is not what this script writes")


if __name__ == "__main__":
    main()
