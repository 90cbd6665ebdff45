/* schema_diff.c - two schemas side by side, by name. Permissions are compared by a canonical text
 * of their rewrites, in which the operands of `+` and `&` are sorted. */
#include "cli/schema_diff.h"

#include <stdlib.h>

#include "base/memory.h"
#include "schema/caveat.h"

struct differ {
    struct arena *arena;
    const struct schema_described *before;
    const struct schema_described *after;
    struct schema_change *rows;
    uint32_t count;
    uint32_t capacity;
    bool spent;
};

/* --- words ------------------------------------------------------------------------------------ */

static struct slice
keep(struct differ *differ, const struct buffer *text)
{
    struct slice copy = arena_copy(differ->arena, buffer_slice(text));

    if (copy.data == NULL) {
        differ->spent = true;
        copy = (struct slice){"", 0};
    }
    return copy;
}

static struct slice
variant_text(struct differ *differ, const struct schema *schema,
             const struct schema_variant *variant)
{
    struct buffer text;
    struct slice kept;

    buffer_init(&text);
    schema_variant_print(schema, variant, &text);
    kept = keep(differ, &text);
    buffer_release(&text);
    return kept;
}

static struct slice
relation_text(struct differ *differ, const struct schema *schema, uint32_t member)
{
    const struct schema_member *row = &schema->members[member];
    struct buffer text;
    struct slice kept;

    buffer_init(&text);
    for (uint32_t index = 0; index < row->variant_count; index++) {
        if (index > 0)
            buffer_add_text(&text, " | ");
        schema_variant_print(schema, &schema->variants[row->first_variant + index], &text);
    }
    kept = keep(differ, &text);
    buffer_release(&text);
    return kept;
}

static struct slice
member_text(struct differ *differ, const struct schema_described *side, uint32_t member)
{
    return side->schema->members[member].kind == SCHEMA_RELATION
               ? relation_text(differ, side->schema, member)
               : side->sources[member].expression;
}

/* --- meanings --------------------------------------------------------------------------------- */

static void canonical(const struct schema *schema, uint32_t rewrite, struct buffer *out);

static int
compare_buffers(const void *left, const void *right)
{
    return slice_compare(buffer_slice(left), buffer_slice(right));
}

/* The operands of the operands of the same kind count as its own. */
static void
gather_operands(const struct schema *schema, const struct rewrite *row, struct buffer **operands,
                size_t *count)
{
    for (uint32_t index = 0; index < row->count; index++) {
        uint32_t operand = schema->operands[row->first + index];

        if (schema->rewrites[operand].op == row->op) {
            gather_operands(schema, &schema->rewrites[operand], operands, count);
            continue;
        }
        *operands = memory_resize(*operands, *count + 1, sizeof **operands);
        buffer_init(&(*operands)[*count]);
        canonical(schema, operand, &(*operands)[*count]);
        ++*count;
    }
}

static void
canonical_operands(const struct schema *schema, const struct rewrite *row, struct buffer *out)
{
    struct buffer *operands = NULL;
    size_t count = 0;

    gather_operands(schema, row, &operands, &count);
    if (count > 1)
        qsort(operands, count, sizeof *operands, compare_buffers);
    for (size_t index = 0; index < count; index++) {
        buffer_add_byte(out, ' ');
        buffer_add_slice(out, buffer_slice(&operands[index]));
        buffer_release(&operands[index]);
    }
    memory_free(operands);
}

/* The name an arrow goes on to: the same on every type that has it. */
static struct slice
arrow_target(const struct schema *schema, const struct rewrite *row)
{
    for (uint32_t index = 0; index < row->count; index++) {
        uint32_t member = schema->hops[row->first + index].member;

        if (member != SCHEMA_NONE)
            return schema->members[member].name;
    }
    return (struct slice){"", 0};
}

static void
canonical_member(const struct schema *schema, uint32_t member, struct buffer *out)
{
    if (schema->members[member].kind == SCHEMA_HIDDEN)
        canonical(schema, schema->members[member].root, out);
    else
        buffer_add_slice(out, schema->members[member].name);
}

/* As deep as expressions nest, which the compiler bounds by SCHEMA_NESTING_MAX. */
static void
canonical(const struct schema *schema, uint32_t rewrite, struct buffer *out)
{
    const struct rewrite *row = &schema->rewrites[rewrite];

    buffer_add_byte(out, '(');
    switch (row->op) {
    case REWRITE_NIL:
        buffer_add_text(out, "nil");
        break;
    case REWRITE_SELF:
        buffer_add_text(out, "self");
        break;
    case REWRITE_STORED:
    case REWRITE_COMPUTED:
        canonical_member(schema, row->member, out);
        break;
    case REWRITE_UNION:
        buffer_add_byte(out, '+');
        canonical_operands(schema, row, out);
        break;
    case REWRITE_INTERSECTION:
        buffer_add_byte(out, '&');
        canonical_operands(schema, row, out);
        break;
    case REWRITE_EXCLUSION:
        buffer_add_text(out, "- ");
        canonical(schema, schema->operands[row->first], out);
        canonical(schema, schema->operands[row->first + 1], out);
        break;
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        buffer_add_text(out, row->op == REWRITE_ARROW ? "any " : "all ");
        canonical_member(schema, row->member, out);
        buffer_add_byte(out, ' ');
        buffer_add_slice(out, arrow_target(schema, row));
        break;
    }
    buffer_add_byte(out, ')');
}

