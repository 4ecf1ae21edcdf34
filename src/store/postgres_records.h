/* postgres_records.h - what the files about Chroma's collections share. */
#ifndef STORE_POSTGRES_RECORDS_H
#define STORE_POSTGRES_RECORDS_H

#include "store/postgres.h"
#include "store/record_rules.h"

/* slots of postgres_records.c */
enum err_code postgres_records_sweep(struct store *s, int64_t *n, struct err *e)
    CHECKED;
enum err_code postgres_records_put(struct store *s, int64_t collection,
                                   const struct record_batch *b,
                                   struct records_state *state, struct err *e)
    CHECKED;
enum err_code postgres_records_delete(struct store *s, int64_t collection,
                                      const int64_t *numbers, size_t n,
                                      int64_t *deleted, struct err *e) CHECKED;
/* slots of postgres_records_read.c */
enum err_code postgres_records_find(struct store *s, int64_t collection,
                                    const struct slice *ids, size_t n,
                                    int64_t *out, struct err *e) CHECKED;
enum err_code postgres_records_get(struct store *s, struct arena *a,
                                   int64_t collection, const int64_t *numbers,
                                   size_t n, unsigned fields,
                                   struct record **out, size_t *n_out,
                                   struct err *e) CHECKED;
enum err_code postgres_records_list(struct store *s, struct arena *a,
                                    int64_t collection, int64_t after,
                                    int64_t offset, int limit, unsigned fields,
                                    struct record **out, size_t *n,
                                    struct err *e) CHECKED;
enum err_code postgres_records_each(
    struct store *s, int64_t collection, uint64_t since, unsigned fields,
    enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
    void *ctx, struct records_state *state, struct err *e) CHECKED;
enum err_code postgres_records_present(struct store *s, int64_t collection,
                                       int64_t **out, size_t *n, struct err *e)
    CHECKED;

#endif
