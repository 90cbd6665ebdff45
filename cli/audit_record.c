/* audit_record.c - a record of the audit log in words: one line of a list, or the story of a
 * decision. */
#include <string.h>

#include "cli/audit_print.h"

/* --- fields ----------------------------------------------------------------------------------- */

const struct datum *
audit_record_parse(struct slice line, struct arena *arena)
{
    const struct datum *record;
    struct error ignored;

    if (datum_parse_json(line, arena, &record, &ignored) != BEHALF_OK || record->kind != DATUM_MAP)
        return NULL;
    return record;
}

static const struct datum *
field_of(const struct datum *map, const char *name)
{
    return map != NULL && map->kind == DATUM_MAP ? datum_field(map, slice_of(name)) : NULL;
}

struct slice
audit_record_text(const struct datum *map, const char *name)
{
    const struct datum *value = field_of(map, name);

    return value != NULL && value->kind == DATUM_STRING ? value->as.string
                                                        : (struct slice){NULL, 0};
}

struct slice
audit_record_find(const struct datum *record, const char *name)
{
    struct slice text = audit_record_text(record, name);

    return text.size > 0 ? text : audit_record_text(field_of(record, "record"), name);
}

int64_t
audit_record_number(const struct datum *map, const char *name)
{
    const struct datum *value = field_of(map, name);

    return value != NULL && value->kind == DATUM_INT ? value->as.integer : 0;
}

const struct datum *
audit_record_item(const struct datum *map, const char *name, size_t at)
{
    const struct datum *list = field_of(map, name);

    return list != NULL && list->kind == DATUM_LIST && at < list->as.list.count
               ? list->as.list.items[at]
               : NULL;
}

/* --- a line of a list ------------------------------------------------------------------------- */

static void
put_word(FILE *out, const char *before, struct slice text)
{
    if (text.size == 0)
        return;
    (void)fputs(before, out);
    cli_put_safe(out, text);
}

static void
put_actors(const struct datum *record, FILE *out)
{
    const struct datum *actor;

    for (size_t at = 0; (actor = audit_record_item(record, "actors", at)) != NULL; at++)
        if (actor->kind == DATUM_STRING)
            put_word(out, at == 0 ? " by " : ",", actor->as.string);
}

/* Of a filter or lookup: how many of how many. */
static void
put_counts(const struct datum *record, FILE *out)
{
    const struct datum *counts = field_of(record, "counts");

    if (counts != NULL)
        (void)fprintf(out, " %lld of %lld", (long long)audit_record_number(counts, "out"),
                      (long long)audit_record_number(counts, "in"));
}

static void
put_outcome(const struct cli *cli, const struct datum *record, FILE *out)
{
    struct slice decision = audit_record_text(record, "decision");
    enum cli_color color = COLOR_DOUBT;

    if (decision.size == 0)
        return;
    if (slice_equal(decision, SLICE_LITERAL("allow")))
        color = COLOR_GOOD;
    else if (slice_equal(decision, SLICE_LITERAL("deny")))
        color = COLOR_BAD;
    (void)fputs(cli_color(cli->color, color), out);
    put_word(out, " ", decision);
    (void)fputs(cli_color(cli->color, COLOR_NONE), out);
    put_word(out, " ", audit_record_text(record, "reason"));
}

static void
put_fields(const struct cli *cli, const struct datum *record, FILE *out)
{
    static const struct {
        const char *name;
        const char *before;
    } rest[] = {
        {"permission", " "}, {"resource", " on "},   {"resource_type", " on "},
        {"object", " "},     {"principal", " for "},
    };

    put_outcome(cli, record, out);
    for (size_t at = 0; at < BEHALF_COUNT_OF(rest); at++)
        put_word(out, rest[at].before, audit_record_find(record, rest[at].name));
    put_actors(record, out);
    put_counts(record, out);
    put_word(out, " ", audit_record_text(record, "session"));
    put_word(out, " ", audit_record_text(record, "grant"));
    put_word(out, " ", audit_record_text(record, "request"));
    put_word(out, " ", audit_record_text(record, "decision_id"));
    put_word(out, " caller ", audit_record_text(record, "caller"));
}

void
audit_record_print(const struct cli *cli, struct slice line, struct arena *arena, FILE *out)
{
    const struct datum *record = audit_record_parse(line, arena);

    if (record == NULL) {
        cli_put_safe(out, line); /* what it is instead is for the reader to see */
    } else {
        (void)fprintf(out, "%lld ", (long long)audit_record_number(record, "seq"));
        cli_put_safe(out, audit_record_text(record, "ts"));
        put_word(out, " ", audit_record_text(record, "event"));
        put_fields(cli, record, out);
    }
    (void)fputc('\n', out);
}

/* --- the story of a decision ------------------------------------------------------------------ */

static void
say(FILE *out, const char *before, struct behalf_value map, const char *name, const char *after)
{
    struct slice text = cli_get_text(map, name);

    if (text.size == 0)
        return;
    (void)fputs(before, out);
    cli_put_safe(out, text);
    (void)fputs(after, out);
}

