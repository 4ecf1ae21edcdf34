/* postgres_filter.c - see postgres_filter.h. */
#include "store/postgres_filter.h"

#include "store/postgres_text.h"
#include "store/search_query.h"

void pg_filter_init(struct pg_filter *f)
{
    *f = (struct pg_filter){0};
    buf_init(&f->walk, 8192);
    buf_init(&f->set, 8192);
    buf_init(&f->key, 32768);
    buf_init(&f->words, 131072);
    buf_init(&f->label, 4096);
}

void pg_filter_release(struct pg_filter *f)
{
    buf_release(&f->walk);
    buf_release(&f->set);
    buf_release(&f->key);
    buf_release(&f->words);
    buf_release(&f->label);
    buf_release(&f->ids);
    for (int i = 0; i < f->n_patterns; i++)
        buf_release(&f->patterns[i]);
}

/* `format` holds one %d for the argument just added. */
#define CONDITION(f, format)                                                   \
    do {                                                                       \
        buf_printf(&(f)->walk, " AND " format, (f)->args.n);                   \
        buf_printf(&(f)->set, " AND " format, (f)->args.n);                    \
    } while (0)
/* One that has a GIN index.  A selection is always the shorter way. */
#define INDEXED(f, format)                                                     \
    do {                                                                       \
        buf_printf(&(f)->walk, " AND (" format ") IS TRUE", (f)->args.n);      \
        buf_printf(&(f)->set,                                                  \
                   (f)->selected ? " AND (" format ") IS TRUE"                 \
                                 : " AND " format,                             \
                   (f)->args.n);                                               \
        (f)->by_index = true;                                                  \
    } while (0)

static struct slice like_pattern(struct pg_filter *f, struct slice text)
{
    struct buf *b = &f->patterns[f->n_patterns++];

    buf_init(b, 8192);
    search_like_pattern(b, text);
    return buf_slice(b);
}

/* The expression that papers_by_trigram indexes. */
#define ALL_TEXT "(p.title || E'\\n' || p.abstract || E'\\n' || p.authors)"

static void add_substring(struct pg_filter *f, const struct search_term *t)
{
    pg_arg_text(&f->args, like_pattern(f, t->text));
    if (t->excluded)
        CONDITION(f, "NOT (p.unspaced AND " ALL_TEXT " ILIKE $%d)");
    else
        INDEXED(f,
                "(p.unspaced AND p.deleted_at = 0 AND " ALL_TEXT " ILIKE $%d)");
    f->alive |= !t->excluded;
}

static enum err_code add_text(struct pg_filter *f, const struct paper_query *q,
                              struct err *e)
{
    struct search_query sq = {.n = 0};
    struct slice author = q->author;
    bool wanted = false;
    enum err_code code = ERR_NONE;

    if (q->search.len)
        code = search_parse(q->search, &sq, e);
    if (code == ERR_NONE && q->prefix)
        search_open_end(&sq, q->search);
    if (code != ERR_NONE)
        return code;
    if (author.len && !search_has_word(author))
        return err_field(e, "author", "'author' has no word");
    if (author.len && search_is_unspaced(author)) {
        pg_arg_text(&f->args, like_pattern(f, slice_trim(author)));
        INDEXED(f, "(p.unspaced AND p.deleted_at = 0 AND p.authors"
                   " ILIKE $%d)");
        author = SLICE_NONE;
        f->alive = true;
    }
    pg_text_query(&f->words, &sq, author);
    for (size_t i = 0; i < sq.n; i++) {
        if (sq.terms[i].unspaced)
            add_substring(f, &sq.terms[i]);
        wanted |= !sq.terms[i].unspaced && !sq.terms[i].excluded;
    }
    if (f->words.len) {
        pg_arg_tsquery(&f->args, buf_slice(&f->words));
        f->words_arg = f->args.n;
        INDEXED(f, "p.words @@ $%d");
        f->alive |= wanted || author.len; /* tombstones have no words */
    }
    return ERR_NONE;
}

static void add_ids(struct pg_filter *f, const struct paper_query *q)
{
    if (!q->ids)
        return;
    pg_array_init(&f->ids, PG_INT8);
    for (size_t i = 0; i < q->n_ids; i++) {
        pg_array_i64(&f->ids, q->ids[i]);
        buf_printf(&f->key, "%lld,", (long long)q->ids[i]);
    }
    buf_add_char(&f->key, '#');
    pg_arg_array(&f->args, PG_INT8_ARRAY, &f->ids);
    INDEXED(f, "p.id = ANY ($%d)");
    f->selected = true;
}

