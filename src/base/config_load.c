/* config_load.c - settings from the environment, a file and flags.
 *
 * All three end in config_set, so that a value is judged by one rule wherever
 * it comes from; what is added here is where the mistake stands.
 */
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config_table.h"
#include "base/mem.h"
#include "base/slice.h"

#define MAX_FILE ((size_t)256 * 1024)
#define MAX_KEY 64
#define MAX_FLAGS 256 /* candidates for a suggestion */

/* ---- environment --------------------------------------------------------- */

/* Variables of our own test scripts, which are no settings. */
static bool is_for_scripts(struct slice name)
{
    return slice_starts(name, "SHEAF_TEST_") || slice_is(name, "SHEAF_BIN") ||
           slice_is(name, "SHEAF_KILLS") || slice_is(name, "SHEAF_SEED");
}

/* "SHEAF_ARXIV_URL" -> "arxiv_url"; false: too long to be one of ours. */
static bool key_of_variable(char key[MAX_KEY], struct slice name)
{
    struct slice s = slice_sub(name, strlen("SHEAF_"), name.len);
    size_t i;

    if (s.len >= MAX_KEY)
        return false;
    for (i = 0; i < s.len; i++)
        key[i] =
            s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    key[s.len] = '\0';
    return true;
}

static void variable_of_key(char name[MAX_KEY + 8], const char *key)
{
    size_t i;

    memcpy(name, "SHEAF_", 6);
    for (i = 0; key[i] && i < MAX_KEY; i++)
        name[6 + i] =
            key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] & ~0x20) : key[i];
    name[6 + i] = '\0';
}

static enum err_code unknown_variable(struct slice name, const char *key,
                                      struct err *e)
{
    const char *near = key ? config_nearest_key(key) : NULL;
    char variable[MAX_KEY + 8];

    if (!near)
        return err_set(e, ERR_INVALID, "unknown environment variable '%.*s'",
                       SLICE_ARG(name));
    variable_of_key(variable, near);
    return err_set(e, ERR_INVALID,
                   "unknown environment variable '%.*s' (did you mean '%s'?)",
                   SLICE_ARG(name), variable);
}

/* One "NAME=value".  An empty value is what Compose files and unit files pass
 * for "not set", and counts as that. */
static enum err_code load_variable(struct config *c, const char *entry,
                                   struct err *e)
{
    struct slice rest = slice_of(entry), name;
    const struct config_row *row;
    char key[MAX_KEY];
    enum err_code rc;
    bool known;

    if (!slice_split(&rest, '=', &name) || !slice_starts(name, "SHEAF_") ||
        is_for_scripts(name))
        return ERR_NONE;
    known = key_of_variable(key, name);
    row = known ? config_find(key) : NULL;
    if (!row || strchr(key, '-'))
        return unknown_variable(name, known ? key : NULL, e);
    if (rest.len == 0)
        return ERR_NONE;
    rc = config_set(c, key, rest.p, FROM_ENV, e);
    if (rc)
        err_prefix(e, "environment variable %.*s", SLICE_ARG(name));
    return rc;
}

enum err_code config_load_env(struct config *c, struct err *e)
{
    static const char drawn[] = "WEBHOOK_SECRET=";
    enum err_code rc;
    char **entry;

    /* the drawing's name first, so that our own overrides it */
    for (entry = environ; *entry; entry++) {
        if (strncmp(*entry, drawn, sizeof(drawn) - 1) != 0 ||
            !(*entry)[sizeof(drawn) - 1])
            continue;
        rc = config_set(c, "webhook_secret", *entry + sizeof(drawn) - 1,
                        FROM_ENV, e);
        if (rc) {
            err_prefix(e, "environment variable WEBHOOK_SECRET");
            return rc;
        }
    }
    for (entry = environ; *entry; entry++) {
        rc = load_variable(c, *entry, e);
        if (rc)
            return rc;
    }
    return ERR_NONE;
}

/* ---- file ---------------------------------------------------------------- */

