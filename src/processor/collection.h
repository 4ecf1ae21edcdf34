/* collection.h - the chunks of all visible documents, ready to be searched.
 *
 * What is in memory, vectors and the numbers that a filter may ask for, is
 * derived from the store and brought up to date by the first query after a
 * change; it is never the only copy of anything.
 *
 * Threads: any.
 */
#ifndef PROCESSOR_COLLECTION_H
#define PROCESSOR_COLLECTION_H

#include "processor/where.h"
#include "store/documents.h"
#include "vector/index.h"

struct collection;

/* dir: where the vectors' files lie; NULL: in memory. */
enum err_code collection_new(struct collection **out, struct store *s,
                             const char *dir, const char *kernel, struct err *e)
    CHECKED;
void collection_free(struct collection *c); /* takes NULL */

/* Bring it up to what the store has now, of this model. */
enum err_code collection_refresh(struct collection *c, const struct model_id *m,
                                 struct err *e) CHECKED;

/* The chunks whose metadata match, by id; *out is the caller's to free.  The
 * metadata of a chunk are those of its document, and our own keys (title,
 * document_id, job_id, chunk_index, start_char, end_char, page), which win. */
enum err_code collection_filter(struct collection *c, const struct where *w,
                                struct vector_ids **out, struct err *e) CHECKED;

/* keep (NULL: all): only these. */
enum err_code collection_search(struct collection *c, const float *vector,
                                const struct vector_ids *keep, size_t k,
                                struct vector_hit *hits, size_t *n,
                                struct err *e) CHECKED;

struct collection_info {
    size_t documents, chunks, memory_bytes;
    const char *kernel;
};
void collection_info(struct collection *c, struct collection_info *out);

/* The metadata of a chunk as results show them: an object for the caller;
 * NULL: out of memory. */
json_t *chunk_metadata(const struct chunk *c);

#endif
