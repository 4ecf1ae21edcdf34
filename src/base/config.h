/* config.h - every setting of sheaf, its origin and its value.
 *
 * One table (config.c) has a row a key: type, default, allowed range, meaning.
 * `sheaf config`, --help, docs/settings.md and sheaf.conf.example are made from
 * it.  Order of precedence: flag, environment, sheaf.conf, default, whatever
 * the order in which they are loaded.
 *
 * A value is one line of UTF-8 without control characters, at most 4,096 bytes,
 * and is checked when it is set: what the getters return is right in form.
 *
 * Threads: read-only once loaded.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum config_origin { FROM_DEFAULT, FROM_FILE, FROM_ENV, FROM_FLAG };
enum config_type { CONFIG_STR, CONFIG_INT, CONFIG_BOOL, CONFIG_CHOICE };

struct config_row {
    const char *key; /* "arxiv_url" */
    enum config_type type;
    const char *dflt;    /* as text; "" is "not set" */
    int64_t min, max;    /* CONFIG_INT */
    const char *choices; /* CONFIG_CHOICE: "auto,f32,bf16,int8" */
    const char *meaning; /* one sentence */
    bool secret;         /* `sheaf config` hides the value */
    bool for_tests;      /* left out of --help and the example file */
};

struct config; /* the values in force */

/* A new set with every key at its default (data_dir: worked out from the
 * environment).  Owned by the caller.  NULL: out of memory. */
struct config *config_new(void);
void config_free(struct config *c); /* takes NULL */
/* The table, for help and documents; *n rows. */
const struct config_row *config_rows(size_t *n);

/* Read the environment: SHEAF_<KEY>, and WEBHOOK_SECRET for webhook_secret.  An
 * empty variable counts as not set.  An unknown SHEAF_* is ERR_INVALID with the
 * nearest; SHEAF_TEST_*, SHEAF_BIN, SHEAF_KILLS and SHEAF_SEED belong to test
 * scripts and are passed over. */
enum err_code config_load_env(struct config *c, struct err *e) CHECKED;
/* Read "key = value" lines; a '#' at the start of a line makes it a comment;
 * the value is the rest of the line without white space at its ends.  A missing
 * file is fine unless `must_exist` (ERR_NOT_FOUND).  An unknown key is
 * ERR_INVALID and names file, line and the nearest key.  Of two lines
 * for one key the last counts.  After an error the lines before it are in
 * force. */
enum err_code config_load_file(struct config *c, const char *path,
                               bool must_exist, struct err *e) CHECKED;
/* The same from text; `name` stands for the file in messages. */
enum err_code config_read(struct config *c, struct slice text, const char *name,
                          struct err *e) CHECKED;
/* Set one key from text ("arxiv-url" and "arxiv_url" are one).  Checked, but
 * without effect, when a stronger origin has set it already. */
enum err_code config_set(struct config *c, const char *key, const char *value,
                         enum config_origin from, struct err *e) CHECKED;
/* Take --key value, --key=value (and --key alone for a boolean) from argv;
 * what is left (commands, their own flags listed in `known`, a NULL-ended list
 * such as {"--json", "--days=", NULL}, '=' marks one with a value; operands)
 * stays in argv[0..*argc), in order.  Behind "--", which stays too, nothing is
 * a flag.  An unknown flag is ERR_INVALID with the nearest. */
enum err_code config_load_flags(struct config *c, int *argc, char **argv,
                                const char *const *known, struct err *e)
    CHECKED;

/* Values.  The key must exist in the table and have that type (assert). */
const char *config_str(const struct config *c, const char *key); /* or choice */
int64_t config_int(const struct config *c, const char *key);
bool config_bool(const struct config *c, const char *key);
enum config_origin config_from(const struct config *c, const char *key);
/* As text, any type: as it is / safe to print (secrets and the passwords in
 * addresses are "***"). */
const char *config_text(const struct config *c, const char *key);
const char *config_shown(const struct config *c, const char *key);
/* Is `item` in a list separated by commas, such as services? */
bool config_has(const struct config *c, const char *key, const char *item);
/* Host (without brackets; borrowed from c) and port of `listen`. */
struct slice config_listen(const struct config *c, uint16_t *port);

/* sheaf.conf.example and the table of docs/settings.md. */
void config_write_example(struct buf *out);
void config_write_markdown(struct buf *out);

/* The candidate nearest to `word` (edit distance <= a third of its length, at
 * least 1, at most 3), or NULL.  candidates is NULL-ended. */
const char *nearest_word(const char *word, const char *const *candidates);

#endif
