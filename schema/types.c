/* types.c - the kinds of subjects that relations allow, and the rules about them.
 * Wildcards: a relation holds a wildcard when it allows one, or allows a userset of a relation that
 * does. Permissions are not looked through here, as in SpiceDB: an arrow walks to objects, and what
 * a userset's permission holds is no object on the relation. */
#include <stdlib.h>

#include "base/table.h"
#include "schema/build.h"

static enum status
resolve_subject_relation(struct build *build, const struct ast_type_reference *reference,
                         struct schema_variant *variant)
{
    variant->relation = names_find(&build->member_names, variant->type, reference->relation.text);
    if (variant->relation != SCHEMA_NONE)
        return BEHALF_OK;
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "'%.*s' has no relation or permission '%.*s'",
              SLICE_PRINTF(reference->type.text), SLICE_PRINTF(reference->relation.text));
    build_suggest_member(build, variant->type, reference->relation.text);
    return build_error_at(build, reference->relation.place);
}

static enum status
resolve_caveat(struct build *build, const struct ast_type_reference *reference,
               struct schema_variant *variant)
{
    variant->caveat = names_find(&build->caveat_names, 0, reference->caveat.text);
    if (variant->caveat != SCHEMA_NONE)
        return BEHALF_OK;
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "there is no caveat '%.*s'",
              SLICE_PRINTF(reference->caveat.text));
    if (slice_equal(reference->caveat.text, SLICE_LITERAL("expiration")))
        error_hint(build->error,
                   "'expiration' is a keyword only behind a line 'use expiration' at the top");
    else
        build_suggest_caveat(build, reference->caveat.text);
    return build_error_at(build, reference->caveat.place);
}

static enum status
resolve_variant(struct build *build, const struct ast_type_reference *reference,
                struct schema_variant *variant)
{
    *variant = (struct schema_variant){
        .type = names_find(&build->type_names, 0, reference->type.text),
        .relation = SCHEMA_NONE,
        .caveat = SCHEMA_NONE,
        .wildcard = reference->wildcard,
        .expiring = reference->expiring,
    };
    if (variant->type == SCHEMA_NONE) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "there is no definition '%.*s'",
                  SLICE_PRINTF(reference->type.text));
        build_suggest_type(build, reference->type.text);
        return build_error_at(build, reference->type.place);
    }
    if (reference->relation.text.size > 0) {
        enum status status = resolve_subject_relation(build, reference, variant);

        if (status != BEHALF_OK)
            return status;
    }
    return reference->caveat.text.size > 0 ? resolve_caveat(build, reference, variant) : BEHALF_OK;
}

/* A number that two variants of one relation share exactly when they are the same kind of subject.
 * Types and caveats are fewer than 2^12, members than 2^20, so that no number has its top bit. */
static uint64_t
variant_key(const struct schema_variant *variant)
{
    _Static_assert(SCHEMA_DEFINITIONS_MAX < 1 << 12 && SCHEMA_MEMBERS_MAX < 1 << 20,
                   "fits the key");
    return (uint64_t)variant->type << 48 | (uint64_t)(variant->relation & 0xFFFFF) << 24 |
           (uint64_t)(variant->caveat & 0xFFFF) << 8 | (variant->wildcard ? 2U : 0U) |
           (variant->expiring ? 1U : 0U);
}

/* The same of what an edge's own key says of its subject, caveat and expiration left out. */
static uint64_t
subject_key(const struct schema_variant *variant)
{
    struct schema_variant plain = *variant;

    plain.caveat = SCHEMA_NONE;
    plain.expiring = false;
    return variant_key(&plain) | UINT64_C(1) << 63;
}

/* Enters a variant among those of its relation; false when the arena is spent. */
static bool
enter_variant(struct build *build, struct table *seen, struct schema_variant *variant)
{
    variant->repeats = table_find(seen, subject_key(variant)) != TABLE_NONE;
    build->variants = build_grow(build, build->variants, build->variant_count,
                                 &build->variant_capacity, sizeof *build->variants);
    if (build->variants == NULL || !table_add(seen, variant_key(variant), 0) ||
        (!variant->repeats && !table_add(seen, subject_key(variant), 0)))
        return false;
    build->variants[build->variant_count++] = *variant;
    return true;
}

static enum status
build_variants(struct build *build, uint32_t index)
{
    const struct ast_member *source = build->sources[index].member;
    struct schema_member *member = &build->members[index];
    struct table seen;

    member->first_variant = build->variant_count;
    if (!table_init(&seen, build->arena, 4))
        return build_too_large(build);
    for (const struct ast_type_reference *reference = source->types; reference != NULL;
         reference = reference->next) {
        struct schema_variant variant;
        enum status status = resolve_variant(build, reference, &variant);

        if (status != BEHALF_OK)
            return status;
        if (table_find(&seen, variant_key(&variant)) != TABLE_NONE) {
            error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                      "relation '%.*s' allows this kind of subject twice",
                      SLICE_PRINTF(member->name));
            return build_error_at(build, reference->place);
        }
        if (!enter_variant(build, &seen, &variant))
            return build_too_large(build);
        member->variant_count++;
        member->has_usersets = member->has_usersets || variant.relation != SCHEMA_NONE;
        build->has_expirations = build->has_expirations || variant.expiring;
    }
    return BEHALF_OK;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The types of subjects that an arrow over the relation can come to, each once. */
