/* cmd_config.c - `sheaf config`: the settings in force, and from where. */
#include <string.h>

#include "base/json.h"
#include "cmd/command.h"

static const char *const origins[] = {"default", "file", "environment", "flag"};

static void print_text(const struct command_line *cl)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    if (cl->config_file)
        printf("# file: %s\n", cl->config_file);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].for_tests &&
            config_from(cl->config, rows[i].key) == FROM_DEFAULT)
            continue;
        printf("%-24s = %-28s # %s\n", rows[i].key,
               config_shown(cl->config, rows[i].key),
               origins[config_from(cl->config, rows[i].key)]);
    }
}

static int print_json(const struct command_line *cl)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);
    struct buf b;
    struct jw j;
    bool ok;

    buf_init(&b, 1 << 20);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kstr(&j, "file", cl->config_file);
    jw_key(&j, "settings");
    jw_obj(&j);
    for (size_t i = 0; i < n; i++) {
        jw_key(&j, rows[i].key);
        jw_obj(&j);
        jw_kstr(&j, "value", config_shown(cl->config, rows[i].key));
        jw_kstr(&j, "origin", origins[config_from(cl->config, rows[i].key)]);
        jw_end_obj(&j);
    }
    jw_end_obj(&j);
    jw_end_obj(&j);
    ok = buf_ok(&b);
    if (ok)
        printf("%s\n", b.p);
    buf_release(&b);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int print_generated(void (*make)(struct buf *b))
{
    struct buf b;
    bool ok;

    buf_init(&b, 1 << 20);
    make(&b);
    ok = buf_ok(&b);
    if (ok)
        fputs(b.p, stdout);
    buf_release(&b);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int run(struct command_line *cl)
{
    const char *what = operand(cl, 0);

    if (!what || strcmp(what, "show") == 0) {
        if (cl->json)
            return print_json(cl);
        print_text(cl);
        return EXIT_DONE;
    }
    if (strcmp(what, "example") == 0)
        return print_generated(config_write_example);
    if (strcmp(what, "markdown") == 0)
        return print_generated(config_write_markdown);
    return usage_error(&cmd_config, "unknown word '%s'", what);
}

const struct command cmd_config = {
    .name = "config",
    .summary = "print the settings in force and where each came from",
    .usage =
        "Usage: sheaf config [show] [--json]\n"
        "       sheaf config example     print a sheaf.conf with all keys\n"
        "       sheaf config markdown    print the table for the docs\n\n"
        "Secrets are not shown.  A setting comes from: flag, environment\n"
        "(SHEAF_<KEY>), sheaf.conf in the data directory (or --config\n"
        "FILE), default.\n",
    .run = run,
};
