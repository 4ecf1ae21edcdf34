/* test_where.c - Chroma's filters, against a naive reading of the same rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "processor/where.h"

static struct where *compiled(const char *text)
{
    struct where *w = NULL;
    struct err e = {0};

    if (where_parse(&w, slice_of(text), &e) != ERR_NONE)
        fail_msg("%s: %s", text, e.msg);
    return w;
}

/* Over the tree and over the text. */
static bool both(const struct where *w, const char *metadata)
{
    json_t *v = NULL;
    bool tree, text = false;
    struct err e = {0};

    assert_int_equal(json_parse(&v, slice_of(metadata), &e), ERR_NONE);
    tree = where_matches(w, v);
    json_decref(v);
    if (where_matches_text(w, slice_of(metadata), &text, &e) != ERR_NONE)
        fail_msg("%s: %s", metadata, e.msg);
    if (text != tree)
        fail_msg("text and tree differ: %s", metadata);
    return tree;
}

static void check(const char *filter, const char *metadata, bool expected)
{
    struct where *w = compiled(filter);

    if (both(w, metadata) != expected)
        fail_msg("%s over %s is %d", filter, metadata, !expected);
    where_free(w);
}

static void operators(void **state)
{
    static const char doc[] =
        "{\"s\":\"b\",\"i\":5,\"f\":2.5,\"t\":true,\"n\":null,\"l\":[1]}";

    (void)state;
    check("{\"s\":\"b\"}", doc, true);
    check("{\"s\":\"B\"}", doc, false);
    check("{\"s\":{\"$eq\":\"b\"}}", doc, true);
    check("{\"s\":{\"$ne\":\"b\"}}", doc, false);
    check("{\"s\":{\"$ne\":\"c\"}}", doc, true);
    check("{\"i\":{\"$gt\":4}}", doc, true);
    check("{\"i\":{\"$gt\":5}}", doc, false);
    check("{\"i\":{\"$gte\":5}}", doc, true);
    check("{\"i\":{\"$gte\":6}}", doc, false);
    check("{\"i\":{\"$lt\":6}}", doc, true);
    check("{\"i\":{\"$lt\":5}}", doc, false);
    check("{\"i\":{\"$lte\":5}}", doc, true);
    check("{\"i\":{\"$lte\":4}}", doc, false);
    check("{\"f\":{\"$gt\":2.25}}", doc, true);
    check("{\"t\":true}", doc, true);
    check("{\"t\":false}", doc, false);
    check("{\"t\":{\"$in\":[false,true]}}", doc, true);
    check("{\"s\":{\"$in\":[\"x\",\"b\",\"a\"]}}", doc, true);
    check("{\"s\":{\"$nin\":[\"x\",\"b\",\"a\"]}}", doc, false);
    check("{\"i\":{\"$in\":[9,-1,5,5]}}", doc, true);
    check("{\"i\":{\"$nin\":[9,-1]}}", doc, true);
}

static void types_must_match(void **state)
{
    static const char doc[] = "{\"i\":1,\"f\":1.0,\"s\":\"1\",\"t\":true,"
                              "\"big\":9007199254740993}";

    (void)state;
    check("{\"s\":1}", doc, false);
    check("{\"i\":true}", doc, false);
    check("{\"t\":1}", doc, false);
    check("{\"t\":\"true\"}", doc, false);
    check("{\"i\":{\"$ne\":\"1\"}}", doc, true);
    check("{\"i\":{\"$nin\":[\"1\"]}}", doc, true);
    /* but a number is a number */
    check("{\"i\":1.0}", doc, true);
    check("{\"i\":1.5}", doc, false);
    check("{\"f\":1}", doc, true);
    check("{\"f\":{\"$gt\":0}}", doc, true);
    check("{\"i\":{\"$lt\":1.5}}", doc, true);
    check("{\"i\":{\"$gt\":-1e300}}", doc, true);
    check("{\"i\":{\"$lt\":1e300}}", doc, true);
    check("{\"i\":{\"$in\":[0.5,1.0]}}", doc, true);
    check("{\"i\":{\"$nin\":[0.5,1.0]}}", doc, false);
    check("{\"big\":9007199254740993}", doc, true);
    check("{\"big\":9007199254740992.0}", doc, false);
    check("{\"big\":{\"$gt\":9007199254740992.0}}", doc, true);
}

