/* test_writer_schema.c - the guard of schema writes: nothing stored may lose its meaning. */
#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

#define USERS "definition user {}\n"
#define GROUP "definition group {\n    relation member: user\n}\n"
#define DOCUMENT(relations) "definition document {\n" relations "}\n"
#define RELATION(text) "    relation " text "\n"
#define PERMISSION(text) "    permission " text "\n"

struct change {
    const char *name;
    const char *before;
    const char *updates;
    const char *after;
    const char *message; /* NULL: accepted */
};

/* Fails before the delete of what is stored and succeeds behind it. */
static const struct change refused[] = {
    {"definition with a resource",
     USERS DOCUMENT(RELATION("viewer: user")) "definition folder {}\n",
     "touch document:1#viewer@user:a\ntouch document:2#viewer@user:a",
     USERS "definition folder {}\n",
     "cannot remove a definition that has relationships: 2 of 'document#viewer' with subject "
     "'user' in store, for example 'document:1#viewer@user:a'"},
    {"relation", USERS DOCUMENT(RELATION("viewer: user") RELATION("editor: user")),
     "touch document:1#viewer@user:a\ntouch document:1#editor@user:a",
     USERS DOCUMENT(RELATION("editor: user")),
     "cannot remove a relation that has relationships: 1 of 'document#viewer' with subject "
     "'user' in store, for example 'document:1#viewer@user:a'"},
    {"relation into permission", USERS DOCUMENT(RELATION("viewer: user") RELATION("editor: user")),
     "touch document:1#viewer@user:a",
     USERS DOCUMENT(PERMISSION("viewer = editor") RELATION("editor: user")),
     "cannot turn a relation that has relationships into a permission: 1 of 'document#viewer' "
     "with subject 'user' in store, for example 'document:1#viewer@user:a'"},
    {"plain variant", USERS GROUP DOCUMENT(RELATION("viewer: user | user:* | group#member")),
     "touch document:1#viewer@user:a\ntouch document:1#viewer@user:*\n"
     "touch document:1#viewer@group:g#member",
     USERS GROUP DOCUMENT(RELATION("viewer: user:* | group#member")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'user' in store, for example 'document:1#viewer@user:a'"},
    {"wildcard variant", USERS GROUP DOCUMENT(RELATION("viewer: user | user:* | group#member")),
     "touch document:1#viewer@user:a\ntouch document:2#viewer@user:*\n"
     "touch document:1#viewer@group:g#member",
     USERS GROUP DOCUMENT(RELATION("viewer: user | group#member")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'user:*' in store, for example 'document:2#viewer@user:*'"},
    {"userset variant", USERS GROUP DOCUMENT(RELATION("viewer: user | user:* | group#member")),
     "touch document:1#viewer@user:a\ntouch document:1#viewer@user:*\n"
     "touch document:1#viewer@group:g#member",
     USERS GROUP DOCUMENT(RELATION("viewer: user | user:*")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'group#member' in store, for example 'document:1#viewer@group:g#member'"},
    {"userset becomes plain", USERS GROUP DOCUMENT(RELATION("viewer: group#member")),
     "touch document:1#viewer@group:g#member", USERS GROUP DOCUMENT(RELATION("viewer: group")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'group#member' in store, for example 'document:1#viewer@group:g#member'"},
    {"variant of the same type but for another relation",
     USERS DOCUMENT(RELATION("viewer: user") RELATION("editor: user")),
     "touch document:1#viewer@user:a",
     USERS GROUP DOCUMENT(RELATION("viewer: group") RELATION("editor: user")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'user' in store, for example 'document:1#viewer@user:a'"},
    {"definition of a subject",
     USERS "definition bot {}\n" DOCUMENT(RELATION("viewer: user | bot")),
     "touch document:1#viewer@bot:b", USERS DOCUMENT(RELATION("viewer: user")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'bot' in store, for example 'document:1#viewer@bot:b'"},
    {"relation that subjects name", USERS GROUP DOCUMENT(RELATION("viewer: user | group#member")),
     "touch document:1#viewer@group:g#member",
     USERS "definition group {\n    relation owner: user\n}\n" DOCUMENT(RELATION("viewer: user")),
     "cannot remove a relation that subjects of relationships name: 1 of 'document#viewer' with "
     "subject 'group#member' in store, for example 'document:1#viewer@group:g#member'"},
    {"relation that subjects name, into a permission",
     USERS GROUP DOCUMENT(RELATION("viewer: user | group#member")),
     "touch document:1#viewer@group:g#member",
     USERS
     "definition group {\n    relation owner: user\n    permission member = owner\n}\n" DOCUMENT(
         RELATION("viewer: user | group#member")),
     "cannot remove a relation that subjects of relationships name: 1 of 'document#viewer' with "
     "subject 'group#member' in store, for example 'document:1#viewer@group:g#member'"},
    {"permission that subjects name",
     USERS
     "definition group {\n    relation owner: user\n    permission everyone = owner\n}\n" DOCUMENT(
         RELATION("viewer: user | group#everyone")),
     "touch document:1#viewer@group:g#everyone",
     USERS "definition group {\n    relation owner: user\n}\n" DOCUMENT(RELATION("viewer: user")),
     "cannot remove an allowed subject that relationships have: 1 of 'document#viewer' with "
     "subject 'group#everyone' in store, for example 'document:1#viewer@group:g#everyone'"},
    {"ids that need quotes", USERS DOCUMENT(RELATION("viewer: user")),
     "touch document:\"a b\"#viewer@user:\"x@y\"", USERS,
     "cannot remove a definition that has relationships: 1 of 'document#viewer' with subject "
     "'user' in store, for example 'document:\"a b\"#viewer@user:\"x@y\"'"},
};

static char *
deletes_of(struct rig *rig, const char *updates)
{
    struct buffer text;
    char *kept;

    buffer_init(&text);
    for (const char *at = updates; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        buffer_add_text(&text, text.size > 0 ? "\ndelete " : "delete ");
        buffer_add(&text, at + strlen("touch "), strcspn(at, "\n") - strlen("touch "));
    }
    kept = arena_take(&rig->arena, text.size + 1);
    memcpy(kept, text.data, text.size + 1);
    buffer_release(&text);
    return kept;
}

Test(writer_schema, guards_each_kind_of_variant)
{
    for (size_t row = 0; row < BEHALF_COUNT_OF(refused); row++) {
        const struct change *change = &refused[row];
        struct rig rig;
        struct engine_write *write;

        rig_open(&rig, change->before);
        write = rig_do(&rig, change->updates);
        cr_assert_eq(write->status, BEHALF_OK, "%s: %s", change->name, write->error.message);
        write = rig_schema_write(&rig, change->after);
        cr_assert_eq(rig_run(&rig, write), BEHALF_SCHEMA_TYPE_ERROR, "%s: %s", change->name,
                     write->error.message);
        cr_assert_str_eq(write->error.message, change->message, "%s: %s", change->name,
                         write->error.message);
        cr_assert_str_eq(write->error.hint, "delete these relationships first");
        cr_assert_eq(rig_revision(&rig), 2);
        write = rig_do(&rig, deletes_of(&rig, change->updates));
        cr_assert_eq(write->status, BEHALF_OK, "%s: %s", change->name, write->error.message);
        write = rig_schema_write(&rig, change->after);
        cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s: %s", change->name, write->error.message);
        cr_assert_eq(rig_revision(&rig), 4);
        rig_close(&rig);
    }
}

static const struct change accepted[] = {
    {"the same text", USERS DOCUMENT(RELATION("viewer: user")), "touch document:1#viewer@user:a",
     USERS DOCUMENT(RELATION("viewer: user")), NULL},
    {"more relations and variants", USERS DOCUMENT(RELATION("viewer: user")),
     "touch document:1#viewer@user:a",
     USERS GROUP DOCUMENT(RELATION("viewer: user:* | group#member | user")
                              RELATION("editor: user")),
     NULL},
    {"a permission goes", USERS DOCUMENT(RELATION("viewer: user") PERMISSION("view = viewer")),
     "touch document:1#viewer@user:a", USERS DOCUMENT(RELATION("viewer: user")), NULL},
    {"an empty relation and an empty definition go",
     USERS "definition bot {}\n" DOCUMENT(RELATION("viewer: user") RELATION("editor: bot")),
     "touch document:1#viewer@user:a", USERS DOCUMENT(RELATION("viewer: user")), NULL},
    {"an empty relation becomes a permission",
     USERS DOCUMENT(RELATION("viewer: user") RELATION("editor: user")),
     "touch document:1#viewer@user:a",
     USERS DOCUMENT(RELATION("viewer: user") PERMISSION("editor = viewer")), NULL},
    {"an unused variant goes", USERS DOCUMENT(RELATION("viewer: user | user:*")),
     "touch document:1#viewer@user:a", USERS DOCUMENT(RELATION("viewer: user")), NULL},
    {"a permission that subjects name changes and becomes a relation",
     USERS
     "definition group {\n    relation owner: user\n    permission everyone = owner\n}\n" DOCUMENT(
         RELATION("viewer: user | group#everyone")),
     "touch document:1#viewer@group:g#everyone",
     USERS
     "definition group {\n    relation owner: user\n    relation everyone: user\n}\n" DOCUMENT(
         RELATION("viewer: user | group#everyone")),
     NULL},
    {"another order", USERS GROUP DOCUMENT(RELATION("viewer: user | group#member")),
     "touch document:1#viewer@group:g#member\ntouch group:g#member@user:a",
     DOCUMENT(RELATION("viewer: group#member | user")) GROUP USERS, NULL},
};

Test(writer_schema, accepts_what_strands_nothing)
{
    for (size_t row = 0; row < BEHALF_COUNT_OF(accepted); row++) {
        const struct change *change = &accepted[row];
        struct rig rig;
        struct engine_write *write;
        const char *before;

        rig_open(&rig, change->before);
        write = rig_do(&rig, change->updates);
        cr_assert_eq(write->status, BEHALF_OK, "%s: %s", change->name, write->error.message);
        before = rig_type(&rig, "document");
        write = rig_schema_write(&rig, change->after);
        cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s: %s", change->name, write->error.message);
        cr_assert_eq(write->revision, 3);
        cr_assert_str_eq(rig_type(&rig, "document"), before, "%s", change->name);
        rig_close(&rig);
    }
}

Test(writer_schema, a_refused_schema_leaves_the_one_in_force)
{
    static const struct {
        const char *text;
        enum status status;
    } broken[] = {
        {"definition", BEHALF_SCHEMA_PARSE_ERROR},
        {"definition user {", BEHALF_SCHEMA_PARSE_ERROR},
        {"definition document {\n    relation viewer: nosuch\n}\n", BEHALF_SCHEMA_TYPE_ERROR},
        {"definition user {}\ndefinition user {}\n", BEHALF_SCHEMA_TYPE_ERROR},
    };
    struct rig rig;

    rig_open(&rig, rig_schema);
    for (size_t row = 0; row < BEHALF_COUNT_OF(broken); row++) {
        struct engine_write *write = rig_schema_write(&rig, broken[row].text);

        rig_run(&rig, write);
        /* Whether a doubled name is found by the parser or behind it is the schema's affair. */
        cr_assert(write->status == broken[row].status ||
                      (row == 3 && write->status == BEHALF_SCHEMA_PARSE_ERROR),
                  "%s: %s", broken[row].text, status_name(write->status));
        cr_assert(write->error.line > 0, "%s", broken[row].text);
        cr_assert_eq(rig_revision(&rig), 1);
    }
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    rig_close(&rig);
}

static const char *const without_types[] = {
    "",
    "// nothing\n",
    "caveat tuesday(day string) { day == \"tue\" }\n",
    "use partial\npartial owned {\n    relation owner: user\n}\n",
};

/* A file of caveats or partials alone is a part of a schema, and so is nothing. */
Test(writer_schema, a_schema_needs_no_definition_where_nothing_is_stored)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    for (size_t row = 0; row < BEHALF_COUNT_OF(without_types); row++) {
        struct engine_write *write = rig_schema_write(&rig, without_types[row]);

        cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s: %s", without_types[row],
                     write->error.message);
        cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status,
                     BEHALF_UNKNOWN_DEFINITION);
    }
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, rig_schema)), BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    rig_close(&rig);
}

Test(writer_schema, a_schema_without_definitions_strands_what_is_stored)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    for (size_t row = 0; row < BEHALF_COUNT_OF(without_types); row++) {
        struct engine_write *write = rig_schema_write(&rig, without_types[row]);

        cr_assert_neq(rig_run(&rig, write), BEHALF_OK, "%s", without_types[row]);
        cr_assert_not_null(strstr(write->error.message, "document"), "%s", write->error.message);
    }
    cr_assert_eq(rig_do(&rig, "touch document:2#viewer@user:a")->status, BEHALF_OK);
    rig_close(&rig);
}

/* A name that comes back keeps its label, and what was deleted under it stays deleted. */
Test(writer_schema, a_name_that_goes_and_comes_back)
{
    static const char without[] = USERS DOCUMENT(RELATION("editor: user"));
    static const char with[] = USERS DOCUMENT(RELATION("editor: user") RELATION("viewer: user"));
    struct rig rig;
    uint16_t label;

    rig_open(&rig, with);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    label = store_label_find(rig.store, LABEL_RELATION, SLICE_LITERAL("viewer"));
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, without)), BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status,
                 BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, with)), BEHALF_OK);
    cr_assert_eq(store_label_find(rig.store, LABEL_RELATION, SLICE_LITERAL("viewer")), label);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:a")->status, BEHALF_OK);
    rig_close(&rig);
}
