/* parse.c - statements of the schema language; expressions are in parse_expression.c.
 * One token of look-ahead. A statement takes the comments above it and those behind it on its last
 * line; comments inside it move above it, so that no comment is ever lost. */
#include "schema/parse.h"

#include <stdio.h>

#include "base/relationship.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "schema/schema.h"
#include "schema/text_kind.h"

struct flag_name {
    const char *name;
    enum ast_flag flag;
    bool keyword; /* makes its name one */
};

static const struct flag_name flags[] = {
    {"attributes", AST_FLAG_ATTRIBUTES, false},
    {"expiration", AST_FLAG_EXPIRATION, true},
    {"import", AST_FLAG_IMPORT, true},
    {"partial", AST_FLAG_PARTIAL, true},
    {"request_attributes", AST_FLAG_REQUEST_ATTRIBUTES, false},
    {"self", AST_FLAG_SELF, true},
    {"typechecking", AST_FLAG_TYPECHECKING, true},
};

#define FLAG_LIST "attributes, expiration, import, partial, request_attributes, self, typechecking"

static enum status
fail_at_token(struct parser *parser)
{
    return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                           parser->token.place);
}

enum status
parser_too_large(struct parser *parser)
{
    error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "the schema is too large");
    return fail_at_token(parser);
}

enum status
parser_advance(struct parser *parser)
{
    parser->last_end = parser->token.place.offset + parser->token.place.size;
    return lexer_next(&parser->lexer, &parser->token);
}

/* A word that is a keyword only behind its `use` line, and whose line is missing. */
static const struct flag_name *
missing_flag(const struct parser *parser)
{
    struct slice word = parser->token.text;

    if (slice_equal(word, SLICE_LITERAL("and")))
        word = SLICE_LITERAL("expiration");
    for (size_t index = 0; index < BEHALF_COUNT_OF(flags); index++)
        if (flags[index].keyword && slice_equal(word, slice_of(flags[index].name)) &&
            (parser->flags & flags[index].flag) == 0)
            return &flags[index];
    return NULL;
}

enum status
parser_unexpected(struct parser *parser, const char *what)
{
    const struct token *token = &parser->token;
    const struct flag_name *flag = missing_flag(parser);

    if (token->kind == TOKEN_IDENTIFIER || token->kind == TOKEN_OTHER ||
        token->kind == TOKEN_STRING)
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "expected %s, found '%.*s'", what,
                  (int)(token->text.size < 64 ? token->text.size : 64), token->text.data);
    else
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "expected %s, found %s", what,
                  token_kind_name(token->kind));
    if (flag != NULL)
        error_hint(parser->error, "'%.*s' is a keyword only behind a line 'use %s' at the top",
                   SLICE_PRINTF(token->text), flag->name);
    else if (token->kind == TOKEN_SEMICOLON && token->text.size == 0)
        error_hint(parser->error, "a statement goes on in the next line only when its line ends "
                                  "in an operator");
    else if (token->kind >= TOKEN_DEFINITION && token->kind <= TOKEN_WITH)
        error_hint(parser->error, "%s is a keyword and cannot be a name",
                   token_kind_name(token->kind));
    return fail_at_token(parser);
}

/* For a word that begins no statement: which one it is a slip of. */
static void
hint_word(struct parser *parser, const char *const *words, size_t count)
{
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    if (parser->token.kind == TOKEN_HASH) {
        error_hint(parser->error, "a comment begins with //, or stands between /* and */");
        return;
    }
    if (parser->token.kind != TOKEN_IDENTIFIER || parser->error->hint[0] != '\0')
        return;
    for (size_t index = 0; index < count; index++)
        suggest(parser->token.text, slice_of(words[index]), &nearest, &distance);
    if (nearest.size > 0)
        error_hint(parser->error, "did you mean '%.*s'?", SLICE_PRINTF(nearest));
}

enum status
parser_expect(struct parser *parser, enum token_kind kind, const char *what)
{
    if (parser->token.kind != kind)
        return parser_unexpected(parser, what);
    return parser_advance(parser);
}

