/* embed.c - see embed.h: opening the model, its precisions, its threads. */
#include "embed/embed_impl.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/thread.h"

#define MAX_WORKERS 256
#define DEFAULT_QUEUE 65536
#define MAX_VOCAB_BYTES (4 << 20)

/* vocab.txt of bert-base-uncased, which the model uses. */
static const char vocab_digest[] =
    "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3";

/* ---- encoders ---- */

static enum err_code open_encoder(struct embed *m, const char *precision,
                                  struct err *e)
{
    struct encoder_options opt = {.model_path = m->model_path,
                                  .cache_dir = m->cache_dir,
                                  .precision = precision,
                                  .kernel = m->kernel,
                                  .check_digest = !m->any_weights};
    struct encoder *encoder = NULL;
    struct err first = {0};
    enum err_code rc = encoder_open(&encoder, &opt, &first);

    /* A kernel that is forced may not have every precision. */
    if (rc == ERR_INVALID && m->kernel[0] && m->n_workers > 0) {
        opt.kernel = "";
        rc = encoder_open(&encoder, &opt, &first);
    }
    if (rc)
        return err_set(e, rc, "%s", first.msg);
    pthread_mutex_lock(&m->lock);
    m->encoders[encoder_precision(encoder)] = encoder;
    m->precision = m->n_workers > 0 ? m->precision : encoder_precision(encoder);
    pthread_mutex_unlock(&m->lock);
    return ERR_NONE;
}

static struct encoder *encoder_there(struct embed *m, enum embed_precision p)
{
    struct encoder *encoder;

    pthread_mutex_lock(&m->lock);
    encoder = m->encoders[p];
    pthread_mutex_unlock(&m->lock);
    return encoder;
}

enum err_code embed_find_encoder(struct embed *m, const char *precision,
                                 const struct encoder **out, struct err *e)
{
    enum err_code rc = ERR_NONE;
    int p = m->precision;

    if (precision && strcmp(precision, "auto") != 0) {
        for (p = 0; p < EMBED_N_PRECISIONS; p++)
            if (strcmp(precision, embed_precision_name(p)) == 0)
                break;
        if (p == EMBED_N_PRECISIONS)
            return err_field(e, "precision", "no precision '%s'", precision);
    }
    *out = encoder_there(m, p);
    if (*out)
        return ERR_NONE;
    pthread_mutex_lock(&m->opening);
    if (!encoder_there(m, p))
        rc = open_encoder(m, precision, e);
    pthread_mutex_unlock(&m->opening);
    if (rc == ERR_INVALID) /* say which input it was */
        rc = err_field(e, "precision", "%s", e ? e->msg : "");
    *out = encoder_there(m, p);
    return rc;
}

size_t embed_count_tokens(struct embed *m, struct slice text)
{
    return tokenizer_encode(m->tokenizer, text, NULL, NULL, SIZE_MAX, NULL);
}

void embed_info(struct embed *m, struct embed_info *out)
{
    const struct encoder *encoder;

    pthread_mutex_lock(&m->lock);
    encoder = m->encoders[m->precision];
    *out = (struct embed_info){.precision = embed_precision_name(m->precision),
                               .kernel = encoder_kernel(encoder),
                               .workers = m->n_workers,
                               .queued = m->queued,
                               .texts = m->texts,
                               .tokens = m->tokens};
    pthread_mutex_unlock(&m->lock);
    memcpy(out->fingerprint, m->fingerprint, sizeof(out->fingerprint));
}

/* ---- life ---- */

static int count_cores(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    n = CPU_COUNT(&set);
    return n < 1 ? 1 : n;
}

static enum err_code no_model(const char *dir, const char *file, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND,
                   "there is no %s in '%s'; this fetches it: "
                   "scripts/fetch-model.sh %s",
                   file, dir, dir);
}

static enum err_code read_vocab(const char *path, struct buf *out,
                                struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
        return err_set(e, ERR_NOT_FOUND, "cannot read '%s'", path);
    while (got > 0) {
        char *room = buf_room(out, 65536);

        got = room ? read(fd, room, 65536) : -1;
        if (got > 0)
            buf_grew(out, (size_t)got);
    }
    close(fd);
    if (!buf_ok(out))
        return err_set(e, ERR_INVALID, "'%s' is too large to be a vocabulary",
                       path);
    return got == 0 ? ERR_NONE
                    : err_set(e, ERR_NOT_FOUND, "cannot read '%s'", path);
}

