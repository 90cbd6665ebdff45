/* rewrite.c - expressions to rewrites.
 * Named members come first; an arrow whose target is more than a name adds hidden members, one per
 * subject type and target, which are compiled in turn. `nil` is folded away where the result and
 * its errors stay the same: `x + nil` and `x - nil` are x, `x & nil` and `nil - x` are nil. */
#include "base/table.h"
#include "schema/build.h"

struct rewriter {
    struct build *build;
    struct table hidden;      /* (type, number of the target expression) -> member */
    struct names hop_names;   /* scope: tupleset relation; name of the target -> first hop */
    struct table hop_targets; /* (tupleset relation, number of the target) -> first hop */
    uint32_t member;          /* being compiled */
};

/* Below: `*node` is the rewrite, or SCHEMA_NONE for the empty set. */
static enum status compile(struct rewriter *rewriter, const struct ast_expression *expression,
                           uint32_t *node);

static enum status
emit(struct rewriter *rewriter, const struct ast_expression *expression, struct rewrite rewrite,
     uint32_t *node)
{
    struct build *build = rewriter->build;

    build->rewrites = build_grow(build, build->rewrites, build->rewrite_count,
                                 &build->rewrite_capacity, sizeof *build->rewrites);
    build->expressions = build_grow(build, build->expressions, build->rewrite_count,
                                    &build->expression_capacity, sizeof *build->expressions);
    if (build->rewrites == NULL || build->expressions == NULL)
        return build_too_large(build);
    build->rewrites[build->rewrite_count] = rewrite;
    build->expressions[build->rewrite_count] = expression;
    *node = build->rewrite_count++;
    return BEHALF_OK;
}

static enum status
push(struct rewriter *rewriter, uint32_t node)
{
    struct build *build = rewriter->build;

    build->stack = build_grow(build, build->stack, build->stack_count, &build->stack_capacity,
                              sizeof *build->stack);
    if (build->stack == NULL)
        return build_too_large(build);
    build->stack[build->stack_count++] = node;
    return BEHALF_OK;
}

/* An operator over the nodes pushed since `mark`; one node stands for itself. */
static enum status
pop_operands(struct rewriter *rewriter, const struct ast_expression *expression, enum rewrite_op op,
             uint32_t mark, uint32_t *node)
{
    struct build *build = rewriter->build;
    uint32_t count = build->stack_count - mark;
    uint32_t first = build->operand_count;

    build->stack_count = mark;
    if (count < 2) {
        *node = count == 1 ? build->stack[mark] : SCHEMA_NONE;
        return BEHALF_OK;
    }
    for (uint32_t at = 0; at < count; at++) {
        build->operands = build_grow(build, build->operands, build->operand_count,
                                     &build->operand_capacity, sizeof *build->operands);
        if (build->operands == NULL)
            return build_too_large(build);
        build->operands[build->operand_count++] = build->stack[mark + at];
    }
    return emit(rewriter, expression,
                (struct rewrite){.op = op, .first = first, .count = count, .member = SCHEMA_NONE},
                node);
}

static uint32_t
type_of(const struct rewriter *rewriter)
{
    return rewriter->build->members[rewriter->member].type;
}

static bool
is_hidden(const struct rewriter *rewriter)
{
    return rewriter->build->members[rewriter->member].kind == SCHEMA_HIDDEN;
}

/* The member that a name means on the type at hand. On the subject types of an arrow a name may be
 * missing, which is the empty set (SCHEMA_NONE); in a permission itself it may not. */
static enum status
resolve(struct rewriter *rewriter, const struct ast_expression *name, uint32_t *member)
{
    struct build *build = rewriter->build;

    *member = names_find(&build->member_names, type_of(rewriter), name->name);
    if (*member != SCHEMA_NONE || is_hidden(rewriter))
        return BEHALF_OK;
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "'%.*s' has no relation or permission '%.*s'",
              SLICE_PRINTF(build_type_name(build, type_of(rewriter))), SLICE_PRINTF(name->name));
    build_suggest_member(build, type_of(rewriter), name->name);
    return build_error_at(build, name->place);
}

