/* paper_query.c - see paper_query.h. */
#include "backend/paper_query.h"

#include "store/search_query.h"

const char *const paper_orderings[] = {
    "-published_at", "published_at", "-relevance_score", "relevance_score",
    "-title",        "title",        "-created_at",      "created_at",
    "-rank",         NULL,
};

static void read_ordering(struct slice s, struct paper_query *q)
{
    q->ascending = !slice_starts(s, "-");
    if (!q->ascending)
        s = slice_sub(s, 1, s.len);
    if (slice_is(s, "relevance_score"))
        q->order = PAPER_BY_RELEVANCE;
    else if (slice_is(s, "title"))
        q->order = PAPER_BY_TITLE;
    else if (slice_is(s, "created_at"))
        q->order = PAPER_BY_CREATED;
    else if (slice_is(s, "rank"))
        q->order = PAPER_BY_RANK;
    else
        q->order = PAPER_BY_PUBLISHED;
}

static enum mark_filter read_mark(const struct request *r, const char *name)
{
    if (!request_has(r, name))
        return MARK_ANY;
    return request_bool(r, name) ? MARK_IS_SET : MARK_IS_NOT_SET;
}

static enum err_code read_ids(const struct request *r, struct paper_query *q,
                              struct err *e)
{
    struct slice rest = request_str(r, "ids"), one;
    int64_t *ids;

    if (!request_has(r, "ids"))
        return ERR_NONE;
    ids = arena_alloc(r->arena, QUERY_MAX_IDS * sizeof(*ids));
    if (!ids)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    while (slice_split(&rest, ',', &one)) {
        if (q->n_ids == QUERY_MAX_IDS)
            return err_field(e, "ids", "\"ids\" must have at most %d numbers",
                             QUERY_MAX_IDS);
        if (!slice_to_i64(slice_trim(one), &ids[q->n_ids++]))
            return err_field(e, "ids",
                             "\"ids\" must be numbers with commas between "
                             "them, as in 1,2,3");
    }
    q->ids = ids;
    return ERR_NONE;
}

/* "the": whoever is still typing has not come to a word that can be found. */
static enum err_code match_nothing(const struct request *r,
                                   struct paper_query *q, struct err *e)
{
    q->search = SLICE_NONE;
    if (q->order == PAPER_BY_RANK)
        q->order = PAPER_BY_PUBLISHED;
    q->ids = arena_alloc(r->arena, sizeof(*q->ids));
    return q->ids ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the request is too large");
}

enum err_code paper_query_read(const struct request *r, struct paper_query *q,
                               struct err *e)
{
    *q = (struct paper_query){
        .category = request_str(r, "category"),
        .source = request_str(r, "source"),
        .tag = request_str(r, "tag"),
        .author = request_str(r, "author"),
        .min_relevance = -1,
        .published_after = request_time(r, "published_after"),
        .published_before = request_time(r, "published_before"),
        .created_after = request_time(r, "created_after"),
        .created_before = request_time(r, "created_before"),
        .search = request_str(r, "search"),
        .prefix = request_has(r, "prefix") && request_bool(r, "prefix"),
        .read = read_mark(r, "read"),
        .starred = read_mark(r, "starred"),
        .noted = read_mark(r, "noted"),
    };
    if (request_has(r, "min_relevance"))
        q->min_relevance = request_num(r, "min_relevance");
    read_ordering(request_str(r, "ordering"), q);
    if (q->order == PAPER_BY_RANK && slice_trim(q->search).len == 0)
        return err_field(e, "ordering",
                         "\"ordering\" by rank needs a \"search\"");
    if (q->prefix && slice_trim(q->search).len > 0 &&
        !search_has_term(q->search))
        return match_nothing(r, q, e);
    return read_ids(r, q, e);
}
