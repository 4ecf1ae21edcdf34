/* test_store_faults.c - the store when things go wrong, over every backend:
 * calls that fail on purpose, many threads at once, kill -9, a full disk. */
#include "store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the fault seam ---- */

static void a_fault_hits_once(struct store_fixture *f)
{
    int64_t n[JOB_N_STATES];

    for (int at = 1; at <= 3; at++) {
        store_fault_after(f->s, at, ERR_UNAVAILABLE);
        for (int i = 1; i <= 4; i++) {
            enum err_code code = store_jobs_counts(f->s, n, &f->err);

            assert_int_equal(code, i == at ? ERR_UNAVAILABLE : ERR_NONE);
        }
    }
    store_fault_after(f->s, 1, ERR_NO_SPACE);
    store_fault_after(f->s, 0, ERR_NONE); /* off again */
    OK(f, store_jobs_counts(f->s, n, &f->err));
}

/* Nobody listens on port 1.  That a server which comes in time is found, and
 * one that refuses us not waited for, is in test_postgres_faults.py. */
static void waits_for_a_server_at_most_so_long(struct store_fixture *f)
{
    const struct store_options opt = {
        .database_url = "postgresql://nobody@127.0.0.1:1/none", .wait_ms = 300};
    int64_t began = clock_mono_us();
    struct err e = {0};
    struct store *s;

    (void)f;
    assert_int_equal(store_open(&s, &opt, &e), ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "cannot reach PostgreSQL"));
    assert_true(clock_mono_us() - began >= 300 * US_PER_MS);
}

/* The calls of a little story, about things numbered n. */
static enum err_code story(struct store_fixture *f, int n, int step,
                           struct job_lease *l)
{
    const char *const kinds[] = {"scrape", NULL};
    struct paper p = a_paper(f, n);
    struct job_new spec = a_job("scrape", NOW);
    struct webhook_in in = {
        .job_id = SLICE("j"), .papers = &p, .n_papers = 1, .now_us = NOW};
    struct delivery_new d = {slice_of(arena_printf(f->a, "msg_%d", n)),
                             SLICE("{}")};
    struct webhook_result r;
    struct job j;
    bool existing;
    int64_t next;

    switch (step) {
    case 0:
        return store_job_create(f->s, f->a, &spec, &j, &existing, &f->err);
    case 1:
        return store_job_claim(f->s, f->a, kinds, "w", NOW, US_PER_S, &j, l,
                               &next, &f->err);
    case 2:
        return store_scrape_page(f->s, l, &p, 1, 50, SLICE("{}"), SLICE("{}"),
                                 NOW, &f->err);
    case 3:
        return store_scrape_finish(f->s, l, JOB_COMPLETED, SLICE("{}"),
                                   SLICE_NONE, &d, 1, NOW, &f->err);
    default:
        return store_webhook_receive(f->s, &in, &r, &f->err);
    }
}
#define STEPS 5

/* Each call in turn fails and is made again: the story ends as if nothing had
 * happened, nothing is there twice. */
static void every_call_may_fail(struct store_fixture *f)
{
    struct paper_query q = everything();
    struct job_query jq = {.limit = 100};
    struct delivery *d;
    struct job *jobs;
    struct job_lease l;
    int64_t count;
    size_t n;

    for (int fault = 1; fault <= STEPS; fault++) {
        int faults = 0;

        store_fault_after(f->s, fault, ERR_NO_SPACE);
        for (int step = 0; step < STEPS;) {
            enum err_code code = story(f, fault, step, &l);

            assert_true(code == ERR_NONE || code == ERR_NO_SPACE);
            faults += code == ERR_NO_SPACE;
            step += code == ERR_NONE;
        }
        assert_int_equal(faults, 1);
        assert_int_equal(list(f, &q).count, fault);
        OK(f, store_jobs_list(f->s, f->a, &jq, &jobs, &n, &count, &f->err));
        /* each scrape and its webhook, and the one that embeds */
        assert_int_equal(count, 2 * fault + 1);
        OK(f, store_deliveries_list(f->s, f->a, -1, SLICE_NONE, 0, 10, &d, &n,
                                    &count, &f->err));
        assert_int_equal(count, fault);
    }
}

