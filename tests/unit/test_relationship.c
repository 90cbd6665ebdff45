/* test_relationship.c - the text form of objects and relationships. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/relationship.h"

/* "ok" and the print, or the error as "STATUS column [text]". */
static void
describe_relationship(const char *text, struct buffer *out)
{
    struct arena arena;
    struct relationship relationship;
    struct error error = {0};
    enum status status;

    arena_init(&arena, 1 << 16);
    status = relationship_parse(slice_of(text), &arena, &relationship, &error);
    if (status == BEHALF_OK)
        relationship_print(&relationship, out);
    else
        buffer_add_format(out, "%s %u [%s]", status_name(status), error.column, error.text);
    arena_release(&arena);
}

static void
expect_relationship(const char *text, const char *expected)
{
    struct buffer found;

    buffer_init(&found);
    describe_relationship(text, &found);
    cr_expect_str_eq(found.data, expected);
    buffer_release(&found);
}

/* Parses and prints as it was written. */
static void
expect_same(const char *text)
{
    expect_relationship(text, text);
}

static void
expect_object(const char *text, const char *expected)
{
    struct arena arena;
    struct object object;
    struct error error = {0};
    struct buffer found;
    enum status status;

    arena_init(&arena, 1 << 16);
    buffer_init(&found);
    status = object_parse(slice_of(text), &arena, &object, &error);
    if (status == BEHALF_OK)
        object_print(&object, &found);
    else
        buffer_add_format(&found, "%s %u [%s]", status_name(status), error.column, error.text);
    cr_expect_str_eq(found.data, expected);
    buffer_release(&found);
    arena_release(&arena);
}

Test(relationship, plain_forms_print_as_written)
{
    expect_same("document:readme#viewer@user:ann");
    expect_same("document:readme#viewer@group:eng#member");
    expect_same("document:readme#viewer@user:*");
    expect_same("org/team/doc:a/b_c|d-e=f+G9#viewer@org/user:1");
    expect_same("doc:d#viewer@user:u[during]");
    expect_same("doc:d#viewer@user:u[org/during:{\"hours\":\"day\"}]");
    expect_same("doc:d#viewer@user:u[expiration:2027-01-01T00:00:00Z]");
    expect_same(
        "doc:d#viewer@user:u#member[during:{\"a\":[{}]}][expiration:2027-01-01T00:00:00.5Z]");
    expect_same("tool:\"files/read file.txt\"#caller@user:\"ann@example.org\"");
}

Test(relationship, parts_are_told_apart)
{
    struct relationship found;
    struct arena arena;
    struct slice text = SLICE_LITERAL(
        "doc:d#viewer@user:u#member[during:{\"a\":1}][expiration:1970-01-01T00:00:01Z]");

    arena_init(&arena, SIZE_MAX);
    cr_assert_eq(relationship_parse(text, &arena, &found, NULL), BEHALF_OK);
    cr_expect(slice_equal(found.resource.type, SLICE_LITERAL("doc")));
    cr_expect(slice_equal(found.resource.id, SLICE_LITERAL("d")));
    cr_expect(slice_equal(found.resource.relation, SLICE_LITERAL("viewer")));
    cr_expect_not(found.resource.wildcard);
    cr_expect(slice_equal(found.subject.type, SLICE_LITERAL("user")));
    cr_expect(slice_equal(found.subject.id, SLICE_LITERAL("u")));
    cr_expect(slice_equal(found.subject.relation, SLICE_LITERAL("member")));
    cr_expect(slice_equal(found.caveat, SLICE_LITERAL("during")));
    cr_expect(slice_equal(found.context, SLICE_LITERAL("\7\0\0\0\1\0\0\0\1a\3\0\0\0\0\0\0\0\1")));
    cr_expect_eq(found.expires_at, 1000000000);
    arena_release(&arena);
}

Test(relationship, ellipsis_is_no_subject_relation)
{
    expect_relationship("doc:d#viewer@user:u#...", "doc:d#viewer@user:u");
    expect_relationship("doc:d#viewer@user:*#...", "doc:d#viewer@user:*");
    expect_relationship("doc:d#...@user:u", "MALFORMED_REQUEST 7 [...@user:u]");
}

