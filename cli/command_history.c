/* command_history.c - history: what changed for an object, newest first, a line for each change. */
#include <inttypes.h>

#include "cli/cli.h"

static enum behalf_status
ask_history(struct cli *cli, const void *request, const struct behalf_page *page,
            struct behalf_reply **reply)
{
    uint64_t *retained_from = *(uint64_t *const *)request;
    enum behalf_status status = behalf_relationships_history(
        cli->client, &cli->read, cli->arguments[0], page, reply, &cli->error);

    if (status == BEHALF_SUCCESS)
        (void)behalf_value_uint(behalf_value_get(behalf_reply_result(*reply), "retained_from"),
                                retained_from);
    return status;
}

/* "2027-03-01T10:30:00Z 42 " before a change, "  by console  {...}" after it. */
static void
print_line(struct behalf_value revision, struct slice change)
{
    struct behalf_value metadata = behalf_value_get(revision, "metadata");
    struct slice caller = cli_get_text(revision, "caller");
    struct buffer line;
    uint64_t number = 0;
    bool sweep = false;

    buffer_init(&line);
    (void)behalf_value_uint(behalf_value_get(revision, "revision"), &number);
    (void)behalf_value_bool(behalf_value_get(revision, "sweep"), &sweep);
    buffer_add_slice(&line, cli_get_text(revision, "time"));
    buffer_add_format(&line, " %" PRIu64 " ", number);
    buffer_add_slice(&line, change);
    if (sweep)
        buffer_add_text(&line, "  (expired)");
    if (caller.size > 0)
        buffer_add_format(&line, "  by %.*s", SLICE_PRINTF(caller));
    if (metadata.bytes != NULL) {
        buffer_add_text(&line, "  ");
        cli_json_value(&line, metadata);
    }
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

static void
print_revision(struct cli *cli, const void *request, struct behalf_value revision)
{
    struct behalf_value rest;
    struct behalf_value item;
    struct buffer change;
    uint32_t count;

    (void)cli;
    (void)request;
    buffer_init(&change);
    if (behalf_value_array(behalf_value_get(revision, "relationships"), &count, &rest))
        while (count-- > 0 && behalf_value_next(&rest, &item)) {
            buffer_clear(&change);
            buffer_add_format(&change, "%.*s ", SLICE_PRINTF(cli_get_text(item, "op")));
            cli_relationship_text(behalf_value_get(item, "relationship"), &change);
            print_line(revision, buffer_slice(&change));
        }
    if (behalf_value_array(behalf_value_get(revision, "records"), &count, &rest))
        while (count-- > 0 && behalf_value_next(&rest, &item)) {
            buffer_clear(&change);
            buffer_add_format(&change, "%.*s %.*s", SLICE_PRINTF(cli_get_text(item, "kind")),
                              SLICE_PRINTF(cli_get_text(item, "event")));
            print_line(revision, buffer_slice(&change));
        }
    buffer_release(&change);
}

static enum cli_exit
run_history(struct cli *cli)
{
    uint64_t retained_from = 0;
    uint64_t *request = &retained_from;
    enum cli_exit result = cli_list_print(cli, &(struct cli_list){.action = "read the history",
                                                                  .member = "revisions",
                                                                  .ask = ask_history,
                                                                  .print = print_revision,
                                                                  .request = &request});

    if (retained_from > 1 && !cli->json)
        (void)fprintf(stderr, "what changed before revision %" PRIu64 " is no longer kept\n",
                      retained_from);
    return result;
}

const struct command cli_history_commands[] = {
    {NULL, "history", "OBJECT", "what changed for an object, when, and by which key",
     "Its relationships, as the resource and as the subject, and its attributes, newest first, as\n"
     "far back as history is kept. A line is the time, the revision, what was done, the name of\n"
     "the key that asked for it, and the metadata that came with it.\n" CLI_LIST_HELP "\n"
     "  behalf history document:readme --limit 20\n"
     "  behalf check document:readme read user:ann --at 2027-03-01T10:30:00Z\n",
     OPTION_READ | OPTION_PAGE | OPTION_CURSOR, 1, 1, run_history},
    {.name = NULL},
};
