/* The tree that says why, and the words for decisions and conditions. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/cli.h"

static char printed[65536];
static struct behalf_writer *writer;
static struct behalf_error error;

static void
begin(void)
{
    writer = behalf_writer_new();
}

static void
end(void)
{
    behalf_writer_free(writer);
}

TestSuite(cli_trace, .init = begin, .fini = end);

static struct behalf_value
value_of(const char *json)
{
    struct behalf_value value;

    behalf_writer_clear(writer);
    cr_assert_eq(behalf_write_json(writer, json, &error), BEHALF_SUCCESS, "%s", error.message);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    return value;
}

static const char *
trace_of(struct cli *cli, const char *json)
{
    FILE *out = fmemopen(printed, sizeof printed - 1, "w");

    memset(printed, 0, sizeof printed);
    cli_put_trace(cli, value_of(json), out);
    (void)fclose(out);
    return printed;
}

#define MEMBER "{\"kind\":\"member\",\"object\":\"doc:a\",\"relation\":\"view\","
#define NO_CHILDREN ",\"children\":[]}"

static const char conditional[] = MEMBER
    "\"decision\":\"conditional\",\"missing\":[\"count\",\"limit\"],\"children\":["
    "{\"kind\":\"union\",\"decision\":\"conditional\",\"missing\":[\"count\",\"limit\"],"
    "\"children\":["
    "{\"kind\":\"relationship\",\"decision\":\"conditional\",\"missing\":[\"count\"],"
    "\"relationship\":{\"resource\":{\"type\":\"doc\",\"id\":\"a\"},\"relation\":\"v\","
    "\"subject\":{\"type\":\"user\",\"id\":\"a b\"},\"caveat\":{\"name\":\"few\",\"context\":"
    "{\"limit\":2.0}},\"expires_at\":\"2027-01-01T00:00:00Z\"},"
    "\"context\":{\"limit\":2.0},\"residual\":\"count < 2.0\"" NO_CHILDREN ","
    "{\"kind\":\"absent\",\"decision\":\"deny\",\"relationship\":\"doc:a#v@user:*\"" NO_CHILDREN
    "]},"
    "{\"kind\":\"more\",\"decision\":\"deny\",\"omitted\":98" NO_CHILDREN "]}";

Test(cli_trace, a_conditional_shows_what_is_left)
{
    struct cli cli = {.lines = true};

    cr_assert_str_eq(trace_of(&cli, conditional),
                     "doc:a#view  conditional (missing: count, limit)\n"
                     "├─ union  conditional (missing: count, limit)\n"
                     "│  ├─ doc:a#v@user:\"a b\"[few:{\"limit\":2.0}]"
                     "[expiration:2027-01-01T00:00:00Z]  conditional (missing: count)  "
                     "with {\"limit\":2.0}, left: count < 2.0\n"
                     "│  └─ no doc:a#v@user:*  deny\n"
                     "└─ 98 more  deny\n");
}

Test(cli_trace, without_a_terminal_the_lines_are_ascii)
{
    struct cli cli = {.lines = false};

    trace_of(&cli, conditional);
    for (const char *at = printed; *at != '\0'; at++)
        cr_assert((unsigned char)*at < 0x80);
    cr_assert_not_null(strstr(printed, "\n|  `- no doc:a#v@user:*  deny\n`- 98 more  deny\n"));
}

Test(cli_trace, colours_stand_around_decisions)
{
    struct cli cli = {.color = true};

    trace_of(&cli, "{\"kind\":\"identity\",\"decision\":\"allow\"" NO_CHILDREN);
    cr_assert_not_null(strstr(printed, "the subject itself  \x1b[32mallow\x1b[0m\n"), "%s",
                       printed);
}

Test(cli_trace, errors_and_messages_are_said)
{
    struct cli cli = {.lines = false};

    cr_assert_str_eq(
        trace_of(&cli, "{\"kind\":\"delegation\",\"object\":\"agent:bot\",\"error\":{\"code\":"
                       "\"FAILED_PRECONDITION\",\"reason\":\"CAVEAT_EVALUATION_ERROR\","
                       "\"message\":\"division by zero\"}" NO_CHILDREN),
        "agent:bot acts on behalf  error CAVEAT_EVALUATION_ERROR: division by zero\n");
    cr_assert_str_eq(trace_of(&cli, "{\"kind\":\"all\",\"decision\":\"deny\",\"message\":"
                                    "\"nobody \\u001b is there\"" NO_CHILDREN),
                     "all  deny: nobody \\u001B is there\n");
}

/* A server that lies costs a strange picture and nothing else. */
Test(cli_trace, what_is_no_trace_ends)
{
    static char deep[64 * 1000];
    struct cli cli = {.lines = false};
    size_t size = 0;

    trace_of(&cli, "{}");
    trace_of(&cli, "[]");
    trace_of(&cli, "{\"kind\":7,\"children\":[1,null,{}]}");
    behalf_writer_clear(writer);
    for (int level = 0; level < 1000; level++) {
        behalf_write_map(writer, 1);
        behalf_write_text(writer, "children");
        behalf_write_array(writer, 1);
    }
    behalf_write_nil(writer);
    memset(printed, 0, sizeof printed);
    {
        FILE *out = fmemopen(deep, sizeof deep, "w");
        struct behalf_value value;

        value.bytes = behalf_writer_bytes(writer, &value.size);
        cli_put_trace(&cli, value, out);
        size = (size_t)ftell(out);
        (void)fclose(out);
    }
    cr_assert_lt(size, sizeof deep);
    cr_assert_not_null(memmem(deep, size, "deeper than can be shown", 24));
}

static const char *
condition_of(const char *json)
{
    struct buffer text;

    buffer_init(&text);
    cli_condition_text(value_of(json), &text);
    (void)snprintf(printed, sizeof printed, "%s", text.data);
    buffer_release(&text);
    return printed;
}

Test(cli_trace, conditions_as_in_a_relationship)
{
    cr_assert_str_eq(condition_of("{}"), "");
    cr_assert_str_eq(condition_of("{\"caveat\":{\"name\":\"few\"}}"), "[few]");
    cr_assert_str_eq(condition_of("{\"expires_at\":\"2027-01-01T00:00:00Z\",\"caveat\":{\"name\":"
                                  "\"few\",\"context\":{\"a\":[1,1.0]}}}"),
                     "[few:{\"a\":[1,1.0]}][expiration:2027-01-01T00:00:00Z]");
}

Test(cli_trace, a_condition_is_named_by_its_id)
{
    struct cli cli = {.lines = false};

    cr_expect_str_eq(
        trace_of(&cli,
                 "{\"kind\":\"intersection\",\"decision\":\"deny\",\"children\":["
                 "{\"kind\":\"condition\",\"id\":\"D6\",\"decision\":\"deny\","
                 "\"reason\":\"session_idle\",\"message\":\"not used in time\"" NO_CHILDREN "]}"),
        "intersection  deny\n`- D6  deny (session_idle): not used in time\n");
}
