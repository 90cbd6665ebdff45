/* command_audit.c - audit read, tail, explain, verify, replay, checkpoint, proof, export.
 * Always true: `verify DIR` needs no server, and believes nothing but the files and the key. What
 * does not verify is CLI_UNVERIFIED, and never 0. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "cli/audit_print.h"

#define LINE_BYTES ((size_t)64 * 1024 * 1024) /* of one record as it is parsed */
#define TAIL_RECORDS 10

/* --- read, tail ------------------------------------------------------------------------------- */

struct shown {
    struct cli *cli;
    struct arena arena;
    struct slice origin; /* of an export */
    struct buffer text;
    uint64_t skipped; /* lines that are no records */
};

static void
show_record(void *context, struct slice line)
{
    struct shown *shown = context;

    if (shown->cli->json) {
        (void)fwrite(line.data, 1, line.size, stdout);
        (void)putchar('\n');
        return;
    }
    audit_record_print(shown->cli, line, &shown->arena, stdout);
    arena_reset(&shown->arena, LINE_BYTES);
}

/* --from as a number of a record. */
static enum cli_exit
take_from(struct cli *cli)
{
    char *end;

    if (cli->from_token == NULL)
        return CLI_OK;
    cli->audit.from = strtoull(cli->from_token, &end, 10);
    if (cli->from_token[0] >= '0' && cli->from_token[0] <= '9' && *end == '\0')
        return CLI_OK;
    return cli_usage(cli, "--from must be the number of a record, not '%s'", cli->from_token);
}

static enum cli_exit
read_records(struct cli *cli, struct audit_pages *pages)
{
    struct shown shown = {.cli = cli};
    enum cli_exit result;

    pages->show = show_record;
    pages->context = &shown;
    arena_init(&shown.arena, LINE_BYTES);
    result = audit_pages_read(pages);
    arena_release(&shown.arena);
    return result;
}

static enum cli_exit
run_read(struct cli *cli)
{
    struct audit_pages pages = {
        .cli = cli,
        .action = "read the audit log",
        .limit = cli->all ? 0 : cli->page.limit,
    };
    enum cli_exit result = take_from(cli);

    if (result != CLI_OK)
        return result;
    if (cli->page.cursor != NULL) {
        if (cli->audit.from > 0 || strlen(cli->page.cursor) >= sizeof pages.cursor)
            return cli_usage(cli, "--cursor goes on where a page ended, without --from");
        (void)snprintf(pages.cursor, sizeof pages.cursor, "%s", cli->page.cursor);
    }
    result = cli_connect(cli);
    if (result == CLI_OK)
        result = read_records(cli, &pages);
    if (result != CLI_OK || pages.whole)
        return result;
    cli_put_format(stderr, "more: --cursor %s (or --all)", pages.cursor);
    (void)fputc('\n', stderr);
    return CLI_INCOMPLETE;
}

static enum cli_exit
run_tail(struct cli *cli)
{
    struct audit_pages pages = {
        .cli = cli,
        .action = "follow the audit log",
        .limit = cli->page.limit > 0 ? cli->page.limit : TAIL_RECORDS,
        .newest = true,
        .follows = true,
    };
    enum cli_exit result = cli_connect(cli);

    return result == CLI_OK ? read_records(cli, &pages) : result;
}

/* --- explain ---------------------------------------------------------------------------------- */

static enum cli_exit
run_explain(struct cli *cli)
{
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_audit_explain(cli->client, cli->arguments[0], &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "explain the decision");
    if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    else
        audit_story_print(cli, behalf_reply_result(reply), stdout);
    behalf_reply_free(reply);
    return CLI_OK;
}

/* --- verify ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void
interrupt(int signal)
{
    interrupted = signal;
}

static bool
show_progress(void *context, uint64_t records, uint64_t of)
{
    const bool *shows = context;

    if (*shows)
        (void)fprintf(stderr, "\r%llu of %llu records", (unsigned long long)records,
                      (unsigned long long)of);
    return interrupted == 0;
}

/* Text that the command line gives, or the file that it names. */
static enum cli_exit
read_text(struct cli *cli, const char *given, bool may_be_text, struct buffer *text)
{
    if (given == NULL)
        return CLI_OK;
    if (may_be_text && strchr(given, '+') != NULL && access(given, F_OK) != 0) {
        buffer_add_text(text, given);
        return CLI_OK;
    }
    return cli_file_read(cli, given, text) ? CLI_OK : CLI_USAGE;
}

