/* cli.h - what the command families of `behalf` share.
 *
 * Always true: a decision is told by exit codes that nothing else uses (0, 10, 11), so that no
 * failure can be read as an answer, and what is not whole never ends with 0. Answers go to standard
 * output, everything else to standard error. Text that came over the wire reaches a terminal only
 * without control characters.
 * Threads: one. Memory: a struct cli and its arena live as long as the process. */
#ifndef BEHALF_CLI_CLI_H
#define BEHALF_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "client/behalf.h"

enum cli_exit {
#define X(name, code, text) CLI_##name = (code),
#include "cli/exit_codes.def"
#undef X
    CLI_NOT_AS_EXPECTED = CLI_SERVER, /* what was tested is wrong: check-bulk, validate */
};

#define CLI_OPTIONS_MAX 128
#define CLI_ACTORS_MAX 64 /* the server's own limit is lower and gives the better message */
#define CLI_UPDATES_MAX 1000
#define CLI_CHECKS_MAX 1000
#define CLI_TEXTS_MAX 256 /* of an option that may stand again */

/* Options a command accepts beside --endpoint, --timeout, --json and --help, as a set of bits. */
#define OPTION_READ (UINT64_C(1) << 0) /* --consistency, --token, --at */
#define OPTION_ACTOR (UINT64_C(1) << 1)
#define OPTION_CURSOR (UINT64_C(1) << 2)
#define OPTION_PAGE (UINT64_C(1) << 3) /* --limit, --all */
#define OPTION_FILTER (UINT64_C(1) << 4)
#define OPTION_DEPTH (UINT64_C(1) << 5)
#define OPTION_CHECK (UINT64_C(1) << 6)
#define OPTION_WRITE (UINT64_C(1) << 7)
#define OPTION_STRICT (UINT64_C(1) << 8)
#define OPTION_FROM (UINT64_C(1) << 9)
#define OPTION_KEY (UINT64_C(1) << 10)
#define OPTION_UPDATE (UINT64_C(1) << 11)
#define OPTION_YES (UINT64_C(1) << 12)
#define OPTION_CONTEXT (UINT64_C(1) << 13)
#define OPTION_EXPLAIN (UINT64_C(1) << 14)
#define DECIDES (UINT64_C(1) << 15) /* no option: the exit code is a decision */
#define OPTION_COMMON (UINT64_C(1) << 16)
#define OPTION_JUNIT (UINT64_C(1) << 17)
#define OPTION_WAIT (UINT64_C(1) << 18)
#define OPTION_GRANT (UINT64_C(1) << 19)
#define OPTION_CALL (UINT64_C(1) << 20)  /* --method, --digest, --tool */
#define OPTION_TERMS (UINT64_C(1) << 21) /* of a grant: --scope, --uses and the like */
#define OPTION_END (UINT64_C(1) << 22)   /* --expires-at, --expires-in */
#define OPTION_APPROVAL (UINT64_C(1) << 23)
#define OPTION_SESSION                                                                             \
    (UINT64_C(1) << 24) /* of a new session: --client, --idle-timeout and the like */
#define OPTION_REASON (UINT64_C(1) << 25)
#define OPTION_STOP (UINT64_C(1) << 26)          /* --client, --principal, --everything */
#define OPTION_LIST_SESSIONS (UINT64_C(1) << 27) /* --principal, --agent */
#define OPTION_LIST_GRANTS (UINT64_C(1) << 28)   /* --session, --agent */
#define OPTION_FILE (UINT64_C(1) << 29)
#define OPTION_ROLE (UINT64_C(1) << 30)
#define OPTION_REQUEST (UINT64_C(1) << 31)       /* --until, --uses, --justification, --denial */
#define OPTION_LIST_REQUESTS (UINT64_C(1) << 32) /* --principal, --status */
#define OPTION_APPROVER (UINT64_C(1) << 33)
#define OPTION_RECORDS (UINT64_C(1) << 34)  /* of the audit log: --event, --session and the like */
#define OPTION_FROM_SEQ (UINT64_C(1) << 35) /* --from */
#define OPTION_CHECKPOINT (UINT64_C(1) << 36)
#define OPTION_VERIFIER (UINT64_C(1) << 37) /* --key */
#define OPTION_FORMAT (UINT64_C(1) << 38)
#define OPTION_AT (UINT64_C(1) << 39)
#define OPTION_PLACE (UINT64_C(1) << 40) /* --from */

struct cli;