static bool
same_meaning(const struct schema_described *before, uint32_t old,
             const struct schema_described *after, uint32_t new)
{
    struct buffer a;
    struct buffer b;
    bool same;

    if (slice_equal(before->sources[old].expression, after->sources[new].expression))
        return true;
    buffer_init(&a);
    buffer_init(&b);
    canonical(before->schema, before->schema->members[old].root, &a);
    canonical(after->schema, after->schema->members[new].root, &b);
    same = slice_equal(buffer_slice(&a), buffer_slice(&b));
    buffer_release(&a);
    buffer_release(&b);
    return same;
}

/* --- differences ------------------------------------------------------------------------------ */

static void
add(struct differ *differ, struct schema_change change)
{
    struct schema_change *grown =
        arena_grow(differ->arena, differ->rows, differ->count, &differ->capacity, sizeof *grown);

    if (grown == NULL) {
        differ->spent = true;
        return;
    }
    differ->rows = grown;
    grown[differ->count++] = change;
}

static void
add_member(struct differ *differ, enum schema_change_kind kind, const struct schema_described *side,
           uint32_t member)
{
    const struct schema_member *row = &side->schema->members[member];
    struct slice text = member_text(differ, side, member);
    struct slice nothing = {"", 0};

    add(differ,
        (struct schema_change){
            .kind = kind,
            .part = row->kind == SCHEMA_RELATION ? SCHEMA_PART_RELATION : SCHEMA_PART_PERMISSION,
            .type = side->schema->types[row->type].name,
            .member = row->name,
            .before = kind == SCHEMA_REMOVED ? text : nothing,
            .after = kind == SCHEMA_ADDED ? text : nothing,
            .variant = SCHEMA_NONE,
        });
}

static bool
has_variant(struct differ *differ, const struct schema *schema, uint32_t member,
            struct slice wanted)
{
    const struct schema_member *row = &schema->members[member];

    for (uint32_t index = 0; index < row->variant_count; index++)
        if (slice_equal(variant_text(differ, schema, &schema->variants[row->first_variant + index]),
                        wanted))
            return true;
    return false;
}

/* Variants of one relation that the other does not allow. */
static void
diff_variants(struct differ *differ, enum schema_change_kind kind, const struct schema *from,
              uint32_t member, const struct schema *other, uint32_t other_member)
{
    const struct schema_member *row = &from->members[member];
    struct slice nothing = {"", 0};

    for (uint32_t index = 0; index < row->variant_count; index++) {
        uint32_t variant = row->first_variant + index;
        struct slice text = variant_text(differ, from, &from->variants[variant]);

        if (has_variant(differ, other, other_member, text))
            continue;
        add(differ, (struct schema_change){
                        .kind = kind,
                        .part = SCHEMA_PART_VARIANT,
                        .type = from->types[row->type].name,
                        .member = row->name,
                        .before = kind == SCHEMA_REMOVED ? text : nothing,
                        .after = kind == SCHEMA_ADDED ? text : nothing,
                        .variant = kind == SCHEMA_REMOVED ? variant : SCHEMA_NONE,
                    });
    }
}

/* A member that both sides have under the same name. */
static void
diff_member(struct differ *differ, uint32_t old, uint32_t new)
{
    const struct schema *before = differ->before->schema;
    const struct schema *after = differ->after->schema;

    if (before->members[old].kind != after->members[new].kind) {
        add_member(differ, SCHEMA_REMOVED, differ->before, old);
        add_member(differ, SCHEMA_ADDED, differ->after, new);
    } else if (before->members[old].kind == SCHEMA_RELATION) {
        diff_variants(differ, SCHEMA_REMOVED, before, old, after, new);
        diff_variants(differ, SCHEMA_ADDED, after, new, before, old);
    } else if (!same_meaning(differ->before, old, differ->after, new)) {
        add(differ, (struct schema_change){
                        .kind = SCHEMA_CHANGED,
                        .part = SCHEMA_PART_PERMISSION,
                        .type = before->types[before->members[old].type].name,
                        .member = before->members[old].name,
                        .before = differ->before->sources[old].expression,
                        .after = differ->after->sources[new].expression,
                        .variant = SCHEMA_NONE,
                    });
    }
}