static void
print_wrong(const struct cli *cli, uint64_t seq, uint64_t offset, const char *what,
            const char *file)
{
    (void)cli;
    (void)printf("NOT VERIFIED: record %llu: ", (unsigned long long)seq);
    cli_put_safe(stdout, slice_of(what));
    if (file[0] != '\0') {
        (void)fputs(", in ", stdout);
        cli_put_safe(stdout, slice_of(file));
        (void)printf(" at byte %llu", (unsigned long long)offset);
    }
    (void)putchar('\n');
}

static enum cli_exit
print_verification(const struct cli *cli, const struct audit_verification *found)
{
    struct buffer text;

    buffer_init(&text);
    if (cli->json) {
        buffer_add_format(&text,
                          "{\"records\":%llu,\"segments\":%llu,\"signed_records\":%llu,\"ok\":%s",
                          (unsigned long long)found->records, (unsigned long long)found->segments,
                          (unsigned long long)found->signed_records, found->ok ? "true" : "false");
        if (!found->ok) {
            buffer_add_format(&text, ",\"first_wrong\":{\"seq\":%llu,\"offset\":%llu,\"file\":",
                              (unsigned long long)found->wrong_seq,
                              (unsigned long long)found->wrong_offset);
            cli_json_string(&text, slice_of(found->wrong_file));
            buffer_add_text(&text, ",\"what\":");
            cli_json_string(&text, slice_of(found->wrong));
            buffer_add_byte(&text, '}');
        }
        (void)printf("%s}\n", text.data);
    } else if (found->ok) {
        (void)printf("verified: %llu records in %llu segments, %llu of them signed\n",
                     (unsigned long long)found->records, (unsigned long long)found->segments,
                     (unsigned long long)found->signed_records);
    } else {
        print_wrong(cli, found->wrong_seq, found->wrong_offset, found->wrong, found->wrong_file);
    }
    buffer_release(&text);
    return found->ok ? CLI_OK : CLI_UNVERIFIED;
}

static enum cli_exit
verify_folder(struct cli *cli, struct slice key, struct slice checkpoint)
{
    bool shows = !cli->json && isatty(STDERR_FILENO);
    const struct audit_progress progress = {show_progress, &shows};
    struct audit_verification found = {.ok = false};
    struct error error;
    enum status status;

    (void)signal(SIGINT, interrupt);
    (void)signal(SIGTERM, interrupt);
    status = audit_verify(cli->arguments[0], key, checkpoint, &progress, &found, &error);
    if (shows)
        (void)fputc('\n', stderr);
    if (interrupted != 0) {
        cli->ended_by = interrupted;
        return CLI_INTERRUPTED;
    }
    if (status != BEHALF_OK)
        return cli_problem(cli, CLI_USAGE, error.hint[0] != '\0' ? error.hint : NULL,
                           "cannot verify '%s': %s", cli->arguments[0], error.message);
    return print_verification(cli, &found);
}

