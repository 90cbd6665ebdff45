/* cli_records.c - sessions, grants and requests on the command line: their options as arguments of
 * a call, and records as text. */
#include <string.h>

#include "cli/cli.h"

/* --- what is needed --------------------------------------------------------------------------- */

enum cli_exit
cli_need(struct cli *cli, const char *value, const char *option)
{
    return value != NULL ? CLI_OK
                         : cli_usage(cli, "'%s %s' needs %s", cli->command->family,
                                     cli->command->name, option);
}

enum cli_exit
cli_check_end(struct cli *cli)
{
    if (cli->records.expires_at != NULL && cli->records.expires_in_s > 0)
        return cli_usage(cli, "--expires-at and --expires-in exclude each other");
    return CLI_OK;
}

enum cli_exit
cli_need_end(struct cli *cli)
{
    const struct cli_records *records = &cli->records;
    enum cli_exit result = cli_check_end(cli);

    if (result != CLI_OK)
        return result;
    if (records->expires_at == NULL && records->expires_in_s == 0)
        return cli_need(cli, NULL, "--expires-in or --expires-at");
    return CLI_OK;
}

/* --- options as arguments --------------------------------------------------------------------- */

void
cli_member_end(const struct cli *cli, struct cli_members *members)
{
    cli_member_text(members, "expires_at", cli->records.expires_at);
    if (cli->records.expires_in_s > 0)
        cli_member_uint(members, "expires_in_s", cli->records.expires_in_s);
}

void
cli_member_approval(const struct cli *cli, struct cli_members *members)
{
    struct cli_members approval;

    cli_members_init(&approval);
    cli_member_text(&approval, "approver", cli->records.approver);
    cli_member_text(&approval, "channel", cli->records.channel);
    cli_member(members, "approval");
    cli_members_end(&approval, members->body);
}

enum cli_exit
cli_member_binding(struct cli *cli, struct cli_members *members, const char *name)
{
    const struct cli_records *records = &cli->records;
    struct cli_members binding;

    if ((records->method == NULL) != (records->digest == NULL))
        return cli_usage(cli, "--method and --digest go together");
    if (records->method == NULL)
        return CLI_OK;
    cli_members_init(&binding);
    cli_member_text(&binding, "method", records->method);
    cli_member_text(&binding, "digest", records->digest);
    cli_member(members, name);
    cli_members_end(&binding, members->body);
    return CLI_OK;
}

/* Splits at the last `=`: what is before it may hold one. False when a side is empty. */
static bool
split_last(struct cli *cli, const char *text, const char **left, const char **right)
{
    const char *equals = strrchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return false;
    *left = cli_copy(cli, (struct slice){text, (size_t)(equals - text)});
    *right = equals + 1;
    return true;
}

enum cli_exit
cli_write_tool(struct cli *cli, struct behalf_writer *writer, const char *text)
{
    struct cli_members tool;
    const char *name;
    const char *hash;

    if (!split_last(cli, text, &name, &hash))
        return cli_usage(cli, "option '--tool': '%s' is no NAME=SHA256", text);
    cli_members_init(&tool);
    cli_member_text(&tool, "name", name);
    cli_member_text(&tool, "sha256", hash);
    cli_members_end(&tool, writer);
    return CLI_OK;
}

/* SELECTOR=ACTION[,ACTION...] */
static enum cli_exit
write_element(struct cli *cli, struct behalf_writer *writer, const char *text)
{
    const char *actions[CLI_TEXTS_MAX];
    struct cli_members element;
    const char *selector;
    const char *list;
    size_t count = 0;

    if (split_last(cli, text, &selector, &list))
        count = cli_list_split(cli, slice_of(list), actions, CLI_TEXTS_MAX);
    if (count == 0)
        return cli_usage(cli, "option '--scope': '%s' is no SELECTOR=ACTION[,ACTION...]", text);
    cli_members_init(&element);
    cli_member_text(&element, "selector", selector);
    cli_member(&element, "actions");
    behalf_write_array(element.body, (uint32_t)count);
    for (size_t index = 0; index < count; index++)
        behalf_write_text(element.body, actions[index]);
    cli_members_end(&element, writer);
    return CLI_OK;
}

