/* Errors: complete after every set, cut at whole characters, and named. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/error.h"

Test(base_error, every_status_has_a_name_a_code_and_a_sentence)
{
    for (int status = 0; status < BEHALF_STATUS_COUNT; status++) {
        cr_assert_gt(strlen(status_name((enum status)status)), 0);
        cr_assert_gt(strlen(status_code((enum status)status)), 0);
        cr_assert_gt(strlen(status_text((enum status)status)), 0);
    }
    cr_assert_eq(BEHALF_OK, 0);
    cr_assert_str_eq(status_name(BEHALF_OK), "OK");
    cr_assert_str_eq(status_name(BEHALF_OVERLOADED), "OVERLOADED");
    cr_assert_str_eq(status_code(BEHALF_OVERLOADED), "RESOURCE_EXHAUSTED");
}

Test(base_error, setting_forgets_what_stood_there)
{
    struct error error;

    error_set(&error, BEHALF_OVERLOADED, "first");
    error_hint(&error, "hint");
    error_at(&error, 3, 4, SLICE_LITERAL("text"));
    error_index(&error, 5);
    error.retry_after_ms = 6;
    cr_assert_eq(error_set(&error, BEHALF_DEADLINE, "number %d", 2), BEHALF_DEADLINE);
    cr_assert_eq(error.status, BEHALF_DEADLINE);
    cr_assert_str_eq(error.message, "number 2");
    cr_assert_str_eq(error.hint, "");
    cr_assert_str_eq(error.text, "");
    cr_assert_eq(error.line, 0);
    cr_assert_eq(error.column, 0);
    cr_assert_eq(error.index, ERROR_NO_INDEX);
    cr_assert_eq(error.retry_after_ms, 0);
}

Test(base_error, additions_keep_the_rest)
{
    struct error error;

    error_set(&error, BEHALF_MALFORMED_REQUEST, "message");
    error_hint(&error, "try %s", "this");
    error_at(&error, 7, 9, SLICE_LITERAL("offending"));
    error_index(&error, 11);
    cr_assert_str_eq(error.message, "message");
    cr_assert_str_eq(error.hint, "try this");
    cr_assert_str_eq(error.text, "offending");
    cr_assert_eq(error.line, 7);
    cr_assert_eq(error.column, 9);
    cr_assert_eq(error.index, 11);
}

Test(base_error, nobody_needs_to_lend_an_error)
{
    cr_assert_eq(error_set(NULL, BEHALF_DEADLINE, "x"), BEHALF_DEADLINE);
    error_hint(NULL, "x");
    error_at(NULL, 1, 1, SLICE_LITERAL("x"));
    error_index(NULL, 1);
}

/* Characters of two, three and four bytes at every distance from the end of the field. */
Test(base_error, long_text_is_cut_at_a_whole_character)
{
    static const char *const characters[] = {"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    struct error error;
    char long_text[1000];

    for (size_t which = 0; which < BEHALF_COUNT_OF(characters); which++) {
        size_t width = strlen(characters[which]);

        for (size_t lead = 0; lead < 4; lead++) {
            size_t size = lead;

            memset(long_text, 'x', lead);
            while (size + width < sizeof long_text) {
                memcpy(long_text + size, characters[which], width);
                size += width;
            }
            long_text[size] = '\0';
            error_set(&error, BEHALF_DEADLINE, "%s", long_text);
            error_at(&error, 1, 1, (struct slice){long_text, size});
            cr_assert_eq((strlen(error.message) - lead) % width, 0);
            cr_assert_eq((strlen(error.text) - lead) % width, 0);
            cr_assert_gt(strlen(error.message) + width, ERROR_MESSAGE_SIZE - 1);
            cr_assert_gt(strlen(error.text) + width, ERROR_TEXT_SIZE - 1);
        }
    }
}
