/* chroma_record.h - a passage as a record of a Chroma collection.
 *
 * Its id is that of GET /query ("<document_id>_chunk_<n>", "paper_<id>"), its
 * document the text, its metadata those of GET /query as far as Chroma can hold
 * them: texts, numbers, booleans, and lists of one of these kinds that are not
 * empty.  Objects, nulls and keys that begin with '#' are left out.
 *
 * Threads: pure functions, but for the one that asks the store.
 */
#ifndef PROCESSOR_CHROMA_RECORD_H
#define PROCESSOR_CHROMA_RECORD_H

#include "base/json.h"
#include "store/copies.h"

#define CHROMA_NAME 220 /* bytes of an id, the end included */

/* Write the id.  false: the document's id is too long. */
bool chroma_name_write(char out[CHROMA_NAME], enum vector_set set,
                       struct copy_name name);
/* The reverse; *out borrows from `text`.  false: it is none of ours. */
bool chroma_name_read(struct copy_name *out, enum vector_set set,
                      struct slice text);
/* ids[i]: the visible chunk, or the paper with a vector, of this name; 0: there
 * is none.  Any n.  Blocks (store_copy_find). */
enum err_code chroma_names_find(struct store *s, enum vector_set set,
                                const struct slice *names, size_t n,
                                int64_t *ids, struct err *e) CHECKED;

/* What Chroma can hold of these metadata, a new object; NULL: out of memory. */
json_t *chroma_metadata(const json_t *o);

/* Is the record that is there (any of them may be NULL) the one wanted?  Its
 * vector may differ by rounding: Chroma keeps it at length 1. */
bool chroma_record_same(const json_t *embedding, const json_t *document,
                        const json_t *metadata, const float *vector,
                        struct slice text, const json_t *wanted);

#endif
