/* Which addresses may be opened, with which guards. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/tcp.h"
#include "net/binding.h"

static const char *
verdict(const char *address, struct binding_guards guards)
{
    static struct error error;

    if (binding_check(address, &guards, &error) == BEHALF_OK)
        return "allowed";
    cr_assert_eq(error.status, BEHALF_MALFORMED_REQUEST);
    cr_assert_str_neq(error.hint, "", "the message says what to do");
    if (strstr(error.message, "without keys") != NULL)
        return "keys";
    return strstr(error.message, "without TLS") != NULL ? "tls" : error.message;
}

/* Four addresses, with and without keys, TLS and the flag: on loopback everything is allowed; off
 * it, keys are wanted always, and TLS or the flag. */
Test(net_binding, off_loopback_there_are_keys_and_tls)
{
    static const char *const addresses[] = {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(addresses); at++)
        for (unsigned bits = 0; bits < 8; bits++) {
            const struct binding_guards guards = {.keys = (bits & 1) != 0,
                                                  .tls = (bits & 2) != 0,
                                                  .insecure_plaintext = (bits & 4) != 0};
            const char *expected = at < 2                                    ? "allowed"
                                   : !guards.keys                            ? "keys"
                                   : guards.tls || guards.insecure_plaintext ? "allowed"
                                                                             : "tls";

            cr_assert_str_eq(verdict(addresses[at], guards), expected, "%s, guards %u",
                             addresses[at], bits);
        }
}

Test(net_binding, loopback_is_what_never_leaves_the_machine)
{
    static const char *const near[] = {"127.0.0.1:1", "127.255.255.254:1", "[::1]:1"};
    static const char *const far[] = {"128.0.0.1:1",          "126.255.255.255:1", "10.0.0.1:1",
                                      "192.0.2.1:1",          "0.0.0.0:1",         "[::]:1",
                                      "[::ffff:127.0.0.1]:1", "[fe80::1]:1",       "[::2]:1"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(near); at++)
        cr_assert_str_eq(verdict(near[at], (struct binding_guards){.keys = false}), "allowed");
    for (size_t at = 0; at < BEHALF_COUNT_OF(far); at++)
        cr_assert_str_eq(verdict(far[at], (struct binding_guards){.tls = true}), "keys");
}

Test(net_binding, addresses_are_numbers)
{
    static const char *const bad[] = {
        "",      "127.0.0.1", "localhost:1",  "127.0.0.1:",   ":1",      "127.0.0.1:65536", "::1:1",
        "[::1]", "[::1:1",    "127.0.0.1:-1", "127.0.0.1:1x", "127.1:1", "[127.0.0.1]:1"};
    static const char *const good[] = {"127.0.0.1:65535", "[::1]:0", "0.0.0.0:1", "[fe80::1]:443"};
    union tcp_address address;
    struct error error;
    socklen_t size;
    char text[TCP_TEXT_SIZE];

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        cr_assert_eq(tcp_parse(bad[at], &address, &size, &error), BEHALF_MALFORMED_REQUEST, "'%s'",
                     bad[at]);
        cr_assert_not_null(strstr(error.message, "not an address"));
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(good); at++) {
        cr_assert_eq(tcp_parse(good[at], &address, &size, &error), BEHALF_OK);
        tcp_print(&address, text);
        cr_assert_str_eq(text, good[at]);
    }
}