static void lists(void **state)
{
    static const char doc[] =
        "{\"i\":[1,2],\"s\":[\"a\",\"b\\u00e9\"],\"t\":[true],\"f\":[0.5],"
        "\"e\":[],\"n\":[[1],null],\"x\":\"a\"}";

    (void)state;
    check("{\"i\":{\"$contains\":2}}", doc, true);
    check("{\"i\":{\"$contains\":3}}", doc, false);
    check("{\"i\":{\"$contains\":2.0}}", doc, false);
    check("{\"i\":{\"$not_contains\":3}}", doc, true);
    check("{\"i\":{\"$not_contains\":1}}", doc, false);
    check("{\"s\":{\"$contains\":\"b\xc3\xa9\"}}", doc, true);
    check("{\"t\":{\"$contains\":true}}", doc, true);
    check("{\"t\":{\"$contains\":false}}", doc, false);
    check("{\"f\":{\"$contains\":0.5}}", doc, true);
    check("{\"e\":{\"$contains\":1}}", doc, false);
    check("{\"e\":{\"$not_contains\":1}}", doc, true);
    check("{\"n\":{\"$contains\":1}}", doc, false);
    check("{\"x\":{\"$contains\":\"a\"}}", doc, false);
    check("{\"x\":{\"$not_contains\":\"a\"}}", doc, true);
    check("{\"none\":{\"$not_contains\":\"a\"}}", doc, true);
    check("{\"none\":{\"$contains\":\"a\"}}", doc, false);
    check("{\"i\":1}", doc, false);
    check("{\"i\":{\"$ne\":1}}", doc, true);
    check("{\"i\":{\"$in\":[1]}}", doc, false);
    check("{\"i\":{\"$gt\":0}}", doc, false);
}

/* ---- records ---- */

static enum err_code compile_records(struct where **out, const char *v,
                                     const char *document, struct err *e)
{
    json_t *where = NULL, *below = NULL;
    enum err_code rc;

    if (v)
        assert_int_equal(json_parse(&where, slice_of(v), e), ERR_NONE);
    if (document)
        assert_int_equal(json_parse(&below, slice_of(document), e), ERR_NONE);
    rc = where_compile_records(out, where, below, e);
    json_decref(where);
    json_decref(below);
    return rc;
}

/* What the metadata alone tell must agree with the whole. */
static bool record_matches(const char *v, const char *document_filter,
                           const char *metadata, const char *document)
{
    struct where *w = NULL;
    struct err e = {0};
    enum where_verdict verdict = WHERE_NO;
    bool out = false;

    if (compile_records(&w, v, document_filter, &e) != ERR_NONE ||
        where_matches_metadata(w, slice_of(metadata), &verdict, &e) !=
            ERR_NONE ||
        where_matches_record(w, slice_of(metadata), slice_of(document), &out,
                             &e) != ERR_NONE)
        fail_msg("%s %s: %s", v, document_filter, e.msg);
    if ((verdict == WHERE_YES && !out) || (verdict == WHERE_NO && out))
        fail_msg("%s %s: the verdict over metadata is wrong", v,
                 document_filter);
    if (verdict == WHERE_ASK_DOCUMENT)
        assert_true(where_asks_document(w));
    where_free(w);
    return out;
}

