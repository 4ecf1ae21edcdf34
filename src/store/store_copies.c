/* store_copies.c - the public calls of copies.h (store_front.h). */
#include "store/copies.h"

#include "store/store_front.h"

enum err_code store_copies_on(struct store *s, struct err *e)
{
    RUN(s, copies_on, s->ops->copies->on(s, e));
}

enum err_code store_copies_off(struct store *s, struct err *e)
{
    RUN(s, copies_off, s->ops->copies->off(s, e));
}

enum err_code store_copy_state(struct store *s, enum vector_set set,
                               struct copy_state *out, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, copy_state, s->ops->copies->state(s, set, out, e));
}

enum err_code store_copy_adopt(struct store *s, enum vector_set set,
                               struct slice collection, struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_text("collection", collection, e));
    if (collection.len > COPY_MAX_COLLECTION)
        return err_field(e, "collection",
                         "a collection's id is at most %d bytes long",
                         COPY_MAX_COLLECTION);
    RUN(s, copy_adopt, s->ops->copies->adopt(s, set, collection, e));
}

enum err_code store_copies_repair(struct store *s, struct arena *a,
                                  struct slice *job_id, struct err *e)
{
    RUN(s, copies_repair, s->ops->copies->repair(s, a, job_id, e));
}

enum err_code store_copy_note(struct store *s, enum vector_set set,
                              const struct copy_note *notes, size_t n,
                              struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_batch(n, e));
    for (size_t i = 0; i < n; i++)
        CHECK(args_text("name", notes[i].name, e));
    RUN(s, copy_note, s->ops->copies->note(s, set, notes, n, e));
}

enum err_code store_copy_gone(struct store *s, struct arena *a,
                              enum vector_set set, int limit,
                              struct copy_gone **out, size_t *n, struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_page(0, limit, e));
    RUN(s, copy_gone, s->ops->copies->gone(s, a, set, limit, out, n, e));
}

enum err_code store_copy_forget(struct store *s, enum vector_set set,
                                const int64_t *keys, size_t n, struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_batch(n, e));
    RUN(s, copy_forget, s->ops->copies->forget(s, set, keys, n, e));
}

enum err_code store_copy_done(struct store *s, enum vector_set set,
                              uint64_t generation, bool repaired, struct err *e)
{
    CHECK(args_vector_set(set, e));
    RUN(s, copy_done, s->ops->copies->done(s, set, generation, repaired, e));
}

enum err_code store_copies_finish(struct store *s, const struct job_lease *l,
                                  struct slice result, int64_t now_us,
                                  bool *done, struct err *e)
{
    CHECK(args_lease(l, e));
    RUN_AND_TELL(s, copies_finish,
                 s->ops->copies->finish(s, l, result, now_us, done, e),
                 .jobs = {slice_of(l->job_id)});
}

enum err_code store_copy_find(struct store *s, enum vector_set set,
                              const struct copy_name *names, size_t n,
                              int64_t *ids, struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_batch(n, e));
    for (size_t i = 0; i < n; i++)
        CHECK(args_text("document", names[i].document, e));
    RUN(s, copy_find, s->ops->copies->find(s, set, names, n, ids, e));
}

enum err_code store_vectors_get(struct store *s, enum vector_set set,
                                const struct model_id *m, const int64_t *ids,
                                size_t n, float *out, bool *found,
                                struct err *e)
{
    CHECK(args_vector_set(set, e));
    CHECK(args_batch(n, e));
    RUN(s, vectors_get,
        s->ops->copies->vectors(s, set, m, ids, n, out, found, e));
}
