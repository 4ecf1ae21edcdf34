/* backup.c - see backup.h.
 *
 * SQLite copies itself (VACUUM INTO), in one snapshot and without the pages
 * that are free.  Another database is moved into a new file (move.h), which is
 * then copied in the same way: so what lies in the folder is one plain file
 * that can be read from a medium that cannot be written.
 */
#include "transfer/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fd.h"
#include "base/json.h"
#include "transfer/files.h"

#define MANIFEST "manifest.json"
#define MANIFEST_MAX (64 << 10)
#define FILLING "filling.db"
#define PATH_MAX_LEN 4300

/* Nothing else is taken into a backup, or out of one. */
static const char *const names[] = {BACKUP_DATABASE,  "token",
                                    "webhook_secret", "webhook_signing_secret",
                                    "sheaf.conf",     NULL};

static bool is_secret(const char *name)
{
    return strcmp(name, BACKUP_DATABASE) != 0 &&
           strcmp(name, "sheaf.conf") != 0;
}

struct making {
    const struct backup_options *opt;
    char partial[PATH_MAX_LEN];
    struct buf manifest;
    struct jw j;
    struct backup_info *out;
};

/* ---- the database ---- */

static enum err_code fill_from(struct making *m, const char *path,
                               struct err *e)
{
    char url[PATH_MAX_LEN + 10];
    struct store *filling = NULL;
    struct move_result moved;
    struct move_options move = {
        .from = m->opt->from, .progress = m->opt->progress, .ctx = m->opt->ctx};
    enum err_code code;

    snprintf(url, sizeof(url), "sqlite:%s", path);
    code = store_open(&filling,
                      &(struct store_options){.purpose = STORE_TO_FILL,
                                              .database_url = url,
                                              .data_dir = m->partial,
                                              .connections = 2},
                      e);
    move.to = filling;
    if (code == ERR_NONE)
        code = move_run(&move, &moved, e);
    store_close(filling);
    return code;
}

static enum err_code copy_filled(struct making *m, const char *path,
                                 const char *to, struct err *e)
{
    char url[PATH_MAX_LEN + 10];
    struct store *filled = NULL;
    bool done;
    enum err_code code;

    snprintf(url, sizeof(url), "sqlite:%s", path);
    code = store_open(&filled,
                      &(struct store_options){.purpose = STORE_TO_READ,
                                              .database_url = url,
                                              .data_dir = m->partial,
                                              .connections = 2},
                      e);
    if (code == ERR_NONE)
        code = store_export_file(filled, to, &done, e);
    store_close(filled);
    return code;
}

static enum err_code save_database(struct making *m, struct err *e)
{
    char to[PATH_MAX_LEN], filling[PATH_MAX_LEN];
    bool done = false;
    enum err_code code =
        file_path(to, sizeof(to), m->partial, BACKUP_DATABASE, e);

    if (code == ERR_NONE)
        code = file_path(filling, sizeof(filling), m->partial, FILLING, e);
    if (code == ERR_NONE)
        code = store_export_file(m->opt->from, to, &done, e);
    if (code != ERR_NONE || done)
        return code;
    code = fill_from(m, filling, e);
    if (code == ERR_NONE)
        code = copy_filled(m, filling, to, e);
    file_remove_database(filling);
    return code;
}

/* ---- the folder ---- */

static enum err_code note(struct making *m, const char *name,
                          const struct file_sum *sum)
{
    char hex[65];

    crypto_hex(hex, sum->sha256, sizeof(sum->sha256));
    jw_key(&m->j, name);
    jw_obj(&m->j);
    jw_kint(&m->j, "bytes", sum->bytes);
    jw_kstr(&m->j, "sha256", hex);
    jw_end_obj(&m->j);
    m->out->files++;
    m->out->bytes += sum->bytes;
    return ERR_NONE;
}

static enum err_code save_file(struct making *m, const char *name,
                               struct err *e)
{
    char from[PATH_MAX_LEN], to[PATH_MAX_LEN];
    struct file_sum sum;
    enum err_code code =
        file_path(from, sizeof(from), m->opt->data_dir, name, e);

    if (code == ERR_NONE)
        code = file_path(to, sizeof(to), m->partial, name, e);
    if (code != ERR_NONE)
        return code;
    if (strcmp(name, BACKUP_DATABASE) == 0) {
        code = save_database(m, e);
        if (code == ERR_NONE)
            code = file_sum(to, &sum, e);
    } else if (file_is_there(from)) {
        code = file_copy(from, to, &sum, e);
    } else {
        return ERR_NONE;
    }
    return code == ERR_NONE ? note(m, name, &sum) : code;
}

