/* where.c - see where.h.
 *
 * A program is an array of nodes in the order they were written; $and and $or
 * know where their last descendant ends.  The conditions are also listed by
 * key, so that one pass over a metadata text decides all of them: each key that
 * is read is looked up there, and its conditions write their outcome into a
 * bitmap on the stack, which begins as "every key is missing".  Then the tree
 * is folded over the bitmap.  100,000 chunks are filtered so without a single
 * allocation, and without building a tree of each one's metadata.
 */
#include "processor/where.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/utf8.h"

/* Values cost at most 24 bytes for 2 of JSON ("1,"), nodes are few. */
#define MAX_MEMORY (16 * WHERE_MAX_BYTES)
/* Nesting of a metadata value that is skipped. */
#define MAX_SKIP_DEPTH JSON_MAX_DEPTH

enum type { TYPE_NONE, TYPE_TEXT, TYPE_INT, TYPE_REAL, TYPE_BOOL };

struct value {
    enum type type;
    union {
        struct slice text; /* from metadata text: still escaped */
        int64_t i;
        double d;
        bool b;
    } u;
};

enum op {
    OP_AND,
    OP_OR,
    OP_EQ,
    OP_NE,
    OP_GT,
    OP_GTE,
    OP_LT,
    OP_LTE,
    OP_IN,
    OP_NIN
};

struct node {
    enum op op;
    unsigned end;             /* $and, $or: index behind the last descendant */
    struct slice key;         /* conditions */
    const struct value *list; /* sorted; one value unless $in or $nin */
    size_t n;
};

struct where {
    struct arena *arena; /* everything, this struct too */
    struct slice text;
    struct node nodes[WHERE_MAX_NODES];
    unsigned n_nodes;
    uint16_t by_key[WHERE_MAX_NODES]; /* conditions, sorted by key */
    unsigned n_by_key;
};

struct outcome {
    uint64_t bits[WHERE_MAX_NODES / 64];
};

/* ---- compiling ---- */

/* Where we are, for messages: linked through the stack. */
struct place {
    const struct place *up;
    const char *name; /* NULL: the index */
    size_t index;
};

/* Keys are cut, so that a message of 16 levels fits. */
static void write_place(struct buf *b, const struct place *p)
{
    if (!p)
        return;
    write_place(b, p->up);
    if (p->name)
        buf_printf(b, "%s%.*s", p->up ? "." : "",
                   SLICE_ARG(utf8_cut(slice_of(p->name), 40)));
    else
        buf_printf(b, "[%zu]", p->index);
}

static enum err_code bad(struct err *e, const struct place *p, const char *what)
{
    struct buf b;
    enum err_code rc;

    buf_init(&b, 4096);
    write_place(&b, p);
    rc = err_field(e, "where", "%.*s: %s", SLICE_ARG(buf_slice(&b)), what);
    buf_release(&b);
    return rc;
}

static enum err_code too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "'where' is too large");
}

static enum err_code compile_object(struct where *w, const json_t *v,
                                    const struct place *at, unsigned depth,
                                    struct err *e);

static int compare(const struct value *a, const struct value *b)
{
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

static int compare_for_sort(const void *a, const void *b)
{
    return compare(a, b);
}

/* TYPE_NONE: no scalar.  Text is borrowed. */
static struct value value_of(const json_t *v)
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
    }
    return r;
}

static enum err_code keep(struct where *w, const json_t *v, struct value *out,
                          const struct place *at, struct err *e)
{
    *out = value_of(v);
    if (out->type == TYPE_NONE)
        return bad(e, at, "the value must be a text, a number, true or false");
    if (out->type != TYPE_TEXT)
        return ERR_NONE;
    out->u.text = arena_slice(w->arena, out->u.text);
    return out->u.text.p ? ERR_NONE : too_large(e);
}

