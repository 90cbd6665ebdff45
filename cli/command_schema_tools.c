/* command_schema_tools.c - schema diff, reflect, compile, plan, apply: schemas as things that
 * change. What a write would meet on a server is asked with reads alone; the server's own guard
 * decides when it is written. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/relationship.h"
#include "cli/schema_load.h"
#include "schema/caveat.h"

#define EXAMPLES_MAX 3
#define PAGE_SIZE 10000

/* --- changes in words ------------------------------------------------------------------------- */

static const char *const change_names[] = {"added", "removed", "changed"};
static const char *const part_names[] = {"definition", "relation",  "permission", "variant",
                                         "caveat",     "parameter", "flag"};

static void
print_change(const struct cli *cli, const struct schema_change *change)
{
    static const char signs[] = {'+', '-', '~'};
    static const enum cli_color colors[] = {COLOR_GOOD, COLOR_BAD, COLOR_DOUBT};
    const char *equals = change->part == SCHEMA_PART_PERMISSION ? " =" : ":";
    struct buffer text;

    buffer_init(&text);
    buffer_add_slice(&text, change->type);
    if (change->member.size > 0)
        buffer_add_format(&text, "#%.*s%s", SLICE_PRINTF(change->member), equals);
    if (change->member.size > 0 || change->part == SCHEMA_PART_CAVEAT)
        buffer_add_byte(&text, ' ');
    if (change->kind == SCHEMA_CHANGED)
        buffer_add_format(&text, "%.*s  (was: %.*s)", SLICE_PRINTF(change->after),
                          SLICE_PRINTF(change->before));
    else
        buffer_add_format(&text, "%.*s%.*s", SLICE_PRINTF(change->before),
                          SLICE_PRINTF(change->after));
    (void)printf("%s%c%s %s ", cli_color(cli->color, colors[change->kind]), signs[change->kind],
                 cli_color(cli->color, COLOR_NONE), part_names[change->part]);
    cli_put_lines(stdout, buffer_slice(&text));
    (void)putchar('\n');
    buffer_release(&text);
}

static void
print_changes(const struct cli *cli, const struct schema_changes *changes)
{
    for (uint32_t index = 0; index < changes->count; index++)
        print_change(cli, &changes->rows[index]);
    if (changes->count == 0)
        (void)puts("no changes");
}

static void
json_member(struct buffer *out, const char *name, struct slice text)
{
    buffer_add_format(out, ",\"%s\":", name);
    cli_json_string(out, text);
}

static const char *
change_owner_key(const struct schema_change *change)
{
    if (change->part == SCHEMA_PART_CAVEAT)
        return "name";
    return change->part == SCHEMA_PART_PARAMETER ? "caveat" : "definition";
}

/* `"changes":[...]` */
static void
json_changes(struct buffer *out, const struct schema_changes *changes)
{
    buffer_add_text(out, "\"changes\":[");
    for (uint32_t index = 0; index < changes->count; index++) {
        const struct schema_change *change = &changes->rows[index];

        buffer_add_format(out, "%s{\"change\":\"%s\",\"what\":\"%s\"", index > 0 ? "," : "",
                          change_names[change->kind], part_names[change->part]);
        if (change->type.size > 0)
            json_member(out, change_owner_key(change), change->type);
        if (change->member.size > 0)
            json_member(out, "name", change->member);
        if (change->before.size > 0)
            json_member(out, "before", change->before);
        if (change->after.size > 0)
            json_member(out, "after", change->after);
        buffer_add_byte(out, '}');
    }
    buffer_add_byte(out, ']');
}

/* --- diff ------------------------------------------------------------------------------------- */

/* What differs is filled in; the schemas live until the command ends. */
struct comparison {
    struct schema_described before;
    struct schema_described after;
    struct schema_file file; /* of `after` */
    struct schema_changes changes;
};

static void
comparison_release(struct comparison *comparison)
{
    schema_unref(comparison->before.schema);
    schema_unref(comparison->after.schema);
}

