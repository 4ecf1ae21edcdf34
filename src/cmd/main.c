/* main.c - find the command, load the settings, run it.
 *
 * The only file with main(); with its neighbours the only place that wires
 * modules together and ends the process.
 */
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command.h"
#include "cmd/datadir.h"

const struct command *const commands[] = {
    &cmd_serve,   &cmd_scrape, &cmd_papers,  &cmd_ingest, &cmd_query,
    &cmd_ask,     &cmd_docs,   &cmd_jobs,    &cmd_stats,  &cmd_tail,
    &cmd_move,    &cmd_backup, &cmd_restore, &cmd_repair, &cmd_verify,
    &cmd_config,  &cmd_embed,  &cmd_openapi, &cmd_token,  &cmd_doctor,
    &cmd_version, NULL,
};

static const char *const common_flags[] = {"--json", "--help",
                                           "--config=", NULL};

/* ---- flags and operands ---- */

static const struct command *current;

static bool list_takes_value(const char *const *flags, const char *word)
{
    size_t n = strlen(word);

    for (; flags && *flags; flags++)
        if (strncmp(*flags, word, n) == 0 && strcmp(*flags + n, "=") == 0)
            return true;
    return false;
}

/* Does the next word belong to this one? */
static bool takes_value(const char *word)
{
    return list_takes_value(current->flags, word) ||
           list_takes_value(common_flags, word);
}

const char *flag_value(const struct command_line *cl, const char *flag)
{
    size_t n = strlen(flag);
    const char *found = NULL;

    for (int i = 0; i < cl->argc && strcmp(cl->argv[i], "--") != 0; i++) {
        const char *w = cl->argv[i];
        bool pair = takes_value(w) && i + 1 < cl->argc;

        if (strcmp(w, flag) == 0)
            found = pair ? cl->argv[i + 1] : "";
        else if (strncmp(w, flag, n) == 0 && w[n] == '=')
            found = w + n + 1;
        i += pair;
    }
    return found;
}

bool flag_given(const struct command_line *cl, const char *flag)
{
    return flag_value(cl, flag) != NULL;
}

bool flag_int(const struct command_line *cl, const char *flag, int64_t min,
              int64_t max, int64_t dflt, int64_t *out)
{
    const char *text = flag_value(cl, flag);

    *out = dflt;
    if (!text)
        return true;
    if (slice_to_i64(slice_of(text), out) && *out >= min && *out <= max)
        return true;
    fprintf(stderr, "sheaf: %s must be a whole number from %lld to %lld\n",
            flag, (long long)min, (long long)max);
    return false;
}

const char *operand(const struct command_line *cl, int i)
{
    bool only_operands = false;

    for (int k = 0; k < cl->argc; k++) {
        const char *w = cl->argv[k];

        if (!only_operands && strcmp(w, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && w[0] == '-' && w[1] != '\0') {
            k += takes_value(w);
        } else if (i-- == 0) {
            return w;
        }
    }
    return NULL;
}

int fail(const struct err *e)
{
    fprintf(stderr, "sheaf: %s\n", e->msg);
    return EXIT_FAILED;
}

int usage_error(const struct command *c, const char *fmt, ...)
{
    va_list ap;

    fputs("sheaf: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry 'sheaf %s --help'.\n", c->name);
    return EXIT_USAGE;
}

/* ---- help ---- */

static void print_settings(FILE *out)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);
    char flag[64];

    for (size_t i = 0; i < n; i++) {
        if (rows[i].for_tests)
            continue;
        snprintf(flag, sizeof(flag), "%s", rows[i].key);
        for (char *p = flag; *p; p++)
            if (*p == '_')
                *p = '-';
        fprintf(out, "  --%-22s %s%s%s%s\n", flag, rows[i].meaning,
                *rows[i].dflt ? " [" : "", rows[i].dflt,
                *rows[i].dflt ? "]" : "");
    }
}

