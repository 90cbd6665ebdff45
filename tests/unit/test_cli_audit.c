/* Records of the audit log in words, as events of OCSF, and proofs that are documents. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit_print.h"

static char printed[16384];
static struct behalf_writer *writer;
static struct arena arena;
static struct cli cli;

static void
begin(void)
{
    writer = behalf_writer_new();
    arena_init(&arena, (size_t)1024 * 1024);
    cli = (struct cli){.json = false};
}

static void
end(void)
{
    arena_release(&arena);
    behalf_writer_free(writer);
}

TestSuite(cli_audit, .init = begin, .fini = end);

static const char decision[] =
    "{\"actors\":[\"agent:boss\",\"agent:bot\"],\"caller\":\"gateway\",\"chain\":[{\"agent\":"
    "\"agent:boss\",\"expires_at\":\"2027-03-01T11:00:00Z\",\"grant\":\"gr_A\"},{\"agent\":"
    "\"agent:bot\",\"expires_at\":\"2027-03-01T10:30:00Z\",\"grant\":\"gr_B\"}],\"decision\":"
    "\"deny\",\"decision_id\":\"dec_1\",\"event\":\"decision\",\"grant\":\"gr_B\",\"permission\":"
    "\"edit\",\"prev\":\"00ff\",\"principal\":\"user:ann\",\"reason\":\"scope_excluded\","
    "\"request_id\":\"7f3a\",\"resource\":\"document:d1\",\"seq\":7,\"session\":\"ses_A\",\"ts\":"
    "\"2027-03-01T10:00:00.500000000Z\",\"v\":1}";

/* --- lines --- */

static const char *
line_of(const char *json)
{
    FILE *out = fmemopen(printed, sizeof printed - 1, "w");

    memset(printed, 0, sizeof printed);
    audit_record_print(&cli, slice_of(json), &arena, out);
    (void)fclose(out);
    return printed;
}

Test(cli_audit, a_decision_is_one_line)
{
    cr_expect_str_eq(line_of(decision),
                     "7 2027-03-01T10:00:00.500000000Z decision deny scope_excluded edit on "
                     "document:d1 for user:ann by agent:boss,agent:bot ses_A gr_B dec_1 caller "
                     "gateway\n");
}

Test(cli_audit, a_change_is_told_by_the_record_inside)
{
    cr_expect_str_eq(line_of("{\"caller\":\"consent\",\"event\":\"grant.revoked\",\"grant\":"
                             "\"gr_A\",\"record\":{\"principal\":\"user:ann\"},\"seq\":0,\"ts\":"
                             "\"T\"}"),
                     "0 T grant.revoked for user:ann gr_A caller consent\n");
    cr_expect_str_eq(line_of("{\"counts\":{\"in\":9,\"out\":2},\"event\":\"filter\",\"seq\":3,"
                             "\"ts\":\"T\"}"),
                     "3 T filter 2 of 9\n");
}

/* What is no record is shown as it is: it may be what somebody looks for. */
Test(cli_audit, a_line_that_is_no_record_is_shown)
{
    cr_expect_str_eq(line_of("{\"seq\":1"), "{\"seq\":1\n");
    cr_expect_str_eq(line_of("[1]"), "[1]\n");
    cr_expect_str_eq(line_of("{}"), "0 \n");
}

/* --- the story --- */

static const char *
story_of(const char *json)
{
    FILE *out = fmemopen(printed, sizeof printed - 1, "w");
    struct behalf_value value;
    struct behalf_error error;

    behalf_writer_clear(writer);
    cr_assert_eq(behalf_write_json(writer, json, &error), BEHALF_SUCCESS, "%s", error.message);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    memset(printed, 0, sizeof printed);
    audit_story_print(&cli, value, out);
    (void)fclose(out);
    return printed;
}

