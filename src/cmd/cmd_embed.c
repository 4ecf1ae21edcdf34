/* cmd_embed.c - `sheaf embed`: texts to vectors, or to tokens, in a pipe.
 *
 * Opens the model itself: no server and no data directory are needed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/datadir.h"
#include "cmd/model.h"
#include "cmd/term.h"
#include "cmd/text_feed.h"
#include "embed/embed.h"
#include "embed/tokenizer.h"
#include "embed/vector_text.h"

static const char *const flags[] = {"--format=",  "--tokens", "--jsonl",
                                    "--workers=", "--quiet",  NULL};

#define MAX_FILES 1000
#define MAX_OUT_BYTES ((size_t)256 << 20)
/* A file is embedded in calls of this many, so that the bar moves. */
#define SHOW_US (US_PER_S / 5)

struct run {
    struct command_line *cl;
    bool raw, tokens_only, quiet;
    int workers;
    struct embed *embed;
    struct tokenizer *tokenizer; /* with --tokens */
    struct text_feed *feed;
    float *vectors;
    uint32_t *counts;
    struct buf out;
    uint64_t n, tokens;
    int64_t began_us, shown_us;
};

/* ---- output ---- */

static void add_index(struct buf *out, uint64_t index)
{
    buf_add_str(out, "{\"index\":");
    buf_add_u64(out, index);
}

static void write_vectors(struct run *u, size_t n)
{
    if (u->raw) {
        vector_add_raw(&u->out, u->vectors, n * EMBED_DIM);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        add_index(&u->out, u->n + i);
        buf_add_str(&u->out, ",\"tokens\":");
        buf_add_u64(&u->out, u->counts[i]);
        buf_add_str(&u->out, ",\"embedding\":");
        vector_add_json(&u->out, u->vectors + i * EMBED_DIM, EMBED_DIM);
        buf_add_str(&u->out, "}\n");
    }
}

/* {"index":0,"ids":[7592],"tokens":["hello"],"offsets":[[0,5]]} */
static void write_token_list(struct run *u, const struct token *t, size_t n)
{
    struct jw j;
    size_t i;

    add_index(&u->out, u->n);
    buf_add_str(&u->out, ",\"ids\":[");
    for (i = 0; i < n; i++)
        buf_printf(&u->out, "%s%u", i ? "," : "", t[i].id);
    buf_add_str(&u->out, "],\"tokens\":");
    jw_init(&j, &u->out);
    jw_arr(&j);
    for (i = 0; i < n; i++)
        jw_slice(&j, tokenizer_text(u->tokenizer, t[i].id));
    jw_end_arr(&j);
    buf_add_str(&u->out, ",\"offsets\":[");
    for (i = 0; i < n; i++)
        buf_printf(&u->out, "%s[%u,%u]", i ? "," : "", t[i].start, t[i].end);
    buf_add_str(&u->out, "]}\n");
}

static enum err_code flush(struct run *u, struct err *e)
{
    if (!buf_ok(&u->out))
        return err_set(e, ERR_TOO_LARGE, "too much output for one block");
    if (fwrite(u->out.p ? u->out.p : "", 1, u->out.len, stdout) != u->out.len ||
        fflush(stdout) != 0)
        return err_set(e, ERR_UNAVAILABLE, "cannot write to standard output");
    buf_clear(&u->out);
    return ERR_NONE;
}

static void show_progress(struct run *u)
{
    int64_t now = clock_mono_us();
    double seconds = (double)(now - u->began_us) / 1e6;
    char note[100];

    if (u->quiet || now - u->shown_us < SHOW_US)
        return;
    u->shown_us = now;
    snprintf(note, sizeof(note), "%llu texts, %.0f tokens/s",
             (unsigned long long)u->n, (double)u->tokens / seconds);
    term_progress(u->tokens_only ? "tokens" : "embed",
                  text_feed_percent(u->feed), note);
}

