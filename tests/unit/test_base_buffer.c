/* Growing bytes: always text, never NULL. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

static struct buffer buffer;

static void
init(void)
{
    buffer_init(&buffer);
}

static void
release(void)
{
    buffer_release(&buffer);
}

TestSuite(base_buffer, .init = init, .fini = release);

Test(base_buffer, an_empty_buffer_is_empty_text)
{
    cr_assert_str_eq(buffer.data, "");
    buffer_add(&buffer, NULL, 0);
    buffer_clear(&buffer);
    buffer_drop(&buffer, 0);
    cr_assert_str_eq(buffer.data, "");
    cr_assert_eq(buffer.size, 0);
}

Test(base_buffer, what_is_added_stays_in_order_through_growth)
{
    for (unsigned at = 0; at < 5000; at++) {
        buffer_add_byte(&buffer, (char)('a' + at % 26));
        cr_assert_eq(buffer.size, at + 1);
        cr_assert_eq(buffer.data[buffer.size], '\0');
    }
    for (unsigned at = 0; at < 5000; at++)
        cr_assert_eq(buffer.data[at], (char)('a' + at % 26));
}

Test(base_buffer, kinds_of_adding)
{
    buffer_add_text(&buffer, "one ");
    buffer_add_slice(&buffer, SLICE_LITERAL("two "));
    buffer_add_format(&buffer, "%d%s", 3, "");
    buffer_add_format(&buffer, "%s", "");
    cr_assert_str_eq(buffer.data, "one two 3");
    cr_assert(slice_equal(buffer_slice(&buffer), SLICE_LITERAL("one two 3")));
}

Test(base_buffer, a_format_longer_than_the_room_grows_it)
{
    buffer_add_format(&buffer, "%0300d|%s", 7, "end");
    cr_assert_eq(buffer.size, 304);
    cr_assert_str_eq(buffer.data + 299, "7|end");
}

Test(base_buffer, reserved_room_is_filled_by_the_caller)
{
    char *room = buffer_reserve(&buffer, 1000);

    memset(room, 'x', 1000);
    buffer_added(&buffer, 10);
    cr_assert_str_eq(buffer.data, "xxxxxxxxxx");
}

Test(base_buffer, dropping_moves_the_rest_to_the_front)
{
    buffer_add_text(&buffer, "0123456789");
    buffer_drop(&buffer, 4);
    cr_assert_str_eq(buffer.data, "456789");
    buffer_drop(&buffer, 6);
    cr_assert_str_eq(buffer.data, "");
    buffer_add_text(&buffer, "again");
    cr_assert_str_eq(buffer.data, "again");
}

Test(base_buffer, clearing_keeps_the_memory)
{
    const char *data;

    buffer_add_text(&buffer, "something");
    data = buffer.data;
    buffer_clear(&buffer);
    buffer_add_text(&buffer, "else");
    cr_assert_eq(buffer.data, data);
}

Test(base_buffer, taking_hands_the_bytes_over)
{
    size_t size = 0;
    char *data;

    buffer_add_text(&buffer, "mine");
    data = buffer_take(&buffer, &size);
    cr_assert_str_eq(data, "mine");
    cr_assert_eq(size, 4);
    cr_assert_str_eq(buffer.data, "");
    memory_free(data);
    data = buffer_take(&buffer, &size);
    cr_assert_str_eq(data, "");
    memory_free(data);
}

Test(base_buffer, a_buffer_of_zeroes_may_be_released)
{
    struct buffer zeroes = {0};

    buffer_release(&zeroes);
}

Test(base_buffer, a_secret_is_moved_and_not_copied)
{
    char piece[100] = "";

    buffer_move_secret(&buffer, piece, 0);
    cr_assert_eq(buffer.capacity, 0, "nothing takes no memory");
    for (int round = 0; round < 50; round++) {
        memset(piece, 'a' + round % 26, sizeof piece);
        buffer_move_secret(&buffer, piece, sizeof piece);
        for (size_t at = 0; at < sizeof piece; at++)
            cr_assert_eq(piece[at], '\0', "what was moved is left at %zu", at);
    }
    cr_assert_eq(buffer.size, 5000);
    for (size_t at = 0; at < buffer.size; at++)
        cr_assert_eq(buffer.data[at], (char)('a' + (int)(at / 100) % 26));
    buffer_drop_secret(&buffer, 4000);
    cr_assert_eq(buffer.size, 1000);
    cr_assert_eq(buffer.data[0], (char)('a' + 40 % 26));
    for (size_t at = buffer.size; at < 5000; at++)
        cr_assert_eq(buffer.data[at], '\0', "what was dropped is left at %zu", at);
    buffer_release_secret(&buffer);
    cr_assert_eq(buffer.capacity, 0);
}
