/* cel_parser.h - the state of the parser of expressions, and how nodes are made.
 * Always true: a node is finished after its children, so children stand before it in the array.
 * Threads: none. Memory: all in the arena; what grows leaves its smaller copies behind. */
#ifndef BEHALF_SCHEMA_CEL_PARSER_H
#define BEHALF_SCHEMA_CEL_PARSER_H

#include "schema/cel_lex.h"

struct cel_parser {
    struct caveat *caveat;
    struct arena *arena;
    struct error *error;
    struct cel_lexer lexer;
    struct cel_token token;
    uint32_t token_end; /* of the last token that was taken */
    struct cel_node *nodes;
    uint32_t node_count;
    uint32_t node_room;
    uint32_t *operands;
    uint32_t operand_count;
    uint32_t operand_room;
    uint32_t *pending; /* nodes whose parent is still being read */
    uint32_t pending_count;
    uint32_t pending_room;
    struct cel_local {
        struct slice name;
        uint32_t range;
        bool optional;
    } locals[CEL_LOCALS_MAX];
    uint32_t local_count;
    uint32_t depth;
    uint32_t used;
};

/* Adds the place to an error that was set. */
enum status cel_parser_fail_place(struct cel_parser *parser, enum status status, uint32_t offset,
                                  size_t size);

/* SCHEMA_PARSE_ERROR at the token. */
enum status cel_parser_fail_token(struct cel_parser *parser, const char *message);

/* "expected WANTED, found the token". */
enum status cel_parser_unexpected(struct cel_parser *parser, const char *wanted);

/* BUDGET_EXHAUSTED: the arena is spent. */
enum status cel_parser_too_large(struct cel_parser *parser);

/* Takes the token and reads the next one. */
enum status cel_parser_advance(struct cel_parser *parser) BEHALF_MUST_USE;

/* Takes a token of this kind. */
enum status cel_parser_expect(struct cel_parser *parser, int kind,
                              const char *wanted) BEHALF_MUST_USE;

/* Lets a node wait for its parent. */
enum status cel_parser_push(struct cel_parser *parser, uint32_t node) BEHALF_MUST_USE;

/* A node over what is pending from `from` on, whose text begins at `offset` and ends here. */
enum status cel_parser_finish(struct cel_parser *parser, enum cel_op op, uint32_t from,
                              uint32_t offset, uint32_t *result) BEHALF_MUST_USE;

/* A leaf with this value. */
enum status cel_parser_finish_constant(struct cel_parser *parser, uint32_t offset,
                                       struct cel_value value, uint32_t *node) BEHALF_MUST_USE;

/* Whether the token has this text. */
bool cel_parser_token_is(const struct cel_parser *parser, const char *text);

/* Whether exactly these tokens come next; then they are taken. */
enum status cel_parser_take_sequence(struct cel_parser *parser, const char *const *texts,
                                     size_t count, bool *taken) BEHALF_MUST_USE;

#endif