struct command {
    const char *family; /* first word of two-word commands; NULL */
    const char *name;   /* NULL ends a table */
    const char *usage;  /* the positional arguments */
    const char *summary;
    const char *details; /* behind the options in --help; may be NULL */
    uint64_t options;    /* OPTION_... */
    unsigned arguments_min;
    unsigned arguments_max;
    enum cli_exit (*run)(struct cli *cli);
};

extern const struct command cli_agent_commands[];
extern const struct command cli_attribute_commands[];
extern const struct command cli_audit_commands[];
extern const struct command cli_check_commands[];
extern const struct command cli_expand_commands[];
extern const struct command cli_filter_commands[];
extern const struct command cli_grant_commands[];
extern const struct command cli_history_commands[];
extern const struct command cli_key_commands[];
extern const struct command cli_lookup_commands[];
extern const struct command cli_relationship_commands[];
extern const struct command cli_request_commands[];
extern const struct command cli_schema_commands[];
extern const struct command cli_schema_tool_commands[];
extern const struct command cli_session_commands[];
extern const struct command cli_validate_commands[];
extern const struct command cli_import_commands[];
extern const struct command cli_server_commands[];
extern const struct command cli_watch_commands[];

/* The values of an option that may stand again. */
struct cli_texts {
    const char *items[CLI_TEXTS_MAX];
    size_t count;
};

/* What sessions, grants, requests and stops are made of and chosen by. NULL = not given. */
struct cli_records {
    const char *grant;
    const char *session;
    const char *agent;
    const char *principal;
    const char *client;
    bool everything;
    const char *reason;
    const char *approver;
    const char *channel;
    const char *purpose;
    const char *evidence; /* JSON text that was read once already */
    const char *method;
    const char *digest;
    const char *expires_at;
    const char *not_before;
    const char *until;
    const char *justification;
    const char *denial;
    const char *status;
    uint64_t expires_in_s; /* 0 = not given; so below */
    uint64_t grant_expires_in_s;
    uint64_t uses;
    uint32_t max_depth;
    bool has_idle_timeout;
    uint64_t idle_timeout_s; /* 0 = none */
    struct cli_texts scope;
    struct cli_texts constraints;
    struct cli_texts tools;
};

/* Of the audit log. NULL = not given. */
struct cli_audit {
    const char *event;
    const char *decision;
    const char *checkpoint; /* a file */
    const char *verifier;   /* a verifier key, or a file with one */
    const char *format;
    uint64_t from;
};

struct cli {
    const struct command *command;
    const char *const *arguments;
    size_t argument_count;

    const char *endpoint;
    struct behalf_options connect; /* TLS and key; cli_connect_options adds the rest */
    uint32_t timeout_ms;
    uint32_t wait_ms; /* for a server that is starting; 0 = not at all */
    bool json;
    bool json_errors; /* --json stands somewhere: a wrong command line is reported as JSON too */
    bool help;
    struct slice meant;                 /* what a wrong word was perhaps meant to be */
    bool options_seen[CLI_OPTIONS_MAX]; /* by row of the table of options */
    struct behalf_read read;
    const char *at; /* --at */
    const char *actors[CLI_ACTORS_MAX];
    size_t actor_count;
    struct behalf_page page;
    bool all;
    const char *filter;
    const char *file;
    uint32_t depth;
    bool check;
    bool write;
    bool strict;
    uint64_t from_line;
    const char *from_token;
    const char *idempotency_key;
    const char *junit;
    const char *role;
    bool update;
    bool yes;
    const char *context; /* JSON text that was read once already */
    bool explain;
    struct cli_records records;
    struct cli_audit audit;

    int ended_by; /* the signal that interrupted the command; 0 = none */
    bool color;
    bool lines; /* standard output is a terminal that shows box lines */
    struct arena arena;
    struct behalf_client *client; /* after cli_connect */
    struct behalf_error error;    /* of the last call */
};

/* --- arguments (cli_arguments.c) -------------------------------------------------------------- */

/* Finds the command and fills `cli` from the words behind the program's name. On a usage error says
 * so on standard error and returns CLI_USAGE. `cli->command` is NULL when help for
 * all is wanted. */
enum cli_exit cli_arguments_parse(struct cli *cli, int count, char *const *words) BEHALF_MUST_USE;

void cli_help_all(FILE *out);
void cli_help_command(const struct command *command, FILE *out);

/* For cli_usage: notes in `cli->meant` the word that `word` is a slip of: of the commands of
 * `family`, or with NULL of the first words. */
