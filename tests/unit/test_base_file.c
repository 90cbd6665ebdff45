/* Replacing files keeps what they are. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];

static void
set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/test-base-file.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void
tear_down(void)
{
    static const char *const names[] = {"a", "b", "link", "pipe", "sub/a", "a.new"};

    (void)chmod("sub", 0700);
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        (void)unlink(names[index]);
    (void)rmdir("sub");
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(rmdir(folder), 0, "something was left behind");
}

TestSuite(file, .init = set_up, .fini = tear_down);

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
expect_text(const char *path, const char *text)
{
    char got[64] = "";
    FILE *file = fopen(path, "rb");
    size_t size;

    cr_assert_not_null(file, "%s", path);
    size = fread(got, 1, sizeof got - 1, file);
    got[size] = '\0';
    (void)fclose(file);
    cr_expect_str_eq(got, text);
}

static mode_t
mode_of(const char *path)
{
    struct stat facts;

    cr_assert_eq(lstat(path, &facts), 0, "%s", path);
    return facts.st_mode;
}

Test(file, a_new_file_has_the_mode_of_any)
{
    (void)umask(027);
    cr_assert(file_replace("a", SLICE_LITERAL("new")));
    expect_text("a", "new");
    cr_expect_eq(mode_of("a"), S_IFREG | 0640);
}

Test(file, a_replaced_file_keeps_its_mode)
{
    write_file("a", "a longer text");
    cr_assert_eq(chmod("a", 0604), 0);
    cr_assert(file_replace("a", SLICE_LITERAL("new")));
    expect_text("a", "new");
    cr_expect_eq(mode_of("a"), S_IFREG | 0604);
}

Test(file, a_link_is_followed_wherever_it_leads)
{
    cr_assert_eq(mkdir("sub", 0700), 0);
    write_file("sub/a", "old");
    cr_assert_eq(symlink("sub/a", "link"), 0);
    cr_assert(file_replace("link", SLICE_LITERAL("new")));
    cr_expect(S_ISLNK(mode_of("link")));
    expect_text("sub/a", "new");
    cr_assert_eq(unlink("sub/a"), 0);
    cr_assert(file_replace("link", SLICE_LITERAL("newer")));
    cr_expect(S_ISLNK(mode_of("link")));
    expect_text("sub/a", "newer");
}

Test(file, links_in_a_circle_are_an_error)
{
    cr_assert_eq(symlink("link", "link"), 0);
    cr_expect_not(file_replace("link", SLICE_LITERAL("new")));
    cr_expect_eq(errno, ELOOP);
}

Test(file, a_second_name_shows_the_new_text)
{
    write_file("a", "a longer text");
    cr_assert_eq(link("a", "b"), 0);
    cr_assert(file_replace("a", SLICE_LITERAL("new")));
    expect_text("b", "new");
}

Test(file, a_pipe_stays_a_pipe)
{
    char got[8] = "";
    int reader;

    cr_assert_eq(mkfifo("pipe", 0600), 0);
    reader = open("pipe", O_RDONLY | O_NONBLOCK);
    cr_assert_geq(reader, 0);
    cr_assert(file_replace("pipe", SLICE_LITERAL("new")));
    cr_expect_eq(read(reader, got, sizeof got), 3);
    cr_expect_str_eq(got, "new");
    cr_expect(S_ISFIFO(mode_of("pipe")));
    (void)close(reader);
}

Test(file, what_is_open_for_writing_is_written_on)
{
    int fd = open("a", O_WRONLY | O_CREAT, 0600);
    char path[32];

    cr_assert_eq(write(fd, "before ", 7), 7);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cr_assert(file_replace(path, SLICE_LITERAL("new")));
    cr_assert_eq(write(fd, " after", 6), 6);
    (void)close(fd);
    expect_text("a", "before new after");
}

Test(file, a_left_over_is_in_nobodys_way)
{
    write_file("a", "old");
    write_file("a.new", "left");
    cr_assert(file_replace("a", SLICE_LITERAL("new")));
    expect_text("a", "new");
    expect_text("a.new", "left");
}

Test(file, a_folder_and_a_missing_folder_are_errors)
{
    cr_assert_eq(mkdir("sub", 0700), 0);
    cr_expect_not(file_replace("sub", SLICE_LITERAL("new")));
    cr_expect_eq(errno, EISDIR);
    cr_expect_not(file_replace("none/a", SLICE_LITERAL("new")));
    cr_expect_eq(errno, ENOENT);
}
