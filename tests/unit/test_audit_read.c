/* test_audit_read.c - pages of the audit log: filters, cursors, the newest, and what is refused. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test_audit_support.h"

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n";

static void
begin(void)
{
    audited_begin();
    agents_open(schema, NULL);
}

static void
end(void)
{
    agents_close();
    audited_end();
}

TestSuite(audit_read, .init = begin, .fini = end);

/* Records n = 0 to `count` - 1 of the event test.row. */
static void
put_rows(int count)
{
    char json[64];

    for (int at = 0; at < count; at++) {
        (void)snprintf(json, sizeof json, "{\"event\":\"test.row\",\"n\":%d}", at);
        audited_put(at, json);
    }
}

static const struct audit_read rows = {.filter.event = {"test.row", 8}};

static enum status
read_page(const struct audit_read *read, struct audit_read_result *result, struct error *error)
{
    const struct engine_request request = audited_request();

    return engine_audit_read(agents.worker, &request, read, result, error);
}

/* --- pages --- */

Test(audit_read, a_page_goes_on_where_the_one_before_ended)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct error error;
    struct engine_token cursor;

    put_rows(5);
    read.limit = 2;
    cr_expect_str_eq(audited_values(&read, "n"), "0 1");
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_expect_not(result.complete);
    cursor = result.cursor;
    read.cursor = slice_of(cursor.text);
    cr_expect_str_eq(audited_values(&read, "n"), "2 3");
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cursor = result.cursor;
    cr_expect_str_eq(audited_values(&read, "n"), "4");
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_expect(result.complete);
}

/* The cursor of a whole page is good for what is written later. */
Test(audit_read, a_cursor_follows_the_log)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct engine_token cursor;
    struct error error;

    put_rows(1);
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_expect(result.complete);
    cursor = result.cursor;
    read.cursor = slice_of(cursor.text);
    cr_expect_str_eq(audited_values(&read, "n"), "");
    audited_put(9, "{\"event\":\"test.row\",\"n\":9}");
    cr_expect_str_eq(audited_values(&read, "n"), "9");
}

Test(audit_read, a_page_begins_at_a_record)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct error error;
    unsigned seq = 0;

    put_rows(3);
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_assert_eq(result.record_count, 3);
    cr_assert_eq(sscanf(strstr(result.records[1].data, "\"seq\":"), "\"seq\":%u", &seq), 1);
    read.has_from = true;
    read.from = seq;
    cr_expect_str_eq(audited_values(&read, "n"), "1 2");
    read.from = seq + 100;
    cr_expect_str_eq(audited_values(&read, "n"), "");
}

/* At least one, and no more than there is room for. */
Test(audit_read, a_page_ends_when_its_bytes_are_full)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct error error;
    size_t two;

    put_rows(3);
    read.most_bytes = 1;
    cr_expect_str_eq(audited_values(&read, "n"), "0");
    read.most_bytes = 0;
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_assert_eq(result.record_count, 3);
    two = result.records[0].size + result.records[1].size + 4; /* heads of two strings */
    read.most_bytes = two;
    cr_expect_str_eq(audited_values(&read, "n"), "0 1");
    read.most_bytes = two - 1;
    cr_expect_str_eq(audited_values(&read, "n"), "0");
}

Test(audit_read, lines_are_given_as_they_are)
{
    const struct engine_request request = audited_request();
    const struct audit_read read = {.limit = 0};
    struct audit_read_result result;
    struct error error;
    char path[256];
    char text[4096];
    size_t size;
    FILE *file;

    put_rows(2);
    cr_assert_eq(engine_audit_read(agents.worker, &request, &read, &result, &error), BEHALF_OK);
    (void)snprintf(path, sizeof path, "%s/000000000000.jsonl", audited_directory());
    file = fopen(path, "r");
    cr_assert_not_null(file);
    size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    for (size_t at = 0; at < result.record_count; at++) {
        char line[2048];

        (void)snprintf(line, sizeof line, "%.*s\n", SLICE_PRINTF(result.records[at]));
        cr_expect_not_null(strstr(text, line), "%s", line);
    }
}

