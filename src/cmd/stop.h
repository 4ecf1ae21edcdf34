/* stop.h - Ctrl-C and SIGTERM, for commands that wait.
 *
 * Threads: one thread, before it makes others.
 */
#ifndef CMD_STOP_H
#define CMD_STOP_H

#include <stdbool.h>

#include "base/err.h"

/* From now on the two signals only make *fd readable.  ERR_UNAVAILABLE. */
enum err_code stop_open(int *fd, struct err *e) CHECKED;
/* Wait for at most `ms`: true, told to stop.  fd -1: nothing stops it. */
bool stop_wait(int fd, int ms);

#endif
