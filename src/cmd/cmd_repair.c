/* cmd_repair.c - `sheaf repair`: make the Chroma server have what it should. */
#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/follow.h"
#include "cmd/term.h"

static const char *const flags[] = {"--no-wait", NULL};

static bool ended(const json_t *job)
{
    struct slice status = json_get_slice(job, "status");

    return !slice_is(status, "pending") && !slice_is(status, "processing");
}

/* While it waits it says what for. */
static void draw(void *ctx, const json_t *job)
{
    char note[200];
    struct slice error = json_get_slice(job, "error");

    (void)ctx;
    if (slice_is(json_get_slice(job, "status"), "pending") && error.len)
        snprintf(note, sizeof(note), "waits: %.*s", SLICE_ARG(error));
    else
        snprintf(note, sizeof(note), "%lld compared, %lld sent, %lld removed",
                 (long long)json_get_int(job, "compared", 0),
                 (long long)json_get_int(job, "sent", 0),
                 (long long)json_get_int(job, "removed", 0));
    term_progress("repair", json_get_double(job, "progress", 0), note);
}

static enum err_code report(const struct command_line *cl, const json_t *job,
                            struct err *e)
{
    struct slice status = json_get_slice(job, "status");
    struct slice error = json_get_slice(job, "error");
    int64_t refused = json_get_int(job, "refused", 0);

    if (cl->json) {
        json_dumpf(job, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    if (!slice_is(status, "completed"))
        return err_set(e, ERR_UNAVAILABLE, "%.*s%s%.*s", SLICE_ARG(status),
                       error.len ? ": " : "", SLICE_ARG(error));
    if (!cl->json)
        printf("%lld passages compared: %lld sent, %lld removed\n",
               (long long)json_get_int(job, "compared", 0),
               (long long)json_get_int(job, "sent", 0),
               (long long)json_get_int(job, "removed", 0));
    if (refused)
        return err_set(e, ERR_UNPROCESSABLE,
                       "the Chroma server does not take %lld passages; the "
                       "log names them",
                       (long long)refused);
    return ERR_NONE;
}

static enum err_code repair(const struct command_line *cl, struct client *c,
                            struct err *e)
{
    const struct follow follow = {ended, draw, NULL, -1};
    json_t *started = NULL, *job = NULL;
    enum err_code rc =
        client_json(c, "POST", "/vectors/repair", SLICE_NONE, &started, e);

    if (rc == ERR_NONE && flag_given(cl, "--no-wait")) {
        if (cl->json)
            json_dumpf(started, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        else
            printf("%s", json_string_value(json_object_get(started, "job_id")));
        putchar('\n');
    } else if (rc == ERR_NONE) {
        rc = job_follow(c, json_get_slice(started, "job_id"), &follow, &job, e);
        if (rc == ERR_NONE)
            rc = report(cl, job, e);
    }
    json_decref(started);
    json_decref(job);
    return rc;
}

static int run(struct command_line *cl)
{
    struct client *c = NULL;
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_repair, "unexpected word '%s'", operand(cl, 0));
    if (client_open(&c, cl->config, &e) != ERR_NONE)
        return fail(&e);
    rc = repair(cl, c, &e);
    client_close(c);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_repair = {
    .name = "repair",
    .summary = "make the Chroma server have what the database has",
    .usage =
        "Usage: sheaf repair [--no-wait] [--json]\n\n"
        "With 'vectors' = chroma:...: compare every passage that the Chroma\n"
        "server has with the database, send what is missing or differs, and\n"
        "remove what is not ours, with a bar.  Needed only when the server\n"
        "was set back to an older state or somebody wrote into its\n"
        "collections: what is lost as a whole is filled anew by itself.\n"
        "Status 1 if it could not be finished, or if the server does not\n"
        "take a passage.\n\n"
        "  --no-wait   print the job and leave it to the server\n",
    .flags = flags,
    .run = run,
};
