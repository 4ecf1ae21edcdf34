/* cmd_move.c - `sheaf move`: one database into another one (transfer/move.h).
 *
 * The command works on both databases itself.  A server on either would go on
 * writing to the one and not know of the other, so none may run: SQLite's file
 * is opened for us alone, PostgreSQL's tables are locked against writing, and a
 * target that is not whole yet is served by nobody.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/term.h"
#include "transfer/move.h"

static const char *const flags[] = {"--from=", "--to=", "--dry-run", NULL};

struct moving {
    const char *from_url, *to_url;
    struct datadir dir;
    struct store *from, *to; /* to: NULL if there is none yet (--dry-run) */
    struct move_result result;
    int64_t took_us;
};

static enum err_code open_source(struct moving *m, struct err *e)
{
    enum err_code rc = place_open(&m->from, m->from_url, &m->dir, STORE_TO_READ,
                                  STORE_VECTORS_AS_THEY_ARE, e);

    if (rc != ERR_NONE)
        err_prefix(e, "--from");
    return rc;
}

static enum err_code open_target(struct moving *m, const struct config *c,
                                 struct err *e)
{
    enum err_code rc = place_open(&m->to, m->to_url, &m->dir, STORE_TO_FILL,
                                  place_vectors(c), e);

    if (rc != ERR_NONE)
        err_prefix(e, "--to");
    return rc;
}

/* The data directory's own database is ours as long as we hold its lock. */
static enum err_code lock_datadir(struct moving *m, struct err *e)
{
    if (!place_is_in_datadir(m->from_url) && !place_is_in_datadir(m->to_url))
        return ERR_NONE;
    return datadir_lock(&m->dir, e);
}

/* ---- output ---- */

