/* pages.h - the pages for people: / leads to /app/.
 *
 * The files are in src/assets/ and inside the program; nothing is loaded from
 * anywhere else and no script stands in the HTML, so that the strictest
 * Content-Security-Policy fits.
 *
 * Threads: pages_new and pages_free before and after the server runs.
 */
#ifndef BACKEND_PAGES_H
#define BACKEND_PAGES_H

#include "net/router.h"

struct pages;

struct pages *pages_new(void);
void pages_free(struct pages *p); /* takes NULL */

/* For router_add, with the pages as ctx. */
extern const struct route pages_routes[];

#endif
