/* test_store_copies.c - conformance of store/copies.h. */
#include "store_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "store/copies.h"

static const struct model_id model = {{1, 2, 3}};
static const struct model_id other = {{4, 5, 6}};

/* ---- helpers ---- */

static void point(float *v, int axis)
{
    memset(v, 0, STORE_VECTOR_DIM * sizeof(*v));
    v[axis] = 1;
}

/* A visible document of n chunks, each a byte of its text; its key. */
static int64_t add_document(struct store_fixture *f, const char *id, int n)
{
    static const char text[] = "abcdefgh";
    float vectors[8][STORE_VECTOR_DIM];
    struct chunk_new chunks[8];
    struct job_lease l = running(f, NOW);
    struct document_begun begun;
    struct document_new d = {.id = slice_of(id),
                             .title = slice_of(id),
                             .metadata = SLICE("{}"),
                             .text = {text, (size_t)n},
                             .chars = n,
                             .chunk_size = n, /* or it would be the same */
                             .total_chunks = n,
                             .now_us = NOW};
    struct chunk_batch b = {.model = model,
                            .chunks = chunks,
                            .n = (size_t)n,
                            .result = SLICE("{}")};

    crypto_sha256(d.sha256, d.text);
    OK(f, store_document_begin(f->s, f->a, &l, &d, &begun, &f->err));
    b.key = begun.key;
    for (int i = 0; i < n; i++) {
        point(vectors[i], i);
        chunks[i] = (struct chunk_new){.index = i,
                                       .start_char = i,
                                       .end_char = i + 1,
                                       .start_byte = i,
                                       .end_byte = i + 1,
                                       .tokens = 1,
                                       .vector = vectors[i]};
        crypto_sha256(chunks[i].sha256, (struct slice){text + i, 1});
    }
    OK(f, store_document_chunks_add(f->s, &l, &b, &f->err));
    OK(f, store_document_finish(f->s, &l, b.key, SLICE("{}"), NOW, &f->err));
    return begun.key;
}

/* Papers 1..n, with vectors. */
static void add_papers(struct store_fixture *f, int n)
{
    struct paper_vector put[8];
    float vectors[8][STORE_VECTOR_DIM];
    struct paper_text *t;
    size_t waiting;

    for (int i = 1; i <= n; i++)
        receive_one(f, a_paper(f, i));
    OK(f,
       store_papers_unembedded(f->s, f->a, &model, 8, &t, &waiting, &f->err));
    for (size_t i = 0; i < waiting; i++) {
        point(vectors[i], (int)i);
        put[i] = (struct paper_vector){.id = t[i].id, .vector = vectors[i]};
        memcpy(put[i].sha256, t[i].sha256, sizeof(put[i].sha256));
    }
    OK(f, store_paper_vectors_put(f->s, &model, put, waiting, &f->err));
}

static struct copy_state state_of(struct store_fixture *f, enum vector_set set)
{
    struct copy_state st;

    OK(f, store_copy_state(f->s, set, &st, &f->err));
    return st;
}

static int64_t jobs_alive(struct store_fixture *f)
{
    static const char *const kinds[] = {COPY_JOB, NULL};
    const struct job_query alive = {.kinds = kinds,
                                    .states =
                                        1 << JOB_QUEUED | 1 << JOB_RUNNING,
                                    .limit = 10};
    struct job *jobs;
    size_t n;
    int64_t count;

    OK(f, store_jobs_list(f->s, f->a, &alive, &jobs, &n, &count, &f->err));
    return count;
}

/* The job, as a worker has it.  It was made by the database's own clock. */
static struct job_lease take_job(struct store_fixture *f)
{
    struct job_lease l;

    claim(f, COPY_JOB, clock_now_us() + US_PER_S, &l);
    return l;
}

static void all_done(struct store_fixture *f)
{
    for (int set = 0; set < 2; set++) {
        uint64_t now;

        OK(f,
           store_vectors_generation(f->s, (enum vector_set)set, &now, &f->err));
        OK(f, store_copy_done(f->s, (enum vector_set)set, now, true, &f->err));
    }
}

/* Does the job end?  As the copy's job would ask. */
static bool finish(struct store_fixture *f, const struct job_lease *l)
{
    bool done = false;

    OK(f, store_copies_finish(f->s, l, SLICE("{\"sent\":1}"), clock_now_us(),
                              &done, &f->err));
    return done;
}

