/* cmd_token.c - `sheaf token`: the admin token of this data directory. */

#include "cmd/command.h"
#include "cmd/datadir.h"

static int run(struct command_line *cl)
{
    struct datadir d;
    char token[128];
    struct err e = {0};

    if (datadir_find(&d, cl->config, &e) != ERR_NONE ||
        datadir_secret(&d, "token", "", false, token, sizeof(token), &e) !=
            ERR_NONE) {
        if (e.code == ERR_NOT_FOUND)
            err_set(&e, ERR_NOT_FOUND,
                    "no token in '%s' yet; it is made when sheaf first serves"
                    " there (or say --data-dir)",
                    d.path);
        return fail(&e);
    }
    if (cl->json)
        printf("{\"token\":\"%s\"}\n", token);
    else
        puts(token);
    return EXIT_DONE;
}

const struct command cmd_token = {
    .name = "token",
    .summary = "print the admin token",
    .usage =
        "Usage: sheaf token [--json]\n\n"
        "Print the admin token of the data directory.  It is needed for\n"
        "writing, and for pages of operations, when sheaf is reached from\n"
        "another machine or through a proxy:\n"
        "    curl -H \"Authorization: Bearer $(sheaf token)\" ...\n",
    .run = run,
};