static enum err_code add_node(struct where *w, enum op op,
                              const struct place *at, struct node **out,
                              struct err *e)
{
    if (w->n_nodes == WHERE_MAX_NODES)
        return bad(e, at, "more than 256 conditions");
    *out = &w->nodes[w->n_nodes++];
    **out = (struct node){.op = op};
    return ERR_NONE;
}

/* The values of $in and $nin. */
static enum err_code compile_list(struct where *w, struct node *node,
                                  const json_t *v, const struct place *at,
                                  struct err *e)
{
    size_t n = json_array_size(v), i;
    enum err_code rc = ERR_NONE;
    struct value *list;

    if (!json_is_array(v) || n == 0)
        return bad(e, at, "must be a list of values that is not empty");
    if (n > WHERE_MAX_LIST)
        return bad(e, at, "more than 1,000 values");
    list = arena_alloc(w->arena, n * sizeof(*list));
    if (!list)
        return too_large(e);
    for (i = 0; i < n && rc == ERR_NONE; i++) {
        struct place item = {at, NULL, i};

        rc = keep(w, json_array_get(v, i), &list[i], &item, e);
        if (rc == ERR_NONE && list[i].type != list[0].type)
            rc = bad(e, &item, "all values of a list must be of one type");
    }
    if (rc)
        return rc;
    qsort(list, n, sizeof(*list), compare_for_sort);
    node->list = list;
    node->n = n;
    return ERR_NONE;
}

static enum err_code compile_value(struct where *w, struct node *node,
                                   const json_t *v, const struct place *at,
                                   struct err *e)
{
    struct value *one;
    enum err_code rc;

    if (node->op == OP_IN || node->op == OP_NIN)
        return compile_list(w, node, v, at, e);
    one = arena_alloc(w->arena, sizeof(*one));
    if (!one)
        return too_large(e);
    rc = keep(w, v, one, at, e);
    if (rc)
        return rc;
    if (node->op >= OP_GT && node->op <= OP_LTE && one->type != TYPE_INT &&
        one->type != TYPE_REAL)
        return bad(e, at, "only numbers can be compared by size");
    node->list = one;
    node->n = 1;
    return ERR_NONE;
}

