/* batch.c - see batch.h.
 *
 * The body is checked as JSON once, as a whole; from then on it is walked
 * without a second look (base/json_scan.h).  Most of it are vectors: of base64
 * in what the official clients send, of digits else.  A number of up to 19
 * digits becomes a double by one multiplication or division that is exact
 * (Clinger 1990: both sides are doubles without rounding), others go the slow
 * way; then it is rounded to float, as in Chroma's server.
 */
#include "chroma/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include "chroma/metadata.h"
#include "vector/scan.h"

enum column { IDS, EMBEDDINGS, DOCUMENTS, URIS, METADATAS, N_COLUMNS };

static const char *const names[N_COLUMNS] = {[IDS] = "ids",
                                             [EMBEDDINGS] = "embeddings",
                                             [DOCUMENTS] = "documents",
                                             [URIS] = "uris",
                                             [METADATAS] = "metadatas"};

struct reading {
    struct arena *a;
    struct err *e;
    enum records_put how;
    struct slice columns[N_COLUMNS]; /* arrays; p == NULL: not given */
    struct record_new *records;
    size_t n;
    float *vectors; /* (n, dim); NULL: not known how long they are */
    int dim;
    uint8_t *bytes; /* decoded, of one vector; cap of them */
    size_t cap;
};

static enum err_code no_room(const struct reading *r)
{
    return err_set(r->e, ERR_TOO_LARGE,
                   "the batch is too large; send fewer "
                   "records at a time");
}

static enum err_code wrong_type(const struct reading *r, enum column c,
                                size_t i, const char *what)
{
    return err_set(r->e, ERR_UNPROCESSABLE, "%s[%zu]: must be %s", names[c], i,
                   what);
}

static bool is_null(struct slice v)
{
    return v.p[0] == 'n';
}

/* ---- the columns ---- */

static enum err_code malformed(const struct reading *r, size_t at)
{
    return err_set(r->e, ERR_INVALID,
                   "Failed to parse the request body as JSON: syntax error at "
                   "byte %zu",
                   at);
}

static enum err_code check_json(const struct reading *r, struct slice body)
{
    size_t valid = utf8_valid_prefix(body), at = 0;

    if (valid < body.len)
        return err_set(r->e, ERR_INVALID,
                       "Failed to parse the request body as JSON: not UTF-8 at "
                       "byte %zu",
                       valid);
    if (!json_skip(body, &at))
        return malformed(r, at);
    while (at < body.len && strchr(" \t\r\n", body.p[at]) && body.p[at])
        at++;
    return at == body.len ? ERR_NONE : malformed(r, at);
}

static enum err_code find_columns(struct reading *r, struct slice body)
{
    struct slice object = slice_trim(body), key, value;
    size_t pos = 0;

    if (object.p[0] != '{')
        return err_set(r->e, ERR_UNPROCESSABLE,
                       "the body must be a JSON object");
    while (json_scan_member(object, &pos, &key, &value)) {
        enum column c = IDS;

        key = slice_sub(key, 1, key.len - 1);
        while (c < N_COLUMNS && !slice_is(key, names[c]))
            c++;
        if (c == N_COLUMNS)
            continue;
        if (r->columns[c].p)
            return err_set(r->e, ERR_UNPROCESSABLE, "duplicate field `%s`",
                           names[c]);
        if (is_null(value) &&
            (c > EMBEDDINGS || (c == EMBEDDINGS && r->how == RECORDS_UPDATE)))
            continue;
        if (value.p[0] != '[')
            return err_set(r->e, ERR_UNPROCESSABLE, "%s: must be a list",
                           names[c]);
        r->columns[c] = value;
    }
    return ERR_NONE;
}

static enum err_code check_columns(const struct reading *r)
{
    for (enum column c = IDS; c <= EMBEDDINGS; c++)
        if (!r->columns[c].p && (c == IDS || r->how != RECORDS_UPDATE))
            return err_set(r->e, ERR_UNPROCESSABLE, "missing field `%s`",
                           names[c]);
    return ERR_NONE;
}

static size_t count(struct slice array)
{
    struct slice v;
    size_t pos = 0, n = 0;

    while (json_scan_next(array, &pos, &v))
        n++;
    return n;
}

/* ---- texts ---- */

static enum err_code read_text(const struct reading *r, enum column c, size_t i,
                               struct slice v, size_t max, struct slice *out)
{
    if (v.p[0] != '"')
        return wrong_type(r, c, i, "a text");
    if (!json_scan_text(v, r->a, out))
        return no_room(r);
    if (out->len > max)
        return err_set(r->e, ERR_INVALID, "%s[%zu]: longer than %zu bytes",
                       names[c], i, max);
    if (memchr(out->p, 0, out->len))
        return err_set(r->e, ERR_INVALID, "%s[%zu]: must be text without NUL",
                       names[c], i);
    return ERR_NONE;
}

static enum err_code read_id(struct reading *r, size_t i, struct slice v)
{
    struct slice *id = &r->records[i].id;
    enum err_code code = read_text(r, IDS, i, v, RECORDS_MAX_NAME, id);

