/* agents_world.c - schemas, tuples and contexts of a world with agents. */
#include "tests/support/agents_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char *const ids[] = {"a", "b", "c", "d", "z"};

static const char *const requests[] = {
    "",
    "{\"amount\":7,\"cap\":9,\"level\":5,\"on\":true,\"parts\":1,\"word\":\"x\"}",
    "{\"amount\":1,\"level\":2}",
    "{\"amount\":9,\"cap\":2,\"level\":1,\"on\":false,\"parts\":0,\"word\":\"y\"}",
    "{\"on\":false,\"parts\":2,\"word\":\"x\"}",
};

struct maker {
    struct agents_world *world;
    struct world_random random;
    struct buffer *out;
    bool relation_acts; /* agents act on behalf by relationships too */
    bool conditions;    /* tuples have caveats and ends */
};

/* What the second schema has otherwise. */
struct otherwise {
    bool hours_differ;
    bool hours_gone;
    bool within_gone;
    bool robots_gone; /* are no agents any more */
    bool delete_gone;
    bool ceiling;
    bool ceiling_edit;
};

static int
below(struct maker *maker, int bound)
{
    return world_random_below(&maker->random, bound);
}

static bool
chance(struct maker *maker, int percent)
{
    return world_random_chance(&maker->random, percent);
}

/* --- schemas --- */

static void
print_caveats(const struct otherwise *otherwise, struct buffer *out)
{
    buffer_add_text(out, "use expiration\n"
                         "use attributes\n"
                         "caveat ranked(subject map<any>, resource map<any>) { "
                         "subject.rank == resource.rank }\n"
                         "caveat noted(resource map<any>, level int) { "
                         "resource.rank == \"x\" || level > 3 }\n"
                         "caveat limited(amount int, cap int) { amount < cap }\n"
                         "caveat trusted(level int, on bool) { on || level > 3 }\n"
                         "caveat split(amount int, parts int) { amount / parts > 2 }\n");
    if (!otherwise->hours_gone)
        buffer_add_format(out,
                          "caveat hours(level int, word string) { word == \"x\" || level > %d }\n",
                          otherwise->hours_differ ? 1 : 2);
}

static void
print_people(const struct maker *maker, const struct otherwise *otherwise, bool approvers)
{
    struct buffer *out = maker->out;

    buffer_add_text(out, "definition user {}\n"
                         "definition team {\n"
                         "    relation member: user\n"
                         "    relation admin: user | user with trusted\n");
    if (approvers)
        buffer_add_text(out, "    permission agent_approver = admin\n");
    buffer_add_text(out, "}\ndefinition agent {\n");
    if (maker->relation_acts)
        buffer_add_text(out, "    relation acts_on_behalf_of: user | user with trusted | "
                             "user with ranked | team | "
                             "agent | agent with expiration | robot\n");
    else
        buffer_add_text(out, "    permission acts_on_behalf_of = nil\n");
    buffer_add_format(out,
                      "}\ndefinition robot {\n"
                      "    relation owner: user | agent | team\n"
                      "    permission %s = owner\n}\n",
                      otherwise->robots_gone ? "helps" : "acts_on_behalf_of");
}

static void
print_things(const struct maker *maker, const struct otherwise *otherwise, bool folder_ceiling)
{
    struct buffer *out = maker->out;

    buffer_add_format(out,
                      "definition folder {\n"
                      "    relation parent: folder | folder with ranked\n"
                      "    relation owner: user | team\n"
                      "    relation viewer: user | team#member\n"
                      "    relation open: agent | robot | agent:* | robot:*\n"
                      "    permission within = parent + parent->within\n"
                      "    permission view = owner + viewer + parent->view\n"
                      "    permission edit = owner + parent->edit\n%s}\n",
                      folder_ceiling ? "    permission agent_ceiling = open + "
                                       "parent->agent_ceiling\n"
                                     : "");
    buffer_add_format(
        out,
        "definition document {\n"
        "    relation parent: folder | folder with expiration | folder with ranked\n"
        "    relation owner: user | team\n"
        "    relation viewer: user | user with limited | user with split | user with expiration | "
        "user with ranked | user with noted | "
        "team#member | user:*\n"
        "    relation banned: user | user with trusted and expiration\n"
        "    relation allowed: agent | robot | agent with limited | agent with expiration | "
        "agent with ranked | robot with noted | "
        "agent:* | robot:*\n"
        "%s"
        "    permission view = owner + viewer + parent->view - banned\n"
        "    permission edit = owner + parent->edit\n"
        "%s%s%s}\n",
        otherwise->within_gone ? "" : "    permission within = parent + parent->within\n",
        otherwise->delete_gone ? "" : "    permission delete = owner - banned\n",
        otherwise->ceiling ? "    permission agent_ceiling = allowed + parent->open\n" : "",
        otherwise->ceiling_edit ? "    permission agent_ceiling_edit = allowed\n" : "");
}