/* NAME or NAME:{JSON} */
static enum cli_exit
write_constraint(struct cli *cli, struct behalf_writer *writer, const char *text)
{
    const char *colon = strchr(text, ':');
    struct cli_members constraint;
    enum cli_exit result = CLI_OK;
    const char *name = text;

    if (colon != NULL) {
        name = cli_copy(cli, (struct slice){text, (size_t)(colon - text)});
        result = cli_context_check(cli, "--constraint", colon + 1);
    }
    if (result != CLI_OK)
        return result;
    cli_members_init(&constraint);
    cli_member_text(&constraint, "caveat", name);
    cli_member_json(&constraint, "context", colon != NULL ? colon + 1 : NULL);
    cli_members_end(&constraint, writer);
    return CLI_OK;
}

typedef enum cli_exit (*write_function)(struct cli *cli, struct behalf_writer *writer,
                                        const char *text);

/* Nothing for an option that was not given. */
static enum cli_exit
member_list(struct cli *cli, struct cli_members *members, const char *name,
            const struct cli_texts *texts, write_function write)
{
    enum cli_exit result = CLI_OK;

    if (texts->count == 0)
        return CLI_OK;
    cli_member(members, name);
    behalf_write_array(members->body, (uint32_t)texts->count);
    for (size_t index = 0; result == CLI_OK && index < texts->count; index++)
        result = write(cli, members->body, texts->items[index]);
    return result;
}

enum cli_exit
cli_member_tools(struct cli *cli, struct cli_members *members)
{
    return member_list(cli, members, "tools", &cli->records.tools, cli_write_tool);
}

enum cli_exit
cli_member_terms(struct cli *cli, struct cli_members *members)
{
    const struct cli_records *records = &cli->records;
    enum cli_exit result = member_list(cli, members, "scope", &records->scope, write_element);

    if (result == CLI_OK)
        result = member_list(cli, members, "constraints", &records->constraints, write_constraint);
    if (result == CLI_OK)
        result = cli_member_tools(cli, members);
    if (result == CLI_OK)
        result = cli_member_binding(cli, members, "bind");
    if (result != CLI_OK)
        return result;
    cli_member_text(members, "not_before", records->not_before);
    if (records->max_depth > 0)
        cli_member_uint(members, "max_depth", records->max_depth);
    if (records->uses > 0)
        cli_member_uint(members, "uses", records->uses);
    cli_member_text(members, "purpose", records->purpose);
    return CLI_OK;
}

/* --- records as text -------------------------------------------------------------------------- */

void
cli_scope_text(struct behalf_value scope, struct buffer *out)
{
    struct behalf_value elements;
    struct behalf_value element;
    uint32_t count;

    if (!behalf_value_array(scope, &count, &elements))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&elements, &element); index++) {
        struct behalf_value actions;
        struct behalf_value action;
        struct slice name;
        uint32_t left;

        buffer_add_text(out, index > 0 ? " " : "");
        buffer_add_slice(out, cli_get_text(element, "selector"));
        if (!behalf_value_array(behalf_value_get(element, "actions"), &left, &actions))
            continue;
        for (char before = '='; left > 0 && behalf_value_next(&actions, &action); left--) {
            buffer_add_byte(out, before);
            before = ',';
            if (behalf_value_string(action, &name.data, &name.size))
                buffer_add_slice(out, name);
        }
    }
}

