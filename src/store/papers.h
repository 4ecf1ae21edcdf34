/* papers.h - store area: papers and the webhook that brings them.
 *
 * A paper's identity is its canonical URL.  Rules of an arrival (one place:
 * paper_rules.c): unknown URL -> created.  Known: an older version changes
 * nothing; a newer version, or the same version with other content, updates; a
 * different relevance score (or its parts) alone is no change.  A deleted paper
 * (tombstone) stays deleted and counts as unchanged.
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_PAPERS_H
#define STORE_PAPERS_H

#include "store/store.h"

struct paper {
    int64_t id;         /* 0 while not stored */
    struct slice title; /* white space normalised, LaTeX kept */
    struct slice abstract;
    struct slice authors;     /* joined: "A, B" */
    struct slice author_list; /* JSON array of strings */
    struct slice url;         /* canonical: https://arxiv.org/abs/2511.01234 */
    struct slice pdf_url;
    struct slice source;           /* "arxiv" */
    struct slice source_id;        /* "2511.01234", "hep-ph/0301050" */
    int64_t version;               /* 0: unknown */
    int64_t published_at;          /* us; 0: unknown */
    int64_t source_updated_at;     /* us; the source's own "updated" */
    struct slice arxiv_categories; /* JSON array of strings */
    struct slice primary_category;
    struct slice doi, journal_ref, comment; /* empty: none */
    struct slice category;                  /* ours: "llm" */
    double relevance_score;                 /* 0..1, two decimals */
    struct slice relevance;                 /* JSON object: its parts */
    struct slice tags;                      /* JSON array of strings */
    int64_t created_at, updated_at;         /* us; of our row */
    int64_t deleted_at;                     /* us; 0: not deleted */
    bool read, starred, noted; /* its marks (desk.h), in what is read of the
                                  store; `noted`: it has a note */
};

/* ---- the webhook: one call, one transaction ---- */

struct webhook_in {
    struct slice webhook_id; /* Standard Webhooks id; empty: none */
    uint8_t body_sha256[32];
    struct slice job_id, source;
    bool failed; /* the scrape failed: `error` says why, no papers */
    struct slice error;
    int64_t started_at, ended_at; /* us; 0 unknown */
    const struct paper *papers;
    size_t n_papers;
    int64_t now_us;
};

struct webhook_result {
    int64_t created; /* created + updated = n_papers */
    int64_t updated;
    int64_t unchanged; /* how many of the updated were identical */
    bool repeated;     /* this webhook_id was received before: the numbers are
                          those of the first time, nothing was changed */
};

/* Store papers, full-text rows, the scraper_jobs row (by job_id) and the
 * receipt.  The same paper twice in a call: the second meets the first.
 * A job may send several webhooks: one with a webhook_id adds its numbers to
 * the job's row, one without (it may be a repetition) replaces them.
 * ERR_CONFLICT: webhook_id known with another body. */
enum err_code store_webhook_receive(struct store *s,
                                    const struct webhook_in *in,
                                    struct webhook_result *out, struct err *e)
    CHECKED;

/* ---- reading ---- */

enum paper_order {
    PAPER_BY_PUBLISHED,
    PAPER_BY_RELEVANCE,
    PAPER_BY_TITLE, /* bytewise on the lower-cased title */
    PAPER_BY_CREATED,
    PAPER_BY_RANK /* full-text rank; only with a search; no cursor */
};

/* A row's place in an ordering.  `id` always breaks ties, in the direction of
 * the ordering. */
struct paper_key {
    int64_t i;         /* published, created */
    double d;          /* relevance */
    struct slice text; /* title */
    int64_t id;
};

/* The most papers that can be asked for by their numbers in a query. */
#define QUERY_MAX_IDS 1000

/* A filter by a mark of desk.h. */
enum mark_filter { MARK_ANY, MARK_IS_SET, MARK_IS_NOT_SET };

struct paper_query {
    struct slice category, source, tag; /* empty: any */
    struct slice author;  /* words of a name, in order: "yann lecun" */
    double min_relevance; /* < 0: any */
    int64_t published_after, published_before; /* us, inclusive; 0: any */
    int64_t created_after, created_before;     /* likewise */
    struct slice search; /* words, "phrases", -not; empty: all */
    bool prefix;         /* its last word is still being typed */
    const int64_t *ids;  /* only these; NULL: any */
    size_t n_ids;        /* at most QUERY_MAX_IDS */
    enum mark_filter read, starred, noted;
    enum paper_order order;
    bool ascending;
    int64_t offset; /* rows to skip; ignored with a cursor */
    int limit;
    bool want_count;
    const struct paper_key *after;  /* rows behind this place, or NULL */
    const struct paper_key *before; /* the rows just in front of it, or NULL */
};

