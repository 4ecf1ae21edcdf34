/* thread.h - threads of a process whose signals are for its loop.
 *
 * Threads: any.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Start one called `name` (at most 15 characters are kept), which has all
 * signals blocked.  false: errno says why. */
bool thread_start(pthread_t *out, const char *name, void *(*run)(void *arg),
                  void *arg);

#endif
