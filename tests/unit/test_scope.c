/* test_scope.c - selectors: their text, names of the schema, and what is narrower than what. */
#include "engine/scope.h"
#include "tests/unit/test_writer_support.h"

#include <criterion/criterion.h>

static const char schema_text[] = "definition user {}\n"
                                  "definition agent { permission acts_on_behalf_of = nil }\n"
                                  "definition folder {\n"
                                  "    relation parent: folder\n"
                                  "    relation viewer: user\n"
                                  "    permission within = parent\n"
                                  "}\n"
                                  "definition document {\n"
                                  "    relation parent: folder\n"
                                  "    relation owner: user\n"
                                  "    permission within = parent + parent->within\n"
                                  "    permission view = owner\n"
                                  "    permission edit = owner\n"
                                  "}\n";

/* --- text --- */

static struct arena arena;

static void
open_arena(void)
{
    arena_init(&arena, SIZE_MAX);
}

static void
close_arena(void)
{
    arena_release(&arena);
}

TestSuite(scope, .init = open_arena, .fini = close_arena);

static struct selector
parse(const char *text)
{
    struct selector selector;
    struct error error;

    cr_assert_eq(selector_parse(slice_of(text), &arena, &selector, &error), BEHALF_OK, "%s: %s",
                 text, error.message);
    return selector;
}

static void
expect_text(struct slice text, const char *expected)
{
    cr_expect(slice_equal(text, slice_of(expected)), "'%.*s' is not '%s'", SLICE_PRINTF(text),
              expected);
}

Test(scope, a_selector_of_an_object_has_its_type_and_id)
{
    struct selector selector = parse("document:d1");

    cr_expect_eq(selector.form, SELECTOR_OBJECT);
    expect_text(selector.type, "document");
    expect_text(selector.id, "d1");
}

/* What looks like another form inside of quotes is an id. */
Test(scope, an_id_in_quotes_may_hold_anything)
{
    struct selector selector = parse("document:\"*#within@folder:f\"");

    cr_expect_eq(selector.form, SELECTOR_OBJECT);
    expect_text(selector.id, "*#within@folder:f");
}

Test(scope, a_selector_of_a_type_has_no_id)
{
    struct selector selector = parse("document:*");

    cr_expect_eq(selector.form, SELECTOR_TYPE);
    expect_text(selector.type, "document");
    cr_expect_eq(selector.id.size, 0);
}

Test(scope, a_selector_of_members_has_a_plain_object)
{
    struct selector selector = parse("document:*#within@folder:\"a folder\"");

    cr_expect_eq(selector.form, SELECTOR_MEMBERS);
    expect_text(selector.type, "document");
    expect_text(selector.member, "within");
    expect_text(selector.object.type, "folder");
    expect_text(selector.object.id, "a folder");
    cr_expect_not(selector.is_principal);
}

Test(scope, the_principal_stands_for_whoever_it_is)
{
    struct selector selector = parse("document:*#owner@$principal");

    cr_expect_eq(selector.form, SELECTOR_MEMBERS);
    cr_expect(selector.is_principal);
    cr_expect_eq(selector.object.type.size, 0);
}

Test(scope, a_selector_is_printed_as_it_is_read)
{
    static const char *const texts[] = {
        "document:d1",
        "document:\"a document\"",
        "document:*",
        "document:*#within@folder:f",
        "document:*#within@folder:\"*#@\"",
        "document:*#owner@$principal",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(texts); at++) {
        struct selector selector = parse(texts[at]);
        struct buffer out;

        buffer_init(&out);
        selector_print(&selector, &out);
        cr_expect_str_eq(out.data, texts[at]);
        buffer_release(&out);
    }
}

