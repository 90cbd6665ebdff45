/* command_check.c - check, check-bulk. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/relationship.h"
#include "cli/cli.h"

/* `RESOURCE#PERMISSION@SUBJECT` into its three texts. */
static bool
split_question(struct cli *cli, struct slice text, struct behalf_question *question)
{
    struct relationship parsed;
    struct buffer part;
    struct error error;
    enum status status = relationship_parse(text, &cli->arena, &parsed, &error);

    if (status == BEHALF_OK && (parsed.caveat.size > 0 || parsed.expires_at != 0))
        status = error_set(&error, BEHALF_MALFORMED_REQUEST,
                           "a question has no caveat and no expiration");
    if (status != BEHALF_OK) {
        cli->error = (struct behalf_error){.status = BEHALF_FAILED_USAGE, .index = -1};
        (void)snprintf(cli->error.message, sizeof cli->error.message, "%s", error.message);
        return false;
    }
    buffer_init(&part);
    question->permission = cli_copy(cli, parsed.resource.relation);
    parsed.resource.relation = (struct slice){NULL, 0};
    object_print(&parsed.resource, &part);
    question->resource = cli_copy(cli, buffer_slice(&part));
    buffer_clear(&part);
    object_print(&parsed.subject, &part);
    question->subject = cli_copy(cli, buffer_slice(&part));
    buffer_release(&part);
    return true;
}

static void
write_question(struct behalf_writer *writer, const struct behalf_question *question)
{
    behalf_write_text(writer, "resource");
    behalf_write_text(writer, question->resource);
    behalf_write_text(writer, "permission");
    behalf_write_text(writer, question->permission);
    behalf_write_text(writer, "subject");
    behalf_write_text(writer, question->subject);
    if (question->actor_count > 0) {
        behalf_write_text(writer, "actor");
        behalf_write_actors(writer, question->actors, question->actor_count);
    }
}

/* "context: hour, region" or nothing. */
static void
put_missing(struct behalf_value result, struct buffer *out)
{
    struct behalf_value rest;
    struct behalf_value name;
    struct slice text;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "missing"), &count, &rest))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &name); index++)
        if (behalf_value_string(name, &text.data, &text.size)) {
            buffer_add_text(out, index == 0 ? "missing: " : ", ");
            buffer_add_slice(out, text);
        }
}

/* CLI_SERVER when the word is none of the three. */
static enum cli_exit
decision_exit(struct behalf_value result)
{
    struct behalf_value decision = behalf_value_get(result, "decision");

    if (behalf_value_is(decision, "allow"))
        return CLI_OK;
    if (behalf_value_is(decision, "deny"))
        return CLI_DENIED;
    if (behalf_value_is(decision, "conditional"))
        return CLI_CONDITIONAL;
    return CLI_SERVER;
}

static const char *
decision_word(enum cli_exit code)
{
    return code == CLI_OK ? "allow" : code == CLI_DENIED ? "deny" : "conditional";
}

static enum cli_exit
print_answer(struct cli *cli, struct behalf_value result)
{
    enum cli_exit code = decision_exit(result);
    struct buffer missing;

    if (code == CLI_SERVER) {
        (void)fprintf(stderr, "behalf: cannot check: the server sent no decision\n");
        return CLI_SERVER;
    }
    if (cli->json) {
        cli_print_json(result);
        return code;
    }
    buffer_init(&missing);
    put_missing(result, &missing);
    (void)printf("%s%s%s", cli_color(cli->color, cli_decision_color(decision_word(code))),
                 decision_word(code), cli_color(cli->color, COLOR_NONE));
    if (missing.size > 0) {
        (void)fputs("  ", stdout);
        cli_put_safe(stdout, buffer_slice(&missing));
    }
    (void)putchar('\n');
    buffer_release(&missing);
    return code;
}

static enum cli_exit
run_check(struct cli *cli)
{
    struct behalf_question question = {0};
    struct behalf_writer *writer;
    struct behalf_reply *reply;
    enum cli_exit result;

    if (cli->argument_count == 2)
        return cli_usage(cli, "check needs RESOURCE PERMISSION SUBJECT, or all in one word");
    if (cli->argument_count == 1) {
        if (!split_question(cli, slice_of(cli->arguments[0]), &question))
            return cli_fail(cli, "check '%s'", cli->arguments[0]);
    } else {
        question.resource = cli->arguments[0];
        question.permission = cli->arguments[1];
        question.subject = cli->arguments[2];
    }
    question.actors = cli->actors;
    question.actor_count = cli->actor_count;
    result = cli_connect(cli);
    if (result != CLI_OK)
        return result;
    writer = behalf_writer_new();
    BEHALF_ASSERT(writer != NULL);
    behalf_write_map(writer,
                     3 + (question.actor_count > 0 ? 1U : 0U) + behalf_read_members(&cli->read));
    write_question(writer, &question);
    behalf_write_read(writer, &cli->read);
    result = cli_call(cli, "check", "check", writer, &reply);
    if (result != CLI_OK)
        return result;
    result = print_answer(cli, behalf_reply_result(reply));
    behalf_reply_free(reply);
    return result;
}

