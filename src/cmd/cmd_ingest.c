/* cmd_ingest.c - `sheaf ingest`: files and folders become documents, once or
 * for as long as they are watched.
 *
 * A file goes to POST /process/file, and its job is followed.  A few are on
 * their way at a time, so that the server reads one while another is embedded;
 * they are reported in their order.  The absolute path is the document's
 * source: a changed file replaces its older version, whatever folder it is
 * named from.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/file_tree.h"
#include "cmd/follow.h"
#include "cmd/gone.h"
#include "cmd/stop.h"
#include "cmd/term.h"
#include "cmd/upload.h"
#include "cmd/watch.h"

#define ON_THE_WAY 4

static const char *const flags[] = {
    "--title=", "--source=", "--metadata=", "--watch", "--delete", NULL};

struct item {
    char *path;   /* owned; "-": standard input */
    char *source; /* owned; NULL: none */
    int64_t size; /* bytes; 0: not known */
    json_t *job;  /* the server's answer, once it is sent */
};

struct ingest_run {
    const struct command_line *cl;
    struct client *c;
    int stop_fd; /* readable: a signal asks to stop; -1 */
    bool stopped;
    struct watch *watch; /* NULL: once only */
    struct item *items;  /* found so far */
    size_t n, cap;
    size_t sent, over; /* items[over..sent) are on their way */
    int64_t bytes, bytes_over;
    int64_t done, known, removed, failed, chunks;
};

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- what there is to do ---- */

static char *copy(const char *s)
{
    char *p = s ? strdup(s) : NULL;

    if (s && !p)
        abort();
    return p;
}

static void add_item(struct ingest_run *run, const char *path,
                     const char *source, int64_t size)
{
    if (run->n == run->cap) {
        run->cap = run->cap ? run->cap * 2 : 64;
        run->items = realloc(run->items, run->cap * sizeof(*run->items));
        if (!run->items)
            abort();
    }
    run->items[run->n++] = (struct item){copy(path), copy(source), size, NULL};
    run->bytes += size;
}

static void add_file(void *ctx, const char *path, int64_t size)
{
    add_item(ctx, path, path, size);
}

static void item_release(struct item *it)
{
    free(it->path);
    free(it->source);
    json_decref(it->job);
    *it = (struct item){.path = NULL};
}

/* All that is over; the list begins anew. */
static void forget_items(struct ingest_run *run)
{
    for (size_t i = 0; i < run->n; i++)
        item_release(&run->items[i]);
    run->n = run->sent = run->over = 0;
    run->bytes = run->bytes_over = 0;
}

/* ---- one line for each ---- */

static void say_fault(void *ctx, const char *path, const char *why)
{
    struct ingest_run *run = ctx;

    term_progress_end();
    fputs("sheaf: ", stderr);
    term_path(stderr, path);
    fprintf(stderr, ": %s\n", why);
    run->failed++;
}