Test(relationship, quotes_are_printed_only_where_needed)
{
    expect_object("user:\"ann\"", "user:ann");
    expect_object("user:\"a\\u006en\"", "user:ann");
    expect_object("user:\"a b\"", "user:\"a b\"");
    expect_object("user:\"\\\"\\\\\\/\"", "user:\"\\\"\\\\/\"");
    expect_object("user:\"\\u00e9\\u20AC\"", "user:\"\xC3\xA9\xE2\x82\xAC\"");
    expect_object("user:\"\xF0\x9F\x98\x80\"#self", "user:\"\xF0\x9F\x98\x80\"#self");
    expect_object("user:\"**\"", "user:\"**\"");
}

Test(relationship, the_id_star_does_not_exist)
{
    expect_object("user:*", "user:*");
    expect_object("user:\"*\"", "INVALID_OBJECT_ID 6 [\"*\"]");
    expect_object("user:\"\\u002a\"", "INVALID_OBJECT_ID 6 [\"\\u002a\"]");
    expect_object("user:*a", "MALFORMED_REQUEST 7 [a]");
    expect_object("user:a*", "MALFORMED_REQUEST 7 [*]");
}

Test(relationship, wildcard_stands_only_as_plain_subject)
{
    expect_relationship("doc:*#viewer@user:u", "WILDCARD_NOT_ALLOWED 5 [*]");
    expect_relationship("doc:d#viewer@user:*#member", "WILDCARD_NOT_ALLOWED 20 [#member]");
}

Test(relationship, control_characters_are_refused)
{
    expect_object("user:\"a\tb\"", "INVALID_OBJECT_ID 6 [\"a\tb\"]");
    expect_object("user:\"a\x7F\"", "INVALID_OBJECT_ID 6 [\"a\x7F\"]");
    expect_object("user:\"\xC2\x80\"", "INVALID_OBJECT_ID 6 [\"\xC2\x80\"]");
    expect_object("user:\"\xC2\x9F\"", "INVALID_OBJECT_ID 6 [\"\xC2\x9F\"]");
    expect_object("user:\"\xC2\xA0\"", "user:\"\xC2\xA0\"");
    expect_object("user:\"a\\n\"", "INVALID_OBJECT_ID 8 [\\n]");
    expect_object("user:\"\\u0000\"", "INVALID_OBJECT_ID 7 [\\u0000]");
    expect_object("user:\"\\u009F\"", "INVALID_OBJECT_ID 7 [\\u009F]");
    expect_object("user:a\tb", "MALFORMED_REQUEST 7 [\tb]");
}

Test(relationship, what_is_not_utf8_is_refused)
{
    expect_object("user:\"\xC0\x80\"", "INVALID_OBJECT_ID 6 [\"\xC0\x80\"]");
    expect_object("user:\"\xED\xA0\x80\"", "INVALID_OBJECT_ID 6 [\"\xED\xA0\x80\"]");
    expect_object("user:\"\xF4\x90\x80\x80\"", "INVALID_OBJECT_ID 6 [\"\xF4\x90\x80\x80\"]");
    expect_object("user:\"\\ud83d\\ude00\"", "INVALID_OBJECT_ID 7 [\\ud83d]");
    expect_object("user:\"\\udfff\"", "INVALID_OBJECT_ID 7 [\\udfff]");
}

Test(relationship, escapes_are_those_of_json)
{
    expect_object("user:\"\\x41\"", "MALFORMED_REQUEST 7 [\\x41\"]");
    expect_object("user:\"\\u12\"", "MALFORMED_REQUEST 7 [\\u12\"]");
    expect_object("user:\"abc", "MALFORMED_REQUEST 6 [\"abc]");
    expect_object("user:\"abc\\", "MALFORMED_REQUEST 10 [\\]");
}

Test(relationship, id_has_1_to_1024_bytes)
{
    char text[3000];

    for (int size = 1023; size <= 1025; size++) {
        for (int quoted = 0; quoted < 2; quoted++) {
            struct object object;
            const char *quote = quoted == 1 ? "\"" : "";
            enum status status;

            snprintf(text, sizeof text, "user:%s%0*d%s", quote, size, 0, quote);
            status = object_parse(slice_of(text), NULL, &object, NULL);
            cr_expect_eq(status, size > 1024 ? BEHALF_INVALID_OBJECT_ID : BEHALF_OK);
        }
    }
    expect_object("user:", "INVALID_OBJECT_ID 6 []");
    expect_object("user:\"\"", "INVALID_OBJECT_ID 6 [\"\"]");
    expect_relationship("doc:#viewer@user:u", "INVALID_OBJECT_ID 5 [#viewer@user:u]");
}

