/* cmd_version.c - `sheaf version`. */
#include <sqlite3.h>
#include <uv.h>

#include "base/json.h"
#include "cmd/command.h"

#ifndef SHEAF_VERSION
#define SHEAF_VERSION "unknown"
#endif

static int run(struct command_line *cl)
{
    if (cl->json)
        printf("{\"version\":\"%s\",\"sqlite\":\"%s\",\"libuv\":\"%s\"}\n",
               SHEAF_VERSION, sqlite3_libversion(), uv_version_string());
    else
        printf("sheaf %s (SQLite %s, libuv %s)\n", SHEAF_VERSION,
               sqlite3_libversion(), uv_version_string());
    return EXIT_DONE;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "Usage: sheaf version [--json]\n\n"
             "Print sheaf's version and those of the libraries in use.\n",
    .run = run,
};
