/* source_store.c - records that lie in the store. */
#include <stdlib.h>
#include <string.h>

#include "chroma/chroma_impl.h"

#define PAGE RECORDS_MAX_BATCH
#define SCRATCH_BYTES ((size_t)32 << 20)

struct stored {
    struct index *index; /* NULL: not needed yet */
};

static enum err_code count(struct source *s, int64_t *out, struct err *e)
{
    (void)e;
    *out = s->collection.state.count;
    return ERR_NONE;
}

static enum err_code find(struct source *s, const struct slice *ids, size_t n,
                          int64_t *out, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i += RECORDS_MAX_BATCH)
        code = store_records_find(
            s->chroma->store, s->collection.number, ids + i,
            n - i < RECORDS_MAX_BATCH ? n - i : RECORDS_MAX_BATCH, out + i, e);
    return code;
}

/* Page by page; what is added behind meanwhile is taken, too. */
static enum err_code list(struct source *s, int64_t offset, int64_t limit,
                          int64_t **out, size_t *n, struct err *e)
{
    struct arena *a = arena_new(SCRATCH_BYTES);
    struct buf numbers;
    size_t got = PAGE;
    int64_t after = 0;
    enum err_code code =
        a ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");

    buf_init(&numbers, (size_t)VECTOR_MAX_COUNT * sizeof(int64_t));
    while (code == ERR_NONE && got == PAGE && limit > 0) {
        struct record *page = NULL;
        int want = limit < PAGE ? (int)limit : PAGE;

        arena_reset(a);
        code = store_records_list(s->chroma->store, a, s->collection.number,
                                  after, offset, want, 0, &page, &got, e);
        for (size_t i = 0; i < got && code == ERR_NONE; i++)
            buf_add(&numbers, &page[i].number, sizeof(page[i].number));
        if (code == ERR_NONE && got)
            after = page[got - 1].number;
        limit -= (int64_t)got;
        offset = 0;
    }
    if (code == ERR_NONE && !buf_ok(&numbers))
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (code == ERR_NONE)
        *out = (int64_t *)(void *)buf_take(&numbers, n);
    *n /= sizeof(int64_t);
    buf_release(&numbers);
    arena_free(a);
    return code;
}

static enum err_code need_index(struct source *s, struct err *e)
{
    struct stored *impl = s->impl;

    return impl->index
               ? ERR_NONE
               : index_get(&impl->index, s->chroma->indexes, &s->collection, e);
}

static enum err_code filter(struct source *s, const struct where *w,
                            struct where_set **out, struct err *e)
{
    struct stored *impl = s->impl;
    enum err_code code = need_index(s, e);

    return code == ERR_NONE
               ? index_filter(impl->index, &s->collection, w, out, e)
               : code;
}

static enum err_code search(struct source *s, const struct vector_query *q,
                            size_t n, struct vector_hit *const *hits,
                            size_t *n_hits, struct err *e)
{
    struct stored *impl = s->impl;
    enum err_code code = need_index(s, e);

    return code == ERR_NONE ? index_search(impl->index, &s->collection, q, n,
                                           hits, n_hits, e)
                            : code;
}

static enum err_code load(struct source *s, struct arena *a,
                          const int64_t *numbers, size_t n, unsigned fields,
                          struct record **out, size_t *n_out, struct err *e)
{
    return store_records_get(s->chroma->store, a, s->collection.number, numbers,
                             n, fields, out, n_out, e);
}

static void close_source(struct source *s)
{
    struct stored *impl = s->impl;

    index_release(s->chroma->indexes, impl->index);
    impl->index = NULL;
}

static const struct source_ops ops = {.count = count,
                                      .find = find,
                                      .list = list,
                                      .filter = filter,
                                      .search = search,
                                      .load = load,
                                      .close = close_source};

enum err_code store_source(struct source *out, struct chroma_api *c,
                           struct arena *a,
                           const struct record_collection *collection,
                           struct err *e)
{
    struct stored *impl = arena_calloc(a, 1, sizeof(*impl));

    if (!impl)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    *out = (struct source){
        .ops = &ops, .chroma = c, .collection = *collection, .impl = impl};
    return configuration_read(&out->configuration, a, collection->configuration,
                              e);
}
