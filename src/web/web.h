/* web.h - the desk under /app/, a web application that is inside the program.
 *
 * Its files are public also when reads are private: what they show they fetch
 * from the API, which asks for the token.
 *
 * Threads: any; there is nothing but constants.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "net/router.h"
#include "web/files.h"

/* For router_add, with a `const struct web_files` as ctx. */
extern const struct route web_routes[];

#endif
