/* test_send_many.c - many sockets at once, with a ring and without: what each
 * took, what it did not, and a kernel that refuses in the middle. */
#include <errno.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/send_many.h"

#define N 300 /* more than a batch, and not a multiple of it */

/* How io_uring_enter and its kin behave. */
static enum { AS_IS, NO_RING, NO_PROBE, REFUSE, TAKE_TEN } kernel;
static int n_entered;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list ap;

    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    errno = EPERM;
    if (number == SYS_io_uring_setup && kernel == NO_RING)
        return -1;
    if (number == SYS_io_uring_register && kernel == NO_PROBE)
        return -1;
    if (number == SYS_io_uring_enter) {
        n_entered++;
        errno = EAGAIN;
        if (kernel == REFUSE || (kernel == TAKE_TEN && n_entered > 1))
            return -1;
        if (kernel == TAKE_TEN) /* as with too little memory */
            a[1] = 10, a[2] = 0;
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int ours[N], theirs[N];
static char text[N][16];
static struct outgoing all[N];

static void open_pairs(void)
{
    int two[2];

    for (int i = 0; i < N; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, two), 0);
        ours[i] = two[0];
        theirs[i] = two[1];
        snprintf(text[i], sizeof(text[i]), "to %d", i);
        all[i] = (struct outgoing){text[i], (uint32_t)strlen(text[i]), two[0],
                                   -12345};
    }
}

static void close_pairs(void)
{
    for (int i = 0; i < N; i++) {
        close(ours[i]);
        close(theirs[i]);
    }
}

static void assert_arrived(int i)
{
    char got[32] = "";
    ssize_t n = recv(theirs[i], got, sizeof(got) - 1, MSG_DONTWAIT);

    assert_int_equal(all[i].sent, (int)strlen(text[i]));
    assert_int_equal(n, (ssize_t)strlen(text[i]));
    assert_string_equal(got, text[i]);
}

/* Each gets its own, once, whichever way. */
static void check_all(bool with_ring, int entered)
{
    struct sender *s = sender_new(with_ring);

    open_pairs();
    n_entered = 0;
    for (size_t n = 0; n < N; n = n * 2 + 1) {
        sender_send(s, all, n);
        for (size_t i = 0; i < n; i++)
            assert_arrived((int)i);
    }
    sender_send(s, all, N);
    for (int i = 0; i < N; i++)
        assert_arrived(i);
    if (entered >= 0)
        assert_int_equal(n_entered, entered);
    close_pairs();
    sender_free(s);
}

static void test_each_gets_its_own(void **state)
{
    struct sender *s;

    (void)state;
    kernel = AS_IS;
    check_all(false, 0);
    check_all(true, -1);
    s = sender_new(true);
    if (sender_has_ring(s)) { /* 15, 31, 63, 127, 255, 256 and 44 */
        check_all(true, 7);
        n_entered = 0;
        open_pairs();
        sender_send(s, all, 7); /* not worth it */
        assert_int_equal(n_entered, 0);
        close_pairs();
    } else {
        print_message("this kernel gives us no ring\n");
    }
    sender_free(s);
}

static void test_without_the_kernels_help(void **state)
{
    (void)state;
    kernel = NO_RING;
    check_all(true, 0);
    kernel = NO_PROBE;
    check_all(true, 0);
    kernel = REFUSE;
    check_all(true, -1);
    kernel = TAKE_TEN;
    check_all(true, -1);
    kernel = AS_IS;
}

/* A full one, one with some room, one that left, one that never was. */
static void check_odd_ones(bool with_ring)
{
    static char much[1 << 20];
    struct sender *s = sender_new(with_ring);

    open_pairs();
    while (send(ours[3], much, sizeof(much), MSG_DONTWAIT) > 0)
        ;
    all[5].bytes = much;
    all[5].len = sizeof(much);
    close(theirs[7]);
    close(ours[9]);
    sender_send(s, all, 20);
    assert_int_equal(all[3].sent, -EAGAIN);
    assert_in_range(all[5].sent, 1, sizeof(much) - 1);
    assert_int_equal(all[7].sent, -EPIPE);
    assert_int_equal(all[9].sent, -EBADF);
    for (int i = 0; i < 20; i++)
        if (i != 3 && i != 5 && i != 7 && i != 9)
            assert_arrived(i);
    close_pairs();
    sender_free(s);
}

static void test_odd_ones(void **state)
{
    (void)state;
    check_odd_ones(false);
    check_odd_ones(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_gets_its_own),
        cmocka_unit_test(test_without_the_kernels_help),
        cmocka_unit_test(test_odd_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