static enum status
compile_name(struct rewriter *rewriter, const struct ast_expression *expression, uint32_t *node)
{
    uint32_t member;
    enum status status = resolve(rewriter, expression, &member);

    *node = SCHEMA_NONE;
    if (status != BEHALF_OK || member == SCHEMA_NONE)
        return status;
    return emit(rewriter, expression, (struct rewrite){.op = REWRITE_COMPUTED, .member = member},
                node);
}

/* The relation that an arrow walks: stored, and without wildcards. */
static enum status
resolve_tupleset(struct rewriter *rewriter, const struct ast_expression *left, uint32_t *member)
{
    struct build *build = rewriter->build;
    enum status status = resolve(rewriter, left, member);

    if (status != BEHALF_OK || *member == SCHEMA_NONE)
        return status;
    if (build->members[*member].kind != SCHEMA_RELATION) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "'%.*s' of '%.*s' is a permission; an arrow walks a relation",
                  SLICE_PRINTF(left->name),
                  SLICE_PRINTF(build_type_name(build, type_of(rewriter))));
        return build_error_at(build, left->place);
    }
    if (build->sources[*member].holds_wildcard) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "relation '%.*s' of '%.*s' can hold a wildcard, which an arrow cannot walk",
                  SLICE_PRINTF(left->name),
                  SLICE_PRINTF(build_type_name(build, type_of(rewriter))));
        return build_error_at(build, left->place);
    }
    return BEHALF_OK;
}

/* Whether some subject type of the relation has the name. */
static bool
found_on_subjects(const struct build *build, uint32_t tupleset, struct slice name)
{
    const struct build_source *source = &build->sources[tupleset];

    for (uint32_t at = 0; at < source->subject_count; at++)
        if (names_find(&build->member_names, build->subject_types[source->first_subject + at],
                       name) != SCHEMA_NONE)
            return true;
    return false;
}

/* In a target that is more than a name, a name that no subject type has is surely a slip. Targets
 * of arrows inside are looked at when those are compiled. As deep as the expression nests. */
static enum status
check_target_names(struct rewriter *rewriter, uint32_t tupleset,
                   const struct ast_expression *target)
{
    struct build *build = rewriter->build;
    bool arrow = target->kind == AST_ARROW || target->kind == AST_ANY || target->kind == AST_ALL;
    enum status status = BEHALF_OK;

    if (target->kind == AST_NAME && !found_on_subjects(build, tupleset, target->name)) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "no type of subject on '%.*s' has a relation or permission '%.*s'",
                  SLICE_PRINTF(build->members[tupleset].name), SLICE_PRINTF(target->name));
        return build_error_at(build, target->place);
    }
    for (const struct ast_expression *child = target->children;
         status == BEHALF_OK && child != NULL; child = arrow ? NULL : child->next)
        status = check_target_names(rewriter, tupleset, child);
    return status;
}

/* The hidden member that computes `target` on objects of `type`. Compiled when its turn comes. */
static enum status
find_hidden(struct rewriter *rewriter, uint32_t type, const struct ast_expression *target,
            uint32_t *member)
{
    struct build *build = rewriter->build;
    uint64_t key = (uint64_t)type << 32 | target->number;
    struct schema_member hidden = {.kind = SCHEMA_HIDDEN, .type = type, .root = SCHEMA_NONE};
    struct build_source source = {.member = build->sources[rewriter->member].member,
                                  .expression = target};

    *member = table_find(&rewriter->hidden, key);
    if (*member != TABLE_NONE)
        return BEHALF_OK;
    hidden.name = (struct slice){build->file->text.data + target->place.offset, target->place.size};
    if (target->kind == AST_NIL)
        hidden.name = SLICE_LITERAL("(nil)");
    if (target->kind == AST_SELF)
        hidden.name = SLICE_LITERAL("(self)");
    *member = build->member_count;
    if (!table_add(&rewriter->hidden, key, *member))
        return build_too_large(build);
    return build_add_member(build, &hidden, &source);
}