/* --- the newest --- */

Test(audit_read, the_newest_are_the_last_that_fit)
{
    struct audit_read read = rows;

    read.newest = true;
    read.limit = 3;
    cr_expect_str_eq(audited_values(&read, "n"), "");
    put_rows(2);
    cr_expect_str_eq(audited_values(&read, "n"), "0 1");
    put_rows(5);
    audited_put(9, "{\"event\":\"test.other\",\"n\":9}");
    cr_expect_str_eq(audited_values(&read, "n"), "2 3 4");
}

Test(audit_read, what_follows_the_newest_is_read_by_their_cursor)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct engine_token cursor;
    struct error error;

    put_rows(4);
    read.newest = true;
    read.limit = 1;
    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cr_assert_eq(result.record_count, 1);
    cursor = result.cursor;
    audited_put(9, "{\"event\":\"test.row\",\"n\":9}");
    read.newest = false;
    read.limit = 0;
    read.cursor = slice_of(cursor.text);
    cr_expect_str_eq(audited_values(&read, "n"), "9");
}

/* --- filters --- */

static void
put_family(void)
{
    audited_put(0, "{\"event\":\"test.a\",\"n\":0,\"session\":\"ses_1\",\"principal\":\"user:ann\","
                   "\"actors\":[\"agent:boss\",\"agent:bot\"],\"grant\":\"gr_2\",\"chain\":["
                   "{\"grant\":\"gr_1\",\"agent\":\"agent:boss\"},{\"grant\":\"gr_2\",\"agent\":"
                   "\"agent:bot\"}],\"decision_id\":\"dec_1\"}");
    audited_put(1, "{\"event\":\"test.b\",\"n\":1,\"grant\":\"gr_1\",\"agent\":\"agent:boss\","
                   "\"record\":{\"principal\":\"user:ann\",\"session\":\"ses_1\",\"delegatee\":"
                   "\"agent:helper\"}}");
    audited_put(2, "{\"event\":\"test.a\",\"n\":2,\"fields\":{\"session\":\"ses_1\",\"grant\":"
                   "\"gr_1\",\"agent\":\"agent:bot\",\"principal\":\"user:ann\",\"decision_id\":"
                   "\"dec_1\",\"event\":\"test.b\"}}");
    audited_put(3, "{\"event\":\"tests\",\"n\":3}");
}

static const char *
found(struct audit_filter filter)
{
    const struct audit_read read = {.filter = filter};

    return audited_values(&read, "n");
}

#define TEXT(text) SLICE_LITERAL(text)

Test(audit_read, a_filter_looks_at_the_event)
{
    put_family();
    cr_expect_str_eq(found((struct audit_filter){.event = TEXT("test.a")}), "0 2");
    cr_expect_str_eq(found((struct audit_filter){.event = TEXT("test.b")}), "1");
    cr_expect_str_eq(found((struct audit_filter){.event = TEXT("test.*")}), "0 1 2");
    cr_expect_str_eq(found((struct audit_filter){.event = TEXT("tests")}), "3");
    cr_expect_str_eq(found((struct audit_filter){.event = TEXT("test")}), "");
}

/* What only stands in a gateway's own fields is no party. */
Test(audit_read, a_filter_looks_at_the_parties)
{
    put_family();
    cr_expect_str_eq(found((struct audit_filter){.session = TEXT("ses_1")}), "0 1");
    cr_expect_str_eq(found((struct audit_filter){.grant = TEXT("gr_1")}), "0 1");
    cr_expect_str_eq(found((struct audit_filter){.grant = TEXT("gr_2")}), "0");
    cr_expect_str_eq(found((struct audit_filter){.agent = TEXT("agent:boss")}), "0 1");
    cr_expect_str_eq(found((struct audit_filter){.agent = TEXT("agent:bot")}), "0");
    cr_expect_str_eq(found((struct audit_filter){.agent = TEXT("agent:helper")}), "1");
    cr_expect_str_eq(found((struct audit_filter){.principal = TEXT("user:ann")}), "0 1");
    cr_expect_str_eq(found((struct audit_filter){.decision = TEXT("dec_1")}), "0");
    cr_expect_str_eq(found((struct audit_filter){.principal = TEXT("user:an")}), "");
}

