/* test_recorder.c - views on their way to a database that fails, is slow, or
 * comes back: nothing is lost, doubled or mixed up. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analytics/recorder.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#define MAX_WAITING 20000 /* recorder.c */

/* ---- a database and a loop that do as they are told ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool is_open;   /* views are taken; else their writer waits */
static int n_readings; /* of totals */
static int n_writers;  /* that wait or have waited */
static enum err_code views_code, totals_code, salt_code;
static int64_t stored; /* views */
static size_t largest; /* commit */
static bool has_visitor;
static struct server_post *posted;

enum err_code __wrap_store_views_add(struct store *s, struct page_view *views,
                                     size_t n, struct err *e);
enum err_code __wrap_store_views_totals(struct store *s, struct arena *a,
                                        int limit, struct view_totals *out,
                                        struct err *e);
enum err_code __wrap_store_visitor_salt(struct store *s, int64_t day,
                                        uint8_t salt[VISITOR_SALT], bool *found,
                                        struct err *e);
void __wrap_server_post(struct server *s, struct server_post *p);

enum err_code __wrap_store_views_add(struct store *s, struct page_view *views,
                                     size_t n, struct err *e)
{
    enum err_code code;

    (void)s;
    pthread_mutex_lock(&lock);
    n_writers++;
    pthread_cond_broadcast(&moved);
    while (!is_open)
        pthread_cond_wait(&moved, &lock);
    code = views_code;
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        views[i].count = ++stored;
        has_visitor = views[i].has_visitor;
    }
    largest = n > largest ? n : largest;
    pthread_mutex_unlock(&lock);
    return code == ERR_NONE ? code : err_set(e, code, "the disk is full");
}

enum err_code __wrap_store_views_totals(struct store *s, struct arena *a,
                                        int limit, struct view_totals *out,
                                        struct err *e)
{
    enum err_code code;

    (void)s;
    (void)a;
    (void)limit;
    pthread_mutex_lock(&lock);
    code = totals_code;
    totals_code = ERR_NONE; /* it is back the next time */
    *out = (struct view_totals){.views = stored};
    n_readings++;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
    return code == ERR_NONE ? code : err_set(e, code, "away");
}

enum err_code __wrap_store_visitor_salt(struct store *s, int64_t day,
                                        uint8_t salt[VISITOR_SALT], bool *found,
                                        struct err *e)
{
    enum err_code code;

    (void)s;
    (void)day;
    memset(salt, 7, VISITOR_SALT);
    *found = true;
    pthread_mutex_lock(&lock);
    code = salt_code;
    pthread_mutex_unlock(&lock);
    return code == ERR_NONE ? code : err_set(e, code, "away");
}

