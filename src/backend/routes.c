/* routes.c - the backend's route table. */
#include "backend/backend.h"
#include "backend/cursor.h"
#include "backend/handlers.h"
#include "backend/paper_query.h"
#include "net/paging.h"

#define PAPER_MEMBERS                                                           \
    "\"id\":1,\"title\":\"Attention Is All You Need\",\"abstract\":\"The "      \
    "dominant sequence transduction models…\",\"authors\":\"Ashish Vaswani, " \
    "Noam Shazeer\",\"author_list\":[\"Ashish Vaswani\",\"Noam Shazeer\"],"     \
    "\"url\":\"https://arxiv.org/abs/1706.03762\",\"pdf_url\":"                 \
    "\"https://arxiv.org/pdf/1706.03762v7\",\"source\":\"arxiv\","              \
    "\"source_id\":\"1706.03762\",\"version\":7,\"category\":\"llm\","          \
    "\"relevance_score\":0.92,\"relevance\":{\"base\":0.5},\"tags\":"           \
    "[\"transformer\",\"attention\"],\"arxiv_categories\":[\"cs.CL\"],"         \
    "\"primary_category\":\"cs.CL\",\"doi\":null,\"journal_ref\":null,"         \
    "\"comment\":\"15 pages, 5 figures\",\"published_at\":"                     \
    "\"2017-06-12T17:57:34Z\",\"source_updated_at\":\"2023-08-02T00:41:18Z\","  \
    "\"created_at\":\"2025-11-03T12:00:00Z\",\"updated_at\":"                   \
    "\"2025-11-03T12:00:00Z\",\"read\":false,\"starred\":true,"                 \
    "\"has_note\":true"

#define MARKS_MEMBERS                                                          \
    "\"note\":\"See **section 3**.\",\"marked_at\":\"2025-11-04T09:00:00Z\""

#define PAPER_EXAMPLE "{" PAPER_MEMBERS "}"
#define DETAIL_EXAMPLE "{" PAPER_MEMBERS "," MARKS_MEMBERS "}"
#define SIMILAR_EXAMPLE                                                        \
    "{\"count\":1,\"next\":null,\"previous\":null,\"results\":["               \
    "{" PAPER_MEMBERS ",\"similarity\":0.81}],\"method\":\"vectors\"}"

#define JOB_EXAMPLE                                                            \
    "{\"id\":1,\"job_id\":\"arxiv-1762123331\",\"source\":\"arxiv\","          \
    "\"status\":\"completed\",\"error\":null,\"papers_found\":50,"             \
    "\"papers_created\":35,\"papers_updated\":15,\"papers_unchanged\":15,"     \
    "\"start_time\":\"2025-11-02T22:42:11Z\",\"end_time\":"                    \
    "\"2025-11-02T22:42:16Z\",\"created_at\":\"2025-11-02T22:42:16Z\","        \
    "\"updated_at\":\"2025-11-02T22:42:16Z\"}"

#define LIST_EXAMPLE(item)                                                     \
    "{\"count\":1,\"next\":null,\"previous\":null,\"results\":[" item "]}"

#define SEARCH_EXAMPLE                                                         \
    "{\"id\":1,\"name\":\"Retrieval\",\"filters\":{\"category\":\"rag\","      \
    "\"min_relevance\":0.7},\"new_count\":3,\"error\":null,\"seen_at\":"       \
    "\"2025-11-03T08:00:00Z\",\"created_at\":\"2025-11-01T08:00:00Z\","        \
    "\"updated_at\":\"2025-11-03T08:00:00Z\"}"

#define ID_PARAM                                                               \
    {                                                                          \
        "id", IN_PATH, PARAM_INT, .required = true, .min = 1, .max = 9e15,     \
                                  .doc = "The number sheaf gave it.",          \
                                  .example = "1"                               \
    }

static const struct param list_params[] = {
    PAPER_QUERY_PARAMS,
    PAGING_PARAMS,
    {"cursor", IN_QUERY, PARAM_STR, .max = CURSOR_MAX,
     .doc = "Pages by place instead of by number: empty for the first, then as "
            "in next and previous. Rows that arrive meanwhile do not shift "
            "them, and count is null."},
    {0},
};

static const struct param id_params[] = {ID_PARAM, {0}};

#define MARK_PARAMS                                                            \
    {"read", IN_BODY, PARAM_BOOL, .doc = "Has it been read?"},                 \
    {                                                                          \
        "starred", IN_BODY, PARAM_BOOL, .doc = "Has it a star?"                \
    }

static const struct param mark_params[] = {
    ID_PARAM,
    MARK_PARAMS,
    {"note", IN_BODY, PARAM_STR, .max = NOTE_MAX_CHARS,
     .doc = "Markdown; empty takes the note away.",
     .example = "See **section 3**."},
    {0},
};

static const struct param bulk_params[] = {
    {"ids", IN_BODY, PARAM_ANY, .required = true,
     .doc = "The papers: 1 to 500 numbers.", .example = "[1,2,3]"},
    MARK_PARAMS,
    {0},
};

