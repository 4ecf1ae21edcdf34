/* store_fixture.c - see store_fixture.h. */
#include "store_fixture.h"

#include <ftw.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES (256u << 20)

static const struct backend {
    const char *name;
    const char *server; /* the variable with its URL; NULL: none is needed */
    enum store_vectors vectors;
} backends[] = {
    {"sqlite memory", NULL, STORE_VECTORS_AS_THEY_ARE},
    {"sqlite file", NULL, STORE_VECTORS_AS_THEY_ARE},
    {"postgresql", "SHEAF_TEST_POSTGRES", STORE_VECTORS_AS_THEY_ARE},
    {"pgvector", "SHEAF_TEST_PGVECTOR", STORE_VECTORS_PGVECTOR},
};
#define N_BACKENDS (sizeof(backends) / sizeof(*backends))

static bool is_there(size_t backend)
{
    return !backends[backend].server || getenv(backends[backend].server);
}

static bool makes_sense(const struct store_case *c, size_t backend)
{
    return c->where == EVERYWHERE || (c->where == ON_DISK && backend != 0) ||
           backend == 1;
}

/* ---- one test ---- */

struct one {
    const struct store_case *c;
    const struct backend *backend;
    char name[160];
};

/* One statement about a schema: "CREATE SCHEMA", its name, options. */
static void schema_do(const char *server, const char *verb, const char *schema,
                      const char *options)
{
    PGconn *c = PQconnectdb(server);
    char text[200];
    PGresult *r;

    snprintf(text, sizeof(text), "SET client_min_messages = warning; %s %s %s",
             verb, schema, options);
    r = PQexec(c, text);
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("'%s': %s", text, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
}

static void make_folder(struct store_fixture *f)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(f->dir, sizeof(f->dir), "%s/sheaf-store.XXXXXX",
             tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
}

/* A schema of its own, in the URL as an option of the connection. */
static void make_schema(struct store_fixture *f, const char *server)
{
    static int n;

    snprintf(f->schema, sizeof(f->schema), "test_%d_%d", (int)getpid(), ++n);
    schema_do(server, "CREATE SCHEMA", f->schema, "");
    f->server = server;
    snprintf(f->url, sizeof(f->url), "%s%coptions=-csearch_path%%3D%s", server,
             strchr(server, '?') ? '&' : '?', f->schema);
}

static int set_up(void **state)
{
    struct one *one = *state;
    struct store_fixture *f = test_calloc(1, sizeof(*f));
    struct store_options opt = {0};

    f->backend = one->backend->name;
    f->vectors = one->backend->vectors;
    f->run = one->c->run;
    f->a = arena_new(ARENA_BYTES);
    if (one->backend->server) {
        make_schema(f, getenv(one->backend->server));
    } else if (strcmp(f->backend, "sqlite memory") == 0) {
        snprintf(f->url, sizeof(f->url), "sqlite::memory:");
    } else {
        make_folder(f);
        snprintf(f->url, sizeof(f->url), "sqlite:");
    }
    opt.database_url = f->url;
    opt.data_dir = f->dir;
    opt.vectors = f->vectors;
    OK(f, store_open(&f->s, &opt, &f->err));
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct store_fixture *f = *state;

    store_close(f->s);
    arena_free(f->a);
    if (f->dir[0])
        nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (f->schema[0])
        schema_do(f->server, "DROP SCHEMA", f->schema, "CASCADE");
    test_free(f);
    return 0;
}

static void run(void **state)
{
    struct store_fixture *f = *state;

    f->run(f);
}

int store_suite(const char *name, const struct store_case *cases, size_t n)
{
    struct one *ones = calloc(n * N_BACKENDS, sizeof(*ones));
    struct CMUnitTest *tests = calloc(n * N_BACKENDS, sizeof(*tests));
    size_t n_tests = 0;
    int status;

    if (!ones || !tests)
        abort();
    for (size_t b = 0; b < N_BACKENDS; b++) {
        if (is_there(b))
            printf("# %s runs over %s\n", name, backends[b].name);
        else
            printf("# %s does not run over %s: no %s\n", name, backends[b].name,
                   backends[b].server);
        for (size_t i = 0; is_there(b) && i < n; i++) {
            struct one *one = &ones[n_tests];

            if (!makes_sense(&cases[i], b))
                continue;
            one->c = &cases[i];
            one->backend = &backends[b];
            snprintf(one->name, sizeof(one->name), "%s: %s", backends[b].name,
                     cases[i].name);
            tests[n_tests++] = (struct CMUnitTest){
                .name = one->name,
                .test_func = run,
                .setup_func = set_up,
                .teardown_func = tear_down,
                .initial_state = one,
            };
        }
    }
    /* What cmocka_run_group_tests_name() is, for a list made at run time. */
    status = _cmocka_run_group_tests(name, tests, n_tests, NULL, NULL);
    free(tests);
    free(ones);
    return status;
}

struct store *store_reopen(struct store_fixture *f)
{
    struct store_options opt = {
        .database_url = f->url, .data_dir = f->dir, .vectors = f->vectors};
    struct store *s = NULL;

    OK(f, store_open(&s, &opt, &f->err));
    return s;
}

/* ---- checks ---- */

void ok_(struct store_fixture *f, enum err_code code, const char *what,
         const char *file, int line)
{
    if (code == ERR_NONE)
        return;
    print_error("%s:\n  gave %s: %s\n", what, err_name(code), f->err.msg);
    _fail(file, line);
}

void gives_(struct store_fixture *f, enum err_code expected, enum err_code code,
            const char *what, const char *file, int line)
{
    if (code == expected && (code == ERR_NONE || f->err.msg[0])) {
        f->err = (struct err){0};
        return;
    }
    print_error("%s:\n  gave %s ('%s'), not %s\n", what, err_name(code),
                f->err.msg, err_name(expected));
    _fail(file, line);
}

void text_(const char *expected, struct slice s, const char *file, int line)
{
    if (slice_is(s, expected))
        return;
    print_error("'%.*s' is not '%s'\n", SLICE_ARG(s), expected);
    _fail(file, line);
}

/* ---- papers ---- */

struct paper a_paper(struct store_fixture *f, int n)
{
    const char *id = arena_printf(f->a, "2511.%05d", n);

    assert_non_null(id);
    return (struct paper){
        .title = slice_of(arena_printf(f->a, "Paper number %d", n)),
        .abstract = SLICE("We study things and report results."),
        .authors = SLICE("Ada Lovelace, Alan Turing"),
        .author_list = SLICE("[\"Ada Lovelace\",\"Alan Turing\"]"),
        .url = slice_of(arena_printf(f->a, "https://arxiv.org/abs/%s", id)),
        .pdf_url = slice_of(arena_printf(f->a, "https://arxiv.org/pdf/%s", id)),
        .source = SLICE("arxiv"),
        .source_id = slice_of(id),
        .version = 1,
        .published_at = NOW - n * US_PER_S,
        .source_updated_at = NOW,
        .arxiv_categories = SLICE("[\"cs.AI\",\"cs.LG\"]"),
        .primary_category = SLICE("cs.AI"),
        .category = SLICE("llm"),
        .relevance_score = 0.5,
        .relevance = SLICE("{}"),
        .tags = SLICE("[\"attention\"]"),
    };
}

struct webhook_result receive(struct store_fixture *f,
                              const struct paper *papers, size_t n)
{
    struct webhook_in in = {
        .job_id = SLICE("job"),
        .source = SLICE("arxiv"),
        .papers = papers,
        .n_papers = n,
        .now_us = NOW,
    };
    struct webhook_result out;

    OK(f, store_webhook_receive(f->s, &in, &out, &f->err));
    return out;
}

void receive_one(struct store_fixture *f, struct paper p)
{
    receive(f, &p, 1);
}

struct paper_query everything(void)
{
    return (struct paper_query){
        .min_relevance = -1,
        .limit = 100,
        .want_count = true,
    };
}

struct paper_list list(struct store_fixture *f, const struct paper_query *q)
{
    struct paper_list out;

    OK(f, store_papers_list(f->s, f->a, q, &out, &f->err));
    return out;
}

static int number_of(const struct paper *p)
{
    int64_t n = -1;

    assert_true(p->url.len > 5);
    slice_to_i64(slice_sub(p->url, p->url.len - 5, p->url.len), &n);
    return (int)n;
}

int64_t id_of(struct store_fixture *f, int n)
{
    struct paper_query q = everything();
    struct paper_list l;

    for (q.limit = 1000;; q.offset += q.limit) {
        l = list(f, &q);
        for (size_t i = 0; i < l.n; i++)
            if (number_of(&l.papers[i]) == n)
                return l.papers[i].id;
        if (l.n == 0)
            fail_msg("paper %d is not there", n);
    }
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

const char *found(struct store_fixture *f, struct paper_query q)
{
    struct paper_list l = list(f, &q);
    int numbers[100];
    char *text = arena_strdup(f->a, "");

    assert_int_equal(l.count, (int64_t)l.n);
    for (size_t i = 0; i < l.n; i++)
        numbers[i] = number_of(&l.papers[i]);
    qsort(numbers, l.n, sizeof(*numbers), by_number);
    for (size_t i = 0; i < l.n; i++)
        text = arena_printf(f->a, "%s%s%d", text, i ? "," : "", numbers[i]);
    return text;
}

const char *search(struct store_fixture *f, const char *text)
{
    struct paper_query q = everything();

    q.search = slice_of(text);
    return found(f, q);
}

/* ---- jobs ---- */

struct job_new a_job(const char *kind, int64_t now_us)
{
    return (struct job_new){
        .kind = kind,
        .id_prefix = kind,
        .input = SLICE("{\"days\":7}"),
        .max_attempts = 3,
        .run_at = now_us,
        .now_us = now_us,
    };
}

struct job create(struct store_fixture *f, const struct job_new *spec)
{
    struct job out;
    bool existing;

    OK(f, store_job_create(f->s, f->a, spec, &out, &existing, &f->err));
    assert_false(existing);
    return out;
}

struct job claim(struct store_fixture *f, const char *kind, int64_t now_us,
                 struct job_lease *l)
{
    const char *const kinds[] = {kind, NULL};
    struct job out;
    int64_t next;

    OK(f, store_job_claim(f->s, f->a, kinds, "worker-1", now_us, 30 * US_PER_S,
                          &out, l, &next, &f->err));
    return out;
}

struct job job_get(struct store_fixture *f, const char *id)
{
    struct job out;

    OK(f, store_job_get(f->s, f->a, slice_of(id), &out, &f->err));
    return out;
}

struct job_lease running(struct store_fixture *f, int64_t now)
{
    struct job_new spec = a_job("process", now);
    struct job_lease l;

    create(f, &spec);
    claim(f, "process", now, &l);
    return l;
}
