/* command.h - what main.c and the cmd_<verb>.c files share.
 *
 * A command is one file with one `const struct command`.  It gets the settings
 * in force, its own flags and its operands, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage, 3 done, but without a well-founded answer.
 *
 * Threads: commands run on the main thread.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/config.h"
#include "base/err.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_EVIDENCE = 3 };

struct command_line {
    struct config *config;
    const char *config_file; /* that was read, or NULL */
    int argc;                /* own flags and operands, without the verb */
    char **argv;
    bool json; /* --json: machine-readable output on stdout */
};

struct command {
    const char *name;
    const char *summary;      /* one line for `sheaf --help` */
    const char *usage;        /* the whole `sheaf <name> --help` */
    const char *const *flags; /* own flags, NULL-ended; '=' takes a value */
    int (*run)(struct command_line *cl);
};

extern const struct command cmd_serve, cmd_scrape, cmd_papers, cmd_jobs,
    cmd_ingest, cmd_query, cmd_ask, cmd_docs, cmd_stats, cmd_tail, cmd_embed,
    cmd_config, cmd_openapi, cmd_token, cmd_doctor, cmd_version, cmd_move,
    cmd_backup, cmd_restore, cmd_repair, cmd_verify;
extern const struct command *const commands[]; /* NULL-ended; main.c */

/* "--days 7" or "--days=7": the value of the last one ("" for a flag without
 * value), or NULL if it is not given. */
const char *flag_value(const struct command_line *cl, const char *flag);
bool flag_given(const struct command_line *cl, const char *flag);
/* Flag as a number in [min, max]; dflt if not given.  false: says what is
 * wrong on stderr. */
bool flag_int(const struct command_line *cl, const char *flag, int64_t min,
              int64_t max, int64_t dflt, int64_t *out);
/* The i-th word that is neither a flag nor a flag's value, or NULL. */
const char *operand(const struct command_line *cl, int i);

/* Print "sheaf: message" to stderr and return the exit status for it. */
int fail(const struct err *e);
int usage_error(const struct command *c, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

#endif