/* On, and all that there is was sent. */
static void begin_copy(struct store_fixture *f)
{
    struct job_lease l;

    OK(f, store_copies_on(f->s, &f->err));
    l = take_job(f);
    all_done(f);
    assert_true(finish(f, &l));
}

static size_t gone(struct store_fixture *f, enum vector_set set,
                   struct copy_gone **out)
{
    size_t n;

    OK(f, store_copy_gone(f->s, f->a, set, 10, out, &n, &f->err));
    return n;
}

static void note(struct store_fixture *f, enum vector_set set, int64_t key,
                 const char *name, int64_t records)
{
    const struct copy_note n = {key, slice_of(name), records};

    OK(f, store_copy_note(f->s, set, &n, 1, &f->err));
}

/* ---- tests ---- */

static void nothing_without_a_copy(struct store_fixture *f)
{
    struct slice job = SLICE_NONE;

    add_document(f, "doc-a", 2);
    assert_int_equal(jobs_alive(f), 0);
    assert_false(state_of(f, VECTORS_CHUNKS).on);
    GIVES(f, ERR_CONFLICT, store_copies_repair(f->s, f->a, &job, &f->err));
    assert_int_equal(jobs_alive(f), 0);
    OK(f, store_copies_off(f->s, &f->err));
}

static void on_makes_the_job(struct store_fixture *f)
{
    struct copy_state st;

    add_document(f, "doc-a", 3);
    add_papers(f, 2);
    OK(f, store_copies_on(f->s, &f->err));
    OK(f, store_copies_on(f->s, &f->err)); /* a second process */
    assert_int_equal(jobs_alive(f), 1);
    st = state_of(f, VECTORS_CHUNKS);
    assert_true(st.on && st.repair);
    assert_string_equal(st.collection, "");
    assert_int_equal(st.generation, 0);
    assert_int_equal(st.waiting, 3);
    assert_int_equal(state_of(f, VECTORS_PAPERS).waiting, 2);
}

static void every_change_makes_the_job(struct store_fixture *f)
{
    const float zero[STORE_VECTOR_DIM] = {1};
    struct paper changed;
    struct chunk *chunks;
    struct job_lease l;
    size_t n;
    int64_t count;

    begin_copy(f);
    for (int step = 0; step < 7; step++) {
        assert_int_equal(jobs_alive(f), 0);
        switch (step) {
        case 0:
            add_document(f, "doc-a", 2);
            break;
        case 1:
            OK(f, store_document_chunks(f->s, f->a, SLICE("doc-a"), 0, 5,
                                        &chunks, &n, &count, &f->err));
            OK(f, store_chunk_vectors_put(f->s, &other, &chunks[0].id, zero, 1,
                                          &f->err));
            break;
        case 2:
            OK(f, store_document_delete(f->s, SLICE("doc-a"), &f->err));
            break;
        case 3:
            add_papers(f, 1);
            break;
        case 4: /* not its text */
            changed = a_paper(f, 1);
            changed.version++;
            changed.comment = SLICE("12 pages");
            receive_one(f, changed);
            break;
        case 5:
            OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
            break;
        default:
            OK(f, store_copies_repair(f->s, f->a, &(struct slice){0}, &f->err));
            break;
        }
        assert_int_equal(jobs_alive(f), 1);
        l = take_job(f);
        all_done(f);
        assert_true(finish(f, &l));
    }
}

/* What changes while the job runs is among what it does, or makes the next. */
static void changes_while_it_runs(struct store_fixture *f)
{
    struct job_lease l;

    OK(f, store_copies_on(f->s, &f->err));
    l = take_job(f);
    all_done(f);
    add_document(f, "doc-a", 1);
    assert_int_equal(jobs_alive(f), 1); /* no second one */
    assert_false(finish(f, &l));
    all_done(f);
    OK(f, store_copies_repair(f->s, f->a, &(struct slice){0}, &f->err));
    assert_false(finish(f, &l)); /* it is to be looked through */
    all_done(f);
    assert_true(finish(f, &l));
    assert_int_equal(jobs_alive(f), 0);
    add_document(f, "doc-b", 1);
    assert_int_equal(jobs_alive(f), 1);
    l.attempt = 77;
    all_done(f);
    GIVES(f, ERR_CONFLICT,
          store_copies_finish(f->s, &l, SLICE_NONE, NOW, &(bool){false},
                              &f->err));
}

