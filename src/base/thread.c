/* thread.c - see thread.h.
 *
 * A thread begins with the mask of who starts it, so that is all blocked for a
 * moment: a mask set by the thread itself would come too late.
 */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

bool thread_start(pthread_t *out, const char *name, void *(*run)(void *arg),
                  void *arg)
{
    char short_name[16] = "";
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(out, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        errno = rc;
        return false;
    }
    memcpy(short_name, name, strnlen(name, sizeof(short_name) - 1));
    pthread_setname_np(*out, short_name);
    return true;
}
