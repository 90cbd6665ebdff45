/* Keys files: every refusal by its line, sets that are found, replaced and kept, rates. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "net/caller.h"
#include "net/keys_file.h"

static char folder[64];
static char path[96];

static void
set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/test-caller-keys.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/keys", folder);
}

static void
tear_down(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(caller_keys, .init = set_up, .fini = tear_down);

/* The digest of a key, as the file has it. */
static const char *
hex(const char *secret)
{
    static char text[4][2 * DIGEST_SIZE + 1];
    static unsigned turn;
    char *into = text[turn++ % 4];
    uint8_t digest[DIGEST_SIZE];
    struct slice part = slice_of(secret);

    digest_sha256(&part, 1, digest);
    for (size_t at = 0; at < DIGEST_SIZE; at++)
        (void)snprintf(into + 2 * at, 3, "%02x", digest[at]);
    return into;
}

static void
write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

/* A file of one line for each name, whose key is its name and "-key". */
static void
write_keys(const char *const *lines, size_t count)
{
    char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (size_t at = 0; at < count; at++) {
        char name[64];
        char secret[80];

        (void)sscanf(lines[at], "%63s", name);
        (void)snprintf(secret, sizeof secret, "%s-key", name);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s%s\n", name, hex(secret),
                                 lines[at] + strlen(name));
    }
    write_file(text, 0600);
}

static struct keys *
open_keys(const char *const *lines, size_t count)
{
    struct keys *keys = NULL;
    struct error error;

    write_keys(lines, count);
    cr_assert_eq(keys_open(path, &keys, &error), BEHALF_OK, "%s", error.message);
    return keys;
}

