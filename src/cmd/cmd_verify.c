/* cmd_verify.c - `sheaf verify`: does everything that is kept agree?
 *
 * It reads beside a server that runs, in one snapshot.  Only --repair writes,
 * and for that nobody else may have the data.
 */
#include <dirent.h>
#include <string.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/place.h"
#include "cmd/term.h"
#include "transfer/check.h"

#define TRIES 5

static const char *const flags[] = {"--repair", NULL};

struct verifying {
    const struct command_line *cl;
    struct datadir dir;
    struct store *s;
    int64_t found, repaired;
    json_t *problems, *notes; /* --json */
};

static void step(void *ctx, const char *name)
{
    (void)ctx;
    term_progress("verify", -1, name);
}

static void say(struct verifying *v, json_t *list, const char *prefix,
                const char *text)
{
    term_progress_end();
    if (v->cl->json)
        json_array_append_new(list, json_string(text));
    else
        printf("%s%s\n", prefix, text);
}

static void found(void *ctx, const char *text)
{
    struct verifying *v = ctx;

    v->found++;
    say(v, v->problems, "WRONG  ", text);
}

static void note(void *ctx, const char *text)
{
    struct verifying *v = ctx;

    say(v, v->notes, "note   ", text);
}

/* ---- what lies about ---- */

static bool is_leftover(struct slice name)
{
    return slice_ends(name, ".new") || slice_ends(name, ".restoring") ||
           slice_starts(name, "restoring.db");
}

/* Files that a command left which was killed. */
static void look_for_leftovers(struct verifying *v)
{
    DIR *d = opendir(v->dir.path);
    const struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL)
        if (is_leftover(slice_of(entry->d_name))) {
            char text[400];

            snprintf(text, sizeof(text),
                     "'%.200s' was left by a command that was broken off; it "
                     "can be removed",
                     entry->d_name);
            found(v, text);
        }
    if (d)
        closedir(d);
}

/* ---- the index in memory of the server that runs ---- */

/* The number behind `sheaf_index_vectors{collection="NAME"} `; -1: none. */
static int64_t metric(struct slice text, const char *name)
{
    struct slice line;
    char wanted[80];
    int64_t n = -1;

    snprintf(wanted, sizeof(wanted), "sheaf_index_vectors{collection=\"%s\"} ",
             name);
    while (slice_split(&text, '\n', &line))
        if (slice_starts(line, wanted) &&
            !slice_to_i64(slice_sub(line, strlen(wanted), line.len), &n))
            n = -1;
    return n;
}

/* What the database has, and what the server keeps, of one set. */
struct counted {
    int64_t stored, kept; /* kept -1: it keeps none */
};

static enum err_code count(struct verifying *v, struct client *c,
                           const char *name, enum vector_set set,
                           struct counted *out, struct err *e)
{
    struct vector_count there = {0};
    struct model_id model;
    bool known = false;
    struct buf b;
    enum err_code rc;

    *out = (struct counted){0, -1};
    buf_init(&b, CLIENT_REPLY_MAX);
    rc = client_send(c, "GET", "/metrics", NULL, SLICE_NONE, &b, e);
    if (rc == ERR_NONE)
        rc = store_vectors_model(v->s, set, &model, &known, e);
    if (rc == ERR_NONE && known)
        rc = store_vectors_count(v->s, set, &model, &there, e);
    if (rc == ERR_NONE && known)
        *out = (struct counted){there.all - there.stale,
                                metric(buf_slice(&b), name)};
    buf_release(&b);
    return rc;
}

/* Several times while they differ: an index is made by the first query, and
 * what was just stored is taken in by the next one. */
static enum err_code compare_index(struct verifying *v, struct client *c,
                                   const char *name, enum vector_set set,
                                   struct err *e)
{
    static const char *const queries[] = {
        [VECTORS_CHUNKS] = "/query?q=vectors",
        [VECTORS_PAPERS] = "/query?q=vectors&collection=papers"};
    struct counted n = {0};
    char text[200];
    enum err_code rc = count(v, c, name, set, &n, e);

