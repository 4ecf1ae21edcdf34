/* ids.h - a block of ids against a set at once; inside vector/ only. */
#ifndef VECTOR_IDS_H
#define VECTOR_IDS_H

#include "vector/index.h"

/* Bit i: ids[i] is in the set. */
uint16_t ids_in_set(const struct vector_ids *s, const int64_t ids[16]);

#endif