bool
parser_at_flag_word(const struct parser *parser, const char *word, enum ast_flag flag)
{
    return parser->token.kind == TOKEN_IDENTIFIER && (parser->flags & flag) != 0 &&
           slice_equal(parser->token.text, slice_of(word));
}

/* Words that the written `use` lines took out of the names. */
static bool
at_reserved_word(const struct parser *parser)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(flags); index++)
        if (flags[index].keyword &&
            parser_at_flag_word(parser, flags[index].name, flags[index].flag))
            return true;
    return parser_at_flag_word(parser, "and", AST_FLAG_EXPIRATION);
}

/* Any identifier, with no pattern applied. */
static enum status
take_identifier(struct parser *parser, const char *what, struct ast_name *name)
{
    if (parser->token.kind != TOKEN_IDENTIFIER)
        return parser_unexpected(parser, what);
    if (at_reserved_word(parser)) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "expected %s, found '%.*s'", what,
                  SLICE_PRINTF(parser->token.text));
        error_hint(parser->error, "'%.*s' is a keyword here because of a 'use' line",
                   SLICE_PRINTF(parser->token.text));
        return fail_at_token(parser);
    }
    *name = (struct ast_name){parser->token.text, parser->token.place};
    return parser_advance(parser);
}

#define NAME_HINT                                                                                  \
    "names have 3 to 64 characters of a-z, 0-9 and _, begin with a letter and end in a letter or " \
    "digit"

static enum status
bad_name(struct parser *parser, const struct ast_name *name, const char *what, const char *hint)
{
    error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "'%.*s' cannot be %s",
              (int)(name->text.size < 140 ? name->text.size : 140), name->text.data, what);
    error_hint(parser->error, "%s", hint);
    return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                           name->place);
}

enum status
parser_take_name(struct parser *parser, const char *what, struct ast_name *name)
{
    enum status status = take_identifier(parser, what, name);

    if (status != BEHALF_OK || relation_name_is_valid(name->text))
        return status;
    return bad_name(parser, name, "the name of a relation or permission", NAME_HINT);
}

/* The pattern of a definition: every segment is like a relation name. It lets a prefix of 64
 * characters pass, which no request can then name; SpiceDB has the same gap. */
static bool
path_is_valid(struct slice path)
{
    size_t start = 0;

    for (size_t index = 0; index <= path.size; index++) {
        if (index < path.size && path.data[index] != '/')
            continue;
        if (!relation_name_is_valid((struct slice){path.data + start, index - start}))
            return false;
        start = index + 1;
    }
    return path.size <= TYPE_NAME_SIZE_MAX;
}

/* Name segments with slashes between, written with or without blanks; no pattern is applied. */
static enum status
take_segments(struct parser *parser, const char *what, struct ast_name *path)
{
    char joined[TYPE_NAME_SIZE_MAX + 1];
    struct ast_name segment;
    enum status status = take_identifier(parser, what, path);
    bool long_path = path->text.size > TYPE_NAME_SIZE_MAX;
    size_t size = 0;

    if (status != BEHALF_OK)
        return status;
    if (!long_path) {
        memcpy(joined, path->text.data, path->text.size);
        size = path->text.size;
    }
    while (parser->token.kind == TOKEN_SLASH) {
        status = parser_advance(parser);
        if (status == BEHALF_OK)
            status = take_identifier(parser, "a name behind '/'", &segment);
        if (status != BEHALF_OK)
            return status;
        long_path = long_path || size + 1 + segment.text.size > TYPE_NAME_SIZE_MAX;
        if (!long_path) {
            joined[size++] = '/';
            memcpy(joined + size, segment.text.data, segment.text.size);
            size += segment.text.size;
        }
    }
    path->place.size = parser->last_end - path->place.offset;
    path->text.size = path->place.size;
    if (long_path || size == path->text.size) /* what is too long fits no pattern either way */
        return BEHALF_OK;
    path->text = arena_copy(parser->arena, (struct slice){joined, size});
    return path->text.data == NULL ? parser_too_large(parser) : BEHALF_OK;
}

