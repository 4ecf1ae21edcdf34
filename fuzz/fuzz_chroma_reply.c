/* fuzz_chroma_reply.c - any bytes as an answer of a Chroma server.
 *
 * The first byte says which answer it should be.  What is accepted must be of
 * the stated form; an id becomes part of a path, a name is taken apart. */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "processor/chroma_record.h"
#include "processor/chroma_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read as one of our names is written as the same. */
static void check_name(struct slice text, enum vector_set set)
{
    struct copy_name name;
    char again[CHROMA_NAME];

    if (chroma_name_read(&name, set, text) &&
        chroma_name_write(again, set, name))
        assert(memchr(text.p, 0, text.len) || slice_is(text, again));
}

static void collection(struct slice body)
{
    struct chroma_collection c;
    struct err e = {0};

    if (chroma_reply_collection(body, STORE_VECTOR_DIM, &c, &e) != ERR_NONE) {
        assert(e.msg[0] &&
               (e.code == ERR_UNAVAILABLE || e.code == ERR_CONFLICT));
        return;
    }
    assert(c.id[0] && strlen(c.mark) <= CHROMA_MAX_ID);
    for (const char *p = c.id; *p; p++)
        assert(isxdigit((unsigned char)*p) || *p == '-');
}

static void query(struct slice body)
{
    struct arena *a = arena_new(1 << 20);
    struct chroma_hit *hits;
    size_t n;

    if (a && chroma_reply_query(body, a, &hits, &n, NULL) == ERR_NONE)
        for (size_t i = 0; i < n; i++) {
            assert(hits[i].name.p && isfinite(hits[i].distance));
            check_name(hits[i].name, VECTORS_CHUNKS);
            check_name(hits[i].name, VECTORS_PAPERS);
        }
    arena_free(a);
}

static void records(struct slice body)
{
    static const float vector[STORE_VECTOR_DIM] = {1};
    struct chroma_records r;

    if (chroma_reply_records(body, &r, NULL) != ERR_NONE) {
        assert(!r.root);
        return;
    }
    for (size_t i = 0; i < r.n; i++) {
        const json_t *old = json_array_get(r.metadatas, i);
        json_t *made = chroma_metadata(old);

        assert(made && chroma_records_name(&r, i).p);
        (void)chroma_record_same(json_array_get(r.embeddings, i),
                                 json_array_get(r.documents, i), old, vector,
                                 SLICE("text"), made);
        json_decref(made);
    }
    chroma_records_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body;
    struct err e = {0};
    int64_t n = 0;

    if (size == 0)
        return 0;
    body = (struct slice){(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'c':
        collection(body);
        break;
    case 'q':
        query(body);
        break;
    case 'r':
        records(body);
        break;
    case 'n':
        assert(chroma_reply_count(body, &n, &e) != ERR_NONE || n >= 0);
        break;
    case 'e':
        assert(chroma_reply_error(500, body, &e) == ERR_INTERNAL && e.msg[0] &&
               !strchr(e.msg, '\n'));
        break;
    default:
        break;
    }
    return 0;
}