/* --- check-bulk ------------------------------------------------------------------------------- */

enum expectation { EXPECT_NOTHING, EXPECT_ALLOW, EXPECT_DENY, EXPECT_CONDITIONAL };

struct bulk_item {
    struct slice text; /* the question as written */
    struct behalf_question question;
    enum expectation expected;
    size_t line;
};

struct bulk {
    struct bulk_item *items;
    size_t count;
    size_t capacity;
    size_t errors;
    size_t wrong;
};

static bool
parse_actor_word(struct cli *cli, struct slice word, struct behalf_question *question)
{
    size_t skipped = strlen("actor=");
    const char **actors = arena_take_array(&cli->arena, CLI_ACTORS_MAX, sizeof *actors);

    BEHALF_ASSERT(actors != NULL);
    question->actors = actors;
    question->actor_count = cli_list_split(
        cli, (struct slice){word.data + skipped, word.size - skipped}, actors, CLI_ACTORS_MAX);
    return question->actor_count > 0;
}

/* One word behind the question: what is expected, or who acts; each at most once. */
static bool
parse_extra(struct cli *cli, struct slice word, struct bulk_item *item)
{
    enum expectation expected = EXPECT_NOTHING;

    if (slice_starts_with(word, SLICE_LITERAL("actor=")))
        return item->question.actor_count == 0 && parse_actor_word(cli, word, &item->question);
    if (slice_equal(word, SLICE_LITERAL("true")) || slice_equal(word, SLICE_LITERAL("allow")))
        expected = EXPECT_ALLOW;
    else if (slice_equal(word, SLICE_LITERAL("false")) || slice_equal(word, SLICE_LITERAL("deny")))
        expected = EXPECT_DENY;
    else if (slice_equal(word, SLICE_LITERAL("conditional")))
        expected = EXPECT_CONDITIONAL;
    if (expected == EXPECT_NOTHING || item->expected != EXPECT_NOTHING)
        return false;
    item->expected = expected;
    return true;
}

static enum cli_exit
bulk_parse(struct cli *cli, const char *path, struct slice text, struct bulk *bulk)
{
    struct slice rest = text;
    struct slice line;

    for (size_t number = 1; cli_line_next(&rest, &line); number++) {
        struct bulk_item item = {.line = number};
        struct slice word = cli_word_next(&line);

        if (word.size == 0 || slice_starts_with(word, SLICE_LITERAL("//")))
            continue;
        item.text = word;
        if (!split_question(cli, word, &item.question))
            return cli_fail(cli, "check line %zu of '%s'", number, path);
        while ((word = cli_word_next(&line)).size > 0)
            if (!parse_extra(cli, word, &item))
                return cli_usage(cli, "line %zu of '%s': cannot read '%.*s'", number, path,
                                 SLICE_PRINTF(word));
        if (bulk->count == bulk->capacity) {
            bulk->capacity = bulk->capacity > 0 ? 2 * bulk->capacity : 256;
            bulk->items = memory_resize(bulk->items, bulk->capacity, sizeof *bulk->items);
        }
        bulk->items[bulk->count++] = item;
    }
    return bulk->count > 0 ? CLI_OK : cli_usage(cli, "'%s' has no questions", path);
}

static bool
as_expected(enum expectation expected, enum cli_exit code)
{
    switch (expected) {
    case EXPECT_NOTHING:
        return true;
    case EXPECT_ALLOW:
        return code == CLI_OK;
    case EXPECT_DENY:
        return code == CLI_DENIED;
    case EXPECT_CONDITIONAL:
        return code == CLI_CONDITIONAL;
    }
    return false;
}

static void
put_actors(const struct bulk_item *item, struct cli_table *table)
{
    struct buffer text;

    buffer_init(&text);
    for (size_t index = 0; index < item->question.actor_count; index++)
        buffer_add_format(&text, "%s%s", index > 0 ? ", " : "", item->question.actors[index]);
    cli_table_cell(table, buffer_slice(&text));
    buffer_release(&text);
}

/* Adds one row: question, actor, decision, note. */
static void
bulk_row(struct bulk *bulk, const struct bulk_item *item, struct behalf_value result,
         struct cli_table *table)
{
    struct behalf_value problem = behalf_value_get(result, "error");
    enum cli_exit code = decision_exit(result);
    struct buffer note;

