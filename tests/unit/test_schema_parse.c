/* test_schema_parse.c - precedence, statements, and the errors of the grammar. */
#include "base/relationship.h"
#include "tests/unit/test_schema_support.h"

#define RELATIONS "relation aaa: user\nrelation bbb: user\nrelation ccc: user\nrelation ddd: user\n"

static void
expect_reading(const char *expression, const char *expected)
{
    struct buffer body;
    struct schema *schema;

    buffer_init(&body);
    buffer_add_text(&body, RELATIONS "permission view = ");
    buffer_add_text(&body, expression);
    schema = doc_given(body.data);
    expect_rewrite(schema, "doc#view", expected);
    schema_unref(schema);
    buffer_release(&body);
}

Test(schema_parse, plus_binds_tighter_than_ampersand)
{
    expect_reading("aaa + bbb & ccc", "(& (+ aaa bbb) ccc)");
    expect_reading("aaa & bbb + ccc", "(& aaa (+ bbb ccc))");
}

Test(schema_parse, ampersand_binds_tighter_than_minus)
{
    expect_reading("aaa - bbb + ccc", "(- aaa (+ bbb ccc))");
    expect_reading("aaa & bbb - ccc & ddd", "(- (& aaa bbb) (& ccc ddd))");
}

Test(schema_parse, minus_is_left_associative)
{
    expect_reading("aaa - bbb - ccc", "(- (- aaa bbb) ccc)");
    expect_reading("aaa - (bbb - ccc)", "(- aaa (- bbb ccc))");
}

Test(schema_parse, parentheses_change_the_reading)
{
    expect_reading("aaa + (bbb & ccc)", "(+ aaa (& bbb ccc))");
    expect_reading("((aaa)) + (bbb)", "(+ aaa bbb)");
}

Test(schema_parse, expression_goes_on_behind_an_operator_at_the_end_of_a_line)
{
    expect_reading("aaa +\n  bbb", "(+ aaa bbb)");
    expect_reading("aaa + // first\n  bbb", "(+ aaa bbb)");
}

Test(schema_parse, line_that_begins_with_an_operator_is_an_error)
{
    expect_doc_error(
        RELATIONS "permission view = aaa\n+ bbb",
        "SCHEMA_PARSE_ERROR 6:1 [+] expected 'relation', 'permission' or '}', found '+' | a "
        "statement goes on in the next line only when its line ends in an operator: put '+' at the "
        "end of the line before");
}

Test(schema_parse, missing_operand_names_what_was_expected)
{
    expect_doc_error(RELATIONS "permission view = aaa + \n}",
                     "SCHEMA_PARSE_ERROR 6:1 [}] expected a relation, a permission, 'nil' or '(', "
                     "found '}'");
    expect_doc_error(RELATIONS "permission view = aaa bbb",
                     "SCHEMA_PARSE_ERROR 5:23 [bbb] expected an operator or the end of the "
                     "permission, found 'bbb'");
    expect_doc_error(RELATIONS "permission view = (aaa\n",
                     "SCHEMA_PARSE_ERROR 5:23 [] expected an operator or ')', found the end of the "
                     "line | a statement goes on in the next line only when its line ends in an "
                     "operator");
}

Test(schema_parse, relation_needs_types)
{
    expect_doc_error("relation aaa\n", "SCHEMA_PARSE_ERROR 1:13 [] expected ':' and the types of "
                                       "subjects, found the end of the line | a statement goes on "
                                       "in the next line only when its line ends in an operator");
    expect_doc_error("relation aaa:\n", "SCHEMA_PARSE_ERROR 3:1 [}] expected a type, found '}'");
}

Test(schema_parse, keywords_are_no_names)
{
    expect_doc_error("relation nil: user", "SCHEMA_PARSE_ERROR 1:10 [nil] expected the name of the "
                                           "relation, found 'nil' | 'nil' is a keyword and cannot "
                                           "be a name");
}

