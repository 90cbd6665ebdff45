/* command_filter.c - filter: of many resources those that are allowed. */
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/memory.h"
#include "cli/cli.h"

/* The resources to ask for, in the order given. */
struct resources {
    const char **names;
    size_t count;
    size_t capacity;
};

static void
add(struct resources *resources, const char *name)
{
    resources->names = memory_reserve(resources->names, resources->count + 1, &resources->capacity,
                                      sizeof *resources->names);
    resources->names[resources->count++] = name;
}

/* One a line; empty lines and comments are passed over. */
static bool
read_lines(struct cli *cli, struct resources *resources)
{
    struct buffer text;
    struct slice rest;
    struct slice line;
    bool good;

    buffer_init(&text);
    good = cli_lines_read(cli, "-", &text);
    rest = buffer_slice(&text);
    while (good && line_next(&rest, &line)) {
        line = line_trim(line);
        if (line.size > 0 && !slice_starts_with(line, SLICE_LITERAL("//")))
            add(resources, cli_copy(cli, line));
    }
    buffer_release(&text);
    return good;
}

static bool
collect(struct cli *cli, struct resources *resources)
{
    if (cli->argument_count == 3 && strcmp(cli->arguments[2], "-") == 0)
        return read_lines(cli, resources);
    for (size_t index = 2; index < cli->argument_count; index++)
        add(resources, cli->arguments[index]);
    return true;
}

/* The resource that an item of `conditional` or `undecided` is of. */
static const char *
resource_of(const struct resources *resources, struct behalf_value item)
{
    uint64_t index;

    return behalf_value_uint(behalf_value_get(item, "index"), &index) && index < resources->count
               ? resources->names[index]
               : "?";
}

static void
print_conditional(const struct cli *cli, const struct resources *resources,
                  struct behalf_value items)
{
    struct behalf_value rest;
    struct behalf_value item;
    struct buffer names;
    uint32_t count;

    if (!behalf_value_array(items, &count, &rest))
        return;
    buffer_init(&names);
    while (count-- > 0 && behalf_value_next(&rest, &item)) {
        buffer_clear(&names);
        cli_missing_text(item, &names);
        cli_put_safe(stdout, slice_of(resource_of(resources, item)));
        (void)printf("  %sconditional%s (missing: ", cli_color(cli->color, COLOR_DOUBT),
                     cli_color(cli->color, COLOR_NONE));
        cli_put_safe(stdout, buffer_slice(&names));
        (void)fputs(")\n", stdout);
    }
    buffer_release(&names);
}

/* How many have no decision. */
static uint32_t
say_undecided(const struct cli *cli, const struct resources *resources, struct behalf_value items)
{
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count;

    if (!behalf_value_array(items, &count, &rest))
        return 0;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &item) && !cli->json;
         index++) {
        struct behalf_value problem = behalf_value_get(item, "error");

        (void)fputs("behalf: undecided: ", stderr);
        cli_put_message(stderr, slice_of(resource_of(resources, item)));
        (void)fputs(": ", stderr);
        cli_put_message(stderr, cli_get_text(problem, "message"));
        (void)fputs(" (", stderr);
        cli_put_message(stderr, cli_get_text(problem, "reason"));
        (void)fputs(")\n", stderr);
    }
    return count;
}

static enum cli_exit
print_answer(struct cli *cli, const struct resources *resources, struct behalf_value result)
{
    struct cli_until until = {.text = ""};
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "resources"), &count, &rest))
        return cli_fail_reply(cli, "filter", "resources");
    if (cli->json) {
        cli_print_json(result);
    } else {
        struct slice name;

        while (count-- > 0 && behalf_value_next(&rest, &item))
            if (behalf_value_string(item, &name.data, &name.size)) {
                cli_put_safe(stdout, name);
                (void)putchar('\n');
            }
        print_conditional(cli, resources, behalf_value_get(result, "conditional"));
        cli_say_reason(result);
        cli_note_until(&until, result);
        cli_say_until(&until);
    }
    return say_undecided(cli, resources, behalf_value_get(result, "undecided")) > 0 ? CLI_INCOMPLETE
                                                                                    : CLI_OK;
}

static enum cli_exit
ask(struct cli *cli, const struct resources *resources)
{
    struct cli_members members;
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member(&members, "resources");
    behalf_write_array(members.body, (uint32_t)resources->count);
    for (size_t index = 0; index < resources->count; index++)
        behalf_write_text(members.body, resources->names[index]);
    cli_member_text(&members, "permission", cli->arguments[0]);
    cli_member_text(&members, "subject", cli->arguments[1]);
    cli_member_actors(&members, cli->actors, cli->actor_count);
    cli_member_text(&members, "grant", cli->records.grant);
    cli_member_json(&members, "context", cli->context);
    cli_member_read(&members, &cli->read);
    result = cli_call_members(cli, "filter", "filter_resources", &members, &reply);
    if (result != CLI_OK)
        return result;
    result = print_answer(cli, resources, behalf_reply_result(reply));
    behalf_reply_free(reply);
    return result;
}

static enum cli_exit
run_filter(struct cli *cli)
{
    struct resources resources = {.count = 0};
    enum cli_exit result = CLI_USAGE;

    if (collect(cli, &resources))
        result = ask(cli, &resources);
    memory_free(resources.names);
    return result;
}

const struct command cli_filter_commands[] = {
    {NULL, "filter", "PERMISSION SUBJECT RESOURCE...|-", "of many resources those that are allowed",
     "Prints those on which the subject has the permission, in the order given, all decided at\n"
     "one snapshot; a conditional one says so after it. With - they are read from standard input,\n"
     "one a line. Exits with 4 when one could not be decided.\n"
     "\n"
     "  behalf filter view user:ann document:plan document:budget\n"
     "  behalf filter view user:ann - --actor agent:bot --grant gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD \\\n"
     "      <found.txt\n",
     OPTION_READ | OPTION_ACTOR | OPTION_GRANT | OPTION_CONTEXT, 3, 100000, run_filter},
    {.name = NULL},
};
