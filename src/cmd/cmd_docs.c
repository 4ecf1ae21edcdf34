/* cmd_docs.c - `sheaf docs`: list, show and remove documents. */
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {"--limit=", NULL};

static void print_row(const json_t *o)
{
    struct slice source = json_get_slice(o, "source");
    int title = term_width() - 21 - 7 - 30;

    term_cell(json_get_slice(o, "id"), 20);
    printf(" %5lld ", (long long)json_get_int(o, "chunks", 0));
    term_cell(json_get_slice(o, "title"), title > 20 ? title : 20);
    putchar(' ');
    term_cell(source.p ? source : SLICE("-"), 29);
    putchar('\n');
}

static enum err_code list(const struct command_line *cl, struct client *c,
                          int64_t limit, struct err *e)
{
    char path[64];
    json_t *page = NULL;
    const json_t *rows;
    enum err_code rc;

    snprintf(path, sizeof(path), "/documents/?page_size=%lld",
             (long long)limit);
    rc = client_json(c, "GET", path, SLICE_NONE, &page, e);
    if (rc != ERR_NONE)
        return rc;
    rows = json_object_get(page, "results");
    if (cl->json) {
        json_dumpf(page, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else if (json_array_size(rows) == 0) {
        puts("No documents.  `sheaf ingest FILE` adds one.");
    } else {
        for (size_t i = 0; i < json_array_size(rows); i++)
            print_row(json_array_get(rows, i));
    }
    json_decref(page);
    return ERR_NONE;
}

static enum err_code one(struct client *c, const char *method, const char *id,
                         struct err *e)
{
    struct buf path;
    json_t *document = NULL;
    enum err_code rc;

    for (const char *p = id; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", *p))
            return err_set(e, ERR_INVALID, "'%s' is not a document's id", id);
    buf_init(&path, 300);
    buf_printf(&path, "/documents/%s", id);
    rc = !buf_ok(&path) ? err_set(e, ERR_INVALID, "'%s' is too long", id)
         : strcmp(method, "DELETE") == 0
             ? client_send(c, method, path.p, NULL, SLICE_NONE, NULL, e)
             : client_json(c, method, path.p, SLICE_NONE, &document, e);
    buf_release(&path);
    if (document) {
        json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(document);
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
    if (!strstr(" list show rm ", verb) || strchr(verb, ' '))
        return usage_error(&cmd_docs, "unknown word '%s'", verb);
    if (strcmp(verb, "list") != 0 && !id)
        return usage_error(&cmd_docs, "'%s' needs a document's id", verb);
    if (!flag_int(cl, "--limit", 1, 100, 20, &limit))
        return EXIT_USAGE;
    rc = client_open(&c, cl->config, &e);
    if (rc != ERR_NONE)
        return fail(&e);
    if (strcmp(verb, "show") == 0)
        rc = one(c, "GET", id, &e);
    else if (strcmp(verb, "rm") == 0)
        rc = one(c, "DELETE", id, &e);
    else
        rc = list(cl, c, limit, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_docs = {
    .name = "docs",
    .summary = "list, show and remove documents",
    .usage = "Usage: sheaf docs [list] [--limit N] [--json]\n"
             "       sheaf docs show ID\n"
             "       sheaf docs rm ID\n\n"
             "  --limit N   rows, 1 to 100 [20]\n",
    .flags = flags,
    .run = run,
};
