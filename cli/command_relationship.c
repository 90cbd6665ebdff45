/* command_relationship.c - relationship create, touch, delete, write, read. */
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "schema/text_kind.h"

#define PROBLEM_SIZE 512

/* Updates and preconditions of one transaction on their way. */
struct transaction {
    struct behalf_update *updates;
    size_t update_count;
    struct behalf_precondition *preconditions;
    size_t precondition_count;
    size_t *update_lines; /* for messages; NULL when they come from the command line */
    size_t *precondition_lines;
    struct slice text; /* of the file */
};

static bool
has_deletes(const struct transaction *transaction)
{
    for (size_t index = 0; index < transaction->update_count; index++)
        if (transaction->updates[index].operation == BEHALF_DELETE)
            return true;
    return false;
}

/* A delete of what is not stored is no failure, for deleting again must be safe; but it is told. */
static enum cli_exit
say_written(struct cli *cli, const struct transaction *transaction, struct behalf_value result)
{
    struct slice token = cli_get_text(result, "written_at");
    uint64_t deleted;

    if (token.size == 0)
        return cli_fail_reply(cli, "write relationships", "written_at");
    if (cli->json) {
        cli_print_json(result);
        return CLI_OK;
    }
    if (has_deletes(transaction) &&
        behalf_value_uint(behalf_value_get(result, "deleted"), &deleted))
        (void)printf("deleted %llu\n", (unsigned long long)deleted);
    (void)fputs("written_at ", stdout);
    cli_put_safe(stdout, token);
    (void)putchar('\n');
    return CLI_OK;
}

/* The line of the file that the server blames; 0 when it blames none. */
static size_t
line_of_error(const struct transaction *transaction, const struct behalf_error *error)
{
    bool precondition = strcmp(error->reason, "WRITE_OR_DELETE_PRECONDITION_FAILURE") == 0 ||
                        strcmp(error->reason, "EMPTY_PRECONDITION") == 0;
    size_t count = precondition ? transaction->precondition_count : transaction->update_count;
    const size_t *lines =
        precondition ? transaction->precondition_lines : transaction->update_lines;

    if (error->index < 0 || (uint64_t)error->index >= count)
        return 0;
    return lines[error->index];
}

/* The index of the update before `index` that names the same relationship; `index` if none does. */
static size_t
find_twin(struct cli *cli, const struct transaction *transaction, size_t index)
{
    struct slice wanted;
    struct slice other;
    struct error error;

    if (cli_relationship_identity(&cli->arena, slice_of(transaction->updates[index].relationship),
                                  &wanted, &error) != BEHALF_OK)
        return index;
    for (size_t at = 0; at < index; at++)
        if (cli_relationship_identity(&cli->arena, slice_of(transaction->updates[at].relationship),
                                      &other, &error) == BEHALF_OK &&
            slice_equal(wanted, other))
            return at;
    return index;
}

/* The server knows updates, whoever reads the message lines. */
static void
name_lines(struct cli *cli, const struct transaction *transaction)
{
    size_t twin;

    if (strcmp(cli->error.reason, "UPDATES_ON_SAME_RELATIONSHIP") != 0)
        return;
    twin = find_twin(cli, transaction, (size_t)cli->error.index);
    (void)snprintf(cli->error.message, sizeof cli->error.message,
                   "the relationship '%s' stands in line %zu already",
                   transaction->updates[cli->error.index].relationship,
                   transaction->update_lines[twin]);
    cli->error.hint[0] = '\0';
}

static enum cli_exit
send_transaction(struct cli *cli, const struct transaction *transaction, const char *path)
{
    struct behalf_transaction sent = {.updates = transaction->updates,
                                      .update_count = transaction->update_count,
                                      .preconditions = transaction->preconditions,
                                      .precondition_count = transaction->precondition_count,
                                      .idempotency_key = cli->idempotency_key};
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);
    size_t line;

    if (result != CLI_OK)
        return result;
    if (behalf_relationships_write_reply(cli->client, &sent, &reply, &cli->error) ==
        BEHALF_SUCCESS) {
        result = say_written(cli, transaction, behalf_reply_result(reply));
        behalf_reply_free(reply);
        return result;
    }
    line = path != NULL ? line_of_error(transaction, &cli->error) : 0;
    if (line == 0)
        return cli_fail(cli, "write relationships");
    name_lines(cli, transaction);
    return cli_fail(cli, "write line %zu of '%s'", line, path);
}

