/* answer_lab.c - how sure the extractive answerer is.
 *
 *     answer_lab MODEL_DIR <questions >scores
 *
 * A line in is {"question": "...", "sources": [{"title": "...", "text":
 * "..."}]}, as POST /ask gives its sources; a line out is the score of the best
 * sentence, which `grounded` is decided by, and that sentence's similarity.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "embed/embed.h"
#include "processor/extractive.h"

#define ARENA_BYTES (64u << 20)

static void fail(const char *what)
{
    fprintf(stderr, "answer_lab: %s\n", what);
    exit(1);
}

static enum err_code embed(void *ctx, const struct slice *texts, size_t n,
                           float *out, struct err *e)
{
    return embed_texts(ctx, NULL, texts, n, out, NULL, e);
}

static void score(struct embed *m, const json_t *in, struct arena *a)
{
    struct extractive_source sources[EXTRACTIVE_MAX_SOURCES];
    const struct extractive_embedder embedder = {embed, m};
    const struct extractive_options opt = {.max_picks = 1};
    struct extractive out;
    struct err e = {0};
    size_t i, n = json_array_size(json_object_get(in, "sources"));
    json_t *source;

    if (n > EXTRACTIVE_MAX_SOURCES)
        fail("too many sources");
    json_array_foreach(json_object_get(in, "sources"), i, source) sources[i] =
        (struct extractive_source){json_get_slice(source, "text"),
                                   json_get_slice(source, "title")};
    if (extractive_answer(&out, json_get_slice(in, "question"), sources, n,
                          &opt, &embedder, a, &e) != ERR_NONE)
        fail(e.msg);
    printf("%.5f %.5f\n", (double)out.best,
           out.n ? (double)out.picks[0].similarity : 0.0);
}

int main(int argc, char **argv)
{
    const struct embed_options opt = {.model_dir = argc > 1 ? argv[1] : ""};
    struct arena *a = arena_new(ARENA_BYTES);
    struct embed *m;
    struct err e = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!a || embed_open(&m, &opt, &e) != ERR_NONE)
        fail(a ? e.msg : "out of memory");
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *in = NULL;

        if (json_parse(&in, (struct slice){line, (size_t)n}, &e) != ERR_NONE)
            fail(e.msg);
        arena_reset(a);
        score(m, in, a);
        json_decref(in);
    }
    free(line);
    embed_close(m);
    arena_free(a);
    return 0;
}
