/* sqlite_records.h - what the files about Chroma's collections share. */
#ifndef STORE_SQLITE_RECORDS_H
#define STORE_SQLITE_RECORDS_H

#include "store/record_rules.h"
#include "store/sqlite_impl.h"

/* What a write needs of a collection's row. */
struct collection_row {
    int dim;
    int64_t generation, count, given;
};
/* ERR_NOT_FOUND. */
enum err_code collection_row_read(struct db *c, int64_t number,
                                  struct collection_row *out, struct err *e)
    CHECKED;
enum err_code collection_row_write(struct db *c, int64_t number,
                                   const struct collection_row *row,
                                   struct err *e) CHECKED;

/* slots of sqlite_records.c */
enum err_code sqlite_records_sweep(struct store *s, int64_t *n, struct err *e)
    CHECKED;
enum err_code sqlite_records_put(struct store *s, int64_t collection,
                                 const struct record_batch *b,
                                 struct records_state *state, struct err *e)
    CHECKED;
enum err_code sqlite_records_delete(struct store *s, int64_t collection,
                                    const int64_t *numbers, size_t n,
                                    int64_t *deleted, struct err *e) CHECKED;
/* slots of sqlite_records_read.c */
enum err_code sqlite_records_find(struct store *s, int64_t collection,
                                  const struct slice *ids, size_t n,
                                  int64_t *out, struct err *e) CHECKED;
enum err_code sqlite_records_get(struct store *s, struct arena *a,
                                 int64_t collection, const int64_t *numbers,
                                 size_t n, unsigned fields, struct record **out,
                                 size_t *n_out, struct err *e) CHECKED;
enum err_code sqlite_records_list(struct store *s, struct arena *a,
                                  int64_t collection, int64_t after,
                                  int64_t offset, int limit, unsigned fields,
                                  struct record **out, size_t *n, struct err *e)
    CHECKED;
enum err_code sqlite_records_each(
    struct store *s, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e) CHECKED;
enum err_code sqlite_records_present(struct store *s, int64_t collection,
                                     int64_t **out, size_t *n, struct err *e)
    CHECKED;

#endif