static enum cli_exit
write_arguments(struct cli *cli, enum behalf_operation operation)
{
    struct transaction transaction = {.update_count = cli->argument_count};
    enum cli_exit result;

    transaction.updates = memory_new_array(cli->argument_count, sizeof *transaction.updates);
    for (size_t index = 0; index < cli->argument_count; index++)
        transaction.updates[index] =
            (struct behalf_update){.operation = operation, .relationship = cli->arguments[index]};
    result = send_transaction(cli, &transaction, NULL);
    memory_free(transaction.updates);
    return result;
}

static enum cli_exit
run_create(struct cli *cli)
{
    return write_arguments(cli, BEHALF_CREATE);
}

static enum cli_exit
run_touch(struct cli *cli)
{
    return write_arguments(cli, BEHALF_TOUCH);
}

/* --- delete ----------------------------------------------------------------------------------- */

static enum cli_exit
parse_filter(struct cli *cli, const char *text, struct behalf_filter *filter)
{
    char problem[PROBLEM_SIZE];

    if (!cli_filter_parse(&cli->arena, text, filter, problem, sizeof problem))
        return cli_usage(cli, "cannot read the filter '%s': %s", text, problem);
    return CLI_OK;
}

static void
say_deleted(const struct cli *cli, const char *token, uint64_t count, bool complete)
{
    struct buffer line;

    buffer_init(&line);
    if (cli->json) {
        buffer_add_text(&line, "{\"deleted_at\":");
        cli_json_string(&line, slice_of(token));
        buffer_add_format(&line, ",\"count\":%llu,\"complete\":%s}", (unsigned long long)count,
                          complete ? "true" : "false");
    } else {
        (void)printf("deleted %llu\n", (unsigned long long)count);
        buffer_add_format(&line, "deleted_at %s", token);
    }
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

static enum cli_exit
delete_by_filter(struct cli *cli)
{
    struct behalf_filter filter;
    char token[BEHALF_TOKEN_SIZE];
    uint64_t total = 0;
    uint64_t count;
    bool complete = false;
    enum cli_exit result = parse_filter(cli, cli->filter, &filter);

    if (result == CLI_OK)
        result = cli_connect(cli);
    if (result != CLI_OK)
        return result;
    do {
        if (behalf_relationships_delete(cli->client, &filter, cli->page.limit, &count, &complete,
                                        token, &cli->error) != BEHALF_SUCCESS) {
            if (total > 0)
                (void)snprintf(cli->error.hint, sizeof cli->error.hint,
                               "%llu were deleted before; run it again for the others",
                               (unsigned long long)total);
            return cli_fail(cli, "delete relationships");
        }
        total += count;
    } while (!complete && count > 0 && (cli->page.limit == 0 || cli->all));
    say_deleted(cli, token, total, complete);
    if (!complete && !cli->json)
        (void)fputs("more match: run it again, or without --limit\n", stderr);
    return complete ? CLI_OK : CLI_INCOMPLETE;
}

static enum cli_exit
run_delete(struct cli *cli)
{
    if (cli->filter != NULL && cli->argument_count > 0)
        return cli_usage(cli, "either --filter or relationships");
    if (cli->filter != NULL && cli->idempotency_key != NULL)
        return cli_usage(cli, "--idempotency-key does not go with --filter");
    if (cli->filter != NULL)
        return delete_by_filter(cli);
    if (cli->argument_count == 0)
        return cli_usage(cli, "delete what? Relationships, or --filter FILTER");
    if (cli->all || cli->page.limit > 0)
        return cli_usage(cli, "--all and --limit go with --filter");
    return write_arguments(cli, BEHALF_DELETE);
}

/* --- write FILE ------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum behalf_operation operation;
} operations[] = {{"create", BEHALF_CREATE}, {"touch", BEHALF_TOUCH}, {"delete", BEHALF_DELETE}};

/* The first word of a line is none: a slip, or the whole file is something else. */
static enum cli_exit
no_operation(struct cli *cli, const char *path, size_t number, struct slice word,
             const struct transaction *transaction)
{
    bool first = transaction->update_count == 0 && transaction->precondition_count == 0;
    const char *hint = first ? text_kind_hint(text_kind_of(transaction->text)) : NULL;
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < BEHALF_COUNT_OF(operations); index++)
        suggest(word, slice_of(operations[index].word), &cli->meant, &distance);
    suggest(word, SLICE_LITERAL("must-match"), &cli->meant, &distance);
    suggest(word, SLICE_LITERAL("must-not-match"), &cli->meant, &distance);
    if (hint == NULL || cli->meant.size > 0)
        return cli_usage(cli,
                         "line %zu of '%s': '%.*s' is none of create, touch, delete, must-match, "
                         "must-not-match",
                         number, path, SLICE_PRINTF(word));
    return cli_problem(cli, CLI_USAGE, hint, "line %zu of '%s': '%.*s' is no line of a transaction",
                       number, path, SLICE_PRINTF(word));
}