/* The server verifies its own log: it can show damage, not that the server is honest. */
static enum cli_exit
verify_server(struct cli *cli, const char *checkpoint)
{
    struct behalf_reply *reply;
    struct behalf_value result;
    struct behalf_value wrong;
    bool ok = false;
    enum cli_exit outcome = cli_connect(cli);

    if (outcome != CLI_OK)
        return outcome;
    if (behalf_audit_verify(cli->client, checkpoint, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "verify the audit log");
    result = behalf_reply_result(reply);
    wrong = behalf_value_get(result, "first_wrong");
    if (!behalf_value_bool(behalf_value_get(result, "ok"), &ok)) {
        outcome = cli_fail_reply(cli, "verify the audit log", "ok");
    } else if (cli->json) {
        cli_print_json(result);
    } else {
        uint64_t records = 0;
        uint64_t segments = 0;
        uint64_t seq = 0;

        (void)behalf_value_uint(behalf_value_get(result, "records"), &records);
        (void)behalf_value_uint(behalf_value_get(result, "segments"), &segments);
        (void)behalf_value_uint(behalf_value_get(wrong, "seq"), &seq);
        if (ok) {
            (void)printf("verified: %llu records in %llu segments\n", (unsigned long long)records,
                         (unsigned long long)segments);
        } else {
            (void)printf("NOT VERIFIED: record %llu: ", (unsigned long long)seq);
            cli_put_safe(stdout, cli_get_text(wrong, "what"));
            (void)putchar('\n');
        }
    }
    behalf_reply_free(reply);
    return outcome == CLI_OK && !ok ? CLI_UNVERIFIED : outcome;
}

static enum cli_exit
run_verify(struct cli *cli)
{
    struct buffer checkpoint;
    struct buffer key;
    enum cli_exit result;

    if (cli->argument_count == 0 && cli->audit.verifier != NULL)
        return cli_usage(cli, "--key is for the files of a log: audit verify DIR --key KEY");
    buffer_init(&checkpoint);
    buffer_init(&key);
    result = read_text(cli, cli->audit.checkpoint, false, &checkpoint);
    if (result == CLI_OK)
        result = read_text(cli, cli->audit.verifier, true, &key);
    if (result == CLI_OK && cli->argument_count > 0)
        result = verify_folder(cli, buffer_slice(&key), buffer_slice(&checkpoint));
    else if (result == CLI_OK)
        result = verify_server(cli, checkpoint.size > 0 ? checkpoint.data : NULL);
    buffer_release(&checkpoint);
    buffer_release(&key);
    return result;
}

/* --- proof ------------------------------------------------------------------------------------ */

/* A number of a record; false for the name of a file. */
static bool
is_seq(const char *text, uint64_t *seq)
{
    char *end;

    *seq = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

static enum cli_exit
prove(struct cli *cli, struct slice key, struct slice checkpoint)
{
    uint64_t seq = 0;
    bool given = cli->argument_count > 0;
    enum cli_exit result;

    if (given == (checkpoint.size > 0))
        return cli_need(cli, NULL, "one of SEQ, FILE and --checkpoint");
    if (given && !is_seq(cli->arguments[0], &seq))
        return audit_proof_check(cli, cli->arguments[0], key);
    result = cli_connect(cli);
    return result == CLI_OK ? audit_proof_make(cli, given ? &seq : NULL, checkpoint, key) : result;
}

static enum cli_exit
run_proof(struct cli *cli)
{
    struct buffer checkpoint;
    struct buffer key;
    enum cli_exit result;

    buffer_init(&checkpoint);
    buffer_init(&key);
    result = read_text(cli, cli->audit.checkpoint, false, &checkpoint);
    if (result == CLI_OK)
        result = read_text(cli, cli->audit.verifier, true, &key);
    if (result == CLI_OK)
        result = prove(cli, buffer_slice(&key), buffer_slice(&checkpoint));
    buffer_release(&checkpoint);
    buffer_release(&key);
    return result;
}

/* --- replay ----------------------------------------------------------------------------------- */

struct replayed {
    uint64_t same;
    uint64_t different;
    uint64_t skipped;
};

static void
print_differences(struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "different"), &count, &rest))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        cli_put_safe(stdout, cli_get_text(one, "decision_id"));
        (void)fputs("  recorded ", stdout);
        cli_put_safe(stdout, cli_get_text(one, "recorded"));
        (void)fputs(", decided again ", stdout);
        cli_put_safe(stdout, cli_get_text(one, "now"));
        (void)putchar('\n');
    }
}

static void
count_page(struct behalf_value result, struct replayed *replayed)
{
    struct behalf_value rest;
    struct behalf_value key;
    struct behalf_value value;
    uint64_t number;
    uint32_t count;

    if (behalf_value_uint(behalf_value_get(result, "same"), &number))
        replayed->same += number;
    if (behalf_value_array(behalf_value_get(result, "different"), &count, &rest))
        replayed->different += count;
    if (behalf_value_map(behalf_value_get(result, "skipped"), &count, &rest))
        for (uint32_t at = 0;
             at < count && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value); at++)
            if (behalf_value_uint(value, &number))
                replayed->skipped += number;
}

/* The reasons of one page: each page is told by itself. */
static void
say_skipped(struct behalf_value result)
{
    struct behalf_value skipped = behalf_value_get(result, "skipped");
    struct behalf_value rest;
    uint32_t count;
    struct buffer text;

    if (!behalf_value_map(skipped, &count, &rest) || count == 0)
        return;
    buffer_init(&text);
    cli_json_value(&text, skipped);
    (void)fputs("skipped: ", stderr);
    cli_put_safe(stderr, buffer_slice(&text));
    (void)fputc('\n', stderr);
    buffer_release(&text);
}

