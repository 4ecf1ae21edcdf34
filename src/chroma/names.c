/* names.c - see names.h. */
#include "chroma/names.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "base/crypto.h"
#include "base/utf8.h"

#define MIN_NAME 3
#define MAX_NAME 512

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool has_form(struct slice name)
{
    if (name.len < MIN_NAME || name.len > MAX_NAME || !is_alnum(name.p[0]) ||
        !is_alnum(name.p[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.p[i]) && name.p[i] != '.' && name.p[i] != '_' &&
            name.p[i] != '-')
            return false;
    return true;
}

static bool is_address(struct slice name)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (name.len >= sizeof(text))
        return false;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1;
}

enum err_code name_check(struct slice name, struct err *e)
{
    struct slice shown = utf8_cut(name, 100);

    if (!has_form(name))
        return err_field(e, "name",
                         "Expected a name containing 3-512 characters from "
                         "[a-zA-Z0-9._-], starting and ending with a character "
                         "in [a-zA-Z0-9]. Got: %.*s",
                         SLICE_ARG(shown));
    if (slice_find(name, SLICE("..")) >= 0)
        return err_field(e, "name",
                         "Expected a name that does not contains two "
                         "consecutive periods (..). Got %.*s",
                         SLICE_ARG(shown));
    if (is_address(name))
        return err_field(
            e, "name",
            "Expected a name that is not a valid ip address. Got %.*s",
            SLICE_ARG(shown));
    return ERR_NONE;
}

/* ---- UUIDs ---- */

static void write_uuid(char out[UUID_TEXT], const uint8_t id[16])
{
    char hex[33];
    size_t at = 0;

    crypto_hex(hex, id, 16);
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        out[at++] = hex[i];
    }
    out[at] = '\0';
}

void uuid_new(char out[UUID_TEXT])
{
    uint8_t id[16];

    crypto_random(id, sizeof(id));
    id[6] = (uint8_t)((id[6] & 0x0F) | 0x40); /* version 4 */
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80); /* of RFC 9562 */
    write_uuid(out, id);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* With the hyphens where they belong, or without any. */
bool uuid_read(struct slice s, char out[UUID_TEXT])
{
    uint8_t id[16] = {0};
    size_t n = 0;
    bool hyphens = s.len == UUID_TEXT - 1;

    if (!hyphens && s.len != 32)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_digit(s.p[i]);

        if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (s.p[i] != '-')
                return false;
            continue;
        }
        if (digit < 0)
            return false;
        id[n / 2] = (uint8_t)(id[n / 2] << 4 | digit);
        n++;
    }
    write_uuid(out, id);
    return true;
}
