/* reach.c - the reachability graph: entries, rows of schema_reaches, and annotated types.
 * Rows are computed component by component, operands first. A component of one member that does not
 * use itself is computed by its expression (an intersection keeps only what all operands have); in
 * a larger one every member gets the union of all, which is never too little. */
#include <stdlib.h>

#include "schema/build.h"

/* An entry and where it starts: a type, or type_count + a member. */
struct raw_entry {
    uint32_t source;
    struct schema_entry entry;
};

static int
compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int
compare_entries(const void *a, const void *b)
{
    const struct raw_entry *x = a;
    const struct raw_entry *y = b;
    int order = compare_numbers(x->source, y->source);

    if (order == 0)
        order = compare_numbers(x->entry.kind, y->entry.kind);
    if (order == 0)
        order = compare_numbers(x->entry.target, y->entry.target);
    if (order == 0)
        order = compare_numbers(x->entry.tupleset, y->entry.tupleset);
    if (order == 0)
        order = compare_numbers(x->entry.wildcard, y->entry.wildcard);
    return order;
}

static bool
is_self(const struct build *build, uint32_t rewrite)
{
    return build->rewrites[rewrite].op == REWRITE_SELF &&
           (build->operand_flags[rewrite] & BUILD_OPERAND_SUBTRACTED) == 0;
}

/* Entries that begin at types: what a plain subject is named by, and `self`. */
static uint32_t
put_type_entries(const struct build *build, struct raw_entry *raw)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];

        for (uint32_t at = member->first_variant;
             at < member->first_variant + member->variant_count; at++) {
            const struct schema_variant *variant = &build->variants[at];

            if (variant->relation != SCHEMA_NONE)
                continue;
            raw[count++] = (struct raw_entry){variant->type,
                                              {.kind = SCHEMA_ENTRY_STORED,
                                               .target = index,
                                               .tupleset = SCHEMA_NONE,
                                               .certain = true,
                                               .wildcard = variant->wildcard}};
        }
    }
    for (uint32_t index = 0; index < build->rewrite_count; index++) {
        if (!is_self(build, index))
            continue;
        raw[count++] = (struct raw_entry){
            build->members[build->owners[index]].type,
            {.kind = SCHEMA_ENTRY_SELF,
             .target = build->owners[index],
             .tupleset = SCHEMA_NONE,
             .certain = (build->operand_flags[index] & BUILD_OPERAND_ALONE) != 0}};
    }
    return count;
}

/* Entries that begin at members: the edges turned round, without those below the right of `-`. */
static uint32_t
put_member_entries(const struct build *build, struct raw_entry *raw)
{
    uint32_t count = 0;

    for (uint32_t at = 0; at < build->edges.count; at++) {
        const struct build_edge *edge = &build->edges.edges[at];
        bool arrow = edge->tupleset != SCHEMA_NONE;

        if (edge->subtracted)
            continue;
        raw[count++] = (struct raw_entry){build->type_count + edge->to,
                                          {.kind = edge->same_object ? SCHEMA_ENTRY_COMPUTED
                                                   : arrow           ? SCHEMA_ENTRY_ARROW
                                                                     : SCHEMA_ENTRY_STORED,
                                           .target = edge->from,
                                           .tupleset = edge->tupleset,
                                           .certain = edge->alone}};
    }
    return count;
}

/* Entries that differ in `certain` alone become one: the same step twice in an expression is certain
 * when one of the two is. */
static uint32_t
merge_entries(struct raw_entry *raw, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t at = 0; at < count; at++) {
        struct schema_entry *last = kept > 0 ? &raw[kept - 1].entry : NULL;

        if (last == NULL || compare_entries(&raw[kept - 1], &raw[at]) != 0)
            raw[kept++] = raw[at];
        else
            last->certain = last->certain || raw[at].entry.certain;
    }
    return kept;
}

static enum status
build_entries(struct build *build)
{
    size_t most = (size_t)build->variant_count + build->rewrite_count + build->edges.count;
    uint32_t sources = build->type_count + build->member_count;
    struct raw_entry *raw = arena_take_array(build->arena, most + 1, sizeof *raw);
    uint32_t *first = arena_take_array(build->arena, (size_t)sources + 2, sizeof *first);
    uint32_t count;

    build->entries = arena_take_array(build->arena, most + 1, sizeof *build->entries);
    if (raw == NULL || first == NULL || build->entries == NULL)
        return build_too_large(build);
    count = put_type_entries(build, raw);
    count += put_member_entries(build, raw + count);
    qsort(raw, count, sizeof *raw, compare_entries);
    count = merge_entries(raw, count);
    for (uint32_t at = 0; at < count; at++) {
        build->entries[at] = raw[at].entry;
        first[raw[at].source + 1]++;
    }
    for (uint32_t source = 0; source < sources; source++)
        first[source + 1] += first[source];
    build->entry_count = count;
    build->type_entries = first;
    build->member_entries = first + build->type_count;
    for (uint32_t index = 0; index < build->member_count; index++) {
        build->members[index].first_entry = build->member_entries[index];
        build->members[index].entry_count =
            build->member_entries[index + 1] - build->member_entries[index];
    }
    return BEHALF_OK;
}