/* ---- many threads ---- */

#define THREADS 8
#define PAPERS 20
#define ROUNDS 6

struct thread {
    struct store_fixture *f;
    struct arena *a;
    pthread_t id;
    int number;
    int64_t created;
    bool failed;
};

/* All threads send the same papers, each in its own order, and read between. */
static void *send_papers(void *arg)
{
    struct thread *t = arg;
    struct store_fixture mine = *t->f;

    mine.a = t->a;
    for (int round = 0; round < ROUNDS; round++) {
        struct paper p[PAPERS];
        struct webhook_in in = {.job_id = SLICE("j"),
                                .papers = p,
                                .n_papers = PAPERS,
                                .now_us = NOW};
        struct webhook_result r;
        struct paper_query q = everything();
        struct paper_list l;

        for (int i = 0; i < PAPERS; i++)
            p[i] = a_paper(&mine,
                           round * PAPERS + (i * 7 + t->number * 3) % PAPERS);
        q.search = SLICE("number");
        if (store_webhook_receive(t->f->s, &in, &r, &mine.err) != ERR_NONE ||
            store_papers_list(t->f->s, t->a, &q, &l, &mine.err) != ERR_NONE) {
            print_error("%s\n", mine.err.msg);
            t->failed = true;
            return NULL;
        }
        t->failed |= l.count % PAPERS != 0; /* never half a webhook */
        t->failed |= r.created + r.updated != PAPERS;
        t->created += r.created;
    }
    return NULL;
}

static void each_paper_is_created_once(struct store_fixture *f)
{
    struct thread t[THREADS];
    struct paper_query q = everything();
    int64_t created = 0;

    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct thread){.f = f, .number = i};
        t[i].a = arena_new(64u << 20);
        assert_int_equal(pthread_create(&t[i].id, NULL, send_papers, &t[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i].id, NULL), 0);
        arena_free(t[i].a);
        assert_false(t[i].failed);
        created += t[i].created;
    }
    assert_int_equal(created, PAPERS * ROUNDS);
    assert_int_equal(list(f, &q).count, PAPERS * ROUNDS);
    q.search = SLICE("number");
    assert_int_equal(list(f, &q).count, PAPERS * ROUNDS);
}

#define JOBS 40

static void *claim_jobs(void *arg)
{
    static const char *const kinds[] = {"scrape", NULL};
    struct thread *t = arg;
    struct job_lease l;
    struct job j;
    int64_t next;
    struct err err;
    enum err_code code;

    do {
        code = store_job_claim(t->f->s, t->a, kinds, "w", NOW, US_PER_S, &j, &l,
                               &next, &err);
        if (code == ERR_NONE) {
            t->created++;
            code = store_job_finish(t->f->s, &l, JOB_COMPLETED, SLICE_NONE,
                                    SLICE_NONE, NOW, &err);
        }
    } while (code == ERR_NONE);
    t->failed = code != ERR_NOT_FOUND;
    return NULL;
}

static void each_job_is_claimed_once(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct thread t[THREADS];
    int64_t claimed = 0;

    for (int i = 0; i < JOBS; i++)
        create(f, &spec);
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct thread){.f = f, .number = i};
        t[i].a = arena_new(16u << 20);
        assert_int_equal(pthread_create(&t[i].id, NULL, claim_jobs, &t[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i].id, NULL), 0);
        arena_free(t[i].a);
        assert_false(t[i].failed);
        claimed += t[i].created;
    }
    assert_int_equal(claimed, JOBS);
}

/* ---- kill -9 ---- */

/* In a child: receive webhook after webhook of 5 papers and say after each that
 * it was acknowledged; never returns. */
