/* store_bench.c - what the store's use cases cost, without HTTP.
 *
 *     store_bench DATABASE_URL DATA_DIR PAPERS.jsonl [PAPERS_TO_LOAD [webhook]]
 *
 * PAPERS.jsonl has a paper a line, as in the webhook's payload, with
 * "published_us".  An empty database is filled first; "webhook" leaves out the
 * reading.  One line a case: the
 * median, in us, of one thread.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/papers.h"

#define CALL 50
#define MAX_RUNS 2000

static struct err err;

static void check(enum err_code code, const char *what)
{
    if (code == ERR_NONE)
        return;
    fprintf(stderr, "store_bench: %s: %s\n", what, err.msg);
    exit(1);
}

/* ---- papers ---- */

static struct slice member(struct arena *a, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    char *text;
    struct slice s;

    if (!json_is_array(v))
        return arena_slice(a, slice_of(json_string_value(v)));
    text = json_dumps(v, JSON_COMPACT);
    s = arena_slice(a, slice_of(text));
    free(text);
    return s;
}

static bool read_paper(FILE *f, struct arena *a, struct paper *p)
{
    static char line[1 << 20];
    json_t *o;

    if (!fgets(line, sizeof(line), f))
        return false;
    o = json_loads(line, 0, NULL);
    if (!o)
        return false;
    *p = (struct paper){
        .title = member(a, o, "title"),
        .abstract = member(a, o, "abstract"),
        .author_list = member(a, o, "authors"),
        .authors = member(a, o, "authors"),
        .url = member(a, o, "url"),
        .pdf_url = member(a, o, "pdf_url"),
        .source = member(a, o, "source"),
        .source_id = member(a, o, "source_id"),
        .version = 1,
        .published_at = json_integer_value(json_object_get(o, "published_us")),
        .arxiv_categories = member(a, o, "arxiv_categories"),
        .category = member(a, o, "category"),
        .relevance_score =
            json_number_value(json_object_get(o, "relevance_score")),
        .relevance = SLICE("{}"),
        .tags = member(a, o, "tags"),
    };
    json_decref(o);
    return true;
}

/* ---- timing ---- */

static int64_t took[MAX_RUNS];

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, int n)
{
    if (n == 0)
        return;
    qsort(took, (size_t)n, sizeof(*took), by_time);
    printf("%-34s %8lld us  (first tenth %lld, last tenth %lld, n %d)\n", what,
           (long long)took[n / 2], (long long)took[n / 10],
           (long long)took[n - 1 - n / 10], n);
}

static void run_webhooks(struct store *s, FILE *f, int n, const char *what)
{
    struct arena *a = arena_new(64u << 20);
    struct paper papers[CALL];
    int done = 0;

    for (int i = 0; i < n; i++) {
        struct webhook_in in = {.job_id = SLICE("bench"),
                                .source = SLICE("arxiv"),
                                .papers = papers,
                                .now_us = clock_now_us()};
        struct webhook_result out;
        int64_t started;

        arena_reset(a);
        while (in.n_papers < CALL && read_paper(f, a, &papers[in.n_papers]))
            in.n_papers++;
        if (in.n_papers == 0)
            break;
        started = clock_mono_us();
        check(store_webhook_receive(s, &in, &out, &err), what);
        took[done++ % MAX_RUNS] = clock_mono_us() - started;
    }
    arena_free(a);
    report(what, done < MAX_RUNS ? done : MAX_RUNS);
}

static void run_list(struct store *s, const char *what, struct paper_query q,
                     int64_t span, int runs)
{
    struct arena *a = arena_new(64u << 20);
    struct paper_list out = {.count = 0};
    char label[100];

    for (int i = 0; i < runs; i++) {
        int64_t started = clock_mono_us();

        arena_reset(a);
        if (span)
            q.offset = 20 * (random() % span);
        check(store_papers_list(s, a, &q, &out, &err), what);
        took[i] = clock_mono_us() - started;
        if (i == 0)
            printf("%-34s %8lld us  (count %lld)\n", "  first time",
                   (long long)took[0], (long long)out.count);
    }
    arena_free(a);
    snprintf(label, sizeof(label), "%s", what);
    report(label, runs);
}

