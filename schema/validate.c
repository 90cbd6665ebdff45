/* validate.c - every promise of schema.h, checked on a compiled schema. */
#include "schema/caveat.h"
#include "schema/frozen.h"
#include "schema/schema.h"

#define CHECK(condition, sentence)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            *reason = (sentence);                                                                  \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool
is_in_range(uint32_t first, uint32_t count, uint32_t size)
{
    return first <= size && count <= size - first;
}

static bool
types_are_valid(const struct schema *schema, const char **reason)
{
    uint32_t next = 0;

    for (uint32_t index = 0; index < schema->type_count; index++) {
        const struct schema_type *type = &schema->types[index];

        CHECK(type->first_member == next, "the members of a type are not adjacent");
        CHECK(is_in_range(type->first_member, type->member_count, schema->member_count),
              "a type has members that do not exist");
        CHECK(is_in_range(type->first_entry, type->entry_count, schema->entry_count),
              "a type has entries that do not exist");
        CHECK(schema_find_type(schema, type->name) == index, "a type is not found by its name");
        next += type->member_count;
    }
    CHECK(next == schema->member_count, "a member has no type");
    return true;
}

static bool
is_found(const struct schema *schema, uint32_t index)
{
    const struct schema_member *member = &schema->members[index];
    uint32_t found = schema_find_member(schema, member->type, member->name);

    return member->kind == SCHEMA_HIDDEN ? found == SCHEMA_NONE : found == index;
}

static bool
members_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 0; index < schema->member_count; index++) {
        const struct schema_member *member = &schema->members[index];
        bool relation = member->kind == SCHEMA_RELATION;

        CHECK(member->type < schema->type_count, "a member is of no type");
        CHECK(index - schema->types[member->type].first_member <
                  schema->types[member->type].member_count,
              "a member is not among those of its type");
        CHECK(member->root < schema->rewrite_count, "a member has no rewrite");
        CHECK((schema->rewrites[member->root].op == REWRITE_STORED) == relation,
              "a relation, and only a relation, is stored");
        CHECK(is_in_range(member->first_variant, member->variant_count, schema->variant_count),
              "a relation has variants that do not exist");
        CHECK((member->variant_count > 0) == relation, "a relation, and no other, has variants");
        CHECK(is_in_range(member->first_entry, member->entry_count, schema->entry_count),
              "a member has entries that do not exist");
        CHECK(is_found(schema, index), "a member is not found by its name, or hidden and found");
        CHECK(member->kind == SCHEMA_HIDDEN || schema_reaches(schema, index, member->type, true),
              "a member is not reached by its own userset");
    }
    return true;
}

static bool
context_names_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 1; index < schema->context_name_count; index++)
        CHECK(slice_compare(schema->context_names[index - 1], schema->context_names[index]) < 0,
              "the names of contexts are not ascending");
    return true;
}

static bool
caveats_are_valid(const struct schema *schema, const char **reason)
{
    uint32_t next = 0;

    for (uint32_t index = 0; index < schema->caveat_count; index++) {
        const struct schema_caveat *caveat = &schema->caveats[index];
        size_t count = caveat_parameter_count(caveat->compiled);

        CHECK(schema_find_caveat(schema, caveat->name) == index,
              "a caveat is not found by its name");
        CHECK(schema_find_type(schema, caveat->name) == SCHEMA_NONE,
              "a caveat has the name of a type");
        CHECK(caveat->first_context == next, "the context names of a caveat are not its own");
        for (size_t at = 0; at < count; at++) {
            uint32_t name = schema->context_indexes[caveat->first_context + at];

            CHECK(name < schema->context_name_count, "a parameter has no context name");
            CHECK(slice_equal(schema->context_names[name],
                              caveat_parameter_at(caveat->compiled, at)->name),
                  "a parameter has another context name");
        }
        next += (uint32_t)count;
    }
    return true;
}

static bool
same_subject(const struct schema_variant *a, const struct schema_variant *b)
{
    return a->type == b->type && a->relation == b->relation && a->wildcard == b->wildcard;
}

