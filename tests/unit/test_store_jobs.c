/* test_store_jobs.c - conformance of store/jobs.h. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND US_PER_S
#define CLAIM_FAILS(f, code, kind, now, next)                                  \
    claim_fails((f), (code), (kind), (now), (next), __LINE__)

static void claim_fails(struct store_fixture *f, enum err_code expected,
                        const char *kind, int64_t now_us, int64_t next,
                        int line)
{
    const char *const kinds[] = {kind, NULL};
    struct job_lease l;
    struct job j;
    int64_t next_run_at = -1;
    enum err_code code = store_job_claim(f->s, f->a, kinds, "w", now_us, SECOND,
                                         &j, &l, &next_run_at, &f->err);

    if (code != expected || next_run_at != next)
        fail_msg("line %d: claim gave %s, next %lld", line, err_name(code),
                 (long long)next_run_at);
}

static void create_and_get(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job j;

    spec.id_prefix = "arxiv";
    spec.schedule_id = 5;
    j = create(f, &spec);
    TEXT("arxiv-1764000000", j.id);
    j = job_get(f, "arxiv-1764000000");
    TEXT("scrape", j.kind);
    assert_int_equal(j.state, JOB_QUEUED);
    assert_true(j.progress == 0);
    assert_int_equal(j.created_at, NOW);
    assert_int_equal(j.run_at, NOW);
    assert_int_equal(j.attempts, 0);
    assert_int_equal(j.max_attempts, 3);
    assert_int_equal(j.schedule_id, 5);
    assert_false(j.cancel_requested);
    TEXT("{\"days\":7}", j.input);
    TEXT("", j.checkpoint);
    TEXT("", j.result);
    TEXT("", j.error);
    GIVES(f, ERR_NOT_FOUND,
          store_job_get(f->s, f->a, SLICE("nope"), &j, &f->err));
}

static void ids_in_one_second(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW), other = a_job("scrape", NOW);

    spec.id_prefix = "arxiv";
    other.id_prefix = "arxiv-1764000000"; /* looks like one of them */
    other.now_us = 7 * SECOND;
    TEXT("arxiv-1764000000", create(f, &spec).id);
    TEXT("arxiv-1764000000-2", create(f, &spec).id);
    TEXT("arxiv-1764000000-3", create(f, &spec).id);
    TEXT("arxiv-1764000000-7", create(f, &other).id);
    for (int i = 0; i < 10; i++) /* whatever they are called: all differ */
        create(f, &spec);
}

