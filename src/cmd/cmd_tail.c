/* cmd_tail.c - `sheaf tail`: live events in the terminal, a line each.
 *
 * When the server goes away the command waits until one holds the data
 * directory again, perhaps at another address, and says so; the snapshot that
 * comes first then shows what was missed in between.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/live_client.h"
#include "cmd/stop.h"
#include "cmd/term.h"

#define NAME_COLUMNS 16
#define USED_COLUMNS (10 + NAME_COLUMNS + 2) /* time, name */
#define LOOK_FIRST_MS 50                     /* for a server, doubling */
#define LOOK_MS 2000

static const char *const flags[] = {"--event=", "--page=", NULL};

struct tail {
    const struct command_line *cl;
    int stop_fd;
    bool in_colour, is_terminal;
};

/* ---- lines for people ---- */

static long long number(const json_t *o, const char *key)
{
    return (long long)json_get_int(o, key, 0);
}

/* The end of a line, cut to what is left of it on a terminal. */
static void put_rest(const struct tail *t, struct slice text, int used)
{
    int left = term_width() - used;

    if (t->is_terminal && (int)utf8_count(text) > left)
        term_cell(text, left > 1 ? left : 1);
    else
        term_text(stdout, text);
}

static void put_snapshot(const struct tail *t, const json_t *o)
{
    const json_t *all = json_object_get(o, "totals");

    (void)t;
    printf("%lld views of %lld pages; %lld live clients", number(all, "views"),
           number(all, "pages"), number(o, "online"));
}

static void put_pageview(const struct tail *t, const json_t *o)
{
    printf("%9lld  ", number(o, "count"));
    put_rest(t, json_get_slice(o, "page"), USED_COLUMNS + 11);
}

static void put_job(const struct tail *t, const json_t *o)
{
    struct slice error = json_get_slice(o, "error");

    printf("%7.0f %%  ", json_get_double(o, "progress", 0));
    term_cell(json_get_slice(o, "status"), 11);
    term_cell(json_get_slice(o, "kind"), 9);
    if (!error.len) {
        put_rest(t, json_get_slice(o, "job_id"), USED_COLUMNS + 31);
        return;
    }
    term_cell(json_get_slice(o, "job_id"), 22);
    putchar(' ');
    put_rest(t, error, USED_COLUMNS + 54);
}

static void put_papers(const struct tail *t, const json_t *o)
{
    const json_t *first = json_array_get(json_object_get(o, "papers"), 0);

    printf("%9lld  ", number(o, "count"));
    put_rest(t, json_get_slice(first, "title"), USED_COLUMNS + 11);
}

static void put_document(const struct tail *t, const json_t *o)
{
    printf("%9lld  ", number(o, "chunks"));
    put_rest(t, json_get_slice(o, "title"), USED_COLUMNS + 11);
}

static void put_removed(const struct tail *t, const json_t *o)
{
    printf("%9s  ", "");
    put_rest(t, json_get_slice(o, "document_id"), USED_COLUMNS + 11);
}

/* One that a newer server has. */
static void put_unknown(const struct tail *t, const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);

    put_rest(t, slice_of(text), USED_COLUMNS);
    free(text);
}

static const struct shown {
    const char *name;
    void (*put)(const struct tail *t, const json_t *data);
    int colour; /* of ANSI */
} shown[] = {
    {"snapshot", put_snapshot, 90},       {"new_pageview", put_pageview, 32},
    {"job_progress", put_job, 36},        {"paper_added", put_papers, 35},
    {"document_ready", put_document, 34}, {"document_removed", put_removed, 31},
};
#define N_SHOWN (sizeof(shown) / sizeof(*shown))

static const struct shown *find_shown(struct slice name)
{
    static const struct shown other = {NULL, put_unknown, 33};

    for (size_t i = 0; i < N_SHOWN; i++)
        if (slice_is(name, shown[i].name))
            return &shown[i];
    return &other;
}

