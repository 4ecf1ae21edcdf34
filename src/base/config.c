/* config.c - see config.h.
 *
 * The table is in config_table.c, what a value must look like in
 * config_check.c, the readers of environment, file and flags in config_load.c.
 * A key is looked up by walking the table: it is short, and settings are read
 * when something starts, not for each request.
 */
#include "base/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_table.h"
#include "base/mem.h"

struct value {
    char *text;  /* owned; never NULL */
    char *shown; /* owned; the same with passwords masked */
    enum config_origin from;
};

struct config {
    struct value values[CONFIG_ROWS]; /* in the order of the table */
};

const struct config_row *config_rows(size_t *n)
{
    *n = CONFIG_ROWS;
    return config_table;
}

/* '-' and '_' are one. */
static bool same_key(const char *a, const char *b)
{
    for (; *a || *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return true;
}

const struct config_row *config_find(const char *key)
{
    size_t i;

    for (i = 0; i < CONFIG_ROWS; i++)
        if (same_key(config_table[i].key, key))
            return &config_table[i];
    return NULL;
}

const char *config_nearest_key(const char *key)
{
    const char *keys[CONFIG_ROWS + 1];
    size_t i;

    for (i = 0; i < CONFIG_ROWS; i++)
        keys[i] = config_table[i].key;
    keys[i] = NULL;
    return nearest_word(key, keys);
}

/* Mask text[from, to); to may be at its end. */
static void mask(char *text, size_t from, size_t to)
{
    static const char stars[] = "***";
    size_t keep = sizeof(stars) - 1, rest = strlen(text + to);

    if (to - from < keep) { /* shorter than the stars: still say nothing */
        memset(text + from, '*', to - from);
        return;
    }
    memcpy(text + from, stars, keep);
    memmove(text + from + keep, text + to, rest + 1);
}

/* "scheme://user:password@host..." */
static void mask_login(char *text)
{
    char *start = strstr(text, "://"), *end, *at, *p;

    if (!start)
        return;
    start += 3;
    end = start + strcspn(start, "/?#");
    for (at = NULL, p = start; p < end; p++)
        if (*p == '@')
            at = p; /* the last one: a password may hold an '@' too */
    if (!at)
        return;
    p = memchr(start, ':', (size_t)(at - start));
    if (p)
        mask(text, (size_t)(p + 1 - text), (size_t)(at - text));
}

/* "...?password=x&sslpassword=y" */
static void mask_parameters(char *text)
{
    char *p = strchr(text, '?');

    while (p && (p = strstr(p, "password="))) {
        p += strlen("password=");
        mask(text, (size_t)(p - text), (size_t)(p - text) + strcspn(p, "&"));
    }
}

static char *shown_text(const struct config_row *row, const char *text)
{
    char *shown;

    if (row->secret)
        return mem_strndup("***", text[0] ? 3 : 0);
    shown = mem_strndup(text, strlen(text));
    if (shown) {
        mask_login(shown);
        mask_parameters(shown);
    }
    return shown;
}

static bool store(struct value *v, const struct config_row *row,
                  const char *text, enum config_origin from)
{
    char *copy = mem_strndup(text, strlen(text));
    char *shown = shown_text(row, text);

    if (!copy || !shown) {
        mem_free(copy);
        mem_free(shown);
        return false;
    }
    mem_free(v->text);
    mem_free(v->shown);
    *v = (struct value){copy, shown, from};
    return true;
}

/* $XDG_DATA_HOME/sheaf, ~/.local/share/sheaf, ./sheaf-data; the variable must
 * hold an absolute path (XDG Base Directory Specification). */
static char *default_data_dir(void)
{
    const char *base = getenv("XDG_DATA_HOME"), *tail = "/sheaf";
    size_t n, n_tail;
    char *path;

    if (!base || base[0] != '/') {
        base = getenv("HOME");
        tail = "/.local/share/sheaf";
    }
    if (!base || base[0] != '/') {
        base = ".";
        tail = "/sheaf-data";
    }
    n = strlen(base);
    n_tail = strlen(tail);
    path = mem_alloc(n + n_tail + 1);
    if (!path)
        return NULL;
    memcpy(path, base, n);
    memcpy(path + n, tail, n_tail + 1);
    return path;
}

static bool store_defaults(struct config *c)
{
    char *data_dir = default_data_dir();
    bool ok = data_dir != NULL;
    size_t i;

    for (i = 0; ok && i < CONFIG_ROWS; i++) {
        const struct config_row *row = &config_table[i];
        bool is_dir = strcmp(row->key, "data_dir") == 0;

        ok = store(&c->values[i], row, is_dir ? data_dir : row->dflt,
                   FROM_DEFAULT);
    }
    mem_free(data_dir);
    return ok;
}

struct config *config_new(void)
{
    struct config *c = mem_alloc(sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct config){0};
    if (!store_defaults(c)) {
        config_free(c);
        return NULL;
    }
    return c;
}

void config_free(struct config *c)
{
    size_t i;

    if (!c)
        return;
    for (i = 0; i < CONFIG_ROWS; i++) {
        mem_free(c->values[i].text);
        mem_free(c->values[i].shown);
    }
    mem_free(c);
}

static enum err_code unknown_key(const char *key, struct err *e)
{
    const char *near = config_nearest_key(key);

    if (!near)
        return err_field(e, key, "unknown setting '%s'", key);
    return err_field(e, key, "unknown setting '%s' (did you mean '%s'?)", key,
                     near);
}

enum err_code config_set(struct config *c, const char *key, const char *value,
                         enum config_origin from, struct err *e)
{
    const struct config_row *row = config_find(key);
    struct value *v;
    enum err_code rc;
    bool on;

    if (!row)
        return unknown_key(key, e);
    rc = config_check(row, value, e);
    if (rc)
        return rc;
    v = &c->values[row - config_table];
    if (from < v->from)
        return ERR_NONE; /* a stronger origin has spoken */
    if (row->type == CONFIG_BOOL && config_parse_bool(value, &on))
        value = on ? "on" : "off";
    if (strcmp(row->key, "data_dir") == 0 && value[0] == '\0')
        return ERR_NONE; /* "not set" is the default that is there */
    if (!store(v, row, value, from))
        return err_set(e, ERR_INTERNAL, "out of memory for the settings");
    return ERR_NONE;
}

/* ---- values -------------------------------------------------------------- */

static const struct value *value_of(const struct config *c, const char *key)
{
    const struct config_row *row = config_find(key);

    assert(row);
    return &c->values[row - config_table];
}

static const char *typed(const struct config *c, const char *key,
                         enum config_type type)
{
    const struct config_row *row = config_find(key);

    assert(row && row->type == type);
    return c->values[row - config_table].text;
}

const char *config_str(const struct config *c, const char *key)
{
    const struct config_row *row = config_find(key);

    assert(row && (row->type == CONFIG_STR || row->type == CONFIG_CHOICE));
    return c->values[row - config_table].text;
}

int64_t config_int(const struct config *c, const char *key)
{
    int64_t v = 0;
    bool ok = slice_to_i64(slice_of(typed(c, key, CONFIG_INT)), &v);

    assert(ok); /* checked when it was set */
    return v;
}

bool config_bool(const struct config *c, const char *key)
{
    return strcmp(typed(c, key, CONFIG_BOOL), "on") == 0;
}

enum config_origin config_from(const struct config *c, const char *key)
{
    return value_of(c, key)->from;
}

const char *config_text(const struct config *c, const char *key)
{
    return value_of(c, key)->text;
}

const char *config_shown(const struct config *c, const char *key)
{
    return value_of(c, key)->shown;
}

bool config_has(const struct config *c, const char *key, const char *item)
{
    struct slice rest = slice_of(config_str(c, key)), part;

    while (slice_split(&rest, ',', &part))
        if (slice_is(slice_trim(part), item))
            return true;
    return false;
}

struct slice config_listen(const struct config *c, uint16_t *port)
{
    struct slice host = SLICE_NONE;
    bool ok =
        config_parse_listen(slice_of(config_str(c, "listen")), &host, port);

    assert(ok); /* checked when it was set */
    return host;
}