static void run_cursor(struct store *s, enum paper_order order,
                       const char *what, int runs)
{
    struct arena *a = arena_new(64u << 20), *b = arena_new(64u << 20), *t;
    struct paper_query q = {.min_relevance = -1, .order = order, .limit = 20};
    struct paper_list out;
    struct paper_key key;

    for (int i = 0; i < runs; i++) {
        int64_t started = clock_mono_us();

        arena_reset(a);
        check(store_papers_list(s, a, &q, &out, &err), what);
        took[i] = clock_mono_us() - started;
        if (out.n < 20)
            break;
        key = paper_key_of(&out.papers[19], order);
        q.after = &key;
        t = a, a = b, b = t;
    }
    arena_free(a);
    arena_free(b);
    report(what, runs);
}

static void run_similar(struct store *s, int runs)
{
    struct arena *a = arena_new(64u << 20);
    struct paper_similar *out;
    size_t n;

    for (int i = 0; i < runs; i++) {
        int64_t started = clock_mono_us();

        arena_reset(a);
        check(store_papers_similar(s, a, 1 + random() % 10000, 10, &out, &n,
                                   &err),
              "similar");
        took[i] = clock_mono_us() - started;
    }
    arena_free(a);
    report("similar, 10", runs);
}

static void run_reads(struct store *s)
{
    struct paper_query q = {
        .min_relevance = -1, .limit = 20, .want_count = true};
    struct paper_query title = q;

    title.order = PAPER_BY_TITLE;
    run_list(s, "list, page 1", q, 0, 2000);
    q.offset = 1999 * 20;
    run_list(s, "list, page 2000", q, 0, 2000);
    run_list(s, "list, random page", q, 5000, 2000);
    run_list(s, "list by title, random page", title, 5000, 2000);
    q.offset = 0;
    q.category = SLICE("llm");
    run_list(s, "category, page 1", q, 0, 2000);
    run_list(s, "category, random page", q, 400, 2000);
    q.category = SLICE_NONE;
    q.search = SLICE("learning");
    run_list(s, "search 'learning'", q, 0, 2000);
    q.search = SLICE("\"language model\" -vision");
    run_list(s, "search phrase and -not", q, 0, 500);
    q.search = SLICE("steganography");
    run_list(s, "search 'steganography'", q, 0, 500);
    q.order = PAPER_BY_RANK;
    q.search = SLICE("reinforcement learning");
    run_list(s, "search by rank", q, 0, 500);
    run_cursor(s, PAPER_BY_PUBLISHED, "cursor, published", 2000);
    run_cursor(s, PAPER_BY_RELEVANCE, "cursor, relevance", 2000);
    run_similar(s, 100);
}

int main(int argc, char **argv)
{
    struct store_options opt = {0};
    struct paper_stats st;
    struct store *s = NULL;
    struct arena *a = arena_new(16u << 20);
    int64_t started = clock_mono_us();
    long load = argc > 4 ? strtol(argv[4], NULL, 10) : 100000;
    FILE *f;

    if (argc < 4 || !a) {
        fprintf(stderr, "usage: store_bench URL DATA_DIR PAPERS.jsonl [N]\n");
        return 2;
    }
    opt.database_url = argv[1];
    opt.data_dir = argv[2];
    f = fopen(argv[3], "r");
    if (!f) {
        perror(argv[3]);
        return 1;
    }
    check(store_open(&s, &opt, &err), "open");
    printf("open %lld us\n", (long long)(clock_mono_us() - started));
    check(store_papers_stats(s, a, 0, &st, &err), "stats");
    if (st.total == 0)
        run_webhooks(s, f, (int)(load / CALL), "webhook of 50 new, loading");
    else
        for (char line[1 << 16]; load > 0 && fgets(line, sizeof(line), f);)
            load -= strchr(line, '\n') != NULL;
    run_webhooks(s, f, 40, "webhook of 50 new");
    rewind(f);
    run_webhooks(s, f, 40, "webhook of 50, unchanged");
    if (argc < 6)
        run_reads(s);
    fclose(f);
    arena_free(a);
    store_close(s);
    return 0;
}