/* One that was cancelled does not keep the next from being made. */
static void after_a_cancel(struct store_fixture *f)
{
    struct job_lease l;

    OK(f, store_copies_on(f->s, &f->err));
    l = take_job(f);
    OK(f, store_job_cancel(f->s, slice_of(l.job_id), NOW, &f->err));
    add_document(f, "doc-a", 1);
    assert_int_equal(jobs_alive(f), 2); /* the one that stops, and the next */
}

static void another_collection(struct store_fixture *f)
{
    struct copy_state st;
    struct copy_gone *g;

    add_document(f, "doc-a", 2);
    begin_copy(f);
    note(f, VECTORS_CHUNKS, 4711, "doc-gone", 2);
    OK(f, store_copy_adopt(f->s, VECTORS_CHUNKS, SLICE("c-1"), &f->err));
    st = state_of(f, VECTORS_CHUNKS);
    assert_string_equal(st.collection, "c-1");
    assert_true(st.repair);
    assert_int_equal(st.generation, 0);
    assert_int_equal(st.waiting, 2);
    assert_int_equal(gone(f, VECTORS_CHUNKS, &g), 0); /* forgotten */
    st = state_of(f, VECTORS_PAPERS);
    assert_string_equal(st.collection, "");
    assert_false(st.repair);
    GIVES(f, ERR_INVALID,
          store_copy_adopt(f->s, VECTORS_CHUNKS,
                           SLICE("0123456789012345678901234567890123456789"
                                 "0123456789012345678901234"),
                           &f->err));
}

static void done_keeps_what_came_later(struct store_fixture *f)
{
    uint64_t before;

    begin_copy(f);
    add_document(f, "doc-a", 2);
    OK(f, store_vectors_generation(f->s, VECTORS_CHUNKS, &before, &f->err));
    add_document(f, "doc-b", 3);
    OK(f, store_copies_repair(f->s, f->a, &(struct slice){0}, &f->err));
    OK(f, store_copy_done(f->s, VECTORS_CHUNKS, before, false, &f->err));
    assert_int_equal(state_of(f, VECTORS_CHUNKS).waiting, 3);
    assert_true(state_of(f, VECTORS_CHUNKS).repair);
}

static void what_is_gone(struct store_fixture *f)
{
    int64_t a = add_document(f, "doc-a", 4), b = add_document(f, "doc-b", 2);
    struct copy_gone *g;
    int64_t next;

    begin_copy(f);
    note(f, VECTORS_CHUNKS, a, "doc-a", 2);
    note(f, VECTORS_CHUNKS, a, "doc-a", 4);
    note(f, VECTORS_CHUNKS, a, "doc-a", 1); /* again, from the beginning */
    note(f, VECTORS_CHUNKS, b, "doc-b", 2);
    assert_int_equal(gone(f, VECTORS_CHUNKS, &g), 0);
    next = add_document(f, "doc-a", 3); /* takes its place */
    OK(f, store_document_delete(f->s, SLICE("doc-b"), &f->err));
    assert_int_equal(gone(f, VECTORS_CHUNKS, &g), 2);
    assert_int_equal(g[0].note.key, a);
    TEXT("doc-a", g[0].note.name);
    assert_int_equal(g[0].note.records, 4);
    assert_int_equal(g[0].kept, 3);
    assert_int_equal(g[1].note.key, b);
    assert_int_equal(g[1].kept, 0);
    note(f, VECTORS_CHUNKS, next, "doc-a", 3);
    OK(f, store_copy_forget(f->s, VECTORS_CHUNKS, &a, 1, &f->err));
    assert_int_equal(gone(f, VECTORS_CHUNKS, &g), 1);
    assert_int_equal(g[0].note.key, b);
}

static void papers_that_are_gone(struct store_fixture *f)
{
    struct paper changed;
    struct copy_gone *g;

    add_papers(f, 3);
    begin_copy(f);
    for (int i = 1; i <= 3; i++)
        note(f, VECTORS_PAPERS, id_of(f, i), "", 1);
    assert_int_equal(gone(f, VECTORS_PAPERS, &g), 0);
    changed = a_paper(f, 2); /* its vector is of another text */
    changed.version++;
    changed.title = SLICE("Another title");
    receive_one(f, changed);
    assert_int_equal(gone(f, VECTORS_PAPERS, &g), 1);
    assert_int_equal(g[0].note.key, id_of(f, 2));
    OK(f, store_paper_delete(f->s, id_of(f, 3), NOW, &f->err));
    assert_int_equal(gone(f, VECTORS_PAPERS, &g), 2);
    add_papers(f, 0); /* number 2 gets its vector */
    assert_int_equal(gone(f, VECTORS_PAPERS, &g), 1);
}