Test(audit_read, all_of_a_filter_must_fit)
{
    put_family();
    cr_expect_str_eq(
        found((struct audit_filter){.event = TEXT("test.*"), .agent = TEXT("agent:bot")}), "0");
    cr_expect_str_eq(
        found((struct audit_filter){.event = TEXT("test.b"), .agent = TEXT("agent:bot")}), "");
}

/* --- what is refused --- */

Test(audit_read, one_beginning_only)
{
    struct audit_read read = {.has_from = true, .newest = true};
    struct audit_read_result result;
    struct error error;

    cr_expect_eq(read_page(&read, &result, &error), BEHALF_MALFORMED_REQUEST);
    read = (struct audit_read){.newest = true, .cursor = TEXT("Q")};
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_MALFORMED_REQUEST);
    read = (struct audit_read){.has_from = true, .cursor = TEXT("Q")};
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_MALFORMED_REQUEST);
    read = (struct audit_read){.limit = ENGINE_PAGE_MAX + 1};
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
}

Test(audit_read, a_cursor_serves_its_filter_only)
{
    struct audit_read read = rows;
    struct audit_read_result result;
    struct engine_token cursor;
    struct error error;

    cr_assert_eq(read_page(&read, &result, &error), BEHALF_OK);
    cursor = result.cursor;
    read.cursor = slice_of(cursor.text);
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_OK);
    read.filter.event = TEXT("test.*");
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_INVALID_CURSOR);
    cursor.text[20] ^= 1;
    read = rows;
    read.cursor = slice_of(cursor.text);
    cr_expect_eq(read_page(&read, &result, &error), BEHALF_INVALID_CURSOR);
}

Test(audit_read, a_request_that_is_late_or_cancelled_ends)
{
    struct engine_request request = audited_request();
    struct audit_read_result result;
    atomic_bool cancelled;
    struct error error;

    put_rows(1);
    request.deadline_ns = atomic_load(&agents.monotonic);
    cr_expect_eq(engine_audit_read(agents.worker, &request, &rows, &result, &error),
                 BEHALF_DEADLINE);
    request = audited_request();
    atomic_init(&cancelled, true);
    request.cancelled = &cancelled;
    cr_expect_eq(engine_audit_read(agents.worker, &request, &rows, &result, &error),
                 BEHALF_DEADLINE);
}

Test(audit_read, a_loop_does_not_wait_for_files)
{
    struct engine_worker *loop = engine_worker_new(agents.engine, false);
    const struct engine_request request = audited_request();
    struct audit_read_result result;
    struct error error;

    cr_expect_eq(engine_audit_read(loop, &request, &rows, &result, &error), BEHALF_WOULD_BLOCK);
    engine_worker_free(loop);
}

/* A line that cannot be read is not left out as if it did not fit. */
Test(audit_read, damage_is_not_passed_over)
{
    struct audit_read_result result;
    struct error error;
    char path[256];
    char line[2048];
    FILE *file;
    long place;

    put_rows(1);
    (void)snprintf(path, sizeof path, "%s/000000000000.jsonl", audited_directory());
    file = fopen(path, "r+");
    cr_assert_not_null(file);
    do {
        place = ftell(file);
        cr_assert_not_null(fgets(line, sizeof line, file));
    } while (strstr(line, "test.row") == NULL);
    cr_assert_eq(fseek(file, place, SEEK_SET), 0);
    (void)fputc('(', file);
    (void)fclose(file);
    cr_expect_eq(read_page(&rows, &result, &error), BEHALF_STORAGE_CORRUPT);
    cr_expect_not_null(strstr(error.message, "record"), "%s", error.message);
}
