/* command_watch.c - watch: what is committed, a line for each change, until it is interrupted.
 * A revision is printed when it is whole: so when the connection ends in the middle of one, going
 * on from the token prints it once. */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

#define PROBLEM_SIZE 512
#define SILENCE_MS 20000 /* checkpoints come every five seconds */
#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS 5000

struct watcher {
    struct cli *cli;
    struct behalf_watching watching;
    char token[BEHALF_TOKEN_SIZE]; /* where to go on; "" before the first stream */
    struct buffer revision;        /* what is to be printed of it once it is whole */
    uint64_t schema_bytes;         /* of it so far */
    uint32_t retry_ms;
};

/* --- lines ------------------------------------------------------------------------------------ */

/* "2026-12-01T10:00:00Z 42 " and what was done to what. */
static void
begin_line(struct watcher *watcher, struct behalf_value body, uint64_t revision)
{
    struct slice when = cli_get_text(body, "time");

    buffer_add_slice(&watcher->revision, when);
    buffer_add_format(&watcher->revision, " %llu ", (unsigned long long)revision);
}

/* Who asked, if it is known, and the end of the line. */
static void
end_line(struct watcher *watcher, struct behalf_value body)
{
    struct slice caller = cli_get_text(body, "caller");
    bool sweep = false;

    if (caller.size > 0)
        buffer_add_format(&watcher->revision, "  by %.*s", SLICE_PRINTF(caller));
    if (behalf_value_bool(behalf_value_get(body, "sweep"), &sweep) && sweep)
        buffer_add_text(&watcher->revision, "  (expired)");
    buffer_add_text(&watcher->revision, "\n");
}

static void
add_relationships(struct watcher *watcher, struct behalf_value body, uint64_t revision)
{
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(body, "relationships"), &count, &rest))
        return;
    while (count-- > 0 && behalf_value_next(&rest, &item)) {
        begin_line(watcher, body, revision);
        buffer_add_format(&watcher->revision, "%.*s ", SLICE_PRINTF(cli_get_text(item, "op")));
        cli_relationship_text(behalf_value_get(item, "relationship"), &watcher->revision);
        end_line(watcher, body);
    }
}

static void
add_records(struct watcher *watcher, struct behalf_value body, uint64_t revision)
{
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(body, "records"), &count, &rest))
        return;
    while (count-- > 0 && behalf_value_next(&rest, &item)) {
        struct slice id = cli_get_text(item, "id");

        begin_line(watcher, body, revision);
        buffer_add_format(&watcher->revision, "%.*s %.*s %.*s",
                          SLICE_PRINTF(cli_get_text(item, "kind")),
                          SLICE_PRINTF(id.size > 0 ? id : SLICE_LITERAL("everything")),
                          SLICE_PRINTF(cli_get_text(item, "event")));
        end_line(watcher, body);
    }
}

static void
add_changes(struct watcher *watcher, const struct behalf_watch_event *event)
{
    struct behalf_value body = event->body;
    size_t before = watcher->revision.size;

    watcher->schema_bytes += cli_get_text(body, "schema").size;
    add_relationships(watcher, body, event->revision);
    add_records(watcher, body, event->revision);
    if (!event->last)
        return;
    if (watcher->schema_bytes > 0) {
        begin_line(watcher, body, event->revision);
        buffer_add_format(&watcher->revision, "schema written, %llu bytes",
                          (unsigned long long)watcher->schema_bytes);
        end_line(watcher, body);
    } else if (watcher->revision.size == before && before == 0) {
        begin_line(watcher, body, event->revision);
        buffer_add_text(&watcher->revision, "nothing changed");
        end_line(watcher, body);
    }
    watcher->schema_bytes = 0;
}

