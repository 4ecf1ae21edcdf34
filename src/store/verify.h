/* verify.h - store area: does what a database holds agree with itself?
 *
 * See store.h for errors.
 * Threads: one thread; others may use the store meanwhile.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "store/store.h"

struct store_verify {
    /* Make the full text anew where it differs from the texts; the store was
     * opened STORE_TO_SERVE, by nobody else. */
    bool repair;
    /* What is looked at now: "full text of papers". */
    void (*step)(void *ctx, const char *name);
    /* What disagrees, in a sentence. */
    void (*found)(void *ctx, const char *text);
    /* What was repaired, or could not be looked at. */
    void (*note)(void *ctx, const char *text);
    void *ctx;
};

/* All of one moment.  The file's or the server's own structures, rows that name
 * others, texts and the chunks cut from them, counts, full text, vectors' form.
 * An error means that it could not be looked at, not that something was found.
 */
enum err_code store_verify(struct store *s, const struct store_verify *v,
                           struct err *e) CHECKED;

#endif
