/* json.h - write JSON straight into a buf, and read it with limits.
 *
 * Writing: compact, UTF-8 as it is (not escaped), as Django REST framework
 * writes it.  Commas and colons are set by the writer; nesting is checked with
 * assert.  Bytes that are not UTF-8 come out as U+FFFD, so that the reply is
 * always valid.  Doubles print the shortest form that reads back equal, with a
 * ".0" where they are whole (as Python does); NaN and infinities are null.
 *
 * The writer is `struct jw`, its functions jw_*: jansson owns the names json_*.
 *
 * Reading: jansson, after a check of size, depth and UTF-8 (jansson itself
 * recurses as deep as 2,048).
 *
 * Threads: a writer belongs to one thread.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Deepest nesting, written and read, and longest text that is read (callers
 * have lower limits of their own). */
#define JSON_MAX_DEPTH 64
#define JSON_MAX_BYTES (64 * 1024 * 1024)

struct jw {
    struct buf *out; /* borrowed */
    int depth;
    uint64_t is_array;  /* a bit a level */
    uint64_t has_items; /* a bit a level */
    bool after_key;
};

void jw_init(struct jw *j, struct buf *out);
void jw_obj(struct jw *j);
void jw_end_obj(struct jw *j);
void jw_arr(struct jw *j);
void jw_end_arr(struct jw *j);
void jw_key(struct jw *j, const char *key); /* key needs no escaping */
void jw_key_slice(struct jw *j, struct slice key);
void jw_str(struct jw *j, const char *v); /* NULL: null */
void jw_slice(struct jw *j, struct slice v);
void jw_int(struct jw *j, int64_t v);
void jw_double(struct jw *j, double v);
void jw_bool(struct jw *j, bool v);
void jw_null(struct jw *j);
void jw_time(struct jw *j, int64_t us);       /* RFC 3339; 0: null */
void jw_raw(struct jw *j, struct slice v);    /* v is valid JSON already */
void jw_value(struct jw *j, const json_t *v); /* a jansson tree */
/* key and value in one */
void jw_kstr(struct jw *j, const char *key, const char *v);
void jw_kslice(struct jw *j, const char *key, struct slice v);
void jw_ktext(struct jw *j, const char *key, struct slice v); /* "": null */
void jw_kint(struct jw *j, const char *key, int64_t v);
void jw_kdouble(struct jw *j, const char *key, double v);
void jw_kbool(struct jw *j, const char *key, bool v);
void jw_knull(struct jw *j, const char *key);
void jw_ktime(struct jw *j, const char *key, int64_t us);
void jw_kraw(struct jw *j, const char *key, struct slice v);

/* Parse one JSON text.  ERR_INVALID with line, column and byte position:
 * malformed, not UTF-8, deeper than JSON_MAX_DEPTH, duplicate keys, NUL in a
 * string, a number out of range.  ERR_TOO_LARGE: over JSON_MAX_BYTES.
 * ERR_INTERNAL: out of memory.  Any value may stand at the top.  *out is owned
 * by the caller (json_decref). */
enum err_code json_parse(json_t **out, struct slice text, struct err *e)
    CHECKED;
/* Fetch from an object; SLICE_NONE / dflt when absent, null or of another type.
 * The slice is borrowed from o.  o may be NULL or no object at all. */
struct slice json_get_slice(const json_t *o, const char *key);
int64_t json_get_int(const json_t *o, const char *key, int64_t dflt);
double json_get_double(const json_t *o, const char *key, double dflt);

#endif
