/* lint.c - warnings: what a schema may say, but its author probably did not mean.
 * Lints run over the finished build, so they see resolved names; each looks at members one by one.
 * A finding belongs to the member whose comments may silence it. The same place found twice (hidden
 * members of several types, partials of several definitions) is reported once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "schema/build.h"
#include "schema/comments.h"
#include "schema/format.h"

struct linter {
    struct build *build;
    struct schema_lint *lints;
    size_t count;
    size_t capacity;
};

static void report(struct linter *linter, uint32_t member, const char *name, struct place place,
                   const char *format, ...) BEHALF_PRINTF(5, 6);

static void
report(struct linter *linter, uint32_t member, const char *name, struct place place,
       const char *format, ...)
{
    struct schema_lint *lint;
    va_list arguments;

    if (linter->count == SCHEMA_LINTS_MAX ||
        comments_silence(&linter->build->sources[member].member->comments, slice_of(name)))
        return;
    linter->lints =
        memory_reserve(linter->lints, linter->count + 1, &linter->capacity, sizeof *linter->lints);
    lint = &linter->lints[linter->count++];
    *lint = (struct schema_lint){.name = name, .line = place.line, .column = place.column};
    va_start(arguments, format);
    (void)vsnprintf(lint->message, sizeof lint->message, format, arguments);
    va_end(arguments);
}

/* Cut to fit messages; the text of a place may be long. */
static struct slice
source_of(const struct linter *linter, struct place place)
{
    return (struct slice){linter->build->file->text.data + place.offset,
                          place.size < 100 ? place.size : 100};
}

static struct place
place_of(const struct linter *linter, uint32_t member)
{
    return linter->build->sources[member].member->name.place;
}

static const char *
kind_name(const struct schema_member *member)
{
    return member->kind == SCHEMA_RELATION ? "relation" : "permission";
}

static void
lint_name(struct linter *linter, uint32_t index)
{
    const struct schema_member *member = &linter->build->members[index];
    struct slice type = build_type_name(linter->build, member->type);
    const char *slash = memrchr(type.data, '/', type.size);
    struct slice last =
        slash == NULL ? type
                      : (struct slice){slash + 1, (size_t)(type.data + type.size - slash) - 1};

    if (member->name.size < last.size ||
        memcmp(member->name.data + member->name.size - last.size, last.data, last.size) != 0)
        return;
    report(linter, index, "relation-name-references-parent", place_of(linter, index),
           "%s '%.*s' ends in the name of its definition '%.*s', which says nothing new",
           kind_name(member), SLICE_PRINTF(member->name), SLICE_PRINTF(type));
}

static void
lint_usersets(struct linter *linter, uint32_t index)
{
    const struct build *build = linter->build;
    const struct schema_member *member = &build->members[index];
    const struct ast_type_reference *reference = build->sources[index].member->types;

    for (uint32_t at = 0; at < member->variant_count; at++, reference = reference->next) {
        const struct schema_variant *variant = &build->variants[member->first_variant + at];

        if (variant->relation == SCHEMA_NONE || variant->type != member->type ||
            !build->sources[variant->relation].holds_wildcard)
            continue;
        report(linter, index, "wildcard-reached-through-own-userset", reference->place,
               "relation '%.*s' allows '%.*s', which can hold a wildcard: whoever is made a member "
               "through it may be everybody",
               SLICE_PRINTF(member->name), SLICE_PRINTF(source_of(linter, reference->place)));
    }
}

/* The first type of subject on which an arrow's target is a relation, for the message. */
static void
lint_arrow_target(struct linter *linter, uint32_t owner, const struct rewrite *rewrite,
                  struct place place, struct slice target)
{
    const struct build *build = linter->build;
    bool found = false;