static enum cli_exit
compare(struct cli *cli, struct comparison *comparison)
{
    struct error error;

    if (schema_diff(&cli->arena, &comparison->before, &comparison->after, &comparison->changes,
                    &error) == BEHALF_OK)
        return CLI_OK;
    cli_adopt_error(cli, &error);
    return cli_fail(cli, "compare the schemas");
}

static enum cli_exit
run_diff(struct cli *cli)
{
    struct comparison comparison = {.changes = {.count = 0}};
    struct schema_file old;
    struct buffer line;
    enum cli_exit result = schema_load_file(cli, cli->arguments[0], &old, &comparison.before);

    if (result == CLI_OK)
        result = schema_load_file(cli, cli->arguments[1], &comparison.file, &comparison.after);
    if (result == CLI_OK)
        result = compare(cli, &comparison);
    if (result == CLI_OK && cli->json) {
        buffer_init(&line);
        buffer_add_byte(&line, '{');
        json_changes(&line, &comparison.changes);
        buffer_add_byte(&line, '}');
        cli_put_safe(stdout, buffer_slice(&line));
        (void)putchar('\n');
        buffer_release(&line);
    } else if (result == CLI_OK) {
        print_changes(cli, &comparison.changes);
    }
    comparison_release(&comparison);
    return result;
}

/* --- reflect ---------------------------------------------------------------------------------- */

static void
reflect_variants(struct buffer *out, const struct schema *schema, const struct schema_member *row)
{
    buffer_add_text(out, ",\"types\":[");
    for (uint32_t index = 0; index < row->variant_count; index++) {
        const struct schema_variant *variant = &schema->variants[row->first_variant + index];

        buffer_add_format(out, "%s{\"type\":", index > 0 ? "," : "");
        cli_json_string(out, schema->types[variant->type].name);
        if (variant->relation != SCHEMA_NONE)
            json_member(out, "relation", schema->members[variant->relation].name);
        if (variant->wildcard)
            buffer_add_text(out, ",\"wildcard\":true");
        if (variant->caveat != SCHEMA_NONE)
            json_member(out, "caveat", schema->caveats[variant->caveat].name);
        if (variant->expiring)
            buffer_add_text(out, ",\"expiration\":true");
        buffer_add_byte(out, '}');
    }
    buffer_add_byte(out, ']');
}

static void
reflect_members(struct buffer *out, const struct schema_described *described,
                const struct schema_type *type, enum schema_member_kind kind)
{
    const struct schema *schema = described->schema;
    bool first = true;

    for (uint32_t index = 0; index < type->member_count; index++) {
        uint32_t member = type->first_member + index;
        const struct schema_member *row = &schema->members[member];

        if (row->kind != kind)
            continue;
        buffer_add_text(out, first ? "{\"name\":" : ",{\"name\":");
        first = false;
        cli_json_string(out, row->name);
        json_member(out, "comment", row->comment);
        if (kind == SCHEMA_RELATION)
            reflect_variants(out, schema, row);
        else
            json_member(out, "expression", described->sources[member].expression);
        buffer_add_byte(out, '}');
    }
}

static void
reflect_parameters(struct buffer *out, const struct caveat *caveat)
{
    struct buffer type;

    buffer_init(&type);
    buffer_add_text(out, ",\"parameters\":[");
    for (size_t index = 0; index < caveat_parameter_count(caveat); index++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(caveat, index);

        buffer_add_text(out, index > 0 ? ",{\"name\":" : "{\"name\":");
        cli_json_string(out, parameter->name);
        buffer_clear(&type);
        caveat_type_print(&parameter->type, &type);
        json_member(out, "type", buffer_slice(&type));
        buffer_add_byte(out, '}');
    }
    buffer_add_byte(out, ']');
    buffer_release(&type);
}

static void
reflect_caveats(struct buffer *out, const struct schema *schema)
{
    buffer_add_text(out, ",\"caveats\":[");
    for (uint32_t index = 0; index < schema->caveat_count; index++) {
        const struct schema_caveat *caveat = &schema->caveats[index];

        buffer_add_text(out, index > 0 ? ",{\"name\":" : "{\"name\":");
        cli_json_string(out, caveat->name);
        json_member(out, "comment", caveat->comment);
        reflect_parameters(out, caveat->compiled);
        json_member(out, "expression", caveat_text(caveat->compiled));
        buffer_add_byte(out, '}');
    }
    buffer_add_byte(out, ']');
}

