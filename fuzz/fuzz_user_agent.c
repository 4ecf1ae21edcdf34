/* fuzz_user_agent.c - any header gives a reason or none. */
#include <stdint.h>
#include <stdlib.h>

#include "analytics/user_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice reason =
        user_agent_bot((struct slice){(const char *)data, size});

    if (reason.len > 20)
        abort();
    return 0;
}
