/* cmd_scrape.c - `sheaf scrape`: start a scrape and follow it to the end.
 *
 * The end is the drawing's last step: the papers are found, stored by the
 * scraper, delivered by webhook and can be listed.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/follow.h"
#include "cmd/term.h"

static const char *const flags[] = {
    "--days=",  "--max-results=", "--category=", "--query=",
    "--replay", "--no-wait",      NULL,
};

enum { REPLAY_MAX = 32 << 20, READ_STEP = 1 << 16 };

struct totals {
    int64_t found, created, updated;
};

/* Has it come to its end, delivery included? */
static bool ended(const json_t *job)
{
    struct slice status = json_get_slice(job, "status");
    const json_t *hook = json_object_get(job, "webhook");
    struct slice sent = json_get_slice(hook, "status");

    if (slice_is(status, "running"))
        return false;
    return !slice_is(sent, "pending");
}

static void draw(void *ctx, const json_t *job)
{
    char note[96];
    const json_t *hook = json_object_get(job, "webhook");
    int64_t found = json_get_int(job, "papers_found", 0);
    int64_t attempts = json_get_int(hook, "attempts", 0);

    (void)ctx;

    if (!slice_is(json_get_slice(job, "status"), "running"))
        snprintf(note, sizeof(note), "%lld papers, delivering%s",
                 (long long)found, attempts > 0 ? " again" : "");
    else
        snprintf(note, sizeof(note), "%lld papers found", (long long)found);
    term_progress("scrape", json_get_double(job, "progress", 0), note);
}

/* Judge and print one ended job; adds to *t. */
static enum err_code report(const struct command_line *cl, const json_t *job,
                            struct totals *t, struct err *e)
{
    struct slice status = json_get_slice(job, "status");
    struct slice error = json_get_slice(job, "error");
    struct slice sent =
        json_get_slice(json_object_get(job, "webhook"), "status");