    for (uint32_t at = rewrite->first; at < rewrite->first + rewrite->count; at++) {
        const struct schema_hop *hop = &build->hops[at];

        if (hop->member == SCHEMA_NONE)
            continue;
        /* A definition may know its own relations: a tree of folders reads its parents. */
        if (!found && build->members[hop->member].kind == SCHEMA_RELATION &&
            hop->type != build->members[owner].type)
            report(linter, owner, "arrow-references-relation", place,
                   "arrow '%.*s' leads to relation '%.*s' of '%.*s'; a permission there could "
                   "change without this arrow",
                   SLICE_PRINTF(source_of(linter, place)), SLICE_PRINTF(target),
                   SLICE_PRINTF(build_type_name(build, hop->type)));
        found = true;
    }
    if (!found)
        report(linter, owner, "arrow-references-unreachable-relation", place,
               "no type of subject on '%.*s' has a relation or permission '%.*s': the arrow leads "
               "nowhere",
               SLICE_PRINTF(build->members[rewrite->member].name), SLICE_PRINTF(target));
}

static void
lint_rewrite(struct linter *linter, uint32_t index)
{
    const struct build *build = linter->build;
    const struct rewrite *rewrite = &build->rewrites[index];
    const struct ast_expression *expression = build->expressions[index];
    uint32_t owner = build->owners[index];

    if (rewrite->op == REWRITE_COMPUTED && rewrite->member == owner)
        report(linter, owner, "permission-references-itself", expression->place,
               "permission '%.*s' names itself on the same object, which adds nothing",
               SLICE_PRINTF(build->members[owner].name));
    if (rewrite->op != REWRITE_ARROW && rewrite->op != REWRITE_ARROW_ALL)
        return;
    if (expression->children->next->kind == AST_NAME)
        lint_arrow_target(linter, owner, rewrite, expression->place,
                          expression->children->next->name);
    if (build->members[rewrite->member].has_usersets)
        report(linter, owner, "arrow-walks-subject-relation", expression->place,
               "arrow '%.*s' walks to the objects of the usersets on relation '%.*s' and passes "
               "over their '#' part",
               SLICE_PRINTF(source_of(linter, expression->place)),
               SLICE_PRINTF(build->members[rewrite->member].name));
}

/* Whether an operator stands below another kind of operator by precedence alone. */
static bool
mixes_operators(const struct ast_expression *expression)
{
    bool operator_here = expression->kind == AST_INTERSECTION || expression->kind == AST_EXCLUSION;

    for (const struct ast_expression *child = expression->children; child != NULL;
         child = child->next) {
        if (operator_here && !child->parenthesised &&
            (child->kind == AST_UNION || child->kind == AST_INTERSECTION))
            return true;
        if (mixes_operators(child)) /* as deep as the expression nests */
            return true;
    }
    return false;
}

static void
lint_precedence(struct linter *linter, uint32_t index)
{
    const struct build_source *source = &linter->build->sources[index];
    struct buffer reading;

    if (linter->build->members[index].kind != SCHEMA_PERMISSION ||
        !mixes_operators(source->expression))
        return;
    buffer_init(&reading);
    format_expression(source->expression, FORMAT_EXPLICIT, &reading);
    report(linter, index, "mixed-operators-without-parentheses", source->expression->place,
           "'+' binds tighter than '&', and '&' tighter than '-': this reads as %.*s",
           reading.size < 300 ? (int)reading.size : 300, reading.data);
    buffer_release(&reading);
}

static bool
same_component(const struct build_components *components, const struct build_edge *edge)
{
    return components->of_member[edge->from] == components->of_member[edge->to];
}