static enum status
take_path(struct parser *parser, const char *what, struct ast_name *path)
{
    enum status status = take_segments(parser, what, path);

    if (status != BEHALF_OK || path_is_valid(path->text))
        return status;
    return bad_name(parser, path, "the name of a definition or partial", NAME_HINT);
}

static enum status
take_caveat_name(struct parser *parser, struct ast_name *name)
{
    enum status status = take_segments(parser, "the name of a caveat", name);

    if (status != BEHALF_OK || caveat_name_is_valid(name->text))
        return status;
    return bad_name(parser, name, "the name of a caveat",
                    "names of caveats have up to 128 characters of A-Z, a-z, 0-9, _ and /");
}

static struct comment_list
take_comments(struct parser *parser)
{
    struct comment_list taken = parser->lexer.comments;

    parser->lexer.comments = (struct comment_list){NULL, NULL};
    return taken;
}

static void
append_comment(struct comment_list *list, struct comment *comment)
{
    comment->next = NULL;
    if (list->last != NULL)
        list->last->next = comment;
    else
        list->first = comment;
    list->last = comment;
}

/* The statement's last token is consumed: shares out the comments that were met since it began, and
 * consumes its terminators. */
static enum status
finish_statement(struct parser *parser, struct comments *comments)
{
    uint32_t end = parser->last_end;
    struct comment *next;
    bool behind = true;

    while (parser->token.kind == TOKEN_SEMICOLON) {
        enum status status = parser_advance(parser);

        if (status != BEHALF_OK)
            return status;
    }
    next = take_comments(parser).first;
    while (next != NULL) {
        struct comment *comment = next;

        next = comment->next;
        behind = behind && (comment->same_line || comment->offset < end);
        if (comment->offset < end)
            append_comment(&comments->above, comment);
        else if (behind)
            append_comment(&comments->behind, comment);
        else
            append_comment(&parser->lexer.comments, comment);
        /* What follows `//` stands on another line, behind a `;` of its own. */
        if (comment->offset >= end && comment->text.data[1] == '/')
            behind = false;
    }
    return BEHALF_OK;
}

/* ["#" relation | ":" "*"] behind a type. */
static enum status
parse_subject_kind(struct parser *parser, struct ast_type_reference *reference)
{
    enum status status;

    if (parser->token.kind == TOKEN_COLON) {
        status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        reference->wildcard = true;
        return parser_expect(parser, TOKEN_STAR, "'*'");
    }
    if (parser->token.kind != TOKEN_HASH)
        return BEHALF_OK;
    status = parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    reference->ellipsis = parser->token.kind == TOKEN_ELLIPSIS;
    if (reference->ellipsis)
        return parser_advance(parser);
    return parser_take_name(parser, "a relation name or '...'", &reference->relation);
}

/* caveat ["and" "expiration"] or "expiration", behind `with`. */
static enum status
parse_traits(struct parser *parser, struct ast_type_reference *reference)
{
    enum status status;

    if (!parser_at_flag_word(parser, "expiration", AST_FLAG_EXPIRATION)) {
        status = take_caveat_name(parser, &reference->caveat);
        if (status != BEHALF_OK || !parser_at_flag_word(parser, "and", AST_FLAG_EXPIRATION))
            return status;
        status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        if (!parser_at_flag_word(parser, "expiration", AST_FLAG_EXPIRATION)) {
            status = parser_unexpected(parser, "'expiration'");
            error_hint(parser->error, "a kind of subject has one caveat at most; two conditions "
                                      "can be one caveat: first && second");
            return status;
        }
    }
    reference->expiring = true;
    status = parser_advance(parser);
    if (status != BEHALF_OK || !parser_at_flag_word(parser, "and", AST_FLAG_EXPIRATION))
        return status;
    error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "nothing can follow 'expiration' here");
    error_hint(parser->error, "the caveat must come before the expiration: with a_caveat and "
                              "expiration");
    return fail_at_token(parser);
}

