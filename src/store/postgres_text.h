/* postgres_text.h - text into PostgreSQL's full-text types, without its parser.
 *
 * Words are made here and not by to_tsvector(): so both databases agree on what
 * a word is (FTS5's "porter unicode61 remove_diacritics 2": letters and digits,
 * lower case, no diacritics, Porter's stems), no locale of a server has a say,
 * and a webhook saves the server 0.15 ms a paper.
 *
 * Threads: pure functions.
 */
#ifndef STORE_POSTGRES_TEXT_H
#define STORE_POSTGRES_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/papers.h"
#include "store/search_query.h"

/* Append the tsvector of a paper in the binary form of tsvector_recv: title
 * with weight A, abstract B, authors C.  A phrase does not reach from one into
 * the next.  Words over 200 bytes are cut, what is beyond 16,383 words or
 * 500 kB of distinct ones is not indexed.  Returns how many positions of words
 * it has. */
size_t pg_text_vector(struct buf *out, const struct paper *p);

/* Append the tsquery (text form) of the terms that are words; nothing if there
 * are none.  With `author` also that phrase among the authors. */
void pg_text_query(struct buf *out, const struct search_query *q,
                   struct slice author);

#endif
