/* config_table.h - the rows of the settings table and what a value must be.
 *
 * For config*.c alone; everybody else asks through config.h.
 * Threads: constants and pure functions.
 */
#ifndef BASE_CONFIG_TABLE_H
#define BASE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "base/slice.h"

#define CONFIG_ROWS 61

extern const struct config_row config_table[CONFIG_ROWS];

/* The row of a key ('-' and '_' are one), or NULL. */
const struct config_row *config_find(const char *key);
/* The key that was probably meant, or NULL. */
const char *config_nearest_key(const char *key);
/* Is this text right for the key?  ERR_INVALID names the key as the field and
 * says what is expected.  An empty text ("not set") is right for every key of
 * type CONFIG_STR that has an empty default. */
enum err_code config_check(const struct config_row *row, const char *text,
                           struct err *e) CHECKED;
/* "on", "yes", "true", "1" / "off", "no", "false", "0" */
bool config_parse_bool(const char *text, bool *out);
/* host:port, [v6]:port.  The host is without brackets and borrowed from s. */
bool config_parse_listen(struct slice s, struct slice *host, uint16_t *port);

#endif