Test(scope, what_is_no_selector_is_refused_by_name)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", BEHALF_MALFORMED_REQUEST},
        {"*", BEHALF_MALFORMED_REQUEST},
        {"*:*", BEHALF_MALFORMED_REQUEST},
        {"*:d1", BEHALF_MALFORMED_REQUEST},
        {"document", BEHALF_MALFORMED_REQUEST},
        {"document:", BEHALF_INVALID_OBJECT_ID},
        {"Document:d1", BEHALF_MALFORMED_REQUEST},
        {":d1", BEHALF_MALFORMED_REQUEST},
        {"document:d1#owner", BEHALF_MALFORMED_REQUEST},
        {"document:**", BEHALF_MALFORMED_REQUEST},
        {"document:*#", BEHALF_MALFORMED_REQUEST},
        {"document:*#within", BEHALF_MALFORMED_REQUEST},
        {"document:*#within@", BEHALF_MALFORMED_REQUEST},
        {"document:*#@folder:f", BEHALF_MALFORMED_REQUEST},
        {"document:*#Within@folder:f", BEHALF_MALFORMED_REQUEST},
        {"document:*#within@folder:f#viewer", BEHALF_MALFORMED_REQUEST},
        {"document:*#within@folder", BEHALF_MALFORMED_REQUEST},
        {"document:*#within@$agent", BEHALF_MALFORMED_REQUEST},
        {"document:*#within@folder:*", BEHALF_WILDCARD_NOT_ALLOWED},
        {"document:\"*\"", BEHALF_INVALID_OBJECT_ID},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        struct selector selector;
        struct error error = {.status = BEHALF_OK};
        enum status status = selector_parse(slice_of(cases[at].text), &arena, &selector, &error);

        cr_expect_eq(status, cases[at].status, "'%s': %s", cases[at].text, status_name(status));
        cr_expect_eq(error.status, status);
    }
}

/* --- names --- */

static struct scope_element
element(const char *selector, const struct slice *actions, size_t count)
{
    return (struct scope_element){parse(selector), actions, count};
}

static enum status
check_names(const char *selector, const char *action)
{
    const struct slice actions[] = {SLICE_LITERAL("owner"), slice_of(action)};
    const struct scope_element asked = element(selector, actions, 2);
    struct schema *schema;
    struct error error;
    enum status status;

    cr_assert_eq(schema_compile(slice_of(schema_text), &schema, &error), BEHALF_OK);
    status = scope_check_names(schema, &asked, &error);
    schema_unref(schema);
    return status;
}