/* ", now STATE": of a record that is still stored. */
static void
say_state(struct slice state, FILE *out)
{
    if (state.size == 0) {
        (void)fputs(", no longer stored", out);
        return;
    }
    (void)fputs(", now ", out);
    cli_put_safe(out, state);
}

static void
say_asked(struct behalf_value record, FILE *out)
{
    struct behalf_value rest;
    struct behalf_value actor;
    uint32_t count = 0;

    say(out, "decision ", record, "decision_id", "");
    say(out, ", ", record, "ts", "\n");
    (void)fputs("  asked       ", out);
    say(out, "", record, "permission", "");
    say(out, " on ", record, "resource", "");
    say(out, " for ", record, "principal", "");
    if (behalf_value_array(behalf_value_get(record, "actors"), &count, &rest))
        for (uint32_t at = 0; at < count && behalf_value_next(&rest, &actor); at++) {
            struct slice text = {NULL, 0};

            (void)behalf_value_string(actor, &text.data, &text.size);
            (void)fputs(at == 0 ? ", by " : " and ", out);
            cli_put_safe(out, text);
        }
    (void)fputc('\n', out);
}

static void
say_outcome(const struct cli *cli, struct behalf_value record, FILE *out)
{
    struct slice decision = cli_get_text(record, "decision");
    enum cli_color color = slice_equal(decision, SLICE_LITERAL("allow")) ? COLOR_GOOD : COLOR_BAD;

    (void)fputs("  outcome     ", out);
    (void)fputs(cli_color(cli->color, color), out);
    cli_put_safe(out, decision);
    (void)fputs(cli_color(cli->color, COLOR_NONE), out);
    say(out, ": ", record, "reason", "");
    (void)fputc('\n', out);
}

static void
say_approval(struct behalf_value record, FILE *out)
{
    struct behalf_value approval = behalf_value_get(record, "approval");

    if (cli_get_text(approval, "approver").size == 0)
        return;
    say(out, "  approved by ", approval, "approver", "");
    say(out, " at ", approval, "at", "");
    say(out, ", through ", approval, "channel", "");
    (void)fputc('\n', out);
}

/* The state that the list `states` has of a grant. */
static struct slice
state_of(struct behalf_value states, struct slice grant)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (behalf_value_array(states, &count, &rest))
        for (uint32_t at = 0; at < count && behalf_value_next(&rest, &one); at++)
            if (slice_equal(cli_get_text(one, "grant"), grant))
                return cli_get_text(one, "state");
    return (struct slice){NULL, 0};
}

static void
say_chain(struct behalf_value record, struct behalf_value now, FILE *out)
{
    struct behalf_value states = behalf_value_get(now, "chain");
    struct behalf_value rest;
    struct behalf_value link;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(record, "chain"), &count, &rest))
        return;
    for (uint32_t at = 0; at < count && behalf_value_next(&rest, &link); at++) {
        say(out, "  grant       ", link, "grant", "");
        say(out, " to ", link, "agent", "");
        say(out, ", until ", link, "expires_at", "");
        say_state(state_of(states, cli_get_text(link, "grant")), out);
        (void)fputc('\n', out);
    }
}

static void
say_conditions(struct behalf_value record, FILE *out)
{
    struct behalf_value conditions = behalf_value_get(record, "conditions");
    struct behalf_value rest;
    struct behalf_value key;
    struct behalf_value value;
    uint32_t count;

    if (!behalf_value_map(conditions, &count, &rest) || count == 0)
        return;
    (void)fputs("  conditions  ", out);
    for (uint32_t at = 0;
         at < count && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value); at++) {
        struct slice name = {NULL, 0};
        struct slice outcome = {NULL, 0};

        (void)behalf_value_string(key, &name.data, &name.size);
        (void)behalf_value_string(value, &outcome.data, &outcome.size);
        (void)fputs(at == 0 ? "" : ", ", out);
        cli_put_safe(out, name);
        (void)fputc(' ', out);
        cli_put_safe(out, outcome);
    }
    (void)fputc('\n', out);
}

/* A number or text of the record, as JSON. */
static void
say_value(FILE *out, const char *before, struct behalf_value record, const char *name)
{
    struct behalf_value value = behalf_value_get(record, name);
    struct buffer text;

    if (value.bytes == NULL)
        return;
    buffer_init(&text);
    cli_json_value(&text, value);
    (void)fputs(before, out);
    cli_put_safe(out, buffer_slice(&text));
    buffer_release(&text);
}

void
audit_story_print(const struct cli *cli, struct behalf_value result, FILE *out)
{
    struct behalf_value record = behalf_value_get(result, "record");
    struct behalf_value now = behalf_value_get(result, "now");

    say_asked(record, out);
    say_outcome(cli, record, out);
    if (cli_get_text(record, "session").size > 0) {
        say(out, "  session     ", record, "session", "");
        say_state(cli_get_text(now, "session"), out);
        (void)fputc('\n', out);
    }
    say_chain(record, now, out);
    say_approval(record, out);
    say_conditions(record, out);
    say_value(out, "  revision    ", record, "revision");
    say_value(out, ", record ", record, "seq");
    say(out, ", asked by ", record, "caller", "");
    say(out, ", request ", record, "request_id", "");
    (void)fputc('\n', out);
}