struct paper_list {
    struct paper *papers; /* in arena */
    size_t n;
    int64_t count; /* all matches, exact; -1 if not asked for */
    bool more;     /* with a cursor: there are rows beyond, in its direction */
};

/* One page.  Exact count, cheap: it is kept per filter until the next commit
 * that touches papers (see docs/store.md).  ERR_INVALID: a search without any
 * usable word. */
enum err_code store_papers_list(struct store *s, struct arena *a,
                                const struct paper_query *q,
                                struct paper_list *out, struct err *e) CHECKED;
/* The place of a paper in the ordering of q.  text is borrowed from p. */
struct paper_key paper_key_of(const struct paper *p, enum paper_order order);
/* ERR_NOT_FOUND: no such paper, or deleted and !with_deleted. */
enum err_code store_paper_get(struct store *s, struct arena *a, int64_t id,
                              bool with_deleted, struct paper *out,
                              struct err *e) CHECKED;
/* By number, in the order asked for; those that are not there or deleted are
 * left out.  n <= STORE_MAX_ROWS. */
enum err_code store_papers_get(struct store *s, struct arena *a,
                               const int64_t *ids, size_t n, struct paper **out,
                               size_t *n_out, struct err *e) CHECKED;
/* Each match in order, in batches, without holding a transaction open; `each`
 * returns an error to stop.  Papers are valid during the call of `each` only.
 * q's limit, offset, count and cursors are ignored. */
enum err_code store_papers_each(struct store *s, const struct paper_query *q,
                                enum err_code (*each)(void *ctx,
                                                      const struct paper *p,
                                                      struct err *e),
                                void *ctx, struct err *e) CHECKED;
/* The k papers with the most in common with paper `id` by full text (its rarest
 * words); score falls from 1 to 0.  ERR_NOT_FOUND as above. */
struct paper_similar {
    struct paper paper;
    double score;
};
enum err_code store_papers_similar(struct store *s, struct arena *a, int64_t id,
                                   int k, struct paper_similar **out, size_t *n,
                                   struct err *e) CHECKED;
/* ERR_NOT_FOUND: no such paper; deleting twice is fine. */
enum err_code store_paper_delete(struct store *s, int64_t id, int64_t now_us,
                                 struct err *e) CHECKED;
enum err_code store_paper_restore(struct store *s, int64_t id, int64_t now_us,
                                  struct err *e) CHECKED;

/* A number that changes with every commit that touches papers, their marks or
 * scraper jobs.
 * Read it before reading data, and what you read is at least as new.  SQLite:
 * an atomic load, any thread incl. the loop; PostgreSQL: one round trip. */
enum err_code store_papers_generation(struct store *s, uint64_t *out,
                                      struct err *e) CHECKED;

struct named_count {
    struct slice name;
    int64_t n;
};
struct paper_stats {
    int64_t total;
    struct named_count *categories, *sources, *days; /* days: "2025-11-03",
                                          newest first, by published_at */
    struct named_count *tags; /* the STATS_MAX_TAGS most frequent */
    size_t n_categories, n_sources, n_days, n_tags;
};
#define STATS_MAX_TAGS "50" /* in SQL */
/* Days: the newest max_days that have papers. */
enum err_code store_papers_stats(struct store *s, struct arena *a, int max_days,
                                 struct paper_stats *out, struct err *e)
    CHECKED;

/* ---- what the backend knows of scraper jobs (by webhook) ---- */

struct scraper_job {
    int64_t id;
    struct slice job_id, source;
    struct slice status; /* "completed", "failed" */
    struct slice error;
    int64_t papers_found, papers_created, papers_updated, papers_unchanged;
    int64_t start_time, end_time; /* us; 0 unknown */
    int64_t created_at, updated_at;
};
/* Newest first. */
enum err_code store_scraper_jobs_list(struct store *s, struct arena *a,
                                      int64_t offset, int limit,
                                      struct scraper_job **out, size_t *n,
                                      int64_t *count, struct err *e) CHECKED;
enum err_code store_scraper_job_get(struct store *s, struct arena *a,
                                    int64_t id, struct scraper_job *out,
                                    struct err *e) CHECKED;

#endif