static enum status
parse_type_reference(struct parser *parser, struct ast_type_reference **reference)
{
    enum status status;

    *reference = arena_take_array(parser->arena, 1, sizeof **reference);
    if (*reference == NULL)
        return parser_too_large(parser);
    status = take_path(parser, "a type", &(*reference)->type);
    if (status != BEHALF_OK)
        return status;
    status = parse_subject_kind(parser, *reference);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind == TOKEN_WITH) {
        status = parser_advance(parser);
        if (status == BEHALF_OK)
            status = parse_traits(parser, *reference);
    }
    (*reference)->place = (*reference)->type.place;
    (*reference)->place.size = parser->last_end - (*reference)->place.offset;
    return status;
}

static enum status
parse_relation(struct parser *parser, struct ast_member *member)
{
    struct ast_type_reference **next = &member->types;
    enum status status = parser_take_name(parser, "the name of the relation", &member->name);

    if (status == BEHALF_OK)
        status = parser_expect(parser, TOKEN_COLON, "':' and the types of subjects");
    while (status == BEHALF_OK) {
        status = parse_type_reference(parser, next);
        if (status != BEHALF_OK || parser->token.kind != TOKEN_PIPE)
            return status;
        next = &(*next)->next;
        status = parser_advance(parser);
    }
    return status;
}

static enum status
parse_annotations(struct parser *parser, struct ast_annotation **next)
{
    enum status status;

    do {
        status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        *next = arena_take_array(parser->arena, 1, sizeof **next);
        if (*next == NULL)
            return parser_too_large(parser);
        status = take_identifier(parser, "a type", &(*next)->type);
        next = &(*next)->next;
    } while (status == BEHALF_OK && parser->token.kind == TOKEN_PIPE);
    return status;
}

static enum status
parse_permission(struct parser *parser, struct ast_member *member)
{
    enum status status = parser_take_name(parser, "the name of the permission", &member->name);

    if (status == BEHALF_OK && parser->token.kind == TOKEN_COLON)
        status = parse_annotations(parser, &member->annotations);
    if (status == BEHALF_OK)
        status = parser_expect(parser, TOKEN_EQUALS, "'=' and an expression");
    if (status == BEHALF_OK)
        status = parse_expression(parser, 0, &member->expression);
    return status;
}

/* Operators: only the inside of a statement can have them, and its end came with its line. */
static bool
goes_on(enum token_kind kind)
{
    return kind == TOKEN_PLUS || kind == TOKEN_MINUS || kind == TOKEN_AMPERSAND ||
           kind == TOKEN_PIPE || kind == TOKEN_ARROW || kind == TOKEN_PERIOD;
}

static bool
at_condition(const struct parser *parser)
{
    return parser->token.kind == TOKEN_WITH ||
           parser_at_flag_word(parser, "and", AST_FLAG_EXPIRATION);
}

static enum status
no_member(struct parser *parser)
{
    static const char *const words[] = {"relation", "permission"};
    enum status status = parser_unexpected(parser, "'relation', 'permission' or '}'");

    if (goes_on(parser->token.kind))
        error_hint(parser->error,
                   "a statement goes on in the next line only when its line ends in an operator: "
                   "put %s at the end of the line before",
                   token_kind_name(parser->token.kind));
    else if (at_condition(parser))
        error_hint(parser->error, "a condition stands in one line with the type it belongs to");
    else
        hint_word(parser, words, BEHALF_COUNT_OF(words));
    return status;
}

