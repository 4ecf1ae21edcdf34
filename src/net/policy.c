/* policy.c - who may do what: Host, Origin, tokens, proxies.
 *
 * Three attackers are kept out.  A web page that the user happens to visit
 * (cross-site writes: Origin; DNS rebinding: Host).  Somebody on the network
 * (the admin token, once we listen beyond loopback or stand behind a proxy; a
 * forwarding header alone is enough evidence of one).  And somebody who
 * pretends to be another client (forwarding headers count only from a trusted
 * proxy, and then the rightmost hop that is not itself one).
 */
#include "net/router_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"

#define COOKIE "sheaf_session"
#define MAX_FAILED 10 /* wrong tokens a minute from one address */
#define ATTEMPT_SECONDS 60

/* ---- options ---- */

static bool parse_address(struct slice s, uint8_t out[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    char text[INET6_ADDRSTRLEN];

    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    memcpy(out, mapped, 12);
    return inet_pton(AF_INET, text, out + 12) == 1 ||
           inet_pton(AF_INET6, text, out) == 1;
}

static enum err_code parse_cidr(struct slice s, struct cidr *out, struct err *e)
{
    ptrdiff_t slash = slice_find_byte(s, '/');
    struct slice addr = slash < 0 ? s : slice_sub(s, 0, (size_t)slash);
    bool is_four = slice_find_byte(addr, ':') < 0;
    uint64_t bits = is_four ? 32 : 128;

    if (!parse_address(addr, out->bits) ||
        (slash >= 0 &&
         (!slice_to_u64(slice_sub(s, (size_t)slash + 1, s.len), &bits) ||
          bits > (is_four ? 32u : 128u))))
        return err_set(e, ERR_INVALID,
                       "'%.*s' in trusted_proxies is no address or CIDR",
                       SLICE_ARG(s));
    out->prefix = (int)bits + (is_four ? 96 : 0);
    return ERR_NONE;
}

static size_t count_items(const char *list)
{
    size_t n = 1;

    for (; *list; list++)
        n += *list == ',';
    return n;
}

static char *copy(const char *s)
{
    char *p = mem_strndup(s ? s : "", s ? strlen(s) : 0);

    if (!p)
        abort();
    return p;
}

/* "https://desk.example:8443" -> its host part; false: no origin. */
static bool split_origin(struct slice s, struct slice *host, bool *https)
{
    *https = slice_starts(s, "https://");
    if (!*https && !slice_starts(s, "http://"))
        return false;
    *host = slice_sub(s, *https ? 8 : 7, s.len);
    return http_is_host(*host);
}

static enum err_code setup_public_url(struct router *rt, const char *url,
                                      struct err *e)
{
    struct slice s, host;
    size_t n;
    ptrdiff_t slash;
    bool https;

    rt->public_url = copy(url);
    n = strlen(rt->public_url);
    while (n > 0 && rt->public_url[n - 1] == '/')
        rt->public_url[--n] = '\0';
    if (n == 0)
        return ERR_NONE;
    s = slice_of(rt->public_url);
    host = slice_sub(s, slice_starts(s, "https://") ? 8 : 7, n);
    slash = slice_find_byte(host, '/');
    if (slash >= 0)
        s.len -= host.len - (size_t)slash;
    if (!split_origin(s, &rt->public_host, &https) ||
        strpbrk(rt->public_url, "?# \r\n\""))
        return err_set(e, ERR_INVALID,
                       "public_url '%s' is not http(s)://host[:port][/path]",
                       url);
    rt->public_origin = s;
    rt->public_https = https;
    return ERR_NONE;
}

enum err_code policy_setup(struct router *rt, const struct router_options *opt,
                           struct err *e)
{
    const char *proxies = opt->trusted_proxies ? opt->trusted_proxies : "";
    struct slice rest, item, host;
    enum err_code rc;
    bool https;

    rt->private_reads = opt->private_reads;
    rt->local_only = opt->local_only;
    rt->admin_token = copy(opt->admin_token);
    rt->webhook_secret = copy(opt->webhook_secret);
    rt->origins_text = copy(opt->allowed_origins);
    crypto_random(&rt->seed, sizeof(rt->seed));
    rc = setup_public_url(rt, opt->public_url ? opt->public_url : "", e);
    if (rc)
        return rc;
    rt->origins =
        mem_alloc(count_items(rt->origins_text) * sizeof(rt->origins[0]));
    rt->proxies = mem_alloc(count_items(proxies) * sizeof(rt->proxies[0]));
    if (!rt->origins || !rt->proxies)
        abort();
    for (rest = slice_of(rt->origins_text); slice_split(&rest, ',', &item);) {
        item = slice_trim(item);
        if (slice_ends(item, "/"))
            item.len--;
        if (item.len == 0)
            continue;
        if (!split_origin(item, &host, &https))
            return err_set(e, ERR_INVALID,
                           "'%.*s' in allowed_origins is not "
                           "http(s)://host[:port]",
                           SLICE_ARG(item));
        rt->origins[rt->n_origins++] = item;
    }
    for (rest = slice_of(proxies); slice_split(&rest, ',', &item);) {
        item = slice_trim(item);
        rc = item.len ? parse_cidr(item, &rt->proxies[rt->n_proxies], e)
                      : ERR_NONE;
        if (rc)
            return rc;
        rt->n_proxies += item.len > 0;
    }
    return ERR_NONE;
}

void policy_release(struct router *rt)
{
    mem_free(rt->admin_token);
    mem_free(rt->webhook_secret);
    mem_free(rt->origins_text);
    mem_free(rt->public_url);
    mem_free(rt->origins);
    mem_free(rt->proxies);
}

/* ---- proxies ---- */

static bool in_cidr(const uint8_t bits[16], const struct cidr *c)
{
    int whole = c->prefix / 8, left = c->prefix % 8;

    if (memcmp(bits, c->bits, (size_t)whole) != 0)
        return false;
    return left == 0 || (bits[whole] ^ c->bits[whole]) >> (8 - left) == 0;
}

bool router_is_proxy(const struct router *rt, struct slice address)
{
    uint8_t bits[16];
    size_t i;

    if (rt->n_proxies == 0 || !parse_address(address, bits))
        return false;
    for (i = 0; i < rt->n_proxies; i++)
        if (in_cidr(bits, &rt->proxies[i]))
            return true;
    return false;
}

static bool is_forwarding(struct slice name)
{
    switch (name.len) {
    case 3:
        return slice_is_nocase(name, "Via");
    case 9:
        return slice_is_nocase(name, "Forwarded") ||
               slice_is_nocase(name, "X-Real-IP");
    default:
        return name.len > 12 &&
               slice_is_nocase(slice_sub(name, 0, 12), "X-Forwarded-");
    }
}

static bool says_forwarded(const struct exchange *x)
{
    size_t i;

    for (i = 0; i < x->r.n_headers; i++)
        if (is_forwarding(x->r.headers[i].name))
            return true;
    return false;
}

/* The rightmost hop that is not one of our proxies. */
static void find_client(struct exchange *x)
{
    struct slice hops = request_header(&x->r, "X-Forwarded-For"), hop;
    uint8_t bits[16];
    size_t end = hops.len, begin;

    while (end > 0) {
        begin = end;
        while (begin > 0 && hops.p[begin - 1] != ',')
            begin--;
        hop = slice_trim(slice_sub(hops, begin, end));
        if (!parse_address(hop, bits))
            return; /* what lies beyond it cannot be trusted either */
        x->r.client = hop;
        if (!router_is_proxy(x->router, hop))
            return;
        end = begin > 0 ? begin - 1 : 0;
    }
}

bool policy_https(const struct exchange *x)
{
    if (x->router->public_url[0])
        return x->router->public_https;
    return x->peer_trusted &&
           slice_is_nocase(request_header(&x->r, "X-Forwarded-Proto"), "https");
}

/* ---- Host ---- */

static struct slice without_port(struct slice host)
{
    ptrdiff_t end;

    if (host.len > 0 && host.p[0] == '[') {
        end = slice_find_byte(host, ']');
        return slice_sub(host, 0, (size_t)end + 1);
    }
    end = slice_find_byte(host, ':');
    return end < 0 ? host : slice_sub(host, 0, (size_t)end);
}

static bool same_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

/* IP literals cannot be rebound: only names can. */
static bool is_address(struct slice name, bool *loopback)
{
    static const uint8_t one[16] = {[15] = 1};
    uint8_t bits[16];

    if (name.len > 2 && name.p[0] == '[')
        name = slice_sub(name, 1, name.len - 1);
    if (!parse_address(name, bits))
        return false;
    *loopback = memcmp(bits, one, 16) == 0 ||
                (bits[10] == 0xFF && bits[11] == 0xFF && bits[12] == 127);
    return true;
}

static bool is_localhost(struct slice name)
{
    return slice_is_nocase(name, "localhost") ||
           (name.len > 10 &&
            slice_is_nocase(slice_sub(name, name.len - 10, name.len),
                            ".localhost"));
}

static bool host_allowed(const struct router *rt, struct slice host)
{
    struct slice name = without_port(host);
    bool loopback = false;

    if (host.len == 0) /* HTTP/1.0: no browser */
        return true;
    if (!rt->local_only && !rt->public_url[0])
        return true;
    if (is_localhost(name) ||
        (rt->public_url[0] && same_nocase(name, without_port(rt->public_host))))
        return true;
    return is_address(name, &loopback) && (loopback || !rt->local_only);
}

/* The base of links: as the client reached us. */
static void find_base_url(struct exchange *x)
{
    struct slice own = slice_of(x->server_url);
    const char *made;

    if (x->router->public_url[0]) {
        x->r.base_url = slice_of(x->router->public_url);
        return;
    }
    x->r.base_url = own;
    if (x->host.len == 0 ||
        (slice_eq(x->host, slice_sub(own, 7, own.len)) && !policy_https(x)))
        return;
    made = arena_printf(x->r.arena, "%s://%.*s",
                        policy_https(x) ? "https" : "http", SLICE_ARG(x->host));
    if (made)
        x->r.base_url = slice_of(made);
}

bool policy_host(struct exchange *x)
{
    struct slice forwarded_host;
    const char *msg;

    x->host = x->head.host;
    x->forwarded = says_forwarded(x);
    if (x->forwarded && router_is_proxy(x->router, slice_of(x->peer))) {
        x->peer_trusted = true;
        find_client(x);
        forwarded_host = request_header(&x->r, "X-Forwarded-Host");
        if (http_is_host(forwarded_host))
            x->host = forwarded_host;
    }
    find_base_url(x);
    if (host_allowed(x->router, x->host))
        return true;
    msg = arena_printf(x->r.arena,
                       "the Host \"%.*s\" is not served here; if that is how "
                       "this server is reached, set public_url",
                       SLICE_ARG(x->host));
    reply_problem(x, 403, NULL, msg ? msg : "this Host is not served here");
    return false;
}

/* ---- Origin ---- */

static bool is_allowed_origin(const struct router *rt, struct slice origin)
{
    size_t i;

    for (i = 0; i < rt->n_origins; i++)
        if (same_nocase(origin, rt->origins[i]))
            return true;
    return false;
}

static bool is_same_origin(const struct exchange *x, struct slice origin)
{
    struct slice host;
    bool https;

    if (x->router->public_url[0] &&
        same_nocase(origin, x->router->public_origin))
        return true;
    return split_origin(origin, &host, &https) && x->host.len > 0 &&
           same_nocase(host, x->host);
}

void policy_cors(struct exchange *x, enum policy policy)
{
    struct slice origin;

    if (policy == POLICY_PUBLIC) {
        x->cors = "*";
        return;
    }
    if (x->router->n_origins == 0)
        return;
    origin = request_header(&x->r, "Origin");
    if (origin.p && is_allowed_origin(x->router, origin))
        x->cors = arena_strndup(x->r.arena, origin.p, origin.len);
}

bool policy_origin_ok(const struct exchange *x)
{
    struct slice origin = request_header(&x->r, "Origin");

    return !origin.p || is_same_origin(x, origin) ||
           is_allowed_origin(x->router, origin);
}

bool request_origin_ok(const struct request *r)
{
    return policy_origin_ok(r->exchange);
}

static bool check_origin(struct exchange *x)
{
    if (policy_origin_ok(x))
        return true;
    reply_problem(x, 403, NULL,
                  "pages of other sites may not do this; a site that should "
                  "goes into allowed_origins");
    return false;
}

/* ---- tokens ---- */

static struct attempts *attempts_of(struct exchange *x)
{
    struct router *rt = x->router;
    uint64_t key = hash64(x->r.client, rt->seed);
    struct attempts *a = &rt->attempts[key % ATTEMPT_SLOTS];
    int64_t window = clock_mono_us() / US_PER_S / ATTEMPT_SECONDS;

    if (a->key != key || a->window_s != window)
        *a = (struct attempts){.key = key, .window_s = window};
    return a;
}

/* "Bearer <token>" -> token, or SLICE_NONE.  Chroma's clients have a header of
 * their own to choose from. */
static struct slice bearer(struct exchange *x)
{
    struct slice v = request_header(&x->r, "Authorization");

    if (!v.p && x->envelope == ENVELOPE_CHROMA)
        return request_header(&x->r, "X-Chroma-Token");
    if (v.len <= 7 || !slice_is_nocase(slice_sub(v, 0, 7), "Bearer "))
        return SLICE_NONE;
    return slice_trim(slice_sub(v, 7, v.len));
}

static void sign_session(const struct router *rt, struct slice expiry,
                         char out[65])
{
    struct buf text;
    uint8_t mac[32];

    buf_init(&text, 128);
    buf_add_str(&text, "sheaf session until ");
    buf_add_slice(&text, expiry);
    crypto_hmac_sha256(mac, slice_of(rt->admin_token), buf_slice(&text));
    buf_release(&text);
    crypto_hex(out, mac, sizeof(mac));
}

void policy_session(const struct router *rt, char out[SESSION_TEXT])
{
    int64_t expiry = (clock_now_us() + SESSION_DAYS * US_PER_DAY) / US_PER_S;
    char mac[65];
    struct buf text;

    buf_init(&text, SESSION_TEXT - 1);
    buf_add_i64(&text, expiry);
    sign_session(rt, buf_slice(&text), mac);
    buf_add_char(&text, '.');
    buf_add_str(&text, mac);
    memcpy(out, text.p, text.len + 1);
    buf_release(&text);
}

static bool cookie_ok(struct exchange *x)
{
    struct slice rest = request_header(&x->r, "Cookie"), pair, expiry;
    int64_t until;
    char mac[65];

    while (slice_split(&rest, ';', &pair)) {
        pair = slice_trim(pair);
        if (!slice_starts(pair, COOKIE "="))
            continue;
        pair = slice_sub(pair, sizeof(COOKIE), pair.len);
        if (!slice_split(&pair, '.', &expiry) || expiry.len > 12 ||
            !slice_to_i64(expiry, &until))
            return false;
        sign_session(x->router, expiry, mac);
        return crypto_equal(pair, slice_of(mac)) &&
               until > clock_now_us() / US_PER_S;
    }
    return false;
}

enum err_code policy_try_token(struct exchange *x, struct slice token,
                               struct err *e)
{
    struct router *rt = x->router;
    struct attempts *a = attempts_of(x);

    if (a->failed >= MAX_FAILED)
        return err_set(e, ERR_LIMIT,
                       "too many wrong tokens; try again in a "
                       "minute");
    if (rt->admin_token[0] && crypto_equal(token, slice_of(rt->admin_token)))
        return ERR_NONE;
    a->failed++;
    return err_set(e, ERR_UNAUTHORIZED,
                   "that is not the admin token; "
                   "\"sheaf token\" prints it");
}

bool policy_needs_token(const struct exchange *x)
{
    const struct router *rt = x->router;

    return !rt->local_only || rt->public_url[0] || rt->private_reads ||
           x->forwarded;
}

bool request_may_write(const struct request *r)
{
    return r->authorized || !policy_needs_token(r->exchange);
}

static bool refuse_token(struct exchange *x, const struct err *e)
{
    if (e->code == ERR_LIMIT) {
        reply_problem(x, 429, NULL, e->msg);
        reply_header(&x->r, "Retry-After", "60");
        return false;
    }
    reply_problem(x, 401, NULL,
                  "this needs the admin token: send \"Authorization: Bearer "
                  "<token>\"; \"sheaf token\" prints it");
    reply_header(&x->r, "WWW-Authenticate", "Bearer");
    return false;
}

static bool check_webhook(struct exchange *x)
{
    const char *secret = x->router->webhook_secret;

    if (secret[0] && crypto_equal(bearer(x), slice_of(secret)))
        return true;
    x->envelope = ENVELOPE_OWN; /* as drawn, whatever the surface */
    reply_problem(x, 401, NULL, "Invalid signature");
    reply_header(&x->r, "WWW-Authenticate", "Bearer");
    return false;
}

/* Two addresses that share a slot push each other out: that forgets calls, it
 * never blames one for the other's. */
static bool within_rate(struct exchange *x, const struct route *route)
{
    struct router *rt = x->router;
    uint64_t key = hash64(x->r.client, rt->seed ^ (uintptr_t)route);
    struct calls *c = &rt->calls[key % CALL_SLOTS];
    int64_t now = clock_mono_us() / US_PER_S;
    const char *left;

    if (c->key != key || c->minute != now / 60)
        *c = (struct calls){.key = key, .minute = now / 60};
    if (c->n < route->per_minute) {
        c->n++;
        return true;
    }
    left = arena_printf(x->r.arena, "%d", (int)(60 - now % 60));
    reply_problem(x, 429, NULL,
                  "too many calls from this address in this minute");
    reply_header(&x->r, "Retry-After", left ? left : "60");
    return false;
}

/* OpenAI's clients cannot be told to send no key, and Chroma's send theirs with
 * everything: where none is needed, it is not an attempt at ours (ten of which
 * would lock the administrator out). */
static bool key_is_idle(const struct exchange *x, const struct route *route)
{
    return (route->envelope == ENVELOPE_OPENAI ||
            route->envelope == ENVELOPE_CHROMA) &&
           route->policy == POLICY_READ && !x->router->private_reads;
}

bool policy_route(struct exchange *x, const struct route *route)
{
    struct slice token;
    struct err e = {0};
    bool open;

    if (route->policy == POLICY_WEBHOOK)
        return check_webhook(x);
    token = bearer(x);
    if (token.p && key_is_idle(x, route))
        x->r.authorized = x->router->admin_token[0] &&
                          crypto_equal(token, slice_of(x->router->admin_token));
    else if (token.p)
        x->r.authorized = policy_try_token(x, token, &e) == ERR_NONE;
    else
        x->r.authorized = cookie_ok(x);
    open = route->policy == POLICY_PUBLIC ||
           (route->policy == POLICY_READ &&
            (!x->router->private_reads ||
             (!token.p && route->vouches && route->vouches(&x->r))));
    if (route->policy != POLICY_PUBLIC && route->policy != POLICY_READ &&
        !check_origin(x))
        return false;
    if (x->r.authorized || !policy_needs_token(x))
        return true;
    if (!open)
        return refuse_token(x, &e);
    return route->per_minute == 0 || within_rate(x, route);
}
