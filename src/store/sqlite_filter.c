/* sqlite_filter.c - the set of papers that a query's filters leave.
 *
 * Each filter is one pass over an index that gives ids; ids become bits, and
 * bits of several filters are combined with AND.  A bitmap of 100,000 papers
 * has 12.5 kB.  Compared with one SQL statement for each combination of filters
 * and orderings this needs no planner to guess right, gives the exact count for
 * nothing, and serves every page and every ordering of the filter.
 */
#include "store/sqlite_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "store/search_query.h"

/* Up to so many papers are looked at one by one: some 2 us each, where a pass
 * over an index of 100,000 takes some ms. */
#define FEW_PAPERS 1000

/* ---- bits ---- */

struct bits {
    uint64_t *p;
    size_t n; /* words */
};

static bool bits_add(struct bits *b, int64_t id)
{
    size_t word = (size_t)id / 64;

    if (word >= b->n) {
        size_t n = word + 1 + b->n / 2;
        uint64_t *p = realloc(b->p, n * sizeof(*p));

        if (!p)
            return false;
        memset(p + b->n, 0, (n - b->n) * sizeof(*p));
        b->p = p;
        b->n = n;
    }
    b->p[word] |= UINT64_C(1) << (id % 64);
    return true;
}

static int64_t bits_count(const struct bits *b)
{
    int64_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += __builtin_popcountll(b->p[i]);
    return n;
}

static bool bits_has(const struct bits *b, int64_t id)
{
    size_t word = (size_t)id / 64;

    return word < b->n && b->p[word] >> (id % 64) & 1;
}

/* The lowest and the highest; 0 and -1 if there is none. */
static int64_t bits_first(const struct bits *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i])
            return (int64_t)(i * 64) + __builtin_ctzll(b->p[i]);
    return 0;
}

static int64_t bits_last(const struct bits *b)
{
    for (size_t i = b->n; i-- > 0;)
        if (b->p[i])
            return (int64_t)(i * 64) + 63 - __builtin_clzll(b->p[i]);
    return -1;
}

/* The rows of q are ids; q is ended. */
static enum err_code bits_read(struct bits *b, struct query *q, struct err *e)
{
    enum err_code code;

    while (q_next(q))
        if (!bits_add(b, q_get_int(q))) {
            q->no_memory = true;
            break;
        }
    code = q_end(q, e);
    return code;
}

/* ---- a set that narrows ---- */

struct narrowing {
    struct bits have;
    bool started; /* before: all papers */
    /* what can still match lies between these */
    int64_t least, most;
    bool few; /* so few that they are looked at one by one */
};

/* Keep what is in `b` too (or, with `without`, what is not); frees b's bits.
 * `without` needs a set that was started. */
static void combine(struct narrowing *n, struct bits *b, bool without)
{
    if (!n->started) {
        n->have = *b;
        n->started = true;
        return;
    }
    for (size_t i = 0; i < n->have.n; i++) {
        uint64_t word = i < b->n ? b->p[i] : 0;

        n->have.p[i] &= without ? ~word : word;
    }
    free(b->p);
}

static enum err_code narrow(struct narrowing *n, struct query *q, bool without,
                            struct err *e)
{
    struct bits b = {0};
    enum err_code code = bits_read(&b, q, e);

    if (code == ERR_NONE)
        combine(n, &b, without);
    else
        free(b.p);
    return code;
}

/* ---- columns ---- */

static enum err_code by_tag(struct narrowing *n, struct db *c, struct slice tag,
                            struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT paper_id FROM paper_tags WHERE tag = ?"
            " AND paper_id BETWEEN ? AND ?");
    q_text(&q, tag);
    q_int(&q, n->least);
    q_int(&q, n->most);
    return narrow(n, &q, false, e);
}

static enum err_code by_text_column(struct narrowing *n, struct db *c,
                                    const char *sql, struct slice value,
                                    struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    q_text(&q, value);
    return narrow(n, &q, false, e);
}

static enum err_code by_published(struct narrowing *n, struct db *c,
                                  const struct paper_query *pq, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT id FROM papers WHERE deleted_at = 0"
            " AND published_at BETWEEN ? AND ?");
    q_int(&q, pq->published_after ? pq->published_after : INT64_MIN);
    q_int(&q, pq->published_before ? pq->published_before : INT64_MAX);
    return narrow(n, &q, false, e);
}