#define HAS_MARK                                                               \
    "EXISTS (SELECT 1 FROM paper_marks m WHERE m.paper_id = p.id AND m.%s)"

static void add_mark(struct pg_filter *f, enum mark_filter wanted,
                     const char *mark)
{
    if (wanted == MARK_ANY)
        return;
    buf_printf(&f->key, "%s=%d,", mark, (int)wanted);
    f->marked = true;
    if (wanted == MARK_IS_SET && !f->selected) {
        buf_printf(&f->walk, " AND (" HAS_MARK ") IS TRUE", mark);
        buf_printf(&f->set,
                   " AND p.id IN (SELECT m.paper_id FROM paper_marks m"
                   " WHERE m.%s)",
                   mark);
        f->by_index = true;
    } else if (wanted == MARK_IS_SET) {
        buf_printf(&f->walk, " AND (" HAS_MARK ") IS TRUE", mark);
        buf_printf(&f->set, " AND (" HAS_MARK ") IS TRUE", mark);
    } else {
        buf_printf(&f->walk, " AND (NOT " HAS_MARK ") IS TRUE", mark);
        buf_printf(&f->set, " AND NOT " HAS_MARK, mark);
    }
}

static void add_marks(struct pg_filter *f, const struct paper_query *q)
{
    add_mark(f, q->read, "read");
    add_mark(f, q->starred, "starred");
    add_mark(f, q->noted, "noted");
}

static void key_text(struct pg_filter *f, struct slice s)
{
    buf_printf(&f->key, "%zu:", s.len);
    buf_add_slice(&f->key, s);
}

static void make_key(struct pg_filter *f, const struct paper_query *q)
{
    key_text(f, q->category);
    key_text(f, q->source);
    key_text(f, q->tag);
    key_text(f, q->author);
    key_text(f, q->search);
    if (q->prefix)
        buf_add_char(&f->key, '*');
    buf_printf(&f->key, "%.17g,%lld,%lld,%lld,%lld,", q->min_relevance,
               (long long)q->published_after, (long long)q->published_before,
               (long long)q->created_after, (long long)q->created_before);
}

enum err_code pg_filter_make(struct pg_filter *f, const struct paper_query *q,
                             struct err *e)
{
    enum err_code code;

    make_key(f, q);
    add_ids(f, q);
    if (q->category.len) {
        pg_arg_text(&f->args, q->category);
        CONDITION(f, "p.category = $%d");
    }
    if (q->source.len) {
        pg_arg_text(&f->args, q->source);
        CONDITION(f, "p.source = $%d");
    }
    f->only_category = f->args.n == 1 && !f->selected;
    if (q->published_after) {
        pg_arg_i64(&f->args, q->published_after);
        CONDITION(f, "p.published_at >= $%d");
    }
    if (q->published_before) {
        pg_arg_i64(&f->args, q->published_before);
        CONDITION(f, "p.published_at <= $%d");
    }
    if (q->created_after) {
        pg_arg_i64(&f->args, q->created_after);
        CONDITION(f, "p.created_at >= $%d");
    }
    if (q->created_before) {
        pg_arg_i64(&f->args, q->created_before);
        CONDITION(f, "p.created_at <= $%d");
    }
    if (q->min_relevance >= 0) {
        pg_arg_f64(&f->args, q->min_relevance);
        CONDITION(f, "p.relevance_score >= $%d");
    }
    if (q->tag.len) {
        buf_add_str(&f->label, "t:");
        buf_add_slice(&f->label, q->tag);
        pg_arg_text(&f->args, buf_slice(&f->label));
        INDEXED(f, "p.labels @> ARRAY[$%d::text]");
        f->alive = true; /* tombstones have no labels */
    }
    add_marks(f, q);
    code = add_text(f, q, e);
    if (code != ERR_NONE)
        return code;
    f->any = f->args.n > 0 || f->marked;
    f->only_category &= f->args.n == 1 && !f->marked;
    if (!buf_ok(&f->key) || !buf_ok(&f->walk) || !buf_ok(&f->set) ||
        !buf_ok(&f->words) || !buf_ok(&f->label))
        return err_set(e, ERR_INVALID, "the filters are too long");
    return ERR_NONE;
}

/* deleted_at = 0 is what the indexes of the orderings are made for; where the
 * conditions imply it, leaving it out lets a count read the index alone. */
void pg_filter_where(struct buf *sql, const struct pg_filter *f, bool walk)
{
    if (walk || !f->alive)
        buf_printf(sql, " WHERE p.deleted_at = 0");
    else
        buf_printf(sql, " WHERE true");
    buf_add_slice(sql, buf_slice(walk ? &f->walk : &f->set));
}
