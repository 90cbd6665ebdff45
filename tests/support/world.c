/* world.c - looking names up, and printing. */
#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

int
world_find_type(const struct world *world, const char *name)
{
    for (int type = 0; type < world->type_count; type++)
        if (strcmp(world->types[type].name, name) == 0)
            return type;
    return -1;
}

int
world_find_name(const struct world *world, const char *name)
{
    for (int index = 0; index < world->name_count; index++)
        if (strcmp(world->names[index], name) == 0)
            return index;
    return -1;
}

int
world_find_id(const struct world *world, const char *id)
{
    for (int index = 0; index < world->id_count; index++)
        if (strcmp(world->ids[index], id) == 0)
            return index;
    return -1;
}

int
world_find_member(const struct world *world, int type, int name)
{
    for (int member = 0; member < world->types[type].member_count; member++)
        if (world->types[type].members[member].name == name)
            return member;
    return -1;
}

int
world_node(const struct world *world, int type, int id, int member)
{
    return (type * world->id_count + id) * WORLD_MEMBERS_MAX + member;
}

int
world_node_count(const struct world *world)
{
    return world->type_count * world->id_count * WORLD_MEMBERS_MAX;
}

bool
world_tuple_equal(const struct world_tuple *a, const struct world_tuple *b)
{
    return a->type == b->type && a->id == b->id && a->name == b->name &&
           a->subject_type == b->subject_type && a->subject_id == b->subject_id &&
           a->subject_name == b->subject_name;
}

bool
world_tuple_is_allowed(const struct world *world, const struct world_tuple *tuple)
{
    int member = world_find_member(world, tuple->type, tuple->name);
    const struct world_member *relation;

    if (member < 0)
        return false;
    relation = &world->types[tuple->type].members[member];
    for (int i = 0; i < relation->variant_count; i++) {
        const struct world_variant *variant = &relation->variants[i];

        if (variant->type == tuple->subject_type && variant->name == tuple->subject_name &&
            variant->wildcard == (tuple->subject_id < 0) && variant->caveat == tuple->caveat &&
            variant->expiring == (tuple->expires_at != 0))
            return true;
    }
    return false;
}

bool
world_uses_caveat(const struct world *world, int caveat)
{
    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            for (int i = 0; i < world->types[type].members[member].variant_count; i++)
                if (world->types[type].members[member].variants[i].caveat == caveat)
                    return true;
    return false;
}

int64_t
world_written_at(const struct world *world)
{
    return world->moments[0] - INT64_C(1000000000);
}

static bool
expression_uses(const struct world *world, int expression, enum world_op op)
{
    const struct world_expression *at;

    if (expression < 0)
        return false;
    at = &world->expressions[expression];
    return at->op == op || expression_uses(world, at->left, op) ||
           expression_uses(world, at->right, op);
}

bool
world_uses(const struct world *world, enum world_op op)
{
    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            if (expression_uses(world, world->types[type].members[member].root, op))
                return true;
    return false;
}

/* --- printing --- */

/* How tightly an operator binds: `+` most, `-` least. */
static int
strength(enum world_op op)
{
    switch (op) {
    case WORLD_EXCLUSION:
        return 1;
    case WORLD_INTERSECTION:
        return 2;
    case WORLD_UNION:
        return 3;
    case WORLD_NIL:
    case WORLD_SELF:
    case WORLD_MEMBER:
    case WORLD_ARROW:
    case WORLD_ALL:
    case WORLD_OP_COUNT:
        break;
    }
    return 4;
}

static void print_expression(const struct world *world, int expression, struct buffer *out);

/* An operand stands in parentheses where it would be read otherwise without them. */
static void
print_operand(const struct world *world, int operand, int needed, struct buffer *out)
{
    int own = strength(world->expressions[operand].op);
    bool enclosed = own < needed || (world->all_parentheses && own < 4);

    if (enclosed)
        buffer_add_byte(out, '(');
    print_expression(world, operand, out);
    if (enclosed)
        buffer_add_byte(out, ')');
}

