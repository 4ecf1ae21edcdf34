/* cmd_doctor.c - `sheaf doctor`: what would stop it from working, and the fix.
 *
 * Checks are rows of one table.  A failed check ends with status 1; a warning
 * (arXiv not reachable, no model yet) does not: sheaf works without.
 */
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/datadir.h"
#include "cmd/model.h"
#include "cmd/secrets.h"
#include "net/http_client.h"
#include "net/redis.h"
#include "processor/chroma_client.h"

enum verdict { GOOD, WARN, BAD };

struct finding {
    enum verdict verdict;
    char text[500];
};

struct patient {
    const struct command_line *cl;
    struct datadir dir;
    struct client *client; /* NULL: the service could not be reached */
    struct err client_err;
    json_t *services; /* that it has; NULL: not known */
};

static bool has_service(const struct patient *p, const char *name)
{
    size_t i;
    json_t *one;

    json_array_foreach(p->services, i, one) if (strcmp(json_string_value(one),
                                                       name) == 0) return true;
    return !p->services;
}

static void ask_services(struct patient *p)
{
    json_t *session = NULL, *list, *one;
    size_t i;

    if (!p->client || client_json(p->client, "GET", "/session", SLICE_NONE,
                                  &session, NULL) != ERR_NONE)
        return;
    list = json_object_get(session, "services");
    json_array_foreach(list, i, one) if (!json_is_string(one)) list = NULL;
    p->services = json_is_array(list) ? json_incref(list) : NULL;
    json_decref(session);
}

static void PRINTF_LIKE(3, 4)
    found(struct finding *f, enum verdict v, const char *fmt, ...)
{
    va_list ap;

    f->verdict = v;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
}

static void check_disk(struct patient *p, struct finding *f)
{
    struct statvfs st;
    double free_mb;

    if (statvfs(p->dir.path, &st) != 0) {
        found(f, BAD, "cannot look at '%s'", p->dir.path);
        return;
    }
    free_mb = (double)st.f_bavail * (double)st.f_frsize / 1e6;
    if (free_mb < 100)
        found(f, BAD, "only %.0f MB free in '%s'; make room", free_mb,
              p->dir.path);
    else if (free_mb < 1000)
        found(f, WARN, "%.0f MB free in '%s'", free_mb, p->dir.path);
    else
        found(f, GOOD, "%.1f GB free in '%s'", free_mb / 1000, p->dir.path);
}

static void check_clock(struct patient *p, struct finding *f)
{
    struct timex t = {.modes = 0};
    char now[CLOCK_TEXT];
    int state = adjtimex(&t);

    (void)p;
    clock_format(now, clock_now_us());
    /* 2025: no released sheaf is older than that */
    if (clock_now_us() < clock_days(2025, 1, 1) * US_PER_DAY)
        found(f, BAD, "the clock says %s; set it", now);
    else if (state == TIME_ERROR || (t.status & STA_UNSYNC))
        found(f, WARN, "%s, but no time service keeps it right", now);
    else
        found(f, GOOD, "%s, kept right by a time service", now);
}

static void check_service(struct patient *p, struct finding *f)
{
    struct err e = {0};

    if (!p->client)
        found(f, BAD, "%s", p->client_err.msg);
    else if (client_send(p->client, "GET", "/readyz", NULL, SLICE_NONE, NULL,
                         &e) != ERR_NONE)
        found(f, BAD, "not ready: %s", e.msg);
    else
        found(f, GOOD, "ready at %s", client_url(p->client));
}

/* Where nobody can count papers. */
static void check_status(struct patient *p, struct finding *f)
{
    json_t *status = NULL;
    struct slice text = SLICE_NONE;
    struct err e = {0};

    if (client_json(p->client, "GET", "/status/", SLICE_NONE, &status, &e) !=
        ERR_NONE)
        found(f, BAD, "%s", e.msg);
    else if ((text = json_get_slice(status, "database")).len == 0)
        found(f, BAD, "away, see service");
    else
        found(f, GOOD, "%.*s", SLICE_ARG(text));
    json_decref(status);
}