void cli_suggest_command(struct cli *cli, const char *family, const char *word);

/* The command called `name` (of `family`, or NULL); NULL when there is none. */
const struct command *cli_command_find(const char *family, const char *name);

/* One FILTER, see cli_filter.c; strings live in the arena. */
bool cli_filter_parse(struct arena *arena, const char *text, struct behalf_filter *filter,
                      char *problem, size_t problem_size) BEHALF_MUST_USE;

/* --- files (cli_text.c) ----------------------------------------------------------------------- */

/* Reads a whole file, "-" is standard input; says what is wrong on standard error. */
bool cli_file_read(struct cli *cli, const char *path, struct buffer *out) BEHALF_MUST_USE;

/* As cli_file_read for text: without the byte order mark, and a zero byte is refused, because what
 * stands behind it would be left out without a word. */
bool cli_lines_read(struct cli *cli, const char *path, struct buffer *out) BEHALF_MUST_USE;

/* Writes a whole file anew (base/file.h), "-" is standard output; says what is wrong on standard
 * error. */
bool cli_file_replace(struct cli *cli, const char *path, struct slice text) BEHALF_MUST_USE;

/* Takes the next word of a line: up to a blank that is not inside a JSON string. Empty
 * at the end. */
struct slice cli_word_next(struct slice *line);

/* Splits at commas outside of quotes, copies into the arena. 0 when a part is empty (it would widen
 * an answer) or there are more than `max`. */
size_t cli_list_split(struct cli *cli, struct slice text, const char **items, size_t max);

/* A NUL-terminated copy in the arena. */
const char *cli_copy(struct cli *cli, struct slice text);

/* Replaces the value of an option, a JSON object or @FILE, by its text. */
enum cli_exit cli_context_read(struct cli *cli, const char *option,
                               const char **value) BEHALF_MUST_USE;

/* Whether the text is JSON; says on standard error what is wrong with it and where. `name` stands
 * for a path. */
enum cli_exit cli_context_check(struct cli *cli, const char *name,
                                const char *text) BEHALF_MUST_USE;

/* --- errors (cli_error.c) --------------------------------------------------------------------- */

/* Says `behalf: cannot ACTION: ...` with all that cli->error holds and gives the exit code. */
enum cli_exit cli_fail(struct cli *cli, const char *format, ...) BEHALF_PRINTF(2, 3);

/* As cli_fail, for an error in a source text: shows the line with a caret. */
enum cli_exit cli_fail_source(struct cli *cli, const char *path, struct slice text,
                              const char *action);

/* An error of a floor below as one of the client's, so that both print alike. */
void cli_adopt_error(struct cli *cli, const struct error *error);

/* Something that is wrong on this side: says `behalf: MESSAGE` and, unless it is NULL, the hint, as
 * one line of JSON with --json. Gives `code`. */
enum cli_exit cli_problem(struct cli *cli, enum cli_exit code, const char *hint, const char *format,
                          ...) BEHALF_PRINTF(4, 5);

/* A usage error, with the command's --help as the hint. */
enum cli_exit cli_usage(struct cli *cli, const char *format, ...) BEHALF_PRINTF(2, 3);

/* A reply that is not what the protocol promises. */
enum cli_exit cli_fail_reply(struct cli *cli, const char *action, const char *what);

/* "  FILE:3:22" in a line of its own. */
void cli_show_place(FILE *out, const char *path, uint32_t line, uint32_t column);

/* The place, and that line of the source with a caret below it. */
void cli_show_source(FILE *out, const char *path, struct slice text, uint32_t line, uint32_t column,
                     size_t width, bool color);

/* --- talking to the server (cli_call.c) ------------------------------------------------------- */

/* What the command line and the environment say of the connection. */
struct behalf_options cli_connect_options(const struct cli *cli);
enum cli_exit cli_connect(struct cli *cli) BEHALF_MUST_USE;

/* One call with the arguments of a writer, which it frees. */
enum cli_exit cli_call(struct cli *cli, const char *action, const char *method,
                       struct behalf_writer *writer, struct behalf_reply **reply) BEHALF_MUST_USE;

/* --- arguments of a call (cli_members.c) ------------------------------------------------------ */

/* A map that is being written: MessagePack counts its members before the first one. */
struct cli_members {
    struct behalf_writer *body;
    uint32_t count;
};

