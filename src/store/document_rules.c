/* document_rules.c - see document_rules.h. */
#include "store/document_rules.h"

#include <string.h>

#include "base/crypto.h"
#include "base/utf8.h"
#include "store/search_query.h"

int64_t document_model(const struct model_id *m)
{
    int64_t n;

    memcpy(&n, m->fingerprint, sizeof(n));
    return n;
}

void document_like_pattern(struct buf *out, struct slice search)
{
    struct slice rest = slice_trim(search), word;

    while (slice_split(&rest, ' ', &word))
        if (word.len)
            search_like_pattern(out, word);
}

/* ---- words ---- */

static bool is_of_word(struct slice text, size_t from, size_t to, uint32_t cp)
{
    bool is_mark = cp >= 0x300 && cp <= 0x36F;

    return is_mark || search_has_word(slice_sub(text, from, to));
}

/* search_parse() knows the stop words; a run of letters is one term to it. */
static bool counts(struct slice word)
{
    struct search_query q;

    return search_parse(word, &q, NULL) == ERR_NONE && q.n == 1;
}

size_t document_words(struct slice text, struct slice out[DOCUMENT_MAX_WORDS])
{
    size_t n = 0, start = 0, pos = 0, end;

    while (n < DOCUMENT_MAX_WORDS && pos < text.len) {
        uint32_t cp;
        bool inside;

        end = pos;
        cp = utf8_next(text, &pos);
        inside = is_of_word(text, end, pos, cp);
        if (inside && pos < text.len)
            continue;
        if (inside)
            end = pos;
        if (end > start && counts(slice_sub(text, start, end)))
            out[n++] = slice_sub(text, start, end);
        start = pos;
    }
    return n;
}

/* ---- chunks ---- */

static enum err_code bad_chunk(const struct chunk_new *c, const char *what,
                               struct err *e)
{
    return err_field(e, "chunks", "chunk %lld %s", (long long)c->index, what);
}

enum err_code document_check_slice(const struct chunk_new *c, int64_t bytes,
                                   struct err *e)
{
    if (c->start_byte < 0 || c->start_byte > c->end_byte || c->end_byte > bytes)
        return bad_chunk(c, "is no slice of the document's text", e);
    return ERR_NONE;
}

enum err_code document_check_text(const struct chunk_new *c, struct slice text,
                                  struct err *e)
{
    if (text.len != (size_t)(c->end_byte - c->start_byte))
        return err_set(e, ERR_INTERNAL, "the document's text is not whole");
    return utf8_valid(text)
               ? ERR_NONE
               : bad_chunk(c, "begins or ends inside a character", e);
}

enum err_code document_first_new(const struct chunk_batch *b, int64_t committed,
                                 int64_t total, size_t *first, struct err *e)
{
    *first = b->n;
    for (size_t i = 0; i < b->n; i++) {
        const struct chunk_new *c = &b->chunks[i];

        if (c->index != b->chunks[0].index + (int64_t)i)
            return bad_chunk(c, "is not the next one of its batch", e);
        if (c->index < 0 || c->index >= total)
            return bad_chunk(c, "is more than were announced", e);
        if (c->index == committed)
            *first = i;
    }
    if (b->n && b->chunks[0].index > committed)
        return bad_chunk(&b->chunks[0], "comes before the one in front of it",
                         e);
    return ERR_NONE;
}

void document_paper_text(struct buf *out, struct slice title,
                         struct slice abstract, uint8_t sha256[32])
{
    buf_clear(out);
    buf_add_slice(out, title);
    buf_add_str(out, "\n\n");
    buf_add_slice(out, abstract);
    crypto_sha256(sha256, buf_slice(out));
}

enum err_code document_no_vector(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "'%lld' has no vector of this model",
                   (long long)id);
}

enum err_code document_no_nearest(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE,
                   "this database does not find vectors: 'vectors' is not "
                   "pgvector");
}

enum err_code document_no_index(struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "this process makes no approximate index: 'vectors' is not "
                   "pgvector, or 'hnsw_from' is 0");
}

enum err_code document_no_copy(struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "no copy of the vectors is kept: 'vectors' is not chroma:");
}

/* ---- matches ---- */

static bool is_better(struct word_match a, struct word_match b)
{
    return a.score != b.score ? a.score > b.score : a.id < b.id;
}

bool match_list_wants(const struct match_list *l, struct word_match m)
{
    return l->n < l->k || (l->k > 0 && is_better(m, l->p[l->k - 1]));
}

void match_list_add(struct match_list *l, struct word_match m)
{
    size_t at = l->n < l->k ? l->n++ : l->k - 1;

    for (; at > 0 && is_better(m, l->p[at - 1]); at--)
        l->p[at] = l->p[at - 1];
    l->p[at] = m;
}