/* One hop per subject type of the relation; equal (relation, target) share their hops. */
static enum status
find_hops(struct rewriter *rewriter, uint32_t tupleset, const struct ast_expression *target,
          uint32_t *first)
{
    struct build *build = rewriter->build;
    struct build_source source = build->sources[tupleset];
    uint64_t key = (uint64_t)tupleset << 32 | target->number;
    bool named = target->kind == AST_NAME;

    *first = named ? names_find(&rewriter->hop_names, tupleset, target->name)
                   : table_find(&rewriter->hop_targets, key);
    if (*first != SCHEMA_NONE)
        return BEHALF_OK;
    *first = build->hop_count;
    for (uint32_t at = 0; at < source.subject_count; at++) {
        struct schema_hop hop = {.type = build->subject_types[source.first_subject + at]};

        if (named) {
            hop.member = names_find(&build->member_names, hop.type, target->name);
        } else {
            enum status status = find_hidden(rewriter, hop.type, target, &hop.member);

            if (status != BEHALF_OK)
                return status;
        }
        build->hops = build_grow(build, build->hops, build->hop_count, &build->hop_capacity,
                                 sizeof *build->hops);
        if (build->hops == NULL)
            return build_too_large(build);
        build->hops[build->hop_count++] = hop;
    }
    if (named ? names_add(&rewriter->hop_names, tupleset, target->name, *first)
              : table_add(&rewriter->hop_targets, key, *first))
        return BEHALF_OK;
    return build_too_large(build);
}

/* An arrow over one relation. */
static enum status
compile_arrow(struct rewriter *rewriter, const struct ast_expression *arrow,
              const struct ast_expression *left, uint32_t *node)
{
    const struct ast_expression *target = arrow->children->next;
    struct rewrite rewrite = {.op = arrow->kind == AST_ALL ? REWRITE_ARROW_ALL : REWRITE_ARROW};
    enum status status = resolve_tupleset(rewriter, left, &rewrite.member);

    *node = SCHEMA_NONE;
    if (status != BEHALF_OK || rewrite.member == SCHEMA_NONE)
        return status;
    if (target->kind != AST_NAME)
        status = check_target_names(rewriter, rewrite.member, target);
    if (status == BEHALF_OK)
        status = find_hops(rewriter, rewrite.member, target, &rewrite.first);
    if (status != BEHALF_OK)
        return status;
    rewrite.count = rewriter->build->sources[rewrite.member].subject_count;
    return emit(rewriter, arrow, rewrite, node);
}

/* Pushes an arrow per name of a left side that is a union: (a + b)->c is a->c + b->c. */
static enum status
push_arrows(struct rewriter *rewriter, const struct ast_expression *arrow,
            const struct ast_expression *left)
{
    enum status status = BEHALF_OK;
    uint32_t node;

    if (left->kind == AST_NAME) {
        status = compile_arrow(rewriter, arrow, left, &node);
        return status == BEHALF_OK && node != SCHEMA_NONE ? push(rewriter, node) : status;
    }
    for (const struct ast_expression *child = left->children; status == BEHALF_OK && child != NULL;
         child = child->next)
        status = push_arrows(rewriter, arrow, child);
    return status;
}

/* Pushes the operands of `expression`, an operator of `kind`; those of the same operator below it
 * are lifted. `*empty` is set when one of them is the empty set. */