static void off_forgets(struct store_fixture *f)
{
    struct copy_gone *g;

    begin_copy(f);
    note(f, VECTORS_CHUNKS, 4711, "doc-gone", 2);
    add_document(f, "doc-a", 1);
    assert_int_equal(jobs_alive(f), 1);
    OK(f, store_copies_off(f->s, &f->err));
    assert_int_equal(jobs_alive(f), 0);
    assert_false(state_of(f, VECTORS_CHUNKS).on);
    assert_int_equal(gone(f, VECTORS_CHUNKS, &g), 0);
    add_document(f, "doc-b", 1);
    assert_int_equal(jobs_alive(f), 0);
}

/* A job that runs when the copy is switched off comes to its end. */
static void off_while_it_runs(struct store_fixture *f)
{
    struct job_lease l;

    add_document(f, "doc-a", 1);
    OK(f, store_copies_on(f->s, &f->err));
    l = take_job(f);
    OK(f, store_copies_off(f->s, &f->err));
    assert_true(finish(f, &l));
}

static void names(struct store_fixture *f)
{
    const struct copy_name chunks[] = {{SLICE("doc-a"), 1},
                                       {SLICE("doc-a"), 2},
                                       {SLICE("doc-x"), 0},
                                       {SLICE("doc-a"), 0},
                                       {SLICE("doc-a"), -1}};
    struct copy_name papers[3] = {{.number = 0}};
    struct chunk *c;
    int64_t ids[5], count;
    size_t n;

    add_document(f, "doc-a", 3);
    add_document(f, "doc-a", 2); /* of which there is no number 2 */
    OK(f, store_document_chunks(f->s, f->a, SLICE("doc-a"), 0, 5, &c, &n,
                                &count, &f->err));
    OK(f, store_copy_find(f->s, VECTORS_CHUNKS, chunks, 5, ids, &f->err));
    assert_int_equal(ids[0], c[1].id);
    assert_int_equal(ids[1], 0);
    assert_int_equal(ids[2], 0);
    assert_int_equal(ids[3], c[0].id);
    assert_int_equal(ids[4], 0);
    add_papers(f, 2);
    receive_one(f, a_paper(f, 3)); /* which has no vector */
    for (int i = 0; i < 3; i++)
        papers[i].number = id_of(f, i + 1);
    OK(f, store_copy_find(f->s, VECTORS_PAPERS, papers, 3, ids, &f->err));
    assert_int_equal(ids[0], id_of(f, 1));
    assert_int_equal(ids[1], id_of(f, 2));
    assert_int_equal(ids[2], 0);
    OK(f, store_copy_find(f->s, VECTORS_PAPERS, papers, 0, ids, &f->err));
}

static void vectors(struct store_fixture *f)
{
    float out[4][STORE_VECTOR_DIM];
    bool found[4];
    struct chunk *c;
    int64_t ids[4] = {0}, count;
    size_t n;

    add_document(f, "doc-a", 3);
    OK(f, store_document_chunks(f->s, f->a, SLICE("doc-a"), 0, 5, &c, &n,
                                &count, &f->err));
    ids[0] = c[2].id;
    ids[1] = c[0].id;
    ids[2] = 999999;
    OK(f, store_vectors_get(f->s, VECTORS_CHUNKS, &model, ids, 3, out[0], found,
                            &f->err));
    assert_true(found[0] && found[1] && !found[2]);
    assert_true(out[0][2] == 1 && out[0][0] == 0 && out[1][0] == 1);
    OK(f, store_vectors_get(f->s, VECTORS_CHUNKS, &other, ids, 3, out[0], found,
                            &f->err));
    assert_false(found[0] || found[1] || found[2]);
    add_papers(f, 2);
    ids[0] = id_of(f, 2);
    OK(f, store_vectors_get(f->s, VECTORS_PAPERS, &model, ids, 1, out[0], found,
                            &f->err));
    assert_true(found[0] && out[0][1] == 1);
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(nothing_without_a_copy),
        CASE(on_makes_the_job),
        CASE(every_change_makes_the_job),
        CASE(changes_while_it_runs),
        CASE(after_a_cancel),
        CASE(another_collection),
        CASE(done_keeps_what_came_later),
        CASE(what_is_gone),
        CASE(papers_that_are_gone),
        CASE(off_forgets),
        CASE(off_while_it_runs),
        CASE(names),
        CASE(vectors),
    };

    return STORE_SUITE("store_copies", cases);
}