static void show_summary(const struct run *u)
{
    double s = (double)(clock_mono_us() - u->began_us) / 1e6;
    struct embed_info info;

    term_progress_end();
    if (u->quiet)
        return;
    fprintf(stderr,
            "%llu texts, %llu tokens in %.2f s: %.0f texts/s, %.0f "
            "tokens/s",
            (unsigned long long)u->n, (unsigned long long)u->tokens, s,
            (double)u->n / s, (double)u->tokens / s);
    if (u->embed) {
        embed_info(u->embed, &info);
        fprintf(stderr, " (%s, %s, %d worker%s)", info.precision, info.kernel,
                info.workers, info.workers == 1 ? "" : "s");
    }
    fputc('\n', stderr);
}

/* ---- work ---- */

static enum err_code tokens_of_text(struct run *u, struct slice text,
                                    struct err *e)
{
    size_t n, max = text.len + 1; /* never more tokens than bytes */
    struct token *t = malloc(max * sizeof(*t));

    if (!t)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    n = tokenizer_encode(u->tokenizer, text, t, NULL, max, NULL);
    write_token_list(u, t, n);
    free(t);
    u->n++;
    u->tokens += n;
    return ERR_NONE;
}

static enum err_code tokens_of_block(struct run *u, const struct slice *texts,
                                     size_t n, struct err *e)
{
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n && rc == ERR_NONE; i++) {
        rc = tokens_of_text(u, texts[i], e);
        if (rc == ERR_NONE && u->out.len > MAX_OUT_BYTES / 4)
            rc = flush(u, e);
    }
    return rc;
}

static enum err_code embed_block(struct run *u, const struct slice *texts,
                                 size_t n, struct err *e)
{
    struct embed_how how = {.priority = EMBED_INGEST};
    enum err_code rc =
        embed_texts(u->embed, &how, texts, n, u->vectors, u->counts, e);

    if (rc)
        return rc;
    write_vectors(u, n);
    u->n += n;
    for (size_t i = 0; i < n; i++)
        u->tokens += u->counts[i];
    return ERR_NONE;
}

static enum err_code work(struct run *u, struct err *e)
{
    const struct slice *texts;
    enum err_code rc;
    size_t n;

    for (;;) {
        rc = text_feed_next(u->feed, &texts, &n, e);
        if (rc || n == 0)
            return rc;
        rc = u->tokens_only ? tokens_of_block(u, texts, n, e)
                            : embed_block(u, texts, n, e);
        if (rc == ERR_NONE)
            rc = flush(u, e);
        if (rc)
            return rc;
        show_progress(u);
    }
}

/* ---- opening ---- */

static enum err_code open_tokenizer(struct run *u, const char *dir,
                                    struct err *e)
{
    char path[4400];
    struct buf vocab;
    enum err_code rc;
    FILE *f;

    snprintf(path, sizeof(path), "%s/vocab.txt", dir);
    f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_NOT_FOUND,
                       "there is no vocab.txt in '%s'; this fetches it: "
                       "scripts/fetch-model.sh %s",
                       dir, dir);
    buf_init(&vocab, 4 << 20);
    for (;;) {
        char *room = buf_room(&vocab, 65536);
        size_t got = room ? fread(room, 1, 65536, f) : 0;

        if (got == 0)
            break;
        buf_grew(&vocab, got);
    }
    rc = buf_ok(&vocab) ? tokenizer_open(&u->tokenizer, buf_slice(&vocab), e)
                        : err_set(e, ERR_INVALID, "'%s' is too large", path);
    fclose(f);
    buf_release(&vocab);
    return rc;
}

static enum err_code open_model(struct run *u, struct err *e)
{
    const struct config *c = u->cl->config;
    char cache[4200];
    struct embed_options opt = {.precision = config_str(c, "precision"),
                                .kernel = config_str(c, "kernel"),
                                .workers = u->workers};
    struct model_dirs dirs;
    struct datadir d;
    enum err_code rc = datadir_find(&d, c, e);

