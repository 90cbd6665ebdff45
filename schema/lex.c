/* lex.c - the lexer of the schema language.
 * Bytes outside ASCII count as letters: no name may have them, so the check of names refuses them
 * with a better message than a lexer could give, and in the body of a caveat they do no harm. */
#include "schema/lex.h"

#include "base/utf8.h"

static const char *const kind_names[] = {
    [TOKEN_END] = "the end of the schema",
    [TOKEN_IDENTIFIER] = "a name",
    [TOKEN_DEFINITION] = "'definition'",
    [TOKEN_CAVEAT] = "'caveat'",
    [TOKEN_RELATION] = "'relation'",
    [TOKEN_PERMISSION] = "'permission'",
    [TOKEN_NIL] = "'nil'",
    [TOKEN_WITH] = "'with'",
    [TOKEN_STRING] = "a string",
    [TOKEN_SEMICOLON] = "the end of the line",
    [TOKEN_LEFT_BRACE] = "'{'",
    [TOKEN_RIGHT_BRACE] = "'}'",
    [TOKEN_LEFT_PAREN] = "'('",
    [TOKEN_RIGHT_PAREN] = "')'",
    [TOKEN_PIPE] = "'|'",
    [TOKEN_PLUS] = "'+'",
    [TOKEN_MINUS] = "'-'",
    [TOKEN_ARROW] = "'->'",
    [TOKEN_AMPERSAND] = "'&'",
    [TOKEN_SLASH] = "'/'",
    [TOKEN_EQUALS] = "'='",
    [TOKEN_COLON] = "':'",
    [TOKEN_HASH] = "'#'",
    [TOKEN_ELLIPSIS] = "'...'",
    [TOKEN_PERIOD] = "'.'",
    [TOKEN_COMMA] = "','",
    [TOKEN_LESS] = "'<'",
    [TOKEN_GREATER] = "'>'",
    [TOKEN_STAR] = "'*'",
    [TOKEN_OTHER] = "an operator of caveats",
};

struct spelling {
    const char *text;
    enum token_kind kind;
};

static const struct spelling keywords[] = {
    {"definition", TOKEN_DEFINITION}, {"caveat", TOKEN_CAVEAT}, {"relation", TOKEN_RELATION},
    {"permission", TOKEN_PERMISSION}, {"nil", TOKEN_NIL},       {"with", TOKEN_WITH},
};

/* Longer spellings stand before their prefixes. */
static const struct spelling punctuation[] = {
    {"...", TOKEN_ELLIPSIS},  {"->", TOKEN_ARROW},     {"||", TOKEN_OTHER},
    {"&&", TOKEN_OTHER},      {"==", TOKEN_OTHER},     {"<=", TOKEN_OTHER},
    {">=", TOKEN_OTHER},      {"!=", TOKEN_OTHER},     {"{", TOKEN_LEFT_BRACE},
    {"}", TOKEN_RIGHT_BRACE}, {"(", TOKEN_LEFT_PAREN}, {")", TOKEN_RIGHT_PAREN},
    {"|", TOKEN_PIPE},        {"+", TOKEN_PLUS},       {"-", TOKEN_MINUS},
    {"&", TOKEN_AMPERSAND},   {"/", TOKEN_SLASH},      {"=", TOKEN_EQUALS},
    {":", TOKEN_COLON},       {";", TOKEN_SEMICOLON},  {"#", TOKEN_HASH},
    {".", TOKEN_PERIOD},      {",", TOKEN_COMMA},      {"<", TOKEN_LESS},
    {">", TOKEN_GREATER},     {"*", TOKEN_STAR},       {"?", TOKEN_OTHER},
    {"!", TOKEN_OTHER},       {"[", TOKEN_OTHER},      {"]", TOKEN_OTHER},
    {"%", TOKEN_OTHER},
};

const char *
token_kind_name(enum token_kind kind)
{
    return kind_names[kind];
}

