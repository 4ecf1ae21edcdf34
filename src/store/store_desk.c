/* store_desk.c - the public calls of desk.h (store_front.h). */
#include "store/desk.h"

#include "store/store_front.h"

enum err_code store_marks_get(struct store *s, struct arena *a, int64_t id,
                              struct paper_marks *out, struct err *e)
{
    RUN(s, marks_get, s->ops->desk->marks_get(s, a, id, out, e));
}

enum err_code store_marks_set(struct store *s, const int64_t *ids, size_t n,
                              const struct marks_change *change, bool *marked,
                              struct err *e)
{
    CHECK(args_marks(n, change, e));
    RUN(s, marks_set, s->ops->desk->marks_set(s, ids, n, change, marked, e));
}