/* One line; what it adds is counted in `transaction`. */
static enum cli_exit
parse_line(struct cli *cli, const char *path, size_t number, struct slice line,
           struct transaction *transaction)
{
    struct slice word = cli_word_next(&line);
    bool must_match = slice_equal(word, SLICE_LITERAL("must-match"));
    bool precondition = must_match || slice_equal(word, SLICE_LITERAL("must-not-match"));
    const char *rest = cli_copy(cli, line_trim(line));
    size_t row = 0;

    if (word.size == 0 || slice_starts_with(word, SLICE_LITERAL("//")))
        return CLI_OK;
    while (row < BEHALF_COUNT_OF(operations) && !slice_equal(word, slice_of(operations[row].word)))
        row++;
    if (row == BEHALF_COUNT_OF(operations) && !precondition)
        return no_operation(cli, path, number, word, transaction);
    if (rest[0] == '\0')
        return cli_usage(cli, "line %zu of '%s': nothing behind '%.*s'", number, path,
                         SLICE_PRINTF(word));
    if (precondition) {
        struct behalf_precondition *one =
            &transaction->preconditions[transaction->precondition_count];

        transaction->precondition_lines[transaction->precondition_count++] = number;
        one->must_match = must_match;
        return parse_filter(cli, rest, &one->filter);
    }
    transaction->update_lines[transaction->update_count] = number;
    transaction->updates[transaction->update_count++] =
        (struct behalf_update){.operation = operations[row].operation, .relationship = rest};
    return CLI_OK;
}

static size_t
count_lines(struct slice text)
{
    struct slice line;
    size_t count = 0;

    while (line_next(&text, &line))
        count++;
    return count;
}

static enum cli_exit
run_write(struct cli *cli)
{
    const char *path = cli->arguments[0];
    struct transaction transaction = {0};
    struct buffer text;
    struct slice rest;
    struct slice line;
    size_t room;
    enum cli_exit result = CLI_OK;

    buffer_init(&text);
    if (!cli_lines_read(cli, path, &text)) {
        buffer_release(&text);
        return CLI_USAGE;
    }
    rest = transaction.text = buffer_slice(&text);
    room = count_lines(rest) + 1;
    transaction.updates = memory_new_array(room, sizeof *transaction.updates);
    transaction.preconditions = memory_new_array(room, sizeof *transaction.preconditions);
    transaction.update_lines = memory_new_array(room, sizeof(size_t));
    transaction.precondition_lines = memory_new_array(room, sizeof(size_t));
    for (size_t number = 1; result == CLI_OK && line_next(&rest, &line); number++)
        result = parse_line(cli, path, number, line, &transaction);
    if (result == CLI_OK && transaction.update_count == 0)
        result = cli_usage(cli, "'%s' has no updates", path);
    if (result == CLI_OK)
        result = send_transaction(cli, &transaction, path);
    memory_free(transaction.updates);
    memory_free(transaction.preconditions);
    memory_free(transaction.update_lines);
    memory_free(transaction.precondition_lines);
    buffer_release(&text);
    return result;
}