static void put_line(const struct tail *t, struct slice name,
                     const json_t *data)
{
    const struct shown *s = find_shown(name);
    time_t now = time(NULL);
    struct tm tm;

    localtime_r(&now, &tm);
    printf("%02d:%02d:%02d  ", tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (t->in_colour)
        printf("\033[%dm", s->colour);
    term_cell(name, NAME_COLUMNS);
    fputs(t->in_colour ? "\033[0m  " : "  ", stdout);
    s->put(t, data);
    putchar('\n');
}

/* ---- lines for programs ---- */

/* Escaped down to ASCII: it may be looked at in a terminal, too. */
static void put_json(struct slice name, const json_t *data)
{
    char now[CLOCK_TEXT];
    json_t *line;

    clock_format(now, clock_now_us());
    line = json_pack("{s:s, s:s%, s:O?}", "time", now, "event", name.p,
                     name.len, "data", data);
    json_dumpf(line, stdout,
               JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(line);
}

/* ---- which ---- */

/* "/a" is that page; "/a*" are all that begin so. */
static bool is_page(struct slice page, const char *wanted)
{
    size_t n = strlen(wanted);

    if (n == 0 || wanted[n - 1] != '*')
        return slice_is(page, wanted);
    return page.len >= n - 1 &&
           slice_eq(slice_sub(page, 0, n - 1), (struct slice){wanted, n - 1});
}

static bool is_wanted(const struct command_line *cl, struct slice name,
                      const json_t *data)
{
    const char *event = flag_value(cl, "--event"),
               *page = flag_value(cl, "--page");
    struct slice list = slice_of(event), one;
    bool named = !event;

    while (!named && slice_split(&list, ',', &one))
        named = slice_eq(slice_trim(one), name);
    if (page)
        named = named && slice_is(name, "new_pageview") &&
                is_page(json_get_slice(data, "page"), page);
    return named;
}

/* A slip of the pen would wait for ever. */
static bool events_ok(const struct command_line *cl)
{
    const char *names[N_SHOWN + 1] = {NULL};
    struct slice list = slice_of(flag_value(cl, "--event")), one;

    for (size_t i = 0; i < N_SHOWN; i++)
        names[i] = shown[i].name;
    while (slice_split(&list, ',', &one)) {
        char word[40];
        const char *near;

        one = slice_trim(one);
        if (find_shown(one)->name)
            continue;
        snprintf(word, sizeof(word), "%.*s", SLICE_ARG(one));
        near = nearest_word(word, names);
        usage_error(&cmd_tail, "--event: there is no '%s'%s%s%s", word,
                    near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
        return false;
    }
    return true;
}

static void on_event(void *ctx, struct slice name, const json_t *data)
{
    const struct tail *t = ctx;

    if (!is_wanted(t->cl, name, data))
        return;
    if (t->cl->json)
        put_json(name, data);
    else
        put_line(t, name, data);
    fflush(stdout);
}

/* ---- listening ---- */

static bool stopped(void *ctx)
{
    const struct tail *t = ctx;

    return stop_wait(t->stop_fd, 0);
}

/* Once, to the first error.  *joined: the server had let us in. */
static enum err_code listen_once(struct tail *t, bool *joined, struct err *e)
{
    struct live_client l = {.path = config_str(t->cl->config, "live_path"),
                            .on_event = on_event,
                            .stopped = stopped,
                            .ctx = t};
    enum err_code rc = client_attach(&l.client, t->cl->config, e);

    if (rc == ERR_NONE)
        rc = live_listen(&l, e);
    *joined = l.joined;
    client_close(l.client);
    return rc;
}

/* Once it has let us in it may go and come again, and on its way up nobody is
 * there, or not yet ready to serve. */
static bool may_come_back(enum err_code why, bool joined)
{
    return why == ERR_UNAVAILABLE || why == ERR_TIMEOUT ||
           why == ERR_NOT_FOUND || (joined && why == ERR_INVALID);
}

static enum err_code follow(struct tail *t, struct err *e)
{
    int pause = LOOK_FIRST_MS;
    bool was_in = false, joined;

    for (;;) {
        struct err last = {0};
        enum err_code rc = listen_once(t, &joined, &last);

        was_in = was_in || joined;
        if (rc == ERR_CANCELLED)
            return ERR_NONE;
        if (!was_in || !may_come_back(rc, joined)) {
            *e = last;
            return rc;
        }
        if (joined) {
            pause = LOOK_FIRST_MS;
            fputs("sheaf: the server has gone; waiting for it\n", stderr);
        }
        if (stop_wait(t->stop_fd, pause))
            return ERR_NONE;
        pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
    }
}

static int run(struct command_line *cl)
{
    struct tail t = {.cl = cl,
                     .stop_fd = -1,
                     .in_colour = term_has_colours(),
                     .is_terminal = isatty(STDOUT_FILENO) == 1};
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_tail, "there is nothing to name");
    if (!events_ok(cl))
        return EXIT_USAGE;
    rc = stop_open(&t.stop_fd, &e);
    if (rc == ERR_NONE)
        rc = follow(&t, &e);
    if (t.stop_fd >= 0)
        close(t.stop_fd);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_tail = {
    .name = "tail",
    .summary = "live events as they happen: views, jobs, papers",
    .usage =
        "Usage: sheaf tail [--event NAMES] [--page PATH] [--json]\n\n"
        "A line for each event of the running server, until Ctrl-C.  When the\n"
        "server is restarted it goes on with the new one.\n\n"
        "  --event NAMES  only these, with commas between: snapshot,\n"
        "                 new_pageview, job_progress, paper_added,\n"
        "                 document_ready, document_removed\n"
        "  --page PATH    only views of this page; \"/blog*\": of all whose "
        "path\n"
        "                 begins so\n",
    .flags = flags,
    .run = run,
};
