/* safetensors.h - read the table of a .safetensors file.
 *
 *   8 bytes   n, little-endian
 *   n bytes   JSON: {"name": {"dtype": "F32", "shape": [384],
 *                             "data_offsets": [0, 1536]}, ...}
 *   the rest  the tensors' bytes; offsets count from here
 *
 * The file is hostile input: every count, size and offset is checked before it
 * is used.  What is taken is what the format's own reader takes: tensors cover
 * the rest of the file exactly, without gap or overlap.
 *
 * Ownership: the bytes are borrowed and must outlive the table.
 * Threads: read-only after safetensors_open.
 */
#ifndef EMBED_SAFETENSORS_H
#define EMBED_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define SAFETENSORS_MAX_HEADER (1024 * 1024) /* bytes of JSON */
#define SAFETENSORS_MAX_TENSORS 4096
#define SAFETENSORS_MAX_DIMS 8

struct tensor {
    const char *name;  /* lives as long as the table */
    const char *dtype; /* "F32", as the format spells it */
    size_t n_dims;
    size_t shape[SAFETENSORS_MAX_DIMS];
    size_t count; /* elements: the product of shape */
    /* Aligned for its type if the file is (as from mmap or malloc). */
    const void *data;
};

struct safetensors;

/* ERR_INVALID: not such a file; the message names the tensor.  ERR_INTERNAL:
 * out of memory. */
enum err_code safetensors_open(struct safetensors **out, struct slice file,
                               struct err *e) CHECKED;
void safetensors_close(struct safetensors *st); /* takes NULL */
size_t safetensors_count(const struct safetensors *st);
/* In the order of their data; i < count. */
const struct tensor *safetensors_at(const struct safetensors *st, size_t i);
const struct tensor *safetensors_find(const struct safetensors *st,
                                      const char *name); /* or NULL */

#endif