static uint64_t *
row_of(const struct build *build, uint32_t member)
{
    return build->rows + (size_t)member * 2 * build->row_words;
}

static void
set_bit(uint64_t *row, uint32_t bit)
{
    row[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void
add_row(const struct build *build, uint64_t *row, const uint64_t *other)
{
    for (uint32_t word = 0; word < 2 * build->row_words; word++)
        row[word] |= other[word];
}

static void
add_variants(const struct build *build, uint32_t relation, uint64_t *row)
{
    const struct schema_member *member = &build->members[relation];

    for (uint32_t at = member->first_variant; at < member->first_variant + member->variant_count;
         at++) {
        if (build->variants[at].relation == SCHEMA_NONE)
            set_bit(row, build->variants[at].type);
        else
            add_row(build, row, row_of(build, build->variants[at].relation));
    }
}

/* Adds to `row` what the rewrite of a member of `type` can hold; `scratch` has a row for each level
 * below. As deep as the expression nests; the left side of a chain of `-` is followed in place. */
static void
add_rewrite(const struct build *build, uint32_t type, uint32_t index, uint64_t *row,
            uint64_t *scratch)
{
    const struct rewrite *rewrite = &build->rewrites[index];
    uint32_t words = 2 * build->row_words;

    while (rewrite->op == REWRITE_EXCLUSION)
        rewrite = &build->rewrites[build->operands[rewrite->first]];
    switch (rewrite->op) {
    case REWRITE_NIL:
    case REWRITE_EXCLUSION:
        return;
    case REWRITE_SELF:
        set_bit(row, type);
        return;
    case REWRITE_STORED:
        add_variants(build, rewrite->member, row);
        return;
    case REWRITE_COMPUTED:
        add_row(build, row, row_of(build, rewrite->member));
        return;
    case REWRITE_UNION:
        for (uint32_t at = 0; at < rewrite->count; at++)
            add_rewrite(build, type, build->operands[rewrite->first + at], row, scratch);
        return;
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        for (uint32_t at = rewrite->first; at < rewrite->first + rewrite->count; at++)
            if (build->hops[at].member != SCHEMA_NONE)
                add_row(build, row, row_of(build, build->hops[at].member));
        return;
    case REWRITE_INTERSECTION:
        break;
    }
    memset(scratch, 0xFF, words * sizeof *scratch);
    for (uint32_t at = 0; at < rewrite->count; at++) {
        uint64_t *operand = scratch + words;

        memset(operand, 0, words * sizeof *operand);
        add_rewrite(build, type, build->operands[rewrite->first + at], operand, operand + words);
        for (uint32_t word = 0; word < words; word++)
            scratch[word] &= operand[word];
    }
    add_row(build, row, scratch);
}

/* Whether the component is one member without an edge to itself. */
static bool
is_simple(const struct build *build, uint32_t component)
{
    uint32_t first = build->components.first[component];
    uint32_t member = build->components.members[first];

    if (build->components.first[component + 1] - first > 1)
        return false;
    for (uint32_t at = build->edges.first[member]; at < build->edges.first[member + 1]; at++)
        if (build->edges.edges[at].to == member)
            return false;
    return true;
}

static void
build_component_rows(struct build *build, uint32_t component, const bool *has_self,
                     uint64_t *scratch)
{
    const struct build_components *components = &build->components;
    uint32_t first = components->first[component];
    uint32_t end = components->first[component + 1];
    uint64_t *row = row_of(build, components->members[first]);

    for (uint32_t at = first; at < end; at++) {
        uint32_t index = components->members[at];
        const struct schema_member *member = &build->members[index];

        /* A userset is a member of itself; hidden members have no usersets. */
        if (member->kind != SCHEMA_HIDDEN)
            set_bit(row + build->row_words, member->type);
        if (is_simple(build, component)) {
            add_rewrite(build, member->type, member->root, row, scratch);
            return;
        }
        add_variants(build, index, row);
        if (has_self[index])
            set_bit(row, member->type);
        for (uint32_t edge = build->edges.first[index]; edge < build->edges.first[index + 1];
             edge++)
            if (!build->edges.edges[edge].subtracted)
                add_row(build, row, row_of(build, build->edges.edges[edge].to));
    }
    for (uint32_t at = first + 1; at < end; at++)
        memcpy(row_of(build, components->members[at]), row,
               (size_t)build->row_words * 2 * sizeof *row);
}

static enum status
build_rows(struct build *build)
{
    /* Two rows per level of an intersection, of which there are no more than of parentheses. */
    size_t levels = 2 * (SCHEMA_NESTING_MAX + 2);
    uint64_t *scratch;
    bool *has_self;

    build->row_words = (build->type_count + 63) / 64;
    build->rows = arena_take_array(build->arena, (size_t)build->member_count * 2 + 1,
                                   build->row_words * sizeof *build->rows + 1);
    scratch = arena_take_array(build->arena, levels * 2, build->row_words * sizeof *scratch + 1);
    has_self = arena_take_array(build->arena, (size_t)build->member_count + 1, sizeof *has_self);
    if (build->rows == NULL || scratch == NULL || has_self == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->rewrite_count; index++)
        if (is_self(build, index))
            has_self[build->owners[index]] = true;
    for (uint32_t component = 0; component < build->components.count; component++)
        build_component_rows(build, component, has_self, scratch);
    return BEHALF_OK;
}

/* Per member, every type of concrete subject below any operand, subtracted or not: what an
 * annotation has to name. */
static enum status
build_terminal_types(struct build *build, uint64_t **terminals)
{
    const struct build_components *components = &build->components;
    uint32_t words = build->row_words;
    uint64_t *rows =
        arena_take_array(build->arena, (size_t)build->member_count + 1, words * sizeof *rows + 1);

    if (rows == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];

        for (uint32_t at = 0; at < member->variant_count; at++)
            if (build->variants[member->first_variant + at].relation == SCHEMA_NONE)
                set_bit(rows + (size_t)index * words,
                        build->variants[member->first_variant + at].type);
    }
    for (uint32_t index = 0; index < build->rewrite_count; index++)
        if (build->rewrites[index].op == REWRITE_SELF)
            set_bit(rows + (size_t)build->owners[index] * words,
                    build->members[build->owners[index]].type);
    for (uint32_t component = 0; component < components->count; component++) {
        uint64_t *row = rows + (size_t)components->members[components->first[component]] * words;

        for (uint32_t at = components->first[component]; at < components->first[component + 1];
             at++) {
            uint32_t member = components->members[at];

            for (uint32_t word = 0; word < words; word++)
                row[word] |= rows[(size_t)member * words + word];
            for (uint32_t edge = build->edges.first[member]; edge < build->edges.first[member + 1];
                 edge++)
                for (uint32_t word = 0; word < words; word++)
                    row[word] |= rows[(size_t)build->edges.edges[edge].to * words + word];
        }
        for (uint32_t at = components->first[component]; at < components->first[component + 1];
             at++)
            memcpy(rows + (size_t)components->members[at] * words, row, words * sizeof *row);
    }
    *terminals = rows;
    return BEHALF_OK;
}

static enum status
check_annotation(struct build *build, uint32_t index, const uint64_t *terminals, uint64_t *named)
{
    const struct ast_member *source = build->sources[index].member;

    memset(named, 0, build->row_words * sizeof *named);
    for (const struct ast_annotation *annotation = source->annotations; annotation != NULL;
         annotation = annotation->next) {
        uint32_t type = names_find(&build->type_names, 0, annotation->type.text);

        if (type == SCHEMA_NONE) {
            error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "there is no definition '%.*s'",
                      SLICE_PRINTF(annotation->type.text));
            build_suggest_type(build, annotation->type.text);
            return build_error_at(build, annotation->type.place);
        }
        set_bit(named, type);
    }
    for (uint32_t type = 0; type < build->type_count; type++) {
        if ((terminals[type / 64] & ~named[type / 64] & UINT64_C(1) << type % 64) == 0)
            continue;
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "permission '%.*s' can reach subjects of type '%.*s', which its annotation does "
                  "not name",
                  SLICE_PRINTF(source->name.text), SLICE_PRINTF(build_type_name(build, type)));
        return build_error_at(build, source->name.place);
    }
    return BEHALF_OK;
}

static enum status
check_annotations(struct build *build)
{
    uint64_t *terminals = NULL;
    uint64_t *named = arena_take_array(build->arena, build->row_words + 1, sizeof *named);
    enum status status;

    if ((build->file->flags & AST_FLAG_TYPECHECKING) == 0)
        return BEHALF_OK;
    if (named == NULL)
        return build_too_large(build);
    status = build_terminal_types(build, &terminals);
    BEHALF_ASSERT(status != BEHALF_OK || terminals != NULL);
    for (uint32_t index = 0; status == BEHALF_OK && index < build->member_count; index++)
        if (build->members[index].kind == SCHEMA_PERMISSION &&
            build->sources[index].member->annotations != NULL)
            status =
                check_annotation(build, index, terminals + (size_t)index * build->row_words, named);
    return status;
}

enum status
build_reach(struct build *build)
{
    enum status status = build_entries(build);

    if (status == BEHALF_OK)
        status = build_rows(build);
    if (status == BEHALF_OK)
        status = check_annotations(build);
    return status;
}