static void documents(void **state)
{
    static const struct {
        const char *filter, *document;
        bool matches;
    } cases[] = {
        {"{\"$contains\":\"orld\"}", "Hello World", true},
        {"{\"$contains\":\"ORLD\"}", "Hello World", false},
        {"{\"$contains\":\"\"}", "", true},
        {"{\"$contains\":\"\"}", NULL, false},
        {"{\"$not_contains\":\"x\"}", NULL, true},
        {"{\"$not_contains\":\"W\"}", "Hello World", false},
        {"{\"$regex\":\"^W\"}", "Hello World", false},
        {"{\"$regex\":\"W\"}", "Hello World", true},
        {"{\"$regex\":\"\"}", NULL, false},
        {"{\"$not_regex\":\"W\"}", NULL, true},
        {"{\"$not_regex\":\"W\"}", "Hello World", false},
        {"{\"$and\":[]}", NULL, true},
        {"{\"$or\":[]}", "Hello World", false},
        {"{\"$and\":[{\"$contains\":\"Hell\"},{\"$regex\":\"d$\"}]}",
         "Hello World", true},
        {"{\"$or\":[{\"$contains\":\"x\"},{\"$and\":[{\"$not_contains\":"
         "\"y\"}]}]}",
         "Hello World", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char inside[300];

        if (record_matches(NULL, cases[i].filter, NULL, cases[i].document) !=
            cases[i].matches)
            fail_msg("%s over %s", cases[i].filter, cases[i].document);
        if (strncmp(cases[i].filter, "{\"$and", 6) == 0 ||
            strncmp(cases[i].filter, "{\"$or", 5) == 0)
            continue;
        snprintf(inside, sizeof(inside), "{\"#document\":%s}", cases[i].filter);
        assert_int_equal(
            record_matches(inside, NULL, "{\"a\":1}", cases[i].document),
            cases[i].matches);
    }
}

static void records(void **state)
{
    static const char both_ways[] =
        "{\"$or\":[{\"a\":1},{\"#document\":{\"$contains\":\"x\"}}]}";

    (void)state;
    assert_true(record_matches("{\"a\":1}", NULL, "{\"a\":1}", NULL));
    assert_false(record_matches("{\"a\":1}", NULL, NULL, NULL));
    assert_true(record_matches("{\"a\":{\"$ne\":1}}", NULL, NULL, NULL));
    assert_true(
        record_matches("{\"a\":1}", "{\"$contains\":\"x\"}", "{\"a\":1}", "x"));
    assert_false(
        record_matches("{\"a\":1}", "{\"$contains\":\"x\"}", "{\"a\":1}", "y"));
    assert_false(
        record_matches("{\"a\":1}", "{\"$contains\":\"x\"}", "{\"a\":2}", "x"));
    assert_true(record_matches(both_ways, NULL, "{\"a\":1}", "y"));
    assert_true(record_matches(both_ways, NULL, "{\"a\":2}", "x"));
    assert_false(record_matches(both_ways, NULL, "{\"a\":2}", "y"));
}

static void bad_records(void **state)
{
    static const struct {
        const char *v, *document, *message;
    } cases[] = {
        {NULL, "{}", "where_document: must have exactly one key"},
        {NULL, "5", "where_document: must be an object"},
        {NULL, "{\"$contains\":5}", "where_document.$contains: must be a text"},
        {NULL, "{\"$eq\":\"x\"}", "where_document.$eq: unknown operator"},
        {NULL, "{\"$and\":[{\"$regex\":\"(\"}]}",
         "where_document.$and[0].$regex: "},
        {"{\"#document\":\"x\"}", NULL, "where.#document: must be an object"},
        {"{\"#document\":{\"$eq\":\"x\"}}", NULL,
         "where.#document.$eq: unknown operator"},
        {"{\"a\":{\"$regex\":\"x\"}}", NULL, "where.a.$regex: unknown"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct where *w = NULL;
        struct err e = {0};

        assert_int_equal(compile_records(&w, cases[i].v, cases[i].document, &e),
                         ERR_INVALID);
        if (!slice_starts(slice_of(e.msg), cases[i].message))
            fail_msg("'%s' does not begin '%s'", e.msg, cases[i].message);
    }
}

static void missing_keys(void **state)
{
    static const char *const docs[] = {"{}", "{\"k\":null}", "{\"k\":[1]}",
                                       "{\"k\":{\"a\":1}}", "{\"other\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof(docs) / sizeof(*docs); i++) {
        check("{\"k\":1}", docs[i], false);
        check("{\"k\":{\"$gt\":-1}}", docs[i], false);
        check("{\"k\":{\"$lte\":1}}", docs[i], false);
        check("{\"k\":{\"$in\":[1]}}", docs[i], false);
        check("{\"k\":{\"$ne\":1}}", docs[i], true);
        check("{\"k\":{\"$nin\":[1]}}", docs[i], true);
    }
}

static void groups(void **state)
{
    static const char doc[] = "{\"a\":1,\"b\":2}";

    (void)state;
    check("{\"$and\":[{\"a\":1},{\"b\":2}]}", doc, true);
    check("{\"$and\":[{\"a\":1},{\"b\":3}]}", doc, false);
    check("{\"$or\":[{\"a\":9},{\"b\":2}]}", doc, true);
    check("{\"$or\":[{\"a\":9},{\"b\":9}]}", doc, false);
    check("{\"$or\":[{\"a\":9}]}", doc, false);
    check("{\"$and\":[{\"$or\":[{\"a\":9},{\"a\":1}]},{\"$or\":[{\"b\":9},"
          "{\"$and\":[{\"b\":2},{\"a\":{\"$lt\":2}}]}]}]}",
          doc, true);
    check("{\"$and\":[{\"$or\":[{\"a\":1},{\"a\":9}]},{\"a\":2}]}", doc, false);
    check("{\"$or\":[{\"$and\":[{\"a\":9},{\"a\":1}]},{\"b\":2}]}", doc, true);
    assert_true(both(NULL, doc));
}

static void escapes_in_text(void **state)
{
    (void)state;
    check("{\"k\":\"a\\\"\\n\"}", "{ \"k\" : \"a\\\"\\n\" }", true);
    check("{\"k\":\"\xc3\xa9\"}", "{\"\\u006b\":\"\\u00E9\"}", true);
    check("{\"k\":\"\xf0\x9f\x98\x80\"}", "{\"k\":\"\\ud83d\\ude00\"}", true);
    check("{\"k\":{\"$in\":[\"a/b\",\"c\"]}}", "{\"k\":\"a\\/b\"}", true);
    check("{\"k\":\"ab\"}", "{\"k\":\"a\\u0062c\"}", false);
    check("{\"k\":\"abcd\"}", "{\"k\":\"a\\u0062c\"}", false);
    check("{\"a\":1}", "{\"x\":{\"a\":2,\"y\":[\"}\"]},\"a\":1}", true);
    check("{\"a\":-5}", "{\"b\":\"\\\\\",\"a\":-5}", true);
    check("{\"a\":1e3}", "{\"a\":1E3}", true);
}

static void bad_metadata(void **state)
{
    static const char *const texts[] = {
        "",        "[]",           "{",           "{\"a\":1",   "{\"a\"}",
        "{\"a\":", "{\"a\":1}x",   "{\"a\":tru}", "{a:1}",      "{\"a\":\"x",
        "nul",     "{\"a\":\"x\\", "{\"a\":[1}",  "{\"a\":1,}", "{\"a\":--1}",
    };
    struct where *w = compiled("{\"a\":1}");
    bool out;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (where_matches_text(w, slice_of(texts[i]), &out, NULL) !=
            ERR_INVALID)
            fail_msg("'%s' is taken", texts[i]);
    assert_false(where_matches(w, NULL));
    where_free(w);
}

static void errors_name_the_place(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"1", "where: must be an object"},
        {"[]", "where: must be an object"},
        {"{}", "where: must have exactly one key; combine several by $and"},
        {"{\"a\":1,\"b\":2}",
         "where: must have exactly one key; combine several by $and"},
        {"{\"a\":null}",
         "where.a: the value must be a text, a number, true or false"},
        {"{\"a\":[1]}",
         "where.a: the value must be a text, a number, true or false"},
        {"{\"a\":{}}",
         "where.a: must have exactly one operator; combine several by $and"},
        {"{\"a\":{\"$gt\":1,\"$lt\":2}}",
         "where.a: must have exactly one operator; combine several by $and"},
        {"{\"a\":{\"$foo\":1}}",
         "where.a.$foo: unknown operator; there are $eq, $ne, $gt, $gte, $lt, "
         "$lte, $in, $nin, $contains and $not_contains"},
        {"{\"$not\":[]}",
         "where.$not: unknown operator; here there are $and and $or"},
        {"{\"$and\":[]}",
         "where.$and: must be a list of conditions that is not empty"},
        {"{\"$or\":{\"a\":1}}",
         "where.$or: must be a list of conditions that is not empty"},
        {"{\"$and\":[{\"a\":1},{\"year\":{\"$gt\":\"x\"}}]}",
         "where.$and[1].year.$gt: only numbers can be compared by size"},
        {"{\"$and\":[{\"a\":1},2]}", "where.$and[1]: must be an object"},
        {"{\"a\":{\"$gte\":true}}",
         "where.a.$gte: only numbers can be compared by size"},
        {"{\"a\":{\"$in\":[]}}",
         "where.a.$in: must be a list of values that is not empty"},
        {"{\"a\":{\"$in\":3}}",
         "where.a.$in: must be a list of values that is not empty"},
        {"{\"a\":{\"$nin\":[1,\"x\"]}}",
         "where.a.$nin[1]: all values of a list must be of one type"},
        {"{\"a\":{\"$in\":[1,null]}}",
         "where.a.$in[1]: the value must be a text, a number, true or false"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct where *w = NULL;
        struct err e = {0};

        assert_int_equal(where_parse(&w, slice_of(cases[i].text), &e),
                         ERR_INVALID);
        assert_null(w);
        assert_string_equal(e.field, "where");
        assert_string_equal(e.msg, cases[i].message);
    }
}

static void malformed(void **state)
{
    static const char *const texts[] = {
        "", "{", "{\"a\":}", "{'a':1}", "{\"a\":1}}", "{\"a\":\"\xff\"}"};
    struct where *w;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        e = (struct err){0};
        assert_int_equal(where_parse(&w, slice_of(texts[i]), &e), ERR_INVALID);
        assert_string_equal(e.field, "where");
        assert_memory_equal(e.msg, "where: malformed JSON", 21);
    }
}

