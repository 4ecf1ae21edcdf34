/* files.h - the desk's files, as scripts/pack-web.sh put them into the program.
 *
 * The program is linked with the table that was made from web/.  What is linked
 * without it (unit tests, fuzz drivers, `make WEB=0`) gets the empty one of
 * no_files.c, which the linker takes from the archive only then.
 *
 * Threads: constant.
 */
#ifndef WEB_FILES_H
#define WEB_FILES_H

#include "net/request.h"

struct web_file {
    const char *path; /* below /app/: "assets/index-Cx1.js" */
    struct static_body body;
};

struct web_files {
    const struct web_file *list; /* sorted by path */
    size_t n;                    /* 0: the program was built without the desk */
};

extern const struct web_files web_files;

#endif
