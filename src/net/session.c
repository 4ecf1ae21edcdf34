/* session.c - the admin token against a cookie that a page's script cannot
 * read.
 *
 * The cookie holds an expiry and its HMAC under the token: no state here, good
 * in every process that has the token, and worth nothing to whoever steals it
 * once the token changes.
 */
#include "net/router_impl.h"

#include "base/json.h"

static void set_cookie(struct request *r, const char *value, int max_age_s)
{
    const char *text = arena_printf(
        r->arena,
        "sheaf_session=%s; Path=/; Max-Age=%d; HttpOnly; "
        "SameSite=Strict%s",
        value, max_age_s, policy_https(r->exchange) ? "; Secure" : "");

    if (text)
        reply_header(r, "Set-Cookie", text);
}

static void answer(struct request *r, bool authorized)
{
    const struct router *at = router_at_address(r->exchange->router);
    struct jw j;

    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kbool(&j, "authorized", authorized);
    jw_kbool(&j, "required", policy_needs_token(r->exchange));
    jw_key(&j, "services");
    jw_arr(&j);
    for (size_t i = 0; i < at->n_services; i++)
        jw_str(&j, at->services[i]);
    jw_end_arr(&j);
    jw_end_obj(&j);
}

/* The rows are PUBLIC, which does not look at Origin. */
static enum err_code check_site(const struct request *r, struct err *e)
{
    if (policy_origin_ok(r->exchange))
        return ERR_NONE;
    return err_set(e, ERR_FORBIDDEN, "pages of other sites may not do this");
}

static enum err_code login(struct request *r, struct err *e)
{
    char value[SESSION_TEXT];
    enum err_code rc = check_site(r, e);

    if (!rc)
        rc = policy_try_token(r->exchange, request_str(r, "token"), e);
    if (rc)
        return rc;
    policy_session(r->exchange->router, value);
    set_cookie(r, value, SESSION_DAYS * 86400);
    answer(r, true);
    return ERR_NONE;
}

static enum err_code logout(struct request *r, struct err *e)
{
    enum err_code rc = check_site(r, e);

    if (rc)
        return rc;
    set_cookie(r, "", 0);
    answer(r, false);
    return ERR_NONE;
}

static enum err_code session(struct request *r, struct err *e)
{
    (void)e;
    answer(r, r->authorized);
    return ERR_NONE;
}

static const struct param login_params[] = {
    {"token", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 200,
     .doc = "The admin token, as `sheaf token` prints it."},
    {0},
};

#define SESSION(authorized)                                                    \
    "{\"authorized\":" authorized ",\"required\":true,"                        \
    "\"services\":[\"scraper\",\"backend\",\"web\"]}"

const struct route session_routes[] = {
    {HTTP_POST, "/login", login, POLICY_PUBLIC, ON_LOOP, .params = login_params,
     .tag = "Session", .summary = "Log in",
     .doc = "Exchanges the admin token for an HttpOnly cookie, for browsers.",
     .schema = "Session", .returns = SESSION("true")},
    {HTTP_POST, "/logout", logout, POLICY_PUBLIC, ON_LOOP, .tag = "Session",
     .summary = "Log out", .schema = "Session", .returns = SESSION("false")},
    {HTTP_GET, "/session", session, POLICY_PUBLIC, ON_LOOP, .tag = "Session",
     .summary = "Is this client logged in, must it be, and what is here?",
     .schema = "Session", .returns = SESSION("true")},
    {0},
};