#define OPEN(...)                                                                                  \
    open_keys((const char *const[]){__VA_ARGS__},                                                  \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* --- lines --- */

static void
assert_refused(const char *line, const char *words)
{
    char text[1024];
    struct key_set *set = NULL;
    struct error error;

    (void)snprintf(text, sizeof text, "# comment\n\n%s\n", line);
    cr_assert_eq(keys_file_parse(slice_of(text), &set, &error), BEHALF_MALFORMED_REQUEST, "%s",
                 line);
    cr_expect_not_null(strstr(error.message, words), "%s: %s", line, error.message);
    cr_expect_eq(error.line, 3, "%s: line %u", line, error.line);
    cr_expect_neq(error.hint[0], '\0', "%s", line);
    cr_expect_null(set);
}

static void
assert_rest_refused(const char *rest, const char *words)
{
    char line[512];

    (void)snprintf(line, sizeof line, "name %s %s", hex("a"), rest);
    assert_refused(line, words);
}

Test(caller_keys, a_line_is_read_whole)
{
    char text[512];
    struct key_set *set = NULL;
    const struct key *key;

    (void)snprintf(text, sizeof text,
                   "# keys\n\n  gate.way-1_X\t%s  delegated,properties actor=agent:\"a\\u0020b\" "
                   "requests=500/s cost=1000000000/s \r\n"
                   "loader %s write,schema writes=document,folder#viewer\n",
                   hex("a"), hex("b"));
    cr_assert_eq(keys_file_parse(slice_of(text), &set, NULL), BEHALF_OK);
    cr_assert_eq(set->count, 2);
    key = &set->entries[0].key;
    cr_expect_str_eq(key->name, "gate.way-1_X");
    cr_expect_eq(key->roles, ROLE_DELEGATED | ROLE_PROPERTIES);
    cr_expect(key->is_bound);
    cr_expect(slice_equal(key->actor.type, SLICE_LITERAL("agent")));
    cr_expect(slice_equal(key->actor.id, SLICE_LITERAL("a b")));
    cr_expect_eq(key->requests_per_s, 500);
    cr_expect_eq(key->cost_per_s, 1000000000);
    key = &set->entries[1].key;
    cr_expect_eq(key->roles, ROLE_WRITE | ROLE_SCHEMA);
    cr_assert_eq(key->scope_count, 2);
    cr_expect(slice_equal(key->scopes[0].type, SLICE_LITERAL("document")));
    cr_expect_eq(key->scopes[0].relation.size, 0);
    cr_expect(slice_equal(key->scopes[1].type, SLICE_LITERAL("folder")));
    cr_expect(slice_equal(key->scopes[1].relation, SLICE_LITERAL("viewer")));
    cr_expect_not(key->is_bound);
    key_set_unref(set);
}

Test(caller_keys, every_role_has_its_name)
{
    unsigned all = 0;

    for (unsigned role = 1; role < ROLE_ANY; role <<= 1) {
        cr_assert_not_null(role_name((enum role)role));
        cr_expect_eq(role_parse(slice_of(role_name((enum role)role))), role);
        all |= role;
    }
    cr_expect_eq(all, ROLE_ANY);
    cr_expect_null(role_name(ROLE_ANY));
    cr_expect_eq(role_parse(SLICE_LITERAL("checks")), 0);
    cr_expect_eq(role_parse(SLICE_LITERAL("")), 0);
}

Test(caller_keys, a_line_that_is_not_whole_is_refused)
{
    char line[256];

    assert_refused("na/me", "the name of a key");
    assert_refused("0123456789012345678901234567890123456789012345678901234567890123x 00 check",
                   "the name of a key");
    assert_refused("name", "SHA-256");
    assert_refused("name 9f86", "SHA-256");
    (void)snprintf(line, sizeof line, "name %s0 check", hex("a"));
    assert_refused(line, "SHA-256");
    (void)snprintf(line, sizeof line, "name %.63sG check", hex("a"));
    assert_refused(line, "SHA-256");
    (void)snprintf(line, sizeof line, "name %s", hex("a"));
    assert_refused(line, "the roles of the key are missing");
}

Test(caller_keys, what_stands_in_place_of_a_digest_is_never_shown)
{
    struct key_set *set = NULL;
    struct error error;

    cr_assert_eq(keys_file_parse(SLICE_LITERAL("name bk_secretsecret check\n"), &set, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_null(strstr(error.message, "secret"));
    cr_expect_null(strstr(error.hint, "secret"));
    cr_expect_eq(error.text[0], '\0');
}

Test(caller_keys, roles_that_do_not_go_together_are_refused)
{
    assert_rest_refused("chek", "there is no role 'chek'");
    assert_rest_refused("check,", "there is no role ''");
    assert_rest_refused("check,check", "a role stands twice");
    assert_rest_refused("agent", "needs the option actor=");
    assert_rest_refused("agent,admin", "needs the option actor=");
    assert_rest_refused("check,delegated", "exclude each other");
    assert_rest_refused("check,delegated,admin", "exclude each other");
    assert_rest_refused("properties", "does nothing by itself");
    assert_rest_refused("properties,read", "does nothing by itself");
}

Test(caller_keys, a_bound_key_has_four_roles_at_most)
{
    static const char *const others[] = {"grants", "read", "write", "schema", "audit", "admin"};
    struct key_set *set = NULL;
    char text[256];

    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++) {
        (void)snprintf(text, sizeof text, "check,%s actor=agent:bot", others[at]);
        assert_rest_refused(text, "a key with actor= may have");
    }
    (void)snprintf(text, sizeof text, "bot %s check,properties,agent actor=agent:bot\n", hex("a"));
    cr_assert_eq(keys_file_parse(slice_of(text), &set, NULL), BEHALF_OK);
    key_set_unref(set);
    (void)snprintf(text, sizeof text, "bot %s delegated,agent actor=agent:bot\n", hex("a"));
    cr_assert_eq(keys_file_parse(slice_of(text), &set, NULL), BEHALF_OK);
    key_set_unref(set);
}

Test(caller_keys, options_that_are_wrong_are_refused)
{
    assert_rest_refused("check, read", "there is no role ''");
    assert_rest_refused("check read", "is no option of a key");
    assert_rest_refused("check actors=agent:bot", "is no option of a key");
    assert_rest_refused("check actor=bot", "'actor' must be one object");
    assert_rest_refused("check actor=agent:*", "'actor' must be one object");
    assert_rest_refused("check actor=agent:bot#owner", "'actor' must be one object");
    assert_rest_refused("check actor=agent:bot actor=agent:bot", "stands twice");
    assert_rest_refused("write writes=", "'writes' must be a list");
    assert_rest_refused("write writes=document,", "'writes' must be a list");
    assert_rest_refused("write writes=document#", "'writes' must be a list");
    assert_rest_refused("write writes=Document", "'writes' must be a list");
    assert_rest_refused("write writes=document writes=folder", "stands twice");
    assert_rest_refused("read writes=document", "limits nothing");
    assert_rest_refused("write,admin writes=document", "limits nothing");
    assert_rest_refused("check requests=0/s", "a rate must be");
    assert_rest_refused("check requests=5", "a rate must be");
    assert_rest_refused("check requests=/s", "a rate must be");
    assert_rest_refused("check cost=1000000001/s", "a rate must be");
    assert_rest_refused("check cost=99999999999999999999/s", "a rate must be");
    assert_rest_refused("check cost=-1/s", "a rate must be");
    assert_rest_refused("check cost=1/s cost=1/s", "stands twice");
}

Test(caller_keys, names_and_digests_stand_once)
{
    char text[512];
    struct key_set *set = NULL;
    struct error error;

    (void)snprintf(text, sizeof text, "one %s check\none %s check\n", hex("a"), hex("b"));
    cr_assert_eq(keys_file_parse(slice_of(text), &set, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "the name of the key"));
    cr_expect_eq(error.line, 2);
    (void)snprintf(text, sizeof text, "one %s check\ntwo %s check\n", hex("a"), hex("a"));
    cr_assert_eq(keys_file_parse(slice_of(text), &set, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "the digest of the key"));
    cr_expect_eq(error.line, 2);
}

Test(caller_keys, a_file_without_keys_or_without_its_end_is_refused)
{
    char text[256];
    struct key_set *set = NULL;
    struct error error;

    cr_expect_eq(keys_file_parse(SLICE_LITERAL(""), &set, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(keys_file_parse(SLICE_LITERAL("# none\n"), &set, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "no key"));
    (void)snprintf(text, sizeof text, "one %s check", hex("a"));
    cr_expect_eq(keys_file_parse(slice_of(text), &set, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "the last line has no end"));
}

Test(caller_keys, there_are_a_thousand_at_most)
{
    struct key_set *set = NULL;
    struct error error;
    struct buffer text;
    char line[128];

    buffer_init(&text);
    for (int at = 0; at < KEYS_MAX; at++) {
        int size = snprintf(line, sizeof line, "n%d %064x check\n", at, (unsigned)at);

        buffer_add(&text, line, (size_t)size);
    }
    cr_assert_eq(keys_file_parse(buffer_slice(&text), &set, &error), BEHALF_OK, "%s",
                 error.message);
    cr_expect_eq(set->count, KEYS_MAX);
    key_set_unref(set);
    buffer_add(&text, line, 0);
    (void)snprintf(line, sizeof line, "more %064x check\n", KEYS_MAX);
    buffer_add(&text, line, strlen(line));
    cr_expect_eq(keys_file_parse(buffer_slice(&text), &set, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(error.line, KEYS_MAX + 1);
    buffer_release(&text);
}

/* --- the file --- */

static void
assert_file_refused(const char *words)
{
    struct keys *keys = NULL;
    struct error error;

    cr_assert_eq(keys_open(path, &keys, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, words), "%s", error.message);
    cr_expect_not_null(strstr(error.message, path), "%s", error.message);
    cr_expect_null(keys);
}

Test(caller_keys, a_file_that_others_may_read_is_refused)
{
    static const mode_t open_modes[] = {0644, 0604, 0602, 0601, 0660, 0620, 0610};
    char text[256];
    struct keys *keys = NULL;

    (void)snprintf(text, sizeof text, "one %s check\n", hex("a"));
    for (size_t at = 0; at < BEHALF_COUNT_OF(open_modes); at++) {
        write_file(text, open_modes[at]);
        assert_file_refused("others may read or write it");
    }
    write_file(text, 0640);
    cr_assert_eq(keys_open(path, &keys, NULL), BEHALF_OK);
    keys_close(keys);
    cr_assert_eq(chmod(path, 0400), 0);
    cr_assert_eq(keys_open(path, &keys, NULL), BEHALF_OK);
    keys_close(keys);
}

Test(caller_keys, what_is_no_file_is_refused)
{
    assert_file_refused("No such file");
    cr_assert_eq(mkfifo(path, 0600), 0);
    assert_file_refused("no plain file");
}

Test(caller_keys, a_wrong_line_is_named_with_the_file)
{
    write_file("\nname x check\n", 0600);
    assert_file_refused("line 2: the second word");
}

/* --- sets --- */

Test(caller_keys, a_key_is_found_by_its_bytes_alone)
{
    struct keys *keys = OPEN("one check", "two read", "three admin");
    const struct key *key = keys_find(keys, SLICE_LITERAL("two-key"));

    cr_assert_not_null(key);
    cr_expect_str_eq(key->name, "two");
    cr_expect_eq(key->roles, ROLE_READ);
    key_release(key);
    cr_expect_null(keys_find(keys, SLICE_LITERAL("two-ke")));
    cr_expect_null(keys_find(keys, SLICE_LITERAL("two-key ")));
    cr_expect_null(keys_find(keys, SLICE_LITERAL("")));
    cr_expect_null(keys_find(keys, slice_of(hex("two-key"))));
    keys_close(keys);
}

Test(caller_keys, a_reload_gives_the_new_roles_and_takes_old_keys_away)
{
    struct keys *keys = OPEN("one check", "two read");
    const struct key *one = keys_find(keys, SLICE_LITERAL("one-key"));
    const struct key *two = keys_find(keys, SLICE_LITERAL("two-key"));
    uint64_t before = keys_generation(keys);
    struct error error;

    write_keys((const char *const[]){"three admin", "one check,schema"}, 2);
    cr_assert_eq(keys_reload(keys, &error), BEHALF_OK, "%s", error.message);
    cr_expect_gt(keys_generation(keys), before);
    cr_expect_eq(one->roles, ROLE_CHECK, "a set never changes");
    one = keys_renew(keys, one);
    cr_assert_not_null(one);
    cr_expect_eq(one->roles, ROLE_CHECK | ROLE_SCHEMA);
    cr_expect_null(keys_renew(keys, two));
    cr_expect_null(keys_find(keys, SLICE_LITERAL("two-key")));
    key_release(one);
    keys_close(keys);
}

Test(caller_keys, a_reload_that_fails_changes_nothing)
{
    struct keys *keys = OPEN("one check");
    uint64_t before = keys_generation(keys);
    const struct key *key;
    struct error error;

    write_file("one broken\n", 0600);
    cr_assert_eq(keys_reload(keys, &error), BEHALF_MALFORMED_REQUEST);
    (void)unlink(path);
    cr_assert_eq(keys_reload(keys, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(keys_generation(keys), before);
    key = keys_find(keys, SLICE_LITERAL("one-key"));
    cr_expect_not_null(key);
    key_release(key);
    keys_close(keys);
}

/* --- callers --- */

Test(caller_keys, nobody_is_anybody_until_the_key_is_right)
{
    struct keys *keys = OPEN("one check");
    struct caller caller;
    struct error wrong;
    struct error unknown;

    caller_init(&caller, keys, false);
    cr_expect_eq(caller.key, &key_of_nobody);
    cr_expect_eq(caller_log_in(&caller, SLICE_LITERAL("one-kex"), &wrong), BEHALF_UNKNOWN_KEY);
    cr_expect_eq(caller_log_in(&caller, SLICE_LITERAL("?"), &unknown), BEHALF_UNKNOWN_KEY);
    cr_expect_str_eq(wrong.message, unknown.message);
    cr_expect_str_eq(wrong.hint, unknown.hint);
    cr_expect_eq(caller_log_in(&caller, SLICE_LITERAL("one-key"), &wrong), BEHALF_OK);
    cr_expect_str_eq(caller.key->name, "one");
    cr_expect_eq(caller_log_in(&caller, SLICE_LITERAL("?"), &wrong), BEHALF_UNKNOWN_KEY);
    cr_expect_eq(caller.key, &key_of_nobody, "a wrong key takes the right one away");
    caller_release(&caller);
    keys_close(keys);
}

Test(caller_keys, who_is_trusted_or_asked_for_nothing_may_do_everything)
{
    struct keys *keys = OPEN("one check");
    struct caller caller;

    caller_init(&caller, keys, true);
    cr_expect_eq(caller.key, &key_of_all);
    cr_expect(caller_is_known(&caller));
    caller_init(&caller, NULL, false);
    cr_expect_eq(caller.key, &key_of_all);
    cr_expect_eq(caller_log_in(&caller, SLICE_LITERAL("any"), NULL), BEHALF_OK);
    cr_expect_eq(caller.key, &key_of_all);
    keys_close(keys);
}

Test(caller_keys, a_caller_whose_key_is_taken_away_is_nobody)
{
    struct keys *keys = OPEN("one check", "two read");
    struct caller caller;
    struct error error;

    caller_init(&caller, keys, false);
    cr_assert_eq(caller_log_in(&caller, SLICE_LITERAL("one-key"), &error), BEHALF_OK);
    cr_assert_eq(keys_reload(keys, &error), BEHALF_OK);
    cr_expect(caller_is_known(&caller));
    cr_expect_str_eq(caller.key->name, "one");
    write_keys((const char *const[]){"two read"}, 1);
    cr_assert_eq(keys_reload(keys, &error), BEHALF_OK);
    cr_expect_not(caller_is_known(&caller));
    cr_expect_eq(caller.key, &key_of_nobody);
    caller_release(&caller);
    keys_close(keys);
}

/* --- rates --- */

#define MS INT64_C(1000000)

Test(caller_keys, requests_come_at_their_rate_a_second_ahead)
{
    struct keys *keys = OPEN("one check requests=10/s");
    const struct key *key = keys_find(keys, SLICE_LITERAL("one-key"));
    uint32_t retry_ms = 0;
    int64_t now = 5000 * MS;

    for (int at = 0; at < 10; at++)
        cr_assert(key_take_request(key, now, &retry_ms), "%d", at);
    cr_assert_not(key_take_request(key, now, &retry_ms));
    cr_expect_eq(retry_ms, 101);
    cr_assert_not(key_take_request(key, now + 99 * MS, &retry_ms));
    cr_expect_eq(retry_ms, 2);
    cr_assert(key_take_request(key, now + 100 * MS, &retry_ms));
    cr_assert_not(key_take_request(key, now + 100 * MS, &retry_ms));
    key_release(key);
    keys_close(keys);
}

Test(caller_keys, cost_is_paid_afterwards)
{
    struct keys *keys = OPEN("one check cost=1000/s");
    const struct key *key = keys_find(keys, SLICE_LITERAL("one-key"));
    uint32_t retry_ms = 0;
    int64_t now = 5000 * MS;

    cr_assert(key_take_request(key, now, &retry_ms));
    key_charge(key, 3000, now); /* three seconds, of which one is ahead */
    cr_assert_not(key_take_request(key, now + 2000 * MS, &retry_ms));
    cr_expect_eq(retry_ms, 2);
    cr_assert(key_take_request(key, now + 2001 * MS, &retry_ms));
    key_release(key);
    keys_close(keys);
}

Test(caller_keys, a_reload_gives_nobody_a_second_anew)
{
    struct keys *keys = OPEN("one check requests=1/s");
    const struct key *key = keys_find(keys, SLICE_LITERAL("one-key"));
    uint32_t retry_ms = 0;
    int64_t now = 5000 * MS;

    cr_assert(key_take_request(key, now, &retry_ms));
    cr_assert_eq(keys_reload(keys, NULL), BEHALF_OK);
    key = keys_renew(keys, key);
    cr_assert_not_null(key);
    cr_assert_not(key_take_request(key, now, &retry_ms));
    key_release(key);
    keys_close(keys);
}

Test(caller_keys, a_key_without_rates_is_never_held_up)
{
    struct keys *keys = OPEN("one check");
    const struct key *key = keys_find(keys, SLICE_LITERAL("one-key"));
    uint32_t retry_ms = 0;

    for (int at = 0; at < 1000; at++)
        cr_assert(key_take_request(key, 0, &retry_ms));
    key_charge(key, UINT64_MAX, 0);
    cr_expect(key_take_request(key, 0, &retry_ms));
    key_release(key);
    keys_close(keys);
}
