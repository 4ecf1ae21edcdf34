/* table.h - which slot an id has; inside vector/ only.
 *
 * Open addressing over slots alone, 4 bytes each: the id of a slot is looked up
 * in the view.  At most three quarters full, at most 11 bytes an id.
 *
 * Threads: the writer's.
 */
#ifndef VECTOR_TABLE_H
#define VECTOR_TABLE_H

#include "vector/view.h"

#define TABLE_NONE UINT32_MAX

struct table {
    uint32_t *slots;
    size_t cap, n; /* cap: a power of two, or 0 */
};

void table_release(struct table *t);
/* Make room for n in all, so that table_set cannot fail.  v has every slot of
 * the table, here and below. */
enum err_code table_reserve(struct table *t, const struct vector_view *v,
                            size_t n, struct err *e) CHECKED;
uint32_t table_find(const struct table *t, const struct vector_view *v,
                    int64_t id);
/* Returns the slot that the id had, or TABLE_NONE. */
uint32_t table_set(struct table *t, const struct vector_view *v, int64_t id,
                   uint32_t slot);
uint32_t table_remove(struct table *t, const struct vector_view *v, int64_t id);

#endif