Test(cli_audit, the_story_of_a_decision)
{
    cr_expect_str_eq(
        story_of("{\"record\":{\"decision_id\":\"dec_1\",\"ts\":\"T\",\"permission\":\"view\","
                 "\"resource\":\"document:d1\",\"principal\":\"user:ann\",\"actors\":["
                 "\"agent:boss\",\"agent:bot\"],\"decision\":\"deny\",\"reason\":\"grant_expired\","
                 "\"session\":\"ses_A\",\"chain\":[{\"grant\":\"gr_A\",\"agent\":\"agent:boss\","
                 "\"expires_at\":\"E\"},{\"grant\":\"gr_B\",\"agent\":\"agent:bot\"}],\"approval\":"
                 "{\"approver\":\"user:ann\",\"at\":\"A\",\"channel\":\"browser\"},\"conditions\":"
                 "{\"D2\":\"allow\",\"D4\":\"deny\"},\"revision\":812,\"seq\":41,\"caller\":"
                 "\"gateway\",\"request_id\":\"7f3a\"},\"now\":{\"session\":\"session_revoked\","
                 "\"chain\":[{\"grant\":\"gr_A\",\"state\":\"active\"}]}}"),
        "decision dec_1, T\n"
        "  asked       view on document:d1 for user:ann, by agent:boss and agent:bot\n"
        "  outcome     deny: grant_expired\n"
        "  session     ses_A, now session_revoked\n"
        "  grant       gr_A to agent:boss, until E, now active\n"
        "  grant       gr_B to agent:bot, no longer stored\n"
        "  approved by user:ann at A, through browser\n"
        "  conditions  D2 allow, D4 deny\n"
        "  revision    812, record 41, asked by gateway, request 7f3a\n");
}

Test(cli_audit, a_story_says_only_what_the_record_has)
{
    cr_expect_str_eq(story_of("{\"record\":{\"decision_id\":\"dec_1\",\"ts\":\"T\",\"permission\":"
                              "\"view\",\"resource\":\"document:d1\",\"principal\":\"user:ann\","
                              "\"decision\":\"allow\",\"revision\":1,\"seq\":0},\"now\":{}}"),
                     "decision dec_1, T\n"
                     "  asked       view on document:d1 for user:ann\n"
                     "  outcome     allow\n"
                     "  revision    1, record 0\n");
}

/* --- OCSF --- */

static const char *
event_of(const char *json)
{
    struct buffer out;

    buffer_init(&out);
    cr_assert(audit_ocsf_print(slice_of(json), SLICE_LITERAL("behalf/x"), &arena, &out), "%s",
              json);
    (void)snprintf(printed, sizeof printed, "%s", out.data);
    buffer_release(&out);
    return printed;
}

/* The value under a path of names, as JSON. */
static const char *
at_path(const char *json, const char *path)
{
    static char text[4096];
    const struct datum *datum = NULL;
    char names[128];
    char *rest = names;
    struct buffer out;

    (void)snprintf(names, sizeof names, "%s", path);
    cr_assert_eq(datum_parse_json(slice_of(json), &arena, &datum, NULL), BEHALF_OK, "%s", json);
    for (char *name = strtok_r(rest, ".", &rest); name != NULL && datum != NULL;
         name = strtok_r(rest, ".", &rest))
        datum = datum->kind == DATUM_MAP ? datum_field(datum, slice_of(name)) : NULL;
    if (datum == NULL)
        return "";
    buffer_init(&out);
    datum_print_json(datum, &out);
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_release(&out);
    return text;
}

#define EXPECT(event, path, value) cr_expect_str_eq(at_path((event), (path)), (value), path)

Test(cli_audit, a_decision_is_api_activity)
{
    const char *event = event_of(decision);

    EXPECT(event, "class_uid", "6003");
    EXPECT(event, "category_uid", "6");
    EXPECT(event, "activity_id", "99");
    EXPECT(event, "activity_name", "\"decision\"");
    EXPECT(event, "type_uid", "600399");
    EXPECT(event, "time", "1803895200500");
    EXPECT(event, "metadata.version", "\"1.9.0\"");
    EXPECT(event, "metadata.profiles",
           "[\"security_control\",\"ai_operation\",\"record_integrity\"]");
    EXPECT(event, "metadata.uid", "\"dec_1\"");
    EXPECT(event, "metadata.correlation_uid", "\"7f3a\"");
    EXPECT(event, "metadata.sequence", "7");
    EXPECT(event, "actor", "{\"session\":{\"uid\":\"ses_A\"},\"user\":{\"uid\":\"user:ann\"}}");
    EXPECT(event, "ai_agent", "{\"instance_uid\":\"ses_A\",\"uid\":\"agent:bot\"}");
    EXPECT(event, "delegation",
           "{\"expiration_time\":1803897000000,\"issuer_uid\":\"behalf/x\",\"parent_uid\":\"gr_A\","
           "\"uid\":\"gr_B\"}");
    EXPECT(event, "api", "{\"operation\":\"edit\",\"request\":{\"uid\":\"7f3a\"}}");
    EXPECT(event, "src_endpoint", "{\"svc_name\":\"gateway\"}");
    EXPECT(event, "resources", "[{\"type\":\"document\",\"uid\":\"document:d1\"}]");
    EXPECT(event, "action_id", "2");
    EXPECT(event, "disposition_id", "2");
    EXPECT(event, "status_detail", "\"scope_excluded\"");
}