void __wrap_server_post(struct server *s, struct server_post *p)
{
    (void)s;
    pthread_mutex_lock(&lock);
    assert_null(posted); /* it is in the server's list already */
    posted = p;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void open_database(bool open)
{
    pthread_mutex_lock(&lock);
    is_open = open;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

/* A turn of the loop, once there is something to do. */
static void turn(void)
{
    struct server_post *p;

    pthread_mutex_lock(&lock);
    while (!posted)
        pthread_cond_wait(&moved, &lock);
    p = posted;
    posted = NULL;
    pthread_mutex_unlock(&lock);
    p->run(p);
}

static void wait_for(const int *counter, int n)
{
    pthread_mutex_lock(&lock);
    while (*counter < n)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- what the recorder says ---- */

struct heard {
    struct recorder *r;
    int n;        /* views */
    int64_t last; /* count of the last one */
    enum err_code code;
    struct err err;
    struct buf order; /* "v" a view, "t3" totals of three views */
};

static void recorded(void *ctx, struct recorded *v)
{
    struct heard *h = ctx;

    h->n++;
    h->code = v->code;
    if (v->code == ERR_NONE) {
        assert_int_equal(v->view.count, h->last + 1); /* in their order */
        h->last = v->view.count;
    }
    h->err = v->err;
    buf_add_char(&h->order, 'v');
}

static void totals(void *ctx, const struct view_totals *t)
{
    struct heard *h = ctx;

    buf_printf(&h->order, "t%lld", (long long)t->views);
}

static enum err_code add(struct heard *h, struct err *e)
{
    char page[] = "/a", who[] = "198.51.100.7 Browser";
    struct page_view view = {.page = slice_of(page), .at_us = clock_now_us()};
    struct recorded *v;
    enum err_code rc = recorder_add(h->r, &view, slice_of(who), &v, e);

    memset(page, 'x', sizeof(page)); /* it has taken copies */
    memset(who, 'x', sizeof(who));
    return rc;
}

static void add_ok(struct heard *h)
{
    struct err e = {0};

    assert_int_equal(add(h, &e), ERR_NONE);
}

static void until_heard(struct heard *h, int n)
{
    while (h->n < n)
        turn();
    assert_int_equal(h->n, n);
}

static void order_is(struct heard *h, const char *expected)
{
    buf_add_char(&h->order, '\0');
    assert_string_equal(h->order.p, expected);
}

static int setup_with(void **state, enum err_code salt)
{
    static struct heard h;
    struct recorder_options opt = {
        .recorded = recorded, .totals = totals, .ctx = &h};
    struct err e = {0};

    h = (struct heard){0};
    buf_init(&h.order, 100000);
    is_open = true;
    n_writers = n_readings = 0;
    views_code = totals_code = ERR_NONE;
    salt_code = salt;
    stored = 0;
    largest = 0;
    posted = NULL;
    assert_int_equal(recorder_new(&h.r, &opt, &e), ERR_NONE);
    recorder_start(h.r, NULL);
    *state = &h;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, ERR_NONE);
}

static int setup_without_salt(void **state)
{
    return setup_with(state, ERR_UNAVAILABLE);
}

static int teardown(void **state)
{
    struct heard *h = *state;

    recorder_free(h->r);
    buf_release(&h->order);
    return 0;
}

/* ---- tests ---- */

static void a_database_that_refuses(void **state)
{
    struct heard *h = *state;

    views_code = ERR_NO_SPACE;
    add_ok(h);
    until_heard(h, 1);
    assert_int_equal(h->code, ERR_NO_SPACE);
    assert_string_equal(h->err.msg, "the disk is full");
    views_code = ERR_NONE;
    add_ok(h);
    until_heard(h, 2);
    assert_int_equal(h->code, ERR_NONE);
    assert_int_equal(h->last, 1); /* the first was not counted */
}

static void a_database_that_is_slow(void **state)
{
    struct heard *h = *state;
    struct err e = {0};

    open_database(false);
    add_ok(h);
    wait_for(&n_writers, 1); /* it has taken this one */
    for (int i = 0; i < MAX_WAITING; i++)
        add_ok(h);
    assert_int_equal(add(h, &e), ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "too many page views wait for the database");
    open_database(true);
    until_heard(h, MAX_WAITING + 1);
    assert_int_equal(h->last, MAX_WAITING + 1);
    assert_int_equal(largest, VIEW_MAX_BATCH);
    add_ok(h); /* there is room again */
    until_heard(h, MAX_WAITING + 2);
}

static void a_stop_writes_what_waits(void **state)
{
    struct heard *h = *state;
    struct err e = {0};

    open_database(false);
    add_ok(h);
    wait_for(&n_writers, 1);
    for (int i = 0; i < 2500; i++)
        add_ok(h);
    open_database(true);
    recorder_stop(h->r);
    assert_int_equal(h->n, 2501);
    assert_int_equal(stored, 2501);
    assert_int_equal(add(h, &e), ERR_UNAVAILABLE);
    recorder_stop(h->r); /* again is fine */
    assert_int_equal(h->n, 2501);
}

/* What is in a snapshot is not told again as news, and the rest is. */
static void totals_stand_between(void **state)
{
    struct heard *h = *state;

    open_database(false);
    add_ok(h);
    wait_for(&n_writers, 1);
    add_ok(h);
    recorder_ask_totals(h->r);
    recorder_ask_totals(h->r); /* by another one: the same reading */
    open_database(true);
    wait_for(&n_readings, 1);
    add_ok(h);
    recorder_stop(h->r); /* the loop sees all of it at once */
    order_is(h, "vvt2v");
}

static void totals_come_when_the_database_is_back(void **state)
{
    struct heard *h = *state;

    totals_code = ERR_UNAVAILABLE;
    recorder_ask_totals(h->r);
    turn(); /* nobody asks again */
    order_is(h, "t0");
}

static void a_reader_has_a_hash(void **state)
{
    struct heard *h = *state;

    add_ok(h);
    until_heard(h, 1);
    assert_true(has_visitor);
}

static void a_view_counts_without_a_salt(void **state)
{
    struct heard *h = *state;

    has_visitor = true;
    add_ok(h);
    until_heard(h, 1);
    assert_int_equal(h->code, ERR_NONE);
    assert_false(has_visitor);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_database_that_refuses),
        TEST(a_database_that_is_slow),
        TEST(a_stop_writes_what_waits),
        TEST(totals_stand_between),
        TEST(totals_come_when_the_database_is_back),
        TEST(a_reader_has_a_hash),
        cmocka_unit_test_setup_teardown(a_view_counts_without_a_salt,
                                        setup_without_salt, teardown),
    };

    log_setup(LOG_OFF, false);
    return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
