/* test_socketio.c - the parts of Socket.IO that need no socket: payloads,
 * packets, the table of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socketio/eio_payload.h"
#include "socketio/names.h"
#include "socketio/sio_packet.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void test_payload(void **state)
{
    struct slice rest = SLICE("4a\x1e"
                              "b/w==\x1e\x1e"
                              "7\x1e"
                              "2");
    struct eio_packet p;

    (void)state;
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_MESSAGE);
    assert_true(slice_is(p.data, "a"));
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_BINARY);
    assert_true(slice_is(p.data, "/w=="));
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_BAD);
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_BAD);
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_PING);
    assert_int_equal(p.data.len, 0);
    assert_false(eio_payload_next(&rest, &p));
    rest = SLICE("");
    assert_true(eio_payload_next(&rest, &p));
    assert_int_equal(p.type, EIO_BAD);
    assert_int_equal(eio_packet_read(SLICE("bAAAA"), false).type, EIO_BAD);
}

static void test_payload_out(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    eio_payload_add(&b, false, SLICE("42[]"));
    eio_payload_add(&b, true, SLICE("\xff"));
    eio_payload_add(&b, true, SLICE(""));
    eio_payload_add(&b, false, SLICE("2"));
    assert_true(slice_is(buf_slice(&b), "42[]\x1e"
                                        "b/w==\x1e"
                                        "b\x1e"
                                        "2"));
    buf_release(&b);
}

static void test_packets(void **state)
{
    static const struct {
        const char *text;
        enum sio_type type;
        const char *nsp, *json, *event, *args;
        uint32_t attachments;
        int64_t id; /* -1: none */
    } cases[] = {
        {"0", SIO_CONNECT, "/", "", "", "", 0, -1},
        {"0{\"a\":1}", SIO_CONNECT, "/", "{\"a\":1}", "", "", 0, -1},
        {"0/ns,{\"a\":1}", SIO_CONNECT, "/ns", "{\"a\":1}", "", "", 0, -1},
        {"0/ns", SIO_CONNECT, "/ns", "", "", "", 0, -1},
        {"0/a,b", SIO_BINARY_ACK, NULL, NULL, NULL, NULL, 0, 0},
        {"1/ns,", SIO_DISCONNECT, "/ns", "", "", "", 0, -1},
        {"2", SIO_EVENT, "/", "", "", "", 0, -1},
        {"2[\"x\"]", SIO_EVENT, "/", "[\"x\"]", "\"x\"", "", 0, -1},
        {"213[\"x\",1]", SIO_EVENT, "/", "[\"x\",1]", "\"x\"", "1", 0, 13},
        {"2/n,7[ \"x\" , 1 , [2] ]", SIO_EVENT, "/n", "[ \"x\" , 1 , [2] ]",
         "\"x\"", "1 , [2]", 0, 7},
        {"2[5,\"a\"]", SIO_EVENT, "/", "[5,\"a\"]", "5", "\"a\"", 0, -1},
        {"2[\"connect_\"]", SIO_EVENT, "/", "[\"connect_\"]", "\"connect_\"",
         "", 0, -1},
        {"3/n,4[]", SIO_ACK, "/n", "[]", "", "", 0, 4},
        {"34[true]", SIO_ACK, "/", "[true]", "", "true", 0, 4},
        {"51-[\"x\",{\"_placeholder\":true,\"num\":0}]", SIO_BINARY_EVENT, "/",
         "[\"x\",{\"_placeholder\":true,\"num\":0}]", "\"x\"",
         "{\"_placeholder\":true,\"num\":0}", 1, -1},
        {"52-/n,9[\"x\"]", SIO_BINARY_EVENT, "/n", "[\"x\"]", "\"x\"", "", 2,
         9},
        {"610-3[1]", SIO_BINARY_ACK, "/", "[1]", "", "1", 10, 3},
        {"29007199254740991[\"x\"]", SIO_EVENT, "/", "[\"x\"]", "\"x\"", "", 0,
         9007199254740991},
    };
    struct sio_packet p;
    size_t i;

    (void)state;
    for (i = 0; i < N(cases); i++) {
        bool ok = sio_packet_read(slice_of(cases[i].text), &p, NULL);

        if (!cases[i].nsp) {
            assert_false(ok);
            continue;
        }
        if (!ok)
            fail_msg("refused: %s", cases[i].text);
        assert_int_equal(p.type, cases[i].type);
        assert_int_equal(p.attachments, cases[i].attachments);
        assert_int_equal(p.has_id ? (int64_t)p.id : -1, cases[i].id);
        assert_true(slice_is(p.nsp, cases[i].nsp));
        assert_true(slice_is(p.json, cases[i].json));
        assert_true(slice_is(p.event, cases[i].event));
        assert_true(slice_is(p.args, cases[i].args));
    }
}

