/* paper_text.c - see paper_text.h. */
#include "backend/paper_text.h"

#include "base/json.h"

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7F;
}

void text_add_line(struct buf *out, struct slice s)
{
    bool some = false;
    size_t i = 0, from;

    while (i < s.len) {
        while (i < s.len && is_blank(s.p[i]))
            i++;
        from = i;
        while (i < s.len && !is_blank(s.p[i]))
            i++;
        if (i == from)
            break;
        if (some)
            buf_add_char(out, ' ');
        buf_add(out, s.p + from, i - from);
        some = true;
    }
}

json_t *text_list(struct slice json)
{
    json_t *v = NULL;

    if (json.len > 0 && json_parse(&v, json, NULL) == ERR_NONE &&
        json_is_array(v))
        return v;
    json_decref(v);
    return json_array();
}

struct slice text_list_at(const json_t *list, size_t i)
{
    const json_t *v = json_array_get(list, i);

    if (!json_is_string(v))
        return SLICE_NONE;
    return (struct slice){json_string_value(v), json_string_length(v)};
}

/* ---- names ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Is it, without case, one of the words in the list, which are in lower case
 * and separated by spaces? */
static bool is_one_of(struct slice s, const char *words)
{
    struct slice list = slice_of(words), word;
    size_t i;

    while (slice_split(&list, ' ', &word)) {
        for (i = 0; i < s.len && i < word.len; i++)
            if (lower(s.p[i]) != word.p[i])
                break;
        if (i == s.len && i == word.len)
            return true;
    }
    return false;
}

/* The last word of s; s keeps what stands before it, trimmed. */
static struct slice take_last_word(struct slice *s)
{
    size_t at = s->len;
    struct slice word;

    while (at > 0 && s->p[at - 1] != ' ')
        at--;
    word = slice_sub(*s, at, s->len);
    *s = slice_trim(slice_sub(*s, 0, at));
    return word;
}

struct person person_cut(struct slice name)
{
    static const char suffixes[] = "jr jr. sr sr. ii iii iv";
    static const char groups[] = "collaboration consortium team group project "
                                 "committee initiative network authors";
    static const char particles[] = "van von der den de del della di da dos du "
                                    "la le ter ten zu bin ibn al el";
    struct slice rest = slice_trim(name), whole = rest, before, word;
    struct person p = {0};

    word = take_last_word(&rest);
    if (rest.len == 0 || is_one_of(word, groups)) {
        p.family = whole;
        return p;
    }
    if (is_one_of(word, suffixes) && slice_find_byte(rest, ' ') >= 0) {
        p.suffix = word;
        while (rest.len > 0 && rest.p[rest.len - 1] == ',')
            rest = slice_trim(slice_sub(rest, 0, rest.len - 1));
        whole = rest;
        (void)take_last_word(&rest);
    }
    /* "Laurens van der": particles belong to the family name, but something
     * must be left as given name. */
    for (before = rest; before.len > 0;) {
        word = take_last_word(&before);
        if (before.len == 0 || !is_one_of(word, particles))
            break;
        rest = before;
    }
    p.given = rest;
    p.family = slice_trim(
        slice_sub(whole, (size_t)(rest.p + rest.len - whole.p), whole.len));
    return p;
}