Test(schema_parse, names_keep_their_pattern)
{
    expect_doc_error("relation ab: user",
                     "SCHEMA_PARSE_ERROR 1:10 [ab] 'ab' cannot be the name of a relation or "
                     "permission | names have 3 to 64 characters of a-z, 0-9 and _, begin with a "
                     "letter and end in a letter or digit");
    expect_doc_error("relation Viewer: user",
                     "SCHEMA_PARSE_ERROR 1:10 [Viewer] 'Viewer' cannot be the name of a relation "
                     "or permission | names have 3 to 64 characters of a-z, 0-9 and _, begin with "
                     "a letter and end in a letter or digit");
    expect_doc_error("relation abc_: user",
                     "SCHEMA_PARSE_ERROR 1:10 [abc_] 'abc_' cannot be the name of a relation or "
                     "permission | names have 3 to 64 characters of a-z, 0-9 and _, begin with a "
                     "letter and end in a letter or digit");
}

Test(schema_parse, name_of_64_characters_is_allowed_and_65_is_not)
{
    schema_unref(doc_given("relation a23456789012345678901234567890123456789012345678901234567890"
                           "1234: user"));
    expect_doc_error("relation a234567890123456789012345678901234567890123456789012345678901"
                     "2345: user",
                     "SCHEMA_PARSE_ERROR 1:10 "
                     "[a2345678901234567890123456789012345678901234567890123456789012345] "
                     "'a2345678901234567890123456789012345678901234567890123456789012345' cannot "
                     "be the name of a relation or permission | names have 3 to 64 characters of "
                     "a-z, 0-9 and _, begin with a letter and end in a letter or digit");
}

Test(schema_parse, flag_words_are_names_without_their_flag)
{
    schema_unref(schema_given("definition user {}\ndefinition doc {\n"
                              "relation expiration: user\nrelation self: user\n"
                              "relation import: user\nrelation any: user\nrelation all: user\n"
                              "permission and = self + expiration\n}"));
}

Test(schema_parse, flag_words_are_keywords_with_their_flag)
{
    expect_error("use self\ndefinition user {}\ndefinition doc {\nrelation self: user\n}",
                 "SCHEMA_PARSE_ERROR 4:10 [self] expected the name of the relation, found 'self' | "
                 "'self' is a keyword here because of a 'use' line");
    expect_error("use expiration\ndefinition user {}\ndefinition doc {\nrelation and: user\n}",
                 "SCHEMA_PARSE_ERROR 4:10 [and] expected the name of the relation, found 'and' | "
                 "'and' is a keyword here because of a 'use' line");
}

Test(schema_parse, flags_stand_at_the_top_and_are_known)
{
    schema_unref(schema_given("use self\nuse self; use partial\ndefinition user {}"));
    expect_error("definition user {}\nuse self",
                 "SCHEMA_PARSE_ERROR 2:1 [use] 'use' must stand before the first definition or "
                 "caveat");
    expect_error("use selfie", "SCHEMA_PARSE_ERROR 1:5 [selfie] unknown flag 'selfie' | the flags "
                               "are attributes, expiration, import, partial, "
                               "request_attributes, self, typechecking");
    expect_error("partial abc {}", "SCHEMA_PARSE_ERROR 1:1 [partial] expected 'definition', "
                                   "'caveat' or 'use', found 'partial' | 'partial' is a keyword "
                                   "only behind a line 'use partial' at the top");
}

Test(schema_parse, caveat_comes_before_expiration)
{
    expect_error("use expiration\ndefinition user {}\ndefinition doc {\n"
                 "relation aaa: user with expiration and cond\n}",
                 "SCHEMA_PARSE_ERROR 4:36 [and] nothing can follow 'expiration' here | the caveat "
                 "must come before the expiration: with a_caveat and expiration");
}

