/* cel_lex.c - the tokens of an expression. */
#include "schema/cel_lex.h"

static enum status
fail_at(struct cel_lexer *lexer, uint32_t offset, uint32_t size, const char *message)
{
    (void)error_set(lexer->error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    cel_error_at(lexer->caveat, offset, size, lexer->error);
    return BEHALF_SCHEMA_PARSE_ERROR;
}

/* The byte `ahead` of the cursor; 0 behind the end, and no token has a 0. */
static char
peek(const struct cel_lexer *lexer, size_t ahead)
{
    struct slice text = lexer->caveat->text;

    if (lexer->at + ahead >= text.size)
        return '\0';
    return text.data[lexer->at + ahead];
}

/* Behind the comment that begins at the cursor; 0 when it has no end. */
static uint32_t
end_of_block(const struct cel_lexer *lexer)
{
    struct slice text = lexer->caveat->text;
    const char *end = memmem(text.data + lexer->at + 2, text.size - lexer->at - 2, "*/", 2);

    return end == NULL ? 0 : (uint32_t)(end + 2 - text.data);
}

static void
skip_blanks(struct cel_lexer *lexer)
{
    size_t size = lexer->caveat->text.size;

    while (lexer->at < size) {
        char byte = peek(lexer, 0);

        if (byte == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < size && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r')
                lexer->at++;
        } else if (byte == '/' && peek(lexer, 1) == '*' && end_of_block(lexer) > 0) {
            lexer->at = end_of_block(lexer);
        } else if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f') {
            lexer->at++;
        } else {
            return;
        }
    }
}

static void
give(struct cel_lexer *lexer, int kind, uint32_t size, struct cel_token *token)
{
    *token = (struct cel_token){kind, lexer->at, {lexer->caveat->text.data + lexer->at, size}};
    lexer->at += size;
}

static uint32_t
count_digits(const struct cel_lexer *lexer, uint32_t from)
{
    uint32_t size = from;

    while (cel_is_digit(peek(lexer, size)))
        size++;
    return size - from;
}

static bool
is_hex_digit(char byte)
{
    return cel_is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static enum status
lex_number(struct cel_lexer *lexer, struct cel_token *token)
{
    int kind = CEL_TOKEN_INT;
    uint32_t size;

    if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X')) {
        size = 2;
        while (is_hex_digit(peek(lexer, size)))
            size++;
        if (size == 2)
            return fail_at(lexer, lexer->at, 2, "a hexadecimal number has no digits");
    } else {
        size = count_digits(lexer, 0);
        if (peek(lexer, size) == '.' && cel_is_digit(peek(lexer, size + 1))) {
            kind = CEL_TOKEN_DOUBLE;
            size += 1 + count_digits(lexer, size + 1);
        }
        if (peek(lexer, size) == 'e' || peek(lexer, size) == 'E') {
            uint32_t sign = peek(lexer, size + 1) == '+' || peek(lexer, size + 1) == '-' ? 1 : 0;
            uint32_t digits = count_digits(lexer, size + 1 + sign);

            if (digits == 0)
                return fail_at(lexer, lexer->at, size + 1,
                               "the exponent of a number has no digits");
            kind = CEL_TOKEN_DOUBLE;
            size += 1 + sign + digits;
        }
    }
    if (kind == CEL_TOKEN_INT && (peek(lexer, size) == 'u' || peek(lexer, size) == 'U')) {
        kind = CEL_TOKEN_UINT;
        size++;
    }
    if (cel_is_name_start(peek(lexer, size)))
        return fail_at(lexer, lexer->at, size + 1, "a letter stands right behind a number");
    give(lexer, kind, size, token);
    return BEHALF_OK;
}

/* Bytes of what stands before the first quote of a string (b, r, br), or -1 when it
 * is no string. */
