/* arxiv.h - ask arXiv for a page of papers, politely and without belief.
 *
 * An answer is compared with itself and with what was known: a feed that lacks
 * entries it promises, a total that has shrunk, or nothing at all is asked for
 * again, in the end with another question, before it is believed.
 *
 * Threads: from any job's thread; one request at a time (limiter.h).
 */
#ifndef SCRAPER_ARXIV_H
#define SCRAPER_ARXIV_H

#include "jobs/engine.h"
#include "scraper/arxiv_query.h"
#include "scraper/atom.h"
#include "scraper/limiter.h"

struct http_client;

struct arxiv {
    const char *url;    /* of the API; borrowed */
    char *user_agent;   /* owned */
    int64_t timeout_ms; /* of one exchange */
    int64_t pause_us;   /* before asking again; doubles */
    struct limiter limiter;
    struct http_client *client; /* made at first use, by who is in */
};

void arxiv_init(struct arxiv *x, struct store *s, const char *url,
                const char *contact, int64_t interval_ms, int64_t timeout_ms);
void arxiv_release(struct arxiv *x);

enum arxiv_result {
    ARXIV_OK,
    ARXIV_AGAIN,   /* it is down, slow, or asks to wait: at *retry_at */
    ARXIV_GARBLED, /* it answered, but not with a feed: may pass */
    ARXIV_SUSPECT, /* a feed that contradicts itself, each time */
    ARXIV_REFUSED, /* the question is wrong: its own words in e */
    ARXIV_CANCELLED
};

/* One exchange; the answer is taken as it is.  *retry_at may be 0. */
enum arxiv_result arxiv_ask(struct arxiv *x, struct job_run *r, struct arena *a,
                            const struct arxiv_question *q,
                            struct atom_feed *out, int64_t *retry_at,
                            struct err *e);
/* A page that can be believed.  `known_total` is the last total of the same
 * question, -1: none.  The feed may hold fewer entries than asked for. */
enum arxiv_result arxiv_page(struct arxiv *x, struct job_run *r,
                             struct arena *a, const struct arxiv_question *q,
                             int64_t known_total, struct atom_feed *out,
                             int64_t *retry_at, struct err *e);
/* When to come back after `attempts` in vain: doubling pauses, at most an hour,
 * +-20 %; not before `not_before`. */
int64_t arxiv_retry_at(const struct arxiv *x, int attempts, int64_t not_before);

#endif