static enum status
parse_member(struct parser *parser, struct ast_member **member)
{
    enum token_kind kind = parser->token.kind;
    bool splice = kind == TOKEN_ELLIPSIS && (parser->flags & AST_FLAG_PARTIAL) != 0;
    enum status status;

    if (kind == TOKEN_ELLIPSIS && !splice) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "'...' needs partials");
        error_hint(parser->error, "write 'use partial' at the top");
        return fail_at_token(parser);
    }
    if (kind != TOKEN_RELATION && kind != TOKEN_PERMISSION && !splice)
        return no_member(parser);
    *member = arena_take_array(parser->arena, 1, sizeof **member);
    if (*member == NULL)
        return parser_too_large(parser);
    (*member)->kind = splice ? AST_SPLICE : kind == TOKEN_RELATION ? AST_RELATION : AST_PERMISSION;
    (*member)->comments.above = take_comments(parser);
    status = parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (splice)
        status = take_path(parser, "the name of a partial", &(*member)->name);
    else if (kind == TOKEN_RELATION)
        status = parse_relation(parser, *member);
    else
        status = parse_permission(parser, *member);
    if (status != BEHALF_OK)
        return status;
    /* Above all: an expression that goes on in a way the grammar does not have. */
    if (parser->token.kind != TOKEN_SEMICOLON && parser->token.kind != TOKEN_RELATION &&
        parser->token.kind != TOKEN_PERMISSION && parser->token.kind != TOKEN_ELLIPSIS &&
        parser->token.kind != TOKEN_RIGHT_BRACE)
        return parser_unexpected(parser, kind == TOKEN_PERMISSION
                                             ? "an operator or the end of the permission"
                                             : "'|' or the end of the relation");
    return finish_statement(parser, &(*member)->comments);
}

static enum status
parse_body(struct parser *parser, struct ast_item *item)
{
    struct ast_member **next = &item->members;
    struct comment_list before = take_comments(parser); /* they stand before the brace */
    enum status status = parser_expect(parser, TOKEN_LEFT_BRACE, "'{'");

    while (before.first != NULL) {
        struct comment *comment = before.first;

        before.first = comment->next;
        append_comment(&item->comments.above, comment);
    }
    while (status == BEHALF_OK && parser->token.kind != TOKEN_RIGHT_BRACE) {
        if (parser->token.kind == TOKEN_SEMICOLON) {
            status = parser_advance(parser);
            continue;
        }
        status = parse_member(parser, next);
        if (status != BEHALF_OK)
            return status;
        BEHALF_ASSERT(*next != NULL);
        next = &(*next)->next;
    }
    if (status != BEHALF_OK)
        return status;
    item->dangling = take_comments(parser);
    return parser_advance(parser);
}

static enum status
parse_parameter_type(struct parser *parser, uint32_t depth, struct ast_parameter_type **type)
{
    struct ast_parameter_type **next;
    enum status status;

    if (depth > SCHEMA_NESTING_MAX) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                  "the type of the parameter nests more than %d levels", SCHEMA_NESTING_MAX);
        return fail_at_token(parser);
    }
    *type = arena_take_array(parser->arena, 1, sizeof **type);
    if (*type == NULL)
        return parser_too_large(parser);
    status = take_identifier(parser, "the type of the parameter", &(*type)->name);
    if (status != BEHALF_OK || parser->token.kind != TOKEN_LESS)
        return status;
    next = &(*type)->arguments;
    do {
        status = parser_advance(parser);
        if (status == BEHALF_OK)
            status = parse_parameter_type(parser, depth + 1, next);
        if (status != BEHALF_OK)
            return status;
        next = &(*next)->next;
    } while (parser->token.kind == TOKEN_COMMA);
    return parser_expect(parser, TOKEN_GREATER, "'>'");
}

/* "(" parameter { "," parameter } ")" */
static enum status
parse_parameters(struct parser *parser, struct ast_item *item)
{
    struct ast_parameter **next = &item->parameters;
    enum status status = BEHALF_OK;

    if (parser->token.kind != TOKEN_LEFT_PAREN)
        return parser_unexpected(parser, "'(' and the parameters of the caveat");
    do {
        status = parser_advance(parser);
        while (status == BEHALF_OK && parser->token.kind == TOKEN_SEMICOLON)
            status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        *next = arena_take_array(parser->arena, 1, sizeof **next);
        if (*next == NULL)
            return parser_too_large(parser);
        status = take_identifier(parser, "the name of a parameter", &(*next)->name);
        if (status == BEHALF_OK)
            status = parse_parameter_type(parser, 1, &(*next)->type);
        if (status != BEHALF_OK)
            return status;
        next = &(*next)->next;
    } while (parser->token.kind == TOKEN_COMMA);
    return parser_expect(parser, TOKEN_RIGHT_PAREN, "',' or ')'");
}

