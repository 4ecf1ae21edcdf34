/* cmd_ask.c - `sheaf ask`: a question, answered as the answer comes. */
#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {"--k=", "--where=", "--collection=", NULL};

struct asking {
    bool json;
    bool waiting;           /* a note stands on the terminal's line */
    json_t *sources, *done; /* as they came */
};

/* ---- the events ---- */

static void on_sources(struct asking *a, json_t *data)
{
    json_decref(a->sources);
    a->sources = json_incref(json_object_get(data, "sources"));
    a->waiting = !a->json;
    if (a->waiting)
        term_progress("ask", -1, "reading the sources");
}

static void end_waiting(struct asking *a)
{
    if (a->waiting)
        term_progress_end();
    a->waiting = false;
}

static void on_token(struct asking *a, const json_t *data)
{
    if (a->json)
        return;
    end_waiting(a);
    term_lines(stdout, json_get_slice(data, "text"));
    fflush(stdout);
}

static enum err_code on_event(void *ctx, struct slice name, struct slice data,
                              struct err *e)
{
    struct asking *a = ctx;
    json_t *v = NULL;
    enum err_code rc = json_parse(&v, data, e);

    if (rc != ERR_NONE)
        return rc;
    if (slice_is(name, "sources")) {
        on_sources(a, v);
    } else if (slice_is(name, "token")) {
        on_token(a, v);
    } else if (slice_is(name, "done")) {
        json_decref(a->done);
        a->done = json_incref(v);
    } else if (slice_is(name, "error")) {
        rc = err_set(e, ERR_UNAVAILABLE, "%.*s",
                     SLICE_ARG(json_get_slice(v, "error")));
    }
    json_decref(v);
    return rc;
}

/* ---- what is printed behind the answer ---- */

/* "[1] Kubernetes Guide, page 3, 2400 to 3400" */
static void print_source(const json_t *s)
{
    int64_t page = json_get_int(s, "page", 0);
    struct slice url = json_get_slice(s, "url");

    printf("[%lld] ", (long long)json_get_int(s, "n", 0));
    term_text(stdout, json_get_slice(s, "title"));
    if (page > 0)
        printf(", page %lld", (long long)page);
    printf(", %lld to %lld", (long long)json_get_int(s, "start_char", 0),
           (long long)json_get_int(s, "end_char", 0));
    if (url.len > 0) {
        printf("\n    ");
        term_text(stdout, url);
    }
    putchar('\n');
}

static void print_end(const struct asking *a)
{
    struct slice warning = json_get_slice(a->done, "warning");

    printf("\n\n");
    for (size_t i = 0; i < json_array_size(a->sources); i++)
        print_source(json_array_get(a->sources, i));
    if (warning.len > 0) {
        fputs("sheaf: ", stderr);
        term_text(stderr, warning);
        fputc('\n', stderr);
    }
}

static void print_json(const struct asking *a)
{
    json_object_set(a->done, "sources", a->sources);
    json_dumpf(a->done, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
}

/* ---- the question ---- */

static enum err_code write_question(struct buf *out,
                                    const struct command_line *cl,
                                    const char *question, int64_t k,
                                    struct err *e)
{
    const char *where = flag_value(cl, "--where");
    const char *collection = flag_value(cl, "--collection");
    json_t *filter = NULL;
    enum err_code rc = ERR_NONE;
    struct jw j;

    if (where)
        rc = json_parse(&filter, slice_of(where), e);
    if (rc != ERR_NONE) {
        err_prefix(e, "--where");
        return rc;
    }
    jw_init(&j, out);
    jw_obj(&j);
    jw_kstr(&j, "question", question);
    jw_kint(&j, "k", k);
    if (collection)
        jw_kstr(&j, "collection", collection);
    if (filter) {
        jw_key(&j, "where");
        jw_value(&j, filter);
    }
    jw_kbool(&j, "stream", true);
    jw_end_obj(&j);
    json_decref(filter);
    return buf_ok(out) ? ERR_NONE
                       : err_set(e, ERR_INVALID, "the question is too long");
}

static enum err_code ask(struct asking *a, const struct command_line *cl,
                         struct client *c, const char *question, int64_t k,
                         struct err *e)
{
    enum err_code rc;
    struct buf body;

    buf_init(&body, 1 << 20);
    rc = write_question(&body, cl, question, k, e);
    if (rc == ERR_NONE)
        rc = client_events(c, "/ask", buf_slice(&body), on_event, a, e);
    buf_release(&body);
    end_waiting(a);
    if (rc == ERR_NONE && !a->done)
        rc = err_set(e, ERR_UNAVAILABLE, "the server's answer broke off");
    return rc;
}

static int status_of(const struct asking *a)
{
    if (!json_is_true(json_object_get(a->done, "complete")))
        return EXIT_FAILED;
    return json_is_true(json_object_get(a->done, "grounded"))
               ? EXIT_DONE
               : EXIT_NO_EVIDENCE;
}

static int run(struct command_line *cl)
{
    const char *question = operand(cl, 0);
    struct asking a = {.json = cl->json};
    struct client *c = NULL;
    struct err e = {0};
    int status;
    int64_t k;
    enum err_code rc;

    if (!question || operand(cl, 1))
        return usage_error(&cmd_ask, "give one question, in quotes");
    if (!flag_int(cl, "--k", 1, 20, 3, &k))
        return EXIT_USAGE;
    rc = client_open(&c, cl->config, &e);
    if (rc == ERR_NONE)
        rc = ask(&a, cl, c, question, k, &e);
    client_close(c);
    if (rc == ERR_NONE && cl->json)
        print_json(&a);
    else if (rc == ERR_NONE)
        print_end(&a);
    status = rc == ERR_NONE ? status_of(&a) : fail(&e);
    json_decref(a.sources);
    json_decref(a.done);
    return status;
}

const struct command cmd_ask = {
    .name = "ask",
    .summary = "answer a question from documents and papers",
    .usage =
        "Usage: sheaf ask [--k N] [--where JSON] [--collection NAME] [--json]\n"
        "                 QUESTION\n\n"
        "Each [n] in the answer is a source, listed below it.  With llm_url\n"
        "set a language model answers, else sentences of the sources do.\n\n"
        "  --k N              sources, 1 to 20 [3]\n"
        "  --where JSON       only what has these metadata, for example\n"
        "                     '{\"source\":\"guide.md\"}' or "
        "'{\"year\":{\"$gte\":2024}}'\n"
        "  --collection NAME  portfolio_documents or papers [both]\n\n"
        "Exit status: 0 answered, 3 not enough evidence in them,\n"
        "1 failed, or the answer broke off (the reason is on stderr).\n",
    .flags = flags,
    .run = run,
};
