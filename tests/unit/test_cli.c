/* The command line's parts that need no server: arguments, filters, words, tables, trees, JSON. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "cli/cli.h"

static struct cli cli;

static void
set_up(void)
{
    cli = (struct cli){.depth = 1};
    arena_init(&cli.arena, 1 << 20);
}

static void
tear_down(void)
{
    arena_release(&cli.arena);
}

TestSuite(cli, .init = set_up, .fini = tear_down);

/* Parses words separated by blanks. */
static enum cli_exit
parse(const char *line)
{
    static char copy[1024];
    char *words[64];
    int count = 0;
    char *rest = copy;
    char *word;

    (void)snprintf(copy, sizeof copy, "%s", line);
    while ((word = strtok_r(rest, " ", &rest)) != NULL)
        words[count++] = word;
    /* What is said about a usage error is tested with the program. */
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    return cli_arguments_parse(&cli, count, words);
}

Test(cli, common_options_may_stand_anywhere)
{
    cr_assert_eq(parse("--json check document:a view --timeout 1 user:b"), CLI_OK);
    cr_assert(cli.json);
    cr_assert_eq(cli.argument_count, 3);
    tear_down();
    set_up();
    cr_assert_eq(parse("--actor agent:x check document:a view user:b"), CLI_USAGE,
                 "--actor belongs to a command that is not named yet");
}

Test(cli, a_check_is_parsed)
{
    cr_assert_eq(parse("check document:a --actor agent:x,agent:y view user:b --json "
                       "--endpoint=unix:/tmp/x --timeout 2.5 --token T"),
                 CLI_OK);
    cr_assert_str_eq(cli.command->name, "check");
    cr_assert_eq(cli.argument_count, 3);
    cr_assert_str_eq(cli.arguments[2], "user:b");
    cr_assert_eq(cli.actor_count, 2);
    cr_assert_str_eq(cli.actors[1], "agent:y");
    cr_assert(cli.json);
    cr_assert_str_eq(cli.endpoint, "unix:/tmp/x");
    cr_assert_eq(cli.timeout_ms, 2500);
    cr_assert_eq(cli.read.consistency, BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH);
}

Test(cli, nothing_is_ignored)
{
    static const char *const lines[] = {
        "",
        "frob",
        "schema",
        "schema frob",
        "relationship",
        "check",
        "check a b c d",
        "check a b c --frob",
        "check a b c --limit 3",
        "check a b c --actor",
        "check a b c --actor ,",
        "check a b c --actor agent:x,",
        "check a b c --actor=",
        "check a b c --json=1",
        "check a b c --timeout -1",
        "check a b c --timeout 1x",
        "check a b c --consistency soon",
        "check a b c --consistency at-exact-snapshot",
        "expand a b --depth x",
        "expand a b --depth 4294967296",
        "import f --from-line 0",
        "lookup-resources a b c --limit -3",
        "check a b c --token T --token U",
        "check a b c --json --json",
        "check a b c --explain=1",
        "check a b c --context",
        "check a b c --context=",
        "check a b c --context {",
        "check a b c --context []",
        "check a b c --context 3",
        "check a b c --context @/nowhere/context.json",
        "check a b c --context {} --context {}",
        "expand a b --context {}",
        "check-bulk f --explain",
        "relationship touch a --context {}",
        "lookup-resources a b c --limit 3 --limit=4",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(lines); index++) {
        tear_down();
        set_up();
        cr_expect_eq(parse(lines[index]), CLI_USAGE, "'%s' was accepted", lines[index]);
    }
}

Test(cli, nothing_of_sessions_and_grants_is_ignored)
{
    static const char *const lines[] = {
        "check a b c --grant",
        "check a b c --grant=",
        "check a b c --grant g --grant h",
        "check a b c --scope d:*=view",
        "lookup-subjects a b c --grant g",
        "expand a b --grant g",
        "filter a b",
        "session",
        "session frob",
        "session create a",
        "session create a b --expires-in 0",
        "session create a b --expires-in -1m",
        "session create a b --expires-in 1w",
        "session create a b --expires-in 1m30",
        "session create a b --expires-in 99999999999d",
        "session create a b --idle-timeout x",
        "session create a b --evidence []",
        "session create a b --evidence @/nowhere/evidence.json",
        "session create a b --expires-in 1h --expires-in 2h",
        "session revoke",
        "session revoke a --scope d:*=view",
        "grant create a --uses 0",
        "grant create a --uses -1",
        "grant create a --max-depth x",
        "grant create a --scope=",
        "grant delegate a",
        "agent kill a b",
        "agent kill --everything=yes",
        "agent stopped a",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(lines); index++) {
        tear_down();
        set_up();
        cr_expect_eq(parse(lines[index]), CLI_USAGE, "'%s' was accepted", lines[index]);
    }
}