static enum status
push_operands(struct rewriter *rewriter, const struct ast_expression *expression, bool *empty)
{
    enum status status = BEHALF_OK;

    for (const struct ast_expression *child = expression->children;
         status == BEHALF_OK && child != NULL; child = child->next) {
        bool arrow = child->kind == AST_ARROW || child->kind == AST_ANY;
        uint32_t node;

        if (child->kind == expression->kind) {
            status = push_operands(rewriter, child, empty);
        } else if (arrow && expression->kind == AST_UNION) {
            status = push_arrows(rewriter, child, child->children);
        } else {
            status = compile(rewriter, child, &node);
            if (status == BEHALF_OK && node == SCHEMA_NONE)
                *empty = true;
            else if (status == BEHALF_OK)
                status = push(rewriter, node);
        }
    }
    return status;
}

static enum status
compile_union(struct rewriter *rewriter, const struct ast_expression *expression, uint32_t *node)
{
    uint32_t mark = rewriter->build->stack_count;
    bool empty = false;
    enum status status = push_operands(rewriter, expression, &empty);

    if (status != BEHALF_OK)
        return status;
    return pop_operands(rewriter, expression, REWRITE_UNION, mark, node);
}

static enum status
compile_intersection(struct rewriter *rewriter, const struct ast_expression *expression,
                     uint32_t *node)
{
    struct build *build = rewriter->build;
    uint32_t mark = build->stack_count;
    uint32_t rewrites = build->rewrite_count;
    uint32_t operands = build->operand_count;
    bool empty = false;
    enum status status = push_operands(rewriter, expression, &empty);

    if (status != BEHALF_OK)
        return status;
    if (!empty)
        return pop_operands(rewriter, expression, REWRITE_INTERSECTION, mark, node);
    build->stack_count = mark;
    build->rewrite_count = rewrites;
    build->operand_count = operands;
    *node = SCHEMA_NONE;
    return BEHALF_OK;
}

/* a - b - c is (a - b) - c. */
static enum status
compile_exclusion(struct rewriter *rewriter, const struct ast_expression *expression,
                  uint32_t *node)
{
    struct build *build = rewriter->build;
    uint32_t rewrites = build->rewrite_count;
    uint32_t operands = build->operand_count;
    enum status status = compile(rewriter, expression->children, node);

    for (const struct ast_expression *child = expression->children->next;
         status == BEHALF_OK && child != NULL; child = child->next) {
        uint32_t mark = build->stack_count;
        uint32_t right;

        status = compile(rewriter, child, &right);
        if (status != BEHALF_OK || *node == SCHEMA_NONE || right == SCHEMA_NONE)
            continue;
        status = push(rewriter, *node);
        if (status == BEHALF_OK)
            status = push(rewriter, right);
        if (status == BEHALF_OK)
            status = pop_operands(rewriter, expression, REWRITE_EXCLUSION, mark, node);
    }
    if (status == BEHALF_OK && *node == SCHEMA_NONE) {
        build->rewrite_count = rewrites;
        build->operand_count = operands;
    }
    return status;
}

/* As deep as the expression nests, which the parser bounded. */
static enum status
compile(struct rewriter *rewriter, const struct ast_expression *expression, uint32_t *node)
{
    uint32_t mark = rewriter->build->stack_count;
    enum status status;

    switch (expression->kind) {
    case AST_NAME:
        return compile_name(rewriter, expression, node);
    case AST_NIL:
        *node = SCHEMA_NONE;
        return BEHALF_OK;
    case AST_SELF:
        return emit(rewriter, expression,
                    (struct rewrite){.op = REWRITE_SELF, .member = SCHEMA_NONE}, node);
    case AST_UNION:
        return compile_union(rewriter, expression, node);
    case AST_INTERSECTION:
        return compile_intersection(rewriter, expression, node);
    case AST_EXCLUSION:
        return compile_exclusion(rewriter, expression, node);
    case AST_ARROW:
    case AST_ANY:
    case AST_ALL:
        status = push_arrows(rewriter, expression, expression->children);
        if (status != BEHALF_OK)
            return status;
        return pop_operands(rewriter, expression, REWRITE_UNION, mark, node);
    }
    BEHALF_UNREACHABLE();
}