enum status
schema_error_at(struct error *error, enum status status, struct slice text, struct place place)
{
    error_at(error, place.line, place.column, (struct slice){text.data + place.offset, place.size});
    return status;
}

void
lexer_init(struct lexer *lexer, struct slice text, struct arena *arena, struct error *error)
{
    *lexer = (struct lexer){
        .text = text, .line = 1, .previous = TOKEN_SEMICOLON, .arena = arena, .error = error};
}

static struct place
place_here(const struct lexer *lexer, size_t size)
{
    return (struct place){(uint32_t)lexer->at, (uint32_t)size, lexer->line,
                          (uint32_t)(lexer->at - lexer->line_start) + 1};
}

static struct slice
rest_of(const struct lexer *lexer)
{
    return (struct slice){lexer->text.data + lexer->at, lexer->text.size - lexer->at};
}

static bool
starts_with(const struct lexer *lexer, const char *prefix)
{
    return slice_starts_with(rest_of(lexer), slice_of(prefix));
}

/* `\r\n` counts as one line, as editors count. */
static void
skip_byte(struct lexer *lexer)
{
    char byte = lexer->text.data[lexer->at++];

    if (byte == '\n' || (byte == '\r' && !starts_with(lexer, "\n"))) {
        lexer->line++;
        lexer->line_start = lexer->at;
        lexer->token_on_line = false;
    }
}

static void
skip_bytes(struct lexer *lexer, size_t count)
{
    for (size_t index = 0; index < count; index++)
        skip_byte(lexer);
}