static void
make_schemas(struct maker *maker)
{
    bool approvers = chance(maker, 70);
    bool folder_ceiling = chance(maker, 40);
    struct otherwise otherwise = {.ceiling = chance(maker, 50), .ceiling_edit = chance(maker, 50)};
    struct buffer text;

    maker->relation_acts = chance(maker, 65);
    buffer_init(&text);
    maker->out = &text;
    for (int i = 0; i < 2; i++) {
        buffer_clear(&text);
        print_caveats(&otherwise, &text);
        print_people(maker, &otherwise, approvers);
        print_things(maker, &otherwise, folder_ceiling);
        BEHALF_ASSERT(text.size < AGENTS_SCHEMA_SIZE);
        memcpy(maker->world->schemas[i], text.data, text.size);
        maker->world->schemas[i][text.size] = '\0';
        otherwise.hours_gone = chance(maker, 25);
        otherwise.hours_differ = chance(maker, 50);
        otherwise.within_gone = chance(maker, 35);
        otherwise.robots_gone = chance(maker, 35);
        otherwise.delete_gone = chance(maker, 25);
        otherwise.ceiling = otherwise.ceiling || chance(maker, 50);
        otherwise.ceiling_edit = chance(maker, 50);
    }
    buffer_release(&text);
    maker->out = NULL;
}

/* --- tuples --- */

static const char *
id_of(struct maker *maker)
{
    return ids[below(maker, 4)];
}

static void __attribute__((format(printf, 2, 3))) add(struct maker *maker, const char *format, ...)
{
    struct agents_world *world = maker->world;
    char *text = world->tuples[world->tuple_count];
    size_t key;
    va_list arguments;
    int size;

    BEHALF_ASSERT(world->tuple_count < AGENTS_TUPLES_MAX);
    va_start(arguments, format);
    size = vsnprintf(text, AGENTS_TUPLE_SIZE, format, arguments);
    va_end(arguments);
    BEHALF_ASSERT(size > 0 && size < AGENTS_TUPLE_SIZE);
    /* Each relationship once, whatever its condition. */
    key = strcspn(text, "[");
    for (int i = 0; i < world->tuple_count; i++)
        if (strncmp(world->tuples[i], text, key) == 0 && strcspn(world->tuples[i], "[") == key)
            return;
    world->tuple_count++;
}

/* "[expiration:...]", some minutes or hours after the beginning. */
static const char *
expiration(struct maker *maker)
{
    static char text[64];
    int64_t moment = AGENTS_BEGIN + (20 + below(maker, 400)) * 30 * AGENTS_SECOND;
    struct buffer time;

    buffer_init(&time);
    time_print(moment, &time);
    buffer_add_byte(&time, '\0');
    snprintf(text, sizeof text, "[expiration:%s]", time.data);
    buffer_release(&time);
    return text;
}

static void
add_viewer(struct maker *maker, const char *document)
{
    static const char *const stored[] = {"[limited]", "[limited:{\"cap\":8}]", "[split]",
                                         "[split:{\"parts\":2}]", "[limited:{\"amount\":1}]"};
    int choice = maker->conditions ? below(maker, 10) : below(maker, 5);

    if (choice < 3)
        add(maker, "document:%s#viewer@user:%s", document, id_of(maker));
    else if (choice == 3)
        add(maker, "document:%s#viewer@team:%s#member", document, id_of(maker));
    else if (choice == 4)
        add(maker, "document:%s#viewer@user:*", document);
    else if (choice == 5 && chance(maker, 60))
        add(maker, "document:%s#viewer@user:%s[%s]", document, id_of(maker),
            chance(maker, 50) ? "ranked" : "noted");
    else if (choice < 8)
        add(maker, "document:%s#viewer@user:%s%s", document, id_of(maker),
            stored[below(maker, BEHALF_COUNT_OF(stored))]);
    else
        add(maker, "document:%s#viewer@user:%s%s", document, id_of(maker), expiration(maker));
}

static void
add_allowed(struct maker *maker, const char *document)
{
    switch (below(maker, maker->conditions ? 10 : 6)) {
    case 0:
        add(maker, "document:%s#allowed@agent:*", document);
        return;
    case 1:
        add(maker, "document:%s#allowed@robot:*", document);
        return;
    case 2:
    case 3:
        add(maker, "document:%s#allowed@agent:%s", document, id_of(maker));
        return;
    case 4:
    case 5:
        add(maker, "document:%s#allowed@robot:%s", document, id_of(maker));
        return;
    case 6:
        add(maker, "document:%s#allowed@agent:%s[limited:{\"cap\":8}]", document, id_of(maker));
        return;
    case 7:
        add(maker, "document:%s#allowed@agent:%s[ranked]", document, id_of(maker));
        return;
    case 8:
        add(maker, "document:%s#allowed@robot:%s[noted]", document, id_of(maker));
        return;
    default:
        add(maker, "document:%s#allowed@agent:%s%s", document, id_of(maker), expiration(maker));
        return;
    }
}

