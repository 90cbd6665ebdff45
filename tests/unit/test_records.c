/* test_records.c - stored bodies: what the encoders do not make is no record. */
#include <criterion/criterion.h>

#include "base/datum.h"
#include "tests/unit/test_consent_support.h"

static struct consent consent;
static struct record_entries entries;

static void
open_consent(void)
{
    consent_open(&consent);
}

static void
close_consent(void)
{
    consent_close(&consent);
}

TestSuite(records, .init = open_consent, .fini = close_consent);

#define SESSION                                                                                    \
    "\"agent\":\"agent:bot\",\"client\":\"c\",\"created\":1,\"expires_at\":100,"                   \
    "\"idle_timeout_s\":60,\"principal\":\"user:ann\""
#define DIGEST "00000000000000000000000000000000000000000000000000000000000000ff"
#define GRANT                                                                                      \
    "\"delegatee\":\"agent:bot\",\"delegator\":\"user:ann\",\"expires_at\":100,\"max_depth\":1,"   \
    "\"session\":\"ses_00000000000000000000000000\""
#define SCOPE "\"scope\":[{\"actions\":[\"view\"],\"selector\":\"document:*\"}]"
#define APPROVAL "\"approval\":{\"approver\":\"user:ann\",\"at\":1}"

static struct slice
bytes_of(const char *json)
{
    const struct datum *datum = NULL;
    struct buffer bytes;
    struct slice copy;
    struct error error;

    buffer_init(&bytes);
    cr_assert_eq(datum_parse_json(slice_of(json), &consent.arena, &datum, &error), BEHALF_OK,
                 "%s: %s", json, error.message);
    datum_encode(datum, &bytes);
    copy = arena_copy(&consent.arena, buffer_slice(&bytes));
    buffer_release(&bytes);
    return copy;
}

/* A record at revision 9 with the index entries of the one above. */
static enum status
decode(enum record_kind kind, struct slice body, int64_t expires_at)
{
    static const struct record_id id = {{3}};
    static const struct record_id session = {{0}};
    struct store_record record = {
        .key = record_key(kind, &id), .created_revision = 9, .body = body};
    struct buffer block;
    struct error error;
    enum status status;

    buffer_init(&block);
    if (kind == RECORD_SESSION) {
        record_index_session(&record, &entries, 1, 2, expires_at);
        status = record_session(consent.side.store, &record, &block, &error);
    } else if (kind == RECORD_REQUEST) {
        record_index_access_request(&record, &entries, 1, 2, expires_at, NULL);
        status = record_access_request(&record, &block, &error);
    } else {
        record_index_grant(&record, &entries, &session, 2, expires_at);
        status = record_grant(consent.side.store, &record, &block, &error);
    }
    buffer_release(&block);
    return status;
}

static void
assert_decodes(enum record_kind kind, const char *json, enum status expected)
{
    enum status status = decode(kind, bytes_of(json), 100);

    cr_assert_eq(status, expected, "%s: %s", json, status_name(status));
}

Test(records, a_session_is_its_map_and_nothing_else)
{
    static const char *const wrong[] = {
        "{" SESSION "}",
        "{" SESSION ",\"status\":\"lost\"}",
        "{" SESSION ",\"status\":\"active\",\"unknown\":1}",
        "{" SESSION ",\"status\":\"active\",\"made\":10}", /* after its version */
        "{" SESSION ",\"status\":\"active\",\"reason\":\"\"}",
        "{" SESSION ",\"status\":\"active\",\"evidence\":1}",
        "{\"agent\":\"agent:bot\",\"client\":\"c\",\"created\":-1,\"expires_at\":100,"
        "\"idle_timeout_s\":60,\"principal\":\"user:ann\",\"status\":\"active\"}",
        "{\"agent\":\"agent:bot\",\"client\":\"c\",\"created\":1,\"expires_at\":100,"
        "\"idle_timeout_s\":4294967296,\"principal\":\"user:ann\",\"status\":\"active\"}",
        "[]",
    };

    assert_decodes(RECORD_SESSION, "{" SESSION ",\"status\":\"active\",\"made\":9}", BEHALF_OK);
    assert_decodes(RECORD_SESSION, "{" SESSION ",\"reason\":\"r\",\"status\":\"revoked\"}",
                   BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++)
        assert_decodes(RECORD_SESSION, wrong[at], BEHALF_STORAGE_CORRUPT);
    cr_assert_eq(decode(RECORD_SESSION, (struct slice){"\x07", 1}, 100), BEHALF_STORAGE_CORRUPT);
    /* Its index says another end. */
    cr_assert_eq(decode(RECORD_SESSION, bytes_of("{" SESSION ",\"status\":\"active\"}"), 101),
                 BEHALF_STORAGE_CORRUPT);
}