static void
add_definition(struct differ *differ, enum schema_change_kind kind,
               const struct schema_described *side, uint32_t type)
{
    const struct schema_type *row = &side->schema->types[type];

    add(differ, (struct schema_change){.kind = kind,
                                       .part = SCHEMA_PART_DEFINITION,
                                       .type = row->name,
                                       .member = {"", 0},
                                       .before = {"", 0},
                                       .after = {"", 0},
                                       .variant = SCHEMA_NONE});
    for (uint32_t index = 0; index < row->member_count; index++)
        if (side->schema->members[row->first_member + index].kind != SCHEMA_HIDDEN)
            add_member(differ, kind, side, row->first_member + index);
}

/* Members of a definition that both sides have. */
static void
diff_definition(struct differ *differ, uint32_t old_type, uint32_t new_type)
{
    const struct schema *before = differ->before->schema;
    const struct schema *after = differ->after->schema;

    for (uint32_t index = 0; index < before->types[old_type].member_count; index++) {
        uint32_t old = before->types[old_type].first_member + index;
        uint32_t new = schema_find_member(after, new_type, before->members[old].name);

        if (before->members[old].kind == SCHEMA_HIDDEN)
            continue;
        if (new == SCHEMA_NONE)
            add_member(differ, SCHEMA_REMOVED, differ->before, old);
        else
            diff_member(differ, old, new);
    }
    for (uint32_t index = 0; index < after->types[new_type].member_count; index++) {
        uint32_t new = after->types[new_type].first_member + index;

        if (after->members[new].kind != SCHEMA_HIDDEN &&
            schema_find_member(before, old_type, after->members[new].name) == SCHEMA_NONE)
            add_member(differ, SCHEMA_ADDED, differ->after, new);
    }
}

/* --- caveats ---------------------------------------------------------------------------------- */

/* `(count int, most int) { count < most }` */
static struct slice
caveat_in_words(struct differ *differ, const struct caveat *caveat)
{
    struct buffer text;
    struct slice kept;

    buffer_init(&text);
    for (size_t index = 0; index < caveat_parameter_count(caveat); index++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(caveat, index);

        buffer_add_text(&text, index == 0 ? "(" : ", ");
        buffer_add_slice(&text, parameter->name);
        buffer_add_byte(&text, ' ');
        caveat_type_print(&parameter->type, &text);
    }
    buffer_add_format(&text, ") { %.*s }", SLICE_PRINTF(caveat_text(caveat)));
    kept = keep(differ, &text);
    buffer_release(&text);
    return kept;
}

static bool
has_parameter(const struct caveat *caveat, const struct caveat_parameter *wanted)
{
    for (size_t index = 0; index < caveat_parameter_count(caveat); index++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(caveat, index);
        const struct caveat_type *type = &parameter->type;
        const struct caveat_type *other = &wanted->type;

        if (!slice_equal(parameter->name, wanted->name))
            continue;
        while (type != NULL && other != NULL && type->kind == other->kind) {
            type = type->element;
            other = other->element;
        }
        return type == NULL && other == NULL;
    }
    return false;
}

/* With no value known, what is left of an expression is the expression in one form. */
static bool
same_expression(struct differ *differ, const struct caveat *old, const struct caveat *new)
{
    struct buffer before;
    struct buffer after;
    const struct caveat_inputs inputs = {.open = CAVEAT_RESERVED_ALL};
    struct slice nothing = {NULL, 0};
    struct error ignored;
    uint32_t steps;
    bool same = slice_equal(caveat_text(old), caveat_text(new));

    if (same)
        return true;
    buffer_init(&before);
    buffer_init(&after);
    same = caveat_residual(old, nothing, &inputs, differ->arena, &before, &steps, &ignored) ==
               BEHALF_OK &&
           caveat_residual(new, nothing, &inputs, differ->arena, &after, &steps, &ignored) ==
               BEHALF_OK &&
           slice_equal(buffer_slice(&before), buffer_slice(&after));
    buffer_release(&before);
    buffer_release(&after);
    return same;
}

static bool
same_caveat(struct differ *differ, const struct caveat *old, const struct caveat *new)
{
    if (caveat_parameter_count(old) != caveat_parameter_count(new))
        return false;
    for (size_t index = 0; index < caveat_parameter_count(old); index++)
        if (!has_parameter(new, caveat_parameter_at(old, index)))
            return false;
    return same_expression(differ, old, new);
}