Test(schema_parse, a_kind_of_subject_has_one_caveat)
{
    expect_error("use expiration\ndefinition user {}\ndefinition doc {\n"
                 "relation aaa: user with cond and other\n}",
                 "SCHEMA_PARSE_ERROR 4:34 [other] expected 'expiration', found 'other' | a kind of "
                 "subject has one caveat at most; two conditions can be one caveat: first && "
                 "second");
    expect_error("definition user {}\ndefinition doc {\nrelation aaa: user with cond and "
                 "expiration\n}",
                 "SCHEMA_PARSE_ERROR 3:30 [and] expected '|' or the end of the relation, found "
                 "'and' | 'and' is a keyword only behind a line 'use expiration' at the top");
}

Test(schema_parse, only_unions_of_relations_stand_left_of_an_arrow)
{
    expect_doc_error(
        "relation aaa: folder\nrelation bbb: folder\npermission view = (aaa & bbb)->view",
        "SCHEMA_PARSE_ERROR 3:20 [aaa & bbb] an arrow cannot walk the result of '&'; "
        "its left side is a relation or a union of relations in parentheses | write "
        "a->b->c without parentheses for several steps");
    expect_doc_error(
        "relation aaa: folder\nrelation bbb: folder\npermission view = (aaa - bbb)->view",
        "SCHEMA_PARSE_ERROR 3:20 [aaa - bbb] an arrow cannot walk the result of '-'; "
        "its left side is a relation or a union of relations in parentheses | write "
        "a->b->c without parentheses for several steps");
    expect_doc_error("relation aaa: folder\nrelation bbb: folder\n"
                     "permission view = (aaa + bbb).all(view)",
                     "SCHEMA_PARSE_ERROR 3:20 [aaa + bbb] '.all' walks one relation, not a union "
                     "of relations");
}

Test(schema_parse, only_any_and_all_are_functions)
{
    expect_doc_error("relation aaa: folder\npermission view = aaa.some(view)",
                     "SCHEMA_PARSE_ERROR 2:23 [some] expected 'any' or 'all', found 'some'");
}

Test(schema_parse, nesting_ends_at_64)
{
    struct buffer text;

    for (int depth = 63; depth <= 65; depth++) {
        buffer_init(&text);
        buffer_add_text(&text, "definition user {}\ndefinition doc { relation aaa: user\n"
                               "permission ppp = ");
        for (int at = 0; at < depth; at++)
            buffer_add_byte(&text, '(');
        buffer_add_text(&text, "aaa");
        for (int at = 0; at < depth; at++)
            buffer_add_byte(&text, ')');
        buffer_add_text(&text, "\n}");
        expect_error(text.data, depth <= SCHEMA_NESTING_MAX
                                    ? ""
                                    : "SCHEMA_PARSE_ERROR 3:82 [(] the expression nests more than "
                                      "64 levels of parentheses and arrows | give a part of it a "
                                      "name of its own, as another permission");
        buffer_release(&text);
    }
}

Test(schema_parse, body_of_a_caveat_ends_at_its_own_brace)
{
    expect_error("caveat cond(aaa int, bbb list<string>, ccc map<list<any>>) {\n"
                 "  {'}': 1}.size() == aaa && \"}\" in bbb || ccc[?'x'] != {} }\ndefinition user {",
                 "SCHEMA_PARSE_ERROR 3:18 [] expected 'relation', 'permission' or '}', found the "
                 "end of the schema");
    expect_error("caveat cond(aaa int) { {}", "SCHEMA_PARSE_ERROR 1:22 [{] the body of the caveat "
                                              "has no closing '}'");
    expect_error("caveat cond() { true }", "SCHEMA_PARSE_ERROR 1:13 [)] expected the name of a "
                                           "parameter, found ')'");
}

static void
expect_refused_name(const char *text)
{
    struct schema *schema = NULL;
    struct error error;

    cr_expect_eq(schema_compile(slice_of(text), &schema, &error), BEHALF_SCHEMA_PARSE_ERROR, "%s",
                 text);
    cr_expect_not_null(strstr(error.message, "cannot be the name of a caveat"), "%s",
                       error.message);
}

