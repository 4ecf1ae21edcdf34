/* webhook_payload.c - see webhook_payload.h.
 *
 * The tree is of our own kind; json_tree.h says what that saves.  Texts that
 * need no cleaning stay where they are in the body, so that a paper costs the
 * arena little more than its struct.
 */
#include "backend/webhook_payload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/json_tree.h"
#include "backend/paper_text.h"
#include "backend/paper_url.h"
#include "base/clock.h"
#include "base/utf8.h"

/* Where we are: an object and its place in the body, for messages. */
struct place {
    const struct json_node *o;
    long index; /* of the paper; -1: the call itself */
    struct arena *a;
    struct err *e;
};

/* ---- saying what is wrong ---- */

static enum err_code wrong(const struct place *at, const char *key,
                           const char *what)
{
    char path[80];

    if (at->index < 0)
        snprintf(path, sizeof(path), "%s", key);
    else
        snprintf(path, sizeof(path), "papers[%ld]%s%s", at->index,
                 *key ? "." : "", key);
    return err_field(at->e, path, "\"%s\" %s", path, what);
}

static enum err_code wrong_item(const struct place *at, const char *key,
                                size_t i, const char *what)
{
    char item[80];

    snprintf(item, sizeof(item), "%s[%zu]", key, i);
    return wrong(at, item, what);
}

static enum err_code too_long(const struct place *at, const char *key,
                              size_t max)
{
    char what[80];

    snprintf(what, sizeof(what), "must be at most %zu characters long", max);
    return wrong(at, key, what);
}

static enum err_code arena_full(const struct place *at)
{
    return err_set(at->e, ERR_TOO_LARGE, "the call needs too much memory");
}

/* ---- single values ---- */

/* A member that is there; NULL for one that is absent or null. */
static const struct json_node *member(const struct place *at, const char *key)
{
    const struct json_node *v = json_tree_get(at->o, key);

    return v && v->type == NODE_NULL ? NULL : v;
}

static enum err_code check_text(const struct place *at, const char *key,
                                struct slice s, size_t max)
{
    if (s.len > max && utf8_count(s) > max)
        return too_long(at, key, max);
    if (s.len > 0 && memchr(s.p, 0, s.len))
        return wrong(at, key, "must not hold a NUL character");
    return ERR_NONE;
}

/* A text without white space at its ends; empty if absent. */
static enum err_code get_text(const struct place *at, const char *key,
                              size_t max, struct slice *out)
{
    const struct json_node *v = member(at, key);

    *out = SLICE("");
    if (!v)
        return ERR_NONE;
    if (v->type != NODE_STR)
        return wrong(at, key, "must be a string");
    *out = slice_trim(v->s);
    return check_text(at, key, *out, max);
}

static bool is_tidy(struct slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < ' ' || c == 0x7F || (c == ' ' && i > 0 && s.p[i - 1] == ' '))
            return false;
    }
    return true;
}

/* A text on one line, with single spaces. */
static enum err_code get_line(const struct place *at, const char *key,
                              size_t max, struct slice *out)
{
    enum err_code rc = get_text(at, key, max, out);
    struct buf line;

    if (rc || is_tidy(*out))
        return rc;
    buf_init(&line, out->len);
    text_add_line(&line, *out);
    *out = buf_ok(&line) ? arena_slice(at->a, buf_slice(&line)) : SLICE_NONE;
    buf_release(&line);
    return out->p ? ERR_NONE : arena_full(at);
}

static enum err_code need_line(const struct place *at, const char *key,
                               size_t max, struct slice *out)
{
    enum err_code rc;

    if (!member(at, key))
        return wrong(at, key, "is required");
    rc = get_line(at, key, max, out);
    if (rc == ERR_NONE && out->len == 0)
        rc = wrong(at, key, "must not be empty");
    return rc;
}

static enum err_code get_time(const struct place *at, const char *key,
                              int64_t *us)
{
    struct slice s;
    enum err_code rc = get_text(at, key, PAYLOAD_MAX_WORD, &s);

    *us = 0;
    if (rc || s.len == 0)
        return rc;
    if (!clock_parse(s, us))
        return wrong(at, key,
                     "must be a time as in RFC 3339, '2025-11-03T12:00:00Z'");
    return ERR_NONE;
}

static enum err_code get_count(const struct place *at, const char *key,
                               int64_t max, int64_t *out)
{
    const struct json_node *v = member(at, key);

    *out = 0;
    if (!v)
        return ERR_NONE;
    if (v->type != NODE_INT)
        return wrong(at, key, "must be a whole number");
    *out = v->i;
    if (*out < 0 || *out > max)
        return wrong(at, key, "is out of range");
    return ERR_NONE;
}

