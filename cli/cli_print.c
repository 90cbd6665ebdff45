/* cli_print.c - text for people: colours, safe text, values of replies. */
#include <string.h>

#include "base/relationship.h"
#include "base/utf8.h"
#include "cli/cli.h"

void
cli_put_safe(FILE *out, struct slice text)
{
    size_t at = 0;

    while (at < text.size) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0 || point < 0x20 || (point >= 0x7F && point < 0xA0)) {
            (void)fputc('?', out);
            at += length > 0 ? length : 1;
            continue;
        }
        (void)fwrite(text.data + at, 1, length, out);
        at += length;
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

enum cli_color
cli_decision_color(const char *decision)
{
    if (strcmp(decision, "allow") == 0)
        return COLOR_GOOD;
    if (strcmp(decision, "deny") == 0)
        return COLOR_BAD;
    return COLOR_DOUBT;
}

struct slice
cli_get_text(struct behalf_value map, const char *name)
{
    struct slice text = {"", 0};

    (void)behalf_value_string(behalf_value_get(map, name), &text.data, &text.size);
    return text;
}

void
cli_print_json(struct behalf_value value)
{
    struct buffer line;

    buffer_init(&line);
    cli_json_value(&line, value);
    buffer_add_byte(&line, '\n');
    (void)fwrite(line.data, 1, line.size, stdout);
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
cli_relationship_text(struct cli *cli, struct behalf_value value, struct buffer *out)
{
    struct relationship relationship = {0};
    struct behalf_value caveat;
    struct behalf_value context;
    struct buffer json;
    struct slice text;

    if (behalf_value_string(value, &text.data, &text.size)) {
        buffer_add_slice(out, text);
        return;
    }
    relationship.resource = read_object(behalf_value_get(value, "resource"));
    relationship.resource.relation = cli_get_text(value, "relation");
    relationship.subject = read_object(behalf_value_get(value, "subject"));
    caveat = behalf_value_get(value, "caveat");
    relationship.caveat = cli_get_text(caveat, "name");
    context = behalf_value_get(caveat, "context");
    if (behalf_value_type(context) == BEHALF_TYPE_MAP) {
        buffer_init(&json);
        cli_json_value(&json, context);
        relationship.context = arena_copy(&cli->arena, buffer_slice(&json));
        buffer_release(&json);
    }
    (void)time_parse(cli_get_text(value, "expires_at"), &relationship.expires_at);
    relationship_print(&relationship, out);
}
