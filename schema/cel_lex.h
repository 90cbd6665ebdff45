/* cel_lex.h - the tokens of an expression, and the values of literals.
 * Always true: a token's bytes lie in the text; blanks and `//` comments are no tokens.
 * Threads: none. Memory: literals with escapes lie in the arena, others point into the text. */
#ifndef BEHALF_SCHEMA_CEL_LEX_H
#define BEHALF_SCHEMA_CEL_LEX_H

#include "schema/cel_node.h"

/* A punctuation mark of one byte is its own kind. */
enum cel_token_kind {
    CEL_TOKEN_END = 256,
    CEL_TOKEN_NAME,
    CEL_TOKEN_INT,
    CEL_TOKEN_UINT,
    CEL_TOKEN_DOUBLE,
    CEL_TOKEN_STRING,
    CEL_TOKEN_BYTES,
    CEL_TOKEN_AND,
    CEL_TOKEN_OR,
    CEL_TOKEN_EQUAL,
    CEL_TOKEN_UNEQUAL,
    CEL_TOKEN_LESS_EQUAL,
    CEL_TOKEN_GREATER_EQUAL,
};

struct cel_token {
    int kind;
    uint32_t offset;
    struct slice text;
};

struct cel_lexer {
    const struct caveat *caveat;
    struct error *error;
    uint32_t at;
};

/* SCHEMA_PARSE_ERROR at a byte that begins no token. After END always END. */
enum status cel_lex(struct cel_lexer *lexer, struct cel_token *token) BEHALF_MUST_USE;

/* The value of a literal. `negative`: a minus stands before the number. */
enum status cel_literal(const struct caveat *caveat, const struct cel_token *token, bool negative,
                        struct arena *arena, struct cel_value *value,
                        struct error *error) BEHALF_MUST_USE;

static inline bool
cel_is_name_start(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static inline bool
cel_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

#endif