static enum err_code get_score(const struct place *at, double *out)
{
    const struct json_node *v = member(at, "relevance_score");

    *out = 0;
    if (!v)
        return ERR_NONE;
    if (v->type != NODE_INT && v->type != NODE_REAL)
        return wrong(at, "relevance_score", "must be a number");
    *out = v->type == NODE_INT ? (double)v->i : v->d;
    if (!(*out >= 0 && *out <= 1))
        return wrong(at, "relevance_score", "must be between 0 and 1");
    *out = round(*out * 100) / 100;
    return ERR_NONE;
}

/* ---- lists ---- */

struct list_limits {
    size_t items, length;
};

/* Add the name to the JSON array, and to the joined text unless NULL. */
static void add_item(struct jw *list, struct buf *joined, struct slice item)
{
    struct buf line;

    buf_init(&line, item.len);
    text_add_line(&line, item);
    if (line.len > 0 && buf_ok(&line)) {
        jw_slice(list, buf_slice(&line));
        if (joined) {
            if (joined->len > 0)
                buf_add_str(joined, ", ");
            buf_add_slice(joined, buf_slice(&line));
        }
    }
    buf_release(&line);
}

static enum err_code add_items(const struct place *at, const char *key,
                               const struct json_node *v,
                               const struct list_limits *max, struct jw *list,
                               struct buf *joined)
{
    const struct json_node *s = v->kids.first;
    char item[80];
    size_t i;
    enum err_code rc;

    if (v->kids.n > max->items) {
        snprintf(item, sizeof(item), "must have at most %zu items", max->items);
        return wrong(at, key, item);
    }
    for (i = 0; s; s = s->next, i++) {
        if (s->type != NODE_STR)
            return wrong_item(at, key, i, "must be a string");
        snprintf(item, sizeof(item), "%s[%zu]", key, i);
        rc = check_text(at, item, s->s, max->length);
        if (rc)
            return rc;
        add_item(list, joined, s->s);
    }
    return ERR_NONE;
}

/* Names in one string: cut at ';' if there is any, else at ','. */
static enum err_code add_names(const struct place *at, const char *key,
                               struct slice s, struct jw *list,
                               struct buf *joined)
{
    char sep = slice_find_byte(s, ';') >= 0 ? ';' : ',';
    enum err_code rc = check_text(at, key, s, PAYLOAD_MAX_ABSTRACT);
    struct slice name;

    if (rc)
        return rc;
    while (slice_split(&s, sep, &name))
        add_item(list, joined, name);
    return ERR_NONE;
}

/* A list of strings as JSON text; for authors also joined, and a single string
 * is taken too. */
static enum err_code get_list(const struct place *at, const char *key,
                              const struct list_limits *max, struct slice *out,
                              struct slice *joined)
{
    const struct json_node *v = member(at, key);
    struct buf text, names;
    struct jw list;
    enum err_code rc = ERR_NONE;

    *out = SLICE("[]");
    if (joined)
        *joined = SLICE("");
    if (!v)
        return ERR_NONE;
    /* Escapes make a JSON text at most 6 times as long; a call has 16 MiB. */
    buf_init(&text, JSON_MAX_BYTES);
    buf_init(&names, JSON_MAX_BYTES);
    jw_init(&list, &text);
    jw_arr(&list);
    if (v->type == NODE_ARR)
        rc = add_items(at, key, v, max, &list, joined ? &names : NULL);
    else if (joined && v->type == NODE_STR)
        rc = add_names(at, key, v->s, &list, &names);
    else
        rc = wrong(at, key,
                   joined ? "must be a list of strings, or a string"
                          : "must be a list of strings");
    if (rc == ERR_NONE) {
        jw_end_arr(&list);
        *out =
            buf_ok(&text) ? arena_slice(at->a, buf_slice(&text)) : SLICE_NONE;
        if (joined)
            *joined = buf_ok(&names) ? arena_slice(at->a, buf_slice(&names))
                                     : SLICE_NONE;
        if (!out->p || (joined && !joined->p))
            rc = arena_full(at);
    }
    buf_release(&text);
    buf_release(&names);
    return rc;
}

static enum err_code get_relevance(const struct place *at, struct slice *out)
{
    const struct json_node *v = member(at, "relevance");
    enum err_code rc = ERR_NONE;
    struct buf text;
    struct jw j;

