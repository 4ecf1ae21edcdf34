/* sio_packet.c - see sio_packet.h. */
#include "socketio/sio_packet.h"

#include "base/json.h"
#include "base/json_scan.h"

#define NO_NUM (-1)

static bool fail(const char **why, const char *text)
{
    if (why)
        *why = text;
    return false;
}

/* Digits at the front of *rest; false: none, or over `max`. */
static bool take_number(struct slice *rest, uint64_t max, uint64_t *out)
{
    size_t n = 0;

    while (n < rest->len && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    if (!slice_to_u64(slice_sub(*rest, 0, n), out) || *out > max)
        return false;
    *rest = slice_sub(*rest, n, rest->len);
    return true;
}

/* ---- payloads ---- */

/* Names that the libraries use for events of their own. */
static bool is_reserved(struct slice name)
{
    static const char *const reserved[] = {
        "connect",       "connect_error", "disconnect",
        "disconnecting", "newListener",   "removeListener",
    };
    size_t i;

    for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (slice_is(name, reserved[i]))
            return true;
    return false;
}

/* A name as JSON: a number, or a string that is not reserved.  One with
 * escapes must be decoded to know. */
static bool name_ok(struct slice name)
{
    json_t *v;
    bool ok;

    if (name.p[0] != '"')
        return name.p[0] == '-' || (name.p[0] >= '0' && name.p[0] <= '9');
    if (slice_find_byte(name, '\\') < 0)
        return !is_reserved(slice_sub(name, 1, name.len - 1));
    if (json_parse(&v, name, NULL))
        return true; /* \u0000 or half a surrogate: not reserved */
    ok = !is_reserved(
        (struct slice){json_string_value(v), json_string_length(v)});
    json_decref(v);
    return ok;
}

/* An array: its first element, if it is a name, and the others. */
static bool split_array(struct sio_packet *p, bool has_name)
{
    size_t pos = 0;
    struct slice inner;

    if (p->json.p[0] != '[')
        return false;
    if (has_name &&
        (!json_scan_next(p->json, &pos, &p->event) || !name_ok(p->event)))
        return false;
    inner = slice_sub(p->json, has_name ? pos : 1, p->json.len - 1);
    inner = slice_trim(inner);
    if (has_name && inner.len > 0) /* the comma behind the name */
        inner = slice_trim(slice_sub(inner, 1, inner.len));
    p->args = inner;
    return true;
}

static bool payload_ok(struct sio_packet *p)
{
    bool none = p->json.len == 0;

    switch (p->type) {
    case SIO_CONNECT:
        return none || p->json.p[0] == '{';
    case SIO_DISCONNECT:
        return none;
    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        return none || split_array(p, true);
    case SIO_ACK:
    case SIO_BINARY_ACK:
        return none || split_array(p, false);
    default:
        return false; /* CONNECT_ERROR: only servers say that */
    }
}

/* ---- placeholders ---- */

/* An object of the JSON, while it is walked through. */
struct level {
    bool placeholder;
    int64_t num;
};

/* The key at `pos` (its quote), and what its value says about the object.
 * Moves past the key. */
static void look_at_key(struct slice json, size_t *pos, struct level *at)
{
    size_t from = *pos;
    struct slice key, value;

    (void)json_skip(json, pos);
    key = slice_sub(json, from, *pos);
    while (*pos < json.len && json.p[*pos] != ':') {
        if (json.p[*pos] == ',' || json.p[*pos] == ']' || json.p[*pos] == '}')
            return; /* it was a value */
        (*pos)++;
    }
    if (*pos == json.len)
        return;
    from = ++*pos;
    while (from < json.len && (json.p[from] == ' ' || json.p[from] == '\t' ||
                               json.p[from] == '\n' || json.p[from] == '\r'))
        from++;
    value = slice_sub(json, from, json.len);
    if (slice_is(key, "\"_placeholder\""))
        at->placeholder = slice_starts(value, "true");
    if (slice_is(key, "\"num\"")) {
        size_t n = 0;

        while (n < value.len && value.p[n] >= '0' && value.p[n] <= '9')
            n++;
        if (!slice_to_i64(slice_sub(value, 0, n), &at->num))
            at->num = NO_NUM;
    }
}

/* Does each placeholder in this valid JSON stand for an attachment? */
static bool placeholders_ok(struct slice json, uint32_t attachments)
{
    struct level levels[JSON_MAX_DEPTH + 1];
    size_t depth = 0, pos = 0;

    levels[0] = (struct level){false, NO_NUM};
    while (pos < json.len) {
        switch (json.p[pos]) {
        case '"':
            look_at_key(json, &pos, &levels[depth]);
            continue;
        case '{':
        case '[':
            levels[++depth] = (struct level){false, NO_NUM};
            break;
        case ']':
        case '}':
            if (levels[depth].placeholder &&
                (levels[depth].num < 0 || levels[depth].num >= attachments))
                return false;
            depth--;
            break;
        default:
            break;
        }
        pos++;
    }
    return true;
}

/* ---- reading ---- */

static bool take_attachments(struct slice *rest, struct sio_packet *p)
{
    uint64_t n;

    if (!take_number(rest, SIO_MAX_ATTACHMENTS, &n) || n == 0 ||
        !slice_starts(*rest, "-"))
        return false;
    *rest = slice_sub(*rest, 1, rest->len);
    p->attachments = (uint32_t)n;
    return true;
}

bool sio_packet_read(struct slice text, struct sio_packet *out,
                     const char **why)
{
    struct slice rest = slice_sub(text, 1, text.len);
    struct sio_packet *p = out;
    bool is_binary;

    *p = (struct sio_packet){.nsp = SLICE("/")};
    if (text.len == 0 || text.p[0] < '0' || text.p[0] > '6')
        return fail(why, "unknown packet type");
    p->type = (enum sio_type)(text.p[0] - '0');
    is_binary = p->type == SIO_BINARY_EVENT || p->type == SIO_BINARY_ACK;
    if (is_binary && !take_attachments(&rest, p))
        return fail(why, "illegal number of attachments");
    if (slice_starts(rest, "/")) {
        (void)slice_split(&rest, ',', &p->nsp);
        if (!rest.p)
            rest = SLICE("");
    }
    if (rest.len > 0 && rest.p[0] >= '0' && rest.p[0] <= '9') {
        p->has_id = true;
        if (!take_number(&rest, SIO_MAX_ACK_ID, &p->id))
            return fail(why, "illegal ack id");
    }
    if (rest.len > 0 && !json_scan_valid(rest))
        return fail(why, "invalid JSON");
    p->json = slice_trim(rest);
    if (!payload_ok(p))
        return fail(why, "invalid payload");
    if (is_binary && !placeholders_ok(p->json, p->attachments))
        return fail(why, "illegal attachments");
    return true;
}

/* ---- writing ---- */

void sio_packet_head(struct buf *out, enum sio_type type, size_t attachments,
                     struct slice nsp, bool has_id, uint64_t id)
{
    buf_add_char(out, '4');
    buf_add_char(out, (char)('0' + type));
    if (attachments > 0) {
        buf_add_u64(out, attachments);
        buf_add_char(out, '-');
    }
    if (nsp.len > 1) {
        buf_add_slice(out, nsp);
        buf_add_char(out, ',');
    }
    if (has_id)
        buf_add_u64(out, id);
}