static int
prefix_of_string(const struct cel_lexer *lexer, bool *bytes, bool *raw)
{
    int size = 0;

    *bytes = *raw = false;
    if (peek(lexer, 0) == 'b' || peek(lexer, 0) == 'B') {
        *bytes = true;
        size = 1;
    }
    if (peek(lexer, (size_t)size) == 'r' || peek(lexer, (size_t)size) == 'R') {
        *raw = true;
        size++;
    }
    return peek(lexer, (size_t)size) == '"' || peek(lexer, (size_t)size) == '\'' ? size : -1;
}

static enum status
lex_string(struct cel_lexer *lexer, uint32_t prefix, bool bytes, bool raw, struct cel_token *token)
{
    char quote = peek(lexer, prefix);
    bool triple = peek(lexer, prefix + 1) == quote && peek(lexer, prefix + 2) == quote;
    uint32_t size = prefix + (triple ? 3 : 1);

    while (lexer->at + size < lexer->caveat->text.size) {
        char byte = peek(lexer, size);

        if (byte == '\\' && !raw && peek(lexer, size + 1) != '\0') {
            size += 2;
        } else if (byte == quote && (!triple || (peek(lexer, size + 1) == quote &&
                                                 peek(lexer, size + 2) == quote))) {
            give(lexer, bytes ? CEL_TOKEN_BYTES : CEL_TOKEN_STRING, size + (triple ? 3 : 1), token);
            return BEHALF_OK;
        } else if (!triple && (byte == '\n' || byte == '\r')) {
            break;
        } else {
            size++;
        }
    }
    return fail_at(lexer, lexer->at, prefix + (triple ? 3 : 1), "the string has no end");
}

static enum status
lex_mark(struct cel_lexer *lexer, struct cel_token *token)
{
    static const struct {
        char text[3];
        int kind;
    } pairs[] = {{"&&", CEL_TOKEN_AND},        {"||", CEL_TOKEN_OR},
                 {"==", CEL_TOKEN_EQUAL},      {"!=", CEL_TOKEN_UNEQUAL},
                 {"<=", CEL_TOKEN_LESS_EQUAL}, {">=", CEL_TOKEN_GREATER_EQUAL}};
    char byte = peek(lexer, 0);

    for (size_t index = 0; index < BEHALF_COUNT_OF(pairs); index++) {
        if (byte == pairs[index].text[0] && peek(lexer, 1) == pairs[index].text[1]) {
            give(lexer, pairs[index].kind, 2, token);
            return BEHALF_OK;
        }
    }
    if (byte != '\0' && strchr("()[]{}<>?:.,+-*/%!", byte) != NULL) {
        give(lexer, byte, 1, token);
        return BEHALF_OK;
    }
    (void)fail_at(lexer, lexer->at, 1, "no token of an expression begins so");
    if (byte == '=' || byte == '&' || byte == '|')
        error_hint(lexer->error, "write '%c%c'", byte, byte);
    return BEHALF_SCHEMA_PARSE_ERROR;
}

enum status
cel_lex(struct cel_lexer *lexer, struct cel_token *token)
{
    bool bytes;
    bool raw;
    int prefix;
    char byte;

    skip_blanks(lexer);
    if (lexer->at == lexer->caveat->text.size) {
        give(lexer, CEL_TOKEN_END, 0, token);
        return BEHALF_OK;
    }
    byte = peek(lexer, 0);
    prefix = prefix_of_string(lexer, &bytes, &raw);
    if (prefix >= 0)
        return lex_string(lexer, (uint32_t)prefix, bytes, raw, token);
    if (cel_is_name_start(byte)) {
        uint32_t size = 1;

        while (cel_is_name_start(peek(lexer, size)) || cel_is_digit(peek(lexer, size)))
            size++;
        give(lexer, CEL_TOKEN_NAME, size, token);
        return BEHALF_OK;
    }
    if (cel_is_digit(byte) || (byte == '.' && cel_is_digit(peek(lexer, 1))))
        return lex_number(lexer, token);
    return lex_mark(lexer, token);
}