static void
reflect(const struct schema_described *described, struct buffer *out)
{
    const struct schema *schema = described->schema;

    buffer_add_text(out, "{\"definitions\":[");
    for (uint32_t index = 0; index < schema->type_count; index++) {
        const struct schema_type *type = &schema->types[index];

        buffer_add_text(out, index > 0 ? ",{\"name\":" : "{\"name\":");
        cli_json_string(out, type->name);
        json_member(out, "comment", type->comment);
        buffer_add_text(out, ",\"relations\":[");
        reflect_members(out, described, type, SCHEMA_RELATION);
        buffer_add_text(out, "],\"permissions\":[");
        reflect_members(out, described, type, SCHEMA_PERMISSION);
        buffer_add_text(out, "]}");
    }
    buffer_add_byte(out, ']');
    reflect_caveats(out, schema);
    buffer_add_byte(out, '}');
}

static enum cli_exit
run_reflect(struct cli *cli)
{
    struct schema_described described = {.schema = NULL};
    struct schema_file file;
    struct buffer line;
    enum cli_exit result = cli->argument_count > 0
                               ? schema_load_file(cli, cli->arguments[0], &file, &described)
                               : schema_load_server(cli, SCHEMA_LOAD_EXISTING, &described);

    if (result != CLI_OK)
        return result;
    buffer_init(&line);
    reflect(&described, &line);
    cli_put_lines(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
    schema_unref(described.schema);
    return CLI_OK;
}

/* --- compile ---------------------------------------------------------------------------------- */

static enum cli_exit
run_compile(struct cli *cli)
{
    struct schema_described described = {.schema = NULL};
    struct schema_file file;
    struct buffer text;
    struct error error;
    enum cli_exit result = schema_load_file(cli, cli->arguments[0], &file, &described);

    if (result != CLI_OK)
        return result;
    schema_unref(described.schema);
    buffer_init(&text);
    if (schema_format(file.text, &text, &error) == BEHALF_OK) {
        cli_put_lines(stdout, buffer_slice(&text));
    } else {
        cli_adopt_error(cli, &error);
        result = cli_fail(cli, "print the schema");
    }
    buffer_release(&text);
    return result;
}

/* --- plan ------------------------------------------------------------------------------------- */

/* Stored relationships of a variant that the new schema has no place for; or a parameter that is
 * gone, which no count and no example excuses. */
struct blocker {
    const struct schema_change *change;
    struct slice type; /* whose relation, which and what subject; of a parameter nothing */
    struct slice relation;
    struct slice variant;
    uint64_t count;
    struct slice examples[EXAMPLES_MAX];
    size_t example_count;
};

struct plan {
    struct cli *cli;
    struct comparison comparison;
    struct blocker *blockers;
    uint32_t count;
    uint32_t capacity;
};

static bool
is_of_variant(struct plan *plan, struct slice text, const struct schema_variant *variant)
{
    const struct schema *schema = plan->comparison.before.schema;
    struct slice caveat = {"", 0};
    struct relationship relationship;
    struct error error;

    if (variant->caveat != SCHEMA_NONE)
        caveat = schema->caveats[variant->caveat].name;
    return relationship_parse(text, &plan->cli->arena, &relationship, &error) == BEHALF_OK &&
           relationship.subject.wildcard == variant->wildcard &&
           slice_equal(relationship.caveat, caveat) &&
           (relationship.expires_at != 0) == variant->expiring;
}

/* A filter cannot tell a condition from plain subjects, so each is looked at. */
static bool
count_page(struct plan *plan, struct behalf_value result, const struct schema_variant *variant,
           struct blocker *blocker)
{
    struct behalf_value rest;
    struct behalf_value one;
    struct buffer text;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "relationships"), &count, &rest))
        return false;
    buffer_init(&text);
    while (count-- > 0 && behalf_value_next(&rest, &one)) {
        buffer_clear(&text);
        cli_relationship_text(one, &text);
        if (!is_of_variant(plan, buffer_slice(&text), variant))
            continue;
        blocker->count++;
        if (blocker->example_count < EXAMPLES_MAX)
            blocker->examples[blocker->example_count++] =
                slice_of(cli_copy(plan->cli, buffer_slice(&text)));
    }
    buffer_release(&text);
    return true;
}

