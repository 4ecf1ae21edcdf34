/* document_rules.h - what both backends do alike with documents.
 *
 * Threads: pure functions.
 */
#ifndef STORE_DOCUMENT_RULES_H
#define STORE_DOCUMENT_RULES_H

#include "base/buf.h"
#include "store/documents.h"

#define VECTOR_BYTES (STORE_VECTOR_DIM * sizeof(float))

/* A model as it is kept with each vector: eight bytes of its fingerprint. */
int64_t document_model(const struct model_id *m);

/* The words of a search that count: at most so many, in their order, borrowed
 * from the text.  A word is a run of letters, digits and combining marks; stop
 * words are none. */
#define DOCUMENT_MAX_WORDS 64
size_t document_words(struct slice text, struct slice out[DOCUMENT_MAX_WORDS]);

#define DOCUMENT_MAX_PATTERN 8192 /* bytes */
/* A search for titles and sources, as LIKE has it; nothing if there is none. */
void document_like_pattern(struct buf *out, struct slice search);

/* Do these bytes of the text, which is `bytes` long, make a chunk?  And this
 * text that was there?  ERR_INVALID. */
enum err_code document_check_slice(const struct chunk_new *c, int64_t bytes,
                                   struct err *e) CHECKED;
enum err_code document_check_text(const struct chunk_new *c, struct slice text,
                                  struct err *e) CHECKED;
/* Of a batch the first chunk that is new when `committed` are there, or b->n.
 * ERR_INVALID: there is a gap, or too many for `total`. */
enum err_code document_first_new(const struct chunk_batch *b, int64_t committed,
                                 int64_t total, size_t *first, struct err *e)
    CHECKED;

/* What is embedded of a paper: "title\n\nabstract", into *out (cleared first),
 * and its hash. */
void document_paper_text(struct buf *out, struct slice title,
                         struct slice abstract, uint8_t sha256[32]);

/* ERR_NOT_FOUND. */
enum err_code document_no_vector(int64_t id, struct err *e);
/* What a store says that does not find vectors itself. */
enum err_code document_no_nearest(struct err *e);
/* ERR_INVALID. */
enum err_code document_no_index(struct err *e);
/* ERR_CONFLICT: nothing to repair. */
enum err_code document_no_copy(struct err *e);

/* The best k matches so far, best first. */
struct match_list {
    struct word_match *p; /* room for k */
    size_t n, k;
};
/* Would this one be among them? */
bool match_list_wants(const struct match_list *l, struct word_match m);
void match_list_add(struct match_list *l, struct word_match m);

#endif
