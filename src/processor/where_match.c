/* where_match.c - see where.h: asking a compiled filter.
 *
 * The conditions on metadata are listed by key, so that one pass over a
 * metadata text decides all of them: each key that is read is looked up there,
 * and its conditions write their outcome into a bitmap on the stack, which
 * begins as "every key is missing".  Then the tree is folded over the bitmap.
 * 100,000 chunks are filtered so without a single allocation, and without
 * building a tree of each one's metadata.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include "processor/where_impl.h"

struct outcome {
    uint64_t bits[WHERE_MAX_NODES / 64];
};

/* ---- values ---- */

/* Exactly: not every whole number is a double. */
static int compare_int_real(int64_t i, double d)
{
    double whole;

    if (!(d < 0x1p63))
        return -1;
    if (d < -0x1p63)
        return 1;
    whole = trunc(d);
    if (i != (int64_t)whole)
        return i < (int64_t)whole ? -1 : 1;
    return (whole > d) - (whole < d);
}

int where_compare(const struct value *a, const struct value *b)
{
    if (a->type == TYPE_INT && b->type == TYPE_REAL)
        return compare_int_real(a->u.i, b->u.d);
    if (a->type == TYPE_REAL && b->type == TYPE_INT)
        return -compare_int_real(b->u.i, a->u.d);
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    switch (a->type) {
    case TYPE_TEXT:
        return slice_cmp(a->u.text, b->u.text);
    case TYPE_INT:
        return (a->u.i > b->u.i) - (a->u.i < b->u.i);
    case TYPE_REAL:
        return (a->u.d > b->u.d) - (a->u.d < b->u.d);
    case TYPE_BOOL:
        return (int)a->u.b - (int)b->u.b;
    default:
        return 0;
    }
}

struct value where_value_of(const json_t *v)
{
    struct value r = {.type = TYPE_NONE};

    if (json_is_string(v)) {
        r.type = TYPE_TEXT;
        r.u.text = (struct slice){json_string_value(v), json_string_length(v)};
    } else if (json_is_integer(v)) {
        r.type = TYPE_INT;
        r.u.i = json_integer_value(v);
    } else if (json_is_real(v)) {
        r.type = TYPE_REAL;
        r.u.d = json_real_value(v);
    } else if (json_is_boolean(v)) {
        r.type = TYPE_BOOL;
        r.u.b = json_is_true(v);
    } else if (json_is_array(v)) {
        r.type = TYPE_LIST;
        r.u.list = v;
    }
    return r;
}

/* ---- one condition ---- */

/* How values of metadata are read, of a tree or of text. */
struct reader {
    /* How one stands to a value of ours. */
    int (*compare)(const struct value *v, const struct value *ours);
    /* Has the list one that is the same, type included? */
    bool (*has)(const struct value *list, const struct value *ours);
};

/* Is it one of the list? */
static bool in_list(const struct node *node, const struct value *v,
                    const struct reader *r)
{
    size_t low = 0, high = node->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = r->compare(v, &node->list[mid]);

        if (c == 0)
            return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

static bool is_number(enum type t)
{
    return t == TYPE_INT || t == TYPE_REAL;
}

/* v is of any type; of none if the key is missing. */
static bool holds(const struct node *node, const struct value *v,
                  const struct reader *r)
{
    enum type ours = node->list[0].type;
    bool same = v->type == ours || (is_number(v->type) && is_number(ours));

    switch (node->op) {
    case OP_EQ:
    case OP_IN:
        return same && in_list(node, v, r);
    case OP_NE:
    case OP_NIN:
        return !same || !in_list(node, v, r);
    case OP_GT:
        return same && r->compare(v, node->list) > 0;
    case OP_GTE:
        return same && r->compare(v, node->list) >= 0;
    case OP_LT:
        return same && r->compare(v, node->list) < 0;
    case OP_HAS:
        return v->type == TYPE_LIST && r->has(v, node->list);
    case OP_HAS_NOT:
        return v->type != TYPE_LIST || !r->has(v, node->list);
    default: /* OP_LTE */
        return same && r->compare(v, node->list) <= 0;
    }
}

static void set_bit(struct outcome *o, unsigned i, bool on)
{
    uint64_t bit = UINT64_C(1) << (i % 64);

    if (on)
        o->bits[i / 64] |= bit;
    else
        o->bits[i / 64] &= ~bit;
}

static bool fold(const struct where *w, const struct outcome *o, unsigned *i)
{
    unsigned at = (*i)++;
    const struct node *node = &w->nodes[at];
    bool is_and = node->op == OP_AND, result = is_and;

    if (!where_op_is_group(node->op))
        return o->bits[at / 64] >> (at % 64) & 1;
    while (*i < node->end) {
        result = fold(w, o, i);
        if (result != is_and) {
            *i = node->end;
            return result;
        }
    }
    return result;
}

/* ---- over a tree ---- */

static bool tree_has(const struct value *list, const struct value *ours)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list->u.list, i, item)
    {
        struct value v = where_value_of(item);

        if (v.type == ours->type && where_compare(&v, ours) == 0)
            return true;
    }
    return false;
}