/* Through tuples only: on the same object such a cycle was refused. */
static void
lint_exclusion_cycles(struct linter *linter, uint32_t index)
{
    const struct build *build = linter->build;

    for (uint32_t at = build->edges.first[index]; at < build->edges.first[index + 1]; at++) {
        const struct build_edge *edge = &build->edges.edges[at];

        if (!edge->subtracted || !same_component(&build->components, edge))
            continue;
        report(linter, index, "cycle-through-exclusion-possible",
               build->expressions[edge->rewrite]->place,
               "'%.*s' is subtracted here and can lead back to '%.*s' through relationships; where "
               "they form such a circle, a check may end in CYCLE_THROUGH_EXCLUSION",
               SLICE_PRINTF(source_of(linter, build->expressions[edge->rewrite]->place)),
               SLICE_PRINTF(build->sources[index].member->name.text));
        return;
    }
}

static void
lint_same_object_cycle(struct linter *linter, const struct build_components *same, uint32_t index)
{
    const struct build *build = linter->build;

    for (uint32_t at = build->edges.first[index]; at < build->edges.first[index + 1]; at++) {
        const struct build_edge *edge = &build->edges.edges[at];

        if (!edge->same_object || edge->to == index || !same_component(same, edge))
            continue;
        report(linter, index, "permission-cycle-on-same-object",
               build->expressions[edge->rewrite]->place,
               "permissions '%.*s' and '%.*s' are computed from each other on the same object",
               SLICE_PRINTF(build->members[index].name),
               SLICE_PRINTF(build->members[edge->to].name));
        return;
    }
}

static bool
leads_to_itself(const struct build *build, uint32_t index)
{
    for (uint32_t at = build->edges.first[index]; at < build->edges.first[index + 1]; at++)
        if (same_component(&build->components, &build->edges.edges[at]))
            return true;
    return false;
}

/* A permission that is computed from itself and from nothing that is stored. */
static void
lint_base(struct linter *linter, uint32_t index)
{
    const struct build *build = linter->build;
    const uint64_t *row = build->rows + (size_t)index * 2 * build->row_words;

    if (build->members[index].kind != SCHEMA_PERMISSION || !leads_to_itself(build, index))
        return;
    for (uint32_t word = 0; word < build->row_words; word++)
        if (row[word] != 0)
            return;
    report(linter, index, "recursive-permission-without-base", place_of(linter, index),
           "permission '%.*s' is computed only from itself, so nobody ever has it",
           SLICE_PRINTF(build->members[index].name));
}

/* --- standing access of agents --- */

static bool
reaches_plainly(const struct build *build, uint32_t member, uint32_t type)
{
    const uint64_t *row = build->rows + (size_t)member * 2 * build->row_words;

    return (row[type / 64] >> type % 64 & 1) != 0;
}

/* For each member, a permission that it leads plain subjects of the type to, or SCHEMA_NONE: a
 * search from all permissions at once, against the direction of access. */
static void
find_permissions(const struct build *build, uint32_t type, uint32_t *leads_to, uint32_t *queue)
{
    uint32_t queued = 0;

    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];
        bool counts = member->kind == SCHEMA_PERMISSION && !schema_is_agent_rule(member->name) &&
                      reaches_plainly(build, index, type);

        leads_to[index] = counts ? index : SCHEMA_NONE;
        if (counts)
            queue[queued++] = index;
    }
    for (uint32_t next = 0; next < queued; next++) {
        uint32_t from = queue[next];

        for (uint32_t at = build->edges.first[from]; at < build->edges.first[from + 1]; at++) {
            const struct build_edge *edge = &build->edges.edges[at];

            if (edge->subtracted || leads_to[edge->to] != SCHEMA_NONE ||
                !reaches_plainly(build, edge->to, type))
                continue;
            leads_to[edge->to] = leads_to[from];
            queue[queued++] = edge->to;
        }
    }
}