/* Tokenizer, and the digest of its vocabulary. */
static enum err_code open_tokenizer(struct embed *m, const char *path,
                                    uint8_t digest[32], struct err *e)
{
    struct buf vocab;
    char hex[65];
    enum err_code rc;

    buf_init(&vocab, MAX_VOCAB_BYTES);
    rc = read_vocab(path, &vocab, e);
    if (rc)
        goto out;
    crypto_sha256(digest, buf_slice(&vocab));
    crypto_hex(hex, digest, 32);
    if (!m->any_weights && strcmp(hex, vocab_digest) != 0)
        rc = err_set(e, ERR_INVALID,
                     "'%s' is not the vocabulary of %s (SHA-256 %.12s..., "
                     "expected %.12s...)",
                     path, EMBED_MODEL, hex, vocab_digest);
    else
        rc = tokenizer_open(&m->tokenizer, buf_slice(&vocab), e);
out:
    buf_release(&vocab);
    return rc;
}

static void make_fingerprint(struct embed *m, const uint8_t vocab[32])
{
    struct buf text;

    buf_init(&text, 256);
    buf_printf(&text, "mean pooling, length 1, %d tokens\n", EMBED_MAX_TOKENS);
    buf_add(&text, encoder_digest(m->encoders[m->precision]), 32);
    buf_add(&text, vocab, 32);
    crypto_sha256(m->fingerprint, buf_slice(&text));
    buf_release(&text);
}

static enum err_code start_worker(struct embed *m, struct worker *k,
                                  struct err *e)
{
    char name[32];

    snprintf(name, sizeof(name), "embed-%d", m->n_workers);
    k->m = m;
    k->vectors = malloc(PACK_MAX_TEXTS * EMBED_DIM * sizeof(float));
    if (!k->vectors || !thread_start(&k->thread, name, embed_work, k)) {
        free(k->vectors);
        return err_set(e, ERR_UNAVAILABLE, "cannot start a thread");
    }
    return ERR_NONE;
}

static enum err_code start_workers(struct embed *m, int n, struct err *e)
{
    enum err_code rc = ERR_NONE;

    n = n > 0 ? n : count_cores();
    n = n < MAX_WORKERS ? n : MAX_WORKERS;
    m->workers = calloc((size_t)n, sizeof(*m->workers));
    if (!m->workers)
        return embed_no_memory(e);
    for (; m->n_workers < n; m->n_workers++) {
        rc = start_worker(m, &m->workers[m->n_workers], e);
        if (rc)
            break;
    }
    return rc;
}

static struct embed *embed_new(const struct embed_options *opt)
{
    struct embed *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->opening, NULL);
    pthread_cond_init(&m->wake, NULL);
    embed_queue_init(&m->queues[EMBED_QUERY]);
    embed_queue_init(&m->queues[EMBED_INGEST]);
    m->any_weights = opt->any_weights;
    m->max_queue = opt->max_queue ? opt->max_queue : DEFAULT_QUEUE;
    m->kernel = strdup(opt->kernel ? opt->kernel : "");
    m->cache_dir = opt->cache_dir ? strdup(opt->cache_dir) : NULL;
    if (asprintf(&m->model_path, "%s/model.safetensors", opt->model_dir) < 0)
        m->model_path = NULL;
    if (m->kernel && m->model_path && (m->cache_dir || !opt->cache_dir))
        return m;
    embed_close(m);
    return NULL;
}

enum err_code embed_open(struct embed **out, const struct embed_options *opt,
                         struct err *e)
{
    struct embed *m = embed_new(opt);
    char *vocab_path = NULL;
    uint8_t vocab[32];
    enum err_code rc;

    if (!m || asprintf(&vocab_path, "%s/vocab.txt", opt->model_dir) < 0) {
        embed_close(m);
        return embed_no_memory(e);
    }
    if (access(m->model_path, F_OK) != 0)
        rc = no_model(opt->model_dir, "model.safetensors", e);
    else if (access(vocab_path, F_OK) != 0)
        rc = no_model(opt->model_dir, "vocab.txt", e);
    else
        rc = open_tokenizer(m, vocab_path, vocab, e);
    if (rc == ERR_NONE)
        rc = open_encoder(m, opt->precision ? opt->precision : "auto", e);
    if (rc == ERR_NONE) {
        make_fingerprint(m, vocab);
        rc = start_workers(m, opt->workers, e);
    }
    free(vocab_path);
    if (rc == ERR_NONE)
        *out = m;
    else
        embed_close(m);
    return rc;
}

void embed_close(struct embed *m)
{
    int i, p;

    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->wake);
    pthread_mutex_unlock(&m->lock);
    for (i = 0; i < m->n_workers; i++) {
        pthread_join(m->workers[i].thread, NULL);
        for (p = 0; p < EMBED_N_PRECISIONS; p++)
            encoder_scratch_free(m->workers[i].scratch[p]);
        free(m->workers[i].vectors);
    }
    free(m->workers);
    for (p = 0; p < EMBED_N_PRECISIONS; p++)
        encoder_close(m->encoders[p]);
    tokenizer_close(m->tokenizer);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->opening);
    free(m->model_path);
    free(m->cache_dir);
    free(m->kernel);
    free(m);
}