static void check_database(struct patient *p, struct finding *f)
{
    json_t *page = NULL;
    struct err e = {0};

    if (!p->client)
        found(f, BAD, "not reached, see service");
    else if (!has_service(p, "backend"))
        check_status(p, f);
    else if (client_json(p->client, "GET", "/api/papers/?page_size=1",
                         SLICE_NONE, &page, &e) != ERR_NONE)
        found(f, BAD, "%s", e.msg);
    else
        found(f, GOOD, "%lld papers in %s",
              (long long)json_get_int(page, "count", 0),
              config_shown(p->cl->config, "database_url"));
    json_decref(page);
}

/* One small request, as a scrape would make it. */
static void check_arxiv(struct patient *p, struct finding *f)
{
    char url[1024];
    struct http_client *http = http_client_new("sheaf-doctor");
    struct http_answer a = {.status = 0};
    struct http_fetch get = {.method = "GET",
                             .url = url,
                             .timeout_ms = 15000,
                             .connect_timeout_ms = 5000,
                             .max_body = 1 << 20};
    struct err e = {0};

    snprintf(url, sizeof(url), "%s?search_query=cat:cs.AI&max_results=1",
             config_str(p->cl->config, "arxiv_url"));
    if (!has_service(p, "scraper"))
        found(f, GOOD, "not used: the scraper does not run there");
    else if (!http)
        found(f, BAD, "cannot start the HTTP client");
    else if (http_fetch(http, &get, &a, &e) != ERR_NONE)
        found(f, WARN, "%s; papers cannot be fetched now", e.msg);
    else if (a.status != 200)
        found(f, WARN, "arXiv answered %d; papers cannot be fetched now",
              a.status);
    else
        found(f, GOOD, "answered in %lld ms", (long long)a.took_ms);
    http_answer_release(&a);
    http_client_free(http);
}

/* An empty call with the real secret: 400 means that it was let in and found
 * wanting, 401 that the secrets differ.  Nothing is stored. */
static void check_webhook(struct patient *p, struct finding *f)
{
    struct secrets s;
    char url[1024], auth[256];
    const char *target = config_str(p->cl->config, "backend_url");
    const char *headers[] = {auth, "Content-Type: application/json", NULL};
    struct http_client *http = http_client_new("sheaf-doctor");
    struct http_answer a = {.status = 0};
    struct http_fetch post = {.method = "POST",
                              .url = url,
                              .headers = headers,
                              .body = SLICE("{}"),
                              .timeout_ms = 15000,
                              .connect_timeout_ms = 5000,
                              .max_body = 1 << 16};
    struct err e = {0};

    if (!*target && p->client)
        target = client_url(p->client);
    snprintf(url, sizeof(url), "%s/api/webhooks/scraper-complete/", target);
    if (!has_service(p, "scraper") && !has_service(p, "backend"))
        found(f, GOOD, "not used: neither scraper nor backend runs there");
    else if (!p->client && !*target)
        found(f, BAD, "not reached, see service");
    else if (!http || secrets_load(&s, p->cl->config, &p->dir, &e) != ERR_NONE)
        found(f, BAD, "%s", e.msg);
    else {
        snprintf(auth, sizeof(auth), "Authorization: Bearer %s", s.webhook);
        if (http_fetch(http, &post, &a, &e) != ERR_NONE)
            found(f, BAD, "%s", e.msg);
        else if (a.status == 401)
            found(f, BAD, "%s refuses the secret; webhook_secret differs there",
                  url);
        else if (a.status != 400)
            found(f, WARN, "%s answered %d", url, a.status);
        else
            found(f, GOOD, "%s knows the secret", url);
    }
    http_answer_release(&a);
    http_client_free(http);
}

static void check_redis(struct patient *p, struct finding *f)
{
    const char *url = config_str(p->cl->config, "redis_url");
    const char *shown = config_shown(p->cl->config, "redis_url");
    char version[32];
    struct err e = {0};

    if (!*url)
        found(f, GOOD, "not set: this process needs no other");
    else if (redis_probe(url, version, &e) != ERR_NONE)
        found(f, WARN, "%s: %s; each process goes on alone until it is there",
              shown, e.msg);
    else
        found(f, GOOD, "%s at %s", version, shown);
}

