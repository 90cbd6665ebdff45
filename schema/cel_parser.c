/* cel_parser.c - how nodes of expressions are made. */
#include "schema/cel_parser.h"

enum status
cel_parser_fail_place(struct cel_parser *parser, enum status status, uint32_t offset, size_t size)
{
    cel_error_at(parser->caveat, offset, (uint32_t)size, parser->error);
    return status;
}

enum status
cel_parser_fail_token(struct cel_parser *parser, const char *message)
{
    (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    return cel_parser_fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->token.offset,
                                 parser->token.text.size);
}

enum status
cel_parser_unexpected(struct cel_parser *parser, const char *wanted)
{
    if (parser->token.kind == CEL_TOKEN_END)
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "expected %s, found the end of the expression", wanted);
    else
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "expected %s, found '%.*s'",
                        wanted, SLICE_PRINTF(parser->token.text));
    return cel_parser_fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->token.offset,
                                 parser->token.text.size);
}

enum status
cel_parser_too_large(struct cel_parser *parser)
{
    return error_set(parser->error, BEHALF_BUDGET_EXHAUSTED, "the caveat is too large");
}

enum status
cel_parser_advance(struct cel_parser *parser)
{
    parser->token_end = parser->token.offset + (uint32_t)parser->token.text.size;
    return cel_lex(&parser->lexer, &parser->token);
}

enum status
cel_parser_expect(struct cel_parser *parser, int kind, const char *wanted)
{
    return parser->token.kind == kind ? cel_parser_advance(parser)
                                      : cel_parser_unexpected(parser, wanted);
}

/* Room for one more in an array of the arena: the old one stays behind as waste. */
static void *
grow(struct cel_parser *parser, void *items, uint32_t count, uint32_t *room, size_t size)
{
    uint32_t larger = *room == 0 ? 16 : *room * 2;
    void *copy;

    if (count < *room)
        return items;
    copy = arena_take_array(parser->arena, larger, size);
    if (copy == NULL)
        return NULL;
    if (count > 0)
        memcpy(copy, items, count * size);
    *room = larger;
    return copy;
}

enum status
cel_parser_push(struct cel_parser *parser, uint32_t node)
{
    uint32_t *pending = grow(parser, parser->pending, parser->pending_count, &parser->pending_room,
                             sizeof *pending);

    if (pending == NULL)
        return cel_parser_too_large(parser);
    parser->pending = pending;
    parser->pending[parser->pending_count++] = node;
    return BEHALF_OK;
}

enum status
cel_parser_finish(struct cel_parser *parser, enum cel_op op, uint32_t from, uint32_t offset,
                  uint32_t *result)
{
    struct cel_node *nodes =
        grow(parser, parser->nodes, parser->node_count, &parser->node_room, sizeof *nodes);
    struct cel_node *node;
    uint32_t height = 0;

    if (nodes == NULL)
        return cel_parser_too_large(parser);
    parser->nodes = nodes;
    node = &nodes[parser->node_count];
    *node = (struct cel_node){.op = (uint8_t)op,
                              .first = parser->operand_count,
                              .count = parser->pending_count - from,
                              .offset = offset,
                              .size = parser->token_end - offset};
    for (uint32_t index = from; index < parser->pending_count; index++) {
        const struct cel_node *child = &nodes[parser->pending[index]];
        uint32_t *operands = grow(parser, parser->operands, parser->operand_count,
                                  &parser->operand_room, sizeof *operands);

        if (operands == NULL)
            return cel_parser_too_large(parser);
        parser->operands = operands;
        operands[parser->operand_count++] = parser->pending[index];
        height = child->height > height ? child->height : height;
        node->parameterised = node->parameterised || child->parameterised;
    }
    node->height = (uint8_t)(height + 1);
    parser->pending_count = from;
    if (height + 1 > CEL_DEPTH_MAX) {
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "the expression is nested deeper than %d", CEL_DEPTH_MAX);
        return cel_parser_fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, offset, node->size);
    }
    *result = parser->node_count++;
    return BEHALF_OK;
}

enum status
cel_parser_finish_constant(struct cel_parser *parser, uint32_t offset, struct cel_value value,
                           uint32_t *node)
{
    struct cel_value *constant = arena_take_array(parser->arena, 1, sizeof *constant);
    enum status status;

    if (constant == NULL)
        return cel_parser_too_large(parser);
    *constant = value;
    status = cel_parser_finish(parser, CEL_OP_CONSTANT, parser->pending_count, offset, node);
    if (status == BEHALF_OK)
        parser->nodes[*node].constant = constant;
    return status;
}

bool
cel_parser_token_is(const struct cel_parser *parser, const char *text)
{
    return slice_equal(parser->token.text, slice_of(text));
}

enum status
cel_parser_take_sequence(struct cel_parser *parser, const char *const *texts, size_t count,
                         bool *taken)
{
    struct cel_parser saved = *parser;
    enum status status = BEHALF_OK;

    *taken = true;
    for (size_t index = 0; index < count && status == BEHALF_OK && *taken; index++) {
        *taken = cel_parser_token_is(parser, texts[index]);
        if (*taken)
            status = cel_parser_advance(parser);
    }
    if (status == BEHALF_OK && *taken)
        return BEHALF_OK;
    *taken = false;
    parser->lexer = saved.lexer;
    parser->token = saved.token;
    parser->token_end = saved.token_end;
    return BEHALF_OK;
}