void
cli_put_state(const struct cli *cli, struct behalf_value item)
{
    struct slice state = cli_get_text(item, "state");
    bool active = slice_equal(state, SLICE_LITERAL("active"));

    (void)fprintf(stdout, "  %s", cli_color(cli->color, active ? COLOR_GOOD : COLOR_BAD));
    cli_put_safe(stdout, state);
    (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
    if (active) {
        (void)fputs(" until ", stdout);
        cli_put_safe(stdout, cli_get_text(item, "expires_at"));
    }
}

/* Texts, separated by blanks; false when some item is none. */
static bool
texts_text(struct behalf_value value, struct buffer *out)
{
    struct behalf_value rest;
    struct behalf_value item;
    struct slice text;
    uint32_t count;

    if (!behalf_value_array(value, &count, &rest))
        return false;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &item); index++) {
        if (!behalf_value_string(item, &text.data, &text.size))
            return false;
        buffer_add_text(out, index > 0 ? " " : "");
        buffer_add_slice(out, text);
    }
    return true;
}

static void
field_text(struct slice name, struct behalf_value value, struct buffer *out)
{
    struct slice text;

    if (slice_equal(name, SLICE_LITERAL("scope"))) {
        cli_scope_text(value, out);
    } else if (behalf_value_string(value, &text.data, &text.size)) {
        buffer_add_slice(out, text);
    } else if (!texts_text(value, out)) {
        buffer_clear(out);
        cli_json_value(out, value);
    }
}

static void
print_fields(struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value value;
    struct behalf_value key;
    struct cli_table table;
    struct buffer text;
    struct slice name;
    uint32_t count;

    if (!behalf_value_map(result, &count, &rest))
        return;
    cli_table_init(&table, 2);
    cli_table_cell(&table, slice_of("field"));
    cli_table_cell(&table, slice_of("value"));
    buffer_init(&text);
    while (count-- > 0 && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value)) {
        if (!behalf_value_string(key, &name.data, &name.size) ||
            behalf_value_type(value) == BEHALF_TYPE_NIL)
            continue;
        buffer_clear(&text);
        field_text(name, value, &text);
        cli_table_cell(&table, name);
        cli_table_cell(&table, buffer_slice(&text));
    }
    cli_table_print(&table, stdout);
    cli_table_release(&table);
    buffer_release(&text);
}

/* "session ses_...", a line for each text of the result. */
static void
print_texts(struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value value;
    struct behalf_value key;
    struct slice name;
    struct slice text;
    uint32_t count;

    if (!behalf_value_map(result, &count, &rest))
        return;
    while (count-- > 0 && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value)) {
        if (!behalf_value_string(key, &name.data, &name.size) ||
            !behalf_value_string(value, &text.data, &text.size))
            continue;
        cli_put_safe(stdout, name);
        (void)putchar(' ');
        cli_put_safe(stdout, text);
        (void)putchar('\n');
    }
}

/* Calls, and prints the result with `print`. */
static enum cli_exit
call_and_print(struct cli *cli, const char *action, const char *method, struct cli_members *members,
               const char *expected, void (*print)(struct behalf_value result))
{
    struct behalf_value result;
    struct behalf_reply *reply;
    enum cli_exit code = cli_connect(cli);

    if (code != CLI_OK) {
        behalf_writer_free(members->body);
        return code;
    }
    code = cli_call_members(cli, action, method, members, &reply);
    if (code != CLI_OK)
        return code;
    result = behalf_reply_result(reply);
    if (cli_get_text(result, expected).size == 0)
        code = cli_fail_reply(cli, action, expected);
    else if (cli->json)
        cli_print_json(result);
    else
        print(result);
    behalf_reply_free(reply);
    return code;
}

enum cli_exit
cli_write_record(struct cli *cli, const char *action, const char *method,
                 struct cli_members *members)
{
    cli_member_text(members, "idempotency_key", cli->idempotency_key);
    return call_and_print(cli, action, method, members, "written_at", print_texts);
}

enum cli_exit
cli_read_record(struct cli *cli, const char *action, const char *method, const char *name)
{
    struct cli_members members;

    cli_members_init(&members);
    cli_member_text(&members, name, cli->arguments[0]);
    return call_and_print(cli, action, method, &members, "read_at", print_fields);
}
