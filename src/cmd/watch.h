/* watch.h - what changes in folders, as the kernel tells it (inotify).
 *
 * A file counts as changed when a writer has closed it or it was moved in: so
 * nothing half written is read, and nothing is waited for.  Subfolders that
 * come later are watched too; what lies in them may be half written, and
 * watch_is_written() tells.  What file_tree.h leaves out is left out.
 *
 * Threads: one thread.
 */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct watch;

enum watch_event {
    WATCH_CHANGED,     /* a file */
    WATCH_GONE,        /* a file; another may have its name by now */
    WATCH_NEW_FOLDER,  /* look through it */
    WATCH_GONE_FOLDER, /* moved away, with all that is in it */
    WATCH_LOST         /* events were lost: look through everything; path "" */
};

/* ERR_UNAVAILABLE: the system has none left. */
enum err_code watch_open(struct watch **out, struct err *e) CHECKED;
void watch_close(struct watch *w); /* takes NULL */

/* Watch an absolute path and all folders below it.  Do it before looking
 * through them, or what changes meanwhile is missed.  One that is gone again is
 * passed over.  ERR_UNAVAILABLE: the system's limit, with the name of the
 * setting; ERR_NOT_FOUND: one that may not be read. */
enum err_code watch_folder(struct watch *w, const char *path, struct err *e)
    CHECKED;
size_t watch_count(const struct watch *w); /* folders */
/* Does somebody write this file, which lies in a folder that is watched?  Then
 * WATCH_CHANGED is yet to come.  False if the system does not say. */
bool watch_is_written(const char *path);

/* Wait for events and pass them on, those of one file that come together as
 * one.  ERR_CANCELLED: stop_fd became readable.  ERR_NOT_FOUND: no folder that
 * is watched is left.  ERR_UNAVAILABLE: as watch_folder, for a new one. */
enum err_code watch_wait(struct watch *w, int stop_fd,
                         void (*each)(void *ctx, enum watch_event event,
                                      const char *path),
                         void *ctx, struct err *e) CHECKED;

#endif
