/* history.c - see history.h.
 *
 * A question that follows another says little by itself, and one that changes
 * the matter is led astray by what was before.  So the question counts twice,
 * the user's last two turns once; docs/answers.md has what was measured.  The
 * turns stand behind it: the encoder reads the first 256 tokens only.
 */
#include "processor/history.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

#define SEARCHED_TURNS 2
#define SEARCHED_BYTES 300 /* of each */

struct place {
    char text[64]; /* "history[2].role" */
};

static struct place place_of(size_t i, const char *member)
{
    struct place p;

    snprintf(p.text, sizeof(p.text), "history[%zu]%s%s", i, *member ? "." : "",
             member);
    return p;
}

static enum err_code wrong(size_t i, const char *member, const char *what,
                           struct err *e)
{
    struct place p = place_of(i, member);

    return err_field(e, p.text, "%s %s", p.text, what);
}

static enum err_code check_members(const json_t *turn, size_t i, struct err *e)
{
    const char *key;
    json_t *value;

    if (!json_is_object(turn))
        return wrong(i, "", "must be {\"role\":...,\"content\":...}", e);
    json_object_foreach((json_t *)turn, key, value) if (
        strcmp(key, "role") != 0 &&
        strcmp(key, "content") !=
            0) return wrong(i, "",
                            "has a member that is neither \"role\" nor "
                            "\"content\"",
                            e);
    return ERR_NONE;
}

static enum err_code read_turn(const json_t *turn, size_t i,
                               struct prompt_turn *out, struct err *e)
{
    struct slice role = json_get_slice(turn, "role");
    enum err_code code = check_members(turn, i, e);

    if (code != ERR_NONE)
        return code;
    out->assistant = slice_is(role, "assistant");
    out->text = json_get_slice(turn, "content");
    if (!out->assistant && !slice_is(role, "user"))
        return wrong(i, "role", "must be \"user\" or \"assistant\"", e);
    if (out->assistant != (i % 2 == 1))
        return wrong(i, "role",
                     "is out of turn: they alternate, and the first is the "
                     "user's",
                     e);
    if (!out->text.p)
        return wrong(i, "content", "must be a text", e);
    if (slice_trim(out->text).len == 0)
        return wrong(i, "content", "is empty", e);
    if (utf8_count(out->text) > HISTORY_MAX_CHARS)
        return wrong(i, "content", "has more than 20000 characters", e);
    return ERR_NONE;
}

enum err_code history_read(const json_t *v, struct prompt_turn **out, size_t *n,
                           struct arena *a, struct err *e)
{
    size_t count = json_array_size(v);
    struct prompt_turn *turns;
    enum err_code code = ERR_NONE;

    *out = NULL;
    *n = 0;
    if (v && !json_is_array(v))
        return err_field(e, "history", "history must be a list of turns");
    if (count > PROMPT_MAX_HISTORY)
        return err_field(e, "history", "history has %zu turns, at most %d",
                         count, PROMPT_MAX_HISTORY);
    if (count == 0)
        return ERR_NONE;
    turns = arena_calloc(a, count, sizeof(*turns));
    if (!turns)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    for (size_t i = 0; i < count && code == ERR_NONE; i++)
        code = read_turn(json_array_get(v, i), i, &turns[i], e);
    if (code == ERR_NONE && count % 2 == 1)
        code = wrong(count - 1, "role",
                     "is the last and must be the assistant's: the new "
                     "question stands in \"question\"",
                     e);
    if (code == ERR_NONE) {
        *out = turns;
        *n = count;
    }
    return code;
}

enum err_code history_search_text(struct slice *out, struct slice question,
                                  const struct prompt_turn *turns, size_t n,
                                  struct arena *a, struct err *e)
{
    size_t left = SEARCHED_TURNS;
    struct buf b;

    *out = question;
    if (n == 0)
        return ERR_NONE;
    buf_init(&b, 2 * question.len + SEARCHED_TURNS * (SEARCHED_BYTES + 1) + 1);
    buf_add_slice(&b, question);
    buf_add_char(&b, '\n');
    buf_add_slice(&b, question);
    for (size_t i = n; i-- > 0 && left > 0;) {
        if (turns[i].assistant)
            continue;
        buf_add_char(&b, '\n');
        buf_add_slice(&b, utf8_cut(turns[i].text, SEARCHED_BYTES));
        left--;
    }
    *out = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return out->p ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the request is too large");
}
