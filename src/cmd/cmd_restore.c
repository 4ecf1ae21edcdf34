/* cmd_restore.c - `sheaf restore`: a backup into an empty place
 * (transfer/backup.h).
 *
 * The database comes last: as long as it is not there the place counts as
 * empty, and who was interrupted runs the command again.
 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/term.h"
#include "transfer/backup.h"
#include "transfer/files.h"
#include "transfer/move.h"

#define PATH_BYTES 4300

struct restoring {
    const char *folder;
    const char *url;
    struct datadir dir;
    struct backup_info info;
};

/* Opened once, so that an older schema is brought up to date here and not in
 * the backup. */
static enum err_code open_once(const struct restoring *r, const char *url,
                               struct err *e)
{
    struct store *s = NULL;
    enum err_code rc = place_open(&s, url, &r->dir, STORE_TO_SERVE,
                                  STORE_VECTORS_AS_THEY_ARE, e);

    store_close(s);
    return rc;
}

/* By way of a copy in the data directory. */
static enum err_code move_from(const struct restoring *r, const char *copy_url,
                               const struct config *c, struct err *e)
{
    struct place_progress bar = {.label = "restore"};
    struct move_options opt = {
        .alone = true, .progress = place_draw, .ctx = &bar};
    struct move_result moved;
    struct store *from = NULL, *to = NULL;
    enum err_code rc = open_once(r, copy_url, e);

    if (rc == ERR_NONE)
        rc = place_open(&from, copy_url, &r->dir, STORE_TO_READ,
                        STORE_VECTORS_AS_THEY_ARE, e);
    if (rc == ERR_NONE)
        rc = place_open(&to, r->url, &r->dir, STORE_TO_FILL, place_vectors(c),
                        e);
    opt.from = from;
    opt.to = to;
    if (rc == ERR_NONE)
        rc = move_run(&opt, &moved, e);
    term_progress_end();
    store_close(to);
    store_close(from);
    return rc;
}

static enum err_code into_database(const struct restoring *r,
                                   const struct config *c, struct err *e)
{
    char copy[PATH_BYTES], url[PATH_BYTES + 10];
    enum err_code rc =
        datadir_file(&r->dir, "restoring.db", copy, sizeof(copy), e);

    if (rc != ERR_NONE)
        return rc;
    file_remove_database(copy); /* of one that was interrupted */
    snprintf(url, sizeof(url), "sqlite:%s", copy);
    rc = backup_restore_file(r->folder, copy, e);
    if (rc == ERR_NONE)
        rc = move_from(r, url, c, e);
    file_remove_database(copy);
    return rc;
}

static enum err_code restore(struct restoring *r, const struct config *c,
                             struct err *e)
{
    char *path = NULL;
    enum err_code rc = backup_check(r->folder, &r->info, e);

    if (rc == ERR_NONE)
        rc = datadir_lock(&r->dir, e);
    if (rc == ERR_NONE)
        rc = backup_restore_secrets(r->folder, r->dir.path, e);
    if (rc != ERR_NONE)
        return rc;
    if (!slice_starts(slice_of(r->url), "sqlite:"))
        return into_database(r, c, e);
    rc = store_sqlite_path(&path, r->url, r->dir.path, e);
    if (rc == ERR_NONE)
        rc = backup_restore_file(r->folder, path, e);
    mem_free(path);
    return rc == ERR_NONE ? open_once(r, r->url, e) : rc;
}

static int run(struct command_line *cl)
{
    struct restoring r = {.folder = operand(cl, 0),
                          .url = config_str(cl->config, "database_url")};
    struct err e = {0};
    enum err_code rc;

    if (!r.folder || operand(cl, 1))
        return usage_error(&cmd_restore, "name the folder of one backup");
    rc = datadir_find(&r.dir, cl->config, &e);
    if (rc == ERR_NONE)
        rc = restore(&r, cl->config, &e);
    datadir_unlock(&r.dir);
    if (rc != ERR_NONE)
        return fail(&e);
    if (cl->json)
        printf("{\"files\":%lld,\"bytes\":%lld}\n", (long long)r.info.files,
               (long long)r.info.bytes);
    else
        printf("restored %lld files, %.1f MB; data in %s\n",
               (long long)r.info.files, (double)r.info.bytes / 1e6, r.dir.path);
    return EXIT_DONE;
}

const struct command cmd_restore = {
    .name = "restore",
    .summary = "a backup into an empty place",
    .usage =
        "Usage: sheaf restore [--data-dir DIR] [--database-url URL] [--json]\n"
        "                     FOLDER\n\n"
        "Put what `sheaf backup` wrote into a data directory and a database\n"
        "that are empty.  First all of the backup is compared with what its\n"
        "manifest says.  The database may be another one than it came from:\n"
        "SQLite, or PostgreSQL (which is then filled as by `sheaf move`).\n"
        "Interrupted, the same command may be run again.\n\n"
        "The settings file is in the backup, but is not put in place: it may\n"
        "name another database and address than those of today.\n",
    .run = run,
};
