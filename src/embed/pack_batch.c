/* pack_batch.c - see pack_batch.h.
 *
 * Best fit, longest first: a batch begins with the longest text that is left
 * and takes, again and again, the longest one that still fits.  Texts are kept
 * in lists by length, so finding it is a walk down from the room that is left.
 */
#include "embed/pack_batch.h"

#include <string.h>

#include "embed/encoder.h"

/* Tokens at which a batch is full.  Enough rows for the kernels' tiles, and the
 * activations (1536 wide) stay within a megabyte of L2. */
#define FULL_TOKENS 256
/* Not split further for idle cores: below, the weights are read for too few
 * rows. */
#define MIN_TOKENS 48

#define NONE UINT16_MAX

struct by_length {
    uint16_t head[EMBED_MAX_TOKENS + 1];
    uint16_t next[PACK_MAX_TEXTS];
};

/* The longest that has at most `room` tokens, or NONE. */
static uint16_t take_longest(struct by_length *t, size_t room)
{
    size_t len = room < EMBED_MAX_TOKENS ? room : EMBED_MAX_TOKENS;
    uint16_t i;

    while (len > 0 && t->head[len] == NONE)
        len--;
    if (len == 0)
        return NONE;
    i = t->head[len];
    t->head[len] = t->next[i];
    return i;
}

static size_t full_at(size_t total, int workers)
{
    size_t share = (total + (size_t)workers - 1) / (size_t)workers;

    if (share >= FULL_TOKENS)
        return FULL_TOKENS;
    return share < MIN_TOKENS ? MIN_TOKENS : share;
}

size_t pack_batch(const uint16_t *lens, size_t n, int workers, uint16_t *order,
                  struct pack_span *spans)
{
    struct by_length t;
    size_t total = 0, n_spans = 0, at = 0, i, full;

    memset(t.head, 0xFF, sizeof(t.head));
    for (i = n; i-- > 0;) { /* backwards, so that equals stay in order */
        total += lens[i];
        t.next[i] = t.head[lens[i]];
        t.head[lens[i]] = (uint16_t)i;
    }
    full = full_at(total, workers);
    while (at < n) {
        struct pack_span *s = &spans[n_spans++];
        uint16_t next = take_longest(&t, EMBED_MAX_TOKENS);

        *s = (struct pack_span){.first = (uint16_t)at};
        while (next != NONE) {
            order[at++] = next;
            s->n++;
            s->tokens = (uint16_t)(s->tokens + lens[next]);
            next = s->tokens < full ? take_longest(&t, full - s->tokens) : NONE;
        }
    }
    return n_spans;
}