static void
lint_standing_access(struct linter *linter, uint32_t type, const uint32_t *leads_to)
{
    const struct build *build = linter->build;

    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];
        const struct ast_type_reference *reference = build->sources[index].member->types;
        uint32_t permission = leads_to[index];

        if (member->kind != SCHEMA_RELATION || permission == SCHEMA_NONE)
            continue;
        for (uint32_t at = 0; at < member->variant_count; at++, reference = reference->next) {
            const struct schema_variant *variant = &build->variants[member->first_variant + at];

            if (variant->type != type || variant->relation != SCHEMA_NONE || variant->expiring)
                continue;
            report(
                linter, index, "standing-agent-access", reference->place,
                "relation '%.*s' allows '%.*s' without expiration and leads to '%.*s' of "
                "'%.*s': an agent may do that until the relationship is removed, whatever it was "
                "granted",
                SLICE_PRINTF(member->name), SLICE_PRINTF(source_of(linter, reference->place)),
                SLICE_PRINTF(build->members[permission].name),
                SLICE_PRINTF(build_type_name(build, build->members[permission].type)));
        }
    }
}

static enum status
lint_agents(struct linter *linter)
{
    const struct build *build = linter->build;
    uint32_t *leads_to =
        arena_take_array(build->arena, (size_t)build->member_count + 1, sizeof *leads_to);
    uint32_t *queue =
        arena_take_array(build->arena, (size_t)build->member_count + 1, sizeof *queue);

    if (leads_to == NULL || queue == NULL)
        return build_too_large(linter->build);
    for (uint32_t type = 0; type < build->type_count; type++) {
        if (names_find(&build->member_names, type, SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF)) ==
            SCHEMA_NONE)
            continue;
        find_permissions(build, type, leads_to, queue);
        lint_standing_access(linter, type, leads_to);
    }
    return BEHALF_OK;
}

static int
compare_lints(const void *a, const void *b)
{
    const struct schema_lint *x = a;
    const struct schema_lint *y = b;
    int order = (x->line > y->line) - (x->line < y->line);

    if (order == 0)
        order = (x->column > y->column) - (x->column < y->column);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->message, y->message);
}

/* Sorts by place, and keeps of equal names at one place the first. */
static void
sort_lints(struct linter *linter)
{
    size_t kept = 0;

    if (linter->count == 0)
        return;
    qsort(linter->lints, linter->count, sizeof *linter->lints, compare_lints);
    for (size_t at = 0; at < linter->count; at++) {
        const struct schema_lint *last = kept > 0 ? &linter->lints[kept - 1] : NULL;

        if (last == NULL || last->line != linter->lints[at].line ||
            last->column != linter->lints[at].column ||
            strcmp(last->name, linter->lints[at].name) != 0)
            linter->lints[kept++] = linter->lints[at];
    }
    linter->count = kept;
}

static enum status
run_lints(struct linter *linter, struct build *build)
{
    struct build_components same;
    enum status status = build_find_components(build, true, &same);

    if (status != BEHALF_OK)
        return status;
    linter->build = build;
    for (uint32_t index = 0; index < build->member_count; index++) {
        if (build->members[index].kind != SCHEMA_HIDDEN)
            lint_name(linter, index);
        if (build->members[index].kind == SCHEMA_RELATION)
            lint_usersets(linter, index);
        lint_precedence(linter, index);
        lint_exclusion_cycles(linter, index);
        lint_same_object_cycle(linter, &same, index);
        lint_base(linter, index);
    }
    for (uint32_t index = 0; index < build->rewrite_count; index++)
        lint_rewrite(linter, index);
    status = lint_agents(linter);
    sort_lints(linter);
    return status;
}

enum status
schema_lint(struct slice text, struct schema_lint **lints, size_t *count, struct error *error)
{
    struct linter linter = {0};
    struct arena arena;
    struct build build;
    enum status status;

    arena_init(&arena, BUILD_ARENA_MAX);
    status = build_schema(&build, text, BUILD_NEW, NULL, &arena, &arena, error);
    if (status == BEHALF_OK) {
        status = run_lints(&linter, &build);
        build_release(&build);
    }
    if (status == BEHALF_OK) {
        *lints = linter.lints;
        *count = linter.count;
    } else {
        memory_free(linter.lints);
    }
    arena_release(&arena);
    return status;
}