    if (cl->json) {
        json_dumpf(job, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    if (!slice_is(status, "completed"))
        return err_set(e, ERR_UNAVAILABLE, "%.*s%s%.*s", SLICE_ARG(status),
                       error.len ? ": " : "", SLICE_ARG(error));
    if (!slice_is(sent, "delivered"))
        return err_set(e, ERR_UNAVAILABLE,
                       "the papers were found, but not delivered (%.*s);"
                       " see GET /api/webhook-deliveries/",
                       SLICE_ARG(sent));
    t->found += json_get_int(job, "papers_found", 0);
    t->created += json_get_int(job, "papers_created", 0);
    t->updated += json_get_int(job, "papers_updated", 0);
    return ERR_NONE;
}

/* Start a job with `body`, and follow it unless told not to. */
static enum err_code start(const struct command_line *cl, struct client *c,
                           const char *path, const char *type,
                           struct slice body, struct totals *t, struct err *e)
{
    struct buf reply;
    const struct follow follow = {ended, draw, NULL, -1};
    json_t *started = NULL, *job = NULL;
    enum err_code rc;

    buf_init(&reply, 1 << 20);
    if ((rc = client_send(c, "POST", path, type, body, &reply, e)) !=
            ERR_NONE ||
        (rc = json_parse(&started, buf_slice(&reply), e)) != ERR_NONE)
        goto out;
    if (flag_given(cl, "--no-wait")) {
        printf("%s\n", cl->json ? reply.p
                                : json_string_value(
                                      json_object_get(started, "job_id")));
        goto out;
    }
    rc = job_follow(c, json_get_slice(started, "job_id"), &follow, &job, e);
    if (rc == ERR_NONE)
        rc = report(cl, job, t, e);
out:
    buf_release(&reply);
    json_decref(started);
    json_decref(job);
    return rc;
}

/* gzread also reads files that are not compressed. */
static enum err_code read_file(const char *path, struct buf *out, struct err *e)
{
    gzFile f = gzopen(path, "rb");
    char *room;
    int n = 0, fault = Z_OK;

    if (!f)
        return err_set(e, ERR_NOT_FOUND, "cannot read '%s': %s", path,
                       strerror(errno));
    while ((room = buf_room(out, READ_STEP)) != NULL &&
           (n = gzread(f, room, READ_STEP)) > 0)
        buf_grew(out, (size_t)n);
    gzerror(f, &fault);
    if (gzclose(f) == Z_BUF_ERROR || (fault != Z_OK && n >= 0))
        n = -1; /* ends in the middle of its data */
    if (!room)
        return err_set(e, ERR_TOO_LARGE, "'%s' is larger than %d MiB", path,
                       REPLAY_MAX >> 20);
    if (n < 0)
        return err_set(e, ERR_INVALID, "cannot read '%s': %s", path,
                       fault == Z_ERRNO ? strerror(errno)
                                        : "damaged gzip data");
    return ERR_NONE;
}

/* Every file is tried; the first error is returned, the others are printed. */
static enum err_code replay(const struct command_line *cl, struct client *c,
                            struct totals *t, struct err *e)
{
    enum err_code first = ERR_NONE;
    const char *file;

    for (int i = 0; (file = operand(cl, i)) != NULL; i++) {
        struct err one = {0};
        struct buf b;
        enum err_code rc;

        buf_init(&b, REPLAY_MAX + READ_STEP);
        rc = read_file(file, &b, &one);
        if (rc == ERR_NONE)
            rc = start(cl, c, "/scrape/replay", "application/atom+xml",
                       buf_slice(&b), t, &one);
        buf_release(&b);
        if (rc != ERR_NONE)
            err_prefix(&one, "%s", file);
        if (rc != ERR_NONE && first != ERR_NONE)
            fprintf(stderr, "sheaf: %s\n", one.msg);
        if (rc != ERR_NONE && first == ERR_NONE) {
            first = rc;
            *e = one;
        }
    }
    return first;
}

static enum err_code scrape(const struct command_line *cl, struct client *c,
                            int64_t days, int64_t max_results, struct totals *t,
                            struct err *e)
{
    struct buf b;
    struct jw j;
    enum err_code rc;

    buf_init(&b, 1 << 16);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kint(&j, "days", days);
    jw_kint(&j, "max_results", max_results);
    if (flag_value(cl, "--category"))
        jw_kstr(&j, "category", flag_value(cl, "--category"));
    if (flag_value(cl, "--query"))
        jw_kstr(&j, "query", flag_value(cl, "--query"));
    jw_end_obj(&j);
    rc = buf_ok(&b) ? start(cl, c, "/scrape", NULL, buf_slice(&b), t, e)
                    : err_set(e, ERR_INVALID, "the query is too long");
    buf_release(&b);
    return rc;
}

static int run(struct command_line *cl)
{
    struct client *c = NULL;
    struct totals t = {0};
    struct err e = {0};
    bool from_files = flag_given(cl, "--replay");
    int64_t days, max_results;
    enum err_code rc;

    if (!flag_int(cl, "--days", 1, 365, 7, &days) ||
        !flag_int(cl, "--max-results", 1, 2000, 50, &max_results))
        return EXIT_USAGE;
    if (from_files && !operand(cl, 0))
        return usage_error(&cmd_scrape, "--replay needs at least one file");
    if (!from_files && operand(cl, 0))
        return usage_error(&cmd_scrape, "unexpected word '%s'", operand(cl, 0));
    if ((rc = client_open(&c, cl->config, &e)) != ERR_NONE)
        return fail(&e);
    rc = from_files ? replay(cl, c, &t, &e)
                    : scrape(cl, c, days, max_results, &t, &e);
    client_close(c);
    if (!cl->json && !flag_given(cl, "--no-wait") &&
        (rc == ERR_NONE || t.found > 0))
        printf("%lld papers: %lld new, %lld known\n", (long long)t.found,
               (long long)t.created, (long long)t.updated);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_scrape = {
    .name = "scrape",
    .summary = "fetch papers from arXiv now",
    .usage =
        "Usage: sheaf scrape [--days N] [--max-results N] [--category C]\n"
        "                    [--query TERMS] [--no-wait] [--json]\n"
        "       sheaf scrape --replay FILE... [--json]\n\n"
        "Fetch papers from arXiv and follow them until they can be listed.\n"
        "With --replay, recorded Atom answers of arXiv's API are imported\n"
        "through the same way (plain or gzip).\n\n"
        "  --days N          submitted in the last N days, 1 to 365 [7]\n"
        "  --max-results N   keep at most N, 1 to 2000 [50]\n"
        "  --category C      only papers of this category (llm, rag, cv, nlp,\n"
        "                    rl, robotics, audio, graph, theory, systems) "
        "[all]\n"
        "  --query TERMS     more arXiv search terms, e.g. 'ti:diffusion'\n"
        "  --no-wait         print the job and leave it to the server\n",
    .flags = flags,
    .run = run,
};
