/* world_text.c - reading worlds that tests wrote down. A small recursive descent of its own, so
 * that a misreading in schema/ cannot hide behind the same misreading here. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/world.h"

struct reader {
    struct world *world;
    const char *at;
    int type; /* definition being read */
};

static _Noreturn void
give_up(const char *wanted, const char *at)
{
    fprintf(stderr, "world: expected %s at '%.60s'\n", wanted, at);
    abort();
}

static void
skip_space(struct reader *reader)
{
    while (isspace((unsigned char)*reader->at))
        reader->at++;
}

static bool
skip_text(struct reader *reader, const char *text)
{
    size_t size = strlen(text);

    skip_space(reader);
    if (strncmp(reader->at, text, size) != 0)
        return false;
    /* A word ends where another character begins. */
    if (isalpha((unsigned char)text[0]) &&
        (isalnum((unsigned char)reader->at[size]) || reader->at[size] == '_'))
        return false;
    reader->at += size;
    return true;
}

static void
need_text(struct reader *reader, const char *text)
{
    if (!skip_text(reader, text))
        give_up(text, reader->at);
}

static void
read_name(struct reader *reader, char name[WORLD_NAME_SIZE])
{
    size_t size = 0;

    skip_space(reader);
    while (isalnum((unsigned char)reader->at[size]) || reader->at[size] == '_' ||
           reader->at[size] == '/')
        size++;
    if (size == 0 || size >= WORLD_NAME_SIZE)
        give_up("a name", reader->at);
    memcpy(name, reader->at, size);
    name[size] = '\0';
    reader->at += size;
}

static int
intern(char table[][WORLD_NAME_SIZE], int *count, int capacity, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(table[i], name) == 0)
            return i;
    BEHALF_ASSERT(*count < capacity);
    snprintf(table[*count], WORLD_NAME_SIZE, "%s", name);
    return (*count)++;
}

static int
read_member_name(struct reader *reader)
{
    char name[WORLD_NAME_SIZE];

    read_name(reader, name);
    return intern(reader->world->names, &reader->world->name_count, WORLD_NAMES_MAX, name);
}

static int
read_type_name(struct reader *reader)
{
    char name[WORLD_NAME_SIZE];
    int type;

    read_name(reader, name);
    type = world_find_type(reader->world, name);
    if (type < 0)
        give_up("a defined type", name);
    return type;
}

static int
add_expression(struct reader *reader, struct world_expression expression)
{
    BEHALF_ASSERT(reader->world->expression_count < WORLD_EXPRESSIONS_MAX);
    reader->world->expressions[reader->world->expression_count] = expression;
    return reader->world->expression_count++;
}

/* What follows the relation `name` of an arrow; -1 when nothing does. a->b->c is a -> (b->c). */
static int
read_arrow_tail(struct reader *reader, int name)
{
    struct world_expression arrow = {.op = WORLD_ARROW, .name = name, .left = -1, .right = -1};
    int nested;

    if (skip_text(reader, "->")) {
        arrow.target = read_member_name(reader);
    } else if (skip_text(reader, ".")) {
        if (skip_text(reader, "all"))
            arrow.op = WORLD_ALL;
        else
            need_text(reader, "any");
        arrow.dotted = arrow.op == WORLD_ARROW;
        need_text(reader, "(");
        arrow.target = read_member_name(reader);
        need_text(reader, ")");
    } else {
        return -1;
    }
    nested = read_arrow_tail(reader, arrow.target);
    if (nested >= 0) {
        arrow.target = -1;
        arrow.left = nested;
    }
    return add_expression(reader, arrow);
}

static int read_exclusion(struct reader *reader);

static int
read_base(struct reader *reader)
{
    struct world_expression leaf = {.op = WORLD_MEMBER, .target = -1, .left = -1, .right = -1};
    int arrow;

    if (skip_text(reader, "(")) {
        int inner = read_exclusion(reader);

        need_text(reader, ")");
        return inner;
    }
    if (skip_text(reader, "nil"))
        leaf.op = WORLD_NIL;
    else if (skip_text(reader, "self"))
        leaf.op = WORLD_SELF;
    else
        leaf.name = read_member_name(reader);
    if (leaf.op != WORLD_MEMBER)
        return add_expression(reader, leaf);
    arrow = read_arrow_tail(reader, leaf.name);
    return arrow >= 0 ? arrow : add_expression(reader, leaf);
}

static int
join(struct reader *reader, enum world_op op, int left, int right)
{
    return add_expression(
        reader, (struct world_expression){.op = op, .target = -1, .left = left, .right = right});
}

static int
read_union(struct reader *reader)
{
    int left = read_base(reader);

    while (skip_text(reader, "+"))
        left = join(reader, WORLD_UNION, left, read_base(reader));
    return left;
}

