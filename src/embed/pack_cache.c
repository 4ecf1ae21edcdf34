/* pack_cache.c - packed weights in memory or in a file.
 *
 * Start: the source's size and time of change are those in the cache file's
 * header, and the checksums hold: map it, done.  Otherwise: map the source,
 * digest and pack it into memory, write the cache, map that, drop the memory.
 * Whatever goes wrong with the cache costs time, never the start: the weights
 * then stay in memory, with a warning.
 *
 * The checksum is no protection against an attacker (who could write the file
 * could write the checksum); it finds what disks and full file systems do.
 * Four chains of multiply-and-add over 64-bit words run at the speed of memory:
 * 58 MB in some 5 ms, where SHA-256 takes 40.
 */
#include "embed/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"

#define VERSION 2
#define HEADER_SIZE 4096

/* SHA-256 of the model.safetensors that sentence-transformers publishes. */
#define KNOWN_DIGEST                                                           \
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

struct pack_header {
    char magic[8];
    uint32_t version, precision;
    uint64_t n_vocab, n_layers;
    uint64_t n_bytes; /* after the header */
    uint64_t source_bytes, source_mtime_ns;
    uint8_t source_digest[32];
    uint64_t checksum;        /* of what follows the header */
    uint64_t header_checksum; /* of all fields above */
};

static const char magic[8] = "sheafpk";

struct pack {
    struct weights w;
    uint8_t digest[32];
    char *base; /* page-aligned memory or mapped file */
    size_t base_bytes;
    bool cached;
};

/* What a cache file must be for this source and these options. */
struct wanted {
    struct pack_header h;
    char path[4096]; /* of the cache file; "": there is none */
};

/* n: a multiple of 32; p aligned to 8. */
static uint64_t checksum(const void *p, size_t n)
{
    const uint64_t *w = p, m = 0x9E3779B97F4A7C15; /* odd: loses nothing */
    uint64_t a = 1, b = 2, c = 3, d = 4;

    for (size_t i = 0; i < n / 32; i++, w += 4) {
        a = (a ^ w[0]) * m;
        b = (b ^ w[1]) * m;
        c = (c ^ w[2]) * m;
        d = (d ^ w[3]) * m;
        a ^= a >> 32; /* the high bits count below, too */
        b ^= b >> 32;
        c ^= c >> 32;
        d ^= d >> 32;
    }
    return (((a * m ^ b) * m ^ c) * m ^ d) * m;
}

static uint64_t header_checksum(const struct pack_header *h)
{
    _Static_assert(offsetof(struct pack_header, header_checksum) % 32 == 0,
                   "checksum() takes whole blocks");
    return checksum(h, offsetof(struct pack_header, header_checksum));
}

/* ---- reading the cache ---- */

static enum err_code check_known(const uint8_t digest[32], struct err *e)
{
    char hex[65];

    crypto_hex(hex, digest, 32);
    if (strcmp(hex, KNOWN_DIGEST) != 0)
        return err_set(e, ERR_INVALID,
                       "weights: not the published all-MiniLM-L6-v2 "
                       "(SHA-256 %s)",
                       hex);
    return ERR_NONE;
}

/* Is this header the one we want, its digest and checksums apart? */
static bool fits(const struct pack_header *h, const struct pack_header *want)
{
    return memcmp(h->magic, want->magic, sizeof(h->magic)) == 0 &&
           h->version == want->version && h->precision == want->precision &&
           h->n_vocab == want->n_vocab && h->n_layers == want->n_layers &&
           h->n_bytes == want->n_bytes &&
           h->source_bytes == want->source_bytes &&
           h->source_mtime_ns == want->source_mtime_ns &&
           h->header_checksum == header_checksum(h);
}

static char *map_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *p = NULL;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        *len = (size_t)st.st_size;
        p = mmap(NULL, *len, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            p = NULL;
    }
    close(fd);
    return p;
}

/* Give the pages that the check has touched back; they come again, from the
 * system's cache, when they are used.  Most of them are rare words. */
static void forget_pages(char *p, size_t len)
{
    (void)madvise(p, len, MADV_DONTNEED); /* advice */
}

/* false: there is none, or none that can be used. */
static bool use_cache(struct pack *p, const struct wanted *want)
{
    const struct pack_header *h;
    size_t len;
    char *base;

    if (!*want->path)
        return false;
    base = map_file(want->path, &len);
    if (!base)
        return false;
    h = (const struct pack_header *)(const void *)base;
    if (len != HEADER_SIZE + want->h.n_bytes || !fits(h, &want->h) ||
        checksum(base + HEADER_SIZE, want->h.n_bytes) != h->checksum) {
        log_info("embed", "packed weights are damaged or of another model",
                 LOG_S("file", want->path));
        munmap(base, len);
        return false;
    }
    memcpy(p->digest, h->source_digest, sizeof(p->digest));
    forget_pages(base, len);
    p->base = base;
    p->base_bytes = len;
    p->cached = true;
    weights_lay(&p->w, base + HEADER_SIZE);
    return true;
}

