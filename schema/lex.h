/* lex.h - schema text to tokens, one at a time.
 * Always true: a token's bytes lie in the text; a newline behind a token that can end a statement
 * (identifier, keyword, `}`, `)`, `*`) is a SEMICOLON token of no bytes. Comments are no tokens:
 * they are gathered in `comments` until the parser takes them. Keywords that need a `use` flag are
 * IDENTIFIER here; the parser knows the flags.
 * Threads: none. Memory: comments lie in the arena. */
#ifndef BEHALF_SCHEMA_LEX_H
#define BEHALF_SCHEMA_LEX_H

#include "base/arena.h"
#include "base/error.h"
#include "schema/ast.h"

enum token_kind {
    TOKEN_END,
    TOKEN_IDENTIFIER,
    TOKEN_DEFINITION, /* hard keywords */
    TOKEN_CAVEAT,
    TOKEN_RELATION,
    TOKEN_PERMISSION,
    TOKEN_NIL,
    TOKEN_WITH,
    TOKEN_STRING,
    TOKEN_SEMICOLON,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_PIPE,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_ARROW,
    TOKEN_AMPERSAND,
    TOKEN_SLASH,
    TOKEN_EQUALS,
    TOKEN_COLON,
    TOKEN_HASH,
    TOKEN_ELLIPSIS,
    TOKEN_PERIOD,
    TOKEN_COMMA,
    TOKEN_LESS,
    TOKEN_GREATER,
    TOKEN_STAR,
    TOKEN_OTHER, /* punctuation that only the body of a caveat can have */
};

struct token {
    enum token_kind kind;
    struct place place;
    struct slice text; /* empty for END and for a SEMICOLON that a newline stands for */
};

struct lexer {
    struct slice text;
    size_t at;
    size_t line_start;
    uint32_t line;
    enum token_kind previous; /* last token given out */
    bool token_on_line;       /* a token was given out since the last newline */
    bool in_caveat;           /* strings are those of CEL: `\"` does not end one, but in r"..." */
    struct comment_list comments;
    struct arena *arena;
    struct error *error;
};

void lexer_init(struct lexer *lexer, struct slice text, struct arena *arena, struct error *error);

/* SCHEMA_PARSE_ERROR at a byte that begins no token. After END always END. */
enum status lexer_next(struct lexer *lexer, struct token *token) BEHALF_MUST_USE;

/* How messages call a kind of token ("'{'", "a name"). Static storage. */
const char *token_kind_name(enum token_kind kind);

/* Adds the place to an error that was set, and returns its status. */
enum status schema_error_at(struct error *error, enum status status, struct slice text,
                            struct place place);

#endif