Test(relationship, escaped_id_is_measured_in_its_own_bytes)
{
    struct arena arena;
    struct object object;
    struct buffer text;

    for (int size = 1023; size <= 1025; size++) {
        arena_init(&arena, 1 << 16);
        buffer_init(&text);
        buffer_add_text(&text, "user:\"");
        for (int at = 0; at < size; at++)
            buffer_add_text(&text, "\\u0061");
        buffer_add_text(&text, "\"");
        cr_expect_eq(object_parse(buffer_slice(&text), &arena, &object, NULL),
                     size > 1024 ? BEHALF_INVALID_OBJECT_ID : BEHALF_OK);
        buffer_release(&text);
        arena_release(&arena);
    }
}

Test(relationship, spent_arena_is_told)
{
    struct arena arena;
    struct object object;

    arena_init(&arena, 4);
    cr_expect_eq(
        object_parse(SLICE_LITERAL("user:\"\\u0061bcdefghijklmnop\""), &arena, &object, NULL),
        BEHALF_BUDGET_EXHAUSTED);
    arena_release(&arena);
}

Test(relationship, whole_text_is_one_relationship)
{
    expect_relationship("", "MALFORMED_REQUEST 1 []");
    expect_relationship(" doc:d#viewer@user:u", "MALFORMED_REQUEST 1 [ doc:d#viewer@us]");
    expect_relationship("doc:d#viewer@user:u ", "MALFORMED_REQUEST 20 [ ]");
    expect_relationship("doc:d#viewer@user:u\n", "MALFORMED_REQUEST 20 [\n]");
    expect_relationship("doc:d#viewer", "MALFORMED_REQUEST 13 []");
    expect_relationship("doc:d@user:u", "MALFORMED_REQUEST 6 [@user:u]");
    expect_relationship("doc#viewer@user:u", "MALFORMED_REQUEST 4 [#viewer@user:u]");
    expect_relationship("doc:d#viewer@user:ann@example.org", "MALFORMED_REQUEST 22 [@example.org]");
}

Test(relationship, names_keep_their_pattern)
{
    expect_relationship("Doc:d#viewer@user:u", "MALFORMED_REQUEST 1 [Doc:d#viewer@use]");
    expect_relationship("do:d#viewer@user:u", "MALFORMED_REQUEST 1 [do]");
    expect_relationship("doc:d#vi@user:u", "MALFORMED_REQUEST 7 [vi]");
    expect_relationship("doc:d#viewer_@user:u", "MALFORMED_REQUEST 7 [viewer_]");
    expect_relationship("doc/:d#viewer@user:u", "MALFORMED_REQUEST 1 [doc/]");
    expect_relationship("doc:d#viewer@user:u#1abc", "MALFORMED_REQUEST 21 [1abc]");
}

Test(relationship, prefix_segment_is_one_shorter_than_a_name)
{
    char name[128];

    snprintf(name, sizeof name, "a%062d/doc", 0);
    cr_expect(type_name_is_valid(slice_of(name)));
    snprintf(name, sizeof name, "a%063d/doc", 0);
    cr_expect_not(type_name_is_valid(slice_of(name)));
    snprintf(name, sizeof name, "a%063d", 0);
    cr_expect(type_name_is_valid(slice_of(name)));
    cr_expect(relation_name_is_valid(slice_of(name)));
    snprintf(name, sizeof name, "a%064d", 0);
    cr_expect_not(relation_name_is_valid(slice_of(name)));
}

Test(relationship, context_is_taken_as_far_as_it_goes)
{
    expect_same("doc:d#viewer@user:u[cav:{\"a\":\"}][expiration:2027-01-01T00:00:00Z]\"}]");
    expect_same("doc:d#viewer@user:u[cav:{\"a\":\"\\\"}]\"}][expiration:2027-01-01T00:00:00Z]");
    expect_relationship("doc:d#viewer@user:u[cav:{}]", "MALFORMED_REQUEST 25 [{}]]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":1}]x",
                        "MALFORMED_REQUEST 25 [{\"a\":1}]x]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":1}]}]", "MALFORMED_REQUEST 32 []}]]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":1]", "MALFORMED_REQUEST 25 [{\"a\":1]]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":\n1}]",
                        "MALFORMED_REQUEST 25 [{\"a\":\n1}]]");
    expect_relationship("doc:d#viewer@user:u[cav:1]", "MALFORMED_REQUEST 25 [1]]");
    expect_relationship("doc:d#viewer@user:u[cav:]", "MALFORMED_REQUEST 25 []]");
    expect_relationship("doc:d#viewer@user:u[]", "MALFORMED_REQUEST 21 []]");
    expect_relationship("doc:d#viewer@user:u[cav", "MALFORMED_REQUEST 24 []");
}

