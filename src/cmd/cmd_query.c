/* cmd_query.c - `sheaf query`: find passages in documents, or papers. */
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {
    "--k=", "--mode=", "--where=", "--collection=", NULL};

/* Title, place and distance; below it the sentence that fits best, or the
 * passage's beginning. */
static void print_result(size_t i, const json_t *r)
{
    const json_t *m = json_object_get(r, "metadata");
    struct slice title = json_get_slice(m, "title");
    struct slice best = json_get_slice(json_object_get(r, "highlight"), "text");
    const json_t *distance = json_object_get(r, "distance");
    int64_t page = json_get_int(m, "page", 0);

    printf("%zu. ", i + 1);
    term_text(stdout, title);
    if (page > 0)
        printf(", page %lld", (long long)page);
    if (json_object_get(m, "start_char")) /* a paper is found whole */
        printf(", %lld to %lld", (long long)json_get_int(m, "start_char", 0),
               (long long)json_get_int(m, "end_char", 0));
    if (json_is_number(distance))
        printf("  (distance %.3f)", json_number_value(distance));
    printf("\n   ");
    term_cell(best.len ? best : json_get_slice(r, "text"), term_width() - 4);
    putchar('\n');
}

static enum err_code ask(const struct command_line *cl, struct client *c,
                         const char *text, const char *k, struct err *e)
{
    const char *mode = flag_value(cl, "--mode");
    const char *where = flag_value(cl, "--where");
    const char *collection = flag_value(cl, "--collection");
    struct buf path;
    json_t *body = NULL;
    const json_t *rows;
    enum err_code rc;

    buf_init(&path, 300000);
    buf_add_str(&path, "/query");
    client_query(&path, "q", text);
    client_query(&path, "k", k);
    if (mode)
        client_query(&path, "mode", mode);
    if (where)
        client_query(&path, "where", where);
    if (collection)
        client_query(&path, "collection", collection);
    rc = client_get(c, &path, &body, e);
    if (rc != ERR_NONE)
        return rc;
    rows = json_object_get(body, "results");
    if (cl->json) {
        json_dumpf(body, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else if (json_array_size(rows) == 0) {
        puts("Nothing found.");
    } else {
        for (size_t i = 0; i < json_array_size(rows); i++)
            print_result(i, json_array_get(rows, i));
    }
    json_decref(body);
    return ERR_NONE;
}

static int run(struct command_line *cl)
{
    const char *text = operand(cl, 0);
    struct client *c = NULL;
    struct err e = {0};
    char k_text[24];
    int64_t k;
    enum err_code rc;

    if (!text || operand(cl, 1))
        return usage_error(&cmd_query, "give one text, in quotes");
    if (!flag_int(cl, "--k", 1, 100, 5, &k))
        return EXIT_USAGE;
    snprintf(k_text, sizeof(k_text), "%lld", (long long)k);
    rc = client_open(&c, cl->config, &e);
    if (rc == ERR_NONE)
        rc = ask(cl, c, text, k_text, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_query = {
    .name = "query",
    .summary = "find passages in documents, or papers",
    .usage = "Usage: sheaf query [--k N] [--mode M] [--where JSON] "
             "[--collection NAME]\n"
             "                   [--json] TEXT\n\n"
             "  --k N              results, 1 to 100 [5]\n"
             "  --mode M           semantic, keyword, hybrid [semantic]\n"
             "  --where JSON       only what has these metadata, for example\n"
             "                     '{\"source\":\"guide.md\"}' or "
             "'{\"year\":{\"$gte\":2024}}'\n"
             "  --collection NAME  portfolio_documents or papers "
             "[portfolio_documents]\n",
    .flags = flags,
    .run = run,
};
