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

enum err_code store_search_put(struct store *s, const struct saved_search *put,
                               int64_t now_us, int64_t *id, struct err *e)
{
    CHECK(args_search(put, e));
    RUN(s, search_put, s->ops->desk->search_put(s, put, now_us, id, e));
}

enum err_code store_search_get(struct store *s, struct arena *a, int64_t id,
                               struct saved_search *out, struct err *e)
{
    RUN(s, search_get, s->ops->desk->search_get(s, a, id, out, e));
}

enum err_code store_search_delete(struct store *s, int64_t id, struct err *e)
{
    RUN(s, search_delete, s->ops->desk->search_delete(s, id, e));
}

enum err_code store_searches_list(struct store *s, struct arena *a,
                                  struct saved_search **out, size_t *n,
                                  struct err *e)
{
    RUN(s, searches_list, s->ops->desk->searches_list(s, a, out, n, e));
}