static enum cli_exit
count_variant(struct plan *plan, const struct schema_variant *variant, struct blocker *blocker)
{
    const struct schema *schema = plan->comparison.before.schema;
    struct cli *cli = plan->cli;
    struct behalf_filter filter = {
        .resource_type = cli_copy(cli, blocker->type),
        .relation = cli_copy(cli, blocker->relation),
        .subject_type = cli_copy(cli, schema->types[variant->type].name),
        .subject_wildcard = variant->wildcard,
    };
    struct behalf_page page = {.limit = PAGE_SIZE};
    struct behalf_reply *reply;

    if (variant->relation != SCHEMA_NONE)
        filter.subject_relation = cli_copy(cli, schema->members[variant->relation].name);
    else if (!variant->wildcard)
        filter.subject_relation = "";
    do {
        struct slice cursor;

        if (behalf_relationships_read(cli->client, &cli->read, &filter, &page, &reply,
                                      &cli->error) != BEHALF_SUCCESS)
            return cli_fail(cli, "read relationships");
        if (!count_page(plan, behalf_reply_result(reply), variant, blocker)) {
            behalf_reply_free(reply);
            return cli_fail_reply(cli, "read relationships", "relationships");
        }
        cursor = cli_get_text(behalf_reply_result(reply), "cursor");
        page.cursor = cursor.size > 0 ? cli_copy(cli, cursor) : NULL;
        behalf_reply_free(reply);
    } while (page.cursor != NULL);
    return CLI_OK;
}

static void
keep_blocker(struct plan *plan, const struct blocker *blocker)
{
    plan->blockers = arena_grow(&plan->cli->arena, plan->blockers, plan->count, &plan->capacity,
                                sizeof *plan->blockers);
    BEHALF_ASSERT(plan->blockers != NULL);
    plan->blockers[plan->count++] = *blocker;
}

static enum cli_exit
add_blocker(struct plan *plan, const struct schema_change *change, uint32_t member, uint32_t index)
{
    const struct schema *schema = plan->comparison.before.schema;
    const struct schema_variant *variant = &schema->variants[index];
    struct blocker blocker = {
        .change = change,
        .type = schema->types[schema->members[member].type].name,
        .relation = schema->members[member].name,
    };
    struct buffer text;
    enum cli_exit result;

    buffer_init(&text);
    schema_variant_print(schema, variant, &text);
    blocker.variant = slice_of(cli_copy(plan->cli, buffer_slice(&text)));
    buffer_release(&text);
    result = count_variant(plan, variant, &blocker);
    if (result == CLI_OK && blocker.count > 0)
        keep_blocker(plan, &blocker);
    return result;
}

/* Whether the variant has a caveat with a parameter that the flag reserves. */
static bool
has_reserved_name(const struct schema *schema, uint32_t index)
{
    uint32_t caveat = schema->variants[index].caveat;
    bool found = false;

    for (size_t at = 0; caveat != SCHEMA_NONE && !found &&
                        at < caveat_parameter_count(schema->caveats[caveat].compiled);
         at++)
        found =
            caveat_reserved_of(caveat_parameter_at(schema->caveats[caveat].compiled, at)->name) !=
            CAVEAT_RESERVED_COUNT;
    return found;
}

/* The variants of a relation, all or those whose caveats a flag gives another meaning. */
static enum cli_exit
add_blockers(struct plan *plan, const struct schema_change *change, uint32_t member)
{
    const struct schema *schema = plan->comparison.before.schema;
    const struct schema_member *row = &schema->members[member];
    enum cli_exit result = CLI_OK;

    for (uint32_t index = row->first_variant;
         result == CLI_OK && index < row->first_variant + row->variant_count; index++) {
        if (change->part != SCHEMA_PART_FLAG || has_reserved_name(schema, index))
            result = add_blocker(plan, change, member, index);
    }
    return result;
}