    *out = SLICE("");
    if (!v)
        return ERR_NONE;
    if (v->type != NODE_OBJ)
        return wrong(at, "relevance", "must be an object");
    buf_init(&text, PAYLOAD_MAX_RELEVANCE);
    jw_init(&j, &text);
    if (!json_tree_write(&j, v)) {
        rc = wrong(at, "relevance", "must not hold a NUL character");
    } else if (!buf_ok(&text)) {
        rc = wrong(at, "relevance", "is too large");
    } else {
        *out = arena_slice(at->a, buf_slice(&text));
        if (!out->p)
            rc = arena_full(at);
    }
    buf_release(&text);
    return rc;
}

/* ---- a paper ---- */

static enum err_code get_link(const struct place *at, const char *key,
                              struct paper_url *out)
{
    struct err why = {0};
    struct slice s;
    enum err_code rc;

    *out = (struct paper_url){.url = SLICE(""), .source_id = SLICE("")};
    rc = get_text(at, key, PAPER_URL_MAX, &s);
    if (rc || s.len == 0)
        return rc;
    rc = paper_url_parse(out, at->a, s, &why);
    if (rc == ERR_INVALID)
        return wrong(at, key, why.msg);
    return rc ? arena_full(at) : ERR_NONE;
}

/* arXiv's address of a PDF; unlike that of the paper it keeps its version. */
static enum err_code set_arxiv_pdf(const struct place *at, struct paper *p,
                                   struct slice id, int64_t version)
{
    char *url;

    url = version > 0 ? arena_printf(at->a, "https://arxiv.org/pdf/%.*sv%lld",
                                     SLICE_ARG(id), (long long)version)
                      : arena_printf(at->a, "https://arxiv.org/pdf/%.*s",
                                     SLICE_ARG(id));
    if (!url)
        return arena_full(at);
    p->pdf_url = slice_of(url);
    return ERR_NONE;
}

static enum err_code get_pdf(const struct place *at, struct paper *p,
                             bool arxiv)
{
    struct paper_url link;
    enum err_code rc = get_link(at, "pdf_url", &link);

    if (rc)
        return rc;
    if (link.arxiv)
        return set_arxiv_pdf(at, p, link.source_id, link.version);
    if (link.url.len == 0 && arxiv)
        return set_arxiv_pdf(at, p, p->source_id, p->version);
    p->pdf_url = link.url;
    return ERR_NONE;
}

static enum err_code get_identity(const struct place *at, struct paper *p)
{
    struct paper_url link;
    enum err_code rc;

    if (!member(at, "url"))
        return wrong(at, "url", "is required");
    if ((rc = get_link(at, "url", &link)) != ERR_NONE ||
        (rc = get_line(at, "source_id", PAYLOAD_MAX_WORD, &p->source_id)) !=
            ERR_NONE ||
        (rc = get_count(at, "version", 100000, &p->version)) != ERR_NONE)
        return rc;
    if (link.url.len == 0)
        return wrong(at, "url", "must not be empty");
    p->url = link.url;
    /* arXiv's URL knows its id better than a sender who may have left the
     * version on it. */
    if (link.arxiv || p->source_id.len == 0)
        p->source_id = link.source_id;
    if (!member(at, "version"))
        p->version = link.version;
    return get_pdf(at, p, link.arxiv);
}

static enum err_code get_words(const struct place *at, struct paper *p)
{
    static const struct list_limits names = {PAYLOAD_MAX_AUTHORS,
                                             PAYLOAD_MAX_NAME};
    static const struct list_limits words = {PAYLOAD_MAX_LIST,
                                             PAYLOAD_MAX_WORD};
    enum err_code rc;

    if ((rc = need_line(at, "title", PAYLOAD_MAX_TITLE, &p->title)) ||
        (rc = get_text(at, "abstract", PAYLOAD_MAX_ABSTRACT, &p->abstract)) ||
        (rc = get_list(at, "authors", &names, &p->author_list, &p->authors)) ||
        (rc = get_list(at, "tags", &words, &p->tags, NULL)) ||
        (rc = get_list(at, "arxiv_categories", &words, &p->arxiv_categories,
                       NULL)) ||
        (rc = get_line(at, "primary_category", PAYLOAD_MAX_WORD,
                       &p->primary_category)) ||
        (rc = get_line(at, "category", PAYLOAD_MAX_WORD, &p->category)) ||
        (rc = get_line(at, "doi", PAYLOAD_MAX_NOTE, &p->doi)) ||
        (rc = get_line(at, "journal_ref", PAYLOAD_MAX_NOTE, &p->journal_ref)) ||
        (rc = get_line(at, "comment", PAYLOAD_MAX_NOTE, &p->comment)))
        return rc;
    if (p->category.len == 0)
        p->category = SLICE("other");
    return ERR_NONE;
}