static int
read_intersection(struct reader *reader)
{
    int left = read_union(reader);

    while (skip_text(reader, "&"))
        left = join(reader, WORLD_INTERSECTION, left, read_union(reader));
    return left;
}

static int
read_exclusion(struct reader *reader)
{
    int left = read_intersection(reader);

    while (skip_text(reader, "-"))
        left = join(reader, WORLD_EXCLUSION, left, read_intersection(reader));
    return left;
}

/* --- caveats --- */

/* A caveat may be named before it is written down: its place is made at either. */
static int
caveat_number(struct world *world, const char *name)
{
    for (int i = 0; i < world->caveat_count; i++)
        if (strcmp(world->caveats[i].name, name) == 0)
            return i + 1;
    BEHALF_ASSERT(world->caveat_count < WORLD_CAVEATS_MAX);
    snprintf(world->caveats[world->caveat_count].name, WORLD_NAME_SIZE, "%s", name);
    return ++world->caveat_count;
}

/* `with limit`, `with limit and expiration`, `with expiration`. */
static void
read_traits(struct reader *reader, struct world_variant *variant)
{
    char name[WORLD_NAME_SIZE];

    if (skip_text(reader, "expiration")) {
        variant->expiring = true;
        return;
    }
    read_name(reader, name);
    variant->caveat = caveat_number(reader->world, name);
    if (skip_text(reader, "and")) {
        need_text(reader, "expiration");
        variant->expiring = true;
    }
}

/* `list<map<int>>`, with nothing between. */
static void
read_parameter_type(struct reader *reader, char type[WORLD_NAME_SIZE])
{
    size_t size;

    skip_space(reader);
    size = strspn(reader->at, "abcdefghijklmnopqrstuvwxyz<>");
    if (size == 0 || size >= WORLD_NAME_SIZE)
        give_up("the type of a parameter", reader->at);
    memcpy(type, reader->at, size);
    type[size] = '\0';
    reader->at += size;
}

/* The text up to the brace that closes the one before it, without the space around. */
static void
read_condition(struct reader *reader, char condition[WORLD_CONDITION_SIZE])
{
    const char *start;
    size_t size;
    int depth = 1;

    skip_space(reader);
    start = reader->at;
    for (; depth > 0; reader->at++) {
        if (*reader->at == '\0')
            give_up("}", start);
        depth += *reader->at == '{' ? 1 : *reader->at == '}' ? -1 : 0;
    }
    size = (size_t)(reader->at - start) - 1;
    while (size > 0 && isspace((unsigned char)start[size - 1]))
        size--;
    if (size >= WORLD_CONDITION_SIZE)
        give_up("a shorter condition", start);
    memcpy(condition, start, size);
    condition[size] = '\0';
}

static void
read_caveat(struct reader *reader)
{
    char name[WORLD_NAME_SIZE];
    struct world_caveat *caveat;

    read_name(reader, name);
    caveat = &reader->world->caveats[caveat_number(reader->world, name) - 1];
    need_text(reader, "(");
    do {
        struct world_parameter *parameter = &caveat->parameters[caveat->parameter_count++];

        BEHALF_ASSERT(caveat->parameter_count <= WORLD_PARAMETERS_MAX);
        read_name(reader, parameter->name);
        read_parameter_type(reader, parameter->type);
    } while (skip_text(reader, ","));
    need_text(reader, ")");
    need_text(reader, "{");
    read_condition(reader, caveat->condition);
}

/* --- definitions --- */

static void
read_relation(struct reader *reader, struct world_member *member)
{
    need_text(reader, ":");
    do {
        struct world_variant variant = {.type = read_type_name(reader), .name = -1};

        if (skip_text(reader, ":*"))
            variant.wildcard = true;
        else if (skip_text(reader, "#"))
            variant.name = read_member_name(reader);
        if (skip_text(reader, "with"))
            read_traits(reader, &variant);
        BEHALF_ASSERT(member->variant_count < WORLD_VARIANTS_MAX);
        member->variants[member->variant_count++] = variant;
    } while (skip_text(reader, "|"));
}

static void
read_member(struct reader *reader)
{
    struct world_type *type = &reader->world->types[reader->type];
    struct world_member member = {.root = -1};
    bool permission = skip_text(reader, "permission");

    if (!permission)
        need_text(reader, "relation");
    member.name = read_member_name(reader);
    if (permission) {
        need_text(reader, "=");
        member.root = read_exclusion(reader);
    } else {
        read_relation(reader, &member);
    }
    BEHALF_ASSERT(type->member_count < WORLD_MEMBERS_MAX);
    type->members[type->member_count++] = member;
    while (skip_text(reader, ";"))
        continue;
}