static enum err_code write_manifest(struct making *m, struct err *e)
{
    char path[PATH_MAX_LEN];
    enum err_code code = file_path(path, sizeof(path), m->partial, MANIFEST, e);
    int fd;

    if (code != ERR_NONE)
        return code;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !buf_ok(&m->manifest) ||
        !fd_write_all(fd, buf_slice(&m->manifest)) || fsync(fd) != 0)
        code = file_error("write", path, e);
    if (fd >= 0)
        close(fd);
    return code;
}

static enum err_code save_all(struct making *m, struct err *e)
{
    enum err_code code = ERR_NONE;

    m->out->created_at = clock_now_us();
    jw_init(&m->j, &m->manifest);
    jw_obj(&m->j);
    jw_kstr(&m->j, "sheaf", m->opt->version);
    jw_ktime(&m->j, "created_at", m->out->created_at);
    jw_kstr(&m->j, "database", store_name(m->opt->from));
    jw_key(&m->j, "files");
    jw_obj(&m->j);
    for (const char *const *name = names; *name && code == ERR_NONE; name++)
        code = save_file(m, *name, e);
    jw_end_obj(&m->j);
    jw_end_obj(&m->j);
    buf_add_char(&m->manifest, '\n');
    if (code == ERR_NONE)
        code = write_manifest(m, e);
    return code == ERR_NONE ? file_rename_new(m->partial, m->opt->to, e) : code;
}

static void remove_partial(const struct making *m)
{
    char path[PATH_MAX_LEN];

    for (const char *const *name = names; *name; name++)
        if (file_path(path, sizeof(path), m->partial, *name, NULL) == ERR_NONE)
            unlink(path);
    if (file_path(path, sizeof(path), m->partial, MANIFEST, NULL) == ERR_NONE)
        unlink(path);
    if (file_path(path, sizeof(path), m->partial, FILLING, NULL) == ERR_NONE)
        file_remove_database(path);
    rmdir(m->partial);
}

enum err_code backup_make(const struct backup_options *opt,
                          struct backup_info *out, struct err *e)
{
    struct making m = {.opt = opt, .out = out};
    size_t n = strlen(opt->to);
    enum err_code code;

    while (n > 1 && opt->to[n - 1] == '/')
        n--;
    if (n + sizeof(".partial") > 4000)
        return err_set(e, ERR_INVALID, "the path of the backup is too long");
    snprintf(m.partial, sizeof(m.partial), "%.*s.partial", (int)n, opt->to);
    if (file_is_there(opt->to))
        return err_set(e, ERR_CONFLICT,
                       "'%s' is there already: name a new folder", opt->to);
    if (mkdir(m.partial, 0700) != 0 && errno == EEXIST)
        return err_set(e, ERR_CONFLICT,
                       "'%s' is there: another backup is being made, or one "
                       "was broken off; then remove it",
                       m.partial);
    else if (!file_is_there(m.partial))
        return file_error("make", m.partial, e);
    *out = (struct backup_info){0};
    buf_init(&m.manifest, MANIFEST_MAX);
    code = save_all(&m, e);
    if (code != ERR_NONE)
        remove_partial(&m);
    buf_release(&m.manifest);
    return code;
}

/* ---- the way back ---- */

static enum err_code read_manifest(const char *folder, json_t **out,
                                   struct err *e)
{
    char path[PATH_MAX_LEN], text[MANIFEST_MAX];
    enum err_code code = file_path(path, sizeof(path), folder, MANIFEST, e);
    ssize_t n;
    int fd;

    if (code != ERR_NONE)
        return code;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_INVALID, "'%s' is no backup: no '%s' in it",
                       folder, MANIFEST);
    n = read(fd, text, sizeof(text));
    close(fd);
    if (n < 0 || n == sizeof(text))
        return err_set(e, ERR_INVALID, "'%s' cannot be read", path);
    code = json_parse(out, (struct slice){text, (size_t)n}, e);
    if (code != ERR_NONE)
        err_prefix(e, "'%s'", path);
    return code;
}

static enum err_code check_file(const char *folder, const char *name,
                                const json_t *noted, struct backup_info *out,
                                struct err *e)
{
    char path[PATH_MAX_LEN], hex[65];
    struct file_sum sum;
    enum err_code code = file_path(path, sizeof(path), folder, name, e);

