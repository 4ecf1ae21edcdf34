/* store_transfer.c - the public calls of transfer.h and verify.h
 * (store_front.h). */
#include "store/store_front.h"
#include "store/transfer_impl.h"

enum err_code store_export_begin(struct store *s, bool alone,
                                 struct store_export **out, struct err *e)
{
    RUN(s, export_begin, s->ops->transfer->export_begin(s, alone, out, e));
}

void store_export_end(struct store_export *x)
{
    if (x)
        x->s->ops->transfer->export_end(x);
}

enum err_code store_export_count(struct store_export *x,
                                 const struct transfer_table *t, int64_t *out,
                                 struct err *e)
{
    RUN(x->s, export_count, x->s->ops->transfer->export_count(x, t, out, e));
}

enum err_code store_export_each(
    struct store_export *x, const struct transfer_table *t,
    enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                          struct err *e),
    void *ctx, struct err *e)
{
    RUN(x->s, export_each,
        x->s->ops->transfer->export_each(x, t, each, ctx, e));
}

enum err_code store_export_others(struct store_export *x, int64_t *out,
                                  struct err *e)
{
    return x->s->ops->transfer->export_others(x, out, e);
}

enum err_code store_export_file(struct store *s, const char *path, bool *done,
                                struct err *e)
{
    *done = s->ops->transfer->export_file != NULL;
    return *done ? s->ops->transfer->export_file(s, path, e) : ERR_NONE;
}

enum err_code store_import_begin(struct store *s, struct err *e)
{
    RUN(s, import_begin, s->ops->transfer->import_begin(s, e));
}

enum err_code store_import_done(struct store *s, const struct transfer_table *t,
                                int64_t *out, struct err *e)
{
    RUN(s, import_done, s->ops->transfer->import_done(s, t, out, e));
}

enum err_code store_import_rows(struct store *s, const struct transfer_table *t,
                                int64_t done, const struct transfer_cell *cells,
                                size_t n, struct err *e)
{
    RUN(s, import_rows, s->ops->transfer->import_rows(s, t, done, cells, n, e));
}

enum err_code store_import_clear(struct store *s,
                                 const struct transfer_table *from,
                                 struct err *e)
{
    RUN(s, import_clear, s->ops->transfer->import_clear(s, from, e));
}

enum err_code store_import_finish(struct store *s, struct err *e)
{
    RUN(s, import_finish, s->ops->transfer->import_finish(s, e));
}

enum err_code store_verify(struct store *s, const struct store_verify *v,
                           struct err *e)
{
    RUN(s, verify, s->ops->verify->verify(s, v, e));
}