static void test_refused_packets(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "7",
        "0[]",
        "0\"a\"",
        "0x",
        "1{}",
        "2{}",
        "2[]",
        "2[null]",
        "2[{}]",
        "2[\"disconnect\"]",
        "2[\"\\u0064isconnect\"]",
        "2[\"a\"] b",
        "2 x",
        "29007199254740992[\"a\"]",
        "299999999999999999999999[\"a\"]",
        "3{}",
        "3\"a\"",
        "4",
        "4{\"message\":\"x\"}",
        "5[\"a\"]",
        "50-[\"a\"]",
        "511-[\"a\"]",
        "5-[\"a\"]",
        "51[\"a\"]",
        "5",
        "51",
        "51-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "51-[\"a\",[{\"x\":{\"num\":2,\"_placeholder\":true}}]]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "51-[\"a\",{\"_placeholder\":true}]",
    };
    static const char *const fine[] = {
        "51-[\"a\",{\"_placeholder\":false,\"num\":7}]",
        "51-[\"_placeholder\",true,\"num\",7]",
        "51-[\"a\",{ \"num\" : 0 , \"_placeholder\" : true }]",
        "51-[\"a\",{\"x\":\"_placeholder\",\"num\":5}]",
        "2[\"a\",{\"_placeholder\":true,\"num\":7}]",
    };
    struct sio_packet p;
    const char *why;
    size_t i;

    (void)state;
    for (i = 0; i < N(texts); i++) {
        why = NULL;
        if (sio_packet_read(slice_of(texts[i]), &p, &why))
            fail_msg("taken: %s", texts[i]);
        assert_non_null(why);
    }
    for (i = 0; i < N(fine); i++)
        if (!sio_packet_read(slice_of(fine[i]), &p, &why))
            fail_msg("refused: %s (%s)", fine[i], why);
}

static void test_heads(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    sio_packet_head(&b, SIO_EVENT, 0, SLICE("/"), false, 0);
    buf_add_char(&b, ' ');
    sio_packet_head(&b, SIO_BINARY_ACK, 2, SLICE("/n"), true, 12);
    buf_add_char(&b, ' ');
    sio_packet_head(&b, SIO_ACK, 0, SLICE("/"), true, 0);
    assert_true(slice_is(buf_slice(&b), "42 462-/n,12 430"));
    buf_release(&b);
}

struct thing {
    struct name_entry entry;
    char name[12];
};

static void test_names(void **state)
{
    enum { COUNT = 1000 };
    struct thing *t = calloc(COUNT, sizeof(*t));
    struct names names;
    struct name_entry *e;
    int i;

    (void)state;
    names_init(&names);
    assert_null(names_find(&names, SLICE("0")));
    for (i = 0; i < COUNT; i++) {
        snprintf(t[i].name, sizeof(t[i].name), "%d", i);
        names_add(&names, &t[i].entry, slice_of(t[i].name));
    }
    assert_int_equal(names.n, COUNT);
    for (i = 0; i < COUNT; i++)
        assert_ptr_equal(names_find(&names, slice_of(t[i].name)), &t[i].entry);
    assert_null(names_find(&names, SLICE("1000")));
    for (i = 0; i < COUNT; i += 2)
        names_remove(&names, &t[i].entry);
    for (i = 0; i < COUNT; i++)
        assert_ptr_equal(names_find(&names, slice_of(t[i].name)),
                         i % 2 ? &t[i].entry : NULL);
    for (i = 0, e = NULL; (e = names_next(&names, e)); i++)
        e->len = 0; /* seen; each once */
    assert_int_equal(i, COUNT / 2);
    for (i = 1; i < COUNT; i += 2)
        assert_int_equal(t[i].entry.len, 0);
    for (i = 1; i < COUNT; i += 2) {
        assert_non_null(names_any(&names));
        names_remove(&names, &t[i].entry);
    }
    assert_null(names_any(&names));
    assert_null(names.chains); /* an empty one costs nothing */
    names_release(&names);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload), cmocka_unit_test(test_payload_out),
        cmocka_unit_test(test_packets), cmocka_unit_test(test_refused_packets),
        cmocka_unit_test(test_heads),   cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