static void idempotency(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job first, again;
    bool existing;

    spec.idem_key = SLICE("key-1");
    spec.idem_route = SLICE("POST /scrape");
    spec.body_sha256[0] = 1;
    first = create(f, &spec);
    spec.now_us += SECOND;
    OK(f, store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
    assert_true(existing);
    assert_true(slice_eq(first.id, again.id));
    spec.body_sha256[0] = 2;
    GIVES(f, ERR_UNPROCESSABLE,
          store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
    spec.idem_route = SLICE("POST /other"); /* keys are of a route */
    create(f, &spec);
    spec.idem_route = SLICE("POST /scrape");
    spec.now_us = NOW + US_PER_DAY - SECOND; /* 24 h are not over */
    GIVES(f, ERR_UNPROCESSABLE,
          store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
    spec.now_us = NOW + US_PER_DAY + 1;
    create(f, &spec);
}

static void file_is(struct store_fixture *f, struct slice id, struct slice file)
{
    struct slice found;

    if (!file.len) {
        GIVES(f, ERR_NOT_FOUND,
              store_job_file(f->s, f->a, id, &found, &f->err));
        return;
    }
    OK(f, store_job_file(f->s, f->a, id, &found, &f->err));
    assert_true(slice_eq(found, file));
}

/* The file comes with the job, and goes when it is completed. */
static void files(struct store_fixture *f)
{
    const struct slice bytes = SLICE("%PDF\0\xFF' \\x00");
    struct job_new spec = a_job("process", NOW), none = a_job("other", NOW);
    struct job_lease l;
    struct slice id;
    struct job again;
    bool existing;

    spec.file = bytes;
    spec.idem_key = SLICE("k");
    spec.idem_route = SLICE("r");
    id = create(f, &spec).id;
    OK(f, store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
    assert_true(existing);
    file_is(f, id, bytes);
    file_is(f, create(f, &none).id, SLICE_NONE);
    file_is(f, SLICE("nope"), SLICE_NONE);
    claim(f, "process", NOW, &l);
    OK(f, store_job_finish(f->s, &l, JOB_FAILED, SLICE_NONE, SLICE("bad"), NOW,
                           &f->err));
    file_is(f, id, bytes);
    OK(f, store_job_restart(f->s, id, NOW, &f->err));
    claim(f, "process", NOW, &l);
    OK(f, store_job_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    file_is(f, id, SLICE_NONE);
    spec.idem_key = SLICE_NONE;
    spec.file = (struct slice){bytes.p, STORE_MAX_FILE + 1};
    GIVES(f, ERR_TOO_LARGE,
          store_job_create(f->s, f->a, &spec, &again, &existing, &f->err));
}

/* A list is not made of the documents that jobs carry. */
static void long_inputs_are_not_listed(struct store_fixture *f)
{
    size_t len = JOB_LISTED_INPUT + 1;
    char *text = test_malloc(len + 1);
    struct job_query q = {.limit = 10};
    struct job_new spec = a_job("scrape", NOW);
    struct job *jobs;
    struct slice id;
    size_t n;
    int64_t count;

    memset(text, ' ', len);
    text[0] = '{';
    text[len - 1] = '}';
    text[len] = '\0';
    spec.input = (struct slice){text, len};
    id = create(f, &spec).id;
    assert_int_equal(job_get(f, id.p).input.len, len);
    spec.input = (struct slice){text + 1, len - 1};
    text[1] = '{';
    create(f, &spec);
    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(jobs[0].input.len, len - 1);
    assert_int_equal(jobs[1].input.len, 0);
    test_free(text);
}

static void list_jobs(struct store_fixture *f)
{
    static const char *const scrape[] = {"scrape", NULL};
    static const char *const both[] = {"scrape", "webhook", NULL};
    struct job_query q = {.limit = 10};
    struct job_new a = a_job("scrape", NOW), b = a_job("webhook", NOW),
                   c = a_job("coverage", NOW);
    struct job_lease l;
    struct job *jobs;
    int64_t count;
    size_t n;

    create(f, &a);
    create(f, &b);
    create(f, &c);
    claim(f, "webhook", NOW, &l);
    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    assert_int_equal(n, 3);
    assert_int_equal(count, 3);
    TEXT("coverage", jobs[0].kind); /* newest first */
    TEXT("scrape", jobs[2].kind);
    q.kinds = scrape;
    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    assert_int_equal(count, 1);
    q.kinds = both;
    q.states = 1 << JOB_RUNNING | 1 << JOB_FAILED;
    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    assert_int_equal(count, 1);
    TEXT("webhook", jobs[0].kind);
    q = (struct job_query){.limit = 1, .offset = 1};
    OK(f, store_jobs_list(f->s, f->a, &q, &jobs, &n, &count, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(count, 3);
    TEXT("webhook", jobs[0].kind);
}

static void claim_in_order(struct store_fixture *f)
{
    struct job_new first = a_job("scrape", NOW), second = a_job("scrape", NOW),
                   later = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;

    second.id_prefix = "second";
    second.run_at = NOW + 2 * SECOND;
    first.id_prefix = "first";
    first.run_at = NOW + SECOND;
    later.run_at = NOW + 60 * SECOND;
    create(f, &second);
    create(f, &later);
    create(f, &first);
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", NOW, NOW + SECOND);
    CLAIM_FAILS(f, ERR_NOT_FOUND, "webhook", NOW, 0);
    j = claim(f, "scrape", NOW + 5 * SECOND, &l); /* waits longest */
    TEXT("first-1764000000", j.id);
    assert_int_equal(j.state, JOB_RUNNING);
    assert_int_equal(j.attempts, 1);
    assert_int_equal(j.lease_until, NOW + 35 * SECOND);
    assert_string_equal(l.job_id, "first-1764000000");
    assert_string_equal(l.owner, "worker-1");
    TEXT("second-1764000000", claim(f, "scrape", NOW + 5 * SECOND, &l).id);
    /* now the first lease's end is what comes first */
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", NOW + 5 * SECOND,
                NOW + 35 * SECOND);
}

static void every_kind_is_seen(struct store_fixture *f)
{
    static const char *const kinds[] = {"scrape", "webhook", NULL};
    struct job_new a = a_job("webhook", NOW);
    struct job_lease l;
    struct job j;
    int64_t next;

    create(f, &a);
    OK(f, store_job_claim(f->s, f->a, kinds, "w", NOW, SECOND, &j, &l, &next,
                          &f->err));
    TEXT("webhook", j.kind);
}

static void a_lost_lease_writes_nothing(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease slow, fast, wrong;
    struct job j;
    struct paper p = a_paper(f, 1);
    struct paper *out;
    size_t n;
    bool cancel;

    create(f, &spec);
    claim(f, "scrape", NOW, &slow);
    /* the lease has run out, but nobody took the job: it is still held */
    OK(f,
       store_job_heartbeat(f->s, &slow, NOW + 40 * SECOND, &cancel, &f->err));
    assert_false(cancel);
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", NOW + 39 * SECOND,
                NOW + 40 * SECOND);
    j = claim(f, "scrape", NOW + 41 * SECOND, &fast);
    assert_int_equal(j.attempts, 2);
    assert_true(fast.attempt > slow.attempt);
    GIVES(f, ERR_CONFLICT,
          store_job_heartbeat(f->s, &slow, NOW, &cancel, &f->err));
    GIVES(f, ERR_CONFLICT,
          store_job_progress(f->s, &slow, 50, SLICE("{}"), SLICE("{}"), NOW,
                             &f->err));
    GIVES(f, ERR_CONFLICT,
          store_job_finish(f->s, &slow, JOB_COMPLETED, SLICE("{}"), SLICE_NONE,
                           NOW, &f->err));
    GIVES(f, ERR_CONFLICT,
          store_job_release(f->s, &slow, NOW, true, SLICE_NONE, NOW, &f->err));
    GIVES(f, ERR_CONFLICT,
          store_scrape_page(f->s, &slow, &p, 1, 50, SLICE("{}"), SLICE("{}"),
                            NOW, &f->err));
    GIVES(f, ERR_CONFLICT,
          store_scrape_finish(f->s, &slow, JOB_COMPLETED, SLICE("{}"),
                              SLICE_NONE, NULL, 0, NOW, &f->err));
    OK(f, store_scrape_papers(f->s, f->a, j.id, &out, &n, &f->err));
    assert_int_equal(n, 0);
    assert_true(job_get(f, fast.job_id).progress == 0);
    wrong = fast;
    wrong.owner[0] = 'x';
    GIVES(f, ERR_CONFLICT,
          store_job_heartbeat(f->s, &wrong, NOW, &cancel, &f->err));
    OK(f, store_job_finish(f->s, &fast, JOB_COMPLETED, SLICE("{\"n\":1}"),
                           SLICE_NONE, NOW + 50 * SECOND, &f->err));
    GIVES(f, ERR_CONFLICT, /* ended: nobody holds it */
          store_job_finish(f->s, &fast, JOB_FAILED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    j = job_get(f, fast.job_id);
    assert_int_equal(j.state, JOB_COMPLETED);
    assert_true(j.progress == 100);
    TEXT("{\"n\":1}", j.result);
}

static void progress(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;

    create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_progress(f->s, &l, 12.5, SLICE("{\"page\":2}"),
                             SLICE("{\"found\":9}"), NOW + 1, &f->err));
    OK(f, store_job_progress(f->s, &l, 25, SLICE_NONE, SLICE_NONE, NOW + 2,
                             &f->err)); /* keeps both */
    j = job_get(f, l.job_id);
    assert_true(j.progress == 25);
    TEXT("{\"page\":2}", j.checkpoint);
    TEXT("{\"found\":9}", j.result);
    assert_int_equal(j.updated_at, NOW + 2);
    GIVES(f, ERR_INVALID,
          store_job_progress(f->s, &l, 100.5, SLICE_NONE, SLICE_NONE, NOW,
                             &f->err));
    OK(f, store_job_finish(f->s, &l, JOB_FAILED, SLICE_NONE, SLICE("no luck"),
                           NOW + 3, &f->err));
    j = job_get(f, l.job_id);
    assert_int_equal(j.state, JOB_FAILED);
    assert_true(j.progress == 25);
    TEXT("{\"found\":9}", j.result);
    TEXT("no luck", j.error);
}

static void poison(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;
    int64_t now = NOW;

    create(f, &spec);
    /* Takes three workers along, and the one that was to end it. */
    for (int i = 0; i < 4; i++, now += 60 * SECOND) {
        j = claim(f, "scrape", now, &l);
        assert_int_equal(j.attempts, i + 1);
        assert_int_equal(j.attempts > j.max_attempts, i == 3);
    }
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", now, 0);
    j = job_get(f, l.job_id);
    assert_int_equal(j.state, JOB_FAILED);
    assert_true(j.error.len > 0);
}

static void progress_is_no_poison(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    int64_t now = NOW;

    create(f, &spec);
    for (int i = 0; i < 10; i++, now += 60 * SECOND) {
        claim(f, "scrape", now, &l);
        OK(f, store_job_progress(f->s, &l, i, SLICE("{}"), SLICE_NONE, now,
                                 &f->err));
        assert_int_equal(job_get(f, l.job_id).attempts, 1);
    }
}

static void release(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;
    int64_t now = NOW;

    create(f, &spec);
    for (int i = 0; i < 5; i++) { /* orderly stops do not count */
        claim(f, "scrape", now, &l);
        OK(f,
           store_job_release(f->s, &l, now, false, SLICE_NONE, now, &f->err));
        assert_int_equal(job_get(f, l.job_id).attempts, 0);
    }
    claim(f, "scrape", now, &l);
    OK(f, store_job_release(f->s, &l, now + 5 * SECOND, true,
                            SLICE("try later"), now, &f->err));
    j = job_get(f, l.job_id);
    assert_int_equal(j.state, JOB_QUEUED);
    assert_int_equal(j.attempts, 1);
    assert_int_equal(j.run_at, now + 5 * SECOND);
    assert_int_equal(j.lease_until, 0);
    TEXT("try later", j.error);
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", now, now + 5 * SECOND);
}

static void cancel(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j = create(f, &spec);
    bool cancelled = false;

    OK(f, store_job_cancel(f->s, j.id, NOW, &f->err)); /* queued: at once */
    assert_int_equal(job_get(f, "scrape-1764000000").state, JOB_CANCELLED);
    GIVES(f, ERR_CONFLICT, store_job_cancel(f->s, j.id, NOW, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_job_cancel(f->s, SLICE("nope"), NOW, &f->err));
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", NOW + SECOND, 0);

    j = create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_cancel(f->s, j.id, NOW, &f->err)); /* running: asked */
    assert_int_equal(job_get(f, l.job_id).state, JOB_RUNNING);
    assert_true(job_get(f, l.job_id).cancel_requested);
    OK(f, store_job_heartbeat(f->s, &l, NOW + SECOND, &cancelled, &f->err));
    assert_true(cancelled);
    OK(f, store_job_finish(f->s, &l, JOB_CANCELLED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    assert_int_equal(job_get(f, l.job_id).state, JOB_CANCELLED);

    j = create(f, &spec); /* asked, and the worker died or stopped */
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_cancel(f->s, j.id, NOW, &f->err));
    CLAIM_FAILS(f, ERR_NOT_FOUND, "scrape", NOW + 60 * SECOND, 0);
    assert_int_equal(job_get(f, l.job_id).state, JOB_CANCELLED);
    j = create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_cancel(f->s, j.id, NOW, &f->err));
    OK(f, store_job_release(f->s, &l, NOW, false, SLICE_NONE, NOW, &f->err));
    assert_int_equal(job_get(f, l.job_id).state, JOB_CANCELLED);
}

static void restart(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j = create(f, &spec);

    GIVES(f, ERR_CONFLICT, store_job_restart(f->s, j.id, NOW, &f->err));
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_progress(f->s, &l, 40, SLICE("{\"page\":4}"), SLICE_NONE,
                             NOW, &f->err));
    GIVES(f, ERR_CONFLICT, store_job_restart(f->s, j.id, NOW, &f->err));
    OK(f, store_job_finish(f->s, &l, JOB_FAILED, SLICE_NONE, SLICE("broken"),
                           NOW, &f->err));
    OK(f, store_job_restart(f->s, j.id, NOW + 9 * SECOND, &f->err));
    j = job_get(f, l.job_id);
    assert_int_equal(j.state, JOB_QUEUED);
    assert_int_equal(j.run_at, NOW + 9 * SECOND);
    assert_int_equal(j.attempts, 0);
    TEXT("{\"page\":4}", j.checkpoint);
    TEXT("", j.error);
    claim(f, "scrape", NOW + 9 * SECOND, &l);
    OK(f, store_job_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    GIVES(f, ERR_CONFLICT, store_job_restart(f->s, j.id, NOW, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_job_restart(f->s, SLICE("nope"), NOW, &f->err));
}

/* Embedded: a new process has the leases of the one before.  With PostgreSQL
 * the other process may be alive: nothing may happen. */
static void recover(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l, again;
    bool embedded = !f->server, cancelled;

    create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_jobs_recover(f->s, NOW + 1, &f->err));
    assert_int_equal(job_get(f, l.job_id).state,
                     embedded ? JOB_QUEUED : JOB_RUNNING);
    if (!embedded)
        return;
    /* the claim of the dead one counts, or a poisoned job would never end */
    assert_int_equal(claim(f, "scrape", NOW + 2, &again).attempts, 2);
    GIVES(f, ERR_CONFLICT,
          store_job_heartbeat(f->s, &l, NOW + 3, &cancelled, &f->err));
}

static void counts(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    int64_t by_state[JOB_N_STATES];

    for (int i = 0; i < 4; i++)
        create(f, &spec);
    claim(f, "scrape", NOW, &l);
    OK(f, store_job_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    claim(f, "scrape", NOW, &l);
    OK(f, store_jobs_counts(f->s, by_state, &f->err));
    assert_int_equal(by_state[JOB_QUEUED], 2);
    assert_int_equal(by_state[JOB_RUNNING], 1);
    assert_int_equal(by_state[JOB_COMPLETED], 1);
    assert_int_equal(by_state[JOB_FAILED], 0);
    assert_int_equal(by_state[JOB_CANCELLED], 0);
}

static void bad_arguments(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    char owner[60];
    const char *const kinds[] = {"scrape", NULL};
    struct job_lease l;
    struct job j;
    int64_t next;
    bool existing;

    spec.id_prefix = "a prefix that is so long that no id with a time in it "
                     "could ever be put into a lease";
    GIVES(f, ERR_INVALID,
          store_job_create(f->s, f->a, &spec, &j, &existing, &f->err));
    spec = a_job("scrape", NOW);
    spec.max_attempts = 0;
    GIVES(f, ERR_INVALID,
          store_job_create(f->s, f->a, &spec, &j, &existing, &f->err));
    memset(owner, 'o', sizeof(owner));
    owner[59] = 0;
    GIVES(f, ERR_INVALID,
          store_job_claim(f->s, f->a, kinds, owner, NOW, 1, &j, &l, &next,
                          &f->err));
    memset(&l, 'x', sizeof(l));
    GIVES(f, ERR_INVALID,
          store_job_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
    memset(&l, 0, sizeof(l));
    GIVES(f, ERR_INVALID,
          store_job_finish(f->s, &l, JOB_RUNNING, SLICE_NONE, SLICE_NONE, NOW,
                           &f->err));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(create_and_get),
        CASE(ids_in_one_second),
        CASE(idempotency),
        CASE(list_jobs),
        CASE(files),
        CASE(long_inputs_are_not_listed),
        CASE(claim_in_order),
        CASE(every_kind_is_seen),
        CASE(a_lost_lease_writes_nothing),
        CASE(progress),
        CASE(poison),
        CASE(progress_is_no_poison),
        CASE(release),
        CASE(cancel),
        CASE(restart),
        CASE(recover),
        CASE(counts),
        CASE(bad_arguments),
    };

    return STORE_SUITE("store_jobs", cases);
}