Test(cli, durations_have_a_unit_or_are_seconds)
{
    static const struct {
        const char *line;
        uint64_t seconds;
    } rows[] = {
        {"session create a b --expires-in 90", 90},
        {"session create a b --expires-in 90s", 90},
        {"session create a b --expires-in 30m", 1800},
        {"session create a b --expires-in=8h", 28800},
        {"session create a b --expires-in 2d", 172800},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        tear_down();
        set_up();
        cr_assert_eq(parse(rows[index].line), CLI_OK, "%s", rows[index].line);
        cr_expect_eq(cli.records.expires_in_s, rows[index].seconds, "%s", rows[index].line);
        cr_expect_not(cli.records.has_idle_timeout);
    }
    tear_down();
    set_up();
    cr_assert_eq(parse("session create a b --idle-timeout 0"), CLI_OK);
    cr_expect(cli.records.has_idle_timeout && cli.records.idle_timeout_s == 0);
}

Test(cli, lists_of_a_grant_may_stand_again)
{
    cr_assert_eq(parse("grant create s --scope a:*=view --tool x=1 --scope b:*=edit,view "
                       "--constraint few --max-depth 3 --uses 7"),
                 CLI_OK);
    cr_assert_eq(cli.records.scope.count, 2);
    cr_expect_str_eq(cli.records.scope.items[1], "b:*=edit,view");
    cr_assert_eq(cli.records.tools.count, 1);
    cr_assert_eq(cli.records.constraints.count, 1);
    cr_expect_eq(cli.records.max_depth, 3);
    cr_expect_eq(cli.records.uses, 7);
}

/* The members of a call, as JSON. */
static const char *
members_as_json(struct cli_members *members)
{
    static char text[4096];
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value value;
    struct buffer out;

    cli_members_end(members, writer);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    buffer_init(&out);
    cli_json_value(&out, value);
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_release(&out);
    behalf_writer_free(writer);
    return text;
}

Test(cli, the_terms_of_a_grant_are_members_of_the_call)
{
    struct cli_members members;

    cr_assert_eq(parse("grant create s --scope document:\"a=b\"=view,edit "
                       "--scope document:*#within@folder:f=view --constraint few:{\"limit\":3} "
                       "--constraint late --tool mail=ab --method POST --digest cd "
                       "--not-before 2027-01-01T00:00:00Z --max-depth 2 --uses 3 --purpose p "
                       "--expires-in 1m --approver user:ann --channel web"),
                 CLI_OK);
    cli_members_init(&members);
    cr_assert_eq(cli_member_terms(&cli, &members), CLI_OK);
    cli_member_end(&cli, &members);
    cli_member_approval(&cli, &members);
    cr_expect_str_eq(
        members_as_json(&members),
        "{\"scope\":[{\"selector\":\"document:\\\"a=b\\\"\",\"actions\":[\"view\",\"edit\"]},"
        "{\"selector\":\"document:*#within@folder:f\",\"actions\":[\"view\"]}],"
        "\"constraints\":[{\"caveat\":\"few\",\"context\":{\"limit\":3}},{\"caveat\":\"late\"}],"
        "\"tools\":[{\"name\":\"mail\",\"sha256\":\"ab\"}],"
        "\"bind\":{\"method\":\"POST\",\"digest\":\"cd\"},"
        "\"not_before\":\"2027-01-01T00:00:00Z\",\"max_depth\":2,\"uses\":3,\"purpose\":\"p\","
        "\"expires_in_s\":60,\"approval\":{\"approver\":\"user:ann\",\"channel\":\"web\"}}");
}

Test(cli, terms_that_cannot_be_read_are_usage_errors)
{
    static const char *const lines[] = {
        "grant create s --scope document:*",   "grant create s --scope =view",
        "grant create s --scope document:*=",  "grant create s --scope document:*=view,",
        "grant create s --constraint few:",    "grant create s --constraint few:{",
        "grant create s --constraint few:[1]", "grant create s --tool mail",
        "grant create s --tool =ab",           "grant create s --tool mail=",
        "grant create s --method POST",        "grant create s --digest ab",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(lines); index++) {
        struct cli_members members;

        tear_down();
        set_up();
        cr_assert_eq(parse(lines[index]), CLI_OK, "%s", lines[index]);
        cli_members_init(&members);
        cr_expect_eq(cli_member_terms(&cli, &members), CLI_USAGE, "%s", lines[index]);
        behalf_writer_free(members.body);
    }
}

