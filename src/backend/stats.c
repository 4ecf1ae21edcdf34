/* stats.c - GET /api/stats/papers/: how many papers of what. */
#include "backend/handlers.h"

#include "base/json.h"

static void write_counts(struct jw *j, const char *key, const char *name,
                         const struct named_count *list, size_t n)
{
    jw_key(j, key);
    jw_arr(j);
    for (size_t i = 0; i < n; i++) {
        jw_obj(j);
        jw_kslice(j, name, list[i].name);
        jw_kint(j, "count", list[i].n);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static enum err_code render(struct request *r, struct buf *out, struct err *e)
{
    struct backend *b = r->ctx;
    struct paper_stats s;
    enum err_code rc;
    struct jw j;

    rc = store_papers_stats(b->store, r->arena, (int)request_int(r, "days"), &s,
                            e);
    if (rc)
        return rc;
    jw_init(&j, out);
    jw_obj(&j);
    jw_kint(&j, "total", s.total);
    write_counts(&j, "categories", "category", s.categories, s.n_categories);
    write_counts(&j, "sources", "source", s.sources, s.n_sources);
    write_counts(&j, "tags", "tag", s.tags, s.n_tags);
    write_counts(&j, "days", "day", s.days, s.n_days);
    jw_end_obj(&j);
    return ERR_NONE;
}

enum err_code papers_stats(struct request *r, struct err *e)
{
    return reply_cached(r, "application/json", render, e);
}
