/* config_check.c - what the text of each setting must look like.
 *
 * A wrong setting must stop the start with a sentence that says what to write,
 * not show up hours later as a failed connection.
 */
#include "base/config_table.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/chroma_url.h"
#include "base/crypto.h"
#include "base/redis_url.h"
#include "base/utf8.h"

#define MAX_TEXT 4096
#define MAX_HOST 253
#define KEY_BYTES 24 /* least length of a signing secret, Standard Webhooks */

bool config_parse_bool(const char *text, bool *out)
{
    static const char *const on[] = {"on", "yes", "true", "1"};
    static const char *const off[] = {"off", "no", "false", "0"};
    size_t i;

    for (i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        if (strcmp(text, on[i]) == 0 || strcmp(text, off[i]) == 0) {
            *out = strcmp(text, on[i]) == 0;
            return true;
        }
    }
    return false;
}

/* Copy into a C string for inet_pton. */
static bool is_address(int family, struct slice s)
{
    unsigned char binary[16];
    char text[INET6_ADDRSTRLEN];

    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, binary) == 1;
}

/* A v4 address or a name: labels of letters, digits, '-' and '_'. */
static bool is_host(struct slice s)
{
    struct slice label;
    size_t i;

    if (s.len == 0 || s.len > MAX_HOST)
        return false;
    /* digits and dots only must be a real address: "127.0.1" is a mistake */
    for (i = 0; i < s.len && strchr("0123456789.", s.p[i]); i++)
        ;
    if (i == s.len)
        return is_address(AF_INET, s);
    while (slice_split(&s, '.', &label)) {
        if (label.len == 0 || label.len > 63 || label.p[0] == '-')
            return false;
        for (i = 0; i < label.len; i++) {
            char c = label.p[i];

            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '_'))
                return false;
        }
    }
    return true;
}

bool config_parse_listen(struct slice s, struct slice *host, uint16_t *port)
{
    uint64_t number;
    size_t colon;

    for (colon = s.len; colon > 0 && s.p[colon - 1] != ':'; colon--)
        ;
    if (colon == 0 || s.len - colon > 5 ||
        !slice_to_u64(slice_sub(s, colon, s.len), &number) || number > 65535)
        return false;
    *host = slice_sub(s, 0, colon - 1);
    *port = (uint16_t)number;
    if (slice_starts(*host, "[") && slice_ends(*host, "]")) {
        *host = slice_sub(*host, 1, host->len - 1);
        return is_address(AF_INET6, *host);
    }
    return is_host(*host);
}

/* ---- checks of single keys: NULL is right, else what is expected --------- */

static const char *check_listen(struct slice s)
{
    struct slice host;
    uint16_t port;

    return config_parse_listen(s, &host, &port)
               ? NULL
               : "expected host:port, such as 127.0.0.1:8642, [::1]:8642 or "
                 "localhost:0";
}

/* "//host[:port][/...]" behind the scheme, without a login */
static bool has_authority(struct slice s)
{
    size_t end;
    struct slice host;
    uint16_t port;

    if (!slice_starts(s, "//"))
        return false;
    s = slice_sub(s, 2, s.len);
    for (end = 0; end < s.len && !strchr("/?#", s.p[end]); end++)
        ;
    s = slice_sub(s, 0, end);
    if (config_parse_listen(s, &host, &port))
        return true;
    if (slice_starts(s, "[") && slice_ends(s, "]"))
        return is_address(AF_INET6, slice_sub(s, 1, s.len - 1));
    return is_host(s);
}

static bool is_http(struct slice s)
{
    size_t scheme = slice_starts(s, "https:")  ? 6
                    : slice_starts(s, "http:") ? 5
                                               : 0;

    return scheme > 0 && slice_find_byte(s, ' ') < 0 &&
           has_authority(slice_sub(s, scheme, s.len));
}

static const char *check_http(struct slice s)
{
    return is_http(s) ? NULL : "expected http://host... or https://host...";
}