static void print_json(const struct moving *m, bool dry)
{
    json_t *o = json_object(), *tables = json_object();

    for (int i = 0; i < transfer_table_count(); i++) {
        json_t *t = json_object();
        char sum[20];

        json_object_set_new(t, "rows", json_integer(m->result.tables[i].rows));
        snprintf(sum, sizeof(sum), "%016llx",
                 (unsigned long long)m->result.tables[i].checksum);
        if (!dry)
            json_object_set_new(t, "checksum", json_string(sum));
        json_object_set_new(tables, transfer_tables[i].name, t);
    }
    json_object_set_new(o, "rows", json_integer(m->result.rows));
    if (!dry) {
        json_object_set_new(o, "kept", json_integer(m->result.kept));
        json_object_set_new(o, "restarted", json_integer(m->result.restarted));
        json_object_set_new(o, "seconds",
                            json_real((double)m->took_us / US_PER_S));
    }
    json_object_set_new(o, "tables", tables);
    json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

static void print_moved(const struct moving *m)
{
    double seconds = (double)m->took_us / US_PER_S;
    char to[300];

    place_describe(m->to, to, sizeof(to));
    printf("moved %lld rows of %d tables in %.1f s (%.0f/s)",
           (long long)m->result.rows, transfer_table_count(), seconds,
           seconds > 0 ? (double)m->result.rows / seconds : 0.0);
    if (m->result.kept)
        printf(", %lld of them in an earlier run", (long long)m->result.kept);
    printf("; both sides were read and are equal\n%s\n"
           "To serve it, set database_url to what you said with --to.\n",
           to);
}

/* ---- dry run ---- */

static enum err_code check_target(struct moving *m, struct err *e)
{
    struct move_result there;
    int64_t seeded = 0;
    enum err_code rc = place_open(&m->to, m->to_url, &m->dir, STORE_TO_READ,
                                  STORE_VECTORS_AS_THEY_ARE, e);

    if (rc == ERR_NOT_FOUND) {
        *e = (struct err){0};
        return ERR_NONE;
    }
    if (rc == ERR_NONE)
        rc = move_count(m->to, false, &there, e);
    if (rc != ERR_NONE) {
        err_prefix(e, "--to");
        return rc;
    }
    for (int i = 0; i < transfer_table_count(); i++)
        if (transfer_tables[i].seeded)
            seeded += there.tables[i].rows;
    if (there.rows != seeded)
        rc = err_set(e, ERR_CONFLICT,
                     "--to: the target is not empty: it has %lld rows; name an "
                     "empty database",
                     (long long)(there.rows - seeded));
    return rc;
}

static enum err_code look(struct moving *m, struct err *e)
{
    enum err_code rc = move_count(m->from, true, &m->result, e);

    return rc == ERR_NONE ? check_target(m, e) : rc;
}

static void print_counts(const struct moving *m)
{
    for (int i = 0; i < transfer_table_count(); i++)
        if (m->result.tables[i].rows)
            printf("%12lld  %s\n", (long long)m->result.tables[i].rows,
                   transfer_tables[i].name);
    printf("%12lld  rows would be moved\n", (long long)m->result.rows);
}

/* ---- the command ---- */

static enum err_code move(struct moving *m, const struct config *c,
                          struct err *e)
{
    struct place_progress bar = {.label = "move"};
    struct move_options opt = {
        .alone = true, .progress = place_draw, .ctx = &bar};
    int64_t started = clock_mono_us();
    enum err_code rc = open_target(m, c, e);

    if (rc != ERR_NONE)
        return rc;
    opt.from = m->from;
    opt.to = m->to;
    rc = move_run(&opt, &m->result, e);
    term_progress_end();
    m->took_us = clock_mono_us() - started;
    return rc;
}

static int run(struct command_line *cl)
{
    struct moving m = {.from_url = flag_value(cl, "--from"),
                       .to_url = flag_value(cl, "--to")};
    bool dry = flag_given(cl, "--dry-run");
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_move, "unexpected word '%s'", operand(cl, 0));
    if (!m.from_url)
        m.from_url = config_str(cl->config, "database_url");
    if (!m.to_url || !*m.to_url)
        return usage_error(&cmd_move, "say --to DATABASE_URL");
    if (strcmp(m.from_url, m.to_url) == 0)
        return usage_error(&cmd_move, "--from and --to are the same database");
    rc = datadir_find(&m.dir, cl->config, &e);
    if (rc == ERR_NONE)
        rc = lock_datadir(&m, &e);
    if (rc == ERR_NONE)
        rc = open_source(&m, &e);
    if (rc == ERR_NONE)
        rc = dry ? look(&m, &e) : move(&m, cl->config, &e);
    if (rc == ERR_NONE && cl->json)
        print_json(&m, dry);
    else if (rc == ERR_NONE && dry)
        print_counts(&m);
    else if (rc == ERR_NONE)
        print_moved(&m);
    store_close(m.to);
    store_close(m.from);
    datadir_unlock(&m.dir);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_move = {
    .name = "move",
    .summary = "all data into another database",
    .usage =
        "Usage: sheaf move [--from URL] --to URL [--vectors "
        "embedded|pgvector]\n"
        "                  [--dry-run] [--json]\n\n"
        "Copy everything from one database into an empty one: SQLite to\n"
        "PostgreSQL, PostgreSQL to SQLite, or two of a kind.  URLs are those\n"
        "of the setting database_url, which --from is by default; `sqlite:`\n"
        "is the file in the data directory.  Neither may be served meanwhile.\n"
        "\n"
        "Interrupted, even by kill -9, the same command goes on where it was;\n"
        "until it is done nobody serves the target.  At the end each table\n"
        "was read on both sides, and found equal by number and checksum.  The\n"
        "source is only read, and stays.\n\n"
        "  --vectors F  the form of vectors in a PostgreSQL target\n"
        "  --dry-run    count what would be moved; nothing is written\n\n"
        "A password on the command line can be seen by others of the machine:\n"
        "leave it out and set PGPASSWORD, or use ~/.pgpass.\n",
    .flags = flags,
    .run = run,
};
