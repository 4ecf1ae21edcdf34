/* cmd_backup.c - `sheaf backup`: everything into a new folder, while it is
 * served (transfer/backup.h). */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/term.h"
#include "transfer/backup.h"

static void print_json(const char *folder, const struct backup_info *info)
{
    json_t *o = json_object();

    json_object_set_new(o, "folder", json_string(folder));
    json_object_set_new(o, "files", json_integer(info->files));
    json_object_set_new(o, "bytes", json_integer(info->bytes));
    json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

static int run(struct command_line *cl)
{
    const char *folder = operand(cl, 0);
    struct place_progress bar = {.label = "backup"};
    struct backup_options opt = {.to = folder,
                                 .version = SHEAF_VERSION,
                                 .progress = place_draw,
                                 .ctx = &bar};
    struct backup_info info;
    struct datadir dir;
    struct store *from = NULL;
    struct err e = {0};
    enum err_code rc;

    if (!folder || operand(cl, 1))
        return usage_error(&cmd_backup, "name one new folder");
    rc = datadir_find(&dir, cl->config, &e);
    if (rc == ERR_NONE)
        rc = place_open(&from, config_str(cl->config, "database_url"), &dir,
                        STORE_TO_READ, STORE_VECTORS_AS_THEY_ARE, &e);
    opt.from = from;
    opt.data_dir = dir.path;
    if (rc == ERR_NONE)
        rc = backup_make(&opt, &info, &e);
    term_progress_end();
    store_close(from);
    if (rc != ERR_NONE)
        return fail(&e);
    if (cl->json)
        print_json(folder, &info);
    else
        printf("%lld files, %.1f MB in %s\n", (long long)info.files,
               (double)info.bytes / 1e6, folder);
    return EXIT_DONE;
}

const struct command cmd_backup = {
    .name = "backup",
    .summary = "everything into a new folder, also while it is served",
    .usage =
        "Usage: sheaf backup [--data-dir DIR] [--database-url URL] [--json]\n"
        "                    FOLDER\n\n"
        "Write the database, as of one moment, with the secrets and the\n"
        "settings file of the data directory into a new folder; a server that\n"
        "runs is not disturbed.  The folder is there whole or not at all, and\n"
        "nothing is overwritten.  Whatever the database was, the copy is\n"
        "SQLite: the folder is itself a data directory.\n\n"
        "Who can read it can do all that your token allows: it is made for\n"
        "you alone (0700, 0600); keep it so.  `sheaf restore` is the way "
        "back.\n",
    .run = run,
};
