/* tokenizer_bench.c - the tokeniser's side of bench_tokenizer.py.
 *
 *     tokenizer_bench VOCAB TEXTS
 *
 * TEXTS has a text a line.  Commands come on stdin, one a line, so that the
 * peer can be measured in between:
 *   ids      encode all texts to ids: prints the seconds of this thread
 *   offsets  the same with offsets
 *   dump     prints every token as "id start end", and an empty line at the end
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "embed/tokenizer.h"

static struct slice read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *p = NULL;
    long size;

    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET) || !(p = malloc((size_t)size + 1)) ||
        fread(p, 1, (size_t)size, f) != (size_t)size) {
        fprintf(stderr, "tokenizer_bench: cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    return (struct slice){p, (size_t)size};
}

static double thread_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void dump(const struct tokenizer *t, struct slice texts,
                 struct token *tokens)
{
    struct slice text;
    size_t n, i;

    while (slice_split(&texts, '\n', &text)) {
        n = tokenizer_encode(t, text, tokens, NULL, SIZE_MAX, NULL);
        for (i = 0; i < n; i++)
            printf("%u %u %u\n", tokens[i].id, tokens[i].start, tokens[i].end);
    }
    printf("\n");
}

static void run(const struct tokenizer *t, struct slice texts,
                struct token *tokens, uint16_t *ids)
{
    double start = thread_seconds();
    struct slice text;

    while (slice_split(&texts, '\n', &text))
        (void)tokenizer_encode(t, text, tokens, ids, SIZE_MAX, NULL);
    printf("%.9f\n", thread_seconds() - start);
}

int main(int argc, char **argv)
{
    struct slice vocab, texts;
    struct tokenizer *t;
    struct token *tokens;
    struct err e;
    uint16_t *ids;
    char command[32];

    if (argc != 3) {
        fprintf(stderr, "usage: tokenizer_bench VOCAB TEXTS\n");
        return 2;
    }
    vocab = read_file(argv[1]);
    texts = read_file(argv[2]);
    tokens = malloc((texts.len + 1) * sizeof(*tokens));
    ids = malloc((texts.len + 1) * sizeof(*ids));
    if (!tokens || !ids || tokenizer_open(&t, vocab, &e)) {
        fprintf(stderr, "tokenizer_bench: cannot start\n");
        return 1;
    }
    while (fgets(command, sizeof(command), stdin)) {
        if (strcmp(command, "dump\n") == 0)
            dump(t, texts, tokens);
        else if (strcmp(command, "offsets\n") == 0)
            run(t, texts, tokens, NULL);
        else
            run(t, texts, NULL, ids);
        fflush(stdout);
    }
    tokenizer_close(t);
    free(tokens);
    free(ids);
    free((void *)vocab.p);
    free((void *)texts.p);
    return 0;
}