static void write_until_killed(struct store_fixture *f, int out, int first)
{
    struct store *s = store_reopen(f);

    for (int n = first;; n++) {
        struct paper p[5];
        char id[32];
        struct webhook_in in = {.webhook_id = {id, 0},
                                .job_id = SLICE("j"),
                                .papers = p,
                                .n_papers = 5,
                                .now_us = NOW};
        struct webhook_result r;

        snprintf(id, sizeof(id), "msg_%d", n);
        in.webhook_id.len = strlen(id);
        for (int i = 0; i < 5; i++)
            p[i] = a_paper(f, n * 5 + i);
        if (store_webhook_receive(s, &in, &r, &f->err) != ERR_NONE ||
            write(out, &n, sizeof(n)) != sizeof(n))
            _exit(1);
    }
}

/* Let a child write for a moment and kill it; the last webhook it acknowledged,
 * -1: none. */
static int kill_a_writer(struct store_fixture *f, int first, int ms)
{
    int pipe_fds[2], n, last = -1, status;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_fds[0]);
        write_until_killed(f, pipe_fds[1], first);
    }
    close(pipe_fds[1]);
    /* the first acknowledgement, and then some time */
    if (read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
        last = n;
    usleep((useconds_t)ms * 1000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
        last = n;
    close(pipe_fds[0]);
    return last;
}

static void acknowledged_is_never_lost(struct store_fixture *f)
{
    int last = -1;

    srandom((unsigned)getpid());
    store_close(f->s); /* a fork must not take open databases along */
    for (int round = 0; round < 5; round++) {
        struct paper_query q = everything();
        int64_t count;
        int acknowledged = kill_a_writer(f, last + 1, (int)(random() % 40));

        assert_true(acknowledged > last);
        f->s = store_reopen(f);
        count = list(f, &q).count;
        /* all acknowledged ones, perhaps the one on its way, nothing torn */
        assert_int_equal(count % 5, 0);
        assert_in_range(count / 5, acknowledged + 1, acknowledged + 2);
        q.search = SLICE("number");
        assert_int_equal(list(f, &q).count, count);
        OK(f, store_check(f->s, &f->err));
        last = (int)(count / 5) - 1;
        if (round < 4)
            store_close(f->s);
    }
}

static void reopened_as_it_was(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct paper_query q = everything();
    uint64_t before, after;

    receive_one(f, a_paper(f, 1));
    create(f, &spec);
    OK(f, store_papers_generation(f->s, &before, &f->err));
    store_close(f->s);
    f->s = store_reopen(f);
    OK(f, store_papers_generation(f->s, &after, &f->err));
    assert_int_equal(before, after); /* an ETag is good over a restart */
    assert_int_equal(list(f, &q).count, 1);
    job_get(f, "scrape-1764000000");
}

/* ---- a full disk ---- */

static void full_disk(struct store_fixture *f)
{
    struct rlimit before, small;
    struct paper_query q = everything();
    struct webhook_result r;
    int64_t stored = 0;
    enum err_code code = ERR_NONE;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 2u << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 2000 && code == ERR_NONE; i++) {
        struct paper p = a_paper(f, i);
        struct webhook_in in = {
            .job_id = SLICE("j"), .papers = &p, .n_papers = 1, .now_us = NOW};

        code = store_webhook_receive(f->s, &in, &r, &f->err);
        stored += code == ERR_NONE;
    }
    assert_int_equal(code, ERR_NO_SPACE);
    assert_int_equal(list(f, &q).count, stored); /* reading goes on */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    receive_one(f, a_paper(f, 5000)); /* and writing too, when there is room */
    assert_int_equal(list(f, &q).count, stored + 1);
    OK(f, store_check(f->s, &f->err));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(a_fault_hits_once),
        CASE_WHERE(IN_ONE_FILE, waits_for_a_server_at_most_so_long),
        CASE(every_call_may_fail),
        CASE(each_paper_is_created_once),
        CASE(each_job_is_claimed_once),
        CASE_WHERE(ON_DISK, acknowledged_is_never_lost),
        CASE_WHERE(ON_DISK, reopened_as_it_was),
        CASE_WHERE(IN_ONE_FILE, full_disk),
    };

    return STORE_SUITE("store_faults", cases);
}
