/* test_field_tables.c - every table by which arguments are decoded. */
#include <criterion/criterion.h>

#include "net/arguments.h"

/* Of the linker: the section with the tables that are compiled in. */
extern const struct field_table *const __start_field_tables[];
extern const struct field_table *const __stop_field_tables[];

#define TABLES_AT_LEAST 45 /* a section that is lost would have none */

static const char *const files[] = {"net/method_check.c", "net/method_grant.c", "net/shapes.c",
                                    "net/shapes_agents.c"};

Test(field_tables, all_of_them_are_found)
{
    cr_assert_geq(__stop_field_tables - __start_field_tables, TABLES_AT_LEAST);
    for (size_t at = 0; at < BEHALF_COUNT_OF(files); at++) {
        bool found = false;

        for (const struct field_table *const *table = __start_field_tables;
             table < __stop_field_tables; table++)
            found = found || strstr((*table)->file, files[at]) != NULL;
        cr_assert(found, "none of %s", files[at]);
    }
}

/* A required field behind an optional one would not be missed. */
Test(field_tables, what_is_required_stands_first)
{
    for (const struct field_table *const *place = __start_field_tables; place < __stop_field_tables;
         place++) {
        const struct field_table *table = *place;

        for (size_t at = 1; at < table->count; at++)
            cr_expect(table->fields[at].need == FIELD_OPTIONAL ||
                          table->fields[at - 1].need == FIELD_REQUIRED,
                      "%s: '%s' is required and stands behind '%s', which is not", table->file,
                      table->fields[at].name, table->fields[at - 1].name);
    }
}

Test(field_tables, each_name_stands_once_and_decodes_into_a_place_of_its_own)
{
    for (const struct field_table *const *place = __start_field_tables; place < __stop_field_tables;
         place++) {
        const struct field_table *table = *place;

        cr_expect_leq(table->count, FIELDS_MAX, "%s", table->file);
        for (size_t at = 0; at < table->count; at++) {
            const struct field *field = &table->fields[at];

            cr_expect_eq(field->name_size, strlen(field->name), "%s: %s", table->file, field->name);
            cr_expect_neq(field->decode, NULL, "%s: %s", table->file, field->name);
            for (size_t before = 0; before < at; before++)
                cr_expect(strcmp(table->fields[before].name, field->name) != 0, "%s: %s twice",
                          table->file, field->name);
        }
    }
}