Test(relationship, a_context_is_printed_canonically)
{
    expect_relationship(
        "doc:d#viewer@user:u[cav:{ \"b\" : \"\\u0041\",\"a\":[1.50,9223372036854775808]}]",
        "doc:d#viewer@user:u[cav:{\"a\":[1.5,9.223372036854776e+18],\"b\":\"A\"}]");
    expect_relationship("doc:d#viewer@user:u[cav:{ }]", "MALFORMED_REQUEST 25 [{ }]]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":1,\"a\":2}]",
                        "MALFORMED_REQUEST 34 [\":2}]]");
    expect_relationship("doc:d#viewer@user:u[cav:{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}]",
                        "MALFORMED_REQUEST 45 [[1]]]]]]]]]]]]]]]]}]]");
}

Test(relationship, the_text_of_a_context_is_bounded)
{
    struct relationship found;
    struct error error;
    struct arena arena;
    struct buffer text;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&text);
    for (size_t size = CONTEXT_TEXT_SIZE_MAX; size <= CONTEXT_TEXT_SIZE_MAX + 1; size++) {
        buffer_clear(&text);
        buffer_add_text(&text, "doc:d#viewer@user:u[cav:{\"a\":\"");
        for (size_t index = strlen("{\"a\":\"\"}"); index < size; index++)
            buffer_add_byte(&text, 'x');
        buffer_add_text(&text, "\"}]");
        cr_assert_eq(relationship_parse(buffer_slice(&text), &arena, &found, &error),
                     size > CONTEXT_TEXT_SIZE_MAX ? BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE
                                                  : BEHALF_OK);
    }
    cr_assert_eq(error.column, 25);
    buffer_release(&text);
    arena_release(&arena);
}

Test(relationship, caveat_may_be_called_expiration)
{
    expect_same("doc:d#viewer@user:u[expiration]");
    expect_same("doc:d#viewer@user:u[expiration:{\"a\":1}][expiration:2027-01-01T00:00:00Z]");
}

Test(relationship, names_of_caveats_are_wider_and_quoted_where_no_type_has_them)
{
    static const char *const names[] = {
        "isOpen", "ab",  "_private", "9lives", "UPPER",      "a",    "9",  "a__", "acme/isOpen",
        "X/y/Z",  "a-b", "a|b",      "with",   "definition", "a//b", "a/", "_/_", "Expiration"};
    char text[512];
    char plain[512];

    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        bool quotes = !type_name_is_valid(slice_of(names[index]));

        cr_expect(caveat_name_is_valid(slice_of(names[index])), "%s", names[index]);
        snprintf(plain, sizeof plain, "doc:d#viewer@user:u[%s:{\"a\":1}]", names[index]);
        snprintf(text, sizeof text, "doc:d#viewer@user:u[\"%s\":{\"a\":1}]", names[index]);
        expect_relationship(text, quotes ? text : plain);
        expect_relationship(plain, quotes ? text : plain);
        snprintf(plain, sizeof plain, "doc:d#viewer@user:u[%s][expiration:2027-01-01T00:00:00Z]",
                 names[index]);
        snprintf(text, sizeof text, "doc:d#viewer@user:u[\"%s\"][expiration:2027-01-01T00:00:00Z]",
                 names[index]);
        expect_relationship(text, quotes ? text : plain);
        expect_relationship(plain, quotes ? text : plain);
    }
    snprintf(text, sizeof text, "doc:d#viewer@user:u[\"A%0127d\"]", 0);
    expect_same(text);
    snprintf(text, sizeof text, "A%0128d", 0);
    cr_expect_not(caveat_name_is_valid(slice_of(text)));
}

Test(relationship, what_is_no_name_of_a_caveat)
{
    expect_relationship("doc:d#viewer@user:u[]", "MALFORMED_REQUEST 21 []]");
    expect_relationship("doc:d#viewer@user:u[\"\"]", "MALFORMED_REQUEST 22 [\"]]");
    expect_relationship("doc:d#viewer@user:u[\"aaa]", "MALFORMED_REQUEST 25 []]");
    expect_relationship("doc:d#viewer@user:u[\"a b\"]", "MALFORMED_REQUEST 23 [ b\"]]");
    expect_relationship("doc:d#viewer@user:u[/abc]", "MALFORMED_REQUEST 21 [/abc]");
    expect_relationship("doc:d#viewer@user:u[a+b]", "MALFORMED_REQUEST 21 [a+b]");
    expect_relationship("doc:d#viewer@user:u[caf\xC3\xA9]", "MALFORMED_REQUEST 24 [\xC3\xA9]]");
    /* In quotes it is a caveat, never an expiration. */
    expect_relationship("doc:d#viewer@user:u[\"expiration\":2027-01-01T00:00:00Z]",
                        "MALFORMED_REQUEST 34 [2027-01-01T00:00]");
    expect_relationship("doc:d#viewer@user:u[\"expiration\"]", "doc:d#viewer@user:u[expiration]");
}