/* ---- packing ---- */

static enum err_code pack_source(struct pack *p, const struct wanted *want,
                                 const char *source, size_t len,
                                 bool check_digest, struct err *e)
{
    struct slice file = {source, len};
    enum err_code rc;

    crypto_sha256(p->digest, file);
    if (check_digest) {
        rc = check_known(p->digest, e);
        if (rc != ERR_NONE)
            return rc;
    }
    p->base_bytes = HEADER_SIZE + want->h.n_bytes;
    p->base = mmap(NULL, p->base_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p->base == MAP_FAILED) {
        p->base = NULL;
        return err_set(e, ERR_INTERNAL, "out of memory for the weights");
    }
    weights_lay(&p->w, p->base + HEADER_SIZE);
    return weights_fill(&p->w, file, e);
}

/* Not forced to disk: should the machine go down now, the checksum finds it. */
static bool write_cache(const struct pack *p, const char *path)
{
    char tmp[4200];
    bool ok;
    int fd;

    snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
    fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return false;
    ok = fd_write_all(fd, (struct slice){p->base, p->base_bytes}) &&
         fchmod(fd, 0644) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(tmp, path) == 0;
    if (!ok)
        unlink(tmp);
    return ok;
}

/* Write what is in memory, and change over to the file. */
static void save(struct pack *p, const struct wanted *want)
{
    struct pack_header *h = (struct pack_header *)(void *)p->base;
    char *memory = p->base;
    size_t len = p->base_bytes;

    if (!*want->path)
        return;
    *h = want->h;
    memcpy(h->source_digest, p->digest, sizeof(p->digest));
    h->checksum = checksum(p->base + HEADER_SIZE, h->n_bytes);
    h->header_checksum = header_checksum(h);
    if (!write_cache(p, want->path))
        log_warn("embed", "cannot write packed weights",
                 LOG_S("file", want->path), LOG_S("error", strerror(errno)));
    else if (use_cache(p, want))
        munmap(memory, len);
}

static enum err_code pack_model(struct pack *p, const struct pack_options *opt,
                                const struct wanted *want, struct err *e)
{
    size_t len = 0;
    char *source = map_file(opt->model_path, &len);
    enum err_code rc;

    if (!source)
        return err_set(e, ERR_INVALID, "weights: cannot read '%s': %s",
                       opt->model_path, strerror(errno));
    rc = pack_source(p, want, source, len, opt->check_digest, e);
    munmap(source, len);
    if (rc == ERR_NONE)
        save(p, want);
    return rc;
}

/* ---- */

static enum err_code want(struct wanted *out, const struct pack_options *opt,
                          struct weights *w, struct err *e)
{
    struct stat st;
    int n = 0;

    if (stat(opt->model_path, &st) != 0)
        return err_set(e, ERR_NOT_FOUND,
                       "no model at '%s': fetch it with "
                       "scripts/fetch-model.sh",
                       opt->model_path);
    memset(out, 0, sizeof(*out));
    memcpy(out->h.magic, magic, sizeof(magic));
    out->h.version = VERSION;
    out->h.precision = opt->precision;
    out->h.n_vocab = w->n_vocab;
    out->h.n_layers = w->n_layers;
    out->h.n_bytes = weights_lay(w, NULL);
    out->h.source_bytes = (uint64_t)st.st_size;
    out->h.source_mtime_ns =
        (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
    if (opt->cache_dir)
        n = snprintf(out->path, sizeof(out->path), "%s/minilm-l6-%s.pack",
                     opt->cache_dir, embed_precision_name(opt->precision));
    if (n < 0 || (size_t)n >= sizeof(out->path))
        out->path[0] = '\0';
    return ERR_NONE;
}

enum err_code pack_open(struct pack **out, const struct pack_options *opt,
                        struct err *e)
{
    struct wanted wanted;
    enum err_code rc;
    struct pack *p = mem_alloc(sizeof(*p));

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    memset(p, 0, sizeof(*p));
    p->w.precision = opt->precision;
    p->w.n_vocab = opt->n_vocab ? opt->n_vocab : MODEL_VOCAB;
    p->w.n_layers = opt->n_layers ? opt->n_layers : MODEL_LAYERS;
    rc = want(&wanted, opt, &p->w, e);
    if (rc == ERR_NONE) {
        if (!use_cache(p, &wanted))
            rc = pack_model(p, opt, &wanted, e);
        else if (opt->check_digest)
            rc = check_known(p->digest, e);
    }
    if (rc != ERR_NONE) {
        pack_close(p);
        return rc;
    }
    *out = p;
    return ERR_NONE;
}

void pack_close(struct pack *p)
{
    if (!p)
        return;
    if (p->base)
        munmap(p->base, p->base_bytes);
    mem_free(p);
}

const struct weights *pack_weights(const struct pack *p)
{
    return &p->w;
}

const uint8_t *pack_digest(const struct pack *p)
{
    return p->digest;
}

bool pack_is_cached(const struct pack *p)
{
    return p->cached;
}
