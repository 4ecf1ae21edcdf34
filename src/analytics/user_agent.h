/* user_agent.h - is it a person?  What the User-Agent header tells.
 *
 * Threads: pure functions.
 */
#ifndef ANALYTICS_USER_AGENT_H
#define ANALYTICS_USER_AGENT_H

#include "base/slice.h"

/* Why it is no person's browser: a constant ("crawler", "monitor"...), or
 * empty.
 */
struct slice user_agent_bot(struct slice header);

#endif