    buffer_init(&note);
    if (problem.bytes != NULL || code == CLI_SERVER) {
        bulk->errors++;
        buffer_add_slice(&note, cli_get_text(problem, "reason"));
        buffer_add_text(&note, ": ");
        buffer_add_slice(&note, cli_get_text(problem, "message"));
    } else {
        put_missing(result, &note);
        if (!as_expected(item->expected, code)) {
            bulk->wrong++;
            buffer_add_format(&note, "%sWRONG, line %zu expects %s", note.size > 0 ? "; " : "",
                              item->line,
                              item->expected == EXPECT_ALLOW  ? "allow"
                              : item->expected == EXPECT_DENY ? "deny"
                                                              : "conditional");
        }
    }
    cli_table_cell(table, item->text);
    put_actors(item, table);
    cli_table_cell(
        table,
        slice_of(problem.bytes != NULL || code == CLI_SERVER ? "error" : decision_word(code)));
    cli_table_cell(table, buffer_slice(&note));
    buffer_release(&note);
}

/* One request of at most CLI_CHECKS_MAX items. */
static enum cli_exit
bulk_ask(struct cli *cli, struct bulk *bulk, size_t from, size_t count, struct cli_table *table)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply;
    struct behalf_value rest;
    struct behalf_value one;
    enum cli_exit result;
    uint32_t got;

    BEHALF_ASSERT(writer != NULL);
    behalf_write_map(writer, 1 + behalf_read_members(&cli->read));
    behalf_write_text(writer, "items");
    behalf_write_array(writer, (uint32_t)count);
    for (size_t index = from; index < from + count; index++) {
        behalf_write_map(writer, bulk->items[index].question.actor_count > 0 ? 4 : 3);
        write_question(writer, &bulk->items[index].question);
    }
    behalf_write_read(writer, &cli->read);
    result = cli_call(cli, "check", "check_bulk", writer, &reply);
    if (result != CLI_OK)
        return result;
    if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    if (!behalf_value_array(behalf_value_get(behalf_reply_result(reply), "results"), &got, &rest) ||
        got != count) {
        (void)fprintf(stderr, "behalf: cannot check: the server sent %s results\n",
                      "another number of");
        result = CLI_SERVER;
    }
    for (size_t index = from; result == CLI_OK && index < from + count; index++)
        if (behalf_value_next(&rest, &one))
            bulk_row(bulk, &bulk->items[index], one, table);
    behalf_reply_free(reply);
    return result;
}

static enum cli_exit
run_check_bulk(struct cli *cli)
{
    const char *path = cli->arguments[0];
    struct bulk bulk = {0};
    struct cli_table table;
    struct buffer text;
    enum cli_exit result = CLI_USAGE;

    buffer_init(&text);
    cli_table_init(&table, 4);
    cli_table_cell(&table, slice_of("question"));
    cli_table_cell(&table, slice_of("actor"));
    cli_table_cell(&table, slice_of("decision"));
    cli_table_cell(&table, slice_of("note"));
    if (cli_file_read(path, &text))
        result = bulk_parse(cli, path, buffer_slice(&text), &bulk);
    if (result == CLI_OK)
        result = cli_connect(cli);
    for (size_t from = 0; result == CLI_OK && from < bulk.count; from += CLI_CHECKS_MAX)
        result = bulk_ask(cli, &bulk, from,
                          bulk.count - from < CLI_CHECKS_MAX ? bulk.count - from : CLI_CHECKS_MAX,
                          &table);
    if (result == CLI_OK && !cli->json)
        cli_table_print(&table, stdout);
    if (result == CLI_OK && bulk.wrong > 0)
        (void)fprintf(stderr, "behalf: %zu of %zu answers are not as expected\n", bulk.wrong,
                      bulk.count);
    if (result == CLI_OK && (bulk.errors > 0 || bulk.wrong > 0))
        result = CLI_SERVER;
    cli_table_release(&table);
    buffer_release(&text);
    memory_free(bulk.items);
    return result;
}

const struct command cli_check_commands[] = {
    {NULL, "check", "RESOURCE PERMISSION SUBJECT", "may the subject have the permission",
     "Prints allow, deny or conditional (with the context that is missing) and exits with 0, 10\n"
     "or 11; every other exit code is no answer. RESOURCE#PERMISSION@SUBJECT in one word works\n"
     "too. In scripts, put -- before words that come from elsewhere: they may begin with a dash.\n"
     "\n"
     "  behalf check document:readme read user:ann\n"
     "  behalf check document:readme read user:ann --actor agent:helper\n",
     DECIDES | OPTION_READ | OPTION_ACTOR, 1, 3, run_check},
    {NULL, "check-bulk", "FILE|-", "many checks, at most 1,000 of them at one snapshot",
     "One question a line, RESOURCE#PERMISSION@SUBJECT, and behind it, if wanted, who acts\n"
     "(actor=A[,A...]) and what is expected (true, false or conditional). Lines that begin with\n"
     "// are comments. Exits with 3 when an answer is an error or not as expected.\n",
     OPTION_READ, 1, 1, run_check_bulk},
    {.name = NULL},
};