static uint32_t
changed_member(const struct schema *schema, const struct schema_change *change)
{
    return schema_find_member(schema, schema_find_type(schema, change->type), change->member);
}

/* A variant that is gone, all variants of a relation that is, a parameter, or a flag that comes or
 * goes. */
static enum cli_exit
find_blockers(struct plan *plan, const struct schema_change *change)
{
    const struct schema *schema = plan->comparison.before.schema;
    enum cli_exit result = CLI_OK;

    if (change->part == SCHEMA_PART_FLAG) {
        for (uint32_t member = 0; result == CLI_OK && member < schema->member_count; member++)
            result = add_blockers(plan, change, member);
        return result;
    }
    if (change->kind != SCHEMA_REMOVED)
        return CLI_OK;
    if (change->part == SCHEMA_PART_VARIANT)
        return add_blocker(plan, change, changed_member(schema, change), change->variant);
    if (change->part == SCHEMA_PART_PARAMETER)
        keep_blocker(plan, &(struct blocker){.change = change});
    if (change->part != SCHEMA_PART_RELATION)
        return CLI_OK;
    return add_blockers(plan, change, changed_member(schema, change));
}

static void
print_blockers(const struct plan *plan)
{
    for (uint32_t index = 0; index < plan->count; index++) {
        const struct blocker *blocker = &plan->blockers[index];

        if (blocker->change->part == SCHEMA_PART_PARAMETER) {
            cli_put_format(stdout, "blocked: caveat '%.*s' cannot lose its parameter '%.*s %.*s'",
                           SLICE_PRINTF(blocker->change->type),
                           SLICE_PRINTF(blocker->change->member),
                           SLICE_PRINTF(blocker->change->before));
            (void)putchar('\n');
            continue;
        }
        cli_put_format(stdout, "blocked by %llu relationship%s of %.*s#%.*s with subject %.*s",
                       (unsigned long long)blocker->count, blocker->count == 1 ? "" : "s",
                       SLICE_PRINTF(blocker->type), SLICE_PRINTF(blocker->relation),
                       SLICE_PRINTF(blocker->variant));
        (void)putchar('\n');
        for (size_t example = 0; example < blocker->example_count; example++) {
            (void)fputs("  ", stdout);
            cli_put_safe(stdout, blocker->examples[example]);
            (void)putchar('\n');
        }
        if (blocker->count > blocker->example_count)
            (void)puts("  ...");
    }
}