static void print_job(json_t *job, const char *path)
{
    json_object_set_new(job, "path", json_string(path));
    json_dumpf(job, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
}

static void say_warnings(const json_t *job, const char *path)
{
    const json_t *list = json_object_get(job, "warnings"), *w;
    size_t i;

    json_array_foreach(list, i, w)
    {
        fputs("sheaf: ", stderr);
        term_path(stderr, path);
        fprintf(stderr, ": warning: %s\n", json_string_value(w));
    }
}

static void report(struct ingest_run *run, const struct item *it, json_t *job)
{
    struct slice status = json_get_slice(job, "status"),
                 error = json_get_slice(job, "error");
    bool known = json_is_string(json_object_get(job, "duplicate_of"));
    int64_t chunks = json_get_int(job, "chunks_processed", 0);

    if (run->cl->json)
        print_job(job, it->path);
    if (!slice_is(status, "completed")) {
        say_fault(run, it->path, error.len ? error.p : status.p);
        return;
    }
    say_warnings(job, it->path);
    run->done += !known;
    run->known += known;
    run->chunks += known ? 0 : chunks;
    if (run->cl->json)
        return;
    term_path(stdout, it->path);
    printf(": %s%lld chunks\n", known ? "known, " : "", (long long)chunks);
}

/* ---- sending and following ---- */

static bool ended(const json_t *job)
{
    struct slice status = json_get_slice(job, "status");

    return slice_is(status, "completed") || slice_is(status, "failed") ||
           slice_is(status, "cancelled");
}

/* By bytes of files: that is known beforehand. */
static void draw(void *ctx, const json_t *job)
{
    const struct ingest_run *run = ctx;
    double part = json_get_double(job, "progress", 0) / 100;
    double bytes =
        (double)run->bytes_over + part * (double)run->items[run->over].size;
    char note[96];

    snprintf(note, sizeof(note), "%zu of %zu files, %lld of %lld chunks",
             run->over + 1, run->n,
             (long long)json_get_int(job, "chunks_processed", 0),
             (long long)json_get_int(job, "total_chunks", 0));
    term_progress("ingest",
                  run->bytes ? 100 * bytes / (double)run->bytes : 100 * part,
                  note);
}

/* Follow the oldest one on its way to its end. */
static void finish_one(struct ingest_run *run)
{
    const struct follow follow = {ended, draw, run, run->stop_fd};
    struct item *it = &run->items[run->over];
    json_t *job = NULL;
    struct err e = {0};
    enum err_code rc = ERR_NONE;

    if (it->job) /* or it was refused */
        rc = job_follow(run->c, json_get_slice(it->job, "job_id"), &follow,
                        &job, &e);
    if (rc == ERR_CANCELLED) {
        run->stopped = true;
        return;
    }
    if (rc != ERR_NONE)
        say_fault(run, it->path, e.msg);
    else if (job)
        report(run, it, job);
    json_decref(job);
    run->over++;
    run->bytes_over += it->size;
}

static void send_one(struct ingest_run *run)
{
    struct item *it = &run->items[run->sent++];
    const struct upload u = {it->path, it->source,
                             flag_value(run->cl, "--title"),
                             flag_value(run->cl, "--metadata")};
    struct err e = {0};
    enum err_code rc = upload_file(run->c, &u, &it->job, &e);

    /* what is watched may go again at once */
    if (rc == ERR_NONE || (run->watch && access(it->path, F_OK) != 0))
        return;
    if (run->cl->json) {
        json_t *o = json_object();

        json_object_set_new(o, "error", json_string(e.msg));
        print_job(o, it->path);
        json_decref(o);
    }
    say_fault(run, it->path, e.msg);
}

static void do_items(struct ingest_run *run)
{
    while (run->over < run->n && !run->stopped) {
        while (run->sent < run->n && run->sent - run->over < ON_THE_WAY)
            send_one(run);
        finish_one(run);
    }
    if (!run->stopped)
        forget_items(run);
}

/* ---- folders ---- */

/* Whoever made a new folder may not have filled its files yet. */
static void add_closed_file(void *ctx, const char *path, int64_t size)
{
    if (!watch_is_written(path))
        add_file(ctx, path, size);
}

static void walk_folder(struct ingest_run *run, const char *path,
                        void (*file)(void *ctx, const char *path, int64_t size))
{
    const struct file_tree_visit visit = {
        .file = file, .fault = say_fault, .ctx = run};

    file_tree_walk(path, &visit);
}

static void remove_gone(struct ingest_run *run, const char *path, bool folder)
{
    int64_t removed = 0;
    struct err e = {0};

    if (!flag_given(run->cl, "--delete"))
        return;
    do_items(run);
    if (gone_remove(run->c, path, folder, &removed, &e) != ERR_NONE)
        say_fault(run, path, e.msg);
    run->removed += removed;
    if (removed && !run->cl->json) {
        term_progress_end();
        term_path(stdout, path);
        printf(": gone, %lld removed\n", (long long)removed);
    }
}

static enum err_code add_operand(struct ingest_run *run, const char *path,
                                 struct err *e)
{
    char absolute[FILE_TREE_MAX_PATH];
    const char *source = flag_value(run->cl, "--source");
    bool folder = is_folder(path);
    struct stat st;
    enum err_code rc;

    if (strcmp(path, "-") == 0) {
        add_item(run, "-", source, 0);
        return ERR_NONE;
    }
    rc = file_tree_absolute(path, absolute, e);
    if (rc != ERR_NONE)
        return rc;
    if (folder && run->watch)
        rc = watch_folder(run->watch, absolute, e);
    if (rc != ERR_NONE)
        return rc;
    if (folder)
        walk_folder(run, absolute, add_file);
    else if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        add_item(run, absolute, source ? source : absolute, st.st_size);
    else /* a pipe has neither a size nor a lasting name */
        add_item(run, path, source, 0);
    return ERR_NONE;
}

static void add_operands(struct ingest_run *run)
{
    const char *path;
    struct err e = {0};

    for (int i = 0; (path = operand(run->cl, i)) != NULL; i++)
        if (add_operand(run, path, &e) != ERR_NONE) {
            fprintf(stderr, "sheaf: %s\n", e.msg);
            run->failed++;
        }
}

/* With --delete: what went while nobody watched. */
static void sweep_operands(struct ingest_run *run)
{
    char absolute[FILE_TREE_MAX_PATH];
    struct err ignored;
    const char *path;

    for (int i = 0; (path = operand(run->cl, i)) != NULL; i++)
        if (is_folder(path) &&
            file_tree_absolute(path, absolute, &ignored) == ERR_NONE)
            remove_gone(run, absolute, true);
}

/* ---- watching ---- */

static void on_event(void *ctx, enum watch_event event, const char *path)
{
    struct ingest_run *run = ctx;
    struct stat st;

    switch (event) {
    case WATCH_CHANGED:
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            add_item(run, path, path, st.st_size);
        break;
    case WATCH_NEW_FOLDER:
        walk_folder(run, path, add_closed_file);
        break;
    case WATCH_GONE:
        remove_gone(run, path, false);
        break;
    case WATCH_GONE_FOLDER:
        remove_gone(run, path, true);
        break;
    case WATCH_LOST:
        add_operands(run);
        sweep_operands(run);
        break;
    }
}

static enum err_code follow_folders(struct ingest_run *run, struct err *e)
{
    enum err_code rc = ERR_NONE;

    while (rc == ERR_NONE && !run->stopped) {
        char note[96];

        snprintf(note, sizeof(note), "%zu folders; Ctrl-C ends",
                 watch_count(run->watch));
        term_progress("watching", -1, note);
        rc = watch_wait(run->watch, run->stop_fd, on_event, run, e);
        term_progress_end();
        if (rc == ERR_NONE)
            do_items(run);
    }
    return rc == ERR_CANCELLED ? ERR_NONE : rc;
}

static enum err_code start_watching(struct ingest_run *run, struct err *e)
{
    enum err_code rc = stop_open(&run->stop_fd, e);

    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads it, reads it now */
    return rc == ERR_NONE ? watch_open(&run->watch, e) : rc;
}

/* ---- the command ---- */

static bool usage_ok(const struct command_line *cl)
{
    bool one = flag_given(cl, "--title") || flag_given(cl, "--source"),
         watch = flag_given(cl, "--watch");
    const char *path = operand(cl, 0);

    if (!path)
        usage_error(&cmd_ingest, "name a file or a folder, or '-'");
    else if (one && (operand(cl, 1) || is_folder(path)))
        usage_error(&cmd_ingest, "--title and --source are of one file");
    else {
        for (int i = 0; watch && (path = operand(cl, i)) != NULL; i++)
            if (!is_folder(path)) {
                usage_error(&cmd_ingest, "--watch: '%s' is no folder", path);
                return false;
            }
        return true;
    }
    return false;
}

static void say_totals(const struct ingest_run *run)
{
    if (run->cl->json)
        return;
    printf("%lld added, %lld known, %lld failed; %lld chunks",
           (long long)run->done, (long long)run->known, (long long)run->failed,
           (long long)run->chunks);
    if (flag_given(run->cl, "--delete"))
        printf("; %lld removed", (long long)run->removed);
    putchar('\n');
    if (run->stopped)
        printf("%zu more were accepted; the server goes on with them\n",
               run->sent - run->over);
}

static int run(struct command_line *cl)
{
    struct ingest_run run = {.cl = cl, .stop_fd = -1};
    struct err e = {0};
    enum err_code rc = ERR_NONE;

    if (!usage_ok(cl))
        return EXIT_USAGE;
    if (flag_given(cl, "--watch"))
        rc = start_watching(&run, &e);
    if (rc == ERR_NONE)
        rc = client_open(&run.c, cl->config, &e);
    if (rc == ERR_NONE) {
        add_operands(&run);
        do_items(&run);
        if (!run.stopped)
            sweep_operands(&run);
        if (run.watch) {
            say_totals(&run);
            rc = follow_folders(&run, &e);
        }
        say_totals(&run);
    }
    forget_items(&run);
    free(run.items);
    watch_close(run.watch);
    client_close(run.c);
    if (run.stop_fd >= 0)
        close(run.stop_fd);
    if (rc != ERR_NONE)
        return fail(&e);
    return run.failed ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_ingest = {
    .name = "ingest",
    .summary = "add files and folders as documents",
    .usage =
        "Usage: sheaf ingest [--json] [--metadata JSON] FILE|FOLDER...\n"
        "       sheaf ingest --watch [--delete] FOLDER...\n"
        "       sheaf ingest [--title T] [--source S] FILE|-\n\n"
        "Text, Markdown, HTML, PDF, EPUB and DOCX, told by their content; '-' "
        "is\n"
        "standard input.  Hidden files, backups (name~) and links to folders "
        "are\n"
        "left out.  The absolute path is the document's `source`: a file that "
        "was\n"
        "changed replaces its older version, one that was not is noticed at "
        "once.\n\n"
        "  --watch           go on with files that are changed or come, until "
        "Ctrl-C\n"
        "  --delete          remove the documents of files that are gone from "
        "the\n"
        "                    folders; without it they are kept\n"
        "  --title T         of one file; else what the file says\n"
        "  --source S        of one file, in place of its path\n"
        "  --metadata JSON   for all, for example '{\"team\":\"search\"}'\n\n"
        "The exit status is 1 if a file failed; the others are added all the "
        "same.\n",
    .flags = flags,
    .run = run,
};
