/* test_lookup_known.c - lookups of subjects with known objects in place of the wildcard: on every
 * page size the rows are what a check says of each named object of the type. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/limits.h"
#include "tests/support/harness_attributes.h"

#define NOW INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */

static struct harness_engine side;

static const char schema[] =
    "use attributes\n"
    "caveat few(count int) { count < 3 }\n"
    "caveat admin(subject map<any>) { subject.role == \"admin\" }\n"
    "definition user {}\n"
    "definition group {\n"
    "    relation member: user\n"
    "}\n"
    "definition record {\n"
    "    relation viewer: user | user:* | user:* with few | user:* with admin | group#member\n"
    "    relation banned: user | user with few\n"
    "    permission view = viewer - banned\n"
    "}\n";

static void
setup(void)
{
    struct error error = {.status = BEHALF_OK};

    harness_engine_open_at(&side, 0, NOW);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
}

static void
teardown(void)
{
    harness_engine_close(&side);
}

TestSuite(lookup_known, .init = setup, .fini = teardown);

static void
touch(const char *text)
{
    struct update update = {.op = UPDATE_TOUCH};
    struct error error = {.status = BEHALF_OK};
    struct arena arena;

    arena_init(&arena, (size_t)1 << 20);
    cr_assert_eq(relationship_parse(slice_of(text), &arena, &update.relationship, &error),
                 BEHALF_OK);
    cr_assert_eq(harness_write_updates(&side, &update, 1, NULL, &error), BEHALF_OK, "%s: %s", text,
                 error.message);
    arena_release(&arena);
}

static void
describe(const char *lines)
{
    struct engine_write write = {.kind = WRITE_ATTRIBUTES};

    cr_assert_eq(harness_write_attributes(&side, lines, &write), BEHALF_OK, "%s",
                 write.error.message);
}

static struct lookup_subjects
lookup_of(const char *record, uint32_t limit)
{
    return (struct lookup_subjects){
        .resource = {.type = SLICE_LITERAL("record"), .id = slice_of(record)},
        .permission = SLICE_LITERAL("view"),
        .subject_type = SLICE_LITERAL("user"),
        .known = true,
        .limit = limit,
    };
}

/* "ann bob[...]" of all pages, in their order; with the number of pages. */
static const char *
known(const char *record, uint32_t limit, unsigned *pages)
{
    static char answer[4096];
    struct lookup_subjects lookup = lookup_of(record, limit);
    struct lookup_subjects_result result;
    struct engine_token cursor = {""};
    int size = 0;

    *pages = 0;
    answer[0] = '\0';
    do {
        struct engine_request request = harness_request(&side, NULL);
        struct error error = {.status = BEHALF_OK};

        lookup.cursor = slice_of(cursor.text);
        cr_assert_eq(engine_lookup_subjects(side.worker, &request, &lookup, &result, &error),
                     BEHALF_OK, "%s", error.message);
        cr_assert(result.subject_count <= limit);
        for (size_t at = 0; at < result.subject_count; at++) {
            const struct lookup_subject *row = &result.subjects[at];

            cr_assert(!row->wildcard);
            size += snprintf(answer + size, sizeof answer - (size_t)size, "%s%.*s%s",
                             size > 0 ? " " : "", SLICE_PRINTF(row->id),
                             row->decision == DECISION_ALLOW ? "" : "[...]");
        }
        cr_assert_eq(result.complete, result.cursor.text[0] == '\0');
        cursor = result.cursor;
        (*pages)++;
    } while (cursor.text[0] != '\0');
    return answer;
}

/* The same by checks, of objects separated by blanks in the order of their names' first use. */
static const char *
checked(const char *record, const char *ids)
{
    static char answer[4096];
    int size = 0;

    answer[0] = '\0';
    while (*ids != '\0') {
        size_t length = strcspn(ids, " ");
        struct engine_request request = harness_request(&side, NULL);
        struct check check = {
            .resource = {.type = SLICE_LITERAL("record"), .id = slice_of(record)},
            .permission = SLICE_LITERAL("view"),
            .subject = {.type = SLICE_LITERAL("user"), .id = {ids, length}},
        };
        struct check_result result;
        struct error error = {.status = BEHALF_OK};

        cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
        if (result.decision != DECISION_DENY)
            size += snprintf(answer + size, sizeof answer - (size_t)size, "%s%.*s%s",
                             size > 0 ? " " : "", (int)length, ids,
                             result.decision == DECISION_ALLOW ? "" : "[...]");
        ids += length + strspn(ids + length, " ");
    }
    return answer;
}

