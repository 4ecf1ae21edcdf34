/* services.c - see services.h. */
#include "cmd/services.h"

#include <stdio.h>

#include "base/slice.h"

static const char *const names[] = {"scraper",   "backend", "processor",
                                    "analytics", "web",     NULL};

const char *service_name(enum service one)
{
    int i = 0;

    while (1 << i != (int)one)
        i++;
    return names[i];
}

enum err_code services_read(int *out, const struct config *c, struct err *e)
{
    struct slice rest = slice_of(config_str(c, "services")), name;

    *out = 0;
    while (slice_split(&rest, ',', &name)) {
        char word[32];
        int bit = 0;

        name = slice_trim(name);
        for (int i = 0; names[i]; i++)
            if (slice_is(name, names[i]))
                bit = 1 << i;
        if (!bit) {
            const char *near;

            snprintf(word, sizeof(word), "%.*s", SLICE_ARG(name));
            near = nearest_word(word, names);
            return err_field(e, "services", "no service '%s'%s%s%s", word,
                             near ? "; did you mean '" : "", near ? near : "",
                             near ? "'?" : "");
        }
        *out |= bit;
    }
    if (*out == 0)
        return err_field(e, "services", "no service is named");
    return ERR_NONE;
}
