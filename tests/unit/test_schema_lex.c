/* test_schema_lex.c - tokens, places, synthetic terminators, comments. */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "schema/lex.h"

/* Texts of the tokens with blanks between; `;` of a newline prints as `$`, an error as `!`. */
static void
expect_tokens(const char *text, const char *expected)
{
    struct arena arena;
    struct lexer lexer;
    struct error error;
    struct token token;
    struct buffer found;
    enum status status;

    arena_init(&arena, 1 << 20);
    buffer_init(&found);
    lexer_init(&lexer, slice_of(text), &arena, &error);
    for (status = lexer_next(&lexer, &token); status == BEHALF_OK && token.kind != TOKEN_END;
         status = lexer_next(&lexer, &token)) {
        if (found.size > 0)
            buffer_add_byte(&found, ' ');
        if (token.text.size == 0)
            buffer_add_byte(&found, '$');
        buffer_add_slice(&found, token.text);
    }
    if (status != BEHALF_OK)
        buffer_add_format(&found, " !%u:%u %s", error.line, error.column, error.message);
    cr_expect_str_eq(found.data, expected);
    buffer_release(&found);
    arena_release(&arena);
}

Test(schema_lex, longest_punctuation_wins)
{
    expect_tokens("a->b...c.d||e|f<=g<h", "a -> b ... c . d || e | f <= g < h");
}

Test(schema_lex, numbers_are_identifiers)
{
    expect_tokens("1a 23 _x", "1a 23 _x");
}

Test(schema_lex, newline_ends_a_statement_behind_names_and_closers)
{
    expect_tokens("a\nb", "a $ b");
    expect_tokens("}\n)\n*\nnil\n", "} $ ) $ * $ nil $");
}

Test(schema_lex, newline_behind_operator_means_nothing)
{
    expect_tokens("a +\n\nb =\nc ->\nd |\n{\n:\n,\n.\n(\n", "a + b = c -> d | { : , . (");
}

Test(schema_lex, several_newlines_end_one_statement)
{
    expect_tokens("a\n\n\r\n\nb", "a $ b");
}

Test(schema_lex, comment_does_not_hide_the_newline_behind_it)
{
    expect_tokens("a // b c\nd", "a $ d");
    expect_tokens("a /* b\nc */ d", "a d");
    expect_tokens("a /* b */\nd", "a $ d");
}

Test(schema_lex, strings_have_four_quotes_and_no_escapes)
{
    expect_tokens("\"a}\\\" 'b{' \"\"\"c\n\"d\"\"\" '''e'f'''",
                  "\"a}\\\" 'b{' \"\"\"c\n\"d\"\"\" '''e'f'''");
}

Test(schema_lex, unfinished_things_are_errors)
{
    expect_tokens("a\n  \"b\nc\"", "a $ !2:3 the string has no end");
    expect_tokens("'''a''", " !1:1 the string has no end");
    expect_tokens("a /* b", "a !1:3 the comment has no end");
    expect_tokens("a $", "a !1:3 no token begins so");
}

Test(schema_lex, carriage_return_and_newline_are_one_line)
{
    struct arena arena;
    struct lexer lexer;
    struct token token = {0};

    arena_init(&arena, 1 << 20);
    lexer_init(&lexer, SLICE_LITERAL("a\r\n\r b"), &arena, NULL);
    while (token.text.size == 0 || token.text.data[0] != 'b')
        cr_assert_eq(lexer_next(&lexer, &token), BEHALF_OK);
    cr_expect_eq(token.place.line, 3);
    cr_expect_eq(token.place.column, 2);
    cr_expect_eq(token.place.offset, 5);
    arena_release(&arena);
}