Test(records, a_grant_is_its_map_and_nothing_else)
{
    static const char *const wrong[] = {
        "{" GRANT "," SCOPE "}", /* neither a parent nor an approval */
        "{" GRANT "," SCOPE "," APPROVAL ",\"parent\":\"gr_00000000000000000000000000\"}",
        "{" GRANT "," APPROVAL "}",
        "{" GRANT ",\"scope\":[]," APPROVAL "}",
        "{" GRANT ",\"scope\":[{\"actions\":[],\"selector\":\"document:*\"}]," APPROVAL "}",
        "{" GRANT ",\"scope\":[{\"actions\":[\"lost\"],\"selector\":\"document:*\"}]," APPROVAL "}",
        "{" GRANT ",\"scope\":[{\"actions\":[\"view\"],\"selector\":\"lost:*\"}]," APPROVAL "}",
        "{" GRANT ",\"scope\":[{\"actions\":[\"view\"],\"selector\":\"document\"}]," APPROVAL "}",
        "{" GRANT ",\"scope\":[{\"actions\":[\"view\"],"
        "\"selector\":\"document:*#viewer@$principal\"}]," APPROVAL "}",
        "{" GRANT "," SCOPE ",\"approval\":{\"approver\":\"user:ann\"}}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"revoked\":{\"at\":0}}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"uses\":4294967296}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"more\":1}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"bind\":{\"method\":\"m\",\"digest\":\"00\"}}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"tools\":[]}",
        "{" GRANT "," SCOPE "," APPROVAL ",\"constraints\":[{\"caveat\":\"lost\",\"digest\":"
        "\"" DIGEST "\"}]}",
    };

    assert_decodes(RECORD_GRANT, "{" GRANT "," SCOPE "," APPROVAL "}", BEHALF_OK);
    assert_decodes(RECORD_GRANT,
                   "{" GRANT "," SCOPE "," APPROVAL ",\"constraints\":[{\"caveat\":\"during\","
                   "\"digest\":\"" DIGEST "\"}],\"bind\":{\"method\":\"m\",\"digest\":\"" DIGEST
                   "\"},\"tools\":[{\"name\":\"n\",\"sha256\":\"" DIGEST "\"}]}",
                   BEHALF_OK);
    assert_decodes(RECORD_GRANT,
                   "{" GRANT "," SCOPE ",\"parent\":\"gr_00000000000000000000000000\"}", BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++)
        assert_decodes(RECORD_GRANT, wrong[at], BEHALF_STORAGE_CORRUPT);
}

#define REQUEST                                                                                    \
    "\"agent\":\"agent:bot\",\"expires_at\":100,\"permission\":\"edit\","                          \
    "\"principal\":\"user:ann\",\"resource\":\"document:d1\""
#define DECIDED "\"decided\":{\"at\":5}"
#define GRANTED "\"grant\":\"gr_00000000000000000000000000\""

Test(records, an_access_request_is_its_map_and_nothing_else)
{
    static const char *const right[] = {
        "{" REQUEST ",\"status\":\"pending\"}",
        "{" REQUEST ",\"status\":\"pending\",\"justification\":\"j\",\"denial\":\"d\","
        "\"requested\":{\"until\":7,\"uses\":1,\"bind\":{\"method\":\"m\",\"digest\":\"" DIGEST
        "\"},\"tools\":[{\"name\":\"n\",\"sha256\":\"" DIGEST "\"}]}}",
        "{" REQUEST ",\"status\":\"denied\"," DECIDED "}",
        "{" REQUEST ",\"status\":\"cancelled\",\"decided\":{\"approver\":\"a\",\"at\":5,"
        "\"reason\":\"r\"}}",
        "{" REQUEST ",\"status\":\"approved\"," DECIDED "," GRANTED "}",
    };
    static const char *const wrong[] = {
        "{" REQUEST "}",
        "{" REQUEST ",\"status\":\"expired\"}", /* that is never stored */
        "{" REQUEST ",\"status\":\"pending\",\"unknown\":1}",
        "{" REQUEST ",\"status\":\"pending\"," DECIDED "}",
        "{" REQUEST ",\"status\":\"pending\"," GRANTED "}",
        "{" REQUEST ",\"status\":\"denied\"}",
        "{" REQUEST ",\"status\":\"denied\"," DECIDED "," GRANTED "}",
        "{" REQUEST ",\"status\":\"approved\"," DECIDED "}",
        "{" REQUEST ",\"status\":\"approved\"," GRANTED "}",
        "{" REQUEST ",\"status\":\"approved\"," DECIDED ",\"grant\":\"gr_0\"}",
        "{" REQUEST ",\"status\":\"denied\",\"decided\":{\"reason\":\"r\"}}",
        "{" REQUEST ",\"status\":\"pending\",\"requested\":{\"uses\":4294967296}}",
        "{" REQUEST ",\"status\":\"pending\",\"requested\":{\"scope\":1}}",
        "{" REQUEST ",\"status\":\"pending\",\"requested\":{\"tools\":[]}}",
        "[]",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(right); at++)
        assert_decodes(RECORD_REQUEST, right[at], BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++)
        assert_decodes(RECORD_REQUEST, wrong[at], BEHALF_STORAGE_CORRUPT);
    cr_assert_eq(decode(RECORD_REQUEST, bytes_of(right[0]), 101), BEHALF_STORAGE_CORRUPT);
}

Test(records, a_count_of_uses_is_four_bytes)
{
    static const struct record_id id = {{3}};
    struct store_record record = {.key = record_key(RECORD_USES, &id),
                                  .body = {"\x00\x00\x01\x02", 4}};
    struct error error;
    uint64_t left = 0;

    cr_assert_eq(record_uses(&record, &left, &error), BEHALF_OK);
    cr_assert_eq(left, 258);
    record.body.size = 3;
    cr_assert_eq(record_uses(&record, &left, &error), BEHALF_STORAGE_CORRUPT);
}
