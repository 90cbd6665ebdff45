/* How many connections there may be: each bound at one less, at it and at one more. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "net/admission.h"
#include "net/limits.h"

static struct slice
text(const char *name)
{
    return slice_of(name);
}

Test(net_admission, a_name_has_as_many_seats_as_it_may)
{
    static const unsigned bounds[] = {1, 2, 256, 1000};

    for (size_t at = 0; at < BEHALF_COUNT_OF(bounds); at++) {
        struct seat *taken[1000];
        struct seats seats;

        seats_init(&seats, bounds[at]);
        for (unsigned count = 0; count < bounds[at]; count++) {
            taken[count] = seats_take(&seats, text("one"));
            cr_assert_not_null(taken[count], "seat %u of %u", count + 1, bounds[at]);
        }
        cr_assert_null(seats_take(&seats, text("one")));
        seats_give(&seats, taken[0]);
        taken[0] = seats_take(&seats, text("one"));
        cr_assert_not_null(taken[0], "a seat that was given back is free");
        cr_assert_null(seats_take(&seats, text("one")));
        for (unsigned count = 0; count < bounds[at]; count++)
            seats_give(&seats, taken[count]);
        seats_release(&seats);
    }
}

/* More names than buckets, so that some share one. */
Test(net_admission, names_do_not_take_each_others_seats)
{
    enum { COUNT = 3 * SEATS_BUCKETS };
    static struct seat *taken[COUNT];
    struct seats seats;
    char name[16];

    seats_init(&seats, 1);
    for (int at = 0; at < COUNT; at++) {
        (void)snprintf(name, sizeof name, "key %d", at);
        taken[at] = seats_take(&seats, text(name));
        cr_assert_not_null(taken[at]);
        cr_assert_null(seats_take(&seats, text(name)));
    }
    for (int at = 0; at < COUNT; at++)
        seats_give(&seats, taken[(at * 7 + 3) % COUNT]);
    for (size_t at = 0; at < SEATS_BUCKETS; at++)
        cr_assert_null(seats.buckets[at], "a seat that nobody has is freed");
    seats_release(&seats);
}

Test(net_admission, zero_is_the_default)
{
    struct admission admission;

    admission_init(&admission, 0, 0, 0);
    cr_assert_eq(admission.connections, LIMIT_CONNECTIONS);
    cr_assert_eq(admission.reserve, LIMIT_CONNECTION_RESERVE);
    cr_assert_eq(admission.addresses.most, LIMIT_CONNECTIONS_OF_ADDRESS);
    cr_assert_eq(admission.keys.most, LIMIT_CONNECTIONS_OF_KEY);
    cr_assert_not(admission.counts_loopback);
    admission_release(&admission);
}

/* Who allows three connections wants to use them. */
Test(net_admission, few_connections_have_a_small_reserve)
{
    static const struct {
        unsigned connections;
        unsigned reserve;
    } rows[] = {{1, 0}, {3, 0}, {4, 1}, {127, 31}, {128, 32}, {129, 32}, {1000000, 32}};

    for (size_t at = 0; at < BEHALF_COUNT_OF(rows); at++) {
        struct admission admission;

        admission_init(&admission, rows[at].connections, 0, 0);
        cr_assert_eq(admission.reserve, rows[at].reserve, "of %u", rows[at].connections);
        admission_release(&admission);
    }
}

static struct slice
origin(unsigned per_address, const char *host, char name[TCP_ORIGIN_SIZE])
{
    struct admission admission;
    union tcp_address address;
    socklen_t size;
    char with_port[80];
    struct slice result;

    (void)snprintf(with_port, sizeof with_port, strchr(host, ':') != NULL ? "[%s]:1" : "%s:1",
                   host);
    cr_assert_eq(tcp_parse(with_port, &address, &size, NULL), BEHALF_OK);
    admission_init(&admission, 0, per_address, 0);
    result = admission_origin(&admission, &address, name);
    admission_release(&admission);
    return result;
}

static bool
is_same(const char *one, const char *other)
{
    char first[TCP_ORIGIN_SIZE];
    char second[TCP_ORIGIN_SIZE];

    return slice_equal(origin(1, one, first), origin(1, other, second));
}

Test(net_admission, a_network_of_64_bits_is_one_address_of_version_6)
{
    cr_assert(is_same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    cr_assert_not(is_same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    cr_assert_not(is_same("192.0.2.1", "192.0.2.2"));
    cr_assert(is_same("192.0.2.1", "192.0.2.1"));
    cr_assert(is_same("::ffff:192.0.2.1", "192.0.2.1"), "the same host by another way");
}

Test(net_admission, loopback_counts_only_when_it_was_asked_for)
{
    char name[TCP_ORIGIN_SIZE];

    cr_assert_eq(origin(0, "127.0.0.1", name).size, 0);
    cr_assert_eq(origin(0, "::1", name).size, 0);
    cr_assert_eq(origin(0, "192.0.2.1", name).size, 4);
    cr_assert_eq(origin(5, "127.0.0.1", name).size, 4);
    cr_assert_eq(origin(5, "::1", name).size, 8);
}