static const struct reader of_tree = {where_compare, tree_has};

bool where_matches(const struct where *w, const json_t *metadata)
{
    struct outcome o = {{0}};
    unsigned i;

    if (!w)
        return true;
    for (i = 0; i < w->n_by_key; i++) {
        const struct node *node = &w->nodes[w->by_key[i]];
        struct value v = where_value_of(
            json_object_getn(metadata, node->key.p, node->key.len));

        set_bit(&o, w->by_key[i], holds(node, &v, &of_tree));
    }
    i = 0;
    return fold(w, &o, &i);
}

/* ---- over text ---- */

struct scan {
    struct slice s;
    size_t pos;
};

static char peek(struct scan *sc)
{
    while (sc->pos < sc->s.len) {
        char c = sc->s.p[sc->pos];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        sc->pos++;
    }
    return '\0';
}

static bool take(struct scan *sc, char c)
{
    if (peek(sc) != c || c == '\0')
        return false;
    sc->pos++;
    return true;
}

/* A string; *out is what stands between the quotes. */
static bool take_string(struct scan *sc, struct slice *out)
{
    size_t from;

    if (!take(sc, '"'))
        return false;
    from = sc->pos;
    for (; sc->pos < sc->s.len; sc->pos++) {
        char c = sc->s.p[sc->pos];

        if (c == '"') {
            *out = slice_sub(sc->s, from, sc->pos++);
            return true;
        }
        if (c == '\\')
            sc->pos++;
    }
    sc->pos = sc->s.len; /* a '\\' at the end would lie behind it */
    return false;
}

