/* sqlite_filter.h - which papers a query matches, remembered until they change.
 *
 * Two kinds of things are kept, each for one papers_generation:
 *   - the set of a filter: a bitmap over paper ids, and how many there are;
 *   - the set in an order: ids, every `stride`th of them, so that a page at any
 *     depth is found at once.
 * Both are immutable once made and shared by reference count.  The cache holds
 * at most FILTER_CACHE_BYTES, what was used least goes first.  Several threads
 * that miss the same thing wait for the one that makes it.
 *
 * Threads: any.
 */
#ifndef STORE_SQLITE_FILTER_H
#define STORE_SQLITE_FILTER_H

#include "base/buf.h"
#include "store/sqlite_impl.h"

#define FILTER_CACHE_BYTES (16u << 20)
/* An ordered list never keeps more ids than this: 1 MB. */
#define ORDERED_MAX_IDS (128u << 10)

/* The state of the data that a thing is made of.  Marks count only for queries
 * that ask for them. */
struct data_age {
    uint64_t papers; /* meta.papers_generation */
    uint64_t marks;  /* meta.marks_generation */
};

struct filter_cache;
struct filter_cache *filter_cache_new(void) CHECKED; /* NULL: out of memory */
void filter_cache_free(struct filter_cache *f);      /* takes NULL */

/* A kept thing.  Release what was got or made with kept_release. */
struct kept {
    /* of the cache */
    struct kept *next;
    char *key;
    size_t key_len, bytes;
    uint64_t generation;
    int refs;
    bool ready;

    /* a set: NULL bits is all papers that are not deleted */
    uint64_t *bits;
    size_t n_words;
    int64_t count;

    /* a set in an order, descending: ids[i] is number i * stride */
    int64_t *ids;
    size_t n_ids;
    int64_t stride;
};

static inline bool filter_asks_marks(const struct paper_query *q)
{
    return q->read || q->starred || q->noted;
}

/* Must the snapshot be one of text_snapshot()? */
static inline bool filter_needs_text(const struct paper_query *q)
{
    return q->search.len || q->author.len;
}

/* The set for q's filters, of the snapshot that c reads. */
enum err_code filter_set(struct sqlite_store *s, struct db *c,
                         const struct paper_query *q, struct data_age age,
                         struct kept **out, struct err *e) CHECKED;
void kept_release(struct sqlite_store *s, struct kept *k); /* takes NULL */

static inline bool set_has(const struct kept *set, int64_t id)
{
    size_t word = (size_t)id / 64;

    return !set->bits ||
           (word < set->n_words && set->bits[word] >> (id % 64) & 1);
}

/* For makers of ordered lists: the kept one, or an empty one to be filled
 * (*make).  The key is that of q's filters with `order`.  The maker must call
 * kept_made, with ok == false if it failed. */
enum err_code kept_get(struct sqlite_store *s, const struct paper_query *q,
                       char order, struct data_age age, struct kept **out,
                       bool *make, struct err *e) CHECKED;
void kept_made(struct sqlite_store *s, struct kept *k, bool ok);

/* Text to an FTS5 string: in double quotes, those inside doubled.  So no text
 * of a user can become syntax. */
void fts_quote(struct buf *out, struct slice text);
/* A term of a search as an FTS5 expression. */
struct search_term;
void fts_term(struct buf *out, const struct search_term *t);
/* All terms of a search, together with what they may become. */
#define FTS_MAX_BYTES (64u << 10)

#endif
