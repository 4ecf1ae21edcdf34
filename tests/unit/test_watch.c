/* test_watch.c - events of the kernel, as watch.h tells them.
 *
 * The kernel queues an event before the call that causes it returns, so nothing
 * is waited for here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cmd/watch.h"

struct fixture {
    char root[64], outside[64];
    struct watch *w;
    int stop[2]; /* a pipe */
    struct buf seen;
};

static void join(const struct fixture *f, const char *name, char out[200])
{
    snprintf(out, 200, "%s%s%s", *name == '~' ? f->outside : f->root,
             *name == '~' ? "" : "/", *name == '~' ? name + 1 : name);
}

static void write_file(const struct fixture *f, const char *name)
{
    char path[200];
    FILE *file;

    join(f, name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("x", file);
    fclose(file);
}

static void make_folder(const struct fixture *f, const char *name)
{
    char path[200];

    join(f, name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    char a[200], b[200];

    join(f, from, a);
    join(f, to, b);
    assert_int_equal(rename(a, b), 0);
}

static void drop(const struct fixture *f, const char *name)
{
    char path[200];

    join(f, name, path);
    assert_int_equal(remove(path), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err e = {0};

    snprintf(f->root, sizeof(f->root), "/tmp/sheaf-watch-XXXXXX");
    snprintf(f->outside, sizeof(f->outside), "/tmp/sheaf-watch-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_non_null(mkdtemp(f->outside));
    make_folder(f, "sub");
    make_folder(f, ".git");
    assert_int_equal(pipe(f->stop), 0);
    assert_int_equal(watch_open(&f->w, &e), ERR_NONE);
    assert_int_equal(watch_folder(f->w, f->root, &e), ERR_NONE);
    buf_init(&f->seen, 10000);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    watch_close(f->w);
    buf_release(&f->seen);
    close(f->stop[0]);
    close(f->stop[1]);
    nftw(f->root, remove_one, 10, FTW_DEPTH | FTW_PHYS);
    nftw(f->outside, remove_one, 10, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* "changed a.md; gone b.md; " with the root taken off. */
static void note(void *ctx, enum watch_event event, const char *path)
{
    static const char *const words[] = {
        [WATCH_CHANGED] = "changed",
        [WATCH_GONE] = "gone",
        [WATCH_NEW_FOLDER] = "new folder",
        [WATCH_GONE_FOLDER] = "gone folder",
        [WATCH_LOST] = "lost",
    };
    struct fixture *f = ctx;

    buf_printf(&f->seen, "%s%s %s", f->seen.len ? "; " : "", words[event],
               path + strlen(f->root) + 1);
}

static void tells(struct fixture *f, const char *wanted)
{
    struct err e = {0};

    buf_clear(&f->seen);
    if (watch_wait(f->w, f->stop[0], note, f, &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    assert_string_equal(f->seen.len ? f->seen.p : "", wanted);
}

static void test_files(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(watch_count(f->w), 2);
    write_file(f, "a.md");
    tells(f, "changed a.md");
    write_file(f, "sub/b.md");
    write_file(f, ".hidden");
    write_file(f, "c.md~");
    write_file(f, ".git/config");
    tells(f, "changed sub/b.md");
    move(f, "a.md", "sub/a.md");
    tells(f, "gone a.md; changed sub/a.md");
    write_file(f, "~/d.md");
    move(f, "~/d.md", "d.md");
    tells(f, "changed d.md");
    drop(f, "d.md");
    tells(f, "gone d.md");
}

/* What comes together is told once, as it is in the end. */
static void test_together(void **state)
{
    struct fixture *f = *state;

    write_file(f, "a.md");
    write_file(f, "b.md");
    write_file(f, "a.md");
    tells(f, "changed b.md; changed a.md");
    write_file(f, "tmp.md");
    drop(f, "tmp.md");
    tells(f, "gone tmp.md");
    /* an editor saves: the old one aside, the new one in its place */
    move(f, "a.md", "a.md~");
    write_file(f, ".a.new");
    move(f, ".a.new", "a.md");
    tells(f, "changed a.md");
}

static void test_half_written(void **state)
{
    struct fixture *f = *state;
    char path[200];
    int fd;

    join(f, "a.md", path);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    tells(f, "");
    close(fd);
    tells(f, "changed a.md");
}

static void test_links(void **state)
{
    struct fixture *f = *state;
    char from[200], to[200];

    write_file(f, "~/a.md");
    join(f, "~/a.md", from);
    join(f, "hard.md", to);
    assert_int_equal(link(from, to), 0);
    tells(f, "changed hard.md");
    join(f, "soft.md", to);
    assert_int_equal(symlink(from, to), 0);
    tells(f, "changed soft.md");
}

static void test_folders(void **state)
{
    struct fixture *f = *state;

    make_folder(f, "new");
    make_folder(f, "new/inner");
    tells(f, "new folder new");
    assert_int_equal(watch_count(f->w), 4);
    write_file(f, "new/inner/a.md");
    tells(f, "changed new/inner/a.md");
    move(f, "new", "renamed");
    tells(f, "gone folder new; new folder renamed");
    assert_int_equal(watch_count(f->w), 4);
    tells(f, ""); /* the old ones are let go */
    write_file(f, "renamed/inner/a.md");
    tells(f, "changed renamed/inner/a.md");
    move(f, "renamed", "~/renamed");
    tells(f, "gone folder renamed");
    assert_int_equal(watch_count(f->w), 2);
    tells(f, "");
    write_file(f, "~/renamed/inner/b.md"); /* is no concern of ours */
    write_file(f, "a.md");
    tells(f, "changed a.md");
}

static void test_end(void **state)
{
    struct fixture *f = *state;
    char path[200];
    struct err e = {0};
    enum err_code code = ERR_NONE;

    assert_int_equal(write(f->stop[1], "x", 1), 1);
    assert_int_equal(watch_wait(f->w, f->stop[0], note, f, &e), ERR_CANCELLED);
    drop(f, "sub");
    drop(f, ".git");
    join(f, "", path);
    assert_int_equal(rmdir(path), 0);
    for (int i = 0; i < 5 && code == ERR_NONE; i++)
        code = watch_wait(f->w, -1, note, f, &e);
    assert_int_equal(code, ERR_NOT_FOUND);
}

static void test_is_written(void **state)
{
    struct fixture *f = *state;
    char path[200], other[200];
    int fd;

    join(f, "a.md", path);
    assert_false(watch_is_written(path));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(watch_is_written(path));
    join(f, "b.md", other);
    assert_int_equal(link(path, other), 0);
    assert_false(watch_is_written(path)); /* where, nobody knows */
    assert_int_equal(remove(other), 0);
    assert_true(watch_is_written(path));
    close(fd);
    assert_false(watch_is_written(path));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(watch_is_written(path));
    close(fd);
    assert_false(watch_is_written(f->root));
}

static void test_no_such_folder(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    assert_int_equal(watch_folder(f->w, "/nonexistent/x", &e), ERR_NONE);
    assert_int_equal(watch_count(f->w), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_folder, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