    if (rc == ERR_NONE)
        rc = model_dirs_find(&dirs, c, &d, e);
    if (rc == ERR_NONE)
        rc = datadir_file(&d, "cache", cache, sizeof(cache), e);
    if (rc)
        return rc;
    opt.model_dir = model_dirs_best(&dirs);
    if (u->tokens_only)
        return open_tokenizer(u, opt.model_dir, e);
    /* What a server keeps there is used; nothing is left where none runs. */
    if (access(cache, W_OK) == 0)
        opt.cache_dir = cache;
    u->vectors = malloc(FEED_BLOCK * EMBED_DIM * sizeof(float));
    u->counts = malloc(FEED_BLOCK * sizeof(*u->counts));
    if (!u->vectors || !u->counts)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    return embed_open(&u->embed, &opt, e);
}

static bool read_flags(struct run *u)
{
    const char *format = flag_value(u->cl, "--format");
    int64_t workers;

    u->raw = format && strcmp(format, "f32") == 0;
    if (format && !u->raw && strcmp(format, "jsonl") != 0) {
        usage_error(&cmd_embed, "--format is jsonl or f32, not '%s'", format);
        return false;
    }
    u->tokens_only = flag_given(u->cl, "--tokens");
    if (u->raw && u->tokens_only) {
        usage_error(&cmd_embed, "--tokens are written as jsonl only");
        return false;
    }
    u->quiet = flag_given(u->cl, "--quiet");
    if (!flag_int(u->cl, "--workers", 1, 256, 0, &workers))
        return false;
    u->workers = (int)workers;
    return true;
}

static int run(struct command_line *cl)
{
    const char *files[MAX_FILES + 1] = {NULL};
    struct run u = {.cl = cl};
    struct err e = {0};
    enum err_code rc;
    int n = 0;

    if (!read_flags(&u))
        return EXIT_USAGE;
    while (n < MAX_FILES && operand(cl, n)) {
        files[n] = operand(cl, n);
        n++;
    }
    if (operand(cl, n))
        return usage_error(&cmd_embed, "more than %d files", MAX_FILES);
    buf_init(&u.out, MAX_OUT_BYTES);
    rc = open_model(&u, &e);
    if (rc == ERR_NONE)
        rc = text_feed_open(&u.feed, files, flag_given(cl, "--jsonl"), &e);
    u.began_us = clock_mono_us();
    if (rc == ERR_NONE)
        rc = work(&u, &e);
    if (rc == ERR_NONE)
        show_summary(&u);
    else
        term_progress_end();
    text_feed_close(u.feed);
    embed_close(u.embed);
    tokenizer_close(u.tokenizer);
    free(u.vectors);
    free(u.counts);
    buf_release(&u.out);
    return rc == ERR_NONE ? EXIT_DONE : fail(&e);
}

const struct command cmd_embed = {
    .name = "embed",
    .summary = "texts to vectors, a line each",
    .usage =
        "Usage: sheaf embed [--format jsonl|f32] [--tokens] [--jsonl] "
        "[FILE]...\n"
        "\n"
        "Embed each line of the files, or of standard input (also \"-\"), "
        "with\n"
        "all-MiniLM-L6-v2.  Needs neither a server nor a data directory.  In "
        "a\n"
        "pipe, lines are answered whenever the input pauses.\n\n"
        "  --format F    jsonl: {\"index\":0,\"tokens\":5,\"embedding\":[...]} "
        "[jsonl]\n"
        "                f32: 384 little-endian floats a line\n"
        "  --tokens      no vectors, but "
        "{\"index\":0,\"ids\":[...],\"tokens\":[...],\n"
        "                \"offsets\":[[start,end],...]}: all tokens, offsets "
        "in bytes\n"
        "  --jsonl       a line is a JSON string, or an object with a "
        "\"text\"\n"
        "  --workers N   threads [one a core]\n"
        "  --quiet       no progress bar and no summary on standard error\n"
        "  --precision P auto, f32, bf16, int8 [auto]\n"
        "  --model-dir D folder with model.safetensors and vocab.txt\n",
    .flags = flags,
    .run = run,
};