static bool
same_variant(const struct schema_variant *a, const struct schema_variant *b)
{
    return same_subject(a, b) && a->caveat == b->caveat && a->expiring == b->expiring;
}

static bool
repetition_is_valid(const struct schema_variant *variants, uint32_t index, const char **reason)
{
    bool repeats = false;

    for (uint32_t earlier = 0; earlier < index; earlier++) {
        CHECK(!same_variant(&variants[earlier], &variants[index]), "a variant stands twice");
        repeats = repeats || same_subject(&variants[earlier], &variants[index]);
    }
    CHECK(repeats == variants[index].repeats, "repeats is wrong");
    return true;
}

static bool
variants_are_valid(const struct schema *schema, const struct schema_member *member,
                   uint32_t member_index, const char **reason)
{
    const struct schema_variant *variants = &schema->variants[member->first_variant];
    bool usersets = false;

    for (uint32_t index = 0; index < member->variant_count; index++) {
        const struct schema_variant *variant = &variants[index];

        CHECK(variant->type < schema->type_count, "a variant is of no type");
        CHECK(variant->relation == SCHEMA_NONE ||
                  (variant->relation < schema->member_count &&
                   schema->members[variant->relation].type == variant->type &&
                   schema->members[variant->relation].kind != SCHEMA_HIDDEN),
              "a variant names no member of its type");
        CHECK(!variant->wildcard || variant->relation == SCHEMA_NONE,
              "a wildcard has a subject relation");
        CHECK(schema_reaches(schema, member_index, variant->type, variant->relation != SCHEMA_NONE),
              "a relation is not reached by a variant");
        CHECK(variant->caveat == SCHEMA_NONE || variant->caveat < schema->caveat_count,
              "a variant has a caveat that does not exist");
        CHECK(!variant->expiring || schema->has_expirations, "has_expirations is wrong");
        if (!repetition_is_valid(variants, index, reason))
            return false;
        usersets = usersets || variant->relation != SCHEMA_NONE;
    }
    CHECK(usersets == member->has_usersets, "has_usersets is wrong");
    return true;
}

static bool
hops_are_valid(const struct schema *schema, const struct rewrite *rewrite, const char **reason)
{
    CHECK(rewrite->member < schema->member_count &&
              schema->members[rewrite->member].kind == SCHEMA_RELATION,
          "an arrow walks no relation");
    CHECK(rewrite->count > 0 && is_in_range(rewrite->first, rewrite->count, schema->hop_count),
          "an arrow has hops that do not exist");
    for (uint32_t at = rewrite->first; at < rewrite->first + rewrite->count; at++) {
        const struct schema_hop *hop = &schema->hops[at];

        CHECK(hop->type < schema->type_count, "a hop is of no type");
        CHECK(at == rewrite->first || hop[-1].type < hop->type, "hops are not ascending");
        CHECK(hop->member == SCHEMA_NONE || (hop->member < schema->member_count &&
                                             schema->members[hop->member].type == hop->type),
              "a hop goes to no member of its type");
    }
    return true;
}

static bool
rewrites_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 0; index < schema->rewrite_count; index++) {
        const struct rewrite *rewrite = &schema->rewrites[index];

        switch (rewrite->op) {
        case REWRITE_NIL:
        case REWRITE_SELF:
            break;
        case REWRITE_STORED:
        case REWRITE_COMPUTED:
            CHECK(rewrite->member < schema->member_count, "a rewrite names no member");
            break;
        case REWRITE_UNION:
        case REWRITE_INTERSECTION:
        case REWRITE_EXCLUSION:
            CHECK(rewrite->op == REWRITE_EXCLUSION ? rewrite->count == 2 : rewrite->count >= 2,
                  "an operator has the wrong number of operands");
            CHECK(is_in_range(rewrite->first, rewrite->count, schema->operand_count),
                  "an operator has operands that do not exist");
            for (uint32_t at = 0; at < rewrite->count; at++)
                CHECK(schema->operands[rewrite->first + at] < index,
                      "an operand does not stand before its operator");
            break;
        case REWRITE_ARROW:
        case REWRITE_ARROW_ALL:
            if (!hops_are_valid(schema, rewrite, reason))
                return false;
            break;
        }
    }
    return true;
}

