/* test_binding.c - labels of caveats, and which stored edges a relation allows. */
#include <criterion/criterion.h>

#include "eval/binding.h"
#include "tests/unit/test_writer_support.h"

enum { USER, DOCUMENT };
enum { VIEWER, EDITOR };
enum { OFFICE, HOURS };

static const char text[] =
    "use expiration\n"
    "caveat office(there bool) {\n    there\n}\n"
    "caveat hours(hour int) {\n    hour < 8\n}\n"
    "definition user {}\n"
    "definition document {\n"
    "    relation viewer: user | user with office | user:* with hours and expiration | "
    "document#editor\n"
    "    relation editor: user with expiration\n"
    "}\n";

/* The same in numbers: of viewer the first four, of editor the last. */
static const struct schema_variant variants[] = {
    {.type = USER, .relation = SCHEMA_NONE, .caveat = SCHEMA_NONE},
    {.type = USER, .relation = SCHEMA_NONE, .caveat = OFFICE, .repeats = true},
    {.type = USER, .relation = SCHEMA_NONE, .caveat = HOURS, .wildcard = true, .expiring = true},
    {.type = DOCUMENT, .relation = EDITOR, .caveat = SCHEMA_NONE},
    {.type = USER, .relation = SCHEMA_NONE, .caveat = SCHEMA_NONE, .expiring = true},
};
static struct rig rig;
static struct schema *schema;
static struct binding *binding;

static void
add_caveat_label(const char *name)
{
    struct store_transaction *transaction;
    struct error error;
    uint64_t revision;
    uint16_t label;

    cr_assert_eq(store_transaction_begin(rig.store, &transaction, &error), BEHALF_OK);
    cr_assert_eq(store_transaction_label(transaction, LABEL_CAVEAT, slice_of(name), &label, &error),
                 BEHALF_OK);
    cr_assert_eq(store_transaction_commit(transaction, 1, &revision, &error), BEHALF_OK);
}

static void
setup(void)
{
    struct error error = {.status = BEHALF_OK};

    rig_open(&rig, "definition user {}\ndefinition document {\n    relation viewer: user\n"
                   "    relation editor: user\n}\n");
    add_caveat_label("unused"); /* so that labels are not the schema's numbers + 1 */
    add_caveat_label("hours");
    add_caveat_label("office");
    cr_assert_eq(schema_compile(slice_of(text), &schema, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(schema_find_caveat(schema, slice_of("office")), OFFICE);
    cr_assert_eq(schema_find_caveat(schema, slice_of("hours")), HOURS);
    cr_assert_eq(binding_new(schema, 1, rig.store, &binding, &error), BEHALF_OK, "%s",
                 error.message);
}

static void
teardown(void)
{
    binding_unref(binding);
    schema_unref(schema);
    rig_close(&rig);
}

TestSuite(binding, .init = setup, .fini = teardown);

Test(binding, ties_caveats_to_their_labels_both_ways)
{
    uint16_t office = store_label_find(rig.store, LABEL_CAVEAT, slice_of("office"));
    uint16_t hours = store_label_find(rig.store, LABEL_CAVEAT, slice_of("hours"));

    cr_assert_eq(binding->caveat_labels[OFFICE], office);
    cr_assert_eq(binding->caveat_labels[HOURS], hours);
    cr_assert_eq(binding_caveat(binding, office), OFFICE);
    cr_assert_eq(binding_caveat(binding, hours), HOURS);
    cr_assert_eq(
        binding_caveat(binding, store_label_find(rig.store, LABEL_CAVEAT, slice_of("unused"))),
        SCHEMA_NONE);
    cr_assert_eq(binding_caveat(binding, LABEL_NONE), SCHEMA_NONE);
}

Test(binding, refuses_a_caveat_without_a_label)
{
    struct schema *strange = NULL;
    struct binding *other = NULL;
    struct error error;

    cr_assert_eq(schema_compile(slice_of("caveat strange(hour int) {\n    hour < 8\n}\n"
                                         "definition user {}\n"),
                                &strange, &error),
                 BEHALF_OK);
    cr_assert_eq(binding_new(strange, 1, rig.store, &other, &error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(error.message, "caveat 'strange'"), "%s", error.message);
    schema_unref(strange);
}

/* Every combination there is, over labels that the schema knows, does not know, and none. */
Test(binding, allows_exactly_the_variants_of_each_relation)
{
    const uint16_t labels[] = {
        LABEL_NONE,
        store_label_find(rig.store, LABEL_CAVEAT, slice_of("office")),
        store_label_find(rig.store, LABEL_CAVEAT, slice_of("hours")),
        store_label_find(rig.store, LABEL_CAVEAT, slice_of("unused")),
    };
    const uint32_t numbers[] = {SCHEMA_NONE, OFFICE, HOURS, 77};
    const uint32_t subject_relations[] = {SCHEMA_NONE, VIEWER, EDITOR};
    size_t allowed = 0;

    for (unsigned at = 0; at < 2 * 2 * 3 * 4 * 4; at++) {
        struct edge_kind kind = {
            .expiring = at % 2 != 0,
            .wildcard = at / 2 % 2 != 0,
            .caveat = labels[at / 4 % 4],
            .subject_relation = subject_relations[at / 16 % 3],
            .subject_type = at / 16 % 3 == 0 ? at / 48 % 2 : DOCUMENT,
            .relation = at / 96 % 2,
        };
        bool expected = false;

        for (uint32_t index = kind.relation == VIEWER ? 0 : 4;
             index < (kind.relation == VIEWER ? 4 : 5); index++) {
            const struct schema_variant *variant = &variants[index];

            expected =
                expected ||
                (variant->type == kind.subject_type && variant->relation == kind.subject_relation &&
                 variant->caveat == numbers[at / 4 % 4] && variant->wildcard == kind.wildcard &&
                 variant->expiring == kind.expiring);
        }
        cr_assert_eq(binding_allows(binding, &kind), expected, "combination %u", at);
        allowed += expected;
    }
    cr_assert_eq(allowed, 6); /* that of document#editor is met twice */
}