static enum err_code read_paper(const struct place *at, struct slice source,
                                struct paper *p)
{
    enum err_code rc;

    if (at->o->type != NODE_OBJ)
        return wrong(at, "", "must be an object");
    if ((rc = get_words(at, p)) || (rc = get_identity(at, p)) ||
        (rc = get_line(at, "source", PAYLOAD_MAX_WORD, &p->source)) ||
        (rc = get_time(at, "published_at", &p->published_at)) ||
        (rc = get_time(at, "updated_at", &p->source_updated_at)) ||
        (rc = get_score(at, &p->relevance_score)) ||
        (rc = get_relevance(at, &p->relevance)))
        return rc;
    if (p->source.len == 0)
        p->source = source;
    return ERR_NONE;
}

/* ---- the call ---- */

static enum err_code read_papers(const struct place *at, struct webhook_in *in)
{
    const struct json_node *list = json_tree_get(at->o, "papers"), *item;
    struct place paper = *at;
    struct paper *papers;
    enum err_code rc;
    char what[80];

    if (!list && in->failed)
        return ERR_NONE;
    if (!list)
        return wrong(at, "papers", "is required");
    if (list->type != NODE_ARR)
        return wrong(at, "papers", "must be a list");
    in->n_papers = list->kids.n;
    if (in->failed && in->n_papers > 0)
        return wrong(at, "papers", "must be empty when the scrape failed");
    if (in->n_papers > PAYLOAD_MAX_PAPERS) {
        snprintf(what, sizeof(what), "must have at most %d items a call",
                 PAYLOAD_MAX_PAPERS);
        return wrong(at, "papers", what);
    }
    papers = arena_calloc(at->a, in->n_papers, sizeof(*papers));
    if (!papers)
        return arena_full(at);
    for (item = list->kids.first; item; item = item->next) {
        paper.o = item;
        paper.index++;
        rc = read_paper(&paper, in->source, &papers[paper.index]);
        if (rc)
            return rc;
    }
    in->papers = papers;
    return ERR_NONE;
}

/* "arxiv-1762123331-2": the moment at which the job was made. */
static int64_t time_of_job(struct slice job_id)
{
    struct slice part;
    uint64_t s;

    while (slice_split(&job_id, '-', &part))
        if (part.len == 10 && slice_to_u64(part, &s))
            return (int64_t)s * US_PER_S;
    return 0;
}

static enum err_code read_times(const struct place *at, struct webhook_in *in)
{
    int64_t sent, end, start;
    enum err_code rc;

    if ((rc = get_time(at, "timestamp", &sent)) ||
        (rc = get_time(at, "started_at", &start)) ||
        (rc = get_time(at, "ended_at", &end)))
        return rc;
    if (end == 0)
        end = sent ? sent : in->now_us;
    if (start == 0)
        start = time_of_job(in->job_id);
    in->ended_at = end;
    in->started_at = start <= end ? start : 0;
    return ERR_NONE;
}

static enum err_code read_call(const struct place *at, struct webhook_in *in)
{
    struct slice status;
    int64_t total;
    enum err_code rc;

    if (at->o->type != NODE_OBJ)
        return err_set(at->e, ERR_INVALID, "the body must be a JSON object");
    if ((rc = need_line(at, "job_id", PAYLOAD_MAX_WORD, &in->job_id)) ||
        (rc = need_line(at, "source", PAYLOAD_MAX_WORD, &in->source)) ||
        (rc = get_line(at, "status", PAYLOAD_MAX_WORD, &status)) ||
        (rc = get_text(at, "error", PAYLOAD_MAX_NOTE, &in->error)) ||
        (rc = get_count(at, "total_papers", INT32_MAX, &total)) ||
        (rc = read_times(at, in)))
        return rc;
    in->failed = slice_is(status, "failed");
    if (!in->failed && status.len > 0 && !slice_is(status, "completed"))
        return wrong(at, "status", "must be \"completed\" or \"failed\"");
    return read_papers(at, in);
}

enum err_code webhook_payload_read(struct webhook_in *out, struct arena *a,
                                   struct slice body, int64_t now_us,
                                   struct err *e)
{
    struct webhook_in in = {.now_us = now_us};
    struct place at = {.index = -1, .a = a, .e = e};
    enum err_code rc;

    rc = json_tree_parse(&at.o, a, body, e);
    if (rc == ERR_NONE)
        rc = read_call(&at, &in);
    if (rc == ERR_NONE)
        *out = in;
    return rc;
}