static enum err_code by_created(struct narrowing *n, struct db *c,
                                const struct paper_query *pq, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT id FROM papers WHERE deleted_at = 0"
            " AND created_at BETWEEN ? AND ?");
    q_int(&q, pq->created_after ? pq->created_after : INT64_MIN);
    q_int(&q, pq->created_before ? pq->created_before : INT64_MAX);
    return narrow(n, &q, false, e);
}

static enum err_code by_relevance(struct narrowing *n, struct db *c,
                                  double least, struct err *e)
{
    struct query q;

    q_start(&q, c,
            "SELECT id FROM papers WHERE deleted_at = 0"
            " AND relevance_score >= ?");
    q_double(&q, least);
    return narrow(n, &q, false, e);
}

static enum err_code all_live(struct narrowing *n, struct db *c, struct err *e)
{
    struct query q;

    q_start(&q, c, "SELECT id FROM papers WHERE deleted_at = 0");
    return narrow(n, &q, false, e);
}

/* Only of papers that are there: a number from outside must not decide how
 * large the bitmap gets. */
static enum err_code by_ids(struct narrowing *n, struct db *c,
                            const int64_t *ids, size_t n_ids, struct err *e)
{
    struct bits b = {0};
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n_ids && code == ERR_NONE; i++) {
        struct query q;

        q_start(&q, c, "SELECT id FROM papers WHERE id = ? AND deleted_at = 0");
        q_int(&q, ids[i]);
        code = bits_read(&b, &q, e);
    }
    if (code == ERR_NONE)
        combine(n, &b, false);
    else
        free(b.p);
    return code;
}

/* ---- marks ---- */

/* Deleted papers keep their marks. */
#define MARKED(mark)                                                           \
    "SELECT paper_id FROM paper_marks WHERE " mark " = 1 AND paper_id NOT IN"  \
    " (SELECT id FROM papers WHERE deleted_at > 0)"

static enum err_code by_mark(struct narrowing *n, struct db *c,
                             enum mark_filter wanted, const char *sql,
                             struct err *e)
{
    struct query q;
    enum err_code code = ERR_NONE;

    if (wanted == MARK_ANY)
        return ERR_NONE;
    if (wanted == MARK_IS_NOT_SET && !n->started)
        code = all_live(n, c, e);
    if (code != ERR_NONE)
        return code;
    q_start(&q, c, sql);
    return narrow(n, &q, wanted == MARK_IS_NOT_SET, e);
}

static enum err_code by_marks(struct narrowing *n, struct db *c,
                              const struct paper_query *q, struct err *e)
{
    enum err_code code = by_mark(n, c, q->starred, MARKED("starred"), e);

    if (code == ERR_NONE)
        code = by_mark(n, c, q->noted, MARKED("noted"), e);
    if (code == ERR_NONE)
        code = by_mark(n, c, q->read, MARKED("read"), e);
    return code;
}

/* ---- text ---- */

void fts_quote(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '"');
}

void fts_term(struct buf *out, const struct search_term *t)
{
    struct search_completion list[SEARCH_MAX_COMPLETIONS];
    size_t n = t->prefix ? search_completions(t->text, list) : 0;
    struct buf word;

    if (!t->prefix) {
        fts_quote(out, t->text);
        return;
    }
    buf_add_char(out, '(');
    fts_quote(out, t->text);
    buf_add_str(out, " *");
    for (size_t i = 0; i < n; i++) {
        buf_init(&word, 2 * SEARCH_MAX_BYTES);
        buf_add_slice(&word, slice_sub(t->text, 0, list[i].keep));
        buf_add_str(&word, list[i].end);
        buf_add_str(out, " OR ");
        fts_quote(out, buf_slice(&word));
        buf_release(&word);
    }
    buf_add_char(out, ')');
}

static enum err_code match(struct narrowing *n, struct db *c, const char *sql,
                           struct buf *expression, bool without, struct err *e)
{
    struct query q;

    if (!buf_ok(expression))
        return arena_full(e);
    q_start(&q, c, sql);
    q_text(&q, buf_slice(expression));
    q_int(&q, n->least);
    q_int(&q, n->most);
    return narrow(n, &q, without, e);
}

/* FTS5 skips to the first row of a range. */
#define MATCH_WORDS                                                            \
    "SELECT rowid FROM papers_fts WHERE papers_fts MATCH ?"                    \
    " AND rowid BETWEEN ? AND ?"
#define MATCH_TRIGRAMS                                                         \
    "SELECT rowid FROM papers_trigram WHERE papers_trigram MATCH ?"            \
    " AND rowid BETWEEN ? AND ?"

