/* postgres_plans.h - slots of struct scrape_ops that postgres_plans.c fills. */
#ifndef STORE_POSTGRES_PLANS_H
#define STORE_POSTGRES_PLANS_H

#include "store/postgres.h"

enum err_code postgres_schedule_put(struct store *s, const struct schedule *sch,
                                    int64_t now_us, int64_t *id, struct err *e)
    CHECKED;
enum err_code postgres_schedule_get(struct store *s, struct arena *a,
                                    int64_t id, struct schedule *out,
                                    struct err *e) CHECKED;
enum err_code postgres_schedule_delete(struct store *s, int64_t id,
                                       struct err *e) CHECKED;
enum err_code postgres_schedules_list(struct store *s, struct arena *a,
                                      int64_t due_by, int64_t offset, int limit,
                                      struct schedule **out, size_t *n,
                                      int64_t *count, struct err *e) CHECKED;
enum err_code postgres_schedule_fire(struct store *s, struct arena *a,
                                     int64_t id, int64_t expected, int64_t next,
                                     const struct job_new *spec,
                                     struct job *out, struct err *e) CHECKED;
enum err_code postgres_coverage_put(struct store *s, struct slice category,
                                    int64_t day, int64_t expected,
                                    int64_t now_us, struct err *e) CHECKED;
enum err_code postgres_coverage_list(struct store *s, struct arena *a,
                                     struct slice category, int64_t offset,
                                     int limit, struct coverage **out,
                                     size_t *n, int64_t *count, struct err *e)
    CHECKED;
enum err_code postgres_limiter_update(struct store *s, const char *name,
                                      bool (*change)(struct limiter_state *st,
                                                     void *ctx),
                                      void *ctx, struct limiter_state *after,
                                      struct err *e) CHECKED;

#endif
