/* batch.h - the body of add, upsert and update: columns of JSON, as records.
 *
 *   {"ids": ["a", "b"],
 *    "embeddings": [[0.1, 0.2], [0.3, 0.4]], or of base64 (little-endian
 * floats) "documents": ["text", null], "uris": [...], "metadatas": [{...},
 * null]}
 *
 * A column other than ids may be null or missing (embeddings only in an
 * update); its values may be null (embeddings, again, only in an update).
 * Columns that we do not know are passed over.
 *
 * The body is not made a tree of: numbers go from the text into the vectors.
 *
 * Ownership: everything is in the arena or borrowed from the body.
 * Threads: pure functions.
 */
#ifndef CHROMA_BATCH_H
#define CHROMA_BATCH_H

#include "base/arena.h"
#include "store/records.h"

/* ERR_INVALID: no JSON, or against a rule of Chroma's.  ERR_UNPROCESSABLE: it
 * says something else than it should.  ERR_TOO_LARGE: too many records, or over
 * a limit of records.h. */
enum err_code batch_read(struct record_batch *out, struct arena *a,
                         struct slice body, enum records_put how, struct err *e)
    CHECKED;

/* Numbers of an array of valid JSON, into out (room for max); *n is how many.
 * false: an element is no number, or there are more.  One beyond the range of
 * float becomes infinite. */
bool batch_read_floats(struct slice array, float *out, size_t max, size_t *n);

#endif
