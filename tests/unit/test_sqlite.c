/* test_sqlite.c - what only the SQLite backend has: files that are not ours,
 * snapshots, the grouping writer, ordered lists with a stride, plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_order.h"

#define NOW INT64_C(1764000000000000)

static char dir[200];

static int new_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    snprintf(dir, sizeof(dir), "%s/sheaf-sqlite.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static enum err_code try_open(const char *url, struct store **s, struct err *e)
{
    struct store_options opt = {.database_url = url, .data_dir = dir};

    *e = (struct err){0};
    return store_open(s, &opt, e);
}

static struct store *open_here(void)
{
    struct store *s = NULL;
    struct err e;

    if (try_open("sqlite:", &s, &e) != ERR_NONE)
        fail_msg("open: %s", e.msg);
    return s;
}

/* SQL by another program, on <dir>/sheaf.db. */
static void foreign_sql(const char *sql)
{
    char path[300];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/sheaf.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void receive_papers(struct store *s, int n)
{
    static struct paper p[100];
    static char urls_text[100][40];
    struct webhook_in in = {.job_id = SLICE("j"), .papers = p, .now_us = NOW};
    struct webhook_result r;
    struct err e;

    for (int i = 0; i < n; i++) {
        snprintf(urls_text[i], sizeof(urls_text[i]), "https://x/%d", i);
        p[i] = (struct paper){.url = slice_of(urls_text[i]),
                              .title = SLICE("Some title"),
                              .published_at = NOW + i / 4};
    }
    in.n_papers = (size_t)n;
    assert_int_equal(store_webhook_receive(s, &in, &r, &e), ERR_NONE);
}

static int64_t count_matches(struct store *s, const char *word)
{
    struct paper_query q = {.min_relevance = -1,
                            .limit = 1,
                            .want_count = true,
                            .search = slice_of(word)};
    struct arena *a = arena_new(1u << 20);
    struct paper_list list;
    struct err e;

    assert_int_equal(store_papers_list(s, a, &q, &list, &e), ERR_NONE);
    arena_free(a);
    return list.count;
}

/* ---- files ---- */

static void urls(void **state)
{
    char url[300];
    struct store *s = NULL;
    struct stat st;
    struct err e;

    (void)state;
    snprintf(url, sizeof(url), "sqlite:%s/other.db", dir);
    assert_int_equal(try_open(url, &s, &e), ERR_NONE);
    store_close(s);
    assert_int_equal(stat(url + strlen("sqlite:"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0); /* the owner's alone */
    snprintf(url, sizeof(url), "sqlite://%s/other.db", dir);
    assert_int_equal(try_open(url, &s, &e), ERR_NONE);
    store_close(s);
    assert_int_equal(try_open("mysql://x", &s, &e), ERR_INVALID);
    assert_int_equal(try_open("sqlite:/no/such/folder/x.db", &s, &e),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "/no/such/folder/x.db"));
}

static void files_that_are_not_ours(void **state)
{
    struct store *s = NULL;
    struct err e;

    (void)state;
    write_file("sheaf.db", "This is a letter and no database, and it is long "
                           "enough to have a header's length: one hundred.");
    assert_int_equal(try_open("sqlite:", &s, &e), ERR_INVALID);
    write_file("sheaf.db", "");
    foreign_sql("CREATE TABLE notes(text)");
    assert_int_equal(try_open("sqlite:", &s, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "another program"));
}

static void a_newer_schema_is_refused(void **state)
{
    struct store *s = open_here();
    struct err e;

    (void)state;
    store_close(s);
    foreign_sql("PRAGMA user_version = 99");
    s = NULL;
    assert_int_equal(try_open("sqlite:", &s, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "99"));
    assert_non_null(strstr(e.msg, "snapshots"));
    assert_null(s);
}

/* The only entry of a folder, as "sqlite:<path>". */
static void only_entry(const char *folder, struct buf *out)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;

    assert_non_null(d);
    while ((entry = readdir(d)))
        if (entry->d_name[0] != '.') {
            assert_int_equal(out->len, 0);
            buf_printf(out, "sqlite:%s/%s", folder, entry->d_name);
        }
    closedir(d);
    assert_true(out->len > 0);
}

static void snapshots(void **state)
{
    struct store *s = open_here();
    struct sqlite_store *ss = sqlite_downcast(s);
    struct arena *a = arena_new(1u << 20);
    struct paper_stats stats;
    struct buf url;
    char path[300];
    struct stat st;
    struct err e;

    (void)state;
    receive_papers(s, 3);
    assert_int_equal(count_matches(s, "title"), 3);
    /* As in a migration nothing else writes: with the texts indexed the writer
     * has nothing to do. */
    assert_int_equal(sqlite_snapshot(ss, ss->writer, 7, &e), ERR_NONE);
    store_close(s);
    snprintf(path, sizeof(path), "%s/snapshots", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    /* it is a whole database: with it in the place of ours, we open */
    buf_init(&url, 1000);
    only_entry(path, &url);
    assert_int_equal(try_open(url.p, &s, &e), ERR_NONE);
    assert_int_equal(store_papers_stats(s, a, 0, &stats, &e), ERR_NONE);
    assert_int_equal(stats.total, 3);
    store_close(s);
    buf_release(&url);
    arena_free(a);
}

/* ---- errors ---- */

static void errors_by_cause(void **state)
{
    static const struct {
        int rc;
        enum err_code code;
    } cases[] = {
        {SQLITE_FULL, ERR_NO_SPACE},
        {SQLITE_IOERR_WRITE, ERR_NO_SPACE},
        {SQLITE_IOERR_FSYNC, ERR_NO_SPACE},
        {SQLITE_IOERR_READ, ERR_UNAVAILABLE},
        {SQLITE_BUSY, ERR_UNAVAILABLE},
        {SQLITE_BUSY_SNAPSHOT, ERR_UNAVAILABLE},
        {SQLITE_LOCKED, ERR_UNAVAILABLE},
        {SQLITE_CANTOPEN, ERR_UNAVAILABLE},
        {SQLITE_TOOBIG, ERR_TOO_LARGE},
        {SQLITE_NOTADB, ERR_INVALID},
        {SQLITE_CORRUPT, ERR_INTERNAL},
        {SQLITE_CONSTRAINT_UNIQUE, ERR_INTERNAL},
    };
    struct db *c;
    struct err e;

    (void)state;
    assert_int_equal(db_open(":memory:", DB_WRITER, &c, &e), ERR_NONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        e = (struct err){0};
        assert_int_equal(sqlite_error(c, cases[i].rc, &e), cases[i].code);
        assert_int_equal(e.code, cases[i].code);
        assert_true(e.msg[0] != 0);
    }
    db_close(c);
}

/* ---- the writer ---- */

struct piece {
    struct sqlite_store *s;
    int n;
    enum err_code code;
    struct err err;
};

/* Writes a row; every third piece fails after it has written. */
static enum err_code write_piece(struct sqlite_store *s, struct db *c,
                                 void *ctx, struct err *e)
{
    struct piece *p = ctx;
    struct query q;
    enum err_code code;

    (void)s;
    q_start(&q, c, "INSERT INTO coverage VALUES ('x', ?, 0, 0)");
    q_int(&q, p->n);
    code = q_run(&q, NULL, e);
    if (code == ERR_NONE && p->n % 3 == 0)
        code = err_set(e, ERR_CONFLICT, "piece %d fails", p->n);
    return code;
}

static void *submit(void *arg)
{
    struct piece *p = arg;

    p->code = writer_run(p->s, write_piece, p, &p->err);
    return NULL;
}

static void a_failure_in_a_group_is_alone(void **state)
{
    struct store *s = open_here();
    struct piece p[24];
    pthread_t threads[24];
    int64_t count;
    struct query q;
    struct db *c;
    struct err e;

    (void)state;
    for (int i = 0; i < 24; i++) {
        p[i] = (struct piece){.s = sqlite_downcast(s), .n = i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit, &p[i]), 0);
    }
    for (int i = 0; i < 24; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(p[i].code, i % 3 ? ERR_NONE : ERR_CONFLICT);
    }
    assert_int_equal(db_get(sqlite_downcast(s), false, &c, &e), ERR_NONE);
    q_start(&q, c, "SELECT count(*) FROM coverage WHERE day % 3 <> 0");
    assert_int_equal(q_one_int(&q, 0, &count, &e), ERR_NONE);
    assert_int_equal(count, 16);
    q_start(&q, c, "SELECT count(*) FROM coverage");
    assert_int_equal(q_one_int(&q, 0, &count, &e), ERR_NONE);
    assert_int_equal(count, 16);
    db_put(sqlite_downcast(s), c);
    store_close(s);
}

static int64_t count_segments(struct store *s)
{
    struct query q;
    struct db *c;
    struct err e;
    int64_t n = -1;

    assert_int_equal(db_get(sqlite_downcast(s), false, &c, &e), ERR_NONE);
    q_start(&q, c, "SELECT count(DISTINCT segid) FROM papers_fts_idx");
    assert_int_equal(q_one_int(&q, 0, &n, &e), ERR_NONE);
    db_put(sqlite_downcast(s), c);
    return n;
}

/* Each search after a webhook adds a segment of full text; the writer merges
 * them when nobody waits for it. */
static void segments_are_merged_when_idle(void **state)
{
    struct store *s = open_here();
    int64_t before = 0;

    (void)state;
    for (int i = 1; i <= 40; i++) {
        receive_papers(s, 2 * i); /* two of them are new */
        assert_int_equal(count_matches(s, "title"), 2 * i);
        before = count_segments(s) > before ? count_segments(s) : before;
    }
    assert_true(before >= 4);
    for (int tries = 0; count_segments(s) >= 4; tries++) {
        assert_true(tries < 1000);
        usleep(10000);
    }
    store_close(s);
}

/* Without a search, texts are indexed in a pause of the writer; what was not
 * at the end is after the next start. */
static void texts_are_indexed_in_a_pause(void **state)
{
    struct store *s = open_here();

    (void)state;
    receive_papers(s, 3);
    for (int tries = 0; atomic_load(&sqlite_downcast(s)->unindexed); tries++) {
        assert_true(tries < 1000);
        usleep(10000);
    }
    assert_int_equal(count_segments(s), 1);
    receive_papers(s, 8);
    assert_int_equal(atomic_load(&sqlite_downcast(s)->unindexed), 5);
    store_close(s);
    s = open_here();
    assert_int_equal(count_matches(s, "title"), 8);
    store_close(s);
}

/* A search that goes on beside webhooks sees all that was acknowledged. */
struct searcher {
    struct store *s;
    atomic_int acknowledged, searches, missed;
    atomic_bool done;
};

static void *search_on(void *arg)
{
    struct searcher *me = arg;

    do {
        int before = atomic_load(&me->acknowledged);

        atomic_fetch_add(&me->missed, count_matches(me->s, "title") < before);
        atomic_fetch_add(&me->searches, 1);
    } while (!atomic_load(&me->done));
    return NULL;
}

static void a_search_sees_what_was_acknowledged(void **state)
{
    struct searcher me = {.s = open_here()};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, search_on, &me), 0);
    for (int i = 1; i <= 100; i++) {
        receive_papers(me.s, i);
        atomic_store(&me.acknowledged, i);
        if (i % 20 == 0)
            assert_int_equal(count_matches(me.s, "title"), i);
    }
    atomic_store(&me.done, true);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&me.searches) > 0);
    assert_int_equal(atomic_load(&me.missed), 0);
    store_close(me.s);
}

