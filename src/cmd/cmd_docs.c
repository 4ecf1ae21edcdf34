/* cmd_docs.c - `sheaf docs`: list, show, read and remove documents. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/term.h"

static const char *const flags[] = {
    "--limit=", "--page=", "--source=", "--from=", "--to=", NULL};

#define MAX_ID 100 /* as the server takes it */

static void print_json(const json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
}

/* ---- list ---- */

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

static void print_page(const json_t *list, int64_t page, int64_t limit)
{
    const json_t *rows = json_object_get(list, "results");
    size_t n = json_array_size(rows);
    int64_t count = json_get_int(list, "count", 0);

    if (n == 0) {
        puts("No documents.  `sheaf ingest FILE` adds one.");
        return;
    }
    for (size_t i = 0; i < n; i++)
        print_row(json_array_get(rows, i));
    if (json_is_string(json_object_get(list, "next")))
        printf("%lld to %lld of %lld; more with --page %lld\n",
               (long long)((page - 1) * limit + 1),
               (long long)((page - 1) * limit + (int64_t)n), (long long)count,
               (long long)page + 1);
}

static enum err_code list(const struct command_line *cl, struct client *c,
                          struct err *e)
{
    const char *source = flag_value(cl, "--source");
    int64_t limit = 0, page = 0;
    json_t *body = NULL;
    struct buf path;
    enum err_code rc;

    if (!flag_int(cl, "--limit", 1, 100, 20, &limit) ||
        !flag_int(cl, "--page", 1, 1000000, 1, &page))
        return ERR_INVALID;
    buf_init(&path, 64 << 10);
    buf_printf(&path, "/documents/?page_size=%lld&page=%lld", (long long)limit,
               (long long)page);
    if (source)
        client_query(&path, "source", source);
    rc = client_get(c, &path, &body, e);
    if (rc != ERR_NONE)
        return rc;
    if (cl->json)
        print_json(body);
    else
        print_page(body, page, limit);
    json_decref(body);
    return ERR_NONE;
}

/* ---- one document ---- */

static enum err_code path_of(struct buf *path, const char *id, struct err *e)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_");

    buf_init(path, 1000);
    if (id[n] || n == 0 || n > MAX_ID)
        return err_set(e, ERR_INVALID, "'%s' is not a document's id", id);
    buf_printf(path, "/documents/%s", id);
    return ERR_NONE;
}

static void print_metadata(const json_t *metadata)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)metadata, key, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY);

        fputs("  ", stdout);
        term_text(stdout, slice_of(key));
        fputs(": ", stdout);
        term_text(
            stdout,
            slice_of(json_is_string(value) ? json_string_value(value) : text));
        putchar('\n');
        free(text);
    }
}

static void print_document(const json_t *o)
{
    struct slice source = json_get_slice(o, "source");

    term_text(stdout, json_get_slice(o, "title"));
    printf("\n  id: %.*s\n", SLICE_ARG(json_get_slice(o, "id")));
    if (source.len) {
        fputs("  source: ", stdout);
        term_text(stdout, source);
        putchar('\n');
    }
    printf("  %lld characters, %lld chunks of %lld, overlapping by %lld\n",
           (long long)json_get_int(o, "chars", 0),
           (long long)json_get_int(o, "chunks", 0),
           (long long)json_get_int(o, "chunk_size", 0),
           (long long)json_get_int(o, "chunk_overlap", 0));
    printf("  added %.*s, this version %.*s\n",
           SLICE_ARG(json_get_slice(o, "created_at")),
           SLICE_ARG(json_get_slice(o, "updated_at")));
    print_metadata(json_object_get(o, "metadata"));
}

static enum err_code show(const struct command_line *cl, struct client *c,
                          struct err *e)
{
    json_t *document = NULL;
    struct buf path;
    enum err_code rc = path_of(&path, operand(cl, 1), e);

    if (rc == ERR_NONE)
        rc = client_get(c, &path, &document, e);
    if (rc != ERR_NONE)
        return rc;
    if (cl->json)
        print_json(document);
    else
        print_document(document);
    json_decref(document);
    return ERR_NONE;
}