static enum err_code nested(int depth)
{
    struct where *w = NULL;
    enum err_code rc;
    struct buf b;

    buf_init(&b, 1000000);
    for (int i = 0; i < depth; i++)
        buf_add_str(&b, i % 2 ? "{\"$or\":[" : "{\"$and\":[");
    buf_add_str(&b, "{\"a\":1}");
    for (int i = 0; i < depth; i++)
        buf_add_str(&b, "]}");
    rc = where_parse(&w, buf_slice(&b), NULL);
    if (rc == ERR_NONE)
        assert_true(both(w, "{\"a\":1}"));
    where_free(rc ? NULL : w);
    buf_release(&b);
    return rc;
}

/* `head`, n times `item`, `tail` */
static enum err_code repeated(const char *head, const char *item, int n,
                              const char *tail)
{
    struct where *w = NULL;
    enum err_code rc;
    struct buf b;

    buf_init(&b, 4 * WHERE_MAX_BYTES);
    buf_add_str(&b, head);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", item);
    buf_add_str(&b, tail);
    rc = where_parse(&w, buf_slice(&b), NULL);
    if (rc == ERR_NONE)
        where_free(w);
    buf_release(&b);
    return rc;
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(nested(WHERE_MAX_DEPTH), ERR_NONE);
    assert_int_equal(nested(WHERE_MAX_DEPTH + 1), ERR_INVALID);
    assert_int_equal(repeated("{\"$or\":[", "{\"a\":1}", 255, "]}"), ERR_NONE);
    assert_int_equal(repeated("{\"$or\":[", "{\"a\":1}", 256, "]}"),
                     ERR_INVALID);
    assert_int_equal(repeated("{\"a\":{\"$in\":[", "1", 1000, "]}}"), ERR_NONE);
    assert_int_equal(repeated("{\"a\":{\"$in\":[", "1", 1001, "]}}"),
                     ERR_INVALID);
    assert_int_equal(repeated("{\"", "kkkkkkk", 128, "\":1}"), ERR_NONE);
    assert_int_equal(repeated("{\"", "kkkkkkk", 129, "\":1}"), ERR_INVALID);
    assert_int_equal(
        repeated("{\"a\":{\"$in\":[", "\"xxxxxxxxx\"", 100000, "]}}"),
        ERR_TOO_LARGE);
}