Test(cli, contexts_are_given_as_text)
{
    static const char *const lines[] = {
        "check a b c --explain --context {\"hour\":3}",
        "check-bulk f --context={\"hour\":3}",
        "lookup-resources a b c --context {\"hour\":3}",
        "lookup-subjects a b c --context {\"hour\":3}",
        "lookup-permissions a b --context {\"hour\":3}",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(lines); index++) {
        tear_down();
        set_up();
        cr_assert_eq(parse(lines[index]), CLI_OK, "%s", lines[index]);
        cr_assert_str_eq(cli.context, "{\"hour\":3}");
        cr_assert_eq(cli.explain, index == 0);
    }
}

Test(cli, contexts_are_read_from_files)
{
    char path[] = "/tmp/behalf-context-XXXXXX";
    char line[128];
    int descriptor = mkstemp(path);

    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, "{\"hour\":\n 3}\n", 13), 13);
    (void)snprintf(line, sizeof line, "check a b c --context @%s", path);
    cr_assert_eq(parse(line), CLI_OK);
    cr_assert_str_eq(cli.context, "{\"hour\":\n 3}\n");
    tear_down();
    set_up();
    cr_assert_eq(ftruncate(descriptor, 0), 0);
    cr_assert_eq(pwrite(descriptor, "{}\0", 3, 0), 3);
    cr_assert_eq(parse(line), CLI_USAGE, "a NUL hides what follows");
    (void)close(descriptor);
    (void)unlink(path);
}

Test(cli, two_dashes_end_the_options)
{
    cr_assert_eq(parse("schema validate -- --odd-name.zed"), CLI_OK);
    cr_assert_str_eq(cli.arguments[0], "--odd-name.zed");
}

Test(cli, actors_are_split_outside_of_quotes)
{
    const char *items[4];

    cr_assert_eq(cli_list_split(&cli, slice_of("agent:\"a,b\",agent:c"), items, 4), 2);
    cr_assert_str_eq(items[0], "agent:\"a,b\"");
    cr_assert_str_eq(items[1], "agent:c");
    cr_assert_eq(cli_list_split(&cli, slice_of(""), items, 4), 0);
    cr_assert_eq(cli_list_split(&cli, slice_of("a,,b"), items, 4), 0);
    cr_assert_eq(cli_list_split(&cli, slice_of("a,b,c,d,e"), items, 4), 0);
}

/* --- filters --- */

static const char *
text_of(const char *text)
{
    return text != NULL ? text : "-";
}

Test(cli, filters)
{
    static const struct {
        const char *text;
        const char *parts; /* type id prefix relation, subject type id relation */
    } rows[] = {
        {"document", "document - - - - - -"},
        {"document:readme#viewer", "document readme - viewer - - -"},
        {"document:read*", "document - read - - - -"},
        {"document:\"a*#@b\"", "document a*#@b - - - - -"},
        {"document:\"a b\"*", "document - a b - - - -"},
        {"#viewer", "- - - viewer - - -"},
        {"@user:ann", "- - - - user ann -"},
        {"@user", "- - - - user - -"},
        {"@user#", "- - - - user - "},
        {"document#viewer@group:eng#member", "document - - viewer group eng member"},
    };
    struct behalf_filter filter;
    char problem[256];
    char parts[512];

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert(cli_filter_parse(&cli.arena, rows[index].text, &filter, problem, sizeof problem),
                  "%s: %s", rows[index].text, problem);
        (void)snprintf(parts, sizeof parts, "%s %s %s %s %s %s %s", text_of(filter.resource_type),
                       text_of(filter.resource_id), text_of(filter.resource_id_prefix),
                       text_of(filter.relation), text_of(filter.subject_type),
                       text_of(filter.subject_id), text_of(filter.subject_relation));
        cr_expect_str_eq(parts, rows[index].parts, "%s gave '%s'", rows[index].text, parts);
    }
}

Test(cli, bad_filters_are_refused)
{
    static const char *const texts[] = {
        "",      "document:", "document:\"x", "document#",    "@",           "@:x",
        "@#rel", "@user:a*",  "@user:*#",     "document:a b", "@user:\"*\"", "document:*",
    };
    struct behalf_filter filter;
    char problem[256];

    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++)
        cr_expect_not(cli_filter_parse(&cli.arena, texts[index], &filter, problem, sizeof problem),
                      "'%s' was accepted", texts[index]);
}

/* --- text --- */

Test(cli, words_keep_quoted_blanks)
{
    struct slice line = SLICE_LITERAL("  touch\tdoc:\"a \\\" b\"#x@user:c  actor=d ");

    cr_assert(slice_equal(cli_word_next(&line), SLICE_LITERAL("touch")));
    cr_assert(slice_equal(cli_word_next(&line), SLICE_LITERAL("doc:\"a \\\" b\"#x@user:c")));
    cr_assert(slice_equal(cli_word_next(&line), SLICE_LITERAL("actor=d")));
    cr_assert_eq(cli_word_next(&line).size, 0);
}