static bool find_op(const char *name, enum op *out)
{
    static const char *const names[] = {
        [OP_EQ] = "$eq", [OP_NE] = "$ne",   [OP_GT] = "$gt", [OP_GTE] = "$gte",
        [OP_LT] = "$lt", [OP_LTE] = "$lte", [OP_IN] = "$in", [OP_NIN] = "$nin",
    };

    for (enum op i = OP_EQ; i <= OP_NIN; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static enum err_code compile_condition(struct where *w, const char *key,
                                       const json_t *v, const struct place *up,
                                       struct err *e)
{
    struct place at = {up, key, 0}, op_at = {&at, NULL, 0};
    struct slice name = slice_of(key);
    enum op op = OP_EQ;
    struct node *node = NULL;
    enum err_code rc;

    if (name.len > WHERE_MAX_KEY)
        return bad(e, &at, "the key is longer than 1,024 bytes");
    rc = add_node(w, OP_EQ, &at, &node, e);
    if (rc)
        return rc;
    node->key = arena_slice(w->arena, name);
    if (!node->key.p)
        return too_large(e);
    if (!json_is_object(v))
        return compile_value(w, node, v, &at, e);
    if (json_object_size(v) != 1)
        return bad(e, &at,
                   "must have exactly one operator; combine several by $and");
    op_at.name = json_object_iter_key(json_object_iter((json_t *)v));
    if (!find_op(op_at.name, &op))
        return bad(e, &op_at,
                   "unknown operator; there are $eq, $ne, $gt, $gte, $lt, "
                   "$lte, $in and $nin");
    node->op = op;
    return compile_value(w, node, json_object_get(v, op_at.name), &op_at, e);
}

static enum err_code compile_group(struct where *w, const char *name,
                                   const json_t *v, const struct place *up,
                                   unsigned depth, struct err *e)
{
    struct place at = {up, name, 0};
    struct node *node = NULL;
    enum err_code rc;
    size_t i;

    if (!json_is_array(v) || json_array_size(v) == 0)
        return bad(e, &at, "must be a list of conditions that is not empty");
    if (depth >= WHERE_MAX_DEPTH)
        return bad(e, &at, "nested more than 16 deep");
    rc = add_node(w, strcmp(name, "$and") == 0 ? OP_AND : OP_OR, &at, &node, e);
    for (i = 0; i < json_array_size(v) && rc == ERR_NONE; i++) {
        struct place item = {&at, NULL, i};

        rc = compile_object(w, json_array_get(v, i), &item, depth + 1, e);
    }
    if (rc)
        return rc;
    node->end = w->n_nodes;
    return ERR_NONE;
}

static enum err_code compile_object(struct where *w, const json_t *v,
                                    const struct place *at, unsigned depth,
                                    struct err *e)
{
    const char *key;

    if (!json_is_object(v))
        return bad(e, at, "must be an object");
    if (json_object_size(v) != 1)
        return bad(e, at, "must have exactly one key; combine several by $and");
    key = json_object_iter_key(json_object_iter((json_t *)v));
    v = json_object_get(v, key);
    if (strcmp(key, "$and") == 0 || strcmp(key, "$or") == 0)
        return compile_group(w, key, v, at, depth, e);
    if (key[0] == '$') {
        struct place op = {at, key, 0};

        return bad(e, &op, "unknown operator; here there are $and and $or");
    }
    return compile_condition(w, key, v, at, e);
}

/* Insertion sort: qsort has no context, and 256 are few. */
static void index_by_key(struct where *w)
{
    for (unsigned i = 0; i < w->n_nodes; i++) {
        unsigned at = w->n_by_key;

        if (w->nodes[i].op == OP_AND || w->nodes[i].op == OP_OR)
            continue;
        for (; at > 0; at--) {
            if (slice_cmp(w->nodes[w->by_key[at - 1]].key, w->nodes[i].key) <=
                0)
                break;
            w->by_key[at] = w->by_key[at - 1];
        }
        w->by_key[at] = (uint16_t)i;
        w->n_by_key++;
    }
}

static enum err_code keep_text(struct where *w, const json_t *v, struct err *e)
{
    struct buf b;
    struct jw j;

    buf_init(&b, 2 * WHERE_MAX_BYTES);
    jw_init(&j, &b);
    jw_value(&j, v);
    if (buf_ok(&b))
        w->text = arena_slice(w->arena, buf_slice(&b));
    buf_release(&b);
    return w->text.p ? ERR_NONE : too_large(e);
}

struct slice where_text(const struct where *w)
{
    return w->text;
}

enum err_code where_compile(struct where **out, const json_t *v, struct err *e)
{
    static const struct place top = {NULL, "where", 0};
    struct arena *a = arena_new(MAX_MEMORY);
    struct where *w = a ? arena_calloc(a, 1, sizeof(*w)) : NULL;
    enum err_code rc;

    if (!w) {
        arena_free(a);
        return too_large(e);
    }
    w->arena = a;
    rc = compile_object(w, v, &top, 0, e);
    if (rc == ERR_NONE)
        rc = keep_text(w, v, e);
    if (rc) {
        arena_free(a);
        return rc;
    }
    index_by_key(w);
    *out = w;
    return ERR_NONE;
}

enum err_code where_parse(struct where **out, struct slice json, struct err *e)
{
    struct err cause = {0};
    json_t *v = NULL;
    enum err_code rc;

    if (json.len > WHERE_MAX_BYTES)
        return too_large(e);
    rc = json_parse(&v, json, &cause);
    if (rc == ERR_INVALID)
        return err_field(e, "where", "where: %s", cause.msg);
    if (rc)
        return err_set(e, rc, "%s", cause.msg);
    rc = where_compile(out, v, e);
    json_decref(v);
    return rc;
}

void where_free(struct where *w)
{
    if (w)
        arena_free(w->arena);
}

/* ---- one condition ---- */

/* Is it one of the list?  `cmp` is how the metadata's value stands to one of
 * ours. */
static bool in_list(const struct node *node, const struct value *v,
                    int (*cmp)(const struct value *, const struct value *))
{
    size_t low = 0, high = node->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = cmp(v, &node->list[mid]);

        if (c == 0)
            return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

/* v is of any type; of none if the key is missing. */
static bool holds(const struct node *node, const struct value *v,
                  int (*cmp)(const struct value *, const struct value *))
{
    bool same = v->type == node->list[0].type;

    switch (node->op) {
    case OP_EQ:
    case OP_IN:
        return same && in_list(node, v, cmp);
    case OP_NE:
    case OP_NIN:
        return !same || !in_list(node, v, cmp);
    case OP_GT:
        return same && cmp(v, node->list) > 0;
    case OP_GTE:
        return same && cmp(v, node->list) >= 0;
    case OP_LT:
        return same && cmp(v, node->list) < 0;
    default: /* OP_LTE */
        return same && cmp(v, node->list) <= 0;
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

    if (!is_and && node->op != OP_OR)
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

bool where_matches(const struct where *w, const json_t *metadata)
{
    struct outcome o = {{0}};
    unsigned i;

    if (!w)
        return true;
    for (i = 0; i < w->n_by_key; i++) {
        const struct node *node = &w->nodes[w->by_key[i]];
        struct value v =
            value_of(json_object_getn(metadata, node->key.p, node->key.len));

        set_bit(&o, w->by_key[i], holds(node, &v, compare));
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

/* Past a list or an object: their content cannot be filtered by. */
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
    } while (depth > 0 && depth <= MAX_SKIP_DEPTH);
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
    if (c == '{' || c == '[')
        return skip_nested(sc);
    if (c != '"')
        return take_bare(sc, out);
    out->type = TYPE_TEXT;
    return take_string(sc, &out->u.text);
}

static uint32_t hex4(struct slice s, size_t at)
{
    uint32_t v = 0;

    for (size_t i = at; i < at + 4 && i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        v = v << 4 | (c <= '9' ? c - 48u : (c | 32u) - 87u);
    }
    return v;
}

/* The character that the escape at *pos stands for ("\n", or one or two
 * "\uXXXX"), as UTF-8; *pos moves behind it. */
static size_t unescape(struct slice s, size_t *pos, char out[4])
{
    static const char plain[] = "b\bf\fn\nr\rt\t";
    char c = *pos + 1 < s.len ? s.p[*pos + 1] : '\\';
    const char *found = c ? strchr(plain, c) : NULL;
    uint32_t cp, low;

    if (c != 'u') {
        *pos += 2;
        out[0] = found && (found - plain) % 2 == 0 ? found[1] : c;
        return 1;
    }
    cp = hex4(s, *pos + 2);
    *pos += 6;
    if (cp >= 0xD800 && cp <= 0xDBFF && *pos + 1 < s.len && s.p[*pos] == '\\' &&
        s.p[*pos + 1] == 'u') {
        low = hex4(s, *pos + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
            *pos += 6;
        }
    }
    return utf8_put(out, cp);
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
            n = unescape(raw, &pos, c);
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
    return compare(a, b);
}

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
        set_bit(o, i, holds(&w->nodes[i], v, compare_escaped));
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

enum err_code where_matches_text(const struct where *w, struct slice metadata,
                                 bool *out, struct err *e)
{
    static const struct value missing = {.type = TYPE_NONE};
    struct outcome o = {{0}};
    unsigned i;

    if (!w) {
        *out = true;
        return ERR_NONE;
    }
    for (i = 0; i < w->n_by_key; i++)
        set_bit(&o, w->by_key[i],
                holds(&w->nodes[w->by_key[i]], &missing, compare));
    if (!scan_object(w, metadata, &o))
        return err_set(e, ERR_INVALID, "the metadata is not a JSON object");
    i = 0;
    *out = fold(w, &o, &i);
    return ERR_NONE;
}