/* ---- against a naive reading ---- */

/* Numbers between 0 and n - 1, the same in each run. */
static unsigned pick(unsigned n)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x >> 33) % n;
}

static json_t *random_scalar(unsigned type)
{
    static const char *const texts[] = {"", "a", "b", "aa", "\xc3\xa9", "\"\n"};

    switch (type) {
    case 0:
        return json_integer((json_int_t)pick(4) - 1);
    case 1:
        return json_real((double)pick(4) - 1);
    case 2:
        return json_boolean(pick(2));
    default:
        return json_string(texts[pick(6)]);
    }
}

static json_t *random_condition(void)
{
    static const char *const ops[] = {"$eq", "$ne",  "$gt", "$gte",
                                      "$lt", "$lte", "$in", "$nin"};
    static const char *const keys[] = {"a", "b", "k\"", "\xc3\xa9"};
    unsigned op = pick(9), type = pick(4), n;
    json_t *v;

    if (op >= 2 && op <= 5)
        type = pick(2);
    if (op == 8) {
        v = random_scalar(type);
    } else if (op >= 6) {
        v = json_array();
        for (n = pick(4) + 1; n > 0; n--)
            json_array_append_new(v, random_scalar(type));
        v = json_pack("{so}", ops[op], v);
    } else {
        v = json_pack("{so}", ops[op], random_scalar(type));
    }
    return json_pack("{so}", keys[pick(4)], v);
}

