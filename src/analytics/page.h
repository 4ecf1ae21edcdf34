/* page.h - what a view says about itself, checked and brought into one form.
 *
 * Threads: pure functions.
 */
#ifndef ANALYTICS_PAGE_H
#define ANALYTICS_PAGE_H

#include "base/err.h"
#include "base/slice.h"
#include "store/events.h"

/* The path of a page without query and fragment: a part of `given`.
 * ERR_INVALID: not a path, longer than VIEW_MAX_PAGE, not UTF-8, or with
 * characters that steer a terminal or hide. */
enum err_code page_path(struct slice given, struct slice *out, struct err *e)
    CHECKED;

/* The host of the URL in `given`, in lower case, without port; empty for an
 * empty one.  ERR_INVALID: no absolute URL of the web, or one that is too long.
 */
struct referrer {
    char host[VIEW_MAX_REFERRER];
    size_t len;
};
enum err_code referrer_host(struct slice given, struct referrer *out,
                            struct err *e) CHECKED;

#endif