static void
print_arrow(const struct world *world, const struct world_expression *arrow, struct buffer *out)
{
    const struct world_expression *next = arrow;

    buffer_add_text(out, world->names[arrow->name]);
    while (next != NULL) {
        const struct world_expression *nested =
            next->target < 0 ? &world->expressions[next->left] : NULL;
        const char *target = world->names[nested != NULL ? nested->name : next->target];

        if (next->op == WORLD_ALL)
            buffer_add_format(out, ".all(%s)", target);
        else if (next->dotted)
            buffer_add_format(out, ".any(%s)", target);
        else
            buffer_add_format(out, "->%s", target);
        next = nested;
    }
}

static void
print_expression(const struct world *world, int expression, struct buffer *out)
{
    const struct world_expression *at = &world->expressions[expression];
    int own = strength(at->op);

    switch (at->op) {
    case WORLD_NIL:
        buffer_add_text(out, "nil");
        return;
    case WORLD_SELF:
        buffer_add_text(out, "self");
        return;
    case WORLD_MEMBER:
        buffer_add_text(out, world->names[at->name]);
        return;
    case WORLD_UNION:
    case WORLD_INTERSECTION:
    case WORLD_EXCLUSION:
        print_operand(world, at->left, own, out);
        buffer_add_text(out, at->op == WORLD_UNION          ? " + "
                             : at->op == WORLD_INTERSECTION ? " & "
                                                            : " - ");
        print_operand(world, at->right, own + 1, out);
        return;
    case WORLD_ARROW:
    case WORLD_ALL:
        print_arrow(world, at, out);
        return;
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static void
print_member(const struct world *world, const struct world_member *member, struct buffer *out)
{
    const char *name = world->names[member->name];

    if (member->root >= 0) {
        buffer_add_format(out, "    permission %s = ", name);
        print_expression(world, member->root, out);
        buffer_add_byte(out, '\n');
        return;
    }
    buffer_add_format(out, "    relation %s: ", name);
    for (int i = 0; i < member->variant_count; i++) {
        const struct world_variant *variant = &member->variants[i];

        buffer_add_format(out, "%s%s", i > 0 ? " | " : "", world->types[variant->type].name);
        if (variant->wildcard)
            buffer_add_text(out, ":*");
        if (variant->name >= 0)
            buffer_add_format(out, "#%s", world->names[variant->name]);
        if (variant->caveat > 0 || variant->expiring)
            buffer_add_format(out, " with %s%s%s",
                              variant->caveat > 0 ? world->caveats[variant->caveat - 1].name : "",
                              variant->caveat > 0 && variant->expiring ? " and " : "",
                              variant->expiring ? "expiration" : "");
    }
    buffer_add_byte(out, '\n');
}

static void
print_caveat(const struct world_caveat *caveat, struct buffer *out)
{
    buffer_add_format(out, "caveat %s(", caveat->name);
    for (int i = 0; i < caveat->parameter_count; i++)
        buffer_add_format(out, "%s%s %s", i > 0 ? ", " : "", caveat->parameters[i].name,
                          caveat->parameters[i].type);
    buffer_add_format(out, ") {\n    %s\n}\n", caveat->condition);
}

static bool
uses_expiration(const struct world *world)
{
    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            for (int i = 0; i < world->types[type].members[member].variant_count; i++)
                if (world->types[type].members[member].variants[i].expiring)
                    return true;
    return false;
}

void
world_print_schema(const struct world *world, struct buffer *out)
{
    if (uses_expiration(world))
        buffer_add_text(out, "use expiration\n\n");
    if (world_uses(world, WORLD_SELF))
        buffer_add_text(out, "use self\n\n");
    for (int caveat = 1; caveat <= world->caveat_count; caveat++)
        if (world_uses_caveat(world, caveat))
            print_caveat(&world->caveats[caveat - 1], out);
    for (int type = 0; type < world->type_count; type++) {
        const struct world_type *at = &world->types[type];

        buffer_add_format(out, "definition %s {\n", at->name);
        for (int member = 0; member < at->member_count; member++)
            print_member(world, &at->members[member], out);
        buffer_add_text(out, "}\n");
    }
}

void
world_print_tuple(const struct world *world, const struct world_tuple *tuple, struct buffer *out)
{
    buffer_add_format(out, "%s:%s#%s@%s:%s", world->types[tuple->type].name, world->ids[tuple->id],
                      world->names[tuple->name], world->types[tuple->subject_type].name,
                      tuple->subject_id < 0 ? "*" : world->ids[tuple->subject_id]);
    if (tuple->subject_name >= 0)
        buffer_add_format(out, "#%s", world->names[tuple->subject_name]);
    if (tuple->caveat > 0)
        buffer_add_format(out, "[%s%s%s]", world->caveats[tuple->caveat - 1].name,
                          tuple->context[0] != '\0' ? ":" : "", tuple->context);
    if (tuple->expires_at != 0) {
        buffer_add_text(out, "[expiration:");
        time_print(tuple->expires_at, out);
        buffer_add_byte(out, ']');
    }
}

void
world_print(const struct world *world, struct buffer *out)
{
    world_print_schema(world, out);
    for (int i = 0; i < world->tuple_count; i++) {
        world_print_tuple(world, &world->tuples[i], out);
        buffer_add_text(out, world_tuple_is_allowed(world, &world->tuples[i])
                                 ? "\n"
                                 : "    // no variant of the relation\n");
    }
    for (int i = 0; i < world->moment_count; i++) {
        buffer_add_text(out, "// asked at ");
        time_print(world->moments[i], out);
        buffer_add_byte(out, '\n');
    }
    for (int i = 0; i < world->request_count; i++)
        buffer_add_format(out, "// context %s\n",
                          world->requests[i][0] != '\0' ? world->requests[i] : "none");
}

/* --- taking away --- */

static void
drop_member(struct world *world, int type, int member)
{
    struct world_type *at = &world->types[type];
    int name = at->members[member].name;
    int kept = 0;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        if ((tuple->type == type && tuple->name == name) ||
            (tuple->subject_type == type && tuple->subject_name == name))
            continue;
        world->tuples[kept++] = *tuple;
    }
    world->tuple_count = kept;
    at->member_count--;
    memmove(&at->members[member], &at->members[member + 1],
            (size_t)(at->member_count - member) * sizeof at->members[0]);
}

static void
drop_variant(struct world *world, int type, struct world_member *member, int variant)
{
    const struct world_variant gone = member->variants[variant];
    int kept = 0;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        if (tuple->type == type && tuple->name == member->name &&
            tuple->subject_type == gone.type && tuple->subject_name == gone.name &&
            (tuple->subject_id < 0) == gone.wildcard && tuple->caveat == gone.caveat &&
            (tuple->expires_at != 0) == gone.expiring)
            continue;
        world->tuples[kept++] = *tuple;
    }
    world->tuple_count = kept;
    member->variant_count--;
    memmove(&member->variants[variant], &member->variants[variant + 1],
            (size_t)(member->variant_count - variant) * sizeof member->variants[0]);
}

