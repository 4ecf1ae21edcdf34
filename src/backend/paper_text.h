/* paper_text.h - small helps with the texts of a paper.
 *
 * Texts of papers come from outside and are never markup to us.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_PAPER_TEXT_H
#define BACKEND_PAPER_TEXT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/slice.h"

/* Write s with every run of white space and control characters as one space,
 * none at the ends. */
void text_add_line(struct buf *out, struct slice s);
/* The strings of a stored JSON array ("author_list", "tags").  Never NULL but
 * when out of memory; an array without items when there are none.  The caller
 * owns it (json_decref). */
json_t *text_list(struct slice json);
/* String number i of a text_list. */
struct slice text_list_at(const json_t *list, size_t i);

/* A person's name cut for sorting: "Laurens van der Maaten" has the family
 * name "van der Maaten" and the given names "Laurens"; a single word, a group
 * ("The BioChatter Consortium") and a name in an unspaced script are all
 * family.  Slices of `name`.  Names cannot be cut right without asking their
 * owners; this follows what bibliographies of such papers mostly do. */
struct person {
    struct slice given; /* may be empty */
    struct slice family;
    struct slice suffix; /* "Jr.", "III"; mostly empty */
};
struct person person_cut(struct slice name);

#endif
