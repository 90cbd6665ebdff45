/* parse_expression.c - expressions of permissions.
 * Precedence is the language's own: `+` binds tightest, then `&`, then `-`. Each level of the
 * grammar is one function; only parentheses and arrow steps go down again, and count. */
#include "schema/parse.h"

#include "schema/schema.h"

static enum status
new_expression(struct parser *parser, enum ast_expression_kind kind,
               struct ast_expression **expression)
{
    *expression = arena_take(parser->arena, sizeof **expression);
    if (*expression == NULL)
        return parser_too_large(parser);
    **expression = (struct ast_expression){
        .kind = kind, .number = parser->expression_count++, .place = parser->token.place};
    return BEHALF_OK;
}

/* Stretches the place of `expression`, which begins with its first child, over all it read. */
static void
cover(const struct parser *parser, struct ast_expression *expression)
{
    expression->place = expression->children->place;
    expression->place.size = parser->last_end - expression->place.offset;
}

static enum status
nested_too_deep(struct parser *parser)
{
    error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
              "the expression nests more than %d levels of parentheses and arrows",
              SCHEMA_NESTING_MAX);
    error_hint(parser->error, "give a part of it a name of its own, as another permission");
    return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                           parser->token.place);
}

static enum status
parse_parentheses(struct parser *parser, uint32_t depth, struct ast_expression **expression)
{
    enum status status;

    if (depth + 1 > SCHEMA_NESTING_MAX)
        return nested_too_deep(parser);
    status = parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    status = parse_expression(parser, depth + 1, expression);
    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(*expression != NULL);
    (*expression)->parenthesised = true;
    return parser_expect(parser, TOKEN_RIGHT_PAREN, "an operator or ')'");
}

/* A name, `nil`, `self` or a parenthesised expression. */
static enum status
parse_primary(struct parser *parser, uint32_t depth, struct ast_expression **expression)
{
    enum ast_expression_kind kind = AST_NAME;
    struct ast_name name;
    enum status status;

    if (parser->token.kind == TOKEN_LEFT_PAREN)
        return parse_parentheses(parser, depth, expression);
    if (parser->token.kind == TOKEN_NIL)
        kind = AST_NIL;
    else if (parser_at_flag_word(parser, "self", AST_FLAG_SELF))
        kind = AST_SELF;
    status = new_expression(parser, kind, expression);
    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(*expression != NULL);
    if (kind != AST_NAME)
        return parser_advance(parser);
    status = parser_take_name(parser, "a relation, a permission, 'nil' or '('", &name);
    if (status == BEHALF_OK)
        (*expression)->name = name.text;
    return status;
}

static bool
is_union_of_names(const struct ast_expression *expression)
{
    if (expression->kind == AST_NAME)
        return true;
    if (expression->kind != AST_UNION)
        return false;
    for (const struct ast_expression *child = expression->children; child != NULL;
         child = child->next)
        if (!is_union_of_names(child)) /* nested as deep as the parentheses, which are counted */
            return false;
    return true;
}

/* Only relations are walked, one by one or as a union; `.all` over a union would be an
 * intersection over both, which a distributed arrow does not mean. */
static enum status
check_arrow_left(struct parser *parser, const struct ast_expression *left,
                 enum ast_expression_kind kind)
{
    if (!is_union_of_names(left)) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                  "an arrow cannot walk the result of '%s'; its left side is a relation or a "
                  "union of relations in parentheses",
                  left->kind == AST_INTERSECTION ? "&"
                  : left->kind == AST_EXCLUSION  ? "-"
                  : left->kind == AST_NIL        ? "nil"
                  : left->kind == AST_SELF       ? "self"
                                                 : "->");
        error_hint(parser->error, "write a->b->c without parentheses for several steps");
        return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                               left->place);
    }
    if (kind == AST_ALL && left->kind != AST_NAME) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                  "'.all' walks one relation, not a union of relations");
        return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                               left->place);
    }
    return BEHALF_OK;
}

/* `->` target, or `.any(` target `)`, or `.all(` target `)`; sets the kind. */
static enum status
parse_step(struct parser *parser, uint32_t depth, enum ast_expression_kind *kind,
           struct ast_expression **target)
{
    enum status status;

    if (parser->token.kind == TOKEN_ARROW) {
        *kind = AST_ARROW;
        status = parser_advance(parser);
        return status == BEHALF_OK ? parse_primary(parser, depth, target) : status;
    }
    status = parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (slice_equal(parser->token.text, SLICE_LITERAL("any")))
        *kind = AST_ANY;
    else if (slice_equal(parser->token.text, SLICE_LITERAL("all")))
        *kind = AST_ALL;
    else
        return parser_unexpected(parser, "'any' or 'all'");
    status = parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind != TOKEN_LEFT_PAREN)
        return parser_unexpected(parser, "'('");
    return parse_parentheses(parser, depth, target);
}

/* `a->b->c` becomes a->(b->c): each step's target is the arrow that begins with it. */
static enum status
parse_arrow(struct parser *parser, uint32_t depth, struct ast_expression **expression)
{
    struct ast_expression *last = NULL;
    enum status status = parse_primary(parser, depth, expression);

    while (status == BEHALF_OK &&
           (parser->token.kind == TOKEN_ARROW || parser->token.kind == TOKEN_PERIOD)) {
        struct ast_expression *left = last == NULL ? *expression : last->children->next;
        struct ast_expression *arrow;
        struct ast_expression *target;

        if (++depth > SCHEMA_NESTING_MAX)
            return nested_too_deep(parser);
        status = new_expression(parser, AST_ARROW, &arrow);
        if (status == BEHALF_OK)
            status = parse_step(parser, depth, &arrow->kind, &target);
        if (status == BEHALF_OK)
            status = check_arrow_left(parser, left, arrow->kind);
        if (status != BEHALF_OK)
            return status;
        arrow->children = left;
        left->next = target;
        cover(parser, arrow);
        if (last == NULL) {
            *expression = arrow;
        } else {
            last->children->next = arrow;
            cover(parser, *expression);
        }
        last = arrow;
    }
    return status;
}

/* Operands between operators of one kind; `kind` tells the level of the grammar. */
static enum status
parse_level(struct parser *parser, uint32_t depth, enum ast_expression_kind kind,
            struct ast_expression **expression)
{
    enum token_kind separator = kind == AST_UNION          ? TOKEN_PLUS
                                : kind == AST_INTERSECTION ? TOKEN_AMPERSAND
                                                           : TOKEN_MINUS;
    struct ast_expression *group = NULL;
    struct ast_expression *last = NULL;
    struct ast_expression *operand;

    for (;;) {
        enum status status;

        if (kind == AST_UNION)
            status = parse_arrow(parser, depth, &operand);
        else
            status = parse_level(parser, depth,
                                 kind == AST_INTERSECTION ? AST_UNION : AST_INTERSECTION, &operand);
        if (status != BEHALF_OK)
            return status;
        if (last == NULL && parser->token.kind != separator) {
            *expression = operand;
            return BEHALF_OK;
        }
        if (last == NULL) {
            status = new_expression(parser, kind, &group);
            if (status != BEHALF_OK)
                return status;
            group->children = operand;
        } else {
            last->next = operand;
        }
        last = operand;
        if (parser->token.kind != separator)
            break;
        status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
    }
    cover(parser, group);
    *expression = group;
    return BEHALF_OK;
}

enum status
parse_expression(struct parser *parser, uint32_t depth, struct ast_expression **expression)
{
    return parse_level(parser, depth, AST_EXCLUSION, expression);
}