static enum status
compile_member(struct rewriter *rewriter, uint32_t index)
{
    struct build *build = rewriter->build;
    const struct ast_expression *expression = build->sources[index].expression;
    enum status status;
    uint32_t root;

    rewriter->member = index;
    if (build->members[index].kind == SCHEMA_RELATION)
        status =
            emit(rewriter, NULL, (struct rewrite){.op = REWRITE_STORED, .member = index}, &root);
    else
        status = compile(rewriter, expression, &root);
    if (status == BEHALF_OK && root == SCHEMA_NONE)
        status = emit(rewriter, expression,
                      (struct rewrite){.op = REWRITE_NIL, .member = SCHEMA_NONE}, &root);
    if (status == BEHALF_OK)
        build->members[index].root = root;
    return status;
}

/* Moves hidden members behind the named ones of their type; `places` says where each one goes. */
static enum status
renumber(struct build *build, uint32_t *places)
{
    uint32_t count = build->member_count;
    struct schema_member *members = arena_take_array(build->arena, count, sizeof *members);
    struct build_source *sources = arena_take_array(build->arena, count, sizeof *sources);
    uint32_t *next = arena_take_array(build->arena, build->type_count + 1, sizeof *next);

    if (members == NULL || sources == NULL || next == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < count; index++)
        next[build->members[index].type + 1]++;
    for (uint32_t type = 0; type < build->type_count; type++) {
        next[type + 1] += next[type];
        build->types[type].first_member = next[type];
        build->types[type].member_count = next[type + 1] - next[type];
    }
    for (uint32_t index = 0; index < count; index++) {
        places[index] = next[build->members[index].type]++;
        members[places[index]] = build->members[index];
        sources[places[index]] = build->sources[index];
    }
    build->members = members;
    build->sources = sources;
    build->member_capacity = count;
    build->source_capacity = count;
    return BEHALF_OK;
}

static void
rename_references(struct build *build, const uint32_t *places)
{
    struct names *names = &build->member_names;

    for (uint32_t index = 0; index < build->variant_count; index++)
        if (build->variants[index].relation != SCHEMA_NONE)
            build->variants[index].relation = places[build->variants[index].relation];
    for (uint32_t index = 0; index < build->rewrite_count; index++)
        if (build->rewrites[index].member != SCHEMA_NONE &&
            build->rewrites[index].op != REWRITE_SELF && build->rewrites[index].op != REWRITE_NIL)
            build->rewrites[index].member = places[build->rewrites[index].member];
    for (uint32_t index = 0; index < build->hop_count; index++)
        if (build->hops[index].member != SCHEMA_NONE)
            build->hops[index].member = places[build->hops[index].member];
    for (uint32_t slot = 0; slot <= names->mask; slot++)
        if (names->slots[slot].value != SCHEMA_NONE)
            names->slots[slot].value = places[names->slots[slot].value];
}

enum status
build_rewrites(struct build *build)
{
    struct rewriter rewriter = {.build = build};
    uint32_t named = build->member_count;
    uint32_t *places;
    enum status status = BEHALF_OK;

    if (!table_init(&rewriter.hidden, build->arena, 16) ||
        !table_init(&rewriter.hop_targets, build->arena, 16) ||
        !names_init(&rewriter.hop_names, build->arena, 64))
        return build_too_large(build);
    for (uint32_t index = 0; status == BEHALF_OK && index < build->member_count; index++)
        status = compile_member(&rewriter, index); /* adds hidden members behind */
    if (status != BEHALF_OK || build->member_count == named)
        return status;
    places = arena_take_array(build->arena, build->member_count, sizeof *places);
    if (places == NULL)
        return build_too_large(build);
    status = renumber(build, places);
    if (status == BEHALF_OK)
        rename_references(build, places);
    return status;
}