/* --- read ------------------------------------------------------------------------------------- */

static enum behalf_status
ask_relationships(struct cli *cli, const void *request, const struct behalf_page *page,
                  struct behalf_reply **reply)
{
    return behalf_relationships_read(cli->client, &cli->read, request, page, reply, &cli->error);
}

static void
print_relationship(struct cli *cli, const void *request, struct behalf_value item)
{
    struct buffer text;

    (void)cli;
    (void)request;
    buffer_init(&text);
    cli_relationship_text(item, &text);
    cli_put_safe(stdout, buffer_slice(&text));
    (void)putchar('\n');
    buffer_release(&text);
}

static enum cli_exit
run_read(struct cli *cli)
{
    struct behalf_filter filter;
    enum cli_exit result;

    if ((cli->filter != NULL) == (cli->argument_count > 0))
        return cli_usage(cli, "read needs one FILTER");
    result = parse_filter(cli, cli->filter != NULL ? cli->filter : cli->arguments[0], &filter);
    if (result != CLI_OK)
        return result;
    return cli_list_print(cli, &(struct cli_list){.action = "read relationships",
                                                  .member = "relationships",
                                                  .ask = ask_relationships,
                                                  .print = print_relationship,
                                                  .request = &filter});
}

#define FILTER_HELP                                                                                \
    "FILTER is a relationship with parts left out:\n"                                              \
    "  document                    all of a resource type\n"                                       \
    "  document:readme#viewer      of one resource and relation\n"                                 \
    "  document:read*              of resource ids that begin so\n"                                \
    "  @user:ann                   of one subject\n"                                               \
    "  @group:eng#member           of one userset\n"                                               \
    "  @user:*                     of the wildcard: what everybody was given\n"                    \
    "  document#viewer@user#       plain subjects only, without the wildcard\n"

const struct command cli_relationship_commands[] = {
    {"relationship", "create", "RELATIONSHIP...", "write relationships that must not exist yet",
     "All in one transaction. A caveat and an expiration stand behind the subject.\n\n"
     "  behalf relationship create document:readme#viewer@user:ann\n"
     "  behalf relationship create 'tool:mail#caller@user:ann[quota:{\"limit\": 9}]'\n"
     "  behalf relationship create 'tool:mail#caller@user:bob[expiration:2027-01-01T00:00:00Z]'\n",
     OPTION_KEY, 1, CLI_UPDATES_MAX, run_create},
    {"relationship", "touch", "RELATIONSHIP...", "write relationships, whether they exist or not",
     "All in one transaction.\n", OPTION_KEY, 1, CLI_UPDATES_MAX, run_touch},
    {"relationship", "delete", "RELATIONSHIP...",
     "delete relationships, or all that --filter selects",
     "Says how many were deleted: what is not stored is none, and no failure.\n"
     "By filter all that matches is deleted, in transactions of 1,000. With --limit it is one\n"
     "transaction of at most so many, and exit code 4 when more match; with --all too, --limit\n"
     "is the size of a transaction.\n\n" FILTER_HELP,
     OPTION_FILTER | OPTION_PAGE | OPTION_KEY, 0, CLI_UPDATES_MAX, run_delete},
    {"relationship", "write", "FILE|-", "one transaction from a file",
     "Lines: create|touch|delete RELATIONSHIP, must-match FILTER, must-not-match FILTER;\n"
     "// begins a comment line.\n\n" FILTER_HELP,
     OPTION_KEY, 1, 1, run_write},
    {"relationship", "read", "FILTER", "the relationships a filter selects",
     CLI_LIST_HELP "\n" FILTER_HELP, OPTION_READ | OPTION_FILTER | OPTION_PAGE | OPTION_CURSOR, 0,
     1, run_read},
    {.name = NULL},
};
