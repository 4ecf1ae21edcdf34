/* store_fixture.h - runs a conformance suite over every backend at hand.
 *
 * A suite is a list of tests that know struct store only.  Each test gets a
 * fresh, empty database: SQLite in memory, SQLite in a file, PostgreSQL when
 * SHEAF_TEST_POSTGRES holds the URL of a database in which the user may make
 * schemas, and PostgreSQL with vectors in pgvector when SHEAF_TEST_PGVECTOR
 * does (tests/with-postgres makes both).
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/jobs.h"
#include "store/papers.h"
#include "store/scrape.h"
#include "store/store.h"

struct store_fixture {
    /* "sqlite memory", "sqlite file", "postgresql", "pgvector" */
    const char *backend;
    enum store_vectors vectors;
    const char *server; /* URL of the database that has the schema, or NULL */
    void (*run)(struct store_fixture *f);
    struct store *s;
    struct arena *a;
    struct err err;
    char dir[200];  /* of this test alone; "" if it needs none */
    char url[1000]; /* to open the same database again */
    char schema[40];
};

/* Where a test makes sense. */
enum store_where { EVERYWHERE, ON_DISK, IN_ONE_FILE };

struct store_case {
    const char *name;
    void (*run)(struct store_fixture *f);
    enum store_where where;
};

/* The program's exit status. */
int store_suite(const char *name, const struct store_case *cases, size_t n);
#define STORE_SUITE(name, cases)                                               \
    store_suite(name, cases, sizeof(cases) / sizeof(*(cases)))
#define CASE(function)                                                         \
    {                                                                          \
#function, function, EVERYWHERE                                        \
    }
#define CASE_WHERE(where, function)                                            \
    {                                                                          \
#function, function, where                                             \
    }

/* A second program on the same database, or the same one after a restart; in
 * memory another, empty one. */
struct store *store_reopen(struct store_fixture *f);

#define NOW INT64_C(1764000000000000) /* 2025-11-24T16:00:00Z */

/* Fails the test with the error's message. */
#define OK(f, call) ok_((f), (call), #call, __FILE__, __LINE__)
void ok_(struct store_fixture *f, enum err_code code, const char *what,
         const char *file, int line);
/* The call gives this error, with a message. */
#define GIVES(f, expected, call)                                               \
    gives_((f), (expected), (call), #call, __FILE__, __LINE__)
void gives_(struct store_fixture *f, enum err_code expected, enum err_code code,
            const char *what, const char *file, int line);
#define TEXT(expected, slice) text_((expected), (slice), __FILE__, __LINE__)
void text_(const char *expected, struct slice s, const char *file, int line);

/* ---- papers ---- */

/* Number n: url, source_id and title have it; the rest is plausible. */
struct paper a_paper(struct store_fixture *f, int n);
/* Receive without a webhook_id, as job "job". */
struct webhook_result receive(struct store_fixture *f,
                              const struct paper *papers, size_t n);
void receive_one(struct store_fixture *f, struct paper p);
/* All papers, published newest first. */
struct paper_query everything(void);
struct paper_list list(struct store_fixture *f, const struct paper_query *q);
/* The id of the paper with a_paper()'s URL number n. */
int64_t id_of(struct store_fixture *f, int n);
/* The numbers of the papers found by a search, ascending: "1,4,9". */
const char *found(struct store_fixture *f, struct paper_query q);
const char *search(struct store_fixture *f, const char *text);

/* ---- jobs ---- */

struct job_new a_job(const char *kind, int64_t now_us);
struct job create(struct store_fixture *f, const struct job_new *spec);
/* Claim a job of the kind that must be there. */
struct job claim(struct store_fixture *f, const char *kind, int64_t now_us,
                 struct job_lease *l);
struct job job_get(struct store_fixture *f, const char *id);
/* The lease of a new job of kind "process", running. */
struct job_lease running(struct store_fixture *f, int64_t now);

#endif