static void
print_plan_json(const struct plan *plan)
{
    struct buffer line;

    buffer_init(&line);
    buffer_add_byte(&line, '{');
    json_changes(&line, &plan->comparison.changes);
    buffer_add_text(&line, ",\"blocked\":[");
    for (uint32_t index = 0; index < plan->count; index++) {
        const struct blocker *blocker = &plan->blockers[index];

        buffer_add_format(&line, "%s{\"count\":%llu", index > 0 ? "," : "",
                          (unsigned long long)blocker->count);
        if (blocker->change->part == SCHEMA_PART_PARAMETER) {
            json_member(&line, "caveat", blocker->change->type);
            json_member(&line, "parameter", blocker->change->member);
        } else {
            json_member(&line, "definition", blocker->type);
            json_member(&line, "relation", blocker->relation);
            json_member(&line, "variant", blocker->variant);
        }
        buffer_add_text(&line, ",\"examples\":[");
        for (size_t example = 0; example < blocker->example_count; example++) {
            if (example > 0)
                buffer_add_byte(&line, ',');
            cli_json_string(&line, blocker->examples[example]);
        }
        buffer_add_text(&line, "]}");
    }
    buffer_add_text(&line, "]}");
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

static enum cli_exit
load_both(struct cli *cli, struct comparison *comparison)
{
    enum cli_exit result =
        schema_load_file(cli, cli->arguments[0], &comparison->file, &comparison->after);

    if (result == CLI_OK)
        result = schema_load_server(cli, SCHEMA_LOAD_OPTIONAL, &comparison->before);
    return result == CLI_OK ? compare(cli, comparison) : result;
}

static enum cli_exit
run_plan(struct cli *cli)
{
    struct plan plan = {.cli = cli};
    struct schema_changes *changes = &plan.comparison.changes;
    enum cli_exit result = load_both(cli, &plan.comparison);

    for (uint32_t index = 0; result == CLI_OK && index < changes->count; index++)
        result = find_blockers(&plan, &changes->rows[index]);
    if (result == CLI_OK) {
        if (cli->json) {
            print_plan_json(&plan);
        } else {
            print_changes(cli, changes);
            print_blockers(&plan);
        }
        result = plan.count > 0 ? CLI_SERVER : CLI_OK;
    }
    comparison_release(&plan.comparison);
    return result;
}

/* --- apply ------------------------------------------------------------------------------------ */

static bool
confirmed(const struct cli *cli)
{
    char answer[16];

    if (cli->yes)
        return true;
    cli_put_format(stderr, "write this schema to %s? [y/N] ", cli->endpoint);
    (void)fflush(stderr);
    return fgets(answer, sizeof answer, stdin) != NULL &&
           (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

static enum cli_exit
write_schema(struct cli *cli, const struct comparison *comparison)
{
    struct slice text = comparison->file.text;
    char token[BEHALF_TOKEN_SIZE];
    struct buffer line;

    if (behalf_schema_write(cli->client, text.data, text.size, token, &cli->error) !=
        BEHALF_SUCCESS)
        return cli_fail(cli, "write the schema '%s'", cli->arguments[0]);
    if (!cli->json) {
        cli_put_format(stdout, "written_at %s", token);
        (void)putchar('\n');
        return CLI_OK;
    }
    buffer_init(&line);
    buffer_add_byte(&line, '{');
    json_changes(&line, &comparison->changes);
    json_member(&line, "written_at", slice_of(token));
    buffer_add_byte(&line, '}');
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
    return CLI_OK;
}

static enum cli_exit
run_apply(struct cli *cli)
{
    struct comparison comparison = {.changes = {.count = 0}};
    enum cli_exit result;

    if (!cli->yes && (cli->json || !isatty(STDIN_FILENO)))
        return cli_usage(cli, "apply asks at a terminal; elsewhere it needs --yes");
    result = load_both(cli, &comparison);
    if (result == CLI_OK && !cli->json)
        print_changes(cli, &comparison.changes);
    if (result == CLI_OK && comparison.changes.count == 0) {
        if (cli->json)
            (void)puts("{\"changes\":[]}");
    } else if (result == CLI_OK) {
        (void)fflush(stdout);
        if (confirmed(cli)) {
            result = write_schema(cli, &comparison);
        } else {
            result = cli_problem(cli, CLI_USAGE, NULL, "nothing was written");
        }
    }
    comparison_release(&comparison);
    return result;
}

const struct command cli_schema_tool_commands[] = {
    {"schema", "diff", "FILE FILE", "what the second schema changes about the first",
     "Needs no server. Compares meanings: order, parentheses and comments are no difference.\n", 0,
     2, 2, run_diff},
    {"schema", "reflect", "[FILE|-]", "the structure of a schema, or of the server's, as JSON",
     NULL, OPTION_READ, 0, 1, run_reflect},
    {"schema", "compile", "FILE|-", "print a schema with its imports put in",
     "Needs no server. An import is a relative path below the folder of the file, without '..'.\n",
     0, 1, 1, run_compile},
    {"schema", "plan", "FILE|-", "what writing a schema would change on the server",
     "Counts the stored relationships that would have no place any more; exit code 3 when there\n"
     "are some, for the server would refuse the write. So it would where a caveat loses a\n"
     "parameter, or one changes its type. 'use attributes' and 'use request_attributes' come\n"
     "and go only where no relationship carries a caveat with a parameter that they reserve.\n",
     OPTION_READ, 1, 1, run_plan},
    {"schema", "apply", "FILE|-", "show what changes, ask, and write the schema",
     "Imports are put in. Writes nothing when nothing changes.\n", OPTION_YES, 1, 1, run_apply},
    {.name = NULL},
};
