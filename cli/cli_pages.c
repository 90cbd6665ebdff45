/* cli_pages.c - lists that come in pages: to the end, or one page of them.
 * Always true: a list that was printed to its end, with every item decided, is CLI_OK; any other
 * is not. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct progress {
    char cursor[BEHALF_TOKEN_SIZE]; /* "" at the end */
    struct cli_until until;         /* of all pages */
    bool whole;
};

void
cli_note_until(struct cli_until *until, struct behalf_value result)
{
    struct behalf_value value = behalf_value_get(result, "valid_until");
    struct slice text = cli_get_text(result, "valid_until");
    int64_t nanoseconds;

    if (!behalf_value_time(value, &nanoseconds) || text.size >= sizeof until->text ||
        (until->text[0] != '\0' && until->nanoseconds <= nanoseconds))
        return;
    until->nanoseconds = nanoseconds;
    memcpy(until->text, text.data, text.size);
    until->text[text.size] = '\0';
}

void
cli_say_until(const struct cli_until *until)
{
    if (until->text[0] == '\0')
        return;
    (void)fputs("valid until ", stderr);
    cli_put_safe(stderr, slice_of(until->text));
    (void)fputc('\n', stderr);
}

void
cli_say_reason(struct behalf_value result)
{
    struct slice reason = cli_get_text(result, "reason");

    if (reason.size == 0)
        return;
    (void)fputs("nothing: ", stderr);
    cli_put_message(stderr, reason);
    (void)fputc('\n', stderr);
}

uint32_t
cli_say_undecided(struct cli *cli, struct behalf_value items, const char *name)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t undecided = 0;
    uint32_t count;

    if (!behalf_value_array(items, &count, &rest))
        return 0;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        struct behalf_value problem = behalf_value_get(one, "error");

        if (problem.bytes == NULL)
            continue;
        undecided++;
        if (cli->json)
            continue;
        (void)fputs("behalf: undecided: ", stderr);
        cli_put_message(stderr, cli_get_text(one, name));
        (void)fputs(": ", stderr);
        cli_put_message(stderr, cli_get_text(problem, "message"));
        (void)fputs(" (", stderr);
        cli_put_message(stderr, cli_get_text(problem, "reason"));
        (void)fputs(")\n", stderr);
    }
    return undecided;
}

/* Prints a page and notes where the next one begins. */
static enum cli_exit
take_page(struct cli *cli, const struct cli_list *list, struct behalf_value result,
          struct progress *progress)
{
    struct slice cursor = cli_get_text(result, "cursor");
    struct behalf_value rest;
    struct behalf_value one;
    bool complete = false;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, list->member), &count, &rest))
        return cli_fail_reply(cli, list->action, list->member);
    if (cursor.size >= sizeof progress->cursor ||
        !behalf_value_bool(behalf_value_get(result, "complete"), &complete))
        return cli_fail_reply(cli, list->action, "complete");
    if (cli->json)
        cli_print_json(result);
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one) && !cli->json; index++)
        list->print(cli, list->request, one);
    if (list->printed != NULL)
        *list->printed += count;
    if (!cli->json)
        cli_say_reason(result);
    memcpy(progress->cursor, cursor.data, cursor.size);
    progress->cursor[cursor.size] = '\0';
    cli_note_until(&progress->until, result);
    if (cli_say_undecided(cli, behalf_value_get(result, "undecided"), "id") > 0 ||
        (!complete && cursor.size == 0))
        progress->whole = false;
    return CLI_OK;
}

enum cli_exit
cli_list_print(struct cli *cli, const struct cli_list *list)
{
    struct progress progress = {.whole = true};
    struct behalf_page page = cli->page;
    enum cli_exit result = cli_connect(cli);
    bool more = true;

    while (result == CLI_OK && more) {
        struct behalf_reply *reply;

        if (list->ask(cli, list->request, &page, &reply) != BEHALF_SUCCESS)
            return cli_fail(cli, "%s", list->action);
        result = take_page(cli, list, behalf_reply_result(reply), &progress);
        behalf_reply_free(reply);
        page.cursor = progress.cursor;
        more = progress.cursor[0] != '\0' && (cli->page.limit == 0 || cli->all) && !ferror(stdout);
    }
    if (result != CLI_OK)
        return result;
    if (!cli->json)
        cli_say_until(&progress.until);
    if (progress.cursor[0] != '\0' && !cli->json) {
        cli_put_format(stderr, "more: --cursor %s (or --all)", progress.cursor);
        (void)fputc('\n', stderr);
    }
    return progress.whole && progress.cursor[0] == '\0' ? CLI_OK : CLI_INCOMPLETE;
}
