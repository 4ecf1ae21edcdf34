/* cmd_stats.c - `sheaf stats`: page views in numbers. */
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {
    "--by=", "--limit=", "--from=", "--to=", "--tz=", NULL};
/* the same, as parameters of /stats/top */
static const char *const passed_on[] = {"--by", "--limit", "--from",
                                        "--to", "--tz",    NULL};

static long long number(const json_t *o, const char *key)
{
    return (long long)json_get_int(o, key, 0);
}

static void print_now(const json_t *live)
{
    const json_t *all = json_object_get(live, "totals");

    printf("%lld views of %lld pages, and %lld by robots\n",
           number(all, "views"), number(all, "pages"),
           number(all, "bot_views"));
    printf("in the last %lld minutes: %lld views, %lld visitors; %lld live "
           "clients\n\n",
           number(live, "minutes"), number(live, "views"),
           number(live, "visitors"), number(live, "online"));
}

static void print_top(const json_t *top)
{
    struct slice by = json_get_slice(top, "by");
    const json_t *rows = json_object_get(top, "results"), *row;
    int left = term_width() - 11;
    size_t i;

    if (json_array_size(rows) == 0)
        puts("Nothing was viewed in that time.");
    json_array_foreach(rows, i, row)
    {
        struct slice title = json_get_slice(row, "title");

        printf("%9lld  ", number(row, "count"));
        term_cell(
            json_get_slice(row, slice_is(by, "page") ? "page" : "referrer"),
            title.len ? left / 2 : left);
        if (title.len) {
            putchar(' ');
            term_cell(title, left - left / 2 - 1);
        }
        putchar('\n');
    }
}

static enum err_code get_top(const struct command_line *cl, struct client *c,
                             json_t **out, struct err *e)
{
    struct buf path;

    buf_init(&path, 64 << 10);
    buf_add_str(&path, "/stats/top");
    for (const char *const *f = passed_on; *f; f++)
        if (flag_given(cl, *f))
            client_query(&path, *f + strlen("--"), flag_value(cl, *f));
    return client_get(c, &path, out, e);
}

static enum err_code show(const struct command_line *cl, struct client *c,
                          struct err *e)
{
    json_t *live = NULL, *top = NULL, *both;
    enum err_code rc =
        client_json(c, "GET", "/stats/live", SLICE_NONE, &live, e);

    if (rc == ERR_NONE)
        rc = get_top(cl, c, &top, e);
    if (rc == ERR_NONE && cl->json) {
        both = json_pack("{s:O, s:O}", "live", live, "top", top);
        json_dumpf(both, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(both);
    } else if (rc == ERR_NONE) {
        print_now(live);
        print_top(top);
    }
    json_decref(live);
    json_decref(top);
    return rc;
}

static int run(struct command_line *cl)
{
    struct client *c = NULL;
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_stats, "there is nothing to name");
    rc = client_open(&c, cl->config, &e);
    if (rc == ERR_NONE)
        rc = show(cl, c, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_stats = {
    .name = "stats",
    .summary = "page views: totals, now, the most viewed",
    .usage = "Usage: sheaf stats [--by page|referrer] [--limit N] [--from T] "
             "[--to T]\n"
             "                   [--tz ZONE] [--json]\n\n"
             "  --by WHAT    rank pages or referrers [page]\n"
             "  --limit N    how many, 1 to 1000 [10]\n"
             "  --from T     a time, or a date in the zone [the beginning]\n"
             "  --to T       a time, or a date whose day is included [now]\n"
             "  --tz ZONE    zone of the dates, \"Europe/Berlin\" [UTC]\n",
    .flags = flags,
    .run = run,
};
