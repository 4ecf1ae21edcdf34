/* cmd_openapi.c - `sheaf openapi`: the interface, described, without a server.
 */
#include "base/json.h"
#include "cmd/app.h"
#include "cmd/command.h"

/* One value a line: the text is kept in git, and read as differences. */
static bool print_indented(struct slice text)
{
    json_t *doc = NULL;
    struct err e = {0};

    if (json_parse(&doc, text, &e) != ERR_NONE)
        return false;
    json_dumpf(doc, stdout,
               JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(doc);
    return true;
}

static int run(struct command_line *cl)
{
    struct err e = {0};
    struct buf b;
    bool ok;

    buf_init(&b, 16 << 20);
    if (app_describe(&b, cl->config, &e) != ERR_NONE) {
        buf_release(&b);
        return fail(&e);
    }
    ok = buf_ok(&b) && print_indented(buf_slice(&b));
    buf_release(&b);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_openapi = {
    .name = "openapi",
    .summary = "print the description of the HTTP interface (OpenAPI 3.1)",
    .usage = "Usage: sheaf openapi\n\n"
             "Print what a server with these settings says under\n"
             "/openapi.json: every path, its parameters and its replies.\n",
    .run = run,
};