static json_t *random_filter(int depth)
{
    json_t *list;

    if (depth == 0 || pick(3) == 0)
        return random_condition();
    list = json_array();
    for (unsigned n = pick(3) + 1; n > 0; n--)
        json_array_append_new(list, random_filter(depth - 1));
    return json_pack("{so}", pick(2) ? "$and" : "$or", list);
}

static json_t *random_metadata(void)
{
    static const char *const keys[] = {"a", "b", "k\"", "\xc3\xa9", "x"};
    json_t *o = json_object();

    for (size_t i = 0; i < 5; i++) {
        unsigned what = pick(7);

        if (what < 4)
            json_object_set_new(o, keys[i], random_scalar(what));
        else if (what == 4)
            json_object_set_new(o, keys[i], json_null());
        else if (what == 5)
            json_object_set_new(o, keys[i], json_pack("[i{si}]", 1, "a", 1));
    }
    return o;
}

static bool same_type(const json_t *a, const json_t *b)
{
    return (json_is_number(a) && json_is_number(b)) ||
           (json_is_boolean(a) && json_is_boolean(b)) ||
           json_typeof(a) == json_typeof(b);
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return a && json_equal(a, b);
}

/* As one would write it in Python. */
static bool naive(const json_t *filter, const json_t *doc)
{
    const char *key = json_object_iter_key(json_object_iter((json_t *)filter));
    const json_t *want = json_object_get(filter, key), *have, *item;
    const char *op = "$eq";
    size_t i;
    double d;

    if (strcmp(key, "$and") == 0) {
        json_array_foreach(want, i, item) if (!naive(item, doc)) return false;
        return true;
    }
    if (strcmp(key, "$or") == 0) {
        json_array_foreach(want, i, item) if (naive(item, doc)) return true;
        return false;
    }
    have = json_object_get(doc, key);
    if (json_is_object(want)) {
        op = json_object_iter_key(json_object_iter((json_t *)want));
        want = json_object_get(want, op);
    }
    if (strcmp(op, "$eq") == 0)
        return same_value(have, want);
    if (strcmp(op, "$ne") == 0)
        return !same_value(have, want);
    if (strcmp(op, "$in") == 0 || strcmp(op, "$nin") == 0) {
        json_array_foreach(
            want, i, item) if (same_value(have, item)) return op[1] == 'i';
        return op[1] == 'n';
    }
    if (!have || !same_type(have, want))
        return false;
    d = json_number_value(have) - json_number_value(want);
    if (strcmp(op, "$gt") == 0)
        return d > 0;
    if (strcmp(op, "$gte") == 0)
        return d >= 0;
    return strcmp(op, "$lt") == 0 ? d < 0 : d <= 0;
}

static void equals_naive_reading(void **state)
{
    size_t matched = 0;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        json_t *filter = random_filter(3);
        struct where *w = NULL;
        struct err e = {0};

        if (where_compile(&w, filter, &e) != ERR_NONE)
            fail_msg("%s", e.msg);
        for (int k = 0; k < 5; k++) {
            json_t *doc = random_metadata();
            char *text =
                json_dumps(doc, pick(2) ? JSON_ENSURE_ASCII : JSON_INDENT(1));
            bool expected = naive(filter, doc);

            matched += expected;
            if (both(w, text) != expected)
                fail_msg("%s", text);
            json_decref(doc);
            free(text);
        }
        where_free(w);
        json_decref(filter);
    }
    assert_in_range(matched, 3000, 12000); /* neither side is trivial */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(types_must_match),
        cmocka_unit_test(lists),
        cmocka_unit_test(documents),
        cmocka_unit_test(records),
        cmocka_unit_test(bad_records),
        cmocka_unit_test(missing_keys),
        cmocka_unit_test(groups),
        cmocka_unit_test(escapes_in_text),
        cmocka_unit_test(bad_metadata),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(malformed),
        cmocka_unit_test(limits),
        cmocka_unit_test(equals_naive_reading),
    };

    return cmocka_run_group_tests_name("where", tests, NULL, NULL);
}