static void
add_document(struct maker *maker, const char *document)
{
    if (chance(maker, 80))
        add(maker, "document:%s#parent@folder:%s%s", document, id_of(maker),
            !maker->conditions || chance(maker, 60) ? ""
            : chance(maker, 35)                     ? expiration(maker)
                                                    : "[ranked]");
    if (chance(maker, 80))
        add(maker, chance(maker, 75) ? "document:%s#owner@user:%s" : "document:%s#owner@team:%s",
            document, id_of(maker));
    add_viewer(maker, document);
    if (chance(maker, 50))
        add_viewer(maker, document);
    add_allowed(maker, document);
    add_allowed(maker, document);
    if (chance(maker, 60))
        add(maker, "document:%s#allowed@agent:*", document);
    if (chance(maker, 10))
        add(maker, "document:%s#banned@user:%s", document, id_of(maker));
    else if (maker->conditions && chance(maker, 10))
        add(maker, "document:%s#banned@user:%s[trusted]%s", document, id_of(maker),
            expiration(maker));
}

static void
add_folder(struct maker *maker, const char *folder)
{
    if (chance(maker, 70))
        add(maker, chance(maker, 70) ? "folder:%s#owner@user:%s" : "folder:%s#owner@team:%s",
            folder, id_of(maker));
    if (chance(maker, 40))
        add(maker,
            chance(maker, 50) ? "folder:%s#viewer@user:%s" : "folder:%s#viewer@team:%s#member",
            folder, id_of(maker));
    if (chance(maker, 70))
        add(maker, chance(maker, 50) ? "folder:%s#open@agent:*" : "folder:%s#open@robot:*", folder);
}

static void
add_agents(struct maker *maker)
{
    for (int i = 0; i < 4; i++) {
        if (chance(maker, 50))
            add(maker, chance(maker, 60) ? "robot:%s#owner@user:%s" : "robot:%s#owner@agent:%s",
                ids[i], id_of(maker));
        if (!maker->relation_acts)
            continue;
        if (chance(maker, 60))
            add(maker, "agent:%s#acts_on_behalf_of@user:%s", ids[i], id_of(maker));
        else if (chance(maker, 50))
            add(maker, "agent:%s#acts_on_behalf_of@user:%s[%s]", ids[i], id_of(maker),
                chance(maker, 50) ? "trusted" : "ranked");
        if (chance(maker, 30))
            add(maker, "agent:%s#acts_on_behalf_of@agent:%s", ids[i], ids[(i + 1) % 4]);
        if (chance(maker, 20))
            add(maker, "agent:%s#acts_on_behalf_of@team:%s", ids[i], id_of(maker));
    }
}

static void
make_tuples(struct maker *maker)
{
    maker->conditions = chance(maker, 65);
    for (int i = 0; i < 2; i++) {
        add(maker, "team:%s#member@user:%s", ids[i], id_of(maker));
        add(maker, "team:%s#admin@user:%s%s", ids[i], id_of(maker),
            maker->conditions && chance(maker, 20) ? "[trusted:{\"on\":true}]" : "");
    }
    for (int i = 0; i < 3; i++) {
        if (i > 0 && chance(maker, 60))
            add(maker, "folder:%s#parent@folder:%s%s", ids[i], ids[below(maker, i)],
                maker->conditions && chance(maker, 50) ? "[ranked]" : "");
        add_folder(maker, ids[i]);
    }
    for (int i = 0; i < 4; i++)
        add_document(maker, ids[i]);
    add_agents(maker);
}

/* --- the whole --- */

void
agents_world_read(struct agents_world *world)
{
    world_read_schema(&world->now, world->schemas[world->schema]);
    for (size_t i = 0; i < BEHALF_COUNT_OF(ids); i++)
        world_add_id(&world->now, ids[i]);
    for (int i = 0; i < world->tuple_count; i++)
        if ((world->present >> i & 1) != 0)
            world_add_tuple(&world->now, world->tuples[i]);
    /* The last one is free for what a test makes up. */
    world->now.request_count = BEHALF_COUNT_OF(requests) + 1;
    BEHALF_ASSERT(world->now.request_count <= WORLD_REQUESTS_MAX);
    for (size_t i = 0; i < BEHALF_COUNT_OF(requests); i++)
        snprintf(world->now.requests[i], WORLD_CONTEXT_SIZE, "%s", requests[i]);
    world->now.moments[0] = AGENTS_BEGIN;
}

void
agents_world_make(struct agents_world *world, uint64_t seed)
{
    struct maker maker = {.world = world, .random = {seed * 2 + 1}};

    memset(world, 0, sizeof *world);
    world_random_next(&maker.random);
    make_schemas(&maker);
    make_tuples(&maker);
    world->present =
        world->tuple_count == 64 ? UINT64_MAX : (UINT64_C(1) << world->tuple_count) - 1;
    agents_world_read(world);
}