/* False when standard output cannot be written. */
static bool
show(struct watcher *watcher, const struct behalf_watch_event *event)
{
    if (watcher->cli->json) {
        cli_json_value(&watcher->revision, event->body);
        buffer_add_text(&watcher->revision, "\n");
    } else if (event->kind == BEHALF_WATCH_CHANGES) {
        add_changes(watcher, event);
    }
    if (!event->last || watcher->revision.size == 0)
        return true;
    cli_put_lines(stdout, buffer_slice(&watcher->revision));
    buffer_clear(&watcher->revision);
    return fflush(stdout) == 0;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* Whether another attempt may go on where this one ended. */
static bool
may_go_on(const struct behalf_error *error)
{
    static const char *const reasons[] = {"SLOW_CONSUMER", "SERVER_STOPPING", "OVERLOADED",
                                          "STORAGE_FAILED", "DEADLINE"};

    if (error->status == BEHALF_FAILED_CONNECTION || error->status == BEHALF_FAILED_TIMEOUT)
        return true;
    for (size_t index = 0; index < BEHALF_COUNT_OF(reasons); index++)
        if (error->status == BEHALF_FAILED_SERVER && strcmp(error->reason, reasons[index]) == 0)
            return true;
    return false;
}

static void
keep_token(struct watcher *watcher, const struct behalf_watch *watch)
{
    (void)snprintf(watcher->token, sizeof watcher->token, "%s", behalf_watch_token(watch));
    watcher->watching.from = watcher->token;
}

/* One stream to its end: CLI_OK when the reason stands in cli->error. */
static enum cli_exit
follow(struct watcher *watcher, struct behalf_watch *watch)
{
    struct cli *cli = watcher->cli;
    struct behalf_watch_event event;

    keep_token(watcher, watch);
    while (behalf_watch_next(watch, SILENCE_MS, &event, &cli->error) == BEHALF_SUCCESS) {
        watcher->retry_ms = RETRY_FIRST_MS;
        if (!show(watcher, &event))
            return cli_problem(cli, CLI_SERVER, NULL, "cannot write the output");
        keep_token(watcher, watch);
    }
    /* What was not whole is given again. */
    buffer_clear(&watcher->revision);
    watcher->schema_bytes = 0;
    return CLI_OK;
}

static void
wait_before_retry(struct watcher *watcher)
{
    struct timespec pause = {watcher->retry_ms / 1000, (long)(watcher->retry_ms % 1000) * 1000000};

    (void)nanosleep(&pause, NULL);
    watcher->retry_ms =
        watcher->retry_ms * 2 < RETRY_LAST_MS ? watcher->retry_ms * 2 : RETRY_LAST_MS;
}

/* Connects and follows; an end that may be gone on from is CLI_OK. */
static enum cli_exit
attempt(struct watcher *watcher)
{
    struct cli *cli = watcher->cli;
    struct behalf_options options = cli_connect_options(cli);
    struct behalf_watch *watch;
    enum cli_exit result = CLI_OK;

    if (behalf_connect(cli->endpoint, &options, &cli->client, &cli->error) != BEHALF_SUCCESS)
        return watcher->token[0] != '\0' && may_go_on(&cli->error)
                   ? CLI_OK
                   : cli_fail(cli, "connect to '%s'", cli->endpoint);
    if (behalf_watch_open(cli->client, &watcher->watching, &watch, &cli->error) == BEHALF_SUCCESS) {
        result = follow(watcher, watch);
        behalf_watch_close(watch);
        if (result == CLI_OK && !may_go_on(&cli->error))
            result = cli_fail(cli, "go on watching");
    } else if (watcher->token[0] == '\0' || !may_go_on(&cli->error)) {
        result = cli_fail(cli, "watch");
    }
    behalf_close(cli->client);
    cli->client = NULL;
    return result;
}

static enum cli_exit
run_watch(struct cli *cli)
{
    struct watcher watcher = {
        .cli = cli, .watching.from = cli->from_token, .retry_ms = RETRY_FIRST_MS};
    struct behalf_filter filter;
    char problem[PROBLEM_SIZE];
    enum cli_exit result;

    if (cli->argument_count > 0) {
        if (!cli_filter_parse(&cli->arena, cli->arguments[0], &filter, problem, sizeof problem))
            return cli_usage(cli, "cannot read the filter '%s': %s", cli->arguments[0], problem);
        watcher.watching.filter = &filter;
    }
    buffer_init(&watcher.revision);
    while ((result = attempt(&watcher)) == CLI_OK) {
        cli_put_format(stderr, "behalf: %s; going on from %s\n", cli->error.message, watcher.token);
        wait_before_retry(&watcher);
    }
    buffer_release(&watcher.revision);
    return result;
}

const struct command cli_watch_commands[] = {
    {NULL, "watch", "[FILTER]", "print what is committed, as it is",
     "A line for each change: when, the revision, what became of what, and which key asked for\n"
     "it. With a FILTER the relationships that match, and the attributes of such objects. It goes\n"
     "on by itself when the connection ends, printing each revision once, until it is\n"
     "interrupted; it ends with exit code 3 when what follows the token is no longer kept.\n"
     "With --json a line is a message of the protocol: `token` is where --from goes on, and lines\n"
     "without `last` are checkpoints.\n",
     OPTION_PLACE, 0, 1, run_watch},
    {.name = NULL},
};