/* ---- lists ---- */

/* Whatever the stride, every range of the list is the same. */
static void ranges_with_a_stride(void **state)
{
    struct store *s = open_here();
    struct arena *a = arena_new(1u << 20);
    struct kept set = {.count = 60};
    int64_t all[60], got[60];
    struct db *c;
    struct err e;

    (void)state;
    receive_papers(s, 60);
    for (int i = 0; i < 60; i++)
        all[i] = 60 - i; /* newest first; ids count from 1 */
    assert_int_equal(db_get(sqlite_downcast(s), true, &c, &e), ERR_NONE);
    for (int64_t stride = 1; stride <= 64; stride *= 2) {
        int64_t ids[60];
        struct kept list = {.ids = ids, .stride = stride, .count = 60};

        for (int64_t i = 0; i < 60; i += stride)
            ids[list.n_ids++] = all[i];
        for (int64_t first = 0; first < 60; first++)
            for (int64_t n = 0; n <= 60 - first; n += 7) {
                assert_int_equal(ordered_range(c, a, &list, &set,
                                               PAPER_BY_PUBLISHED, first, n,
                                               got, &e),
                                 ERR_NONE);
                assert_memory_equal(got, all + first, (size_t)n * sizeof(*got));
            }
    }
    db_put(sqlite_downcast(s), c);
    arena_free(a);
    store_close(s);
}