/* A variant loses its caveat, or else its expiration, and so do its tuples. */
static bool
ease_variant(struct world *world, int type, struct world_member *member, int variant, int *part)
{
    struct world_variant *at = &member->variants[variant];
    const struct world_variant before = *at;

    if (at->caveat == 0 && !at->expiring)
        return false;
    if ((*part)-- != 0)
        return false;
    if (at->caveat > 0)
        at->caveat = 0;
    else
        at->expiring = false;
    for (int i = 0; i < world->tuple_count; i++) {
        struct world_tuple *tuple = &world->tuples[i];

        if (tuple->type != type || tuple->name != member->name ||
            tuple->subject_type != before.type || tuple->subject_name != before.name ||
            (tuple->subject_id < 0) != before.wildcard || tuple->caveat != before.caveat ||
            (tuple->expires_at != 0) != before.expiring)
            continue;
        tuple->caveat = at->caveat;
        if (tuple->caveat == 0)
            tuple->context[0] = '\0';
        if (!at->expiring)
            tuple->expires_at = 0;
    }
    for (int i = 0; i < member->variant_count; i++) {
        const struct world_variant *other = &member->variants[i];

        if (i != variant && other->type == at->type && other->name == at->name &&
            other->wildcard == at->wildcard && other->caveat == at->caveat &&
            other->expiring == at->expiring) {
            member->variants[variant] = member->variants[--member->variant_count];
            break;
        }
    }
    return true;
}

