/* sqlite_similar.c - papers that share rare words with a paper.
 *
 * A word tells the more the fewer papers have it (inverse document frequency).
 * The paper's words are cut and stemmed by the index's own tokenizer; for each
 * the papers that have it are read, up to a number from which on it is no rare
 * word.  (Asking FTS5's vocabulary for the frequencies first took 80 ms for
 * 100,000 papers: it counts the whole list of each frequent word.)  The papers
 * of the rarest words are added up.  The score is the share of these words'
 * weight that a paper has in common, so it is 1 for a twin and does not depend
 * on how many papers there are.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_filter.h"

#define MAX_WORDS 512 /* different ones looked at in a paper */
#define RARE_WORDS 24 /* of these, the rarest count */

/* A word that more papers have than this is not rare. */
static int64_t most_papers(int64_t live)
{
    return 100 + live / 250;
}

struct rare_word {
    struct slice stem, surface; /* as indexed; as written */
    size_t first, n;            /* its papers, in struct hits */
};

struct words {
    struct arena *a;
    struct slice text;
    struct rare_word w[MAX_WORDS];
    size_t n;
    bool no_memory;
};

/* ---- the words of a paper ---- */

static int take_token(void *ctx, int flags, const char *token, int len,
                      int start, int end)
{
    struct words *ws = ctx;
    struct slice stem = {token, (size_t)len};

    (void)flags;
    if (ws->n == MAX_WORDS)
        return SQLITE_OK;
    for (size_t i = 0; i < ws->n; i++)
        if (slice_eq(ws->w[i].stem, stem))
            return SQLITE_OK;
    stem = arena_slice(ws->a, stem);
    ws->no_memory |= !stem.p;
    ws->w[ws->n++] = (struct rare_word){
        .stem = stem,
        .surface = slice_sub(ws->text, (size_t)start, (size_t)end),
    };
    return stem.p ? SQLITE_OK : SQLITE_NOMEM;
}

/* SQLite hands its FTS5 interface out through a pointer bound to a query. */
static fts5_api *fts_api(struct db *c)
{
    fts5_api *api = NULL;
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v2(c->db, "SELECT fts5(?)", -1, &st, NULL) == SQLITE_OK)
        sqlite3_bind_pointer(st, 1, (void *)&api, "fts5_api_ptr", NULL);
    sqlite3_step(st);
    sqlite3_finalize(st);
    return api;
}

/* The same tokenizer as of papers_fts in sqlite_migrations.c. */
static enum err_code cut_words(struct db *c, struct words *ws,
                               const struct paper *p, struct err *e)
{
    const char *args[] = {"unicode61", "remove_diacritics", "2"};
    const struct slice texts[] = {p->title, p->abstract};
    fts5_api *api = fts_api(c);
    fts5_tokenizer kind;
    Fts5Tokenizer *tokenizer = NULL;
    void *user = NULL;
    int rc = SQLITE_ERROR;

    if (api && api->xFindTokenizer(api, "porter", &user, &kind) == SQLITE_OK)
        rc = kind.xCreate(user, args, 3, &tokenizer);
    for (size_t i = 0; i < 2 && rc == SQLITE_OK; i++) {
        ws->text = texts[i];
        rc = kind.xTokenize(tokenizer, ws, FTS5_TOKENIZE_DOCUMENT, texts[i].p,
                            (int)texts[i].len, take_token);
    }
    if (tokenizer)
        kind.xDelete(tokenizer);
    if (ws->no_memory)
        return arena_full(e);
    return rc == SQLITE_OK
               ? ERR_NONE
               : err_set(e, ERR_INTERNAL, "the full-text tokenizer failed");
}

/* ---- the papers of the words ---- */

struct hit {
    int64_t id;
    double weight;
};

struct hits {
    struct hit *p;
    size_t n, cap;
};

static bool hits_add(struct hits *h, int64_t id, double weight)
{
    if (h->n == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 1024;
        struct hit *p = realloc(h->p, cap * sizeof(*p));

        if (!p)
            return false;
        h->p = p;
        h->cap = cap;
    }
    h->p[h->n++] = (struct hit){id, weight};
    return true;
}

/* The other papers with this word; none if they are too many. */
static enum err_code read_papers(struct db *c, struct rare_word *w,
                                 int64_t self, size_t most, struct hits *h,
                                 struct err *e)
{
    struct buf expression;
    struct query q;
    enum err_code code;

