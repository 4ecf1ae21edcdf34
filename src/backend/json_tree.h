/* json_tree.h - a large JSON text as a tree in an arena, fast.
 *
 * For the bodies of webhooks, which are large and come often: to read and
 * clean a call of 50 papers (87 kB) took 1.46 ms with jansson and takes
 * 0.22 ms with this, because strings without escapes are not copied and
 * nothing is freed one by one.
 *
 * It takes and refuses exactly what json_parse() (base/json.h) does, but for
 * three things: "\u0000" is let through, so that the caller can say in which
 * member it stands; an object may have at most JSON_TREE_MAX_MEMBERS; memory
 * is bounded by the arena.  fuzz/fuzz_json_tree.c holds the two against each
 * other.
 *
 * Ownership: nodes are in arena; strings are borrowed from the text or in
 * arena.
 * Threads: pure functions; a tree is read-only.
 */
#ifndef BACKEND_JSON_TREE_H
#define BACKEND_JSON_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/slice.h"

#define JSON_TREE_MAX_MEMBERS 256 /* duplicates are looked for pair by pair */

enum node_type {
    NODE_NULL,
    NODE_FALSE,
    NODE_TRUE,
    NODE_INT,
    NODE_REAL,
    NODE_STR,
    NODE_ARR,
    NODE_OBJ
};

struct json_node {
    enum node_type type;
    struct slice key;             /* in an object: its name there */
    const struct json_node *next; /* of the same array or object */
    union {
        int64_t i;
        double d;
        struct slice s;
        struct {
            const struct json_node *first;
            size_t n;
        } kids;
    };
};

/* ERR_INVALID and ERR_TOO_LARGE (also: the arena is full) as json_parse(). */
enum err_code json_tree_parse(const struct json_node **out, struct arena *a,
                              struct slice text, struct err *e) CHECKED;
/* The member of that name, or NULL; o may be any node, or NULL. */
const struct json_node *json_tree_get(const struct json_node *o,
                                      const char *key);
/* Write it again, compact.  false: it holds a NUL character. */
bool json_tree_write(struct jw *j, const struct json_node *v);

#endif
