/* test_store_scrape.c - conformance of store/scrape.h: results, outbox,
 * schedules, coverage, limiter. */
#include "store_fixture.h"

#include <pthread.h>
#include <string.h>

#define SECOND US_PER_S

/* ---- results ---- */

static struct job_lease running_scrape(struct store_fixture *f)
{
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;

    create(f, &spec);
    claim(f, "scrape", NOW, &l);
    return l;
}

static void results(struct store_fixture *f)
{
    struct job_lease l = running_scrape(f);
    struct paper p[3] = {a_paper(f, 1), a_paper(f, 2), a_paper(f, 3)}, *out;
    size_t n;

    OK(f, store_scrape_page(f->s, &l, p, 2, 40, SLICE("{\"start\":2}"),
                            SLICE("{\"found\":2}"), NOW, &f->err));
    p[0].title = SLICE("Seen again, changed");
    OK(f, store_scrape_page(f->s, &l, p, 3, 80, SLICE("{\"start\":3}"),
                            SLICE("{\"found\":3}"), NOW, &f->err));
    OK(f,
       store_scrape_papers(f->s, f->a, slice_of(l.job_id), &out, &n, &f->err));
    assert_int_equal(n, 3);
    TEXT("Seen again, changed", out[0].title); /* replaced, in its old place */
    TEXT("Paper number 2", out[1].title);
    TEXT("Paper number 3", out[2].title);
    TEXT("[\"Ada Lovelace\",\"Alan Turing\"]", out[0].author_list);
    assert_int_equal(out[0].published_at, p[0].published_at);
    assert_true(out[0].relevance_score == 0.5);
    assert_true(job_get(f, l.job_id).progress == 80);
    TEXT("{\"start\":3}", job_get(f, l.job_id).checkpoint);
    TEXT("{\"found\":3}", job_get(f, l.job_id).result);
    OK(f, store_scrape_latest(f->s, f->a, 2, &out, &n, &f->err));
    assert_int_equal(n, 2);
    TEXT("Paper number 3", out[0].title);
    OK(f, store_scrape_papers(f->s, f->a, SLICE("none"), &out, &n, &f->err));
    assert_int_equal(n, 0);
}

static void a_bad_page_is_not_stored(struct store_fixture *f)
{
    struct job_lease l = running_scrape(f);
    struct paper p[2] = {a_paper(f, 1), a_paper(f, 2)}, *out;
    size_t n;

    p[1].title = SLICE("\xc3");
    GIVES(f, ERR_INVALID,
          store_scrape_page(f->s, &l, p, 2, 40, SLICE("{}"), SLICE("{}"), NOW,
                            &f->err));
    OK(f,
       store_scrape_papers(f->s, f->a, slice_of(l.job_id), &out, &n, &f->err));
    assert_int_equal(n, 0);
    assert_true(job_get(f, l.job_id).progress == 0);
}

/* ---- outbox ---- */

/* A finished scrape with two deliveries; the id of its job. */
static struct job_lease finished_scrape(struct store_fixture *f)
{
    const struct delivery_new d[] = {
        {SLICE("msg_1"), SLICE("{\"n\":1}")},
        {SLICE("msg_2"), SLICE("{\"n\":22}")},
    };
    struct job_lease l = running_scrape(f);

    OK(f, store_scrape_finish(f->s, &l, JOB_COMPLETED, SLICE("{\"found\":2}"),
                              SLICE_NONE, d, 2, NOW, &f->err));
    return l;
}

static struct delivery delivery(struct store_fixture *f, int64_t id)
{
    struct delivery d;

    OK(f, store_delivery_get(f->s, f->a, id, &d, &f->err));
    return d;
}

/* Oldest first. */
static struct delivery *deliveries(struct store_fixture *f, size_t expected)
{
    struct delivery *d, swap;
    int64_t count;
    size_t n;

    OK(f, store_deliveries_list(f->s, f->a, -1, SLICE_NONE, 0, 10, &d, &n,
                                &count, &f->err));
    assert_int_equal(n, expected);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < n / 2; i++) {
        swap = d[i];
        d[i] = d[n - 1 - i];
        d[n - 1 - i] = swap;
    }
    return d;
}