    for (int i = 0; i < TRIES && rc == ERR_NONE && n.kept != n.stored; i++) {
        rc = client_send(c, "GET", queries[set], NULL, SLICE_NONE, NULL, e);
        if (rc == ERR_NONE)
            rc = count(v, c, name, set, &n, e);
    }
    snprintf(text, sizeof(text),
             "the index in memory has %lld vectors of %s, the database %lld",
             (long long)n.kept, name, (long long)n.stored);
    if (rc == ERR_NONE && n.kept >= 0 && n.kept != n.stored)
        found(v, text);
    return rc;
}

static void check_index(struct verifying *v)
{
    struct client *c = NULL;
    struct err e = {0};
    enum err_code rc = client_attach(&c, v->cl->config, &e);

    step(v, "index in memory");
    if (rc == ERR_NOT_FOUND) {
        note(v, "no server runs here: there is no index in memory to compare");
        return;
    }
    if (rc == ERR_NONE)
        rc = compare_index(v, c, "documents", VECTORS_CHUNKS, &e);
    if (rc == ERR_NONE)
        rc = compare_index(v, c, "papers", VECTORS_PAPERS, &e);
    client_close(c);
    if (rc != ERR_NONE)
        note(v, e.msg);
}

/* ---- the command ---- */

static enum err_code look(struct verifying *v, bool repair, struct err *e)
{
    const struct store_verify told = {
        .repair = repair, .step = step, .found = found, .note = note, .ctx = v};
    enum err_code rc = store_verify(v->s, &told, e);

    if (rc == ERR_NONE)
        rc = check_vectors(v->s, &told, e);
    if (rc == ERR_NONE && !repair)
        check_index(v);
    if (rc == ERR_NONE)
        look_for_leftovers(v);
    term_progress_end();
    return rc;
}

static enum err_code open_store(struct verifying *v, bool repair, struct err *e)
{
    const struct config *c = v->cl->config;
    enum err_code rc = datadir_find(&v->dir, c, e);

    if (rc == ERR_NONE && repair)
        rc = datadir_lock(&v->dir, e);
    return rc == ERR_NONE
               ? place_open(&v->s, config_str(c, "database_url"), &v->dir,
                            repair ? STORE_TO_SERVE : STORE_TO_READ,
                            STORE_VECTORS_AS_THEY_ARE, e)
               : rc;
}

static void print_json(struct verifying *v)
{
    json_t *o = json_object();

    json_object_set(o, "problems", v->problems);
    json_object_set(o, "notes", v->notes);
    json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

static int run(struct command_line *cl)
{
    struct verifying v = {
        .cl = cl, .problems = json_array(), .notes = json_array()};
    bool repair = flag_given(cl, "--repair");
    struct err e = {0};
    enum err_code rc;

    if (operand(cl, 0))
        return usage_error(&cmd_verify, "unexpected word '%s'", operand(cl, 0));
    rc = open_store(&v, repair, &e);
    if (rc == ERR_NONE)
        rc = look(&v, repair, &e);
    if (rc == ERR_NONE && cl->json)
        print_json(&v);
    else if (rc == ERR_NONE && !v.found)
        printf("everything agrees\n");
    else if (rc == ERR_NONE)
        printf("%lld things disagree%s\n", (long long)v.found,
               repair ? "; run it again to see what is left" : "");
    store_close(v.s);
    datadir_unlock(&v.dir);
    json_decref(v.problems);
    json_decref(v.notes);
    if (rc != ERR_NONE)
        return fail(&e);
    return v.found ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "does everything that is kept agree?",
    .usage =
        "Usage: sheaf verify [--data-dir DIR] [--database-url URL] [--json]\n"
        "                    [--repair]\n\n"
        "Look through the whole database: its own structures (SQLite's\n"
        "integrity_check; PostgreSQL's indexes where the extension amcheck\n"
        "is), rows that name others, texts and the chunks cut from them,\n"
        "counts, full text against the texts, vectors, the index in memory of\n"
        "a server that runs here, files left over.  A server may run "
        "meanwhile.\n"
        "Prints what disagrees; the exit status is then 1.\n\n"
        "  --repair  make the full text anew where it differs; only that is\n"
        "            made of other data.  No server may run.  For the rest\n"
        "            there is `sheaf restore`.\n\n"
        "A backup is a data directory: sheaf verify --data-dir FOLDER.\n",
    .flags = flags,
    .run = run,
};