static const char *check_services(struct slice s)
{
    static const char *const known[] = {"scraper",   "backend", "processor",
                                        "analytics", "web",     NULL};
    struct slice part;
    size_t i;

    while (slice_split(&s, ',', &part)) {
        part = slice_trim(part);
        for (i = 0; known[i] && !slice_is(part, known[i]); i++)
            ;
        if (!known[i])
            return "expected some of scraper,backend,processor,analytics,web";
    }
    return NULL;
}

static const char *check_origins(struct slice s)
{
    struct slice part;

    while (slice_split(&s, ',', &part)) {
        part = slice_trim(part);
        /* an origin ends with host or port: no path, not even "/" */
        if (!is_http(part) ||
            slice_find_byte(slice_sub(part, 8, part.len), '/') >= 0)
            return "expected origins such as https://example.org, separated "
                   "by commas";
    }
    return NULL;
}

static bool is_network(struct slice s)
{
    ptrdiff_t slash = slice_find_byte(s, '/');
    struct slice address = slash < 0 ? s : slice_sub(s, 0, (size_t)slash);
    bool v4 = is_address(AF_INET, address);
    uint64_t bits = 0;

    if (!v4 && !is_address(AF_INET6, address))
        return false;
    return slash < 0 ||
           (slice_to_u64(slice_sub(s, (size_t)slash + 1, s.len), &bits) &&
            bits <= (v4 ? 32 : 128));
}

static const char *check_proxies(struct slice s)
{
    struct slice part;

    while (slice_split(&s, ',', &part))
        if (!is_network(slice_trim(part)))
            return "expected addresses or networks such as 10.0.0.0/8, "
                   "separated by commas";
    return NULL;
}

static const char *check_database(struct slice s)
{
    if (slice_is(s, "sqlite:") || slice_starts(s, "postgresql://") ||
        slice_starts(s, "postgres://"))
        return NULL;
    return "expected sqlite: or postgresql://user@host/name";
}

static const char *check_vectors(struct slice s)
{
    struct chroma_url url;

    if (slice_is(s, "embedded") || slice_is(s, "pgvector"))
        return NULL;
    return chroma_url_is(s) ? chroma_url_parse(&url, s)
                            : "expected embedded, pgvector or "
                              "chroma:http://host:port";
}

static const char *check_redis(struct slice s)
{
    struct redis_url url;

    return redis_url_parse(&url, s);
}

/* Our keys are {tagged} for Redis Cluster, and end with what follows. */
static const char *check_redis_key(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.len > 64 || s.p[i] <= ' ' || s.p[i] > '~' ||
            strchr("{}#*?[]\\", s.p[i]))
            return "expected up to 64 printable ASCII characters, without "
                   "spaces and { } # * ? [ ] \\";
    return NULL;
}

static const char *check_signing_secret(struct slice s)
{
    static const char wanted[] =
        "expected whsec_ and the base64 of 24 to 64 bytes";
    struct slice code = slice_sub(s, 6, s.len);
    uint8_t key[CRYPTO_BASE64_LEN(64) / 4 * 3];
    size_t n;

    if (!slice_starts(s, "whsec_") || code.len > CRYPTO_BASE64_LEN(64) ||
        !crypto_base64_decode(key, &n, code) || n < KEY_BYTES || n > 64)
        return wanted;
    return NULL;
}

/* It travels in a header: printable ASCII without spaces. */
static const char *check_token(struct slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return "expected printable ASCII characters without spaces";
    return NULL;
}

/* Who guesses it may do everything.  127: struct secrets. */
static const char *check_admin_token(struct slice s)
{
    return s.len < 16 || s.len > 127 ? "expected 16 to 127 characters"
                                     : check_token(s);
}

/* Part of a session's id, which is in a query.  7: struct eio_session. */
static const char *check_live_name(struct slice s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    for (size_t i = 0; i < s.len; i++)
        if (s.len > 7 || !memchr(allowed, s.p[i], sizeof(allowed) - 1))
            return "expected up to 7 letters and digits";
    return NULL;
}

