/* hash.h - spread ids over a table; inside vector/ only.
 *
 * The finaliser of splitmix64: ids that are neighbours, or multiples of a power
 * of two, land anywhere.  Not meant against chosen ids: ours are row numbers.
 */
#ifndef VECTOR_HASH_H
#define VECTOR_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline size_t hash_id(int64_t id)
{
    uint64_t x = (uint64_t)id + 0x9E3779B97F4A7C15;

    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return (size_t)(x ^ x >> 31);
}

#endif
