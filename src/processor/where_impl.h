/* where_impl.h - a compiled filter; inside where.c (which makes it) and
 * where_match.c (which asks it) only.
 *
 * A program is an array of nodes in the order they were written; $and and $or
 * know where their last descendant ends.
 */
#ifndef PROCESSOR_WHERE_IMPL_H
#define PROCESSOR_WHERE_IMPL_H

#include <stdint.h>

#include "processor/regex.h"
#include "processor/where.h"

enum type { TYPE_NONE, TYPE_TEXT, TYPE_INT, TYPE_REAL, TYPE_BOOL, TYPE_LIST };

struct value {
    enum type type;
    union {
        struct slice text; /* from metadata text: still escaped; of a list
                              there: with its brackets */
        int64_t i;
        double d;
        bool b;
        const json_t *list;
    } u;
};

enum op {
    OP_AND,
    OP_OR,
    /* of metadata */
    OP_EQ,
    OP_NE,
    OP_GT,
    OP_GTE,
    OP_LT,
    OP_LTE,
    OP_IN,
    OP_NIN,
    OP_HAS,     /* $contains: a list has the value */
    OP_HAS_NOT, /* $not_contains */
    /* of the document */
    OP_CONTAINS,
    OP_NOT_CONTAINS,
    OP_REGEX,
    OP_NOT_REGEX
};

struct node {
    enum op op;
    unsigned end;             /* $and, $or: index behind the last descendant */
    struct slice key;         /* conditions on metadata */
    const struct value *list; /* sorted; one value unless $in or $nin */
    size_t n;
    struct slice text;   /* OP_CONTAINS, OP_NOT_CONTAINS */
    struct regex *regex; /* OP_REGEX, OP_NOT_REGEX; owned */
};

struct where {
    struct arena *arena; /* everything, this struct too */
    struct slice text;
    struct node nodes[WHERE_MAX_NODES];
    unsigned n_nodes;
    uint16_t by_key[WHERE_MAX_NODES]; /* on metadata, sorted by key */
    unsigned n_by_key;
    uint16_t of_document[WHERE_MAX_NODES];
    unsigned n_of_document;
    bool records; /* where_compile_records made it */
};

static inline bool where_op_is_group(enum op op)
{
    return op == OP_AND || op == OP_OR;
}

/* How a stands to b, as slice_cmp tells.  Numbers are compared as numbers,
 * other values of different types by type. */
int where_compare(const struct value *a, const struct value *b);
/* TYPE_NONE: neither scalar nor list.  Borrowed. */
struct value where_value_of(const json_t *v);

#endif
