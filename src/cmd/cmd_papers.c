/* cmd_papers.c - `sheaf papers`: find, show, remove and export papers. */
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {
    "--search=", "--category=",  "--tag=",   "--author=", "--since=",
    "--until=",  "--min-score=", "--order=", "--limit=",  NULL,
};

/* The list filters that flags give, as they are called in the API. */
static void add_filters(const struct command_line *cl, struct buf *path)
{
    static const char *const names[][2] = {
        {"--search", "search"},
        {"--category", "category"},
        {"--tag", "tag"},
        {"--author", "author"},
        {"--since", "published_after"},
        {"--until", "published_before"},
        {"--min-score", "min_relevance"},
        {"--order", "ordering"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *v = flag_value(cl, names[i][0]);

        if (v)
            client_query(path, names[i][1], v);
    }
}

static void print_row(const json_t *p)
{
    struct slice day = slice_sub(json_get_slice(p, "published_at"), 0, 10);
    int title = term_width() - 8 - 11 - 9 - 6;

    printf("%6lld  ", (long long)json_get_int(p, "id", 0));
    term_cell(day, 10);
    printf(" ");
    term_cell(json_get_slice(p, "category"), 8);
    printf(" %4.2f  ", json_get_double(p, "relevance_score", 0));
    term_cell(json_get_slice(p, "title"), title > 20 ? title : 20);
    putchar('\n');
}

static enum err_code list(const struct command_line *cl, struct client *c,
                          int64_t limit, struct err *e)
{
    char size[24];
    struct buf path;
    json_t *page = NULL;
    const json_t *rows;
    enum err_code rc;

    buf_init(&path, 4000);
    buf_add_str(&path, "/api/papers/");
    snprintf(size, sizeof(size), "%lld", (long long)limit);
    client_query(&path, "page_size", size);
    add_filters(cl, &path);
    rc = client_get(c, &path, &page, e);
    if (rc != ERR_NONE)
        return rc;
    rows = json_object_get(page, "results");
    if (cl->json) {
        json_dumpf(page, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        for (size_t i = 0; i < json_array_size(rows); i++)
            print_row(json_array_get(rows, i));
        printf("%lld of %lld papers\n", (long long)json_array_size(rows),
               (long long)json_get_int(page, "count", 0));
    }
    json_decref(page);
    return ERR_NONE;
}

static void print_wrapped(struct slice text, int width)
{
    struct slice rest = text, word;
    int at = 0;

    while (slice_split(&rest, ' ', &word)) {
        if (at > 0 && at + 1 + (int)word.len > width) {
            putchar('\n');
            at = 0;
        }
        at += printf("%s%.*s", at ? " " : "", SLICE_ARG(word));
    }
    putchar('\n');
}

static void print_paper(const json_t *p)
{
    int width = term_width() < 80 ? term_width() : 80;

    print_wrapped(json_get_slice(p, "title"), width);
    print_wrapped(json_get_slice(p, "authors"), width);
    printf("%.*s  %.*s  %.*s  score %.2f\n\n",
           SLICE_ARG(json_get_slice(p, "published_at")),
           SLICE_ARG(json_get_slice(p, "url")),
           SLICE_ARG(json_get_slice(p, "category")),
           json_get_double(p, "relevance_score", 0));
    print_wrapped(json_get_slice(p, "abstract"), width);
}

static enum err_code one(const struct command_line *cl, struct client *c,
                         const char *method, const char *id, const char *action,
                         struct err *e)
{
    char path[128];
    uint64_t number;
    json_t *p = NULL;
    enum err_code rc;
    bool show = strcmp(method, "GET") == 0;

    if (!slice_to_u64(slice_of(id), &number))
        return err_set(e, ERR_INVALID, "'%s' is not a paper's number", id);
    snprintf(path, sizeof(path), "/api/papers/%llu/%s",
             (unsigned long long)number, action);
    rc = client_json(c, method, path, SLICE_NONE, show ? &p : NULL, e);
    if (rc == ERR_NONE && show && cl->json) {
        json_dumpf(p, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (rc == ERR_NONE && show) {
        print_paper(p);
    }
    json_decref(p);
    return rc;
}

static enum err_code export(const struct command_line *cl, struct client *c,
                            const char *format, struct err *e) {
    struct buf path, reply; enum err_code rc;

    buf_init(&path, 4000);
    buf_init(&reply, 1 << 30);
    buf_add_str(&path, "/api/papers/export/");
    client_query(&path, "format", format);
    add_filters(cl, &path);
    rc = buf_ok(&path)
             ? client_send(c, "GET", path.p, NULL, SLICE_NONE, &reply, e)
             : err_set(e, ERR_INVALID, "the filters are too long");
    if (rc == ERR_NONE && reply.len > 0 &&
        fwrite(reply.p, 1, reply.len, stdout) != reply.len)
        rc = err_set(e, ERR_NO_SPACE, "cannot write the output");
    buf_release(&path);
    buf_release(&reply);
    return rc;
}

static enum err_code act(const struct command_line *cl, struct client *c,
                         const char *verb, const char *word, int64_t limit,
                         struct err *e)
{
    if (strcmp(verb, "show") == 0)
        return one(cl, c, "GET", word, "", e);
    if (strcmp(verb, "rm") == 0)
        return one(cl, c, "DELETE", word, "", e);
    if (strcmp(verb, "restore") == 0)
        return one(cl, c, "POST", word, "restore/", e);
    if (strcmp(verb, "export") == 0)
        return export(cl, c, word, e);
    return list(cl, c, limit, e);
}

static int run(struct command_line *cl)
{
    const char *verb = operand(cl, 0), *word = operand(cl, 1);
    struct client *c = NULL;
    struct err e = {0};
    int64_t limit;
    enum err_code rc;

    verb = verb ? verb : "list";
    if (!strstr(" list show rm restore export ", verb) || strchr(verb, ' '))
        return usage_error(&cmd_papers, "unknown word '%s'", verb);
    if (strcmp(verb, "list") != 0 && !word)
        return usage_error(&cmd_papers, "'%s' needs %s", verb,
                           strcmp(verb, "export") == 0 ? "a format"
                                                       : "a paper's number");
    if (!flag_int(cl, "--limit", 1, 100, 20, &limit))
        return EXIT_USAGE;
    rc = client_open(&c, cl->config, &e);
    if (rc == ERR_NONE)
        rc = act(cl, c, verb, word, limit, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_papers = {
    .name = "papers",
    .summary = "list, search, show, remove and export papers",
    .usage =
        "Usage: sheaf papers [list] [FILTERS] [--limit N] [--json]\n"
        "       sheaf papers show ID [--json]\n"
        "       sheaf papers rm ID | restore ID\n"
        "       sheaf papers export bibtex|ris|csv|jsonl [FILTERS] >FILE\n\n"
        "Filters:\n"
        "  --search TEXT      words, \"phrases\", -not\n"
        "  --category NAME    llm, rag, cv, ...\n"
        "  --tag NAME         transformer, ...\n"
        "  --author NAME      words of the name\n"
        "  --since DATE, --until DATE   published between\n"
        "  --min-score N      relevance at least, 0 to 1\n"
        "  --order KEY        -published_at, relevance_score, title, ...\n"
        "  --limit N          rows, 1 to 100 [20]\n",
    .flags = flags,
    .run = run,
};
