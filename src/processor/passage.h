/* passage.h - chunks and papers as results show them.
 *
 * A paper is found whole: it is shown like a document that has one chunk, its
 * text "title\n\nabstract", with the id paper_<number>.
 *
 * The metadata of a chunk are those of its document, and our own keys (title,
 * document_id, job_id, chunk_index, start_char, end_char, page), which win.
 * Those of a paper: title, paper_id, url, pdf_url, source, source_id, version,
 * category, primary_category, authors, published_at and updated_at (RFC 3339),
 * published_unix (seconds) and year (for $gte and the like, which compare
 * numbers only), relevance_score, doi, journal_ref, comment; what it has not is
 * left out; and its tags, a list, by which no filter can ask.
 *
 * Threads: pure functions.
 */
#ifndef PROCESSOR_PASSAGE_H
#define PROCESSOR_PASSAGE_H

#include "base/json.h"
#include "store/documents.h"
#include "store/papers.h"

/* An object for the caller; NULL: out of memory. */
json_t *chunk_metadata(const struct chunk *c);
/* The part of it that all chunks of a document have, and the rest. */
json_t *chunk_document_metadata(const struct chunk *c);
void chunk_metadata_numbers(json_t *o, int64_t index, int64_t start,
                            int64_t end, int64_t page);

/* As the text of a JSON object, malloc'ed.  ERR_UNAVAILABLE: out of memory. */
enum err_code paper_metadata_text(const struct paper *p, struct slice *out,
                                  struct err *e) CHECKED;

/* The paper as a chunk; its texts are in `a`.  document_key is negative: no
 * document's.  ERR_TOO_LARGE: the arena is full. */
enum err_code paper_as_chunk(const struct paper *p, struct arena *a,
                             struct chunk *out, struct err *e) CHECKED;

/* id, text, metadata and link of a chunk, or of a paper (NULL: it is a chunk);
 * leaves the object open. */
void passage_write(struct jw *j, const struct chunk *c, const struct paper *p);
/* Where it can be seen, as members of an open object. */
void passage_write_place(struct jw *j, const struct chunk *c,
                         const struct paper *p);

#endif