/* The delivery that a webhook job is about. */
static int64_t delivery_of(const struct job *j)
{
    const struct slice before = SLICE("{\"delivery_id\":");
    int64_t id = 0;

    assert_true(slice_starts(j->input, "{\"delivery_id\":"));
    assert_true(
        slice_to_i64(slice_sub(j->input, before.len, j->input.len - 1), &id));
    return id;
}

static struct delivery_outcome an_outcome(int64_t id, enum delivery_status st)
{
    return (struct delivery_outcome){
        .delivery_id = id,
        .attempt = {.at = NOW + SECOND, .took_ms = 12, .status = 201},
        .status = st,
        .papers_created = 3,
        .papers_updated = 2,
        .papers_unchanged = 1,
        .now_us = NOW + SECOND,
    };
}

static void finish_fills_the_outbox(struct store_fixture *f)
{
    struct job_lease l = finished_scrape(f);
    struct delivery *d = deliveries(f, 2), got;
    struct job_lease wl;
    struct job j;
    int64_t count;
    size_t n;

    assert_int_equal(job_get(f, l.job_id).state, JOB_COMPLETED);
    TEXT("msg_1", d[0].webhook_id);
    TEXT(l.job_id, d[0].job_id);
    assert_int_equal(d[0].status, DELIVERY_PENDING);
    assert_int_equal(d[0].attempts, 0);
    assert_int_equal(d[0].created_at, NOW);
    assert_int_equal(d[0].delivered_at, 0);
    assert_int_equal(d[0].body_bytes, 7);
    assert_int_equal(d[0].papers_created, -1);
    assert_int_equal(d[0].body.len, 0); /* lists have no bodies */
    got = delivery(f, d[1].id);
    TEXT("{\"n\":22}", got.body);
    for (int i = 0; i < 2; i++) { /* a job for each */
        j = claim(f, "webhook", NOW, &wl);
        assert_int_equal(delivery_of(&j), d[i].id);
        assert_true(j.max_attempts > 0);
    }
    OK(f, store_deliveries_list(f->s, f->a, DELIVERY_DEAD, SLICE_NONE, 0, 10,
                                &d, &n, &count, &f->err));
    assert_int_equal(count, 0);
    OK(f,
       store_deliveries_list(f->s, f->a, DELIVERY_PENDING, slice_of(l.job_id),
                             1, 10, &d, &n, &count, &f->err));
    assert_int_equal(count, 2);
    assert_int_equal(n, 1);
    OK(f, store_deliveries_list(f->s, f->a, -1, SLICE("other"), 0, 10, &d, &n,
                                &count, &f->err));
    assert_int_equal(count, 0);
    GIVES(f, ERR_NOT_FOUND, store_delivery_get(f->s, f->a, 999, &got, &f->err));
}