static enum err_code set_from_line(struct config *c, struct slice key,
                                   struct slice value, struct err *e)
{
    char *key_text = mem_strndup(key.p, key.len);
    char *value_text = mem_strndup(value.p, value.len);
    enum err_code rc;

    if (!key_text || !value_text)
        rc = err_set(e, ERR_INTERNAL, "out of memory for the settings");
    else if (strlen(key_text) != key.len || strlen(value_text) != value.len)
        rc = err_set(e, ERR_INVALID, "a NUL byte");
    else
        rc = config_set(c, key_text, value_text, FROM_FILE, e);
    mem_free(key_text);
    mem_free(value_text);
    return rc;
}

static enum err_code load_line(struct config *c, struct slice line,
                               struct err *e)
{
    struct slice rest = slice_trim(line), key;

    if (rest.len == 0 || rest.p[0] == '#')
        return ERR_NONE;
    if (slice_find_byte(rest, '=') < 0 || !slice_split(&rest, '=', &key) ||
        slice_trim(key).len == 0)
        return err_set(e, ERR_INVALID, "expected 'key = value'");
    return set_from_line(c, slice_trim(key), slice_trim(rest), e);
}

enum err_code config_read(struct config *c, struct slice text, const char *name,
                          struct err *e)
{
    struct slice line;
    enum err_code rc;
    int n;

    for (n = 1; slice_split(&text, '\n', &line); n++) {
        rc = load_line(c, line, e);
        if (rc) {
            err_prefix(e, "%s, line %d", name, n);
            return rc;
        }
    }
    return ERR_NONE;
}

/* Read all of fd.  ERR_TOO_LARGE, ERR_UNAVAILABLE (the file cannot be read),
 * ERR_INTERNAL (out of memory). */
static enum err_code read_all(struct buf *into, int fd, const char *path,
                              struct err *e)
{
    ssize_t n;
    char *p;

    for (;;) {
        p = buf_room(into, 4096);
        if (!p && into->len + 4096 <= into->max)
            return err_set(e, ERR_INTERNAL, "out of memory for the settings");
        if (!p)
            return err_set(e, ERR_TOO_LARGE,
                           "'%s' is too large for a file of settings", path);
        n = read(fd, p, 4096);
        if (n == 0)
            return ERR_NONE;
        if (n > 0)
            buf_grew(into, (size_t)n);
        else if (errno != EINTR)
            return err_set(e, ERR_UNAVAILABLE, "cannot read '%s': %s", path,
                           strerrordesc_np(errno));
    }
}

enum err_code config_load_file(struct config *c, const char *path,
                               bool must_exist, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code rc;
    struct buf text;

    if (fd < 0 && errno == ENOENT && !must_exist)
        return ERR_NONE;
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                       "cannot open '%s': %s", path, strerrordesc_np(errno));
    buf_init(&text, MAX_FILE);
    rc = read_all(&text, fd, path, e);
    if (!rc)
        rc = config_read(c, buf_slice(&text), path, e);
    close(fd);
    buf_release(&text);
    return rc;
}

/* ---- flags --------------------------------------------------------------- */

/* The entry of `known` for that flag ("--days" finds "--days="), or NULL. */
static const char *find_known(const char *const *known, struct slice flag)
{
    for (; known && *known; known++) {
        struct slice k = slice_of(*known);

        if (slice_ends(k, "="))
            k.len--;
        if (slice_eq(k, flag))
            return *known;
    }
    return NULL;
}

static enum err_code unknown_flag(struct slice flag, const char *const *known,
                                  struct err *e)
{
    char words[CONFIG_ROWS][MAX_KEY + 2], word[MAX_KEY + 2];
    const char *candidates[MAX_FLAGS + 1], *near;
    size_t n = 0, i;

