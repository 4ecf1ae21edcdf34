/* pack_batch.h - which texts go into which micro-batch.
 *
 * The encoder takes sequences without padding, so a batch may mix lengths; what
 * counts is that batches are of even size, full enough to keep the kernels at
 * their peak, small enough that their activations stay in L2, and enough in
 * number that no core stands idle.
 *
 * Threads: pure functions.
 */
#ifndef EMBED_PACK_BATCH_H
#define EMBED_PACK_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define PACK_MAX_TEXTS 256 /* in one go */

struct pack_span {
    uint16_t first, n; /* order[first .. first + n) */
    uint16_t tokens;
};

/* Share out n <= PACK_MAX_TEXTS sequences of lens[i] (1..EMBED_MAX_TOKENS)
 * tokens among batches of at most EMBED_MAX_BATCH tokens.  order: every index
 * once; spans: room for n.  Returns how many batches. */
size_t pack_batch(const uint16_t *lens, size_t n, int workers, uint16_t *order,
                  struct pack_span *spans);

#endif