static void delivered(struct store_fixture *f)
{
    struct delivery_attempt *at;
    struct job_lease wl;
    struct job j;
    struct delivery_outcome o;
    struct delivery d;
    size_t n;

    finished_scrape(f);
    j = claim(f, "webhook", NOW, &wl);
    o = an_outcome(delivery_of(&j), DELIVERY_DELIVERED);
    o.attempt.response = SLICE("{\"status\":\"success\"}");
    OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
    d = delivery(f, o.delivery_id);
    assert_int_equal(d.status, DELIVERY_DELIVERED);
    assert_int_equal(d.attempts, 1);
    assert_int_equal(d.delivered_at, NOW + SECOND);
    assert_int_equal(d.next_attempt_at, 0);
    assert_int_equal(d.last_status, 201);
    assert_int_equal(d.papers_created, 3);
    assert_int_equal(d.papers_updated, 2);
    assert_int_equal(d.papers_unchanged, 1);
    assert_int_equal(job_get(f, wl.job_id).state, JOB_COMPLETED);
    OK(f, store_delivery_attempts(f->s, f->a, d.id, &at, &n, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(at[0].n, 1);
    assert_int_equal(at[0].at, NOW + SECOND);
    assert_int_equal(at[0].took_ms, 12);
    assert_int_equal(at[0].status, 201);
    TEXT("{\"status\":\"success\"}", at[0].response);
    GIVES(f, ERR_CONFLICT, store_delivery_report(f->s, &wl, &o, &f->err));
    GIVES(f, ERR_NOT_FOUND,
          store_delivery_attempts(f->s, f->a, 999, &at, &n, &f->err));
}

static void retried_then_dead_then_replayed(struct store_fixture *f)
{
    struct job_lease wl;
    struct job j;
    struct delivery_outcome o;
    struct delivery_attempt *at;
    struct delivery d;
    char long_response[2001];
    size_t n;

    memset(long_response, 'r', sizeof(long_response));
    finished_scrape(f);
    j = claim(f, "webhook", NOW, &wl);
    o = an_outcome(delivery_of(&j), DELIVERY_PENDING);
    o.attempt.status = 500;
    o.attempt.error = SLICE("HTTP 500");
    o.attempt.response = (struct slice){long_response, sizeof(long_response)};
    for (int i = 1; i <= 7; i++) { /* more than max_attempts: no poison */
        o.retry_at = NOW + i * 60 * SECOND;
        OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
        d = delivery(f, o.delivery_id);
        assert_int_equal(d.status, DELIVERY_PENDING);
        assert_int_equal(d.attempts, i);
        assert_int_equal(d.next_attempt_at, o.retry_at);
        assert_int_equal(d.last_status, 500);
        TEXT("HTTP 500", d.last_error);
        assert_int_equal(d.papers_created, -1);
        j = job_get(f, wl.job_id);
        assert_int_equal(j.state, JOB_QUEUED);
        assert_int_equal(j.run_at, o.retry_at);
        if (i == 1) /* the other delivery is out of the way */
            claim(f, "webhook", NOW, &wl);
        j = claim(f, "webhook", o.retry_at, &wl);
        while (delivery_of(&j) != o.delivery_id)
            j = claim(f, "webhook", o.retry_at, &wl);
    }
    o.status = DELIVERY_DEAD;
    OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
    assert_int_equal(delivery(f, o.delivery_id).status, DELIVERY_DEAD);
    assert_int_equal(job_get(f, wl.job_id).state, JOB_FAILED);
    TEXT("HTTP 500", job_get(f, wl.job_id).error);
    OK(f, store_delivery_attempts(f->s, f->a, o.delivery_id, &at, &n, &f->err));
    assert_int_equal(n, 8);
    assert_int_equal(at[7].n, 8);
    assert_int_equal(at[7].response.len, 2000);

    OK(f, store_delivery_replay(f->s, o.delivery_id, NOW + 3600 * SECOND,
                                &f->err));
    d = delivery(f, o.delivery_id);
    assert_int_equal(d.status, DELIVERY_PENDING);
    assert_int_equal(d.attempts, 8);
    TEXT("msg_1", d.webhook_id);
    GIVES(f, ERR_CONFLICT,
          store_delivery_replay(f->s, o.delivery_id, NOW, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_delivery_replay(f->s, 999, NOW, &f->err));
    do {
        j = claim(f, "webhook", NOW + 3601 * SECOND, &wl);
    } while (delivery_of(&j) != o.delivery_id);
    o = an_outcome(o.delivery_id, DELIVERY_DELIVERED);
    OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
    assert_int_equal(delivery(f, o.delivery_id).attempts, 9);
}

static void a_delivery_follows_its_job(struct store_fixture *f)
{
    struct job_lease wl;
    struct job j;
    struct delivery_outcome o;
    int64_t id;

    finished_scrape(f);
    j = claim(f, "webhook", NOW, &wl);
    id = delivery_of(&j);
    o = an_outcome(id, DELIVERY_PENDING);
    o.retry_at = NOW + 60 * SECOND;
    OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
    OK(f, store_job_cancel(f->s, slice_of(wl.job_id), NOW, &f->err));
    assert_int_equal(delivery(f, id).status, DELIVERY_DEAD);
    OK(f, store_job_restart(f->s, slice_of(wl.job_id), NOW, &f->err));
    assert_int_equal(delivery(f, id).status, DELIVERY_PENDING);

    do { /* cancelled while it runs: what it reports as pending is dead */
        j = claim(f, "webhook", NOW, &wl);
    } while (delivery_of(&j) != id);
    OK(f, store_job_cancel(f->s, slice_of(wl.job_id), NOW, &f->err));
    OK(f, store_delivery_report(f->s, &wl, &o, &f->err));
    assert_int_equal(job_get(f, wl.job_id).state, JOB_CANCELLED);
    assert_int_equal(delivery(f, id).status, DELIVERY_DEAD);
}

static void a_poisoned_delivery_is_dead(struct store_fixture *f)
{
    const char *const kinds[] = {"webhook", NULL};
    struct delivery *d;
    struct job_lease wl;
    struct job j;
    int64_t next, now = NOW;

    finished_scrape(f);
    while (store_job_claim(f->s, f->a, kinds, "w", now, SECOND, &j, &wl, &next,
                           &f->err) == ERR_NONE)
        now += 60 * SECOND;
    d = deliveries(f, 2);
    assert_int_equal(d[0].status, DELIVERY_DEAD);
    assert_int_equal(d[1].status, DELIVERY_DEAD);
}

/* ---- schedules ---- */

static struct schedule a_schedule(void)
{
    return (struct schedule){
        .source = SLICE("arxiv"),
        .category = SLICE("llm"),
        .query = SLICE("ti:agents"),
        .arxiv_categories = SLICE("[\"cs.AI\"]"),
        .at = SLICE("06:00"),
        .tz = SLICE("Europe/Berlin"),
        .every_s = 86400,
        .days = 7,
        .max_results = 50,
        .enabled = true,
        .next_run_at = NOW + 3600 * SECOND,
    };
}

static struct schedule schedule(struct store_fixture *f, int64_t id)
{
    struct schedule s;

    OK(f, store_schedule_get(f->s, f->a, id, &s, &f->err));
    return s;
}

static void schedules(struct store_fixture *f)
{
    struct schedule sch = a_schedule(), got, *all;
    int64_t id = 0, second = 0, count;
    size_t n;

    OK(f, store_schedule_put(f->s, &sch, NOW, &id, &f->err));
    assert_true(id > 0);
    got = schedule(f, id);
    assert_int_equal(got.id, id);
    TEXT("arxiv", got.source);
    TEXT("llm", got.category);
    TEXT("ti:agents", got.query);
    TEXT("[\"cs.AI\"]", got.arxiv_categories);
    TEXT("06:00", got.at);
    TEXT("Europe/Berlin", got.tz);
    assert_int_equal(got.every_s, 86400);
    assert_int_equal(got.days, 7);
    assert_int_equal(got.max_results, 50);
    assert_true(got.enabled);
    assert_int_equal(got.next_run_at, NOW + 3600 * SECOND);
    assert_int_equal(got.last_run_at, 0);
    assert_int_equal(got.last_confirmed_at, 0);
    TEXT("", got.last_job_id);
    assert_int_equal(got.created_at, NOW);

    sch.id = id;
    sch.category = SLICE("cv");
    sch.enabled = false;
    OK(f, store_schedule_put(f->s, &sch, NOW + 5, &id, &f->err));
    assert_int_equal(id, sch.id);
    got = schedule(f, id);
    TEXT("cv", got.category);
    assert_false(got.enabled);
    assert_int_equal(got.created_at, NOW);
    assert_int_equal(got.updated_at, NOW + 5);
    sch.id = 999;
    GIVES(f, ERR_NOT_FOUND,
          store_schedule_put(f->s, &sch, NOW, &second, &f->err));

    sch = a_schedule();
    OK(f, store_schedule_put(f->s, &sch, NOW, &second, &f->err));
    OK(f,
       store_schedules_list(f->s, f->a, 0, 0, 10, &all, &n, &count, &f->err));
    assert_int_equal(n, 2);
    assert_int_equal(all[0].id, id);
    OK(f,
       store_schedules_list(f->s, f->a, 0, 1, 10, &all, &n, &count, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(count, 2);
    /* due: enabled and in time */
    OK(f, store_schedules_list(f->s, f->a, NOW + 3600 * SECOND, 0, 10, &all, &n,
                               &count, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(all[0].id, second);
    OK(f,
       store_schedules_list(f->s, f->a, NOW, 0, 10, &all, &n, &count, &f->err));
    assert_int_equal(count, 0);
    OK(f, store_schedule_delete(f->s, id, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_schedule_delete(f->s, id, &f->err));
    GIVES(f, ERR_NOT_FOUND, store_schedule_get(f->s, f->a, id, &got, &f->err));
}

static void fire_once(struct store_fixture *f)
{
    struct schedule sch = a_schedule(), got;
    struct job_new spec = a_job("scrape", NOW);
    struct job j;
    struct job_query all = {.limit = 10};
    struct job *jobs;
    int64_t id, next = sch.next_run_at + 86400 * SECOND, count;
    size_t n;

    OK(f, store_schedule_put(f->s, &sch, NOW, &id, &f->err));
    OK(f, store_schedule_fire(f->s, f->a, id, sch.next_run_at, next, &spec, &j,
                              &f->err));
    assert_int_equal(j.schedule_id, id);
    got = schedule(f, id);
    assert_int_equal(got.next_run_at, next);
    assert_int_equal(got.last_run_at, NOW);
    assert_true(slice_eq(got.last_job_id, j.id));
    GIVES(f, ERR_CONFLICT, /* another process had the same idea */
          store_schedule_fire(f->s, f->a, id, sch.next_run_at, next, &spec, &j,
                              &f->err));
    OK(f, store_jobs_list(f->s, f->a, &all, &jobs, &n, &count, &f->err));
    assert_int_equal(count, 1);
}

/* Confirmed when the last delivery of the completed scrape is through. */
static void confirmed_by_deliveries(struct store_fixture *f)
{
    const struct delivery_new d[] = {
        {SLICE("msg_a"), SLICE("{}")},
        {SLICE("msg_b"), SLICE("{}")},
    };
    struct schedule sch = a_schedule();
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;
    struct delivery_outcome o;
    int64_t id;

    OK(f, store_schedule_put(f->s, &sch, NOW, &id, &f->err));
    OK(f, store_schedule_fire(f->s, f->a, id, sch.next_run_at, NOW + 1, &spec,
                              &j, &f->err));
    claim(f, "scrape", NOW, &l);
    OK(f, store_scrape_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE,
                              d, 2, NOW + 5, &f->err));
    assert_int_equal(schedule(f, id).last_confirmed_at, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(schedule(f, id).last_confirmed_at, 0);
        j = claim(f, "webhook", NOW + 6, &l);
        o = an_outcome(delivery_of(&j), DELIVERY_DELIVERED);
        OK(f, store_delivery_report(f->s, &l, &o, &f->err));
    }
    assert_int_equal(schedule(f, id).last_confirmed_at, NOW);
}

static void confirmed_without_deliveries(struct store_fixture *f)
{
    struct schedule sch = a_schedule();
    struct job_new spec = a_job("scrape", NOW);
    struct job_lease l;
    struct job j;
    int64_t id;

    OK(f, store_schedule_put(f->s, &sch, NOW, &id, &f->err));
    OK(f, store_schedule_fire(f->s, f->a, id, sch.next_run_at, NOW + 1, &spec,
                              &j, &f->err));
    claim(f, "scrape", NOW, &l);
    OK(f, store_scrape_finish(f->s, &l, JOB_FAILED, SLICE_NONE, SLICE("down"),
                              NULL, 0, NOW + 5, &f->err));
    assert_int_equal(schedule(f, id).last_confirmed_at, 0); /* it failed */
    spec.now_us = NOW + 2 * SECOND;
    OK(f, store_schedule_fire(f->s, f->a, id, NOW + 1, NOW + 2, &spec, &j,
                              &f->err));
    claim(f, "scrape", NOW + 3 * SECOND, &l);
    OK(f, store_scrape_finish(f->s, &l, JOB_COMPLETED, SLICE_NONE, SLICE_NONE,
                              NULL, 0, NOW + 5, &f->err));
    assert_int_equal(schedule(f, id).last_confirmed_at, NOW + 2 * SECOND);
}

/* ---- coverage ---- */

static void coverage(struct store_fixture *f)
{
    int64_t today = NOW / US_PER_DAY, count;
    struct paper p[4];
    struct coverage *c;
    size_t n;

    for (int i = 0; i < 4; i++)
        p[i] = a_paper(f, i);
    p[1].published_at = (today + 1) * US_PER_DAY - 1; /* its last moment */
    p[2].published_at = today * US_PER_DAY - 1;       /* the day before */
    p[3].arxiv_categories = SLICE("[\"cs.LG\"]");
    receive(f, p, 4);
    OK(f, store_coverage_put(f->s, SLICE("cs.AI"), today, 5, NOW, &f->err));
    OK(f, store_coverage_put(f->s, SLICE("cs.AI"), today, 4, NOW + 1, &f->err));
    OK(f, store_coverage_put(f->s, SLICE("cs.LG"), today, 9, NOW, &f->err));
    OK(f, store_coverage_put(f->s, SLICE("cs.AI"), today - 1, 1, NOW, &f->err));
    OK(f, store_coverage_list(f->s, f->a, SLICE_NONE, 0, 10, &c, &n, &count,
                              &f->err));
    assert_int_equal(n, 3);
    assert_int_equal(count, 3);
    TEXT("cs.AI", c[0].category);
    assert_int_equal(c[0].day, today);
    assert_int_equal(c[0].expected, 4);
    assert_int_equal(c[0].stored, 2);
    assert_int_equal(c[0].checked_at, NOW + 1);
    TEXT("cs.LG", c[1].category);
    assert_int_equal(c[1].stored, 3);
    assert_int_equal(c[2].day, today - 1);
    assert_int_equal(c[2].stored, 1);
    OK(f, store_paper_delete(f->s, id_of(f, 0), NOW, &f->err));
    OK(f, store_coverage_list(f->s, f->a, SLICE("cs.AI"), 0, 1, &c, &n, &count,
                              &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(count, 2);
    assert_int_equal(c[0].stored, 1);
}

/* ---- limiter ---- */

static bool add_one(struct limiter_state *st, void *ctx)
{
    st->next_at += 1;
    st->failures += 2;
    st->busy_until = 7;
    st->open_until = 8;
    return ctx == NULL;
}

static void limiter(struct store_fixture *f)
{
    struct limiter_state st;
    int no = 1;

    OK(f, store_limiter_update(f->s, "arxiv", add_one, NULL, &st, &f->err));
    assert_int_equal(st.next_at, 1);
    OK(f, store_limiter_update(f->s, "arxiv", add_one, NULL, &st, &f->err));
    assert_int_equal(st.next_at, 2);
    assert_int_equal(st.failures, 4);
    assert_int_equal(st.busy_until, 7);
    assert_int_equal(st.open_until, 8);
    OK(f, store_limiter_update(f->s, "arxiv", add_one, &no, &st, &f->err));
    assert_int_equal(st.next_at, 2); /* left unwritten */
    OK(f, store_limiter_update(f->s, "other", add_one, NULL, &st, &f->err));
    assert_int_equal(st.next_at, 1);
}

#define TURNS 25

static void *take_turns(void *arg)
{
    struct store_fixture *f = arg;
    struct limiter_state st;
    struct err err;
    void *failed = NULL;

    for (int i = 0; i < TURNS; i++)
        if (store_limiter_update(f->s, "shared", add_one, NULL, &st, &err) !=
            ERR_NONE)
            failed = f;
    return failed;
}

static void limiter_loses_no_turn(struct store_fixture *f)
{
    struct limiter_state st;
    pthread_t threads[4];
    void *failed;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, f), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    OK(f, store_limiter_update(f->s, "shared", add_one, NULL, &st, &f->err));
    assert_int_equal(st.next_at, 4 * TURNS + 1);
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(results),
        CASE(a_bad_page_is_not_stored),
        CASE(finish_fills_the_outbox),
        CASE(delivered),
        CASE(retried_then_dead_then_replayed),
        CASE(a_delivery_follows_its_job),
        CASE(a_poisoned_delivery_is_dead),
        CASE(schedules),
        CASE(fire_once),
        CASE(confirmed_by_deliveries),
        CASE(confirmed_without_deliveries),
        CASE(coverage),
        CASE(limiter),
        CASE(limiter_loses_no_turn),
    };

    return STORE_SUITE("store_scrape", cases);
}
