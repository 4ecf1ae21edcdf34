/* json_tree.c - see json_tree.h.
 *
 * Recursive descent over text that is known to be UTF-8; the depth is bounded
 * by JSON_MAX_DEPTH.  On a fault it only stops: the text is then given to
 * json_parse(), which says what is wrong and where, and takes its time.
 */
#include "backend/json_tree.h"

#include <string.h>

#include "base/utf8.h"

struct reader {
    const char *p, *end;
    struct arena *a;
    int depth;
    bool arena_full;
    bool too_wide; /* an object with too many members */
};

static bool read_value(struct reader *r, struct json_node *out);

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end &&
           (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* ---- strings ---- */

static bool read_hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;

    if (r->end - r->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

/* Behind "\u". */
static bool read_unicode(struct reader *r, char **to)
{
    uint32_t cp, low;

    if (!read_hex4(r, &cp) || (cp >= 0xDC00 && cp <= 0xDFFF))
        return false;
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        if (!take(r, '\\') || !take(r, 'u') || !read_hex4(r, &low) ||
            low < 0xDC00 || low > 0xDFFF)
            return false;
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    *to += utf8_put(*to, cp);
    return true;
}

static bool read_escape(struct reader *r, char **to)
{
    static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (r->p == r->end)
        return false;
    if (*r->p == 'u') {
        r->p++;
        return read_unicode(r, to);
    }
    at = *r->p ? strchr(from, *r->p) : NULL;
    if (!at)
        return false;
    r->p++;
    *(*to)++ = means[at - from];
    return true;
}

/* Up to the next byte that means something in a string. */
static const char *skip_plain(const char *p, const char *end)
{
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= ' ')
        p++;
    return p;
}

/* The rest of a string with escapes; what stands before them is at `from`.
 * Decoded text is never longer than its source. */
static bool read_escaped(struct reader *r, const char *from, struct slice *out)
{
    const char *stop = r->p;
    char *text, *to;

    while (stop < r->end && *stop != '"')
        stop += *stop == '\\' && r->end - stop > 1 ? 2 : 1;
    text = to = arena_alloc(r->a, (size_t)(stop - from) + 1);
    if (!text) {
        r->arena_full = true;
        return false;
    }
    r->p = from;
    for (;;) {
        const char *plain = skip_plain(r->p, r->end);

        memcpy(to, r->p, (size_t)(plain - r->p));
        to += plain - r->p;
        r->p = plain;
        if (take(r, '"'))
            break;
        if (!take(r, '\\') || !read_escape(r, &to))
            return false;
    }
    *out = (struct slice){text, (size_t)(to - text)};
    return true;
}

static bool read_string(struct reader *r, struct slice *out)
{
    const char *from;

    if (!take(r, '"'))
        return false;
    from = r->p;
    r->p = skip_plain(from, r->end);
    *out = (struct slice){from, (size_t)(r->p - from)};
    if (take(r, '"'))
        return true;
    return r->p < r->end && *r->p == '\\' && read_escaped(r, from, out);
}

/* ---- numbers ---- */

static bool skip_digits(struct reader *r)
{
    const char *from = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from;
}

static bool read_number(struct reader *r, struct json_node *out)
{
    const char *from = r->p;
    bool real = false;
    struct slice text;

    (void)take(r, '-');
    if (!take(r, '0') && !skip_digits(r))
        return false;
    if (take(r, '.')) {
        real = true;
        if (!skip_digits(r))
            return false;
    }
    if (take(r, 'e') || take(r, 'E')) {
        real = true;
        if (!take(r, '+'))
            (void)take(r, '-');
        if (!skip_digits(r))
            return false;
    }
    text = (struct slice){from, (size_t)(r->p - from)};
    out->type = real ? NODE_REAL : NODE_INT;
    return real ? slice_to_double(text, &out->d) : slice_to_i64(text, &out->i);
}

/* ---- arrays and objects ---- */

static struct json_node *new_node(struct reader *r)
{
    struct json_node *v = arena_alloc(r->a, sizeof(*v));

    if (v)
        *v = (struct json_node){.type = NODE_NULL};
    else
        r->arena_full = true;
    return v;
}

/* The next item, read and hung behind *last; for objects with its key. */
static bool read_item(struct reader *r, struct json_node *parent,
                      struct json_node **last)
{
    struct json_node *v = new_node(r);
    const struct json_node *o;

    if (!v)
        return false;
    skip_blanks(r);
    if (parent->type == NODE_OBJ) {
        if (!read_string(r, &v->key) || memchr(v->key.p, 0, v->key.len))
            return false;
        for (o = parent->kids.first; o; o = o->next)
            if (slice_eq(o->key, v->key))
                return false;
        r->too_wide |= parent->kids.n == JSON_TREE_MAX_MEMBERS;
        skip_blanks(r);
        if (r->too_wide || !take(r, ':'))
            return false;
    }
    if (!read_value(r, v))
        return false;
    if (*last)
        (*last)->next = v;
    else
        parent->kids.first = v;
    *last = v;
    parent->kids.n++;
    return true;
}

static bool read_items(struct reader *r, struct json_node *out,
                       enum node_type type, char close)
{
    struct json_node *last = NULL;

    if (++r->depth > JSON_MAX_DEPTH)
        return false;
    out->type = type;
    out->kids.first = NULL;
    out->kids.n = 0;
    skip_blanks(r);
    if (!take(r, close)) {
        do {
            if (!read_item(r, out, &last))
                return false;
            skip_blanks(r);
        } while (take(r, ','));
        if (!take(r, close))
            return false;
    }
    r->depth--;
    return true;
}

static bool read_value(struct reader *r, struct json_node *out)
{
    skip_blanks(r);
    if (r->p == r->end)
        return false;
    switch (*r->p) {
    case '{':
        r->p++;
        return read_items(r, out, NODE_OBJ, '}');
    case '[':
        r->p++;
        return read_items(r, out, NODE_ARR, ']');
    case '"':
        out->type = NODE_STR;
        return read_string(r, &out->s);
    case 'n':
        out->type = NODE_NULL;
        return take_word(r, "null");
    case 't':
        out->type = NODE_TRUE;
        return take_word(r, "true");
    case 'f':
        out->type = NODE_FALSE;
        return take_word(r, "false");
    default:
        return read_number(r, out);
    }
}

/* ---- the whole ---- */

static enum err_code explain(const struct reader *r, struct slice text,
                             struct err *e)
{
    enum err_code rc;
    json_t *v = NULL;

    if (r->arena_full)
        return err_set(e, ERR_TOO_LARGE, "the JSON needs too much memory");
    rc = json_parse(&v, text, e);
    json_decref(v);
    if (rc)
        return rc;
    return err_set(e, ERR_INVALID,
                   "malformed JSON: an object with more than %d members",
                   JSON_TREE_MAX_MEMBERS);
}

enum err_code json_tree_parse(const struct json_node **out, struct arena *a,
                              struct slice text, struct err *e)
{
    struct reader r = {.a = a};
    struct json_node *root;

    if (text.len == 0 || text.len > JSON_MAX_BYTES || !utf8_valid(text))
        return explain(&r, text, e);
    r.p = text.p;
    r.end = text.p + text.len;
    root = new_node(&r);
    if (!root || !read_value(&r, root))
        return explain(&r, text, e);
    skip_blanks(&r);
    if (r.p != r.end)
        return explain(&r, text, e);
    *out = root;
    return ERR_NONE;
}

const struct json_node *json_tree_get(const struct json_node *o,
                                      const char *key)
{
    struct slice k = slice_of(key);

    if (!o || o->type != NODE_OBJ)
        return NULL;
    for (o = o->kids.first; o; o = o->next)
        if (slice_eq(o->key, k))
            return o;
    return NULL;
}

static bool write_kids(struct jw *j, const struct json_node *v)
{
    bool good = true;

    for (const struct json_node *o = v->kids.first; o; o = o->next) {
        if (v->type == NODE_OBJ)
            jw_key_slice(j, o->key);
        good &= json_tree_write(j, o);
    }
    return good;
}

bool json_tree_write(struct jw *j, const struct json_node *v)
{
    bool good = true;

    switch (v->type) {
    case NODE_NULL:
        jw_null(j);
        break;
    case NODE_FALSE:
    case NODE_TRUE:
        jw_bool(j, v->type == NODE_TRUE);
        break;
    case NODE_INT:
        jw_int(j, v->i);
        break;
    case NODE_REAL:
        jw_double(j, v->d);
        break;
    case NODE_STR:
        jw_slice(j, v->s);
        good = v->s.len == 0 || !memchr(v->s.p, 0, v->s.len);
        break;
    case NODE_ARR:
        jw_arr(j);
        good = write_kids(j, v);
        jw_end_arr(j);
        break;
    case NODE_OBJ:
        jw_obj(j);
        good = write_kids(j, v);
        jw_end_obj(j);
        break;
    }
    return good;
}
