/* test_options.c - who beats whom, and what is refused. */
#include "server/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char program[] = "behalfd";
static char *no_environment[] = {NULL};
static struct error error;

#define ARGUMENTS(...) ((char *[]){program, __VA_ARGS__})
#define READ(options, environment, ...)                                                            \
    options_read(options, (int)BEHALF_COUNT_OF(ARGUMENTS(__VA_ARGS__)), ARGUMENTS(__VA_ARGS__),    \
                 environment, &error)

/* Options take char *, as main does. */
#define TEXT(literal) ((char[]){literal})

Test(options, defaults)
{
    char *arguments[] = {program, TEXT("--data"), TEXT("d")}; /* outlives the options */
    struct options options;

    cr_assert_eq(options_read(&options, 3, arguments, no_environment, &error), BEHALF_OK);
    cr_assert_str_eq(options.data, "d");
    cr_assert_str_eq(options.listen, "127.0.0.1:23425");
    cr_assert_str_eq(options.unix_path, "");
    cr_assert_eq(options.loops, 0);
    cr_assert_eq(options.ready_fd, OPTIONS_UNSET);
    cr_assert_eq(options.log_level, LOG_INFO);
    cr_assert_not(options.log_json);
    options_release(&options);
}

static char *
write_file(const char *text)
{
    static char path[] = "/tmp/behalf-options-test-XXXXXX";
    int fd;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    return path;
}

Test(options, flag_beats_environment_beats_file_beats_default)
{
    char *path =
        write_file("# comment\n\n data = file \nloops=3\nworkers = 4\ngraph-memory = 2M\n");
    char *environment[] = {TEXT("BEHALF_LOOPS=5"), TEXT("BEHALF_WORKERS=6"),
                           TEXT("BEHALF_ENDPOINT=9"), TEXT("HOME=/"), NULL};
    struct options options;

    cr_assert_eq(
        READ(&options, environment, TEXT("--config"), path, TEXT("--loops=7"), TEXT("--log-json")),
        BEHALF_OK, "%s", error.message);
    cr_assert_str_eq(options.data, "file");
    cr_assert_eq(options.loops, 7);
    cr_assert_eq(options.workers, 6);
    cr_assert_eq(options.graph_memory, 2 << 20);
    cr_assert(options.log_json);
    options_release(&options);
    (void)unlink(path);
}

static void
refuse_file(const char *text, const char *word)
{
    struct options options;
    char *path = write_file(text);

    cr_assert_eq(READ(&options, no_environment, TEXT("--config"), path), BEHALF_MALFORMED_REQUEST,
                 "%s", text);
    cr_assert_not_null(strstr(error.message, word), "%s", error.message);
    (void)unlink(path);
}

Test(options, a_file_is_refused_by_line)
{
    refuse_file("data = d\nnonesuch = 1\n", ":2: unknown key 'nonesuch'");
    refuse_file("data = d\n\nloops = 1\nloops = 2\n", ":4: 'loops' stands twice");
    refuse_file("data\n", ":1: expected 'key = value'");
    refuse_file("data = d\nloops = many\n", ":2: 'many'");
    refuse_file("config = other\n", "unknown key 'config'");
    refuse_file("log-json = yes\n", "'yes'");
}

Test(options, what_is_refused)
{
    struct options options;

    cr_assert_eq(READ(&options, no_environment, TEXT("--loops=1")), BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "data directory"));
    cr_assert_eq(READ(&options, no_environment, TEXT("--nonesuch")), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("data")), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data")), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--data=e")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--log-json=true")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--loops=-1")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--loops=257")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "'257' is not a number up to 256"));
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--workers=1000000")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--graph-memory=1T")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"),
                      TEXT("--graph-memory=99999999999999999999")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--log-level=loud")),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(READ(&options, no_environment, TEXT("--config=/nonexistent")),
                 BEHALF_MALFORMED_REQUEST);
}

/* A server that was told something in a variable it does not know must not start with defaults. */
Test(options, unknown_variables_of_the_house_are_refused)
{
    static const char *const unknown[] = {"BEHALF_LISTN=127.0.0.1:1", "BEHALF_=1",
                                          "BEHALF_DATA2=d",           "BEHALF_listen=x",
                                          "BEHALF_ENDPOINTS=x",       "BEHALF_HELP=1"};
    char *clients[] = {TEXT("BEHALF_ENDPOINT=127.0.0.1:1"), TEXT("BEHALFD=x"), TEXT("BEHALF=1"),
                       NULL};
    struct options options;

    for (size_t index = 0; index < BEHALF_COUNT_OF(unknown); index++) {
        char *environment[] = {(char *)(uintptr_t)unknown[index], NULL};

        cr_assert_eq(READ(&options, environment, TEXT("--data=d")), BEHALF_MALFORMED_REQUEST, "%s",
                     unknown[index]);
        cr_assert_not_null(strstr(error.message, "unknown variable 'BEHALF_"), "%s", error.message);
    }
    cr_assert_eq(READ(&options, clients, TEXT("--data=d")), BEHALF_OK, "%s", error.message);
    options_release(&options);
}

Test(options, the_mode_of_the_socket_is_octal_and_has_no_execute_bits)
{
    static const char *const wrong[] = {"660x", "0888", "0770", "1660", "u=rw", "", "-1", "0x1b0"};
    struct options options;

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        char text[32];

        (void)snprintf(text, sizeof text, "--unix-mode=%s", wrong[index]);
        cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), text),
                     BEHALF_MALFORMED_REQUEST, "%s", text);
    }
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d"), TEXT("--unix-mode=0660")),
                 BEHALF_OK);
    cr_assert_eq(options.unix_mode, 0660);
    options_release(&options);
    cr_assert_eq(READ(&options, no_environment, TEXT("--data=d")), BEHALF_OK);
    cr_assert_eq(options.unix_mode, OPTIONS_UNSET);
    options_release(&options);
}

Test(options, help_names_every_option)
{
    static const char *const flags[] = {
#define X(flag, ...) "--" flag " ",
#include "server/options.def"
#undef X
    };
    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    cr_assert_not_null(out);
    options_print_help(out);
    (void)fclose(out);
    for (size_t index = 0; index < BEHALF_COUNT_OF(flags); index++)
        cr_assert_not_null(strstr(text, flags[index]), "%s", flags[index]);
}
