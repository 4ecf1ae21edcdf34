/* sqlite_vfs.c - the write-ahead log in few large writes.
 *
 * SQLite writes each page of a commit to the log in two calls, a header of 24
 * bytes and the page: 400 calls for a webhook of 50 papers, a quarter of what
 * it costs.  Nobody else reads those bytes before the commit's xSync, so they
 * are gathered until then.  All else goes to the system's own VFS.
 *
 * This holds only with synchronous=FULL: with less, a commit has no xSync and
 * other connections would look for its pages in the file.
 */
#include "store/sqlite_impl.h"

#include <stdlib.h>
#include <string.h>

/* SQLite's os_unix.c takes no more at a time (it masks with 0x1ffff). */
#define GATHER_BYTES 0x1ffffu

/* The system's file follows in the same block of memory. */
struct log_file {
    sqlite3_file base; /* first */
    char *gathered;    /* of GATHER_BYTES, from the first write on */
    size_t n;
    sqlite3_int64 at; /* where the gathered bytes belong */
};

static sqlite3_vfs *host; /* set once, before any file is opened */

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)((struct log_file *)(void *)f + 1);
}

/* What cannot be written is dropped: SQLite hears of it, takes the transaction
 * back, and writes other pages in their place. */
static int put_down(sqlite3_file *f)
{
    struct log_file *log = (struct log_file *)(void *)f;
    size_t n = log->n;

    log->n = 0;
    return n ? below(f)->pMethods->xWrite(below(f), log->gathered, (int)n,
                                          log->at)
             : SQLITE_OK;
}

static int log_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct log_file *log = (struct log_file *)(void *)f;
    int rc = SQLITE_OK;

    if (!log->gathered)
        log->gathered = malloc(GATHER_BYTES);
    if (!log->gathered)
        return SQLITE_IOERR_NOMEM;
    if (at != log->at + (sqlite3_int64)log->n ||
        log->n + (size_t)n > GATHER_BYTES)
        rc = put_down(f);
    if (rc != SQLITE_OK)
        return rc;
    if ((size_t)n > GATHER_BYTES)
        return below(f)->pMethods->xWrite(below(f), p, n, at);
    if (log->n == 0)
        log->at = at;
    memcpy(log->gathered + log->n, p, (size_t)n);
    log->n += (size_t)n;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    int rc = put_down(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xRead(below(f), p, n, at) : rc;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = put_down(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xTruncate(below(f), size) : rc;
}

static int log_sync(sqlite3_file *f, int flags)
{
    int rc = put_down(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xSync(below(f), flags) : rc;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *size)
{
    int rc = put_down(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xFileSize(below(f), size) : rc;
}

static int log_close(sqlite3_file *f)
{
    int rc = put_down(f), closed = below(f)->pMethods->xClose(below(f));

    free(((struct log_file *)(void *)f)->gathered);
    return rc == SQLITE_OK ? closed : rc;
}

static int log_lock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xLock(below(f), level);
}

static int log_unlock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xUnlock(below(f), level);
}

static int log_check_lock(sqlite3_file *f, int *held)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), held);
}

static int log_control(sqlite3_file *f, int op, void *arg)
{
    return below(f)->pMethods->xFileControl(below(f), op, arg);
}

static int log_sector_size(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int log_characteristics(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* shared memory and mapping belong to the main file */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f,
                     int flags, int *out_flags)
{
    struct log_file *log = (struct log_file *)(void *)f;
    int rc;

    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return host->xOpen(host, name, f, flags, out_flags);
    *log = (struct log_file){.base.pMethods = NULL};
    rc = host->xOpen(host, name, below(f), flags, out_flags);
    if (rc == SQLITE_OK)
        log->base.pMethods = &log_methods;
    return rc;
}

void sqlite_vfs_register(void)
{
    static sqlite3_vfs vfs;

    host = sqlite3_vfs_find(NULL);
    if (!host)
        return;
    vfs = *host; /* its other functions take no notice of whose they are */
    vfs.zName = SQLITE_VFS_NAME;
    vfs.szOsFile = host->szOsFile + (int)sizeof(struct log_file);
    vfs.xOpen = open_file;
    sqlite3_vfs_register(&vfs, 0);
}
