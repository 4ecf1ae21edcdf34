/* where.c - see where.h: from JSON to a program; where_match.c asks it. */
#include "processor/where.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/utf8.h"
#include "processor/where_impl.h"

/* Values cost at most 24 bytes for 2 of JSON ("1,"), nodes are few. */
#define MAX_MEMORY (16 * WHERE_MAX_BYTES)

#define DOCUMENT_KEY "#document"

/* ---- errors ---- */

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

/* ---- values ---- */

static int compare_for_sort(const void *a, const void *b)
{
    return where_compare(a, b);
}

static enum err_code keep(struct where *w, const json_t *v, struct value *out,
                          const struct place *at, struct err *e)
{
    *out = where_value_of(v);
    if (out->type == TYPE_NONE || out->type == TYPE_LIST)
        return bad(e, at, "the value must be a text, a number, true or false");
    if (out->type != TYPE_TEXT)
        return ERR_NONE;
    out->u.text = arena_slice(w->arena, out->u.text);
    return out->u.text.p ? ERR_NONE : too_large(e);
}

/* ---- conditions on metadata ---- */

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

/* Between the two, both included. */
static bool find_op(const char *name, enum op from, enum op to, enum op *out)
{
    static const char *const names[] = {
        [OP_EQ] = "$eq",
        [OP_NE] = "$ne",
        [OP_GT] = "$gt",
        [OP_GTE] = "$gte",
        [OP_LT] = "$lt",
        [OP_LTE] = "$lte",
        [OP_IN] = "$in",
        [OP_NIN] = "$nin",
        [OP_HAS] = "$contains",
        [OP_HAS_NOT] = "$not_contains",
        [OP_CONTAINS] = "$contains",
        [OP_NOT_CONTAINS] = "$not_contains",
        [OP_REGEX] = "$regex",
        [OP_NOT_REGEX] = "$not_regex",
    };

    for (enum op i = from; i <= to; i++) {
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
    if (!find_op(op_at.name, OP_EQ, OP_HAS_NOT, &op))
        return bad(e, &op_at,
                   "unknown operator; there are $eq, $ne, $gt, $gte, $lt, "
                   "$lte, $in, $nin, $contains and $not_contains");
    node->op = op;
    return compile_value(w, node, json_object_get(v, op_at.name), &op_at, e);
}

/* ---- conditions on the document ---- */

/* One operator and its text: {"$contains": "..."}. */
static enum err_code compile_document(struct where *w, const json_t *v,
                                      const struct place *up, struct err *e)
{
    const char *name = json_object_iter_key(json_object_iter((json_t *)v));
    struct place at = {up, name, 0};
    struct err why = {0};
    struct slice text;
    struct node *node = NULL;
    enum op op = OP_CONTAINS;
    enum err_code rc;

    if (json_object_size(v) != 1)
        return bad(e, up, "must be an object with exactly one operator");
    if (!find_op(name, OP_CONTAINS, OP_NOT_REGEX, &op))
        return bad(e, &at,
                   "unknown operator; of a document there are $contains, "
                   "$not_contains, $regex and $not_regex");
    v = json_object_get(v, name);
    if (!json_is_string(v))
        return bad(e, &at, "must be a text");
    text = (struct slice){json_string_value(v), json_string_length(v)};
    rc = add_node(w, op, &at, &node, e);
    if (rc)
        return rc;
    if (op == OP_CONTAINS || op == OP_NOT_CONTAINS) {
        node->text = arena_slice(w->arena, text);
        return node->text.p ? ERR_NONE : too_large(e);
    }
    rc = regex_compile(&node->regex, text, &why);
    if (rc == ERR_INVALID)
        return bad(e, &at, why.msg);
    return rc ? err_set(e, rc, "%s", why.msg) : ERR_NONE;
}

/* ---- groups ---- */

/* Compiles what stands in a group. */
typedef enum err_code compile_one(struct where *w, const json_t *v,
                                  const struct place *at, unsigned depth,
                                  struct err *e);

static enum err_code compile_group(struct where *w, const char *name,
                                   const json_t *v, const struct place *up,
                                   unsigned depth, compile_one *one,
                                   struct err *e)
{
    struct place at = {up, name, 0};
    struct node *node = NULL;
    enum err_code rc;
    size_t i;

    if (!json_is_array(v) || (json_array_size(v) == 0 && !w->records))
        return bad(e, &at, "must be a list of conditions that is not empty");
    if (depth >= WHERE_MAX_DEPTH)
        return bad(e, &at, "nested more than 16 deep");
    rc = add_node(w, strcmp(name, "$and") == 0 ? OP_AND : OP_OR, &at, &node, e);
    for (i = 0; i < json_array_size(v) && rc == ERR_NONE; i++) {
        struct place item = {&at, NULL, i};

        rc = one(w, json_array_get(v, i), &item, depth + 1, e);
    }
    if (rc)
        return rc;
    node->end = w->n_nodes;
    return ERR_NONE;
}

static bool is_group(const char *key)
{
    return strcmp(key, "$and") == 0 || strcmp(key, "$or") == 0;
}

/* The only key; *member is its value. */
static enum err_code only_member(const json_t *v, const struct place *at,
                                 const char **key, const json_t **member,
                                 struct err *e)
{
    if (!json_is_object(v))
        return bad(e, at, "must be an object");
    if (json_object_size(v) != 1)
        return bad(e, at, "must have exactly one key; combine several by $and");
    *key = json_object_iter_key(json_object_iter((json_t *)v));
    *member = json_object_get(v, *key);
    return ERR_NONE;
}

static enum err_code compile_object(struct where *w, const json_t *v,
                                    const struct place *at, unsigned depth,
                                    struct err *e)
{
    const char *key = NULL;
    const json_t *member = NULL;
    struct place op = {at, NULL, 0};
    enum err_code rc = only_member(v, at, &key, &member, e);

    if (rc)
        return rc;
    op.name = key;
    if (is_group(key))
        return compile_group(w, key, member, at, depth, compile_object, e);
    if (key[0] == '$')
        return bad(e, &op, "unknown operator; here there are $and and $or");
    if (w->records && strcmp(key, DOCUMENT_KEY) == 0)
        return compile_document(w, member, &op, e);
    return compile_condition(w, key, member, at, e);
}

/* Of where_document. */
static enum err_code compile_document_object(struct where *w, const json_t *v,
                                             const struct place *at,
                                             unsigned depth, struct err *e)
{
    const char *key = NULL;
    const json_t *member = NULL;
    enum err_code rc = only_member(v, at, &key, &member, e);

    if (rc)
        return rc;
    if (is_group(key))
        return compile_group(w, key, member, at, depth, compile_document_object,
                             e);
    return compile_document(w, v, at, e);
}

/* ---- the whole ---- */

/* Insertion sort: qsort has no context, and 256 are few. */
static void index_nodes(struct where *w)
{
    for (unsigned i = 0; i < w->n_nodes; i++) {
        unsigned at = w->n_by_key;

        if (w->nodes[i].op >= OP_CONTAINS)
            w->of_document[w->n_of_document++] = (uint16_t)i;
        if (where_op_is_group(w->nodes[i].op) || w->nodes[i].op >= OP_CONTAINS)
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

static enum err_code keep_text(struct where *w, const json_t *v,
                               const json_t *document, struct err *e)
{
    struct buf b;
    struct jw j;

    buf_init(&b, 4 * WHERE_MAX_BYTES);
    jw_init(&j, &b);
    if (!w->records) {
        jw_value(&j, v);
    } else {
        jw_arr(&j);
        jw_value(&j, v);
        jw_value(&j, document);
        jw_end_arr(&j);
    }
    if (buf_ok(&b))
        w->text = arena_slice(w->arena, buf_slice(&b));
    buf_release(&b);
    return w->text.p ? ERR_NONE : too_large(e);
}

struct slice where_text(const struct where *w)
{
    return w->text;
}

/* Both parts of a filter of records, as one $and. */
static enum err_code compile_both(struct where *w, const json_t *v,
                                  const json_t *document, struct err *e)
{
    static const struct place top = {NULL, "where", 0},
                              below = {NULL, "where_document", 0};
    struct node *both = NULL;
    enum err_code rc = add_node(w, OP_AND, &top, &both, e);

    if (rc == ERR_NONE && !json_is_null(v))
        rc = compile_object(w, v, &top, 0, e);
    if (rc == ERR_NONE && !json_is_null(document))
        rc = compile_document_object(w, document, &below, 0, e);
    if (rc == ERR_NONE)
        both->end = w->n_nodes;
    return rc;
}

/* document == NULL: metadata alone. */
static enum err_code compile(struct where **out, const json_t *v,
                             const json_t *document, struct err *e)
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
    w->records = document != NULL;
    rc = w->records ? compile_both(w, v, document, e)
                    : compile_object(w, v, &top, 0, e);
    if (rc == ERR_NONE)
        rc = keep_text(w, v, document, e);
    if (rc) {
        where_free(w);
        return rc;
    }
    index_nodes(w);
    *out = w;
    return ERR_NONE;
}

enum err_code where_compile(struct where **out, const json_t *v, struct err *e)
{
    return compile(out, v, NULL, e);
}

enum err_code where_compile_records(struct where **out, const json_t *v,
                                    const json_t *document, struct err *e)
{
    return compile(out, v ? v : json_null(), document ? document : json_null(),
                   e);
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
    if (!w)
        return;
    for (unsigned i = 0; i < w->n_nodes; i++)
        regex_free(w->nodes[i].regex);
    arena_free(w->arena);
}
