/* extract_run.h - run a program over some bytes, and trust it with nothing.
 *
 * Programs that read files of strangers are broken into now and then.  So the
 * child gets the bytes as its standard input (a file in memory, nothing on
 * disk), two pipes, no other descriptor, three variables, its own process
 * group, and limits: processor time, address space, no file larger than
 * nothing, no core, few descriptors.  No shell is involved.  What it may still
 * do is read the files of our user and use the network: run sheaf under a user
 * that owns nothing else.
 *
 * Threads: any; blocks until the child has gone.
 */
#ifndef PROCESSOR_EXTRACT_RUN_H
#define PROCESSOR_EXTRACT_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "processor/extract_impl.h"

struct run_limits {
    unsigned cpu_seconds;
    size_t memory;  /* address space, bytes */
    size_t out_max; /* bytes of standard output; more: it is killed */
};

struct run_result {
    int exit_code;   /* -1: a signal ended it */
    int signal;      /* or 0 */
    bool out_full;   /* it wrote more than out_max, and was killed */
    struct buf out;  /* owned: release it, also after an error */
    char said[1000]; /* the beginning of its standard error, with a NUL */
};

/* argv[0] is looked for in PATH unless it has a '/'; argv ends with NULL.
 * ERR_NONE: it ran, see *r.  ERR_NOT_FOUND: there is no such program.
 * ERR_CANCELLED, ERR_INVALID (out of time): extract_may_go_on said so, and it
 * was killed.  ERR_INTERNAL: no processes, memory or descriptors left. */
enum err_code extract_run(const struct extraction *j, const char *const argv[],
                          struct slice input, const struct run_limits *limits,
                          struct run_result *r) CHECKED;

#endif
