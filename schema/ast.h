/* ast.h - a schema text as it was written.
 * Always true: nodes lie in one arena and point into the text (names of several tokens, like a path
 * with spaces in it, are copied); lists are in the order of the text; the depth of an expression is
 * at most SCHEMA_NESTING_MAX, counting parentheses and arrow steps.
 * Threads: read-only after parsing. */
#ifndef BEHALF_SCHEMA_AST_H
#define BEHALF_SCHEMA_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct place {
    uint32_t offset;
    uint32_t size;
    uint32_t line;
    uint32_t column;
};

struct comment {
    struct slice text; /* with its markers */
    uint32_t offset;
    bool same_line; /* a token stands before it on its line */
    struct comment *next;
};

struct comment_list {
    struct comment *first;
    struct comment *last;
};

/* What stands around a statement: above it (or inside, moved above), and behind it on its line. */
struct comments {
    struct comment_list above;
    struct comment_list behind;
};

struct ast_name {
    struct slice text;
    struct place place;
};

enum ast_expression_kind {
    AST_NAME,
    AST_NIL,
    AST_SELF,
    AST_UNION,        /* children */
    AST_INTERSECTION, /* children */
    AST_EXCLUSION,    /* children; the first, minus all others */
    AST_ARROW,        /* children: left, target */
    AST_ANY,          /* as ARROW, written left.any(target) */
    AST_ALL,
};

struct ast_expression {
    enum ast_expression_kind kind;
    bool parenthesised;
    uint32_t number;    /* no other expression of the text has it */
    struct place place; /* of the whole expression, parentheses left out */
    struct slice name;  /* NAME */
    struct ast_expression *children;
    struct ast_expression *next; /* sibling */
};

struct ast_type_reference {
    struct ast_name type;
    struct ast_name relation; /* empty when there is none or when it is `...` */
    struct ast_name caveat;
    struct place place;
    bool wildcard;
    bool ellipsis; /* `#...` was written */
    bool expiring;
    struct ast_type_reference *next;
};

struct ast_annotation {
    struct ast_name type;
    struct ast_annotation *next;
};

enum ast_member_kind { AST_RELATION, AST_PERMISSION, AST_SPLICE };

struct ast_member {
    enum ast_member_kind kind;
    struct ast_name name; /* SPLICE: of the partial */
    struct comments comments;
    struct ast_type_reference *types;   /* RELATION */
    struct ast_annotation *annotations; /* PERMISSION */
    struct ast_expression *expression;  /* PERMISSION */
    struct ast_member *next;
};

struct ast_parameter_type {
    struct ast_name name;
    struct ast_parameter_type *arguments;
    struct ast_parameter_type *next;
};

struct ast_parameter {
    struct ast_name name;
    struct ast_parameter_type *type;
    struct ast_parameter *next;
};

enum ast_item_kind { AST_USE, AST_DEFINITION, AST_PARTIAL, AST_CAVEAT, AST_IMPORT };

struct ast_item {
    enum ast_item_kind kind;
    struct ast_name name; /* USE: the flag; IMPORT: the string with its quotes */
    struct comments comments;
    struct comment_list dangling;     /* before the closing brace */
    struct ast_member *members;       /* DEFINITION, PARTIAL */
    struct ast_parameter *parameters; /* CAVEAT */
    struct slice body;                /* CAVEAT: text between the braces */
    uint32_t body_line;               /* where that text begins */
    uint32_t body_column;
    struct ast_item *next;
};

enum ast_flag {
    AST_FLAG_EXPIRATION = 1,
    AST_FLAG_TYPECHECKING = 2,
    AST_FLAG_SELF = 4,
    AST_FLAG_PARTIAL = 8,
    AST_FLAG_IMPORT = 16,
    AST_FLAG_ATTRIBUTES = 32,
    AST_FLAG_REQUEST_ATTRIBUTES = 64,
};

struct ast_file {
    struct slice text;
    struct ast_item *items;
    struct comment_list dangling; /* behind the last item */
    unsigned flags;
};

#endif