/* What makes pages fast: nothing is sorted, no row is read to find ids. */
static void plans(void **state)
{
    static const char *const statements[] = {
        "SELECT id FROM papers INDEXED BY papers_by_published"
        " WHERE deleted_at = 0 ORDER BY published_at DESC, id DESC",
        "SELECT id FROM papers INDEXED BY papers_by_title"
        " WHERE deleted_at = 0 AND title_key > ?"
        " ORDER BY title_key ASC, id ASC",
        "SELECT id FROM papers INDEXED BY papers_by_relevance"
        " WHERE deleted_at = 0 AND relevance_score = ? AND id < ?"
        " ORDER BY id DESC",
        "SELECT id FROM papers WHERE category = ? AND deleted_at = 0",
        "SELECT id FROM papers WHERE source = ? AND deleted_at = 0",
        "SELECT id FROM papers WHERE deleted_at = 0"
        " AND published_at BETWEEN ? AND ?",
        "SELECT id FROM papers WHERE deleted_at = 0"
        " AND relevance_score >= ?",
        "SELECT category, count(*) AS n FROM papers"
        " INDEXED BY papers_by_category"
        " WHERE deleted_at = 0 GROUP BY category",
    };
    struct store *s = open_here();
    struct db *c;
    struct err e;

    (void)state;
    assert_int_equal(db_get(sqlite_downcast(s), false, &c, &e), ERR_NONE);
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
        char text[400];
        sqlite3_stmt *st;

        snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", statements[i]);
        assert_int_equal(sqlite3_prepare_v2(c->db, text, -1, &st, NULL),
                         SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *line = (const char *)sqlite3_column_text(st, 3);

            if (!strstr(line, "COVERING INDEX"))
                fail_msg("%s:\n%s", statements[i], line);
        }
        sqlite3_finalize(st);
    }
    db_put(sqlite_downcast(s), c);
    store_close(s);
}

static void quoting(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    fts_quote(&b, SLICE("a\"b\" OR c*"));
    assert_string_equal(b.p, "\"a\"\"b\"\" OR c*\"");
    buf_release(&b);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, new_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(urls),
        TEST(files_that_are_not_ours),
        TEST(a_newer_schema_is_refused),
        TEST(snapshots),
        TEST(errors_by_cause),
        TEST(a_failure_in_a_group_is_alone),
        TEST(segments_are_merged_when_idle),
        TEST(texts_are_indexed_in_a_pause),
        TEST(a_search_sees_what_was_acknowledged),
        TEST(ranges_with_a_stride),
        TEST(plans),
        TEST(quoting),
    };

    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