Test(cli, lines_end_in_both_ways)
{
    struct slice rest = SLICE_LITERAL("a\r\n\nb");
    struct slice line;

    cr_assert(line_next(&rest, &line));
    cr_assert(slice_equal(line, SLICE_LITERAL("a")));
    cr_assert(line_next(&rest, &line));
    cr_assert_eq(line.size, 0);
    cr_assert(line_next(&rest, &line));
    cr_assert(slice_equal(line, SLICE_LITERAL("b")));
    cr_assert_not(line_next(&rest, &line));
}

/* --- printing --- */

static char printed[4096];

static FILE *
open_output(void)
{
    memset(printed, 0, sizeof printed);
    return fmemopen(printed, sizeof printed - 1, "w");
}

Test(cli, tables_are_aligned_by_characters)
{
    struct cli_table table;
    FILE *out = open_output();

    cli_table_init(&table, 3);
    cli_table_cell(&table, slice_of("name"));
    cli_table_cell(&table, slice_of("empty"));
    cli_table_cell(&table, slice_of("n"));
    cli_table_cell(&table, slice_of("żółw"));
    cli_table_cell(&table, slice_of(""));
    cli_table_cell(&table, slice_of("10"));
    cli_table_print(&table, out);
    (void)fclose(out);
    cli_table_release(&table);
    cr_assert_str_eq(printed, "┌──────┬────┐\n"
                              "│ name │ n  │\n"
                              "├──────┼────┤\n"
                              "│ żółw │ 10 │\n"
                              "└──────┴────┘\n");
}

Test(cli, tree_lines_end_where_their_parent_ends)
{
    struct cli_tree tree = {.last = {false, true, false}, .depth = 3};
    FILE *out = open_output();

    cli_tree_prefix(&tree, out);
    (void)fclose(out);
    cr_assert_str_eq(printed, "│     ├─ ");
    tree.ascii = true;
    out = open_output();
    cli_tree_prefix(&tree, out);
    (void)fclose(out);
    cr_assert_str_eq(printed, "|     |- ");
    tree.last[2] = true;
    out = open_output();
    cli_tree_prefix(&tree, out);
    (void)fclose(out);
    cr_assert_str_eq(printed, "|     `- ");
}

Test(cli, text_that_goes_to_no_terminal_stays_as_it_is)
{
    FILE *out = open_output();

    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    cli_put_safe(out, SLICE_LITERAL("a\x1b[31m\u202E\xff\n"));
    (void)fclose(out);
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    cr_assert_str_eq(printed, "a\x1b[31m\u202E\xff\n");
}

Test(cli, the_caret_stands_below_the_fault)
{
    FILE *out = open_output();

    cli_show_source(out, "s.zed", slice_of("one\n\tż usr x\n"), 2, 5, 3, false);
    (void)fclose(out);
    cr_assert_str_eq(printed, "  s.zed:2:5\n"
                              "   2 |  ż usr x\n"
                              "     |    ^^^\n");
}

Test(cli, json_of_every_kind_of_value)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value value;
    struct buffer out;

    behalf_write_map(writer, 8);
    behalf_write_text(writer, "whole");
    behalf_write_double(writer, 3.0);
    behalf_write_text(writer, "text");
    behalf_write_text(writer, "a\"\\\n\x01\xff ż");
    behalf_write_text(writer, "list");
    behalf_write_array(writer, 2);
    behalf_write_uint(writer, UINT64_MAX);
    behalf_write_int(writer, -7);
    behalf_write_text(writer, "real");
    behalf_write_double(writer, 0.5);
    behalf_write_text(writer, "endless");
    behalf_write_double(writer, (double)INFINITY);
    behalf_write_text(writer, "yes");
    behalf_write_bool(writer, true);
    behalf_write_text(writer, "none");
    behalf_write_nil(writer);
    behalf_write_text(writer, "empty");
    behalf_write_map(writer, 0);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    buffer_init(&out);
    cli_json_value(&out, value);
    cr_assert_str_eq(out.data, "{\"whole\":3.0,\"text\":\"a\\\"\\\\\\n\\u0001\\ufffd ż\","
                               "\"list\":[18446744073709551615,-7],\"real\":0.5,\"endless\":null,"
                               "\"yes\":true,\"none\":null,\"empty\":{}}");
    buffer_release(&out);
    behalf_writer_free(writer);
}

Test(cli, json_is_whole_however_deep)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value value;
    struct buffer out;

    for (int depth = 0; depth < 100000; depth++)
        behalf_write_array(writer, 1);
    behalf_write_nil(writer);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    buffer_init(&out);
    cli_json_value(&out, value);
    cr_assert_eq(out.size, 2 * 100000 + strlen("null"));
    buffer_release(&out);
    behalf_writer_free(writer);
}