/* Print one reply of GET .../text; *next (the caller's) is where it goes on. */
static enum err_code print_text(const struct command_line *cl, struct client *c,
                                const char *path, char **next, struct err *e)
{
    json_t *body = NULL;
    const char *follows;
    struct slice text;
    enum err_code rc = client_json(c, "GET", path, SLICE_NONE, &body, e);

    *next = NULL;
    if (rc != ERR_NONE)
        return rc;
    text = json_get_slice(body, "text");
    follows = json_string_value(json_object_get(body, "next"));
    if (cl->json)
        print_json(body);
    else
        fwrite(text.p, 1, text.len, stdout);
    if (follows && !flag_given(cl, "--to")) {
        *next = strdup(follows);
        if (!*next)
            abort();
    }
    json_decref(body);
    return ERR_NONE;
}

/* The text as it is stored, whole or from one character to another. */
static enum err_code text(const struct command_line *cl, struct client *c,
                          struct err *e)
{
    const char *from = flag_value(cl, "--from"), *to = flag_value(cl, "--to");
    struct buf path;
    char *next = NULL;
    enum err_code rc = path_of(&path, operand(cl, 1), e);

    buf_add_str(&path, "/text");
    if (from)
        client_query(&path, "from", from);
    if (to)
        client_query(&path, "to", to);
    if (rc == ERR_NONE && !buf_ok(&path))
        rc = err_set(e, ERR_INVALID, "--from or --to is too long");
    if (rc == ERR_NONE)
        rc = print_text(cl, c, path.p, &next, e);
    buf_release(&path);
    while (rc == ERR_NONE && next) {
        char *here = next;

        rc = print_text(cl, c, here, &next, e);
        free(here);
    }
    return rc;
}

/* Each is tried; what cannot be removed is said. */
static enum err_code rm(const struct command_line *cl, struct client *c,
                        struct err *e)
{
    enum err_code first = ERR_NONE;
    const char *id;

    for (int i = 1; (id = operand(cl, i)) != NULL; i++) {
        struct err one = {0};
        struct buf path;
        enum err_code rc = path_of(&path, id, &one);

        if (rc == ERR_NONE)
            rc = client_send(c, "DELETE", path.p, NULL, SLICE_NONE, NULL, &one);
        buf_release(&path);
        if (rc == ERR_NONE && cl->json)
            printf("{\"removed\":\"%s\"}\n", id);
        else if (rc == ERR_NONE)
            printf("%s removed\n", id);
        else if (first == ERR_NONE)
            *e = one;
        else
            fprintf(stderr, "sheaf: %s\n", one.msg);
        first = first == ERR_NONE ? rc : first;
    }
    return first;
}

/* ---- the command ---- */

static const struct verb {
    const char *name;
    int min, max; /* ids that it takes */
    enum err_code (*run)(const struct command_line *cl, struct client *c,
                         struct err *e);
} verbs[] = {
    {"list", 0, 0, list},
    {"show", 1, 1, show},
    {"text", 1, 1, text},
    {"rm", 1, 1000, rm},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int run(struct command_line *cl)
{
    const char *word = operand(cl, 0);
    const struct verb *v = find_verb(word ? word : "list");
    struct client *c = NULL;
    struct err e = {0};
    int n = 0;
    enum err_code rc;

    while (word && operand(cl, n + 1))
        n++;
    if (!v)
        return usage_error(&cmd_docs, "unknown word '%s'", word);
    if (n < v->min)
        return usage_error(&cmd_docs, "'%s' needs a document's id", v->name);
    if (n > v->max)
        return usage_error(&cmd_docs, "unexpected word '%s'",
                           operand(cl, v->max + 1));
    rc = client_open(&c, cl->config, &e);
    if (rc == ERR_NONE)
        rc = v->run(cl, c, &e);
    client_close(c);
    if (rc != ERR_NONE && !*e.msg)
        return EXIT_USAGE; /* said already */
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_docs = {
    .name = "docs",
    .summary = "list, show, read and remove documents",
    .usage =
        "Usage: sheaf docs [list] [--limit N] [--page P] [--source S] "
        "[--json]\n"
        "       sheaf docs show ID [--json]\n"
        "       sheaf docs text ID [--from C] [--to C] [--json]\n"
        "       sheaf docs rm ID... [--json]\n\n"
        "  --limit N    rows, 1 to 100 [20]\n"
        "  --page P     which page of them; the newest document is first [1]\n"
        "  --source S   only the document that is from there\n"
        "  --from C     the text from this character on [0]\n"
        "  --to C       ... up to this one [the end]\n",
    .flags = flags,
    .run = run,
};
