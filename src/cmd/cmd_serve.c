/* cmd_serve.c - `sheaf serve`: run until stopped. */
#include "cmd/app.h"
#include "cmd/command.h"

static int run(struct command_line *cl)
{
    struct app *app = NULL;
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_serve, "unexpected word '%s'", operand(cl, 0));
    rc = app_open(&app, cl->config, NULL, true, &e);
    if (rc == ERR_NONE) {
        if (cl->json)
            printf("{\"url\":\"%s\",\"data_dir\":\"%s\"}\n", app_url(app),
                   app_data_dir(app));
        else
            printf("sheaf is serving at %s (data in %s)\n", app_url(app),
                   app_data_dir(app));
        fflush(stdout); /* whoever started us may read a pipe */
        rc = app_run(app, &e);
    }
    app_close(app);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_serve = {
    .name = "serve",
    .summary = "run the services and the desk",
    .usage =
        "Usage: sheaf serve [--listen ADDRESS:PORT] [--data-dir DIR]\n"
        "                   [--services LIST] [SETTINGS]\n\n"
        "Serve until SIGTERM or SIGINT (a second one ends at once; nothing\n"
        "that was acknowledged is lost).  Prints one line with the URL.\n"
        "`sheaf --help` lists the settings.\n",
    .run = run,
};