/* required: of a new one */
#define SEARCH_PARAMS(must)                                                    \
    {"name",                                                                   \
     IN_BODY,                                                                  \
     PARAM_STR,                                                                \
     .required = (must),                                                       \
     .min = 1,                                                                 \
     .max = 100,                                                               \
     .doc = "What the reader calls it.",                                       \
     .example = "Retrieval"},                                                  \
    {                                                                          \
        "filters", IN_BODY, PARAM_JSON, .required = (must),                    \
                                        .doc = "Parameters of the list of "    \
                                               "papers, all but its pages.",   \
                                        .example = "{\"category\":\"rag\"}"    \
    }

static const struct param save_params[] = {SEARCH_PARAMS(true), {0}};
static const struct param change_params[] = {
    ID_PARAM, SEARCH_PARAMS(false), {0}};

static const struct param seen_params[] = {
    ID_PARAM,
    {"at", IN_BODY, PARAM_TIME,
     .doc = "What came later is new; left out: now. Never moved back.",
     .example = "2025-11-03T08:00:00Z"},
    {0},
};

static const struct param similar_params[] = {
    ID_PARAM,
    {"k", IN_QUERY, PARAM_INT, .min = 1, .max = SIMILAR_MAX_K, .dflt = "10",
     .doc = "How many."},
    {0},
};

static const char *const export_formats[] = {"bibtex", "ris", "csv", "jsonl",
                                             NULL};

static const struct param export_params[] = {
    {"format", IN_QUERY, PARAM_ENUM, .required = true,
     .choices = export_formats, .doc = "Form of the file.",
     .example = "bibtex"},
    PAPER_QUERY_PARAMS,
    {0},
};

static const struct param feed_params[] = {
    PAPER_QUERY_PARAMS,
    {"page_size", IN_QUERY, PARAM_INT, .min = 1, .max = PAGE_SIZE_MAX,
     .dflt = "20", .doc = "Entries."},
    {0},
};

static const struct param stats_params[] = {
    {"days", IN_QUERY, PARAM_INT, .min = 1, .max = 10000, .dflt = "90",
     .doc = "How many days, the newest that have papers."},
    {0},
};

static const struct param jobs_params[] = {PAGING_PARAMS, {0}};

/* One row for each spelling that the drawing uses. */
#define WEBHOOK_ROW(path)                                                      \
    {                                                                          \
        .method = HTTP_POST, .pattern = path, .handle = webhook_in_post,       \
        .policy = POLICY_WEBHOOK, .max_body = 16 * 1024 * 1024,                \
        .raw_body = true, .tag = "Webhook", .summary = "Papers of a scrape",   \
        .doc =                                                                 \
            "Takes {\"job_id\", \"source\", \"papers\", \"total_papers\", "    \
            "\"timestamp\"}. Of a paper, title and url are required. All "     \
            "papers are stored in one transaction; a paper is known by its "   \
            "canonical URL, a newer version updates it, an older one does "    \
            "not. The Standard Webhooks headers are verified when they are "   \
            "there, and the same webhook-id twice changes nothing.",           \
        .status = 201, .schema = "WebhookCounts",                              \
        .returns = "{\"status\":\"success\",\"papers_created\":35,"            \
                   "\"papers_updated\":15,\"papers_unchanged\":15}",           \
    }