void cli_members_init(struct cli_members *members);
/* A member whose value is written next, into `members->body`. */
void cli_member(struct cli_members *members, const char *name);
/* Nothing for a text that is NULL. */
void cli_member_text(struct cli_members *members, const char *name, const char *text);
void cli_member_uint(struct cli_members *members, const char *name, uint64_t value);
/* JSON text that was read once already; nothing for NULL. */
void cli_member_json(struct cli_members *members, const char *name, const char *json);
void cli_member_actors(struct cli_members *members, const char *const *actors, size_t count);
/* Consistency, and the page. */
void cli_member_read(struct cli_members *members, const struct behalf_read *read);
void cli_member_page(struct cli_members *members, const struct behalf_page *page);
/* Appends the map to `writer` and frees the members. */
void cli_members_end(struct cli_members *members, struct behalf_writer *writer);

/* One call with these members, which it frees; cli_ask says nothing of an error. */
enum behalf_status cli_ask(struct cli *cli, const char *method, struct cli_members *members,
                           struct behalf_reply **reply);
enum cli_exit cli_call_members(struct cli *cli, const char *action, const char *method,
                               struct cli_members *members,
                               struct behalf_reply **reply) BEHALF_MUST_USE;

/* --- sessions, grants and requests (cli_records.c) -------------------------------------------- */

/* What a grant says beside its parties and its end: --scope, --uses and the like, --method,
 * --digest and --tool. A usage error names the option that cannot be read. */
enum cli_exit cli_member_terms(struct cli *cli, struct cli_members *members) BEHALF_MUST_USE;
/* --tool alone, as `tools`. */
enum cli_exit cli_member_tools(struct cli *cli, struct cli_members *members) BEHALF_MUST_USE;
/* --expires-at or --expires-in, if any. */
void cli_member_end(const struct cli *cli, struct cli_members *members);
void cli_member_approval(const struct cli *cli, struct cli_members *members);
/* --method with --digest, as `name`. */
enum cli_exit cli_member_binding(struct cli *cli, struct cli_members *members,
                                 const char *name) BEHALF_MUST_USE;
/* NAME=SHA256 as a map. */
enum cli_exit cli_write_tool(struct cli *cli, struct behalf_writer *writer,
                             const char *text) BEHALF_MUST_USE;

/* Usage errors for what a command cannot do without. */
enum cli_exit cli_need(struct cli *cli, const char *value, const char *option) BEHALF_MUST_USE;
enum cli_exit cli_need_end(struct cli *cli) BEHALF_MUST_USE;
enum cli_exit cli_check_end(struct cli *cli) BEHALF_MUST_USE; /* not two of them */

/* Connects and calls. What the result names is printed a line each, "session ses_...", with --json
 * all of it. Frees the members. */
enum cli_exit cli_write_record(struct cli *cli, const char *action, const char *method,
                               struct cli_members *members) BEHALF_MUST_USE;
/* The same for the record that the command's first argument names: a table of its fields. */
enum cli_exit cli_read_record(struct cli *cli, const char *action, const char *method,
                              const char *name) BEHALF_MUST_USE;

/* "  active until 2027-03-01T10:30:00Z", of a list's item. */
void cli_put_state(const struct cli *cli, struct behalf_value item);
/* `document:*=view,edit`, a space between elements. */
void cli_scope_text(struct behalf_value scope, struct buffer *out);

/* --- lists in pages (cli_pages.c) ------------------------------------------------------------- */

/* A list that the server gives in pages. `request` is handed to both functions. */
struct cli_list {
    const char *action; /* for messages: "look up resources" */
    const char *member; /* of the result, with the items */
    enum behalf_status (*ask)(struct cli *cli, const void *request, const struct behalf_page *page,
                              struct behalf_reply **reply);
    void (*print)(struct cli *cli, const void *request, struct behalf_value item);
    const void *request;
    uint64_t *printed; /* NULL, or counts the items */
};

/* What every such command says in its --help. */
#define CLI_LIST_HELP                                                                              \
    "Without --limit all of it is printed, in pages of 1,000 (with --json a document each);\n"     \
    "with --limit one page, and where more follows exit code 4 and the cursor.\n"

/* Prints all of the list, a page in memory at a time; with --limit and without --all one page.
 * CLI_INCOMPLETE when more follows or something is undecided. */
enum cli_exit cli_list_print(struct cli *cli, const struct cli_list *list) BEHALF_MUST_USE;

/* Says on standard error why an answer is empty: the `reason` of a result, where it has one. */
void cli_say_reason(struct behalf_value result);

