/* backup.h - a folder that holds everything of one sheaf, and the way back.
 *
 *     sheaf.db                the database, as SQLite whatever it was
 *     token, webhook_secret, webhook_signing_secret, sheaf.conf
 *                             from the data directory, as far as they are there
 *     manifest.json           what there is: bytes and SHA-256 of each
 *
 * It is a data directory that sheaf could serve.  A backup is there whole or
 * not at all: it is made under another name ("<folder>.partial") and renamed.
 *
 * Threads: one thread.
 */
#ifndef TRANSFER_BACKUP_H
#define TRANSFER_BACKUP_H

#include "store/store.h"
#include "transfer/move.h"

struct backup_options {
    struct store *from;   /* STORE_TO_READ; may be served meanwhile */
    const char *data_dir; /* whose secrets go along */
    const char *to;       /* the new folder */
    const char *version;  /* of the program, for the manifest */
    enum err_code (*progress)(void *ctx, const char *table, int64_t rows,
                              int64_t total, struct err *e);
    void *ctx;
};

struct backup_info {
    int64_t files, bytes;
    int64_t created_at; /* us */
};

/* ERR_CONFLICT: the folder, or its ".partial", is there.  Whatever fails leaves
 * nothing behind. */
enum err_code backup_make(const struct backup_options *opt,
                          struct backup_info *out, struct err *e) CHECKED;
/* Is everything there that the manifest names, as it was written?  ERR_INVALID:
 * no backup, or damaged; the message names the file. */
enum err_code backup_check(const char *folder, struct backup_info *out,
                           struct err *e) CHECKED;
/* Put the secrets into a data directory that has none, or the same.
 * ERR_CONFLICT: it has others; nothing was done. */
enum err_code backup_restore_secrets(const char *folder, const char *data_dir,
                                     struct err *e) CHECKED;
/* Put the database at `path`, where there must be none (ERR_CONFLICT). */
enum err_code backup_restore_file(const char *folder, const char *path,
                                  struct err *e) CHECKED;

#define BACKUP_DATABASE "sheaf.db"

#endif
