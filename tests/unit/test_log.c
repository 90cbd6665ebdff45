/* test_log.c - what a line looks like, and that no value can break it. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The bytes that `log_line` writes to standard error, without the time. */
#define CAPTURE(text, ...)                                                                         \
    do {                                                                                           \
        int pipe_ends[2];                                                                          \
        int saved = dup(STDERR_FILENO);                                                            \
        ssize_t size;                                                                              \
        cr_assert_eq(pipe(pipe_ends), 0);                                                          \
        cr_assert_geq(dup2(pipe_ends[1], STDERR_FILENO), 0);                                       \
        log_line(__VA_ARGS__);                                                                     \
        cr_assert_geq(dup2(saved, STDERR_FILENO), 0);                                              \
        (void)close(pipe_ends[1]);                                                                 \
        size = read(pipe_ends[0], text, sizeof text - 1);                                          \
        cr_assert_geq(size, 0);                                                                    \
        text[size] = '\0';                                                                         \
        (void)close(pipe_ends[0]);                                                                 \
        (void)close(saved);                                                                        \
    } while (0)

Test(log, a_line_of_text)
{
    char text[1024];

    CAPTURE(text, LOG_INFO, "server ready", "path=\"%s\" count=%zu left=%lld mask=%x cut=%.*s",
            "a/b", (size_t)7, -3LL, 255U, 2, "abc");
    cr_assert_eq(strlen("2026-11-23T06:00:00.123Z"), (size_t)(strchr(text, ' ') - text));
    cr_assert_str_eq(strchr(text, ' '),
                     " info  server ready path=\"a/b\" count=7 left=-3 mask=ff cut=ab\n");
}

Test(log, values_cannot_forge)
{
    char text[1024];

    CAPTURE(text, LOG_WARN, "event", "id=\"%s\"", "x\"\n2026 error \x1B[31m\\ \xFF\xC2\x85");
    cr_assert_str_eq(strchr(text, ' '), " warn  event id=\"x\\\"\\u000a2026 error \\u001b[31m\\\\ "
                                        "\\ufffd\\u0085\"\n");
}

Test(log, values_hide_nothing)
{
    char text[1024];

    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    CAPTURE(text, LOG_WARN, "event", "id=\"%s\"",
            "a\u202Eb\u200Bc\xC2\x9B"
            "d\u2028e\uFEFF");
    cr_assert_str_eq(strchr(text, ' '),
                     " warn  event id=\"a\\u202eb\\u200bc\\u009bd\\u2028e\\ufeff\"\n");
}

Test(log, as_json)
{
    char text[1024];

    log_configure(&(struct log_options){.level = LOG_INFO, .json = true});
    CAPTURE(text, LOG_ERROR, "event", "id=\"%s\" count=%u big=%s zero=%s", "a b=\"c\"", 5U, "1x",
            "007");
    cr_assert_str_eq(strstr(text, "\"level\""),
                     "\"level\":\"error\",\"event\":\"event\",\"id\":\"a b=\\\"c\\\"\",\"count\":5,"
                     "\"big\":\"1x\",\"zero\":\"007\"}\n");
}

Test(log, levels)
{
    char text[1024];
    enum log_level level;

    log_configure(&(struct log_options){.level = LOG_WARN});
    CAPTURE(text, LOG_INFO, "event", "a=%d", 1);
    cr_assert_str_eq(text, "");
    cr_assert(log_level_parse("debug", &level) && level == LOG_DEBUG);
    cr_assert_not(log_level_parse("loud", &level));
}