/* Forgets the comments that were met at `offset` and behind it. */
static void
drop_comments_from(struct parser *parser, uint32_t offset)
{
    struct comment *next = take_comments(parser).first;

    while (next != NULL && next->offset < offset) {
        struct comment *comment = next;

        next = comment->next;
        append_comment(&parser->lexer.comments, comment);
    }
}

/* The text of an expression in CEL, found by matching braces over tokens. */
static enum status
parse_caveat_body(struct parser *parser, struct ast_item *item)
{
    uint32_t start = parser->token.place.offset + parser->token.place.size;
    struct place opening = parser->token.place;
    size_t depth = 1;
    enum status status;

    parser->lexer.in_caveat = true;
    status = parser_expect(parser, TOKEN_LEFT_BRACE, "'{' and the expression");
    while (status == BEHALF_OK) {
        if (parser->token.kind == TOKEN_END) {
            error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                      "the body of the caveat has no closing '}'");
            return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text,
                                   opening);
        }
        if (parser->token.kind == TOKEN_LEFT_BRACE)
            depth++;
        if (parser->token.kind == TOKEN_RIGHT_BRACE && --depth == 0)
            break;
        status = parser_advance(parser);
    }
    if (status != BEHALF_OK)
        return status;
    item->body =
        (struct slice){parser->lexer.text.data + start, parser->token.place.offset - start};
    item->body_line = opening.line;
    item->body_column = opening.column + opening.size;
    drop_comments_from(parser, start); /* they are part of the body's text */
    parser->lexer.in_caveat = false;
    return parser_advance(parser);
}

static enum status
parse_use(struct parser *parser, struct ast_item *item)
{
    struct place place = parser->token.place;
    enum status status = parser_advance(parser);

    if (status != BEHALF_OK)
        return status;
    if (parser->past_definition) {
        error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                  "'use' must stand before the first definition or caveat");
        return schema_error_at(parser->error, BEHALF_SCHEMA_PARSE_ERROR, parser->lexer.text, place);
    }
    if (parser->token.kind != TOKEN_IDENTIFIER)
        return parser_unexpected(parser, "one of the flags " FLAG_LIST);
    item->name = (struct ast_name){parser->token.text, parser->token.place};
    for (size_t index = 0; index < BEHALF_COUNT_OF(flags); index++) {
        if (slice_equal(parser->token.text, slice_of(flags[index].name))) {
            parser->flags |= flags[index].flag;
            return parser_advance(parser);
        }
    }
    error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "unknown flag '%.*s'",
              (int)(parser->token.text.size < 64 ? parser->token.text.size : 64),
              parser->token.text.data);
    error_hint(parser->error, "the flags are " FLAG_LIST);
    return fail_at_token(parser);
}

static enum status
parse_caveat(struct parser *parser, struct ast_item *item)
{
    enum status status = take_caveat_name(parser, &item->name);

    if (status == BEHALF_OK)
        status = parse_parameters(parser, item);
    if (status == BEHALF_OK)
        status = parse_caveat_body(parser, item);
    return status;
}

static enum status
no_item(struct parser *parser)
{
    static const char *const words[] = {"definition", "caveat", "use"};
    enum status status = parser_unexpected(parser, "'definition', 'caveat' or 'use'");
    enum text_kind kind = text_kind_of(parser->lexer.text);

    if (kind == TEXT_VALIDATION_FILE || kind == TEXT_RELATIONSHIPS)
        error_hint(parser->error, "%s", text_kind_hint(kind));
    else
        hint_word(parser, words, BEHALF_COUNT_OF(words));
    return status;
}