/* Says which items of `undecided` (or of a list of items with `error`) have no decision, naming
 * them by `name`; gives how many there are. */
uint32_t cli_say_undecided(struct cli *cli, struct behalf_value items, const char *name);

/* The earliest `valid_until` of several replies. */
struct cli_until {
    char text[64]; /* "" = nothing expires */
    int64_t nanoseconds;
};

void cli_note_until(struct cli_until *until, struct behalf_value result);

/* "valid until T" on standard error: beside the answer, whose lines are results and nothing else.
 * Nothing when nothing expires. */
void cli_say_until(const struct cli_until *until);

/* --- printing (cli_print.c, cli_table.c, cli_json.c) ------------------------------------------ */

/* Text from outside. To a terminal (standard output or error) it goes as escape_text makes it, to
 * anything else as it is. */
void cli_put_safe(FILE *out, struct slice text);
/* The same for a format of one line and its arguments, both without colours. */
void cli_put_format(FILE *out, const char *format, ...) BEHALF_PRINTF(2, 3);
/* Words of a server to its reader, escaped wherever they go: a log is shown at a terminal later. */
void cli_put_message(FILE *out, struct slice text);

/* The same for text of many lines: line ends and tabs are kept. */
void cli_put_lines(FILE *out, struct slice text);

/* Columns that cli_put_safe takes on `out`. */
size_t cli_safe_width(FILE *out, struct slice text);

enum cli_color { COLOR_NONE, COLOR_GOOD, COLOR_BAD, COLOR_DOUBT, COLOR_FAINT, COLOR_BOLD };

/* Escape sequence that starts a colour; "" where there are none. COLOR_NONE ends any. */
const char *cli_color(bool enabled, enum cli_color color);

/* "allow", "deny (scope_excluded)" or "conditional (missing: count, limit)", in its colour. */
void cli_put_decision(const struct cli *cli, struct behalf_value result, FILE *out);
/* The same for a table, without colour. */
void cli_decision_text(struct behalf_value result, struct buffer *out);
/* "count, limit"; nothing when nothing is missing. */
void cli_missing_text(struct behalf_value result, struct buffer *out);

/* "[during:{"hour":3}][expiration:2027-01-01T00:00:00Z]" of what has `caveat` or `expires_at`. */
void cli_condition_text(struct behalf_value value, struct buffer *out);

/* Why a decision is what it is (cli_trace.c), one node a line. */
void cli_put_trace(struct cli *cli, struct behalf_value trace, FILE *out);

/* `name` of a map as text; empty when it is absent. */
struct slice cli_get_text(struct behalf_value map, const char *name);

/* A table of text cells, drawn with box lines; columns with nothing below their head are left out.
 * Memory: cells are copied. */
struct cli_table {
    size_t columns;
    size_t rows; /* the head included */
    struct buffer cells;
    size_t *ends; /* end offset of each cell in `cells` */
    size_t end_count;
    size_t end_capacity;
};

void cli_table_init(struct cli_table *table, size_t columns);
void cli_table_cell(struct cli_table *table, struct slice text); /* row by row, the head first */
void cli_table_print(const struct cli_table *table, FILE *out);
void cli_table_release(struct cli_table *table);

/* Columns that text takes on a terminal: code points, without regard to wide ones. */
size_t cli_text_width(struct slice text);

/* The lines before a tree's node: one piece per level above it, `last` says whether that ancestor
 * is its parent's last child. */
#define CLI_TREE_DEPTH_MAX 200
struct cli_tree {
    bool last[CLI_TREE_DEPTH_MAX];
    size_t depth;
    bool ascii; /* for what shows no box lines */
};

void cli_tree_prefix(const struct cli_tree *tree, FILE *out);

/* Any value as JSON, however deep. Values JSON does not have become strings or null. */
void cli_json_value(struct buffer *out, struct behalf_value value);
void cli_json_string(struct buffer *out, struct slice text);
void cli_json_error(struct buffer *out, const struct behalf_error *error);

/* Prints a result as one line of JSON. */
void cli_print_json(struct behalf_value value);

/* What tells relationships apart: the text without caveat and expiration, in one spelling. */
enum status cli_relationship_identity(struct arena *arena, struct slice text,
                                      struct slice *identity, struct error *error) BEHALF_MUST_USE;

/* A relationship as it came: its text, or the text of its map. */
void cli_relationship_text(struct behalf_value value, struct buffer *out);

#endif