    if (code == ERR_NONE)
        code = file_sum(path, &sum, e);
    if (code == ERR_NOT_FOUND)
        return err_set(e, ERR_INVALID, "the backup is damaged: '%s' is missing",
                       name);
    if (code != ERR_NONE)
        return code;
    crypto_hex(hex, sum.sha256, sizeof(sum.sha256));
    if (json_get_int(noted, "bytes", -1) != sum.bytes ||
        !slice_is(json_get_slice(noted, "sha256"), hex))
        return err_set(e, ERR_INVALID,
                       "the backup is damaged: '%s' is not what it was when "
                       "the backup was made",
                       name);
    out->files++;
    out->bytes += sum.bytes;
    return ERR_NONE;
}

enum err_code backup_check(const char *folder, struct backup_info *out,
                           struct err *e)
{
    json_t *manifest = NULL;
    const json_t *files;
    enum err_code code = read_manifest(folder, &manifest, e);

    *out = (struct backup_info){0};
    if (code != ERR_NONE)
        return code;
    files = json_object_get(manifest, "files");
    if (!json_object_get(files, BACKUP_DATABASE))
        code = err_set(e, ERR_INVALID, "'%s' names no '%s'", MANIFEST,
                       BACKUP_DATABASE);
    for (const char *const *name = names; *name && code == ERR_NONE; name++) {
        const json_t *noted = json_object_get(files, *name);

        if (noted)
            code = check_file(folder, *name, noted, out, e);
    }
    json_decref(manifest);
    return code;
}

/* *copy: it is in the backup and not in the data directory. */
static enum err_code compare_secret(const char *from, const char *to,
                                    bool *copy, struct err *e)
{
    struct file_sum a, b;
    enum err_code code;

    *copy = file_is_there(from) && !file_is_there(to);
    if (!file_is_there(from) || !file_is_there(to))
        return ERR_NONE;
    code = file_sum(from, &a, e);
    if (code == ERR_NONE)
        code = file_sum(to, &b, e);
    if (code == ERR_NONE && memcmp(a.sha256, b.sha256, sizeof(a.sha256)) != 0)
        code = err_set(e, ERR_CONFLICT,
                       "'%s' is there, and another one than in the backup: "
                       "restore into an empty data directory",
                       to);
    return code;
}

static enum err_code put_secret(const char *from, const char *to, struct err *e)
{
    char half[PATH_MAX_LEN + 10];
    enum err_code code;

    snprintf(half, sizeof(half), "%s.new", to);
    unlink(half); /* of one that was broken off */
    code = file_copy(from, half, NULL, e);
    return code == ERR_NONE ? file_rename_new(half, to, e) : code;
}

enum err_code backup_restore_secrets(const char *folder, const char *data_dir,
                                     struct err *e)
{
    enum err_code code = ERR_NONE;

    for (int write = 0; write < 2; write++)
        for (const char *const *name = names; *name && code == ERR_NONE;
             name++) {
            char from[PATH_MAX_LEN], to[PATH_MAX_LEN];
            bool copy = false;

            if (!is_secret(*name))
                continue;
            code = file_path(from, sizeof(from), folder, *name, e);
            if (code == ERR_NONE)
                code = file_path(to, sizeof(to), data_dir, *name, e);
            if (code == ERR_NONE)
                code = compare_secret(from, to, &copy, e);
            if (code == ERR_NONE && copy && write)
                code = put_secret(from, to, e);
        }
    return code;
}

enum err_code backup_restore_file(const char *folder, const char *path,
                                  struct err *e)
{
    char from[PATH_MAX_LEN], half[PATH_MAX_LEN + 20];
    enum err_code code =
        file_path(from, sizeof(from), folder, BACKUP_DATABASE, e);

    for (const char *const *end = file_database_endings;
         *end && code == ERR_NONE; end++) {
        snprintf(half, sizeof(half), "%s%s", path, *end);
        if (file_is_there(half))
            code = err_set(e, ERR_CONFLICT,
                           "'%s' is there already: restore into an empty place",
                           half);
    }
    if (code != ERR_NONE)
        return code;
    snprintf(half, sizeof(half), "%s.restoring", path);
    unlink(half); /* of one that was broken off */
    code = file_copy(from, half, NULL, e);
    return code == ERR_NONE ? file_rename_new(half, path, e) : code;
}