/* A term in a script without spaces, anywhere in the text.  Trigrams find from
 * three characters on; for shorter ones the papers with such text are read. */
static enum err_code by_substring(struct narrowing *n, struct db *c,
                                  struct slice text, bool author, bool without,
                                  struct err *e)
{
    struct buf b;
    enum err_code code;

    buf_init(&b, 4 * SEARCH_MAX_BYTES + text.len * 2);
    if (utf8_count(text) >= 3) {
        if (author)
            buf_add_str(&b, "authors : ");
        fts_quote(&b, text);
        code = match(n, c, MATCH_TRIGRAMS, &b, without, e);
    } else {
        search_like_pattern(&b, text);
        code = match(n, c,
                     author ? "SELECT id FROM papers WHERE unspaced = 1"
                              " AND deleted_at = 0"
                              " AND authors LIKE ?1 ESCAPE '\\'"
                              " AND id BETWEEN ?2 AND ?3"
                            : "SELECT id FROM papers WHERE unspaced = 1"
                              " AND deleted_at = 0"
                              " AND (title LIKE ?1 ESCAPE '\\'"
                              " OR abstract LIKE ?1 ESCAPE '\\'"
                              " OR authors LIKE ?1 ESCAPE '\\')"
                              " AND id BETWEEN ?2 AND ?3",
                     &b, without, e);
    }
    buf_release(&b);
    return code;
}

static enum err_code by_author(struct narrowing *n, struct db *c,
                               struct slice author, struct err *e)
{
    struct buf b;
    enum err_code code;

    if (search_is_unspaced(author))
        return by_substring(n, c, slice_trim(author), true, false, e);
    buf_init(&b, 16 + author.len * 2);
    buf_add_str(&b, "authors : ");
    fts_quote(&b, author);
    code = match(n, c, MATCH_WORDS, &b, false, e);
    buf_release(&b);
    return code;
}

/* The words of the query in one expression: FTS5 intersects them better than
 * we would, term by term. */
static enum err_code by_words(struct narrowing *n, struct db *c,
                              const struct search_query *sq, bool excluded,
                              struct err *e)
{
    struct buf b;
    enum err_code code = ERR_NONE;

    buf_init(&b, FTS_MAX_BYTES);
    for (size_t i = 0; i < sq->n; i++) {
        const struct search_term *t = &sq->terms[i];

        if (t->unspaced || t->excluded != excluded)
            continue;
        if (b.len)
            buf_add_str(&b, excluded ? " OR " : " AND ");
        fts_term(&b, t);
    }
    if (b.len)
        code = match(n, c, MATCH_WORDS, &b, excluded, e);
    buf_release(&b);
    return code;
}

static enum err_code by_search(struct narrowing *n, struct db *c,
                               const struct search_query *sq, struct err *e)
{
    enum err_code code = by_words(n, c, sq, false, e);

    for (size_t i = 0; i < sq->n && code == ERR_NONE; i++)
        if (sq->terms[i].unspaced && !sq->terms[i].excluded)
            code = by_substring(n, c, sq->terms[i].text, false, false, e);
    if (code == ERR_NONE && !n->started)
        code = all_live(n, c, e);
    if (code == ERR_NONE)
        code = by_words(n, c, sq, true, e);
    for (size_t i = 0; i < sq->n && code == ERR_NONE; i++)
        if (sq->terms[i].unspaced && sq->terms[i].excluded)
            code = by_substring(n, c, sq->terms[i].text, false, true, e);
    return code;
}

/* ---- all filters ---- */

/* Each paper that is left, by its row. */
static enum err_code by_rows(struct narrowing *n, struct db *c,
                             const struct paper_query *pq, struct err *e)
{
    struct bits b = {0};
    enum err_code code = ERR_NONE;

    for (int64_t id = n->least; id <= n->most && code == ERR_NONE; id++) {
        struct query q;

        if (!bits_has(&n->have, id))
            continue;
        q_start(&q, c,
                "SELECT id FROM " MARKED_PAPERS " WHERE id = ?1"
                " AND (?2 = '' OR category = ?2) AND (?3 = '' OR source = ?3)"
                " AND published_at BETWEEN ?4 AND ?5 AND relevance_score >= ?6"
                " AND (?7 = 0 OR coalesce(read, 0) = (?7 = 1))"
                " AND (?8 = 0 OR coalesce(starred, 0) = (?8 = 1))"
                " AND (?9 = 0 OR coalesce(noted, 0) = (?9 = 1))");
        q_int(&q, id);
        q_text(&q, pq->category);
        q_text(&q, pq->source);
        q_int(&q, pq->published_after ? pq->published_after : INT64_MIN);
        q_int(&q, pq->published_before ? pq->published_before : INT64_MAX);
        q_double(&q, pq->min_relevance);
        q_int(&q, pq->read);
        q_int(&q, pq->starred);
        q_int(&q, pq->noted);
        code = bits_read(&b, &q, e);
    }
    if (code == ERR_NONE)
        combine(n, &b, false);
    else
        free(b.p);
    return code;
}

