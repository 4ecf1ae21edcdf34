/* token_trie.h - a set of byte strings with a number each, to walk byte by
 * byte.
 *
 * A double array: the child of a unit by byte c stands at (base of the unit
 * XOR c) and is there if its label is c.  A step is one load of 4 bytes and one
 * comparison, and siblings share 1 kB of memory.
 *
 *     uint32_t link = trie.links[TOKEN_TRIE_ROOT];
 *     while (there is a byte c) {
 *         uint32_t at = token_trie_child(link, c);
 *         link = trie.links[at];
 *         if (!token_trie_has(link, c))
 *             break;
 *         if (link & TOKEN_TRIE_END)
 *             ... the bytes so far are the word trie.ids[at]
 *     }
 *
 * Threads: read-only after token_trie_init.
 */
#ifndef EMBED_TOKEN_TRIE_H
#define EMBED_TOKEN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define TOKEN_TRIE_ROOT 0
#define TOKEN_TRIE_END 0x100u /* a word ends at this unit */

struct token_trie {
    uint32_t *links; /* base << 9 | end of a word << 8 | label */
    uint16_t *ids;   /* the word that ends at each unit */
    size_t n_units;  /* a multiple of 256: any byte may be looked up */
};

/* Build it from n words, no longer used afterwards.  ids are the positions in
 * `words`.  ERR_INVALID: a word that is empty, holds NUL or stands there twice
 * (the message names its line, counted from 1), or too many units.
 * ERR_INTERNAL: out of memory. */
enum err_code token_trie_init(struct token_trie *t, const struct slice *words,
                              uint16_t n, struct err *e) CHECKED;
void token_trie_release(struct token_trie *t); /* also after a failed init */

static inline uint32_t token_trie_child(uint32_t link, uint8_t c)
{
    return link >> 9 ^ c;
}

/* Is the unit with this link, found as a child by c, really one?  c != 0. */
static inline bool token_trie_has(uint32_t link, uint8_t c)
{
    return (uint8_t)link == c;
}

#endif
