/* news_text.h - struct store_news as text, for processes that share a database.
 *
 *     ["a4f09c21",["job","text-17"],["ready","text-18"],["gone","d1"],
 *      ["papers",35,1762123331000000]]
 *
 * First who says it, then a thing that changed each, by its name only: who
 * hears it reads what became of it, and so tells what the database tells.
 * "ready" is a job that brought a document.
 *
 * Threads: pure functions.
 */
#ifndef STORE_NEWS_TEXT_H
#define STORE_NEWS_TEXT_H

#include "base/buf.h"
#include "store/store.h"

/* A notification of PostgreSQL has less than 8,000 bytes. */
#define NEWS_TEXT_MAX ((size_t)7900)

/* Append n's things to `items`, with commas between.  Jobs that are there
 * already are there once.  What has no room is left out: these are hints. */
void news_text_add(struct buf *items, const struct store_news *n);
/* The text of it all. */
void news_text_write(struct buf *out, const char *from, struct slice items);
/* Call `each` for every thing in it that we know; its slices are gone
 * afterwards.  For what `self` itself said, never.  false: it is no such
 * text. */
bool news_text_read(struct slice text, const char *self,
                    void (*each)(void *ctx, const struct store_news *n),
                    void *ctx);

#endif