    for (i = 0; i < CONFIG_ROWS; i++) {
        size_t len = strlen(config_table[i].key), at;

        memcpy(words[i], "--", 2);
        memcpy(words[i] + 2, config_table[i].key, len + 1);
        for (at = 2; at < len + 2; at++)
            if (words[i][at] == '_')
                words[i][at] = '-';
        candidates[n++] = words[i];
    }
    for (; known && *known && n < MAX_FLAGS; known++)
        candidates[n++] = *known;
    candidates[n] = NULL;
    near = NULL;
    if (flag.len < sizeof(word)) {
        memcpy(word, flag.p, flag.len);
        word[flag.len] = '\0';
        near = nearest_word(word, candidates);
    }
    if (!near)
        return err_set(e, ERR_INVALID, "unknown flag '%.*s'", SLICE_ARG(flag));
    return err_set(e, ERR_INVALID, "unknown flag '%.*s' (did you mean '%.*s'?)",
                   SLICE_ARG(flag), (int)strcspn(near, "="), near);
}

/* The setting that a flag names, or NULL. */
static const struct config_row *row_of_flag(struct slice flag)
{
    char key[MAX_KEY];

    if (!slice_starts(flag, "--") || flag.len - 2 >= sizeof(key))
        return NULL;
    memcpy(key, flag.p + 2, flag.len - 2);
    key[flag.len - 2] = '\0';
    return config_find(key);
}

/* Where reading stands: argv[from] is looked at, argv[0..to) stays. */
struct flags {
    char **argv;
    int n, from, to;
};

static void keep(struct flags *f)
{
    f->argv[f->to++] = f->argv[f->from++];
}

/* A flag of the command's own stays, its value too. */
static enum err_code keep_known(struct flags *f, const char *known,
                                struct slice flag, bool has_value,
                                struct err *e)
{
    bool wants = slice_ends(slice_of(known), "=");

    if (has_value && !wants)
        return err_set(e, ERR_INVALID, "flag '%.*s' takes no value",
                       SLICE_ARG(flag));
    keep(f);
    if (!wants || has_value)
        return ERR_NONE;
    if (f->from >= f->n)
        return err_set(e, ERR_INVALID, "flag '%.*s' needs a value",
                       SLICE_ARG(flag));
    keep(f);
    return ERR_NONE;
}

/* A flag that is a setting is taken out. */
static enum err_code take_setting(struct config *c, struct flags *f,
                                  const struct config_row *row,
                                  struct slice flag, const char *value,
                                  struct err *e)
{
    enum err_code rc;

    f->from++;
    if (!value && row->type == CONFIG_BOOL)
        value = "on";
    else if (!value && f->from < f->n)
        value = f->argv[f->from++];
    if (!value)
        return err_set(e, ERR_INVALID, "flag '%.*s' needs a value",
                       SLICE_ARG(flag));
    rc = config_set(c, row->key, value, FROM_FLAG, e);
    if (rc)
        err_prefix(e, "flag %.*s", SLICE_ARG(flag));
    return rc;
}

static enum err_code load_flag(struct config *c, struct flags *f,
                               const char *const *known, struct err *e)
{
    const char *arg = f->argv[f->from], *equals = strchr(arg, '=');
    struct slice flag = {arg, equals ? (size_t)(equals - arg) : strlen(arg)};
    const char *own = find_known(known, flag);
    const struct config_row *row;

    if (own)
        return keep_known(f, own, flag, equals != NULL, e);
    row = row_of_flag(flag);
    if (!row)
        return unknown_flag(flag, known, e);
    return take_setting(c, f, row, flag, equals ? equals + 1 : NULL, e);
}

enum err_code config_load_flags(struct config *c, int *argc, char **argv,
                                const char *const *known, struct err *e)
{
    struct flags f = {.argv = argv, .n = *argc};
    bool only_operands = false;
    enum err_code rc;

    while (f.from < f.n) {
        const char *arg = argv[f.from];

        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            keep(&f);
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_operands = true;
            keep(&f);
            continue;
        }
        rc = load_flag(c, &f, known, e);
        if (rc)
            return rc;
    }
    *argc = f.to;
    if (f.to < f.n)
        argv[f.to] = NULL;
    return ERR_NONE;
}
