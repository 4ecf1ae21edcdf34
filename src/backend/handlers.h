/* handlers.h - what the files of backend/ share among themselves.
 *
 * The route table is in routes.c, each handler in the file named above it.
 */
#ifndef BACKEND_HANDLERS_H
#define BACKEND_HANDLERS_H

#include "backend/webhook_verify.h"
#include "net/request.h"
#include "net/shared_body.h"
#include "store/desk.h"
#include "store/papers.h"

/* The most that is rendered for one reply: 100 papers of the largest size. */
#define REPLY_MAX_BYTES (64 * 1024 * 1024)

#define SIMILAR_MAX_K 100

struct backend {
    struct store *store;
    struct webhook_secret signing_secret;
    struct reply_cache *replies;
    /* as in backend_options */
    void (*papers_stored)(void *ctx);
    enum err_code (*similar)(void *ctx, int64_t id, int k, int64_t *ids,
                             double *scores, size_t *n, struct err *e);
    void *ctx;
};

/* Papers were stored or restored: tell who wants to know. */
void backend_papers_stored(const struct backend *b);

/* Write the reply's body; an error leaves the reply to the server. */
typedef enum err_code render_fn(struct request *r, struct buf *out,
                                struct err *e);

/* Answer 200 from the cache if this very request was answered since the last
 * change of papers or scraper jobs, else render, keep and answer. */
enum err_code reply_cached(struct request *r, const char *content_type,
                           render_fn *render, struct err *e) CHECKED;

/* The list envelope for lists that have no further pages: count, two nulls,
 * then the caller's array as "results". */
struct jw;
void short_list_open(struct jw *j, size_t n);

/* webhook_in.c */
enum err_code webhook_in_post(struct request *r, struct err *e);
/* papers.c */
enum err_code papers_list(struct request *r, struct err *e);
enum err_code paper_detail(struct request *r, struct err *e);
enum err_code paper_remove(struct request *r, struct err *e);
enum err_code paper_restore(struct request *r, struct err *e);
enum err_code paper_similar(struct request *r, struct err *e);
/* marks.c */
enum err_code paper_mark(struct request *r, struct err *e);
enum err_code papers_mark(struct request *r, struct err *e);
/* Marks, into an object that the caller opens and ends. */
void marks_json_members(struct jw *j, const struct paper_marks *m);
/* searches.c */
enum err_code searches_list(struct request *r, struct err *e);
enum err_code search_detail(struct request *r, struct err *e);
enum err_code search_save(struct request *r, struct err *e);
enum err_code search_change(struct request *r, struct err *e);
enum err_code search_seen(struct request *r, struct err *e);
enum err_code search_delete(struct request *r, struct err *e);
/* export.c */
enum err_code papers_export(struct request *r, struct err *e);
/* feed.c */
enum err_code papers_feed(struct request *r, struct err *e);
/* stats.c */
enum err_code papers_stats(struct request *r, struct err *e);
/* scraper_jobs.c */
enum err_code scraper_jobs_list(struct request *r, struct err *e);
enum err_code scraper_job_detail(struct request *r, struct err *e);

#endif
