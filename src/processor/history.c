/* history.c - see history.h. */
#include "processor/history.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

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

struct slice history_last_question(const struct prompt_turn *turns, size_t n)
{
    return n >= 2 ? turns[n - 2].text : SLICE_NONE;
}