Test(relationship, caveat_comes_before_expiration)
{
    expect_relationship("doc:d#viewer@user:u[expiration:2027-01-01T00:00:00Z][cav]",
                        "MALFORMED_REQUEST 53 [[cav]]");
    expect_relationship("doc:d#viewer@user:u[cav][cow]", "MALFORMED_REQUEST 25 [[cow]]");
}

Test(relationship, expiration_is_a_time_that_fits)
{
    expect_relationship("doc:d#viewer@user:u[expiration:2027-01-01]",
                        "MALFORMED_REQUEST 32 [2027-01-01]");
    expect_relationship("doc:d#viewer@user:u[expiration:tomorrow]",
                        "MALFORMED_REQUEST 32 [tomorrow]]");
    /* Inside, the first moment of 1970 means "never". */
    expect_relationship("doc:d#viewer@user:u[expiration:1970-01-01T00:00:00Z]",
                        "doc:d#viewer@user:u[expiration:1970-01-01T00:00:00.000000001Z]");
    expect_relationship("doc:d#viewer@user:u[expiration:1969-12-31T23:59:59Z]",
                        "MALFORMED_REQUEST 32 [1969-12-31T23:59:59Z]");
    expect_relationship("doc:d#viewer@user:u[expiration:2263-01-01T00:00:00Z]",
                        "doc:d#viewer@user:u[expiration:2262-04-11T23:47:16.854775807Z]");
    expect_relationship("doc:d#viewer@user:u[expiration:2027-01-01T00:00:00-01:30]",
                        "doc:d#viewer@user:u[expiration:2027-01-01T01:30:00Z]");
}

Test(relationship, result_is_written_only_on_success)
{
    struct relationship found = {.expires_at = 77};

    cr_expect_neq(relationship_parse(SLICE_LITERAL("doc:d#viewer@user:u["), NULL, &found, NULL),
                  BEHALF_OK);
    cr_expect_eq(found.expires_at, 77);
}

Test(relationship, id_check_tells_the_byte)
{
    struct error error;

    cr_expect_eq(object_id_check(SLICE_LITERAL("ab\x1F"), &error), BEHALF_INVALID_OBJECT_ID);
    cr_expect_str_eq(error.message, "byte 3 of the object id is the control character U+001F");
    cr_expect_eq(object_id_check(SLICE_LITERAL("\xC3("), &error), BEHALF_INVALID_OBJECT_ID);
    cr_expect_str_eq(error.message, "byte 1 of the object id is not UTF-8");
    cr_expect_eq(object_id_check(SLICE_LITERAL("*"), &error), BEHALF_INVALID_OBJECT_ID);
    cr_expect_eq(object_id_check(SLICE_LITERAL("a*"), &error), BEHALF_OK);
}

/* Every byte as an id, raw and as an escape: what parses, prints, and prints again the same. */
Test(relationship, single_bytes_round_trip_or_are_refused)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char raw[32] = "user:\"?\"";
        char escaped[32];
        struct arena arena;
        struct object first;
        struct object second;
        struct buffer text;
        bool fine = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\' && byte != '*';

        raw[6] = (char)byte;
        snprintf(escaped, sizeof escaped, "user:\"\\u%04x\"", byte);
        arena_init(&arena, 1 << 16);
        buffer_init(&text);
        cr_expect_eq(object_parse((struct slice){raw, 8}, &arena, &first, NULL) == BEHALF_OK, fine);
        fine = byte >= 0x20 && (byte < 0x7F || byte > 0x9F) && byte != '*';
        cr_assert_eq(object_parse(slice_of(escaped), &arena, &first, NULL) == BEHALF_OK, fine);
        if (fine) {
            object_print(&first, &text);
            cr_assert_eq(object_parse(buffer_slice(&text), &arena, &second, NULL), BEHALF_OK);
            cr_expect(slice_equal(first.id, second.id));
        }
        buffer_release(&text);
        arena_release(&arena);
    }
}