/* Past a list or an object. */
static bool skip_nested(struct scan *sc)
{
    struct slice text;
    int depth = 0;

    do {
        char c = peek(sc);

        if (c == '\0')
            return false;
        if (c == '"') {
            if (!take_string(sc, &text))
                return false;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        sc->pos++;
    } while (depth > 0 && depth <= JSON_MAX_DEPTH);
    return depth == 0;
}

/* A number or a word up to what ends it. */
static bool take_bare(struct scan *sc, struct value *out)
{
    size_t from = sc->pos;
    struct slice s;

    while (sc->pos < sc->s.len && !strchr(",}] \t\r\n", sc->s.p[sc->pos]))
        sc->pos++;
    s = slice_sub(sc->s, from, sc->pos);
    if (slice_is(s, "null"))
        return true;
    if (slice_is(s, "true") || slice_is(s, "false")) {
        out->type = TYPE_BOOL;
        out->u.b = s.len == 4;
        return true;
    }
    if (slice_to_i64(s, &out->u.i)) {
        out->type = TYPE_INT;
        return true;
    }
    out->type = TYPE_REAL;
    return slice_to_double(s, &out->u.d);
}

static bool take_value(struct scan *sc, struct value *out)
{
    char c = peek(sc);

    *out = (struct value){.type = TYPE_NONE};
    if (c == '{')
        return skip_nested(sc);
    if (c == '[') {
        size_t from = sc->pos;

        out->type = TYPE_LIST;
        if (!skip_nested(sc))
            return false;
        out->u.text = slice_sub(sc->s, from, sc->pos);
        return true;
    }
    if (c != '"')
        return take_bare(sc, out);
    out->type = TYPE_TEXT;
    return take_string(sc, &out->u.text);
}

/* How the escaped text stands to a plain one, as slice_cmp does. */
static int cmp_escaped(struct slice raw, struct slice plain)
{
    size_t at = 0, pos = 0;
    char c[4];

    if (slice_find_byte(raw, '\\') < 0)
        return slice_cmp(raw, plain);
    while (pos < raw.len) {
        size_t n = 1, i;

        if (raw.p[pos] == '\\')
            n = json_scan_escape(raw, &pos, c);
        else
            c[0] = raw.p[pos++];
        for (i = 0; i < n; i++, at++) {
            if (at >= plain.len)
                return 1;
            if (c[i] != plain.p[at])
                return (unsigned char)c[i] < (unsigned char)plain.p[at] ? -1
                                                                        : 1;
        }
    }
    return at < plain.len ? -1 : 0;
}

static int compare_escaped(const struct value *a, const struct value *b)
{
    if (a->type == TYPE_TEXT && b->type == TYPE_TEXT)
        return cmp_escaped(a->u.text, b->u.text);
    return where_compare(a, b);
}

static bool text_has(const struct value *list, const struct value *ours)
{
    struct scan sc = {list->u.text, 1}; /* behind the bracket */
    struct value v;

    while (peek(&sc) != ']' && take_value(&sc, &v)) {
        if (v.type == ours->type && compare_escaped(&v, ours) == 0)
            return true;
        if (!take(&sc, ','))
            return false;
    }
    return false;
}

static const struct reader of_text = {compare_escaped, text_has};

/* All conditions on this key get their outcome. */
static void decide(const struct where *w, struct slice key,
                   const struct value *v, struct outcome *o)
{
    unsigned low = 0, high = w->n_by_key;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (cmp_escaped(key, w->nodes[w->by_key[mid]].key) > 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < w->n_by_key; low++) {
        unsigned i = w->by_key[low];

        if (cmp_escaped(key, w->nodes[i].key) != 0)
            return;
        set_bit(o, i, holds(&w->nodes[i], v, &of_text));
    }
}

static bool scan_object(const struct where *w, struct slice text,
                        struct outcome *o)
{
    struct scan sc = {text, 0};
    struct slice key;
    struct value v;

    if (!take(&sc, '{'))
        return false;
    if (!take(&sc, '}')) {
        do {
            if (!take_string(&sc, &key) || !take(&sc, ':') ||
                !take_value(&sc, &v))
                return false;
            decide(w, key, &v, o);
        } while (take(&sc, ','));
        if (!take(&sc, '}'))
            return false;
    }
    return peek(&sc) == '\0' && sc.pos == text.len;
}

/* All conditions on metadata get their outcome. */
static enum err_code judge(const struct where *w, struct slice metadata,
                           struct outcome *o, struct err *e)
{
    static const struct value missing = {.type = TYPE_NONE};

    for (unsigned i = 0; i < w->n_by_key; i++)
        set_bit(o, w->by_key[i],
                holds(&w->nodes[w->by_key[i]], &missing, &of_text));
    return !metadata.p || scan_object(w, metadata, o)
               ? ERR_NONE
               : err_set(e, ERR_INVALID, "the metadata is not a JSON object");
}

enum err_code where_matches_text(const struct where *w, struct slice metadata,
                                 bool *out, struct err *e)
{
    struct outcome o = {{0}};
    unsigned i = 0;
    enum err_code code;

    if (!w) {
        *out = true;
        return ERR_NONE;
    }
    code = judge(w, metadata.p ? metadata : SLICE(""), &o, e);
    if (code == ERR_NONE)
        *out = fold(w, &o, &i);
    return code;
}

/* ---- over a record ---- */

bool where_asks_document(const struct where *w)
{
    return w->n_of_document > 0;
}

static bool fold_with(const struct where *w, struct outcome *o, bool document)
{
    unsigned i = 0;

    for (unsigned k = 0; k < w->n_of_document; k++)
        set_bit(o, w->of_document[k], document);
    return fold(w, o, &i);
}

/* There is no "not" in a filter: what fails although every condition on the
 * document holds fails whatever it says, and the other way round. */
enum err_code where_matches_metadata(const struct where *w,
                                     struct slice metadata,
                                     enum where_verdict *out, struct err *e)
{
    struct outcome o = {{0}};
    enum err_code code = judge(w, metadata, &o, e);

    if (code != ERR_NONE)
        return code;
    if (!fold_with(w, &o, true))
        *out = WHERE_NO;
    else
        *out = fold_with(w, &o, false) ? WHERE_YES : WHERE_ASK_DOCUMENT;
    return ERR_NONE;
}

/* A record without a document contains nothing. */
static enum err_code document_holds(const struct node *node,
                                    struct slice document, bool *out,
                                    struct err *e)
{
    bool found = false;
    enum err_code code = ERR_NONE;

    if (document.p && node->regex)
        code = regex_matches(node->regex, document, &found, e);
    else if (document.p)
        found = slice_find(document, node->text) >= 0;
    *out = found == (node->op == OP_CONTAINS || node->op == OP_REGEX);
    return code;
}

enum err_code where_matches_record(const struct where *w, struct slice metadata,
                                   struct slice document, bool *out,
                                   struct err *e)
{
    struct outcome o = {{0}};
    unsigned i = 0;
    enum err_code code = judge(w, metadata, &o, e);

    for (unsigned k = 0; k < w->n_of_document && code == ERR_NONE; k++) {
        bool on = false;

        code = document_holds(&w->nodes[w->of_document[k]], document, &on, e);
        set_bit(&o, w->of_document[k], on);
    }
    if (code == ERR_NONE)
        *out = fold(w, &o, &i);
    return code;
}