/* Either side may be NULL. */
static void
add_caveat(struct differ *differ, struct slice name, const struct caveat *old,
           const struct caveat *new)
{
    struct slice nothing = {"", 0};

    add(differ, (struct schema_change){
                    .kind = old == NULL   ? SCHEMA_ADDED
                            : new == NULL ? SCHEMA_REMOVED
                                          : SCHEMA_CHANGED,
                    .part = SCHEMA_PART_CAVEAT,
                    .type = name,
                    .member = nothing,
                    .before = old == NULL ? nothing : caveat_in_words(differ, old),
                    .after = new == NULL ? nothing : caveat_in_words(differ, new),
                    .variant = SCHEMA_NONE,
                });
}

static void
diff_parameters(struct differ *differ, enum schema_change_kind kind, struct slice name,
                const struct caveat *from, const struct caveat *other)
{
    struct slice nothing = {"", 0};
    struct buffer text;

    buffer_init(&text);
    for (size_t index = 0; index < caveat_parameter_count(from); index++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(from, index);

        if (has_parameter(other, parameter))
            continue;
        buffer_clear(&text);
        caveat_type_print(&parameter->type, &text);
        add(differ, (struct schema_change){
                        .kind = kind,
                        .part = SCHEMA_PART_PARAMETER,
                        .type = name,
                        .member = parameter->name,
                        .before = kind == SCHEMA_REMOVED ? keep(differ, &text) : nothing,
                        .after = kind == SCHEMA_ADDED ? keep(differ, &text) : nothing,
                        .variant = SCHEMA_NONE,
                    });
    }
    buffer_release(&text);
}

static void
diff_caveats(struct differ *differ, const struct schema *before, const struct schema *after)
{
    for (uint32_t index = 0; index < before->caveat_count; index++) {
        const struct schema_caveat *old = &before->caveats[index];
        uint32_t other = schema_find_caveat(after, old->name);
        const struct caveat *new = other == SCHEMA_NONE ? NULL : after->caveats[other].compiled;

        if (new != NULL && same_caveat(differ, old->compiled, new))
            continue;
        add_caveat(differ, old->name, old->compiled, new);
        if (new == NULL)
            continue;
        diff_parameters(differ, SCHEMA_REMOVED, old->name, old->compiled, new);
        diff_parameters(differ, SCHEMA_ADDED, old->name, new, old->compiled);
    }
    for (uint32_t index = 0; index < after->caveat_count; index++)
        if (schema_find_caveat(before, after->caveats[index].name) == SCHEMA_NONE)
            add_caveat(differ, after->caveats[index].name, NULL, after->caveats[index].compiled);
}

static struct slice
attributes_flag(const struct schema *schema)
{
    if (schema->has_request_attributes)
        return SLICE_LITERAL("use request_attributes");
    return schema->has_attributes ? SLICE_LITERAL("use attributes") : (struct slice){"", 0};
}

static void
diff_flags(struct differ *differ, const struct schema *before, const struct schema *after)
{
    struct slice old = attributes_flag(before);
    struct slice new = attributes_flag(after);

    if (slice_equal(old, new))
        return;
    add(differ, (struct schema_change){
                    .kind = old.size == 0   ? SCHEMA_ADDED
                            : new.size == 0 ? SCHEMA_REMOVED
                                            : SCHEMA_CHANGED,
                    .part = SCHEMA_PART_FLAG,
                    .type = {"", 0},
                    .member = {"", 0},
                    .before = old,
                    .after = new,
                    .variant = SCHEMA_NONE,
                });
}

enum status
schema_diff(struct arena *arena, const struct schema_described *before,
            const struct schema_described *after, struct schema_changes *changes,
            struct error *error)
{
    struct differ differ = {.arena = arena, .before = before, .after = after};

    for (uint32_t type = 0; type < before->schema->type_count; type++) {
        uint32_t other = schema_find_type(after->schema, before->schema->types[type].name);

        if (other == SCHEMA_NONE)
            add_definition(&differ, SCHEMA_REMOVED, before, type);
        else
            diff_definition(&differ, type, other);
    }
    for (uint32_t type = 0; type < after->schema->type_count; type++)
        if (schema_find_type(before->schema, after->schema->types[type].name) == SCHEMA_NONE)
            add_definition(&differ, SCHEMA_ADDED, after, type);
    diff_caveats(&differ, before->schema, after->schema);
    diff_flags(&differ, before->schema, after->schema);
    if (differ.spent)
        return error_set(error, BEHALF_SCHEMA_TYPE_ERROR, "the schemas are too large to compare");
    *changes = (struct schema_changes){.rows = differ.rows, .count = differ.count};
    return BEHALF_OK;
}

enum status
schema_describe(struct arena *arena, struct slice text, struct schema_described *described,
                struct error *error)
{
    struct schema_described made = {.schema = NULL};
    size_t count = 0;
    enum status status = schema_compile(text, &made.schema, error);

    if (status == BEHALF_OK)
        status = schema_sources(text, arena, &made.sources, &count, error);
    if (status == BEHALF_OK)
        *described = made;
    else
        schema_unref(made.schema);
    return status;
}