static enum cli_exit
replay_pages(struct cli *cli, bool then, struct replayed *replayed)
{
    uint64_t from = cli->audit.from;
    bool whole = false;

    while (!whole) {
        struct behalf_reply *reply;
        struct behalf_value result;
        bool good;

        if (behalf_audit_replay(cli->client, then, from, cli->page.limit, &reply, &cli->error) !=
            BEHALF_SUCCESS)
            return cli_fail(cli, "replay decisions");
        result = behalf_reply_result(reply);
        good = behalf_value_bool(behalf_value_get(result, "complete"), &whole) &&
               behalf_value_uint(behalf_value_get(result, "next"), &from);
        if (cli->json)
            cli_print_json(result);
        else
            print_differences(result);
        if (!cli->json)
            say_skipped(result);
        count_page(result, replayed);
        behalf_reply_free(reply);
        if (!good)
            return cli_fail_reply(cli, "replay decisions", "next");
        if (cli->page.limit > 0 && !cli->all)
            break;
    }
    if (whole)
        return CLI_OK;
    (void)fprintf(stderr, "more: --from %llu (or --all)\n", (unsigned long long)from);
    return CLI_INCOMPLETE;
}

static enum cli_exit
run_replay(struct cli *cli)
{
    bool now = cli->at != NULL && strcmp(cli->at, "now") == 0;
    struct replayed replayed = {0};
    enum cli_exit result;

    if (cli->at != NULL && !now && strcmp(cli->at, "then") != 0)
        return cli_usage(cli, "--at must be 'then' or 'now'");
    result = take_from(cli);
    if (result == CLI_OK)
        result = cli_connect(cli);
    if (result == CLI_OK)
        result = replay_pages(cli, !now, &replayed);
    if (result != CLI_OK && result != CLI_INCOMPLETE)
        return result;
    if (!cli->json)
        (void)printf("%llu the same, %llu different, %llu skipped\n",
                     (unsigned long long)replayed.same, (unsigned long long)replayed.different,
                     (unsigned long long)replayed.skipped);
    /* What was found counts also where it is not all. */
    return replayed.different > 0 ? CLI_UNVERIFIED : result;
}

/* --- checkpoint, export ----------------------------------------------------------------------- */