static void print_help(FILE *out)
{
    fputs("sheaf - a self-hosted research desk\n\n"
          "Usage: sheaf COMMAND [FLAGS]\n\nCommands:\n",
          out);
    for (const struct command *const *c = commands; *c; c++)
        fprintf(out, "  %-9s %s\n", (*c)->name, (*c)->summary);
    fputs("\nEvery command takes --help, --json (machine-readable output),\n"
          "--config FILE, and each setting below as a flag.  A setting comes\n"
          "from: flag, environment (SHEAF_<KEY>), sheaf.conf in the data\n"
          "directory, default.  `sheaf config` shows what is in force.\n\n"
          "Settings:\n",
          out);
    print_settings(out);
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[sizeof(commands) / sizeof(*commands)] = {0};
    const char *near;

    for (size_t i = 0; commands[i]; i++)
        names[i] = commands[i]->name;
    near = nearest_word(name, names);
    fprintf(stderr, "sheaf: unknown command '%s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\nTry 'sheaf --help'.\n", stderr);
    return EXIT_USAGE;
}

/* ---- settings ---- */

/* Flags win over environment over file, but flags and environment say which
 * file: so they are read once into a scratch set to find it. */
static enum err_code load_settings(struct command_line *cl,
                                   const struct command *cmd, struct err *e)
{
    static char file[4200];
    const char *known[32];
    struct config *scratch = config_new();
    struct datadir d;
    char **copy;
    int argc = cl->argc;
    size_t n = 0;
    enum err_code rc;

    for (const char *const *f = common_flags; *f; f++)
        known[n++] = *f;
    for (const char *const *f = cmd->flags; f && *f; f++)
        known[n++] = *f;
    known[n] = NULL;
    copy = calloc((size_t)argc + 1, sizeof(*copy));
    if (!scratch || !copy)
        abort();
    memcpy(copy, cl->argv, (size_t)argc * sizeof(*copy));
    if ((rc = config_load_env(scratch, e)) != ERR_NONE ||
        (rc = config_load_flags(scratch, &argc, copy, known, e)) != ERR_NONE)
        goto out;
    cl->config_file = flag_value(cl, "--config");
    if (cl->config_file)
        rc = config_load_file(cl->config, cl->config_file, true, e);
    else if ((rc = datadir_find(&d, scratch, e)) == ERR_NONE &&
             (rc = datadir_file(&d, "sheaf.conf", file, sizeof(file), e)) ==
                 ERR_NONE) {
        if (access(file, F_OK) == 0)
            cl->config_file = file;
        rc = config_load_file(cl->config, file, false, e);
    }
    if (rc == ERR_NONE)
        rc = config_load_env(cl->config, e);
    if (rc == ERR_NONE)
        rc = config_load_flags(cl->config, &cl->argc, cl->argv, known, e);
out:
    config_free(scratch);
    free(copy);
    return rc;
}

static void setup_log(const struct config *c)
{
    const char *format = config_str(c, "log_format");
    enum log_level level = LOG_INFO;
    bool json = strcmp(format, "json") == 0 ||
                (strcmp(format, "auto") == 0 && !isatty(STDERR_FILENO));

    if (!log_level_parse(config_str(c, "log_level"), &level))
        level = LOG_INFO;
    log_setup(level, json);
}

/* glibc raises these limits by itself after the first big block is freed, and
 * then keeps what a large job needed: 105 MB after importing a feed of 3 MB,
 * 49 MB with the limits held (VmRSS). */
static void bound_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 512 << 10);
}

int main(int argc, char **argv)
{
    struct command_line cl = {.config = NULL};
    struct err e = {0};
    int status;

    bound_malloc();
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    current = strcmp(argv[1], "--version") == 0 ? &cmd_version
                                                : find_command(argv[1]);
    if (!current)
        return unknown_command(argv[1]);
    cl.argc = argc - 2;
    cl.argv = argv + 2;
    if (flag_given(&cl, "--help")) {
        fputs(current->usage, stdout);
        return EXIT_DONE;
    }
    cl.config = config_new();
    if (!cl.config)
        abort();
    if (load_settings(&cl, current, &e) != ERR_NONE) {
        config_free(cl.config);
        fprintf(stderr, "sheaf: %s\n", e.msg);
        return EXIT_USAGE;
    }
    cl.json = flag_given(&cl, "--json");
    setup_log(cl.config);
    status = current->run(&cl);
    config_free(cl.config);
    return status;
}