static void check_chroma(struct patient *p, struct finding *f)
{
    const char *setting = config_str(p->cl->config, "vectors");
    const struct chroma_how how = {.timeout_ms = 10000};
    struct arena *a = arena_new(1 << 16);
    struct chroma_url url;
    struct chroma *c = NULL;
    const char *version;
    struct err e = {0};

    if (!chroma_url_is(slice_of(setting)))
        found(f, GOOD, "not used: vectors are %s", setting);
    else if (chroma_url_parse(&url, slice_of(setting)) || !a ||
             !(c = chroma_new(&url, config_str(p->cl->config, "chroma_token"))))
        found(f, BAD, "cannot start the HTTP client");
    else if (chroma_version(c, &how, a, &version, &e) != ERR_NONE)
        found(f, WARN, "%s; search is by words until it does", e.msg);
    else
        found(f, GOOD, "version %s at %s", version, url.server);
    chroma_free(c);
    arena_free(a);
}

static void check_model(struct patient *p, struct finding *f)
{
    struct model_dirs dirs;
    char path[4400];
    struct err e = {0};

    if (!has_service(p, "processor")) {
        found(f, GOOD, "not used: the processor does not run there");
        return;
    }
    if (model_dirs_find(&dirs, p->cl->config, &p->dir, &e) != ERR_NONE) {
        found(f, BAD, "%s", e.msg);
        return;
    }
    snprintf(path, sizeof(path), "%s/model.safetensors",
             model_dirs_best(&dirs));
    if (access(path, R_OK) == 0)
        found(f, GOOD, "%s", path);
    else
        found(f, WARN,
              "no '%s'; search by meaning needs it, search by words"
              " does not; this fetches it: scripts/fetch-model.sh %s",
              path, model_dirs_best(&dirs));
}

static const struct check {
    const char *name;
    void (*look)(struct patient *p, struct finding *f);
} checks[] = {
    {"disk", check_disk},       {"clock", check_clock},
    {"service", check_service}, {"database", check_database},
    {"webhook", check_webhook}, {"arxiv", check_arxiv},
    {"redis", check_redis},     {"chroma", check_chroma},
    {"model", check_model},
};

static void print_json(struct jw *j, const char *name, const struct finding *f)
{
    static const char *const words[] = {"ok", "warning", "failed"};

    jw_obj(j);
    jw_kstr(j, "check", name);
    jw_kstr(j, "status", words[f->verdict]);
    jw_kstr(j, "text", f->text);
    jw_end_obj(j);
}

static bool examine(struct patient *p, struct jw *j)
{
    static const char *const marks[] = {"ok  ", "warn", "FAIL"};
    bool well = true;

    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        struct finding f = {GOOD, ""};

        checks[i].look(p, &f);
        well = well && f.verdict != BAD;
        print_json(j, checks[i].name, &f);
        if (!p->cl->json)
            printf("%s  %-9s %s\n", marks[f.verdict], checks[i].name, f.text);
    }
    return well;
}

static int run(struct command_line *cl)
{
    struct patient p = {.cl = cl};
    struct err e = {0};
    struct buf b;
    struct jw j;
    bool well;

    if (datadir_find(&p.dir, cl->config, &e) != ERR_NONE)
        return fail(&e);
    if (client_open(&p.client, cl->config, &p.client_err) != ERR_NONE)
        p.client = NULL;
    ask_services(&p);
    buf_init(&b, 1 << 16);
    jw_init(&j, &b);
    jw_arr(&j);
    well = examine(&p, &j);
    jw_end_arr(&j);
    if (cl->json && buf_ok(&b))
        printf("{\"healthy\":%s,\"checks\":%s}\n", well ? "true" : "false",
               b.p);
    buf_release(&b);
    json_decref(p.services);
    client_close(p.client);
    return well ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary =
        "check disk, clock, database, webhook, arXiv, Redis, Chroma, model",
    .usage =
        "Usage: sheaf doctor [--json]\n\n"
        "Look at everything sheaf needs and say what is wrong and how to\n"
        "mend it.  Asks the running server, or starts one for the moment.\n"
        "Status 1 if something would stop sheaf from working.\n",
    .run = run,
};