Test(schema_parse, names_of_caveats_are_those_of_spicedb)
{
    static const char *const names[] = {"isOpen",      "ab", "_private", "9lives",       "UPPER",
                                        "acme/isOpen", "x",  "a__",      "Acme / isOpen"};
    char text[512];
    struct schema *schema;

    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        snprintf(text, sizeof text,
                 "use expiration\ncaveat %s(day string) { day == 'tue' }\ndefinition user {}\n"
                 "definition doc {\n relation viewer: user with %s | user with %s and expiration\n"
                 "}\n",
                 names[index], names[index], names[index]);
        schema = schema_given(text);
        cr_expect_eq(schema->caveat_count, 1);
        cr_expect(caveat_name_is_valid(schema->caveats[0].name));
        schema_unref(schema);
    }
    snprintf(text, sizeof text, "caveat N%0127d(aaa int) { aaa == 1 }", 0);
    schema_unref(schema_given(text));
    snprintf(text, sizeof text, "caveat a%0128d(aaa int) { aaa == 1 }", 0);
    expect_refused_name(text);
    expect_refused_name("caveat caf\xC3\xA9(aaa int) { aaa == 1 }");
    /* Types keep their pattern. */
    expect_error(
        "definition Doc {}",
        "SCHEMA_PARSE_ERROR 1:12 [Doc] 'Doc' cannot be the name of a definition or partial "
        "| names have 3 to 64 characters of a-z, 0-9 and _, begin with a letter and end in "
        "a letter or digit");
}

Test(schema_parse, comments_in_a_condition)
{
    schema_unref(schema_given("caveat cond(/* a */ aaa /* b */ int /* c */) /* d */ { /* } */ aaa "
                              "/* { */ == // }\n /* \" */ 1 // \"\n }\ndefinition user {}"));
    expect_error("caveat cond(aaa int) { aaa == 1 /* }",
                 "SCHEMA_PARSE_ERROR 1:33 [/*] the comment has no end");
}

Test(schema_parse, text_must_be_utf8_without_zero_bytes)
{
    expect_error("// a\n// \xFF", "SCHEMA_PARSE_ERROR 2:4 [] the schema is not UTF-8 here");
    expect_error("definition us\xC3\xA9r {}",
                 "SCHEMA_PARSE_ERROR 1:12 [us\xC3\xA9r] 'us\xC3\xA9r' cannot be the name of a "
                 "definition or partial | names have 3 to 64 characters of a-z, 0-9 and "
                 "_, begin with a letter and end in a letter or digit");
}

Test(schema_parse, statements_need_no_line_of_their_own)
{
    schema_unref(schema_given("definition user {} definition doc { relation aaa: user relation "
                              "bbb: user; permission view = aaa + bbb }"));
}

Test(schema_parse, prefix_of_names_may_have_blanks)
{
    struct schema *schema = schema_given("definition tenant / user {}");

    cr_expect_eq(schema_find_type(schema, SLICE_LITERAL("tenant/user")), 0);
    schema_unref(schema);
}

Test(schema_parse, a_byte_order_mark_is_passed_over)
{
    schema_unref(schema_given("\xEF\xBB\xBF// a\r\ndefinition user {}\r\n"));
}

Test(schema_parse, control_characters_are_refused)
{
    expect_error("definition user {}\n// \x1B[31m",
                 "SCHEMA_PARSE_ERROR 2:4 [] the schema has the control character U+001B here");
    expect_error("/* \xC2\x9B */", "SCHEMA_PARSE_ERROR 1:4 [] the schema has the control character "
                                   "U+009B here");
    expect_error("caveat cond(aaa string) { aaa == '\x08' }",
                 "SCHEMA_PARSE_ERROR 1:35 [] the schema has the control character U+0008 here");
    expect_error("// \x7F", "SCHEMA_PARSE_ERROR 1:4 [] the schema has the control character U+007F "
                            "here");
}
