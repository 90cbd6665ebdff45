/* test_writer_schema_conditions.c - the guard of schema writes where relationships carry caveats
 * and expirations. */
#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

static const char *const variants[] = {
    "user",
    "user with office",
    "user with hours",
    "user with expiration",
    "user with office and expiration",
    "user with hours and expiration",
};
static const char *const conditions[] = {
    "",
    "[office]",
    "[hours]",
    "[expiration:2100-01-01T00:00:00Z]",
    "[office][expiration:2100-01-01T00:00:00Z]",
    "[hours][expiration:2100-01-01T00:00:00Z]",
};

#define VARIANTS BEHALF_COUNT_OF(variants)

/* All variants but one; VARIANTS = all. */
static const char *
schema_without(size_t without, char text[1024])
{
    int size = snprintf(text, 1024,
                        "use expiration\n"
                        "caveat office(there bool) {\n    there\n}\n"
                        "caveat hours(hour int) {\n    hour < 8\n}\n"
                        "definition user {}\n"
                        "definition document {\n    relation viewer: ");
    const char *between = "";

    for (size_t index = 0; index < VARIANTS; index++) {
        if (index == without)
            continue;
        size += snprintf(text + size, 1024 - (size_t)size, "%s%s", between, variants[index]);
        between = " | ";
    }
    (void)snprintf(text + size, 1024 - (size_t)size, "\n}\n");
    return text;
}

Test(writer_schema_conditions, only_the_very_variant_that_is_stored_is_guarded)
{
    char text[1024];
    char expected[512];

    for (size_t stored = 0; stored < VARIANTS; stored++) {
        struct rig rig;

        rig_open(&rig, schema_without(VARIANTS, text));
        (void)snprintf(expected, sizeof expected, "touch document:1#viewer@user:a%s",
                       conditions[stored]);
        cr_assert_eq(rig_do(&rig, expected)->status, BEHALF_OK);
        (void)snprintf(expected, sizeof expected,
                       "cannot remove an allowed subject that relationships have: 1 of "
                       "'document#viewer' with subject '%s' in store, for example "
                       "'document:1#viewer@user:a'",
                       variants[stored]);
        for (size_t without = 0; without < VARIANTS; without++) {
            struct engine_write *write = rig_schema_write(&rig, schema_without(without, text));

            rig_run(&rig, write);
            cr_assert_eq(write->status, without == stored ? BEHALF_SCHEMA_TYPE_ERROR : BEHALF_OK,
                         "%zu without %zu: %s", stored, without, write->error.message);
            if (without == stored)
                cr_assert_str_eq(write->error.message, expected);
        }
        rig_close(&rig);
    }
}

#define SCHEMA(caveat, relation)                                                                   \
    "caveat " caveat "\ndefinition user {}\ndefinition document {\n    relation viewer: " relation \
    "\n}\n"
#define USED "user | user with office"

/* Whether or not anything is stored. */
Test(writer_schema_conditions, parameters_of_a_caveat_stay)
{
    static const char *const before =
        SCHEMA("office(hour int, names list<string>) {\n    hour < 8 && 'x' in names\n}", USED);
    static const struct {
        const char *after;
        const char *message; /* NULL: accepted */
    } changes[] = {
        {SCHEMA("office(hour int) {\n    hour < 8\n}", USED),
         "cannot remove the parameter 'names' of caveat 'office'"},
        {SCHEMA("office(minute int, names list<string>) {\n    minute < 8 && 'x' in names\n}",
                USED),
         "cannot remove the parameter 'hour' of caveat 'office'"},
        {SCHEMA("office(hour double, names list<string>) {\n    hour < 8.0 && 'x' in names\n}",
                USED),
         "cannot change the parameter 'hour' of caveat 'office' from 'int' to 'double'"},
        {SCHEMA("office(hour int, names list<int>) {\n    hour < 8 && 1 in names\n}", USED),
         "cannot change the parameter 'names' of caveat 'office' from 'list<string>' to "
         "'list<int>'"},
        {SCHEMA("office(hour int, names list<string>) {\n    hour > 20 || names == []\n}", USED),
         NULL},
        {SCHEMA("office(day string, names list<string>, hour int) {\n"
                "    hour > 20 || day in names\n}",
                USED),
         NULL},
        {SCHEMA("other(hour int) {\n    hour < 8\n}", "user"), NULL},
    };

    for (size_t row = 0; row < BEHALF_COUNT_OF(changes); row++) {
        struct rig rig;
        struct engine_write *write;

        rig_open(&rig, before);
        write = rig_schema_write(&rig, changes[row].after);
        rig_run(&rig, write);
        cr_assert_eq(write->status,
                     changes[row].message != NULL ? BEHALF_SCHEMA_TYPE_ERROR : BEHALF_OK, "%zu: %s",
                     row, write->error.message);
        if (changes[row].message != NULL) {
            cr_assert_str_eq(write->error.message, changes[row].message);
            cr_assert_str_eq(write->error.hint, "stored contexts may name it: add a caveat under "
                                                "another name instead");
        }
        rig_close(&rig);
    }
}

Test(writer_schema_conditions, a_caveat_that_is_still_named_cannot_go)
{
    static const char *const with = SCHEMA("office(hour int) {\n    hour < 8\n}", USED);
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, with);
    write = rig_schema_write(&rig, SCHEMA("other(hour int) {\n    hour < 8\n}", USED));
    cr_assert_eq(rig_run(&rig, write), BEHALF_SCHEMA_TYPE_ERROR);
    cr_assert_not_null(strstr(write->error.message, "office"), "%s", write->error.message);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a[office]")->status, BEHALF_OK);
    write = rig_schema_write(&rig, SCHEMA("other(hour int) {\n    hour < 8\n}", "user"));
    cr_assert_eq(rig_run(&rig, write), BEHALF_SCHEMA_TYPE_ERROR);
    cr_assert_not_null(strstr(write->error.message, "'user with office' in store"), "%s",
                       write->error.message);
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    rig_close(&rig);
}