static enum status
fail_here(struct lexer *lexer, size_t size, const char *message)
{
    error_set(lexer->error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    return schema_error_at(lexer->error, BEHALF_SCHEMA_PARSE_ERROR, lexer->text,
                           place_here(lexer, size));
}

static bool
is_newline(char byte)
{
    return byte == '\n' || byte == '\r';
}

/* The cursor is on `//` or the opening of a block. */
static enum status
read_comment(struct lexer *lexer)
{
    struct slice rest = rest_of(lexer);
    struct comment *comment;
    size_t size = 2;

    if (rest.data[1] == '/') {
        while (size < rest.size && !is_newline(rest.data[size]))
            size++;
    } else {
        const char *end = memmem(rest.data + 2, rest.size - 2, "*/", 2);

        if (end == NULL)
            return fail_here(lexer, 2, "the comment has no end");
        size = (size_t)(end - rest.data) + 2;
    }
    comment = arena_take(lexer->arena, sizeof *comment);
    if (comment == NULL)
        return fail_here(lexer, 2, "the schema is too large");
    *comment = (struct comment){.text = {rest.data, size},
                                .offset = (uint32_t)lexer->at,
                                .same_line = lexer->token_on_line};
    if (lexer->comments.last != NULL)
        lexer->comments.last->next = comment;
    else
        lexer->comments.first = comment;
    lexer->comments.last = comment;
    skip_bytes(lexer, size);
    lexer->token_on_line = comment->same_line;
    return BEHALF_OK;
}

static bool
ends_statement(enum token_kind kind)
{
    return (kind >= TOKEN_IDENTIFIER && kind <= TOKEN_WITH) || kind == TOKEN_RIGHT_BRACE ||
           kind == TOKEN_RIGHT_PAREN || kind == TOKEN_STAR;
}

static void
give(struct lexer *lexer, enum token_kind kind, size_t size, struct token *token)
{
    *token = (struct token){.kind = kind,
                            .place = place_here(lexer, size),
                            .text = {lexer->text.data + lexer->at, size}};
    lexer->previous = kind;
    skip_bytes(lexer, size);
    lexer->token_on_line = true;
}

/* Skips blanks, comments and newlines that mean nothing; true when a newline ends a statement. */
static enum status
skip_blanks(struct lexer *lexer, bool *statement_ends)
{
    *statement_ends = false;
    while (lexer->at < lexer->text.size) {
        char byte = lexer->text.data[lexer->at];

        if (starts_with(lexer, "//") || starts_with(lexer, "/*")) {
            enum status status = read_comment(lexer);

            if (status != BEHALF_OK)
                return status;
        } else if (is_newline(byte) && ends_statement(lexer->previous)) {
            *statement_ends = true;
            return BEHALF_OK;
        } else if (is_newline(byte) || byte == ' ' || byte == '\t') {
            skip_byte(lexer);
        } else {
            return BEHALF_OK;
        }
    }
    return BEHALF_OK;
}

/* Bytes of the identifier character at the cursor; 0 when it is none. */
static size_t
identifier_size(struct slice rest)
{
    uint32_t point;
    char byte;

    if (rest.size == 0)
        return 0;
    byte = rest.data[0];
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9') || byte == '_')
        return 1;
    return (byte & 0x80) != 0 ? utf8_decode(rest.data, rest.size, &point) : 0;
}

/* Whether the name right before the cursor makes the string raw: r or br, in any case. */
static bool
is_raw(const struct lexer *lexer)
{
    const char *text = lexer->text.data;
    size_t at = lexer->at;

    if (at == 0 || (text[at - 1] != 'r' && text[at - 1] != 'R'))
        return false;
    at--;
    if (at > 0 && (text[at - 1] == 'b' || text[at - 1] == 'B'))
        at--;
    return at == 0 ||
           ((text[at - 1] & 0x80) == 0 && identifier_size((struct slice){text + at - 1, 1}) == 0);
}

static enum status
read_string(struct lexer *lexer, struct token *token)
{
    struct slice rest = rest_of(lexer);
    bool triple = rest.size >= 3 && rest.data[1] == rest.data[0] && rest.data[2] == rest.data[0];
    size_t quotes = triple ? 3 : 1;
    bool escapes = lexer->in_caveat && !is_raw(lexer);
    size_t size = quotes;

    while (size + quotes <= rest.size && (triple || !is_newline(rest.data[size]))) {
        if (memcmp(rest.data + size, rest.data, quotes) == 0) {
            give(lexer, TOKEN_STRING, size + quotes, token);
            return BEHALF_OK;
        }
        if (escapes && rest.data[size] == '\\' && size + 1 < rest.size &&
            !is_newline(rest.data[size + 1]))
            size++;
        size++;
    }
    return fail_here(lexer, quotes, "the string has no end");
}

static void
read_identifier(struct lexer *lexer, struct token *token)
{
    struct slice rest = rest_of(lexer);
    size_t size = 0;
    size_t added = identifier_size(rest);
    enum token_kind kind = TOKEN_IDENTIFIER;

    while (added > 0) {
        size += added;
        added = identifier_size((struct slice){rest.data + size, rest.size - size});
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(keywords); index++)
        if (slice_equal((struct slice){rest.data, size}, slice_of(keywords[index].text)))
            kind = keywords[index].kind;
    give(lexer, kind, size, token);
}

enum status
lexer_next(struct lexer *lexer, struct token *token)
{
    bool statement_ends;
    enum status status = skip_blanks(lexer, &statement_ends);

    if (status != BEHALF_OK)
        return status;
    if (statement_ends || lexer->at == lexer->text.size) {
        *token = (struct token){.kind = statement_ends ? TOKEN_SEMICOLON : TOKEN_END,
                                .place = place_here(lexer, 0)};
        lexer->previous = token->kind;
        return BEHALF_OK;
    }
    if (starts_with(lexer, "\"") || starts_with(lexer, "'"))
        return read_string(lexer, token);
    if (identifier_size(rest_of(lexer)) > 0) {
        read_identifier(lexer, token);
        return BEHALF_OK;
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(punctuation); index++) {
        if (starts_with(lexer, punctuation[index].text)) {
            give(lexer, punctuation[index].kind, strlen(punctuation[index].text), token);
            return BEHALF_OK;
        }
    }
    return fail_here(lexer, 1,
                     (lexer->text.data[lexer->at] & 0x80) != 0 ? "the schema is not UTF-8 here"
                                                               : "no token begins so");
}
