/* cli_print.c - text for people: colours, safe text, values of replies. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/relationship.h"
#include "cli/cli.h"

/* Asked once: lists have millions of lines. */
static bool
is_terminal(FILE *out)
{
    static int terminal[2] = {-1, -1};
    int *known = &terminal[out == stderr ? 1 : 0];

    if (out != stdout && out != stderr)
        return false;
    if (*known < 0)
        *known = isatty(fileno(out));
    return *known == 1;
}

void
cli_put_message(FILE *out, struct slice text)
{
    struct buffer escaped;

    buffer_init(&escaped);
    escape_text(text, &escaped);
    (void)fwrite(escaped.data, 1, escaped.size, out);
    buffer_release(&escaped);
}

void
cli_put_safe(FILE *out, struct slice text)
{
    if (is_terminal(out))
        cli_put_message(out, text);
    else
        (void)fwrite(text.data, 1, text.size, out);
}

void
cli_put_format(FILE *out, const char *format, ...)
{
    struct buffer text;
    va_list arguments;

    buffer_init(&text);
    va_start(arguments, format);
    buffer_add_arguments(&text, format, arguments);
    va_end(arguments);
    cli_put_safe(out, buffer_slice(&text));
    buffer_release(&text);
}

size_t
cli_safe_width(FILE *out, struct slice text)
{
    struct buffer escaped;
    size_t width;

    if (!is_terminal(out))
        return cli_text_width(text);
    buffer_init(&escaped);
    escape_text(text, &escaped);
    width = cli_text_width(buffer_slice(&escaped));
    buffer_release(&escaped);
    return width;
}

void
cli_put_lines(FILE *out, struct slice text)
{
    if (!is_terminal(out)) {
        (void)fwrite(text.data, 1, text.size, out);
        return;
    }
    for (size_t at = 0, from = 0; at < text.size; at++) {
        bool crlf = text.data[at] == '\r' && at + 1 < text.size && text.data[at + 1] == '\n';
        bool whole = text.data[at] == '\n' || text.data[at] == '\t' || crlf;

        if (whole || at + 1 == text.size)
            cli_put_safe(out, (struct slice){text.data + from, at - from + (whole ? 0 : 1)});
        if (whole) {
            (void)fputc(text.data[at], out);
            from = at + 1;
        }
    }
}

const char *
cli_color(bool enabled, enum cli_color color)
{
    if (!enabled)
        return "";
    switch (color) {
    case COLOR_NONE:
        return "\x1b[0m";
    case COLOR_GOOD:
        return "\x1b[32m";
    case COLOR_BAD:
        return "\x1b[31m";
    case COLOR_DOUBT:
        return "\x1b[33m";
    case COLOR_FAINT:
        return "\x1b[2m";
    case COLOR_BOLD:
        return "\x1b[1m";
    }
    return "";
}

struct slice
cli_get_text(struct behalf_value map, const char *name)
{
    struct slice text = {"", 0};

    (void)behalf_value_string(behalf_value_get(map, name), &text.data, &text.size);
    return text;
}

void
cli_missing_text(struct behalf_value result, struct buffer *out)
{
    struct behalf_value rest;
    struct behalf_value name;
    struct slice text;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "missing"), &count, &rest))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &name); index++)
        if (behalf_value_string(name, &text.data, &text.size)) {
            buffer_add_text(out, index == 0 ? "" : ", ");
            buffer_add_slice(out, text);
        }
}

/* " (missing: count, limit)", " (scope_excluded)" or nothing. */
static void
add_reason(struct behalf_value result, struct buffer *out)
{
    struct slice reason = cli_get_text(result, "reason");
    struct buffer names;

    buffer_init(&names);
    cli_missing_text(result, &names);
    if (names.size > 0)
        buffer_add_format(out, " (missing: %s)", names.data);
    else if (reason.size > 0)
        buffer_add_format(out, " (%.*s)", SLICE_PRINTF(reason));
    buffer_release(&names);
}

void
cli_decision_text(struct behalf_value result, struct buffer *out)
{
    buffer_add_slice(out, cli_get_text(result, "decision"));
    add_reason(result, out);
}

void
cli_put_decision(const struct cli *cli, struct behalf_value result, FILE *out)
{
    struct slice word = cli_get_text(result, "decision");
    struct buffer reason;
    enum cli_color color = slice_equal(word, SLICE_LITERAL("allow"))  ? COLOR_GOOD
                           : slice_equal(word, SLICE_LITERAL("deny")) ? COLOR_BAD
                                                                      : COLOR_DOUBT;

    (void)fputs(cli_color(cli->color, color), out);
    cli_put_safe(out, word);
    (void)fputs(cli_color(cli->color, COLOR_NONE), out);
    buffer_init(&reason);
    add_reason(result, &reason);
    cli_put_safe(out, buffer_slice(&reason));
    buffer_release(&reason);
}

void
cli_condition_text(struct behalf_value value, struct buffer *out)
{
    struct behalf_value caveat = behalf_value_get(value, "caveat");
    struct behalf_value context = behalf_value_get(caveat, "context");
    struct slice expires_at = cli_get_text(value, "expires_at");

    if (caveat.bytes != NULL) {
        buffer_add_byte(out, '[');
        caveat_name_print(cli_get_text(caveat, "name"), out);
        if (context.bytes != NULL) {
            buffer_add_byte(out, ':');
            cli_json_value(out, context);
        }
        buffer_add_byte(out, ']');
    }
    if (expires_at.size > 0) {
        buffer_add_text(out, "[expiration:");
        buffer_add_slice(out, expires_at);
        buffer_add_byte(out, ']');
    }
}

void
cli_print_json(struct behalf_value value)
{
    struct buffer line;

    buffer_init(&line);
    cli_json_value(&line, value);
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

static struct object
read_object(struct behalf_value map)
{
    struct object object = {.type = cli_get_text(map, "type"),
                            .id = cli_get_text(map, "id"),
                            .relation = cli_get_text(map, "relation")};

    (void)behalf_value_bool(behalf_value_get(map, "wildcard"), &object.wildcard);
    return object;
}

void
cli_relationship_text(struct behalf_value value, struct buffer *out)
{
    struct relationship relationship = {.expires_at = 0};
    struct slice text;

    if (behalf_value_string(value, &text.data, &text.size)) {
        buffer_add_slice(out, text);
        return;
    }
    relationship.resource = read_object(behalf_value_get(value, "resource"));
    relationship.resource.relation = cli_get_text(value, "relation");
    relationship.subject = read_object(behalf_value_get(value, "subject"));
    relationship_print(&relationship, out);
    cli_condition_text(value, out);
}

enum status
cli_relationship_identity(struct arena *arena, struct slice text, struct slice *identity,
                          struct error *error)
{
    struct relationship relationship;
    struct buffer printed;
    enum status status = relationship_parse(text, arena, &relationship, error);

    if (status != BEHALF_OK)
        return status;
    relationship.caveat = relationship.context = (struct slice){NULL, 0};
    relationship.expires_at = 0;
    buffer_init(&printed);
    relationship_print(&relationship, &printed);
    *identity = arena_copy(arena, buffer_slice(&printed));
    buffer_release(&printed);
    if (identity->data == NULL)
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "the relationship is too large");
    return status;
}
