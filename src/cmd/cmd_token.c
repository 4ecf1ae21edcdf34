/* cmd_token.c - `sheaf token`: the admin token. */

#include "cmd/command.h"
#include "cmd/secrets.h"

static int run(struct command_line *cl)
{
    struct datadir d;
    char token[128];
    struct err e = {0};

    if (datadir_find(&d, cl->config, &e) != ERR_NONE ||
        secrets_token(token, cl->config, &d, &e) != ERR_NONE) {
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
    .usage = "Usage: sheaf token [--json]\n\n"
             "Print the admin token: the setting, or that of the data "
             "directory.  It\n"
             "is needed for writing, and for pages of operations, when sheaf "
             "is reached from\n"
             "another machine or through a proxy:\n"
             "    curl -H \"Authorization: Bearer $(sheaf token)\" ...\n",
    .run = run,
};