    if (code == ERR_NONE && id->len == 0)
        return err_set(r->e, ERR_INVALID,
                       "Empty ID, ID must have at least one character");
    return code;
}

static enum err_code read_document(struct reading *r, size_t i, struct slice v)
{
    return is_null(v) ? ERR_NONE
                      : read_text(r, DOCUMENTS, i, v, RECORDS_MAX_DOCUMENT,
                                  &r->records[i].document);
}

static enum err_code read_uri(struct reading *r, size_t i, struct slice v)
{
    return is_null(v)
               ? ERR_NONE
               : read_text(r, URIS, i, v, RECORDS_MAX_URI, &r->records[i].uri);
}

/* ---- metadata ---- */

static enum err_code read_metadata(struct reading *r, size_t i, struct slice v)
{
    char what[40];
    json_t *o = NULL;
    enum err_code code;

    if (is_null(v))
        return ERR_NONE;
    if (v.len > RECORDS_MAX_METADATA)
        return err_set(r->e, ERR_INVALID, "metadatas[%zu]: over %zu bytes", i,
                       RECORDS_MAX_METADATA);
    snprintf(what, sizeof(what), "metadatas[%zu]", i);
    code = json_parse(&o, v, r->e);
    if (code != ERR_NONE)
        err_prefix(r->e, "%s", what);
    if (code == ERR_NONE)
        code = metadata_check(o, what, r->how != RECORDS_ADD, r->e);
    if (code == ERR_NONE && json_object_size(o))
        code = metadata_text(o, r->a, &r->records[i].metadata, r->e);
    json_decref(o);
    return code;
}

/* ---- vectors ---- */

static double power_of_ten(int n)
{
    static const double powers[] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    return powers[n];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Decimal digits from *p on, a point among them, into a mantissa; *scale says
 * where the point is.  false: too many. */
static bool take_digits(const char **p, const char *end, uint64_t *mantissa,
                        int *scale)
{
    const char *at = *p, *point = NULL;
    int n = 0;

    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            point = at;
            continue;
        }
        *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
        n += *mantissa != 0;
    }
    *scale = point ? (int)(point + 1 - at) : 0;
    *p = at;
    return n <= 19;
}

/* A number of valid JSON. */
static bool read_number(struct slice s, float *out)
{
    const char *p = s.p, *end = s.p + s.len;
    bool minus = *p == '-', exact;
    uint64_t mantissa = 0;
    int scale = 0;
    double d;

    p += minus;
    exact = take_digits(&p, end, &mantissa, &scale);
    if (p < end && (*p | 32) == 'e') {
        bool below = false;
        int by = 0;

        p++;
        if (*p == '+' || *p == '-')
            below = *p++ == '-';
        for (; p < end && by < 1000; p++)
            by = by * 10 + (*p - '0');
        scale += below ? -by : by;
    }
    if (exact && mantissa <= UINT64_C(1) << 53 && scale >= -22 && scale <= 22) {
        d = scale < 0 ? (double)mantissa / power_of_ten(-scale)
                      : (double)mantissa * power_of_ten(scale);
        d = minus ? -d : d;
    } else if (s.len > SLICE_DOUBLE_MAX) {
        return false;
    } else if (!slice_to_double(s, &d)) {
        d = minus ? -INFINITY : INFINITY;
    }
    *out = (float)d;
    return true;
}

bool batch_read_floats(struct slice array, float *out, size_t max, size_t *n)
{
    struct slice v;
    size_t pos = 0;

    for (*n = 0; json_scan_next(array, &pos, &v); ++*n) {
        if ((v.p[0] != '-' && !is_digit(v.p[0])) || *n == max)
            return false;
        if (!read_number(v, &out[*n]))
            return false;
    }
    return true;
}

/* The first vector says how long they are. */
static enum err_code begin_vectors(struct reading *r, size_t dim)
{
    if (dim == 0)
        return err_set(r->e, ERR_INVALID,
                       "Validation error: embeddings: Each embedding must have "
                       "at least 1 dimension");
    if (dim > RECORDS_MAX_DIM || dim > VECTOR_MAX_DIM)
        return err_set(r->e, ERR_INVALID,
                       "embeddings: %zu dimensions; at most %d are taken", dim,
                       VECTOR_MAX_DIM < RECORDS_MAX_DIM ? VECTOR_MAX_DIM
                                                        : RECORDS_MAX_DIM);
    r->vectors = arena_calloc(r->a, r->n, dim * sizeof(float));
    r->dim = (int)dim;
    return r->vectors ? ERR_NONE : no_room(r);
}

static enum err_code wrong_dim(const struct reading *r, size_t i, size_t got)
{
    return err_set(r->e, ERR_INVALID,
                   "Inconsistent dimensions in provided embeddings: "
                   "embeddings[%zu] has %zu, and those before it %d",
                   i, got, r->dim);
}

static bool make_scratch(struct reading *r, size_t n)
{
    if (n > r->cap) {
        r->bytes = arena_alloc(r->a, n);
        r->cap = r->bytes ? n : 0;
    }
    return r->bytes != NULL;
}

