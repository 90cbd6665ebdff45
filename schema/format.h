/* format.h - printing of expressions, shared by schema_format and the lints. */
#ifndef BEHALF_SCHEMA_FORMAT_H
#define BEHALF_SCHEMA_FORMAT_H

#include "base/buffer.h"
#include "schema/ast.h"

enum format_parentheses {
    FORMAT_AS_WRITTEN,
    FORMAT_EXPLICIT, /* also where precedence alone decides */
};

void format_expression(const struct ast_expression *expression, enum format_parentheses parentheses,
                       struct buffer *out);

#endif