static void
expect_known(const char *record, const char *ids, const char *expected)
{
    unsigned pages;

    cr_expect_str_eq(checked(record, ids), expected);
    for (uint32_t limit = 1; limit <= 12; limit++)
        cr_expect_str_eq(known(record, limit, &pages), expected, "%u a page: %s", (unsigned)limit,
                         known(record, limit, &pages));
}

#define USERS "ann bob carl dan eve finn"

static void
name_users(void)
{
    describe("set user:ann {\"role\":\"admin\"}\nset user:bob {\"role\":\"guest\"}\n"
             "set user:carl {\"role\":\"admin\"}\nset user:dan {\"x\":1}\n"
             "set user:eve {\"role\":\"admin\"}\nset user:finn {\"role\":\"guest\"}");
}

Test(lookup_known, a_wildcard_is_every_named_object)
{
    name_users();
    touch("record:r#viewer@user:*");
    expect_known("r", USERS, USERS);
    touch("record:r#banned@user:bob");
    expect_known("r", USERS, "ann carl dan eve finn");
    touch("record:r#banned@user:dan[few]");
    expect_known("r", USERS, "ann carl dan[...] eve finn");
    touch("record:r#viewer@user:gil"); /* a name that is new */
    expect_known("r", USERS " gil", "ann carl dan[...] eve finn gil");
}

Test(lookup_known, each_is_decided_by_its_own_attributes)
{
    name_users();
    touch("record:r#viewer@user:*[admin]");
    expect_known("r", USERS, "ann carl dan[...] eve");
    touch("record:r#viewer@user:bob");
    touch("record:r#banned@user:eve");
    expect_known("r", USERS, "ann bob carl dan[...]");
    describe("merge user:finn {\"role\":\"admin\"}\ndelete user:ann");
    expect_known("r", USERS, "ann[...] bob carl dan[...] finn");
}

Test(lookup_known, a_condition_of_the_wildcard_is_that_of_all)
{
    name_users();
    touch("record:r#viewer@user:*[few:{\"count\":1}]");
    touch("record:s#viewer@user:*[few]");
    touch("record:t#viewer@user:*[few:{\"count\":9}]");
    expect_known("r", USERS, USERS);
    expect_known("s", USERS, "ann[...] bob[...] carl[...] dan[...] eve[...] finn[...]");
    expect_known("t", USERS, "");
}

Test(lookup_known, without_a_wildcard_nobody_else_is_looked_at)
{
    name_users();
    touch("record:r#viewer@user:carl");
    touch("record:r#viewer@group:g#member");
    touch("group:g#member@user:finn");
    expect_known("r", USERS, "carl finn");
    expect_known("nothing", USERS, "");
}

/* Pages end after so many decisions, also without a row; the next one goes on. */
Test(lookup_known, a_page_is_bounded_by_what_it_decides)
{
    static char lines[64 * 1024];
    unsigned pages;

    for (unsigned from = 0; from < LIMIT_KNOWN_DECISIONS + 500; from += 1000) {
        int size = 0;

        for (unsigned user = from; user < from + 1000; user++)
            size += snprintf(lines + size, sizeof lines - (size_t)size,
                             "set user:u%u {\"role\":\"guest\"}\n", user);
        describe(lines);
    }
    describe("set user:last {\"role\":\"admin\"}");
    touch("record:r#viewer@user:*[admin]");
    cr_expect_str_eq(known("r", 10, &pages), "last");
    cr_expect_geq(pages, 2);
}

Test(lookup_known, usersets_are_refused_and_cursors_are_of_one_kind)
{
    struct engine_request request = harness_request(&side, NULL);
    struct lookup_subjects lookup = lookup_of("r", 1);
    struct lookup_subjects_result result;
    struct error error = {.status = BEHALF_OK};

    name_users();
    touch("record:r#viewer@user:*");
    lookup.subject_type = SLICE_LITERAL("group");
    lookup.subject_relation = SLICE_LITERAL("member");
    cr_expect_eq(engine_lookup_subjects(side.worker, &request, &lookup, &result, &error),
                 BEHALF_MALFORMED_REQUEST);
    lookup = lookup_of("r", 1);
    request = harness_request(&side, NULL);
    cr_assert_eq(engine_lookup_subjects(side.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_assert_neq(result.cursor.text[0], '\0');
    lookup.cursor = slice_of(result.cursor.text);
    lookup.known = false;
    cr_expect_eq(engine_lookup_subjects(side.worker, &request, &lookup, &result, &error),
                 BEHALF_INVALID_CURSOR);
}