/* Members, then variants and halves of expressions of members. */
static bool
drop_in_member(struct world *world, int type, int member, int *part)
{
    struct world_member *at = &world->types[type].members[member];

    if ((*part)-- == 0) {
        drop_member(world, type, member);
        return true;
    }
    for (int i = 0; at->variant_count > 1 && i < at->variant_count; i++) {
        if ((*part)-- == 0) {
            drop_variant(world, type, at, i);
            return true;
        }
    }
    for (int i = 0; i < at->variant_count; i++)
        if (ease_variant(world, type, at, i, part))
            return true;
    return false;
}

static bool
drop_in_expression(struct world *world, int *edge, int *part)
{
    struct world_expression *at = &world->expressions[*edge];

    if (at->op != WORLD_UNION && at->op != WORLD_INTERSECTION && at->op != WORLD_EXCLUSION)
        return false;
    if ((*part)-- == 0) {
        *edge = at->left;
        return true;
    }
    if ((*part)-- == 0) {
        *edge = at->right;
        return true;
    }
    return drop_in_expression(world, &at->left, part) ||
           drop_in_expression(world, &at->right, part);
}

/* A moment or a context to ask with; what a tuple's condition is stored with. */
static bool
drop_in_questions(struct world *world, int *part)
{
    for (int i = 1; i < world->moment_count; i++) {
        if ((*part)-- == 0) {
            world->moment_count--;
            memmove(&world->moments[i], &world->moments[i + 1],
                    (size_t)(world->moment_count - i) * sizeof world->moments[0]);
            return true;
        }
    }
    for (int i = 0; world->request_count > 1 && i < world->request_count; i++) {
        if ((*part)-- == 0) {
            world->request_count--;
            memmove(world->requests[i], world->requests[i + 1],
                    (size_t)(world->request_count - i) * sizeof world->requests[0]);
            return true;
        }
    }
    for (int i = 0; i < world->tuple_count; i++) {
        if (world->tuples[i].context[0] != '\0' && (*part)-- == 0) {
            world->tuples[i].context[0] = '\0';
            return true;
        }
    }
    return false;
}

bool
world_drop(const struct world *world, int part, struct world *smaller)
{
    *smaller = *world;
    if (part < smaller->tuple_count) {
        smaller->tuple_count--;
        memmove(&smaller->tuples[part], &smaller->tuples[part + 1],
                (size_t)(smaller->tuple_count - part) * sizeof smaller->tuples[0]);
        return true;
    }
    part -= smaller->tuple_count;
    if (drop_in_questions(smaller, &part))
        return true;
    for (int type = 0; type < smaller->type_count; type++) {
        for (int member = 0; member < smaller->types[type].member_count; member++) {
            if (drop_in_member(smaller, type, member, &part))
                return true;
            if (smaller->types[type].members[member].root >= 0 &&
                drop_in_expression(smaller, &smaller->types[type].members[member].root, &part))
                return true;
        }
    }
    return false;
}
