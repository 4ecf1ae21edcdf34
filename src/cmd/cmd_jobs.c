/* cmd_jobs.c - `sheaf jobs`: what is running, and what became of it. */
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {"--status=", "--kind=", "--limit=", NULL};

static void print_row(const json_t *o)
{
    int error = term_width() - 26 - 10 - 11 - 7;

    term_cell(json_get_slice(o, "job_id"), 25);
    printf(" ");
    term_cell(json_get_slice(o, "kind"), 9);
    printf(" ");
    term_cell(json_get_slice(o, "status"), 10);
    printf(" %3.0f %%  ", json_get_double(o, "progress", 0));
    term_cell(json_get_slice(o, "error"), error > 10 ? error : 10);
    putchar('\n');
}

static enum err_code list(const struct command_line *cl, struct client *c,
                          int64_t limit, struct err *e)
{
    char size[24];
    const char *status = flag_value(cl, "--status");
    const char *kind = flag_value(cl, "--kind");
    struct buf path;
    json_t *page = NULL;
    const json_t *rows;
    enum err_code rc;

    buf_init(&path, 2000);
    buf_add_str(&path, "/jobs/");
    snprintf(size, sizeof(size), "%lld", (long long)limit);
    client_query(&path, "page_size", size);
    if (status)
        client_query(&path, "status", status);
    if (kind)
        client_query(&path, "kind", kind);
    rc = client_get(c, &path, &page, e);
    if (rc != ERR_NONE)
        return rc;
    rows = json_object_get(page, "results");
    if (cl->json) {
        json_dumpf(page, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (json_array_size(rows) == 0) {
        puts("No jobs.");
    } else {
        for (size_t i = 0; i < json_array_size(rows); i++)
            print_row(json_array_get(rows, i));
    }
    json_decref(page);
    return ERR_NONE;
}

static enum err_code one(struct client *c, const char *method, const char *id,
                         const char *action, struct err *e)
{
    struct buf path;
    json_t *job = NULL;
    enum err_code rc;

    for (const char *p = id; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", *p))
            return err_set(e, ERR_INVALID, "'%s' is not a job's name", id);
    buf_init(&path, 300);
    buf_printf(&path, "/jobs/%s%s", id, action);
    rc = buf_ok(&path) ? client_json(c, method, path.p, SLICE_NONE, &job, e)
                       : err_set(e, ERR_INVALID, "'%s' is too long", id);
    buf_release(&path);
    if (rc == ERR_NONE) {
        json_dumpf(job, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(job);
    return rc;
}

static int run(struct command_line *cl)
{
    const char *verb = operand(cl, 0), *id = operand(cl, 1);
    struct client *c = NULL;
    struct err e = {0};
    int64_t limit;
    enum err_code rc;

    verb = verb ? verb : "list";
    if (!strstr(" list show cancel retry ", verb) || strchr(verb, ' '))
        return usage_error(&cmd_jobs, "unknown word '%s'", verb);
    if (strcmp(verb, "list") != 0 && !id)
        return usage_error(&cmd_jobs, "'%s' needs a job's name", verb);
    if (!flag_int(cl, "--limit", 1, 100, 20, &limit))
        return EXIT_USAGE;
    rc = client_open(&c, cl->config, &e);
    if (rc != ERR_NONE)
        return fail(&e);
    if (strcmp(verb, "show") == 0)
        rc = one(c, "GET", id, "", &e);
    else if (strcmp(verb, "cancel") == 0)
        rc = one(c, "DELETE", id, "", &e);
    else if (strcmp(verb, "retry") == 0)
        rc = one(c, "POST", id, "/retry", &e);
    else
        rc = list(cl, c, limit, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_jobs = {
    .name = "jobs",
    .summary = "list, show, cancel and retry jobs",
    .usage =
        "Usage: sheaf jobs [list] [--status S] [--kind K] [--limit N]"
        " [--json]\n"
        "       sheaf jobs show ID\n"
        "       sheaf jobs cancel ID\n"
        "       sheaf jobs retry ID     a failed or cancelled job again\n\n"
        "  --status S   running, pending, processing, completed, failed,\n"
        "               cancelled\n"
        "  --kind K     scrape, webhook, coverage\n"
        "  --limit N    rows, 1 to 100 [20]\n",
    .flags = flags,
    .run = run,
};
