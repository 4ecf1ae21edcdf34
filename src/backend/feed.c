/* feed.c - GET /api/papers/feed/ */
#include "backend/handlers.h"

#include "backend/atom_feed.h"
#include "backend/paper_query.h"

static enum err_code render(struct request *r, struct buf *out, struct err *e)
{
    struct backend *b = r->ctx;
    struct paper_query q;
    struct paper_list list;
    enum err_code rc = paper_query_read(r, &q, e);
    char *self, *site;

    if (rc)
        return rc;
    q.limit = (int)request_int(r, "page_size");
    rc = store_papers_list(b->store, r->arena, &q, &list, e);
    if (rc)
        return rc;
    self = arena_printf(r->arena, "%.*s%.*s%s%.*s", SLICE_ARG(r->base_url),
                        SLICE_ARG(r->raw_path), r->query.len > 0 ? "?" : "",
                        SLICE_ARG(r->query));
    site = arena_printf(r->arena, "%.*s/app/", SLICE_ARG(r->base_url));
    if (!self || !site)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    atom_feed(out, slice_of(self), slice_of(site), list.papers, list.n);
    return ERR_NONE;
}

enum err_code papers_feed(struct request *r, struct err *e)
{
    return reply_cached(r, "application/atom+xml; charset=utf-8", render, e);
}
