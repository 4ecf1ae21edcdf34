/* cmd_ingest.c - `sheaf ingest`: files and folders become documents.
 *
 * The text is taken out of a file here, so that a server need not be able to
 * read it; the path is the document's source, so that a changed file replaces
 * its older version.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/follow.h"
#include "cmd/term.h"
#include "processor/extract.h"

#define MAX_DEPTH 32
#define MAX_PATH 4096
#define MAX_BODY ((size_t)64 << 20)
#define READ_STEP ((size_t)256 << 10)

static const char *const flags[] = {NULL};

struct ingest_run {
    const struct command_line *cl;
    struct client *c;
    int64_t done, known, failed, chunks;
};

static enum err_code read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "rb");
    char *room;
    size_t n = 0;
    bool fault;

    if (!f)
        return err_set(e, ERR_NOT_FOUND, "%s", strerror(errno));
    while ((room = buf_room(out, READ_STEP)) != NULL &&
           (n = fread(room, 1, READ_STEP, f)) > 0)
        buf_grew(out, n);
    fault = ferror(f) != 0;
    fclose(f);
    if (!room)
        return err_set(e, ERR_TOO_LARGE, "larger than %u MiB",
                       EXTRACT_MAX_BYTES >> 20);
    return fault ? err_set(e, ERR_UNAVAILABLE, "%s", strerror(errno))
                 : ERR_NONE;
}

static bool ended(const json_t *job)
{
    struct slice status = json_get_slice(job, "status");

    return slice_is(status, "completed") || slice_is(status, "failed") ||
           slice_is(status, "cancelled");
}

static void draw(const json_t *job)
{
    char note[96];

    snprintf(note, sizeof(note), "%lld of %lld chunks",
             (long long)json_get_int(job, "chunks_processed", 0),
             (long long)json_get_int(job, "total_chunks", 0));
    term_progress("ingest", json_get_double(job, "progress", 0), note);
}

static void write_body(struct buf *out, const struct extract *x,
                       const char *path)
{
    struct slice name = slice_of(path);
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_kslice(&j, "title", x->title.len ? x->title : name);
    jw_kslice(&j, "text", x->text);
    jw_key(&j, "metadata");
    jw_obj(&j);
    jw_kslice(&j, "source", name);
    jw_kstr(&j, "type", extract_kind_name(x->kind));
    jw_end_obj(&j);
    jw_end_obj(&j);
}

static enum err_code judge(struct ingest_run *run, const json_t *job,
                           const char *path, struct err *e)
{
    struct slice error = json_get_slice(job, "error");
    bool known = json_is_string(json_object_get(job, "duplicate_of"));
    int64_t chunks = json_get_int(job, "chunks_processed", 0);

    if (!slice_is(json_get_slice(job, "status"), "completed"))
        return err_set(e, ERR_UNAVAILABLE, "%.*s%s%.*s",
                       SLICE_ARG(json_get_slice(job, "status")),
                       error.len ? ": " : "", SLICE_ARG(error));
    run->done += !known;
    run->known += known;
    run->chunks += known ? 0 : chunks;
    if (run->cl->json) {
        json_dumpf(job, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else {
        printf("%s: %s%lld chunks\n", path, known ? "known, " : "",
               (long long)chunks);
    }
    return ERR_NONE;
}

static enum err_code send_text(struct ingest_run *run, const struct extract *x,
                               const char *path, struct err *e)
{
    json_t *started = NULL, *job = NULL;
    struct buf body;
    enum err_code rc;

    buf_init(&body, MAX_BODY);
    write_body(&body, x, path);
    rc = buf_ok(&body) ? client_json(run->c, "POST", "/process/text",
                                     buf_slice(&body), &started, e)
                       : err_set(e, ERR_TOO_LARGE, "its text is too long");
    buf_release(&body);
    if (rc == ERR_NONE)
        rc = job_follow(run->c, json_get_slice(started, "job_id"), ended, draw,
                        &job, e);
    if (rc == ERR_NONE)
        rc = judge(run, job, path, e);
    json_decref(started);
    json_decref(job);
    return rc;
}

/* One file; what is wrong with it is said, and the others go on. */
static void ingest_file(struct ingest_run *run, const char *path)
{
    struct arena *a = arena_new(EXTRACT_ARENA);
    const char *slash = strrchr(path, '/');
    const struct extract_options opt = {.name =
                                            slice_of(slash ? slash + 1 : path)};
    struct err e = {0};
    struct extract x;
    struct buf bytes;
    enum err_code rc;

    buf_init(&bytes, EXTRACT_MAX_BYTES + READ_STEP);
    rc = a ? read_file(path, &bytes, &e)
           : err_set(&e, ERR_UNAVAILABLE, "out of memory");
    if (rc == ERR_NONE)
        rc = extract_file(a, buf_slice(&bytes), &opt, &x, &e);
    if (rc == ERR_NONE)
        rc = send_text(run, &x, path, &e);
    buf_release(&bytes);
    arena_free(a);
    if (rc != ERR_NONE) {
        fprintf(stderr, "sheaf: %s: %s\n", path, e.msg);
        run->failed++;
    }
}

static void ingest_path(struct ingest_run *run, const char *path, int depth);

static int not_hidden(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void ingest_folder(struct ingest_run *run, const char *path, int depth)
{
    struct dirent **names;
    int n =
        depth < MAX_DEPTH ? scandir(path, &names, not_hidden, alphasort) : -1;

    if (n < 0) {
        fprintf(stderr, "sheaf: %s: %s\n", path,
                depth < MAX_DEPTH ? strerror(errno) : "too deep");
        run->failed++;
        return;
    }
    for (int i = 0; i < n; i++) {
        char inner[MAX_PATH];

        if (snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name) <
            (int)sizeof(inner))
            ingest_path(run, inner, depth + 1);
        free(names[i]);
    }
    free(names);
}

static void ingest_path(struct ingest_run *run, const char *path, int depth)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        ingest_folder(run, path, depth);
    else
        ingest_file(run, path);
}

static int run(struct command_line *cl)
{
    struct ingest_run run = {.cl = cl};
    struct err e = {0};
    const char *path;

    if (!operand(cl, 0))
        return usage_error(&cmd_ingest, "name a file or a folder");
    if (client_open(&run.c, cl->config, &e) != ERR_NONE)
        return fail(&e);
    for (int i = 0; (path = operand(cl, i)) != NULL; i++)
        ingest_path(&run, path, 0);
    client_close(run.c);
    if (!cl->json)
        printf("%lld added, %lld known, %lld failed; %lld chunks\n",
               (long long)run.done, (long long)run.known, (long long)run.failed,
               (long long)run.chunks);
    return run.failed ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_ingest = {
    .name = "ingest",
    .summary = "add files and folders as documents",
    .usage =
        "Usage: sheaf ingest [--json] FILE|FOLDER...\n\n"
        "Text, Markdown, HTML, PDF, EPUB and DOCX; hidden files are left out.\n"
        "The path is the document's `source`: a file\n"
        "that was changed replaces its older version, one that was not is\n"
        "noticed at once.\n",
    .flags = flags,
    .run = run,
};
