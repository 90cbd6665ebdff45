/* parse.h - schema text to its tree.
 * Always true: the parser recurses only into parentheses, arrow steps and parameter types, at most
 * SCHEMA_NESTING_MAX deep; every name in the tree has the pattern of its kind. Names are not
 * resolved here.
 * Memory: the tree lies in the arena and points into the text, which must outlive it.
 * Errors: SCHEMA_PARSE_ERROR with line, column, the offending text and often a hint. */
#ifndef BEHALF_SCHEMA_PARSE_H
#define BEHALF_SCHEMA_PARSE_H

#include "base/arena.h"
#include "base/error.h"
#include "schema/ast.h"
#include "schema/lex.h"

struct parser {
    struct lexer lexer;
    struct token token; /* the next one, not consumed yet */
    uint32_t last_end;  /* where the last consumed token ends in the text */
    unsigned flags;     /* enum ast_flag of the `use` lines so far */
    uint32_t expression_count;
    bool past_definition; /* a definition or caveat was seen: no `use` any more */
    struct arena *arena;
    struct error *error;
};

enum status schema_parse(struct slice text, struct arena *arena, struct ast_file **file,
                         struct error *error) BEHALF_MUST_USE;

/* What parse.c and parse_expression.c share. */

/* Consumes the current token. */
enum status parser_advance(struct parser *parser) BEHALF_MUST_USE;

/* Consumes a token of this kind; an error that names `what` and the token found otherwise. */
enum status parser_expect(struct parser *parser, enum token_kind kind,
                          const char *what) BEHALF_MUST_USE;

/* The error for a current token that is not `what`. */
enum status parser_unexpected(struct parser *parser, const char *what) BEHALF_MUST_USE;

enum status parser_too_large(struct parser *parser) BEHALF_MUST_USE;

/* Whether the current token is this word, as a keyword of a `use` flag that was written. */
bool parser_at_flag_word(const struct parser *parser, const char *word, enum ast_flag flag);

/* A relation or permission name. */
enum status parser_take_name(struct parser *parser, const char *what,
                             struct ast_name *name) BEHALF_MUST_USE;

enum status parse_expression(struct parser *parser, uint32_t depth,
                             struct ast_expression **expression) BEHALF_MUST_USE;

#endif
