/* settings.c - see settings.h. */
#include "net/settings.h"

#include "base/config.h"
#include "base/json.h"

static const char *const origins[] = {"default", "file", "environment", "flag"};
static const char *const types[] = {"text", "number", "switch", "choice"};

/* Names separated by commas, as a list. */
static void write_choices(struct jw *j, const char *choices)
{
    struct slice rest = slice_of(choices), one;

    jw_key(j, "choices");
    if (!choices) {
        jw_null(j);
        return;
    }
    jw_arr(j);
    while (slice_split(&rest, ',', &one))
        jw_slice(j, one);
    jw_end_arr(j);
}

static void write_setting(struct jw *j, const struct config *c,
                          const struct config_row *row)
{
    struct slice value = slice_of(config_shown(c, row->key));

    jw_obj(j);
    jw_kstr(j, "key", row->key);
    jw_ktext(j, "value", row->secret ? SLICE_NONE : value);
    jw_kbool(j, "set", value.len > 0);
    jw_kbool(j, "secret", row->secret);
    jw_kstr(j, "origin", origins[config_from(c, row->key)]);
    jw_ktext(j, "default", slice_of(row->dflt));
    jw_kstr(j, "type", types[row->type]);
    write_choices(j, row->choices);
    jw_kstr(j, "meaning", row->meaning);
    jw_end_obj(j);
}

static enum err_code settings(struct request *r, struct err *e)
{
    const struct config *c = r->ctx;
    size_t n;
    const struct config_row *rows = config_rows(&n);
    struct jw j;

    (void)e;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_key(&j, "settings");
    jw_arr(&j);
    for (size_t i = 0; i < n; i++)
        if (!rows[i].for_tests || config_from(c, rows[i].key) != FROM_DEFAULT)
            write_setting(&j, c, &rows[i]);
    jw_end_arr(&j);
    jw_end_obj(&j);
    reply_header(r, "Cache-Control", "no-store");
    return ERR_NONE;
}

const struct route settings_routes[] = {
    {
        .method = HTTP_GET,
        .pattern = "/settings/",
        .handle = settings,
        .policy = POLICY_ADMIN,
        .tag = "Operations",
        .summary = "The settings in force",
        .doc = "As text, with where each comes from. A secret is null: `set` "
               "tells whether there is one.",
        .schema = "Settings",
        .returns = "{\"settings\":[{\"key\":\"listen\",\"value\":"
                   "\"127.0.0.1:8642\",\"set\":true,\"secret\":false,"
                   "\"origin\":\"default\",\"default\":\"127.0.0.1:8642\","
                   "\"type\":\"text\",\"choices\":null,"
                   "\"meaning\":\"Address and port to listen on.\"}]}",
    },
    {0},
};