/* Each filter by a pass over its index. */
static enum err_code by_columns(struct narrowing *n, struct db *c,
                                const struct paper_query *q, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (q->category.len)
        code = by_text_column(n, c,
                              "SELECT id FROM papers WHERE category = ?"
                              " AND deleted_at = 0",
                              q->category, e);
    if (code == ERR_NONE && q->source.len)
        code = by_text_column(n, c,
                              "SELECT id FROM papers WHERE source = ?"
                              " AND deleted_at = 0",
                              q->source, e);
    if (code == ERR_NONE && (q->published_after || q->published_before))
        code = by_published(n, c, q, e);
    if (code == ERR_NONE && q->min_relevance >= 0)
        code = by_relevance(n, c, q->min_relevance, e);
    if (code == ERR_NONE)
        code = by_marks(n, c, q, e);
    return code;
}

/* A selection, or what came since yesterday, is a small part of all papers:
 * everything else is then asked of that part alone. */
static void find_few(struct narrowing *n)
{
    if (!n->started || bits_count(&n->have) > FEW_PAPERS)
        return;
    n->few = true;
    n->least = bits_first(&n->have);
    n->most = bits_last(&n->have);
}

static enum err_code narrow_all(struct narrowing *n, struct db *c,
                                const struct paper_query *q,
                                const struct search_query *sq, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (q->ids)
        code = by_ids(n, c, q->ids, q->n_ids, e);
    if (code == ERR_NONE && (q->created_after || q->created_before))
        code = by_created(n, c, q, e);
    find_few(n);
    if (code == ERR_NONE && n->few)
        code = by_rows(n, c, q, e);
    if (code == ERR_NONE && sq->n)
        code = by_search(n, c, sq, e);
    if (code == ERR_NONE && q->author.len)
        code = by_author(n, c, q->author, e);
    if (code == ERR_NONE && q->tag.len)
        code = by_tag(n, c, q->tag, e);
    if (code == ERR_NONE && !n->few)
        code = by_columns(n, c, q, e);
    return code;
}

static enum err_code make_set(struct db *c, const struct paper_query *q,
                              const struct search_query *sq, struct kept *set,
                              struct err *e)
{
    struct narrowing n = {.most = INT64_MAX};
    struct query live;
    enum err_code code = narrow_all(&n, c, q, sq, e);

    if (code == ERR_NONE && !n.started) {
        q_start(&live, c, "SELECT live_papers FROM meta");
        return q_one_int(&live, 0, &set->count, e);
    }
    /* An empty set has bits too: NULL means all. */
    if (code == ERR_NONE && !n.have.p && !bits_add(&n.have, 0))
        code = err_set(e, ERR_INTERNAL, "out of memory");
    if (code != ERR_NONE) {
        free(n.have.p);
        return code;
    }
    n.have.p[0] &= ~UINT64_C(1); /* no paper has id 0 */
    set->bits = n.have.p;
    set->n_words = n.have.n;
    set->count = bits_count(&n.have);
    return ERR_NONE;
}

enum err_code filter_set(struct sqlite_store *s, struct db *c,
                         const struct paper_query *q, struct data_age age,
                         struct kept **out, struct err *e)
{
    struct search_query sq = {.n = 0};
    struct kept *set;
    bool make;
    enum err_code code = ERR_NONE;

    if (q->search.len)
        code = search_parse(q->search, &sq, e);
    if (code == ERR_NONE && q->prefix)
        search_open_end(&sq, q->search);
    if (code == ERR_NONE && q->author.len && !search_has_word(q->author))
        code = err_field(e, "author", "'author' has no word");
    if (code == ERR_NONE)
        code = kept_get(s, q, 's', age, &set, &make, e);
    if (code == ERR_NONE && make) {
        code = make_set(c, q, &sq, set, e);
        kept_made(s, set, code == ERR_NONE);
    }
    if (code == ERR_NONE)
        *out = set;
    return code;
}