static bool
entries_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 0; index < schema->entry_count; index++) {
        const struct schema_entry *entry = &schema->entries[index];

        CHECK(entry->target < schema->member_count, "an entry leads to no member");
        CHECK((entry->kind == SCHEMA_ENTRY_ARROW) == (entry->tupleset != SCHEMA_NONE),
              "an arrow, and no other entry, has a tupleset");
        CHECK(entry->tupleset == SCHEMA_NONE || entry->tupleset < schema->member_count,
              "a tupleset is no member");
        CHECK((entry->kind == SCHEMA_ENTRY_STORED) ==
                  (schema->members[entry->target].kind == SCHEMA_RELATION),
              "relations are reached by stored steps, others by others");
    }
    return true;
}

static bool
same_step(const struct schema_entry *a, const struct schema_entry *b)
{
    return a->kind == b->kind && a->target == b->target && a->tupleset == b->tupleset &&
           a->wildcard == b->wildcard;
}

/* The entries that begin at one type or member. */
static bool
source_is_valid(const struct schema_entry *entries, uint32_t count, const char **reason)
{
    for (uint32_t at = 0; at < count; at++) {
        CHECK(at == 0 || !same_step(&entries[at], &entries[at - 1]), "a step stands twice");
        CHECK(entries[at].kind != SCHEMA_ENTRY_STORED || entries[at].certain,
              "a stored step is not certain");
    }
    return true;
}

static bool
sources_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 0; index < schema->type_count; index++) {
        const struct schema_type *type = &schema->types[index];

        if (!source_is_valid(&schema->entries[type->first_entry], type->entry_count, reason))
            return false;
    }
    for (uint32_t index = 0; index < schema->member_count; index++) {
        const struct schema_member *member = &schema->members[index];

        if (!source_is_valid(&schema->entries[member->first_entry], member->entry_count, reason))
            return false;
    }
    return true;
}

/* A source's row is part of the target's row, or pruning would contradict the walk. */
static bool
rows_are_valid(const struct schema *schema, const char **reason)
{
    for (uint32_t index = 0; index < schema->type_count; index++) {
        const struct schema_type *type = &schema->types[index];

        for (uint32_t at = 0; at < type->entry_count; at++) {
            const struct schema_entry *entry = &schema->entries[type->first_entry + at];

            CHECK(!entry->certain || schema_reaches(schema, entry->target, index, false),
                  "a certain entry of a type does not reach its target");
        }
    }
    for (uint32_t index = 0; index < schema->member_count; index++) {
        const struct schema_member *member = &schema->members[index];

        for (uint32_t at = 0; at < member->entry_count; at++) {
            const struct schema_entry *entry = &schema->entries[member->first_entry + at];

            for (uint32_t bit = 0; entry->certain && bit < 2 * schema->type_count; bit++)
                CHECK(!schema_reaches(schema, index, bit / 2, bit % 2) ||
                          schema_reaches(schema, entry->target, bit / 2, bit % 2),
                      "a certain entry of a member does not reach its target");
        }
    }
    return true;
}

bool
schema_validate(const struct schema *schema, const char **reason)
{
    if (!types_are_valid(schema, reason) || !members_are_valid(schema, reason) ||
        !context_names_are_valid(schema, reason) || !caveats_are_valid(schema, reason))
        return false;
    for (uint32_t index = 0; index < schema->member_count; index++)
        if (schema->members[index].kind == SCHEMA_RELATION &&
            !variants_are_valid(schema, &schema->members[index], index, reason))
            return false;
    return rewrites_are_valid(schema, reason) && entries_are_valid(schema, reason) &&
           sources_are_valid(schema, reason) && rows_are_valid(schema, reason);
}