static const char *check_retries(struct slice s)
{
    struct slice part;
    uint64_t ms;
    int n = 0;

    while (slice_split(&s, ',', &part))
        if (++n > 32 || !slice_to_u64(slice_trim(part), &ms) ||
            ms > 30 * UINT64_C(86400000))
            return "expected up to 32 times in milliseconds, separated by "
                   "commas";
    return NULL;
}

static const struct {
    const char *key;
    const char *(*check)(struct slice s);
} checks[] = {
    {"listen", check_listen},
    {"services", check_services},
    {"public_url", check_http},
    {"allowed_origins", check_origins},
    {"trusted_proxies", check_proxies},
    {"database_url", check_database},
    {"vectors", check_vectors},
    {"chroma_token", check_token},
    {"redis_url", check_redis},
    {"redis_key", check_redis_key},
    {"backend_url", check_http},
    {"webhook_secret", check_token},
    {"admin_token", check_admin_token},
    {"server_url", check_http},
    {"live_name", check_live_name},
    {"webhook_signing_secret", check_signing_secret},
    {"llm_url", check_http},
    {"llm_key", check_token},
    {"arxiv_url", check_http},
    {"webhook_retry_ms", check_retries},
};

static const char *check_own_form(const char *key, struct slice s)
{
    size_t i;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (strcmp(checks[i].key, key) == 0)
            return checks[i].check(s);
    return NULL;
}

/* ---- checks by type ------------------------------------------------------ */

/* Settings go into headers, log lines and files of one line each. */
static bool is_one_line(struct slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F)
            return false;
    return utf8_valid(s);
}

static enum err_code check_int(const struct config_row *row, struct slice s,
                               struct err *e)
{
    int64_t v;

    if (!slice_to_i64(s, &v) || v < row->min || v > row->max)
        return err_field(
            e, row->key, "'%s' is not a number from %lld to %lld: '%.*s'",
            row->key, (long long)row->min, (long long)row->max, SLICE_ARG(s));
    return ERR_NONE;
}

static enum err_code check_choice(const struct config_row *row, struct slice s,
                                  struct err *e)
{
    struct slice rest = slice_of(row->choices), choice;

    while (slice_split(&rest, ',', &choice))
        if (slice_eq(choice, s))
            return ERR_NONE;
    return err_field(e, row->key, "'%s' must be one of %s, not '%.*s'",
                     row->key, row->choices, SLICE_ARG(s));
}

static enum err_code check_str(const struct config_row *row, struct slice s,
                               struct err *e)
{
    const char *wanted;

    if (s.len == 0 && row->dflt[0] == '\0')
        return ERR_NONE;
    wanted = s.len > 0 ? check_own_form(row->key, s) : "it cannot be empty";
    if (!wanted)
        return ERR_NONE;
    if (row->secret || strcmp(row->key, "database_url") == 0 ||
        strcmp(row->key, "vectors") == 0 ||
        strcmp(row->key, "redis_url") == 0) /* may hold a password */
        return err_field(e, row->key, "'%s' is not right: %s", row->key,
                         wanted);
    return err_field(e, row->key, "'%s' is not right: %s, not '%.*s'", row->key,
                     wanted, SLICE_ARG(s));
}

enum err_code config_check(const struct config_row *row, const char *text,
                           struct err *e)
{
    struct slice s = slice_of(text);
    bool flag;

    if (s.len > MAX_TEXT)
        return err_field(e, row->key, "'%s' is longer than %d bytes", row->key,
                         MAX_TEXT);
    if (!is_one_line(s))
        return err_field(e, row->key,
                         "'%s' holds control characters or is not UTF-8",
                         row->key);
    switch (row->type) {
    case CONFIG_INT:
        return check_int(row, s, e);
    case CONFIG_BOOL:
        if (config_parse_bool(text, &flag))
            return ERR_NONE;
        return err_field(e, row->key, "'%s' must be on or off, not '%s'",
                         row->key, text);
    case CONFIG_CHOICE:
        return check_choice(row, s, e);
    case CONFIG_STR:
        break;
    }
    return check_str(row, s, e);
}
