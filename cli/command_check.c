/* command_check.c - check, check-bulk. */
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/memory.h"
#include "base/relationship.h"
#include "cli/cli.h"
#include "cli/validation_report.h"
#include "schema/text_kind.h"

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
member_question(struct cli_members *members, const struct behalf_question *question)
{
    cli_member_text(members, "resource", question->resource);
    cli_member_text(members, "permission", question->permission);
    cli_member_text(members, "subject", question->subject);
    cli_member_actors(members, question->actors, question->actor_count);
    cli_member_text(members, "grant", question->grant);
    cli_member_json(members, "context", question->context);
    if (question->explain) {
        cli_member(members, "explain");
        behalf_write_bool(members->body, true);
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

static enum cli_exit
print_answer(struct cli *cli, struct behalf_value result)
{
    enum cli_exit code = decision_exit(result);
    struct slice until = cli_get_text(result, "valid_until");
    struct behalf_value trace = behalf_value_get(result, "trace");

    if (code == CLI_SERVER)
        return cli_problem(cli, CLI_SERVER, NULL, "cannot check: the server sent no decision");
    if (cli->json) {
        cli_print_json(result);
        return code;
    }
    cli_put_decision(cli, result, stdout);
    if (until.size > 0)
        (void)fputs(" until ", stdout);
    cli_put_safe(stdout, until);
    (void)putchar('\n');
    if (trace.bytes != NULL)
        cli_put_trace(cli, trace, stdout);
    return code;
}

/* What the enforcement point says of the call that it holds back. */
static enum cli_exit
member_call(struct cli *cli, struct cli_members *members)
{
    const struct cli_records *records = &cli->records;
    enum cli_exit result = cli_member_binding(cli, members, "binding");

    if (result == CLI_OK && records->tools.count > 1)
        return cli_usage(cli, "a check is of one --tool");
    if (result == CLI_OK && records->tools.count == 1) {
        cli_member(members, "tool");
        result = cli_write_tool(cli, members->body, records->tools.items[0]);
    }
    cli_member_text(members, "idempotency_key", cli->idempotency_key);
    return result;
}

static enum cli_exit
question_of(struct cli *cli, struct behalf_question *question)
{
    if (cli->argument_count == 2)
        return cli_usage(cli, "check needs RESOURCE PERMISSION SUBJECT, or all in one word");
    if (cli->argument_count == 1) {
        if (!split_question(cli, slice_of(cli->arguments[0]), question))
            return cli_fail(cli, "check '%s'", cli->arguments[0]);
    } else {
        question->resource = cli->arguments[0];
        question->permission = cli->arguments[1];
        question->subject = cli->arguments[2];
    }
    question->actors = cli->actors;
    question->actor_count = cli->actor_count;
    question->context = cli->context;
    question->explain = cli->explain;
    question->grant = cli->records.grant;
    return CLI_OK;
}

static enum cli_exit
run_check(struct cli *cli)
{
    struct behalf_question question = {.grant = NULL};
    struct cli_members members;
    struct behalf_reply *reply;
    enum cli_exit result = question_of(cli, &question);

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    member_question(&members, &question);
    cli_member_read(&members, &cli->read);
    result = member_call(cli, &members);
    if (result == CLI_OK)
        result = cli_connect(cli);
    if (result != CLI_OK) {
        behalf_writer_free(members.body);
        return result;
    }
    result = cli_call_members(cli, "check", "check", &members, &reply);
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
    struct validation_result tested; /* the same for --junit */
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

static bool
parse_grant_word(struct cli *cli, struct slice word, struct behalf_question *question)
{
    size_t skipped = strlen("grant=");

    if (question->grant != NULL || word.size == skipped)
        return false;
    question->grant = cli_copy(cli, (struct slice){word.data + skipped, word.size - skipped});
    return true;
}

/* One word after the question: what is expected, who acts, by which grant; each at most once. */
static bool
parse_extra(struct cli *cli, struct slice word, struct bulk_item *item)
{
    enum expectation expected = EXPECT_NOTHING;

    if (slice_starts_with(word, SLICE_LITERAL("actor=")))
        return item->question.actor_count == 0 && parse_actor_word(cli, word, &item->question);
    if (slice_starts_with(word, SLICE_LITERAL("grant=")))
        return parse_grant_word(cli, word, &item->question);
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

/* All behind the question; `with` and a context end the line, as in a validation file. */
static enum cli_exit
parse_extras(struct cli *cli, const char *path, struct slice line, struct bulk_item *item)
{
    char name[256];
    struct slice word;

    while ((word = cli_word_next(&line)).size > 0) {
        if (slice_equal(word, SLICE_LITERAL("with"))) {
            (void)snprintf(name, sizeof name, "%s, line %zu, context", path, item->line);
            item->question.context = cli_copy(cli, line_trim(line));
            return cli_context_check(cli, name, item->question.context);
        }
        if (!parse_extra(cli, word, item))
            return cli_usage(cli, "line %zu of '%s': cannot read '%.*s'", item->line, path,
                             SLICE_PRINTF(word));
    }
    return CLI_OK;
}

/* What the file is instead, where its first line already is no question. */
static void
hint_kind(struct cli *cli, const struct bulk *bulk, struct slice text)
{
    enum text_kind kind = text_kind_of(text);

    if (bulk->count == 0 && (kind == TEXT_SCHEMA || kind == TEXT_VALIDATION_FILE))
        (void)snprintf(cli->error.hint, sizeof cli->error.hint, "%s", text_kind_hint(kind));
}

static enum cli_exit
bulk_parse(struct cli *cli, const char *path, struct slice text, struct bulk *bulk)
{
    struct slice rest = text;
    struct slice line;
    enum cli_exit result;

    for (size_t number = 1; line_next(&rest, &line); number++) {
        struct bulk_item item = {.line = number, .question.context = cli->context};
        struct slice word = cli_word_next(&line);

        if (word.size == 0 || slice_starts_with(word, SLICE_LITERAL("//")))
            continue;
        item.text = word;
        if (!split_question(cli, word, &item.question)) {
            hint_kind(cli, bulk, text);
            return cli_fail(cli, "check line %zu of '%s'", number, path);
        }
        result = parse_extras(cli, path, line, &item);
        if (result != CLI_OK)
            return result;
        bulk->items =
            memory_reserve(bulk->items, bulk->count + 1, &bulk->capacity, sizeof *bulk->items);
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

static const char *
expectation_word(enum expectation expected)
{
    return expected == EXPECT_ALLOW ? "allow" : expected == EXPECT_DENY ? "deny" : "conditional";
}

static void
bulk_note(struct cli *cli, struct bulk *bulk, const struct bulk_item *item, struct slice note)
{
    struct validation_case *made =
        validation_case_add(&bulk->tested, VALIDATION_ASSERTION,
                            note.size > 0 ? VALIDATION_FAILED : VALIDATION_PASSED, item->text);

    made->line = (uint32_t)item->line;
    made->message = validation_keep(&cli->arena, note);
}

/* Adds one row: question, actor, decision, until, note. */
static void
bulk_row(struct cli *cli, struct bulk *bulk, const struct bulk_item *item,
         struct behalf_value result, struct cli_table *table)
{
    struct behalf_value problem = behalf_value_get(result, "error");
    enum cli_exit code = decision_exit(result);
    struct buffer decision;
    struct buffer note;

    buffer_init(&decision);
    buffer_init(&note);
    if (problem.bytes != NULL || code == CLI_SERVER) {
        bulk->errors++;
        buffer_add_text(&decision, "error");
        buffer_add_slice(&note, cli_get_text(problem, "reason"));
        buffer_add_text(&note, ": ");
        buffer_add_slice(&note, cli_get_text(problem, "message"));
    } else {
        cli_decision_text(result, &decision);
        if (!as_expected(item->expected, code)) {
            bulk->wrong++;
            buffer_add_format(&note, "WRONG, line %zu expects %s", item->line,
                              expectation_word(item->expected));
        }
    }
    cli_table_cell(table, item->text);
    put_actors(item, table);
    cli_table_cell(table, buffer_slice(&decision));
    cli_table_cell(table, cli_get_text(result, "valid_until"));
    cli_table_cell(table, buffer_slice(&note));
    bulk_note(cli, bulk, item, buffer_slice(&note));
    buffer_release(&decision);
    buffer_release(&note);
}

/* One request of at most CLI_CHECKS_MAX items. */
static enum cli_exit
bulk_ask(struct cli *cli, struct bulk *bulk, size_t from, size_t count, struct cli_table *table)
{
    struct cli_members members;
    struct behalf_reply *reply;
    struct behalf_value rest;
    struct behalf_value one;
    enum cli_exit result;
    uint32_t got;

    cli_members_init(&members);
    cli_member(&members, "items");
    behalf_write_array(members.body, (uint32_t)count);
    for (size_t index = from; index < from + count; index++) {
        struct cli_members item;

        cli_members_init(&item);
        member_question(&item, &bulk->items[index].question);
        cli_members_end(&item, members.body);
    }
    cli_member_read(&members, &cli->read);
    result = cli_call_members(cli, "check", "check_bulk", &members, &reply);
    if (result != CLI_OK)
        return result;
    if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    if (!behalf_value_array(behalf_value_get(behalf_reply_result(reply), "results"), &got, &rest) ||
        got != count) {
        result = cli_problem(cli, CLI_SERVER, NULL,
                             "cannot check: the server sent another number of results");
    }
    for (size_t index = from; result == CLI_OK && index < from + count; index++)
        if (behalf_value_next(&rest, &one))
            bulk_row(cli, bulk, &bulk->items[index], one, table);
    behalf_reply_free(reply);
    return result;
}

static bool
bulk_junit(struct cli *cli, const struct bulk *bulk)
{
    struct buffer text;
    bool good;

    buffer_init(&text);
    validation_junit("check-bulk", &bulk->tested, 1, &text);
    good = cli_file_replace(cli, cli->junit, buffer_slice(&text));
    buffer_release(&text);
    return good;
}

static enum cli_exit
run_check_bulk(struct cli *cli)
{
    const char *path = cli->arguments[0];
    struct bulk bulk = {.tested.path = path};
    struct cli_table table;
    struct buffer text;
    enum cli_exit result = CLI_USAGE;

    buffer_init(&text);
    cli_table_init(&table, 5);
    cli_table_cell(&table, slice_of("question"));
    cli_table_cell(&table, slice_of("actor"));
    cli_table_cell(&table, slice_of("decision"));
    cli_table_cell(&table, slice_of("until"));
    cli_table_cell(&table, slice_of("note"));
    if (cli_lines_read(cli, path, &text))
        result = bulk_parse(cli, path, buffer_slice(&text), &bulk);
    if (result == CLI_OK)
        result = cli_connect(cli);
    for (size_t from = 0; result == CLI_OK && from < bulk.count; from += CLI_CHECKS_MAX)
        result = bulk_ask(cli, &bulk, from,
                          bulk.count - from < CLI_CHECKS_MAX ? bulk.count - from : CLI_CHECKS_MAX,
                          &table);
    if (result == CLI_OK && !cli->json)
        cli_table_print(&table, stdout);
    if (result == CLI_OK && cli->junit != NULL && !bulk_junit(cli, &bulk))
        result = CLI_USAGE;
    if (result == CLI_OK && bulk.wrong > 0)
        result = cli_problem(cli, CLI_NOT_AS_EXPECTED, NULL,
                             "%zu of %zu answers are not as expected", bulk.wrong, bulk.count);
    else if (result == CLI_OK && bulk.errors > 0)
        result = CLI_NOT_AS_EXPECTED;
    cli_table_release(&table);
    buffer_release(&text);
    memory_free(bulk.items);
    memory_free(bulk.tested.cases);
    return result;
}

const struct command cli_check_commands[] = {
    {NULL, "check", "RESOURCE PERMISSION SUBJECT", "may the subject have the permission",
     "Prints allow, deny or conditional (with the context that is missing), and until when no\n"
     "expiration changes it, and exits with 0, 10 or 11; every other exit code is no answer.\n"
     "RESOURCE#PERMISSION@SUBJECT in one word works too. In scripts, put -- before words that\n"
     "come from elsewhere: they may begin with a dash.\n"
     "\n"
     "  behalf check document:readme read user:ann\n"
     "  behalf check document:readme read user:ann --actor agent:helper\n"
     "  behalf check tool:mail call user:ann --context '{\"count\": 3}' --explain\n"
     "\n"
     "With --grant, --actor and the subject are who the grant was given to and by. A gateway adds\n"
     "the call that it holds back and the tool as it sees it; where the grant has uses, an allow\n"
     "takes one, and with the same --idempotency-key within 60 seconds no second one.\n"
     "\n"
     "  behalf check document:readme read user:ann --actor agent:bot \\\n"
     "      --grant gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD\n",
     DECIDES | OPTION_READ | OPTION_ACTOR | OPTION_GRANT | OPTION_CALL | OPTION_KEY |
         OPTION_CONTEXT | OPTION_EXPLAIN,
     1, 3, run_check},
    {NULL, "check-bulk", "FILE|-", "many checks, at most 1,000 of them at one snapshot",
     "One question a line, RESOURCE#PERMISSION@SUBJECT, and after it, if wanted, who acts\n"
     "(actor=A[,A...]) by which grant (grant=G), what is expected (true, false or conditional)\n"
     "and, last, a context for this question alone (with {JSON}); --context is for those that\n"
     "have none. Lines that begin with // are comments. Exits with 3 when an answer is an error\n"
     "or not as expected.\n"
     "\n"
     "  document:plan#view@user:ann  true  actor=agent:bot  grant=gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD\n",
     OPTION_READ | OPTION_CONTEXT | OPTION_JUNIT, 1, 1, run_check_bulk},
    {.name = NULL},
};
