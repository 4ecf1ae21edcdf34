/* gone.h - documents whose files are not there any more.
 *
 * Threads: one thread.
 */
#ifndef CMD_GONE_H
#define CMD_GONE_H

#include "cmd/client.h"

/* Remove the document whose source is this absolute path, or, for a folder,
 * each one whose source is below it; but only if there is no such file now.
 * Adds to *removed. */
enum err_code gone_remove(struct client *c, const char *path, bool is_folder,
                          int64_t *removed, struct err *e) CHECKED;

#endif
