/* unicode_table.h - what BERT's normaliser does to each code point.
 *
 * A rule says what becomes of a code point: of what kind it is, its combining
 * class and a value.  The .c file is made by scripts/gen_unicode.py, which asks
 * the reference implementation about every code point there is; no Unicode
 * library is needed when sheaf runs.
 *
 * Threads: constant data.
 */
#ifndef EMBED_UNICODE_TABLE_H
#define EMBED_UNICODE_TABLE_H

#include <stdint.h>

enum unicode_kind {
    UNICODE_DROP,     /* removed before marks are sorted */
    UNICODE_MARK,     /* removed after that: accents */
    UNICODE_SPACE,    /* ends a word */
    UNICODE_LETTER,   /* part of a word; value: its replacement, 0: none */
    UNICODE_ALONE,    /* a word of its own; value: as for a letter */
    UNICODE_SEQUENCE, /* a part of a word that becomes several letters; value:
                         which of unicode_sequences */
    UNICODE_HANGUL,   /* a syllable, to be taken apart by computation */
};

#define UNICODE_SEQUENCE_MAX 3

extern const uint32_t unicode_rules[];
extern const uint32_t unicode_sequences[][UNICODE_SEQUENCE_MAX]; /* 0: none */
extern const uint16_t unicode_blocks[];
extern const uint16_t unicode_cells[];

/* The rule of a code point (at most U+10FFFF). */
static inline uint32_t unicode_rule(uint32_t cp)
{
    return unicode_rules[unicode_cells[unicode_blocks[cp >> 7] << 7 |
                                       (cp & 0x7F)]];
}

static inline enum unicode_kind unicode_kind(uint32_t rule)
{
    return (enum unicode_kind)(rule & 7);
}

/* Canonical combining class: marks in a row are sorted by it; 0: not sorted,
 * and ends such a row.  Of a mark, or of a letter that is one. */
static inline unsigned unicode_class(uint32_t rule)
{
    return rule >> 3 & 0xFF;
}

static inline uint32_t unicode_value(uint32_t rule)
{
    return rule >> 11;
}

#endif