static enum status
build_subject_types(struct build *build, uint32_t index)
{
    const struct schema_member *member = &build->members[index];
    struct build_source *source = &build->sources[index];
    uint32_t *types = arena_take_array(build->arena, member->variant_count, sizeof *types);
    uint32_t count = 0;

    if (types == NULL)
        return build_too_large(build);
    for (uint32_t at = 0; at < member->variant_count; at++)
        types[at] = build->variants[member->first_variant + at].type;
    qsort(types, member->variant_count, sizeof *types, compare_numbers);
    source->first_subject = build->subject_count;
    for (uint32_t at = 0; at < member->variant_count; at++) {
        if (at > 0 && types[at] == types[at - 1])
            continue;
        build->subject_types = build_grow(build, build->subject_types, build->subject_count,
                                          &build->subject_capacity, sizeof *build->subject_types);
        if (build->subject_types == NULL)
            return build_too_large(build);
        build->subject_types[build->subject_count++] = types[at];
        count++;
    }
    source->subject_count = count;
    return BEHALF_OK;
}

/* Spreads `holds_wildcard` from the relations that allow a wildcard to those that allow usersets of
 * them: each relation is entered into the queue once, each variant looked at once. */
static enum status
spread_wildcards(struct build *build)
{
    uint32_t *users = arena_take_array(build->arena, build->variant_count + 1, sizeof *users);
    uint32_t *next = arena_take_array(build->arena, build->variant_count + 1, sizeof *next);
    uint32_t *head = arena_take_array(build->arena, build->member_count + 1, sizeof *head);
    uint32_t *queue = arena_take_array(build->arena, build->member_count + 1, sizeof *queue);
    uint32_t queued = 0;

    if (users == NULL || next == NULL || head == NULL || queue == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->member_count; index++)
        head[index] = SCHEMA_NONE;
    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];

        for (uint32_t at = member->first_variant;
             at < member->first_variant + member->variant_count; at++) {
            uint32_t relation = build->variants[at].relation;

            if (build->variants[at].wildcard && !build->sources[index].holds_wildcard) {
                build->sources[index].holds_wildcard = true;
                queue[queued++] = index;
            }
            if (relation == SCHEMA_NONE)
                continue;
            users[at] = index;
            next[at] = head[relation];
            head[relation] = at;
        }
    }
    for (uint32_t done = 0; done < queued; done++) {
        for (uint32_t at = head[queue[done]]; at != SCHEMA_NONE; at = next[at]) {
            if (build->sources[users[at]].holds_wildcard)
                continue;
            build->sources[users[at]].holds_wildcard = true;
            queue[queued++] = users[at];
        }
    }
    return BEHALF_OK;
}

/* A userset of another definition must not bring a wildcard along. In the same definition SpiceDB
 * lets it pass, and so does Behalf, with a lint. */
static enum status
check_transitive_wildcards(struct build *build, uint32_t index)
{
    const struct schema_member *member = &build->members[index];
    const struct ast_type_reference *reference = build->sources[index].member->types;

    for (uint32_t at = 0; at < member->variant_count; at++, reference = reference->next) {
        const struct schema_variant *variant = &build->variants[member->first_variant + at];

        if (variant->relation == SCHEMA_NONE || variant->type == member->type ||
            !build->sources[variant->relation].holds_wildcard)
            continue;
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "relation '%.*s' cannot allow '%.*s#%.*s', which can hold a wildcard",
                  SLICE_PRINTF(member->name), SLICE_PRINTF(reference->type.text),
                  SLICE_PRINTF(reference->relation.text));
        error_hint(build->error, "allow the wildcard on '%.*s' itself, as type:*",
                   SLICE_PRINTF(member->name));
        return build_error_at(build, reference->place);
    }
    return BEHALF_OK;
}

enum status
build_types(struct build *build)
{
    enum status status = BEHALF_OK;

    for (uint32_t index = 0; status == BEHALF_OK && index < build->member_count; index++) {
        if (build->members[index].kind != SCHEMA_RELATION)
            continue;
        status = build_variants(build, index);
        if (status == BEHALF_OK)
            status = build_subject_types(build, index);
    }
    if (status == BEHALF_OK)
        status = spread_wildcards(build);
    for (uint32_t index = 0; status == BEHALF_OK && index < build->member_count; index++)
        if (build->members[index].kind == SCHEMA_RELATION)
            status = check_transitive_wildcards(build, index);
    return status;
}
