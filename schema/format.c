/* format.c - the canonical text of a schema, printed from its tree.
 * Always true: what prints parses to the same tree, and prints again to the same bytes. Parentheses
 * around operators stay as they were written: they are how an author speaks to the next one. */
#include "schema/format.h"

#include "schema/parse.h"
#include "schema/schema.h"

#define FORMAT_ARENA_MAX ((size_t)384 * 1024 * 1024)
#define MEMBER_INDENT "    "

static const char *
separator_of(enum ast_expression_kind kind)
{
    return kind == AST_UNION ? " + " : kind == AST_INTERSECTION ? " & " : " - ";
}

static bool
is_operator(const struct ast_expression *expression)
{
    return expression->kind == AST_UNION || expression->kind == AST_INTERSECTION ||
           expression->kind == AST_EXCLUSION;
}

static bool
is_arrow(const struct ast_expression *expression)
{
    return expression->kind == AST_ARROW || expression->kind == AST_ANY ||
           expression->kind == AST_ALL;
}

static void
format_inner(const struct ast_expression *expression, enum format_parentheses parentheses,
             struct buffer *out)
{
    const struct ast_expression *child = expression->children;

    if (expression->kind == AST_NAME) {
        buffer_add_slice(out, expression->name);
    } else if (expression->kind == AST_NIL) {
        buffer_add_text(out, "nil");
    } else if (expression->kind == AST_SELF) {
        buffer_add_text(out, "self");
    } else if (expression->kind == AST_ARROW) {
        format_expression(child, parentheses, out);
        buffer_add_text(out, "->");
        format_expression(child->next, parentheses, out);
    } else if (is_arrow(expression)) {
        format_expression(child, parentheses, out);
        buffer_add_text(out, expression->kind == AST_ANY ? ".any(" : ".all(");
        format_inner(child->next, parentheses, out);
        buffer_add_byte(out, ')');
    } else {
        for (; child != NULL; child = child->next) {
            bool explicit =
                parentheses == FORMAT_EXPLICIT && is_operator(child) && !child->parenthesised;

            if (child != expression->children)
                buffer_add_text(out, separator_of(expression->kind));
            if (explicit)
                buffer_add_byte(out, '(');
            format_expression(child, parentheses, out);
            if (explicit)
                buffer_add_byte(out, ')');
        }
    }
}

/* As deep as the expression nests, which the parser bounded. An arrow on the right of another needs
 * no parentheses: steps are read from the right. */
void
format_expression(const struct ast_expression *expression, enum format_parentheses parentheses,
                  struct buffer *out)
{
    bool wrap = expression->parenthesised && is_operator(expression);

