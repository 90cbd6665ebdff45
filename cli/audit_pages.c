/* audit_pages.c - records of the audit log from the server, page by page. */
#include <string.h>
#include <time.h>

#include "cli/audit_print.h"

#define PAGE_RECORDS 1000
#define NEWEST_RECORDS 100000 /* that the server finds at once */
#define POLL_MS 500

static enum behalf_status
ask(struct audit_pages *pages, uint64_t shown, struct behalf_reply **reply)
{
    struct cli *cli = pages->cli;
    uint64_t left = pages->limit > 0 ? pages->limit - shown : PAGE_RECORDS;
    uint64_t most = pages->newest && shown == 0 ? NEWEST_RECORDS : PAGE_RECORDS;
    const struct behalf_page page = {
        .limit = (uint32_t)(left < most ? left : most),
        .cursor = pages->cursor[0] != '\0' ? pages->cursor : NULL,
    };
    const struct behalf_audit_read read = {
        .event = cli->audit.event,
        .session = cli->records.session,
        .grant = cli->records.grant,
        .agent = cli->records.agent,
        .principal = cli->records.principal,
        .decision = cli->audit.decision,
        .from = page.cursor == NULL ? cli->audit.from : 0,
        .newest = pages->newest && page.cursor == NULL,
    };

    return behalf_audit_read(cli->client, &read, &page, reply, &cli->error);
}

/* Shows a page and notes where the next one begins. */
static enum cli_exit
take_page(struct audit_pages *pages, struct behalf_value result, uint64_t *shown)
{
    struct slice cursor = cli_get_text(result, "cursor");
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "records"), &count, &rest))
        return cli_fail_reply(pages->cli, pages->action, "records");
    if (!behalf_value_bool(behalf_value_get(result, "complete"), &pages->whole) ||
        cursor.size == 0 || cursor.size >= sizeof pages->cursor)
        return cli_fail_reply(pages->cli, pages->action, "cursor");
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        struct slice line;

        if (!behalf_value_string(one, &line.data, &line.size))
            return cli_fail_reply(pages->cli, pages->action, "records");
        pages->show(pages->context, line);
    }
    *shown += count;
    memcpy(pages->cursor, cursor.data, cursor.size);
    pages->cursor[cursor.size] = '\0';
    return CLI_OK;
}

static void
wait_for_more(void)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

    (void)fflush(stdout);
    (void)nanosleep(&pause, NULL);
}

enum cli_exit
audit_pages_read(struct audit_pages *pages)
{
    enum cli_exit result = CLI_OK;
    uint64_t shown = 0;

    while (result == CLI_OK && !ferror(stdout)) {
        struct behalf_reply *reply;

        if (ask(pages, shown, &reply) != BEHALF_SUCCESS)
            return cli_fail(pages->cli, "%s", pages->action);
        result = take_page(pages, behalf_reply_result(reply), &shown);
        behalf_reply_free(reply);
        if (pages->follows) {
            pages->limit = 0; /* it was for what was there */
            if (pages->whole)
                wait_for_more();
        } else if (pages->whole || (pages->limit > 0 && shown >= pages->limit)) {
            break;
        }
    }
    return result;
}