/* The signed note; the reply holds it. */
static enum cli_exit
ask_checkpoint(struct cli *cli, struct slice *note, struct behalf_reply **reply)
{
    if (behalf_audit_checkpoint(cli->client, reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "read the checkpoint");
    *note = cli_get_text(behalf_reply_result(*reply), "note");
    if (note->size > 0)
        return CLI_OK;
    behalf_reply_free(*reply);
    return cli_fail_reply(cli, "read the checkpoint", "note");
}

static enum cli_exit
run_checkpoint(struct cli *cli)
{
    struct behalf_reply *reply;
    struct slice note;
    enum cli_exit result = cli_connect(cli);

    if (result == CLI_OK)
        result = ask_checkpoint(cli, &note, &reply);
    if (result != CLI_OK)
        return result;
    if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    else
        cli_put_lines(stdout, note);
    behalf_reply_free(reply);
    return CLI_OK;
}

static void
show_event(void *context, struct slice line)
{
    struct shown *shown = context;

    buffer_clear(&shown->text);
    if (audit_ocsf_print(line, shown->origin, &shown->arena, &shown->text))
        (void)printf("%s\n", shown->text.data);
    else
        shown->skipped++;
    arena_reset(&shown->arena, LINE_BYTES);
}

static enum cli_exit
export_records(struct cli *cli, struct slice note)
{
    const char *end = memchr(note.data, '\n', note.size);
    struct shown shown = {.cli = cli};
    struct audit_pages pages = {.cli = cli,
                                .action = "export the audit log",
                                .limit = cli->all ? 0 : cli->page.limit,
                                .show = show_event,
                                .context = &shown};
    enum cli_exit result;

    shown.origin = (struct slice){note.data, end != NULL ? (size_t)(end - note.data) : note.size};
    buffer_init(&shown.text);
    arena_init(&shown.arena, LINE_BYTES);
    result = audit_pages_read(&pages);
    buffer_release(&shown.text);
    arena_release(&shown.arena);
    if (result != CLI_OK)
        return result;
    if (shown.skipped > 0)
        return cli_problem(cli, CLI_INCOMPLETE, "behalf audit verify says what of the log holds",
                           "%llu lines of the log are no records",
                           (unsigned long long)shown.skipped);
    return pages.whole ? CLI_OK : CLI_INCOMPLETE;
}

static enum cli_exit
run_export(struct cli *cli)
{
    struct behalf_reply *reply;
    struct slice note;
    enum cli_exit result;

    if (cli->audit.format != NULL && strcmp(cli->audit.format, "ocsf") != 0)
        return cli_usage(cli, "--format must be 'ocsf'");
    result = take_from(cli);
    if (result == CLI_OK)
        result = cli_connect(cli);
    if (result == CLI_OK)
        result = ask_checkpoint(cli, &note, &reply);
    if (result != CLI_OK)
        return result;
    result = export_records(cli, note);
    behalf_reply_free(reply);
    return result;
}

#define FILTER_HELP                                                                                \
    "Records of an event, session, grant, agent, principal or decision; several options must\n"    \
    "all fit. An event that ends in .* is all of its family.\n"

const struct command cli_audit_commands[] = {
    {"audit", "read", "", "records of the audit log, oldest first",
     FILTER_HELP "With --json the lines of the log as they are. Without --limit all of it is\n"
                 "printed; with --limit so many, and where more follows exit code 4.\n"
                 "\n"
                 "  behalf audit read --event 'grant.*' --principal user:ann\n"
                 "  behalf audit read --json --from 65536 > records.jsonl\n",
     OPTION_RECORDS | OPTION_FROM_SEQ | OPTION_PAGE | OPTION_CURSOR, 0, 0, run_read},
    {"audit", "tail", "", "the newest records, and those that follow",
     FILTER_HELP "Begins with the last 10, or --limit, and goes on until it is interrupted.\n"
                 "\n"
                 "  behalf audit tail --agent agent:bot\n",
     OPTION_RECORDS | OPTION_PAGE, 0, 0, run_tail},
    {"audit", "explain", "DECISION", "who asked for whom, by whose leave, and what became of it",
     "The id is the decision_id of an answer. Session and grants are shown with their state now.\n"
     "\n"
     "  behalf audit explain dec_01K0A1B2C3D4E5F6G7H8J9K0M1\n",
     0, 1, 1, run_explain},
    {"audit", "verify", "[DIR]", "whether the log is what was written",
     "With DIR, a folder of a log or a copy of one, it needs no server and believes only the\n"
     "files, --key and --checkpoint; keep both elsewhere. Without DIR the server verifies its own\n"
     "log. Exit code 13 when it does not verify.\n"
     "\n"
     "  behalf audit verify /var/lib/behalf/audit --key audit.pub --checkpoint yesterday\n",
     OPTION_VERIFIER | OPTION_CHECKPOINT, 0, 1, run_verify},
    {"audit", "proof", "[SEQ|FILE]", "prove that a record is in the log",
     "Of SEQ prints a document: the record, the newest checkpoint and the hashes between them;\n"
     "of FILE checks such a document without a server. With --checkpoint FILE in their place it\n"
     "proves that the log continues that checkpoint. Exit code 13 when a proof does not hold.\n"
     "\n"
     "  behalf audit proof 41 > proof.json\n"
     "  behalf audit proof proof.json --key audit.pub\n",
     OPTION_VERIFIER | OPTION_CHECKPOINT, 0, 1, run_proof},
    {"audit", "replay", "", "decide recorded checks again",
     "--at then (the default): with the data, time and last use of the session as recorded; a\n"
     "difference is a defect. --at now: what they would be today. Exit code 13 when any differs.\n"
     "\n"
     "  behalf audit replay --from 65536 --limit 1000\n",
     OPTION_AT | OPTION_FROM_SEQ | OPTION_PAGE, 0, 0, run_replay},
    {"audit", "checkpoint", "", "the newest signed checkpoint of the log",
     "A note signed by the log's key: its origin, its size and the root of its Merkle tree. Keep\n"
     "it elsewhere: `audit verify --checkpoint` tells whether the log continues it.\n",
     0, 0, 0, run_checkpoint},
    {"audit", "export", "", "records for other tools",
     FILTER_HELP "As events of the Open Cybersecurity Schema Framework, a JSON document a line.\n"
                 "\n"
                 "  behalf audit export --format ocsf --event decision > events.jsonl\n",
     OPTION_RECORDS | OPTION_FORMAT | OPTION_FROM_SEQ | OPTION_PAGE, 0, 0, run_export},
    {.name = NULL},
};