Test(scope, every_name_is_one_of_the_schema)
{
    cr_expect_eq(check_names("document:d1", "view"), BEHALF_OK);
    cr_expect_eq(check_names("document:*", "view"), BEHALF_OK);
    cr_expect_eq(check_names("document:*#within@folder:f", "view"), BEHALF_OK);
    cr_expect_eq(check_names("document:*#owner@$principal", "view"), BEHALF_OK);
    cr_expect_eq(check_names("paper:d1", "view"), BEHALF_UNKNOWN_DEFINITION);
    cr_expect_eq(check_names("document:*#within@box:f", "view"), BEHALF_UNKNOWN_DEFINITION);
    cr_expect_eq(check_names("document:*#inside@folder:f", "view"),
                 BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_expect_eq(check_names("document:*", "read"), BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_expect_eq(check_names("document:*", "*"), BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
}

/* --- narrowing --- */

static struct rig rig;

/* A stored grant with these elements. */
static const struct grant *
store_grant(const struct element_words *scope, size_t count)
{
    static const struct record_id parent = {{1}};
    static struct buffer block;
    const struct grant_words words = {
        .parent = &parent,
        .delegator = SLICE_LITERAL("user:ann"),
        .delegatee = SLICE_LITERAL("agent:bot"),
        .scope = scope,
        .scope_count = count,
        .expires_at = 1,
    };
    struct record_entries entries;
    struct store_record record = {.key = record_key(RECORD_GRANT, &words.session)};
    struct buffer body;
    struct error error = {.status = BEHALF_OK};

    buffer_init(&body);
    buffer_release(&block);
    buffer_init(&block);
    record_index_grant(&record, &entries, &words.session, NODE_WILDCARD(1) + 1, 1);
    cr_assert_eq(record_encode_grant(&words, &arena, &body, &error), BEHALF_OK, "%s",
                 error.message);
    record.body = buffer_slice(&body);
    cr_assert_eq(record_grant(rig.store, &record, &block, &error), BEHALF_OK, "%s", error.message);
    buffer_release(&body);
    return (const struct grant *)(const void *)block.data;
}

/* The index of the element that is not narrower; -1 where all are. */
static int64_t
narrows(const struct grant *parent, const struct scope_element *child, size_t count)
{
    struct error error = {.index = ERROR_NO_INDEX};
    enum status status = scope_check_narrower(rig.store, parent, child, count, &error);

    cr_assert(status == BEHALF_OK || status == BEHALF_SCOPE_NOT_NARROWER);
    return error.index;
}

static bool
is_narrower(const char *parent, const char *child)
{
    const struct slice view[] = {SLICE_LITERAL("view")};
    const struct element_words words = {slice_of(parent), view, 1};
    const struct scope_element asked = element(child, view, 1);

    return narrows(store_grant(&words, 1), &asked, 1) == ERROR_NO_INDEX;
}

#define D "document:"

Test(scope, a_child_selects_the_same_or_less)
{
    rig_open(&rig, schema_text);
    cr_expect(is_narrower(D "*", D "*"));
    cr_expect(is_narrower(D "*", D "d1"));
    cr_expect(is_narrower(D "*", D "*#within@folder:f"));
    cr_expect(is_narrower(D "d1", D "d1"));
    cr_expect(is_narrower(D "*#within@folder:f", D "*#within@folder:f"));
    cr_expect(is_narrower(D "*#within@folder:f", D "d1"));

    cr_expect_not(is_narrower(D "d1", D "*"));
    cr_expect_not(is_narrower(D "d1", D "d2"));
    cr_expect_not(is_narrower(D "d1", D "*#within@folder:f"));
    cr_expect_not(is_narrower(D "*#within@folder:f", D "*"));
    cr_expect_not(is_narrower(D "*#within@folder:f", D "*#within@folder:g"));
    cr_expect_not(is_narrower(D "*#within@folder:f", D "*#parent@folder:f"));
    cr_expect_not(is_narrower(D "*#within@folder:f", D "*#within@document:f"));
    cr_expect_not(is_narrower(D "*#owner@user:ann", D "*#owner@$principal"));
    cr_expect_not(is_narrower(D "*", "folder:*"));
    cr_expect_not(is_narrower(D "*", "folder:f"));
    rig_close(&rig);
}

/* Names that the store has never seen are in no parent. */
Test(scope, what_nobody_knows_is_not_narrower)
{
    rig_open(&rig, schema_text);
    cr_expect_not(is_narrower(D "*", "paper:d1"));
    cr_expect_not(is_narrower(D "*#within@folder:f", D "*#inside@folder:f"));
    rig_close(&rig);
}

/* Each (element, action) needs one element of the parent that has both. */
Test(scope, selector_and_action_come_from_one_element_of_the_parent)
{
    const struct slice view[] = {SLICE_LITERAL("view")};
    const struct slice edit[] = {SLICE_LITERAL("edit")};
    const struct slice both[] = {SLICE_LITERAL("edit"), SLICE_LITERAL("view")};
    const struct element_words words[] = {
        {SLICE_LITERAL(D "*"), view, 1},
        {SLICE_LITERAL(D "d1"), edit, 1},
    };
    const struct grant *parent;
    struct scope_element child[2];

    rig_open(&rig, schema_text);
    parent = store_grant(words, 2);
    child[0] = element(D "d1", both, 2);
    cr_expect_eq(narrows(parent, child, 1), ERROR_NO_INDEX);
    child[1] = element(D "d2", both, 2);
    cr_expect_eq(narrows(parent, child, 2), 1, "edit is on d1 alone");
    child[0] = element(D "*", edit, 1);
    cr_expect_eq(narrows(parent, child, 2), 0);
    child[0] = element(D "d2", view, 1);
    cr_expect_eq(narrows(parent, child, 1), ERROR_NO_INDEX);
    rig_close(&rig);
}