/* SHA-256 of 0x00 and the line, by another implementation. */
Test(cli_audit, the_attestation_is_the_place_in_the_chain)
{
    const char *event = event_of("{\"event\":\"log.opened\",\"prev\":\"aa\",\"seq\":1}");

    EXPECT(event, "attestation.chain_uid", "\"behalf/x\"");
    EXPECT(event, "attestation.fingerprint.algorithm_id", "3");
    EXPECT(event, "attestation.fingerprint.value",
           "\"d39d4762a4412a4439843554a6650fb4a0773a06d13f39b9a45ae4ccf56c699e\"");
    EXPECT(event, "attestation.prev_event.fingerprint.value", "\"aa\"");
    EXPECT(event, "raw_data",
           "\"{\\\"event\\\":\\\"log.opened\\\",\\\"prev\\\":\\\"aa\\\",\\\"seq\\\":1}\"");
    /* The first has none before it. */
    EXPECT(event_of("{\"event\":\"log.opened\",\"prev\":\"00\",\"seq\":0}"),
           "attestation.prev_event", "");
}

Test(cli_audit, what_is_allowed_and_what_is_conditional)
{
    const char *event = event_of("{\"decision\":\"allow\",\"event\":\"decision\",\"seq\":0}");

    EXPECT(event, "action_id", "1");
    EXPECT(event, "disposition", "\"Allowed\"");
    event = event_of("{\"decision\":\"conditional\",\"event\":\"decision\",\"seq\":0}");
    EXPECT(event, "action_id", "2");
    EXPECT(event, "status", "\"conditional\"");
}

Test(cli_audit, sessions_grants_and_the_rest_have_their_classes)
{
    const char *event =
        event_of("{\"caller\":\"consent\",\"event\":\"session.created\",\"principal\":\"user:ann\","
                 "\"record\":{\"expires_at\":\"1970-01-01T00:00:02Z\"},\"seq\":0,\"session\":"
                 "\"ses_A\"}");

    EXPECT(event, "class_uid", "3003");
    EXPECT(event, "activity_id", "1");
    EXPECT(event, "user.uid", "\"user:ann\"");
    EXPECT(event, "session", "{\"expiration_time\":2000,\"uid\":\"ses_A\"}");
    EXPECT(event, "actor.app_name", "\"consent\"");
    EXPECT(event, "privileges", "[\"acts_on_behalf_of\"]");
    event = event_of("{\"event\":\"session.revoked\",\"record\":{\"reason\":\"lost\"},\"seq\":0}");
    EXPECT(event, "activity_id", "99");
    EXPECT(event, "status_detail", "\"lost\"");
    event = event_of("{\"event\":\"grant.delegated\",\"record\":{\"delegatee\":\"agent:bot\","
                     "\"scope\":[{\"actions\":[\"view\",\"edit\"],\"selector\":\"document:*\"}]},"
                     "\"seq\":0}");
    EXPECT(event, "class_uid", "3005");
    EXPECT(event, "activity_id", "1");
    EXPECT(event, "user.uid", "\"agent:bot\"");
    EXPECT(event, "privileges", "[\"document:*=view\",\"document:*=edit\"]");
    EXPECT(event_of("{\"event\":\"grant.revoked\",\"seq\":0}"), "activity_id", "2");
    event = event_of("{\"event\":\"attributes.written\",\"record\":{\"keys\":[\"a\"],\"object\":"
                     "\"user:ann\"},\"seq\":0}");
    EXPECT(event, "class_uid", "3004");
    EXPECT(event, "activity_id", "3");
    EXPECT(event, "entity", "{\"type\":\"attributes\",\"uid\":\"user:ann\"}");
    event = event_of("{\"event\":\"request.created\",\"request\":\"req_A\",\"seq\":0}");
    EXPECT(event, "activity_id", "1");
    EXPECT(event, "entity", "{\"type\":\"request\",\"uid\":\"req_A\"}");
    event = event_of("{\"event\":\"log.opened\",\"seq\":0}");
    EXPECT(event, "activity_name", "\"log.opened\"");
}

Test(cli_audit, a_line_that_is_no_record_is_no_event)
{
    struct buffer out;

    buffer_init(&out);
    cr_expect_not(audit_ocsf_print(SLICE_LITERAL("{"), SLICE_LITERAL("o"), &arena, &out));
    cr_expect_not(audit_ocsf_print(SLICE_LITERAL("[]"), SLICE_LITERAL("o"), &arena, &out));
    cr_expect_not(audit_ocsf_print(SLICE_LITERAL("{}"), SLICE_LITERAL("o"), &arena, &out));
    cr_expect_eq(out.size, 0);
    buffer_release(&out);
}