static enum err_code read_base64(struct reading *r, size_t i, struct slice v)
{
    struct slice text;
    size_t n = 0;
    enum err_code code = ERR_NONE;

    if (!json_scan_text(v, r->a, &text) ||
        !make_scratch(r, text.len / 4 * 3 + 4))
        return no_room(r);
    if (!crypto_base64_decode(r->bytes, &n, text))
        return err_set(r->e, ERR_INVALID,
                       "Invalid base64 string: embeddings[%zu]", i);
    if (n % sizeof(float))
        return err_set(r->e, ERR_INVALID,
                       "Invalid byte length: %zu bytes cannot be converted to "
                       "f32 values (must be divisible by 4)",
                       n);
    n /= sizeof(float);
    if (!r->vectors)
        code = begin_vectors(r, n);
    if (code != ERR_NONE)
        return code;
    if (n != (size_t)r->dim)
        return wrong_dim(r, i, n);
    memcpy(r->vectors + i * n, r->bytes, n * sizeof(float)); /* as we are */
    return ERR_NONE;
}

static enum err_code read_numbers(struct reading *r, size_t i, struct slice v)
{
    size_t n = 0;
    enum err_code code = ERR_NONE;

    if (!r->vectors)
        code = begin_vectors(r, count(v));
    if (code != ERR_NONE)
        return code;
    if (batch_read_floats(v, r->vectors + i * (size_t)r->dim, (size_t)r->dim,
                          &n) &&
        n == (size_t)r->dim)
        return ERR_NONE;
    return n < (size_t)r->dim && count(v) != n
               ? wrong_type(r, EMBEDDINGS, i, "a list of numbers")
               : wrong_dim(r, i, count(v));
}

static enum err_code check_vector(const struct reading *r, size_t i)
{
    const float *v = r->vectors + i * (size_t)r->dim;

    for (int k = 0; k < r->dim; k++)
        if (!isfinite(v[k]))
            return err_set(r->e, ERR_INVALID,
                           "Validation error: embeddings: Embeddings must not "
                           "contain NaN or Infinity values; embeddings[%zu] "
                           "does",
                           i);
    return scan_check(v, (size_t)r->dim, "embedding", i, r->e);
}

static enum err_code read_vector(struct reading *r, size_t i, struct slice v)
{
    enum err_code code;

    if (is_null(v) && r->how == RECORDS_UPDATE)
        return ERR_NONE;
    if (v.p[0] == '"')
        code = read_base64(r, i, v);
    else if (v.p[0] == '[')
        code = read_numbers(r, i, v);
    else
        return wrong_type(r, EMBEDDINGS, i, "a list of numbers or base64");
    if (code == ERR_NONE)
        code = check_vector(r, i);
    if (code == ERR_NONE)
        r->records[i].vector = r->vectors + i * (size_t)r->dim;
    return code;
}

/* ---- the whole ---- */

static enum err_code read_column(struct reading *r, enum column c)
{
    static enum err_code (*const read[N_COLUMNS])(
        struct reading *, size_t, struct slice) = {[IDS] = read_id,
                                                   [EMBEDDINGS] = read_vector,
                                                   [DOCUMENTS] = read_document,
                                                   [URIS] = read_uri,
                                                   [METADATAS] = read_metadata};
    enum err_code code = ERR_NONE;
    size_t pos = 0, i;
    struct slice v;

    for (i = 0; code == ERR_NONE && json_scan_next(r->columns[c], &pos, &v);
         i++)
        code = read[c](r, i, v);
    return code;
}

static enum err_code make_room(struct reading *r)
{
    r->n = count(r->columns[IDS]);
    if (r->n > RECORDS_MAX_BATCH)
        return err_set(r->e, ERR_TOO_LARGE,
                       "Batch size of %zu is greater than max batch size of %d",
                       r->n, RECORDS_MAX_BATCH);
    for (enum column c = EMBEDDINGS; c < N_COLUMNS; c++)
        if (r->columns[c].p && count(r->columns[c]) != r->n)
            return err_set(r->e, ERR_INVALID,
                           "Inconsistent number of IDs, embeddings, documents, "
                           "URIs and metadatas");
    r->records = arena_calloc(r->a, r->n + 1, sizeof(*r->records));
    return r->records ? ERR_NONE : no_room(r);
}

enum err_code batch_read(struct record_batch *out, struct arena *a,
                         struct slice body, enum records_put how, struct err *e)
{
    struct reading r = {.a = a, .e = e, .how = how};
    enum err_code code = check_json(&r, body);

    if (code == ERR_NONE)
        code = find_columns(&r, body);
    if (code == ERR_NONE)
        code = check_columns(&r);
    if (code == ERR_NONE)
        code = make_room(&r);
    for (enum column c = IDS; c < N_COLUMNS && code == ERR_NONE; c++)
        if (r.columns[c].p)
            code = read_column(&r, c);
    if (code == ERR_NONE)
        *out = (struct record_batch){
            .how = how, .dim = r.dim, .records = r.records, .n = r.n};
    return code;
}