    if (wrap)
        buffer_add_byte(out, '(');
    format_inner(expression, parentheses, out);
    if (wrap)
        buffer_add_byte(out, ')');
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* A comment on lines of its own. Lines of a block that begin with a star line up under the first
 * star; others stay as they are, for they may be drawings. */
static void
format_comment(struct slice text, const char *indent, struct buffer *out)
{
    bool first = true;

    buffer_add_text(out, indent);
    while (text.size > 0) {
        const char *newline = memchr(text.data, '\n', text.size);
        size_t size = newline == NULL ? text.size : (size_t)(newline - text.data);
        struct slice line = {text.data, size};
        size_t blanks = 0;

        while (line.size > 0 && is_blank(line.data[line.size - 1]))
            line.size--;
        while (blanks < line.size && is_blank(line.data[blanks]))
            blanks++;
        if (!first && blanks < line.size && line.data[blanks] == '*') {
            buffer_add_text(out, indent);
            buffer_add_byte(out, ' ');
            line = (struct slice){line.data + blanks, line.size - blanks};
        }
        buffer_add_slice(out, line);
        if (newline != NULL)
            buffer_add_byte(out, '\n');
        text = (struct slice){text.data + size + (newline != NULL),
                              text.size - size - (newline != NULL)};
        first = false;
    }
}

static void
format_comments_above(const struct comment_list *list, const char *indent, struct buffer *out)
{
    for (const struct comment *comment = list->first; comment != NULL; comment = comment->next) {
        format_comment(comment->text, indent, out);
        buffer_add_byte(out, '\n');
    }
}

/* Ends the line of a statement. */
static void
format_comments_behind(const struct comment_list *list, const char *indent, struct buffer *out)
{
    for (const struct comment *comment = list->first; comment != NULL; comment = comment->next) {
        buffer_add_byte(out, ' ');
        if (memchr(comment->text.data, '\n', comment->text.size) == NULL) {
            format_comment(comment->text, "", out);
        } else {
            struct buffer block;

            buffer_init(&block);
            format_comment(comment->text, indent, &block);
            buffer_add(out, block.data + strlen(indent), block.size - strlen(indent));
            buffer_release(&block);
        }
    }
    buffer_add_byte(out, '\n');
}

static void
format_relation(const struct ast_member *member, struct buffer *out)
{
    buffer_add_text(out, "relation ");
    buffer_add_slice(out, member->name.text);
    buffer_add_text(out, ": ");
    for (const struct ast_type_reference *reference = member->types; reference != NULL;
         reference = reference->next) {
        if (reference != member->types)
            buffer_add_text(out, " | ");
        buffer_add_slice(out, reference->type.text);
        if (reference->wildcard)
            buffer_add_text(out, ":*");
        if (reference->relation.text.size > 0) {
            buffer_add_byte(out, '#');
            buffer_add_slice(out, reference->relation.text);
        }
        if (reference->caveat.text.size > 0 || reference->expiring)
            buffer_add_text(out, " with ");
        buffer_add_slice(out, reference->caveat.text);
        if (reference->caveat.text.size > 0 && reference->expiring)
            buffer_add_text(out, " and ");
        if (reference->expiring)
            buffer_add_text(out, "expiration");
    }
}

static void
format_permission(const struct ast_member *member, struct buffer *out)
{
    buffer_add_text(out, "permission ");
    buffer_add_slice(out, member->name.text);
    for (const struct ast_annotation *annotation = member->annotations; annotation != NULL;
         annotation = annotation->next) {
        buffer_add_text(out, annotation == member->annotations ? ": " : " | ");
        buffer_add_slice(out, annotation->type.text);
    }
    buffer_add_text(out, " = ");
    format_expression(member->expression, FORMAT_AS_WRITTEN, out);
}

static void
format_members(const struct ast_item *item, struct buffer *out)
{
    const struct ast_member *previous = NULL;

    for (const struct ast_member *member = item->members; member != NULL; member = member->next) {
        if (previous != NULL &&
            (previous->kind != member->kind || member->comments.above.first != NULL))
            buffer_add_byte(out, '\n');
        format_comments_above(&member->comments.above, MEMBER_INDENT, out);
        buffer_add_text(out, MEMBER_INDENT);
        if (member->kind == AST_RELATION) {
            format_relation(member, out);
        } else if (member->kind == AST_PERMISSION) {
            format_permission(member, out);
        } else {
            buffer_add_text(out, "...");
            buffer_add_slice(out, member->name.text);
        }
        format_comments_behind(&member->comments.behind, MEMBER_INDENT, out);
        previous = member;
    }
}

static void
format_body(const struct ast_item *item, const char *keyword, struct buffer *out)
{
    buffer_add_text(out, keyword);
    buffer_add_slice(out, item->name.text);
    if (item->members == NULL && item->dangling.first == NULL) {
        buffer_add_text(out, " {}");
        return;
    }
    buffer_add_text(out, " {\n");
    format_members(item, out);
    if (item->members != NULL && item->dangling.first != NULL)
        buffer_add_byte(out, '\n');
    format_comments_above(&item->dangling, MEMBER_INDENT, out);
    buffer_add_byte(out, '}');
}

/* As deep as the type nests, which the parser bounded. */
static void
format_parameter_type(const struct ast_parameter_type *type, struct buffer *out)
{
    buffer_add_slice(out, type->name.text);
    for (const struct ast_parameter_type *argument = type->arguments; argument != NULL;
         argument = argument->next) {
        buffer_add_text(out, argument == type->arguments ? "<" : ", ");
        format_parameter_type(argument, out);
    }
    if (type->arguments != NULL)
        buffer_add_byte(out, '>');
}

static void
format_caveat(const struct ast_item *item, struct buffer *out)
{
    struct slice body = item->body;

    buffer_add_text(out, "caveat ");
    buffer_add_slice(out, item->name.text);
    for (const struct ast_parameter *parameter = item->parameters; parameter != NULL;
         parameter = parameter->next) {
        buffer_add_text(out, parameter == item->parameters ? "(" : ", ");
        buffer_add_slice(out, parameter->name.text);
        buffer_add_byte(out, ' ');
        format_parameter_type(parameter->type, out);
    }
    buffer_add_text(out, ") {\n");
    while (body.size > 0 && (is_blank(body.data[0]) || body.data[0] == '\n'))
        body = (struct slice){body.data + 1, body.size - 1};
    while (body.size > 0 &&
           (is_blank(body.data[body.size - 1]) || body.data[body.size - 1] == '\n'))
        body.size--;
    if (body.size > 0) {
        buffer_add_text(out, MEMBER_INDENT);
        buffer_add_slice(out, body);
        buffer_add_byte(out, '\n');
    }
    buffer_add_byte(out, '}');
}

static void
format_item(const struct ast_item *item, struct buffer *out)
{
    format_comments_above(&item->comments.above, "", out);
    switch (item->kind) {
    case AST_USE:
        buffer_add_text(out, "use ");
        buffer_add_slice(out, item->name.text);
        break;
    case AST_IMPORT:
        buffer_add_text(out, "import ");
        buffer_add_slice(out, item->name.text);
        break;
    case AST_DEFINITION:
        format_body(item, "definition ", out);
        break;
    case AST_PARTIAL:
        format_body(item, "partial ", out);
        break;
    case AST_CAVEAT:
        format_caveat(item, out);
        break;
    }
    format_comments_behind(&item->comments.behind, "", out);
}

enum status
schema_format(struct slice text, struct buffer *out, struct error *error)
{
    struct arena arena;
    struct ast_file *file;
    enum status status;

    arena_init(&arena, FORMAT_ARENA_MAX);
    status = schema_parse(text, &arena, &file, error);
    if (status != BEHALF_OK)
        goto done;
    for (const struct ast_item *item = file->items; item != NULL; item = item->next) {
        format_item(item, out);
        if (item->next != NULL && (item->kind != AST_USE || item->next->kind != AST_USE))
            buffer_add_byte(out, '\n');
    }
    if (file->items != NULL && file->dangling.first != NULL)
        buffer_add_byte(out, '\n');
    format_comments_above(&file->dangling, "", out);
done:
    arena_release(&arena);
    return status;
}