/* First all type names, so that definitions may name later ones. */
static void
read_type_names(struct world *world, const char *text)
{
    const char *at = text;

    while ((at = strstr(at, "definition ")) != NULL) {
        struct reader reader = {world, at + strlen("definition "), 0};

        BEHALF_ASSERT(world->type_count < WORLD_TYPES_MAX);
        read_name(&reader, world->types[world->type_count++].name);
        at = reader.at;
    }
}

void
world_read_schema(struct world *world, const char *text)
{
    struct reader reader = {world, text, 0};

    memset(world, 0, sizeof *world);
    world->moment_count = 1;
    world->moments[0] = WORLD_EPOCH;
    world->request_count = 1;
    read_type_names(world, text);
    while (skip_text(&reader, "use")) {
        char flag[WORLD_NAME_SIZE];

        read_name(&reader, flag);
    }
    for (;;) {
        if (skip_text(&reader, "caveat")) {
            read_caveat(&reader);
            continue;
        }
        if (!skip_text(&reader, "definition"))
            break;
        reader.type = read_type_name(&reader);
        need_text(&reader, "{");
        while (!skip_text(&reader, "}"))
            read_member(&reader);
    }
    skip_space(&reader);
    if (*reader.at != '\0')
        give_up("the end", reader.at);
}

int
world_add_id(struct world *world, const char *id)
{
    return intern(world->ids, &world->id_count, WORLD_IDS_MAX, id);
}

/* The bytes up to one of `stops`, or to the end. */
static const char *
take_part(const char *text, const char *stops, char *part, size_t part_size)
{
    size_t size = strcspn(text, stops);

    BEHALF_ASSERT(size > 0 && size < part_size);
    memcpy(part, text, size);
    part[size] = '\0';
    return text + size;
}

static const char *
take_until(const char *text, const char *stops, char part[WORLD_NAME_SIZE])
{
    return take_part(text, stops, part, WORLD_NAME_SIZE);
}

static const char *
read_object(struct world *world, const char *text, int *type, int *id, int *name)
{
    char part[WORLD_NAME_SIZE];
    const char *at = take_until(text, ":", part);

    *type = world_find_type(world, part);
    if (*type < 0 || *at != ':')
        give_up("an object of a defined type", text);
    at = take_until(at + 1, "#@", part);
    *id = strcmp(part, "*") == 0 ? -1 : world_add_id(world, part);
    *name = -1;
    if (*at == '#') {
        at = take_until(at + 1, "@", part);
        *name = world_find_name(world, part);
        if (*name < 0)
            give_up("a defined member", text);
    }
    return at;
}

void
world_read_object(struct world *world, const char *text, int *type, int *id, int *name)
{
    if (*read_object(world, text, type, id, name) != '\0')
        give_up("an object", text);
}

/* `[limit]` or `[limit:{...}]`, `[expiration:2027-01-01T00:00:00Z]`, or both; nothing behind. */
static void
read_condition_of_tuple(struct world *world, const char *text, struct world_tuple *tuple)
{
    static const char expiration[] = "[expiration:";
    const char *end = text + strlen(text);
    const char *last = strstr(text, expiration);
    char part[WORLD_NAME_SIZE];

    if (last != NULL) {
        const char *time = last + strlen(expiration);

        if (end[-1] != ']' ||
            !time_parse((struct slice){time, (size_t)(end - time) - 1}, &tuple->expires_at))
            give_up("a time", time);
        end = last;
    }
    if (text == end)
        return;
    if (*text != '[' || end[-1] != ']')
        give_up("a condition", text);
    text = take_until(text + 1, ":]", part);
    tuple->caveat = caveat_number(world, part);
    if (*text == ':') {
        size_t size = (size_t)(end - text) - 2;

        BEHALF_ASSERT(size < WORLD_CONTEXT_SIZE);
        memcpy(tuple->context, text + 1, size);
        tuple->context[size] = '\0';
    }
}

void
world_add_tuple(struct world *world, const char *text)
{
    struct world_tuple tuple = {.type = -1};
    char subject[2 * WORLD_NAME_SIZE];
    const char *at;
    int place = 0;

    at = read_object(world, text, &tuple.type, &tuple.id, &tuple.name);
    if (*at != '@' || tuple.name < 0)
        give_up("a relationship", text);
    at = take_part(at + 1, "[", subject, sizeof subject);
    world_read_object(world, subject, &tuple.subject_type, &tuple.subject_id, &tuple.subject_name);
    read_condition_of_tuple(world, at, &tuple);
    while (place < world->tuple_count && !world_tuple_equal(&world->tuples[place], &tuple))
        place++;
    BEHALF_ASSERT(place < WORLD_TUPLES_MAX);
    if (place == world->tuple_count)
        world->tuple_count++;
    world->tuples[place] = tuple;
}