    w->first = h->n;
    buf_init(&expression, w->surface.len * 2 + 8);
    fts_quote(&expression, w->surface);
    q_start(&q, c, "SELECT rowid FROM papers_fts WHERE papers_fts MATCH ?");
    q_text(&q, buf_slice(&expression));
    while (h->n - w->first <= most && q_next(&q)) {
        int64_t id = q_get_int(&q);

        if (id != self && !hits_add(h, id, 0)) {
            q.no_memory = true;
            break;
        }
    }
    code = q_end(&q, e);
    buf_release(&expression);
    if (h->n - w->first > most)
        h->n = w->first;
    w->n = h->n - w->first;
    return code;
}

static int by_rarity(const void *a, const void *b)
{
    const struct rare_word *x = a, *y = b;

    return (x->n > y->n) - (x->n < y->n);
}

/* Keep the words that another paper has too, the rarest first. */
static enum err_code keep_rare(struct db *c, struct words *ws, int64_t self,
                               int64_t live, struct hits *h, struct err *e)
{
    size_t kept = 0;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < ws->n && code == ERR_NONE; i++) {
        struct rare_word w = ws->w[i];

        code = read_papers(c, &w, self, (size_t)most_papers(live), h, e);
        if (w.n)
            ws->w[kept++] = w;
    }
    qsort(ws->w, kept, sizeof(*ws->w), by_rarity);
    ws->n = kept < RARE_WORDS ? kept : RARE_WORDS;
    return code;
}

/* ---- adding up ---- */

static int by_id(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int by_weight(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id); /* the newer one first */
}

/* One hit for each paper, heaviest first. */
static void add_up(struct hits *h)
{
    size_t n = 0;

    if (h->n == 0)
        return;
    qsort(h->p, h->n, sizeof(*h->p), by_id);
    for (size_t i = 1; i < h->n; i++) {
        if (h->p[i].id == h->p[n].id)
            h->p[n].weight += h->p[i].weight;
        else
            h->p[++n] = h->p[i];
    }
    h->n = n + 1;
    qsort(h->p, h->n, sizeof(*h->p), by_weight);
}

/* The papers of the words that are left, with the words' weights. */
static bool weigh(const struct words *ws, const struct hits *all, int64_t live,
                  struct hits *out, double *total)
{
    *total = 0;
    for (size_t i = 0; i < ws->n; i++) {
        const struct rare_word *w = &ws->w[i];
        double weight = log1p((double)live / (double)(w->n + 1));

        *total += weight;
        for (size_t j = 0; j < w->n; j++)
            if (!hits_add(out, all->p[w->first + j].id, weight))
                return false;
    }
    add_up(out);
    return true;
}

static enum err_code find_hits(struct db *c, struct words *ws, int64_t self,
                               struct hits *out, double *total, struct err *e)
{
    struct hits all = {0};
    int64_t live = 0;
    struct query q;
    enum err_code code;

    q_start(&q, c, "SELECT live_papers FROM meta");
    code = q_one_int(&q, 0, &live, e);
    if (code == ERR_NONE)
        code = keep_rare(c, ws, self, live, &all, e);
    if (code == ERR_NONE && !weigh(ws, &all, live, out, total))
        code = err_set(e, ERR_INTERNAL, "out of memory");
    free(all.p);
    return code;
}

static enum err_code similar_of(struct db *c, struct arena *a, int64_t id,
                                int k, struct paper_similar **out, size_t *n,
                                struct err *e)
{
    struct words *ws = arena_calloc(a, 1, sizeof(*ws));
    struct hits h = {0};
    struct paper p;
    double total = 0;
    enum err_code code;

    if (!ws)
        return arena_full(e);
    ws->a = a;
    code = paper_load(c, a, id, &p, e);
    if (code == ERR_NONE && p.deleted_at)
        code = err_set(e, ERR_NOT_FOUND, "no paper '%lld'", (long long)id);
    if (code == ERR_NONE)
        code = cut_words(c, ws, &p, e);
    if (code == ERR_NONE)
        code = find_hits(c, ws, id, &h, &total, e);
    *n = h.n < (size_t)k ? h.n : (size_t)k;
    *out = arena_calloc(a, *n + 1, sizeof(**out));
    if (code == ERR_NONE && !*out)
        code = arena_full(e);
    for (size_t i = 0; i < *n && code == ERR_NONE; i++) {
        (*out)[i].score = h.p[i].weight / total;
        code = paper_load(c, a, h.p[i].id, &(*out)[i].paper, e);
    }
    free(h.p);
    return code;
}

enum err_code sqlite_papers_similar(struct store *base, struct arena *a,
                                    int64_t id, int k,
                                    struct paper_similar **out, size_t *n,
                                    struct err *e)
{
    struct sqlite_store *s = sqlite_downcast(base);
    struct db *c;
    enum err_code code = text_snapshot(s, &c, e);

    if (code != ERR_NONE)
        return code;
    code = similar_of(c, a, id, k, out, n, e);
    db_put(s, c);
    return code;
}