const struct route backend_routes[] = {
    WEBHOOK_ROW("/api/webhooks/scraper-complete/"),
    WEBHOOK_ROW("/webhooks/scraper-complete/"),
    {
        .method = HTTP_GET,
        .pattern = "/api/papers/",
        .handle = papers_list,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = list_params,
        .tag = "Papers",
        .summary = "List papers",
        .schema = "PaperPage",
        .returns = LIST_EXAMPLE(PAPER_EXAMPLE),
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/papers/export/",
        .handle = papers_export,
        .policy = POLICY_READ,
        .run = ON_STREAM,
        .envelope = ENVELOPE_DRF,
        .params = export_params,
        .tag = "Papers",
        .summary = "Export papers",
        .doc = "Every match as BibTeX, RIS, CSV or JSON Lines, streamed. In "
               "CSV a text that a spreadsheet would take for a formula is "
               "preceded by an apostrophe.",
        .media = "application/x-bibtex application/x-research-info-systems "
                 "text/csv application/jsonl",
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/papers/feed/",
        .handle = papers_feed,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = feed_params,
        .tag = "Papers",
        .summary = "Atom feed",
        .doc = "The first matches as an Atom feed, for feed readers.",
        .media = "application/atom+xml",
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/papers/{id}/",
        .handle = paper_detail,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Papers",
        .summary = "One paper",
        .doc = "With the reader's note, which is null for who would need "
               "the token and does not carry it.",
        .schema = "PaperDetail",
        .returns = DETAIL_EXAMPLE,
    },
    {
        .method = HTTP_DELETE,
        .pattern = "/api/papers/{id}/",
        .handle = paper_remove,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Papers",
        .summary = "Delete a paper",
        .doc = "Leaves a tombstone: the next scrape does not bring it back.",
        .status = 204,
    },
    {
        .method = HTTP_POST,
        .pattern = "/api/papers/{id}/restore/",
        .handle = paper_restore,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Papers",
        .summary = "Restore a deleted paper",
        .schema = "PaperDetail",
        .returns = DETAIL_EXAMPLE,
    },
    {
        .method = HTTP_PATCH,
        .pattern = "/api/papers/{id}/marks/",
        .handle = paper_mark,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = mark_params,
        .max_body = 12 * NOTE_MAX_CHARS + 1024, /* each as \uD83D\uDE00 */
        .tag = "Papers",
        .summary = "Mark a paper",
        .doc = "What is not given stays as it is. A scrape never changes "
               "marks, and a deleted paper has them again when it is restored.",
        .schema = "PaperMarks",
        .returns = "{\"id\":1,\"read\":false,\"starred\":true,"
                   "\"has_note\":true," MARKS_MEMBERS "}",
    },
    {
        .method = HTTP_POST,
        .pattern = "/api/papers/marks/",
        .handle = papers_mark,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = bulk_params,
        .tag = "Papers",
        .summary = "Mark papers",
        .doc = "All in one commit; those that are not there are left out and "
               "named.",
        .schema = "MarkedPapers",
        .returns = "{\"marked\":2,\"missing\":[3]}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/stats/papers/",
        .handle = papers_stats,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = stats_params,
        .tag = "Papers",
        .summary = "Counts by category, source, tag and day",
        .doc = "Most frequent first; of tags the first 50.",
        .schema = "PaperStats",
        .returns = "{\"total\":50,\"categories\":[{\"category\":\"llm\","
                   "\"count\":50}],\"sources\":[{\"source\":\"arxiv\","
                   "\"count\":50}],\"tags\":[{\"tag\":\"attention\","
                   "\"count\":12}],\"days\":[{\"day\":\"2025-11-03\","
                   "\"count\":7}]}",
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/searches/",
        .handle = searches_list,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .tag = "Saved searches",
        .summary = "List saved searches",
        .doc = "Each with how many papers that match came after `seen_at`, "
               "exactly. Where the filters cannot be asked for any more, "
               "`new_count` is null and `error` says why.",
        .schema = "SavedSearches",
        .returns = LIST_EXAMPLE(SEARCH_EXAMPLE),
    },
    {
        .method = HTTP_POST,
        .pattern = "/api/searches/",
        .handle = search_save,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = save_params,
        .tag = "Saved searches",
        .summary = "Save a search",
        .doc = "At most 100; then 409.",
        .status = 201,
        .schema = "SavedSearch",
        .returns = SEARCH_EXAMPLE,
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/searches/{id}/",
        .handle = search_detail,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Saved searches",
        .summary = "One saved search",
        .schema = "SavedSearch",
        .returns = SEARCH_EXAMPLE,
    },
    {
        .method = HTTP_PATCH,
        .pattern = "/api/searches/{id}/",
        .handle = search_change,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = change_params,
        .tag = "Saved searches",
        .summary = "Change a saved search",
        .schema = "SavedSearch",
        .returns = SEARCH_EXAMPLE,
    },
    {
        .method = HTTP_DELETE,
        .pattern = "/api/searches/{id}/",
        .handle = search_delete,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Saved searches",
        .summary = "Forget a saved search",
        .status = 204,
    },
    {
        .method = HTTP_POST,
        .pattern = "/api/searches/{id}/seen/",
        .handle = search_seen,
        .policy = POLICY_WRITE,
        .envelope = ENVELOPE_DRF,
        .params = seen_params,
        .tag = "Saved searches",
        .summary = "What a search has found is seen",
        .schema = "SavedSearch",
        .returns = SEARCH_EXAMPLE,
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/scraper-jobs/",
        .handle = scraper_jobs_list,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = jobs_params,
        .tag = "Scraper jobs",
        .summary = "List what scrapers have reported",
        .schema = "ScraperJobPage",
        .returns = LIST_EXAMPLE(JOB_EXAMPLE),
    },
    {
        .method = HTTP_GET,
        .pattern = "/api/scraper-jobs/{id}/",
        .handle = scraper_job_detail,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = id_params,
        .tag = "Scraper jobs",
        .summary = "One report",
        .schema = "ScraperJob",
        .returns = JOB_EXAMPLE,
    },
    {0},
};

const struct route backend_neighbour_routes[] = {
    {
        .method = HTTP_GET,
        .pattern = "/api/papers/{id}/similar/",
        .handle = paper_similar,
        .policy = POLICY_READ,
        .envelope = ENVELOPE_DRF,
        .params = similar_params,
        .tag = "Papers",
        .summary = "Papers like it",
        .doc =
            "Each with a similarity, the best first.  `method` says how they "
            "were found: by \"vectors\" (the cosine of their meanings, "
            "exact) once the processor has embedded the paper, else by the "
            "rare \"words\" that they share "
            "(from 1 down to 0).",
        .schema = "SimilarPapers",
        .returns = SIMILAR_EXAMPLE,
    },
    {0},
};