static enum status
parse_item(struct parser *parser, struct ast_item **new_item)
{
    struct ast_item *item = arena_take_array(parser->arena, 1, sizeof *item);
    enum status status;

    if (item == NULL)
        return parser_too_large(parser);
    item->comments.above = take_comments(parser);
    if (parser->token.kind == TOKEN_DEFINITION)
        item->kind = AST_DEFINITION;
    else if (parser->token.kind == TOKEN_CAVEAT)
        item->kind = AST_CAVEAT;
    else if (parser_at_flag_word(parser, "partial", AST_FLAG_PARTIAL))
        item->kind = AST_PARTIAL;
    else if (parser_at_flag_word(parser, "import", AST_FLAG_IMPORT))
        item->kind = AST_IMPORT;
    else if (parser->token.kind != TOKEN_IDENTIFIER ||
             !slice_equal(parser->token.text, SLICE_LITERAL("use")))
        return no_item(parser);
    if (item->kind == AST_USE) {
        status = parse_use(parser, item);
    } else {
        status = parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        if (item->kind == AST_DEFINITION || item->kind == AST_CAVEAT)
            parser->past_definition = true;
        if (item->kind == AST_CAVEAT) {
            status = parse_caveat(parser, item);
        } else if (item->kind == AST_IMPORT) {
            item->name = (struct ast_name){parser->token.text, parser->token.place};
            status = parser_expect(parser, TOKEN_STRING, "the path of a schema, as a string");
        } else {
            status = take_path(parser, "a name", &item->name);
            if (status == BEHALF_OK)
                status = parse_body(parser, item);
        }
    }
    if (status != BEHALF_OK)
        return status;
    *new_item = item;
    return finish_statement(parser, &item->comments);
}

/* Tabs and the ends of lines are fine; others could steer the terminal of whoever reads it. */
static bool
is_refused_control(uint32_t point)
{
    return (point < 0x20 && point != '\t' && point != '\n' && point != '\r') ||
           (point >= 0x7F && point <= 0x9F);
}

/* Comments and strings may hold any character of UTF-8 but those of control. */
static enum status
check_text(struct slice text, struct error *error)
{
    struct place place = {0, 1, 1, 1};

    if (text.size > SCHEMA_TEXT_SIZE_MAX)
        return error_set(error, BEHALF_SCHEMA_PARSE_ERROR,
                         "the schema has %zu bytes; at most %zu are allowed", text.size,
                         SCHEMA_TEXT_SIZE_MAX);
    while (place.offset < text.size) {
        uint32_t point = 0;
        size_t size = utf8_decode(text.data + place.offset, text.size - place.offset, &point);

        if (size == 0 || point == 0 || is_refused_control(point)) {
            place.size = 0; /* what cannot be shown is not quoted */
            if (size == 0 || point == 0)
                error_set(error, BEHALF_SCHEMA_PARSE_ERROR,
                          size == 0 ? "the schema is not UTF-8 here"
                                    : "the schema has a zero byte");
            else
                error_set(error, BEHALF_SCHEMA_PARSE_ERROR,
                          "the schema has the control character U+%04X here", (unsigned)point);
            return schema_error_at(error, BEHALF_SCHEMA_PARSE_ERROR, text, place);
        }
        place.offset += (uint32_t)size;
        place.column += (uint32_t)size;
        if (point == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return BEHALF_OK;
}

enum status
schema_parse(struct slice text, struct arena *arena, struct ast_file **file, struct error *error)
{
    struct parser parser = {.arena = arena, .error = error};
    struct ast_file *parsed = arena_take_array(arena, 1, sizeof *parsed);
    struct ast_item **next;
    enum status status = check_text(text, error);

    if (status != BEHALF_OK)
        return status;
    lexer_init(&parser.lexer, text, arena, error);
    if (slice_starts_with(text, SLICE_LITERAL("\xEF\xBB\xBF"))) /* a byte order mark */
        parser.lexer.at = 3;
    if (parsed == NULL)
        return parser_too_large(&parser);
    next = &parsed->items;
    status = parser_advance(&parser);
    while (status == BEHALF_OK && parser.token.kind != TOKEN_END) {
        if (parser.token.kind == TOKEN_SEMICOLON) {
            status = parser_advance(&parser);
            continue;
        }
        status = parse_item(&parser, next);
        if (status == BEHALF_OK)
            next = &(*next)->next;
    }
    if (status != BEHALF_OK)
        return status;
    parsed->text = text;
    parsed->dangling = take_comments(&parser);
    parsed->flags = parser.flags;
    *file = parsed;
    return BEHALF_OK;
}
