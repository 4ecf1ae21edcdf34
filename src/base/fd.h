/* fd.h - what write() alone does not promise.
 *
 * Threads: any.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>

#include "base/slice.h"

/* Write all of it, however often that takes; blocks.  false: errno says why;
 * some of it may be written. */
bool fd_write_all(int fd, struct slice s);

#endif
