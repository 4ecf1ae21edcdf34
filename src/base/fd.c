/* fd.c - see fd.h. */
#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

bool fd_write_all(int fd, struct slice s)
{
    while (s.len > 0) {
        ssize_t n = write(fd, s.p, s.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = slice_sub(s, (size_t)n, s.len);
    }
    return true;
}
