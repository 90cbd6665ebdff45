/* test_audit_decision.c - what is recorded of decisions, filters and lookups, and when.
 *
 * The log's thread can be held: a waiter of the test stands in its way until it is let go. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/datum.h"
#include "engine/audit_log.h"
#include "engine/figures.h"
#include "engine/state.h"
#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"
#define CALLER "gateway"
#define REQUEST_ID "req-7"

static struct scene scene;
static char directory[64];
static struct engine_audit_options options;
static struct record_id session;
static struct record_id grant;
static struct audit *audit;

static void
open_scene(enum engine_audit_mode mode, uint32_t sample, bool full_context)
{
    struct error error;

    (void)snprintf(directory, sizeof directory, "/tmp/behalf-audit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    options = (struct engine_audit_options){
        .mode = mode,
        .directory = directory,
        .origin = SLICE_LITERAL("test/log"),
        .sample = sample,
        .full_context = full_context,
    };
    harness_audit = &options;
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "service:mail#trusted_by@user:ann\n");
    session = scene_session(&scene, "user:ann", "agent:bot", NULL);
    grant = scene_grant(&scene, &session, "user:ann", NULL);
    if (mode != ENGINE_AUDIT_OFF)
        cr_assert_eq(audit_log_find(scene.side.engine, &audit, &error), BEHALF_OK);
}

static void
remove_directory(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -r -- '%s'", directory);
    cr_expect_eq(system(command), 0);
}

static void
close_scene(void)
{
    scene_close(&scene);
    harness_audit = NULL;
    remove_directory();
}

TestSuite(audit_decision, .fini = close_scene);

/* --- reading --- */

/* The last record of an event that has this decision id; the nth from the end. */
static const struct datum *
find_record(const char *decision_id, size_t nth)
{
    const struct datum *found[16] = {NULL};
    struct audit_reader *reader = NULL;
    struct slice line;
    struct error error;
    uint64_t seq;
    size_t count = 0;

    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_open(directory, &reader, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_seek(reader, 0, &error), BEHALF_OK);
    while (audit_reader_next(reader, &seq, &line, &error) == BEHALF_OK) {
        const struct datum *map = NULL;
        const struct datum *id;

        line = arena_copy(&scene.arena, line);
        cr_assert_eq(datum_parse_json(line, &scene.arena, &map, &error), BEHALF_OK, "%s",
                     error.message);
        id = datum_field(map, SLICE_LITERAL("decision_id"));
        if (id != NULL && slice_equal(id->as.string, slice_of(decision_id)) && count < 16)
            found[count++] = map;
    }
    audit_reader_close(reader);
    return nth < count ? found[count - 1 - nth] : NULL;
}

static size_t
count_events(const char *event)
{
    struct audit_reader *reader = NULL;
    char wanted[64];
    struct slice line;
    struct error error;
    uint64_t seq;
    size_t count = 0;

    (void)snprintf(wanted, sizeof wanted, "\"event\":\"%s\"", event);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_open(directory, &reader, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_seek(reader, 0, &error), BEHALF_OK);
    while (audit_reader_next(reader, &seq, &line, &error) == BEHALF_OK)
        count += memmem(line.data, line.size, wanted, strlen(wanted)) != NULL;
    audit_reader_close(reader);
    return count;
}

/* A field as JSON; "-" where it is not there. In the scene's arena. */
static const char *
field(const struct datum *record, const char *name)
{
    const struct datum *value = datum_field(record, slice_of(name));
    struct buffer out;
    struct slice kept;

    if (value == NULL)
        return "-";
    buffer_init(&out);
    datum_print_json(value, &out);
    buffer_add_byte(&out, '\0');
    kept = arena_copy(&scene.arena, buffer_slice(&out));
    buffer_release(&out);
    return kept.data;
}

static struct engine_request
audited_request(void)
{
    struct engine_request request = harness_request(&scene.side, NULL);

    request.caller = SLICE_LITERAL(CALLER);
    request.request_id = SLICE_LITERAL(REQUEST_ID);
    return request;
}

static enum status
ask(const char *question, const struct asking *asking, struct check_result *result)
{
    const struct engine_request request = audited_request();
    const struct check check = scene_question(&scene, question, asking);
    struct error error;

    return engine_check(scene.side.worker, &request, &check, result, &error);
}

static const struct datum *
ask_and_read(const char *question, const struct asking *asking)
{
    struct check_result result;
    const struct datum *record;

    cr_assert_eq(ask(question, asking, &result), BEHALF_OK);
    record = find_record(result.decision_id.text, 0);
    cr_assert_not_null(record);
    return record;
}

static const char *
id_text(const struct record_id *id, const char *prefix)
{
    struct record_id_text text;
    char quoted[RECORD_ID_TEXT_SIZE + 3];

    record_id_print(id, prefix, &text);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", text.text);
    return arena_copy(&scene.arena, (struct slice){quoted, strlen(quoted) + 1}).data;
}

/* --- holding the log --- */

static struct {
    struct audit_waiter waiter;
    sem_t held;
    sem_t go;
} stop;

static void
hold(struct audit_waiter *waiter, enum status status)
{
    (void)waiter;
    (void)status;
    sem_post(&stop.held);
    while (sem_wait(&stop.go) != 0)
        continue;
}

/* A map {"event": "test.held"}. */
static const char held_record[] = "\x07\0\0\0\x01\0\0\0\x05"
                                  "event\x05\0\0\0\x09test.held";

static void
hold_log(void)
{
    struct error error;

    sem_init(&stop.held, 0, 0);
    sem_init(&stop.go, 0, 0);
    stop.waiter = (struct audit_waiter){.done = hold};
    cr_assert_eq(audit_put(audit, AUDIT_PLACE_CHANGE, SCENE_START,
                           (struct slice){held_record, sizeof held_record - 1}, &stop.waiter,
                           &error),
                 BEHALF_OK, "%s", error.message);
    while (sem_wait(&stop.held) != 0)
        continue;
}

static void
let_log_go(void)
{
    sem_post(&stop.go);
}

static uint64_t
queued(void)
{
    struct engine_figures figures;
    struct error error;

    cr_assert_eq(engine_figures_read(scene.side.engine, &figures, &error), BEHALF_OK);
    return figures.audit.queued;
}

/* --- fields --- */

Test(audit_decision, an_allow_by_a_grant_is_recorded_with_all_it_was_decided_by)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct datum *record;
    const char *text;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "event"), "\"decision\"");
    cr_expect_str_eq(field(record, "request_id"), "\"" REQUEST_ID "\"");
    cr_expect_str_eq(field(record, "caller"), "\"" CALLER "\"");
    cr_expect_str_eq(field(record, "principal"), "\"user:ann\"");
    cr_expect_str_eq(field(record, "actors"), "[\"agent:bot\"]");
    cr_expect_str_eq(field(record, "session"), id_text(&session, RECORD_PREFIX_SESSION));
    cr_expect_str_eq(field(record, "grant"), id_text(&grant, RECORD_PREFIX_GRANT));
    cr_expect_str_eq(field(record, "permission"), "\"view\"");
    cr_expect_str_eq(field(record, "resource"), "\"document:d1\"");
    cr_expect_str_eq(field(record, "decision"), "\"allow\"");
    cr_expect_str_eq(field(record, "reason"), "-");
    cr_expect_str_eq(field(record, "missing"), "-");
    cr_expect_str_eq(field(record, "conditions"),
                     "{\"D1\":\"allow\",\"D10a\":\"allow\",\"D2\":\"allow\",\"D3\":\"allow\","
                     "\"D4\":\"allow\",\"D5\":\"allow\",\"D6\":\"allow\",\"D7\":\"allow\","
                     "\"D8\":\"allow\",\"D9\":\"allow\"}");
    cr_expect_str_eq(field(record, "now"), "\"2027-01-15T08:00:00Z\"");
    cr_expect_str_eq(field(record, "last_seen"), "\"2027-01-15T08:00:00Z\"");
    cr_expect_str_eq(field(record, "latency_us"), "0");
    cr_expect_str_eq(field(record, "context"), "-");
    cr_expect_str_eq(field(record, "context_sha256"), "-");
    cr_expect_str_eq(field(record, "counts"), "-");
    text = field(record, "chain");
    cr_expect_not_null(strstr(text, "\"agent\":\"agent:bot\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"expires_at\":\"2027-01-15T08:30:00Z\""), "%s", text);
    cr_expect_not_null(strstr(text, id_text(&grant, RECORD_PREFIX_GRANT)), "%s", text);
    text = field(record, "approval");
    cr_expect_not_null(strstr(text, "\"approver\":\"user:ann\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"at\":\"2027-01-15T08:00:00Z\""), "%s", text);
}

Test(audit_decision, a_record_names_the_revision_and_the_schema)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct engine_info info;
    struct error error;
    struct slice schema;
    uint8_t digest[DIGEST_SIZE];
    char expected[2 * DIGEST_SIZE + 3];
    char number[32];
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    record = ask_and_read(VIEW, &asking);
    cr_assert_eq(engine_info_read(scene.side.engine, &info, &error), BEHALF_OK);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)info.revision);
    cr_expect_str_eq(field(record, "revision"), number);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)info.schema_revision);
    cr_expect_str_eq(field(record, "schema_revision"), number);
    schema = slice_of(scene_schema);
    digest_sha256(&schema, 1, digest);
    expected[0] = '"';
    for (size_t at = 0; at < DIGEST_SIZE; at++)
        (void)snprintf(expected + 1 + 2 * at, 4, "%02x\"", digest[at]);
    cr_expect_str_eq(field(record, "schema_sha256"), expected);
}

Test(audit_decision, a_deny_is_recorded_with_its_reason_and_the_conditions_before_it)
{
    const struct asking other = {.grant = &grant, .actors = "agent:other"};
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct datum *record;
    struct record_id narrow;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    record = ask_and_read(VIEW, &other);
    cr_expect_str_eq(field(record, "decision"), "\"deny\"");
    cr_expect_str_eq(field(record, "reason"), "\"actor_mismatch\"");
    cr_expect_str_eq(field(record, "conditions"), "{\"D2\":\"allow\",\"D9\":\"deny\"}");
    record = ask_and_read("document:d2#view@user:ann", &asking);
    cr_expect_str_eq(field(record, "reason"), "\"principal_denied\"");
    cr_expect_not_null(strstr(field(record, "conditions"), "\"D1\":\"deny\""));
    cr_expect_not_null(strstr(field(record, "conditions"), "\"D3\":\"allow\""));
    narrow = scene_grant(&scene, &session, "user:ann",
                         &(struct grant_terms){.scope = "document:* edit"});
    record = ask_and_read(VIEW, &(struct asking){.grant = &narrow, .actors = "agent:bot"});
    cr_expect_str_eq(field(record, "reason"), "\"scope_excluded\"");
    cr_expect_not_null(strstr(field(record, "conditions"), "\"D3\":\"deny\""));
    cr_expect_null(strstr(field(record, "conditions"), "\"D1\""));
}

Test(audit_decision, each_grant_of_a_chain_is_recorded_with_its_agent)
{
    struct asking asking = {.actors = "agent:sub"};
    struct record_id root;
    struct record_id child;
    const char *text;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    root = scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.max_depth = 1});
    child = scene_delegate(&scene, &root, "agent:bot", "agent:sub", NULL);
    asking.grant = &child;
    text = field(ask_and_read(VIEW, &asking), "chain");
    cr_expect_not_null(strstr(text, "\"agent\":\"agent:bot\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"agent\":\"agent:sub\""), "%s", text);
    cr_expect_lt(strstr(text, "agent:bot"), strstr(text, "agent:sub"));
}

Test(audit_decision, what_is_said_of_the_call_is_recorded)
{
    struct asking asking = {
        .actors = "agent:bot", .method = "m", .digest = 1, .tool = "t", .sha256 = 2};
    struct record_id bound;
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    bound = scene_grant(&scene, &session, "user:ann",
                        &(struct grant_terms){.method = "m", .tool = "t"});
    asking.grant = &bound;
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "decision"), "\"allow\"");
    cr_expect_str_eq(field(record, "binding"),
                     "{\"digest\":\"01010101010101010101010101010101010101010101010101010101"
                     "01010101\",\"method\":\"m\"}");
    cr_expect_str_eq(field(record, "tool"),
                     "{\"name\":\"t\",\"sha256\":\"0202020202020202020202020202020202020202020202"
                     "020202020202020202\"}");
}

Test(audit_decision, a_context_is_recorded_by_its_digest)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot", .context = "{\"a\": 1}"};
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "context"), "-");
    cr_expect_str_eq(field(record, "context_sha256"),
                     "\"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862\"");
}

Test(audit_decision, a_context_is_recorded_in_full_where_that_is_asked)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot", .context = "{\"a\": 1}"};
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 0, true);
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "context"), "\"{\\\"a\\\":1}\"");
    cr_expect_str_eq(field(record, "context_sha256"), "-");
}

Test(audit_decision, standing_delegation_is_recorded_too)
{
    const struct asking asking = {.actors = "service:mail"};
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "decision"), "\"allow\"");
    cr_expect_str_eq(field(record, "grant"), "-");
    cr_expect_str_eq(field(record, "last_seen"), "-");
    cr_expect_str_eq(field(record, "conditions"),
                     "{\"D1\":\"allow\",\"D2\":\"allow\",\"D7\":\"allow\",\"D8\":\"allow\"}");
    scene_kill(&scene, STOP_AGENT, "service:mail");
    record = ask_and_read(VIEW, &asking);
    cr_expect_str_eq(field(record, "reason"), "\"agent_stopped\"");
    cr_expect_str_eq(field(record, "conditions"), "{\"D7\":\"deny\"}");
}

Test(audit_decision, each_item_of_a_bulk_has_a_record_of_its_own)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct engine_request request =
        (open_scene(ENGINE_AUDIT_RELAXED, 0, false), audited_request());
    const struct check checks[] = {
        scene_question(&scene, VIEW, &asking),
        scene_question(&scene, VIEW, NULL),
        scene_question(&scene, "document:d9#view@user:ann", &asking),
    };
    struct check_bulk_result result;
    struct error error;

    cr_assert_eq(engine_check_bulk(scene.side.worker, &request, checks, 3, &result, &error),
                 BEHALF_OK);
    cr_expect_str_eq(field(find_record(result.items[0].decision_id.text, 0), "decision"),
                     "\"allow\"");
    cr_expect_eq(result.items[1].decision_id.text[0], '\0');
    cr_expect_str_eq(field(find_record(result.items[2].decision_id.text, 0), "reason"),
                     "\"principal_denied\"");
    cr_expect_eq(count_events("decision"), 2);
}

Test(audit_decision, a_filter_is_recorded_with_its_counts_and_what_it_dropped)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct filter_resources filter;
    struct filter_resources_result result;
    struct object resources[2];
    struct engine_request request;
    const struct datum *record;
    struct check check;
    struct error error;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    request = audited_request();
    check = scene_question(&scene, VIEW, &asking);
    resources[0] = scene_object(&scene, "document:d9");
    resources[1] = scene_object(&scene, "document:d1");
    filter = (struct filter_resources){
        .resources = resources,
        .resource_count = 2,
        .permission = check.permission,
        .subject = check.subject,
        .actors = check.actors,
        .actor_count = check.actor_count,
        .delegation = check.delegation,
    };
    cr_assert_eq(engine_filter_resources(scene.side.worker, &request, &filter, &result, &error),
                 BEHALF_OK);
    record = find_record(result.decision_id.text, 0);
    cr_assert_not_null(record);
    cr_expect_str_eq(field(record, "event"), "\"filter\"");
    cr_expect_str_eq(field(record, "counts"), "{\"in\":2,\"out\":1}");
    /* of "document:d9\n" */
    cr_expect_str_eq(field(record, "dropped_sha256"),
                     "\"e577a248889f8cc05e5d93063f19d31a0b9816969cff335dac37e1083451b954\"");
}

Test(audit_decision, lookups_are_recorded_with_their_counts)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct lookup_resources_result resources;
    struct lookup_permissions_result permissions;
    struct engine_request request;
    const struct datum *record;
    struct check check;
    struct error error;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    request = audited_request();
    check = scene_question(&scene, VIEW, &asking);
    cr_assert_eq(engine_lookup_resources(scene.side.worker, &request,
                                         &(struct lookup_resources){
                                             .resource_type = check.resource.type,
                                             .permission = check.permission,
                                             .subject = check.subject,
                                             .actors = check.actors,
                                             .actor_count = check.actor_count,
                                             .delegation = check.delegation,
                                         },
                                         &resources, &error),
                 BEHALF_OK);
    record = find_record(resources.decision_id.text, 0);
    cr_assert_not_null(record);
    cr_expect_str_eq(field(record, "event"), "\"lookup\"");
    cr_expect_str_eq(field(record, "resource"), "\"document:*\"");
    cr_expect_str_eq(field(record, "counts"), "{\"in\":1,\"out\":1}");
    cr_assert_eq(engine_lookup_permissions(scene.side.worker, &request,
                                           &(struct lookup_permissions){
                                               .resource = check.resource,
                                               .subject = check.subject,
                                               .actors = check.actors,
                                               .actor_count = check.actor_count,
                                               .delegation = check.delegation,
                                           },
                                           &permissions, &error),
                 BEHALF_OK);
    record = find_record(permissions.decision_id.text, 0);
    cr_assert_not_null(record);
    cr_expect_str_eq(field(record, "event"), "\"lookup\"");
    cr_expect_str_eq(field(record, "permission"), "-");
    cr_expect_not_null(strstr(field(record, "counts"), "\"out\":2"), "%s", field(record, "counts"));
}

/* --- what is recorded at all --- */

Test(audit_decision, without_actors_nothing_is_recorded_unless_it_is_sampled)
{
    struct check_result result;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    cr_assert_eq(ask(VIEW, NULL, &result), BEHALF_OK);
    cr_expect_eq(result.decision_id.text[0], '\0');
    cr_expect_eq(count_events("decision"), 0);
}

Test(audit_decision, a_sampled_decision_has_an_id_and_a_record)
{
    const struct datum *record;

    open_scene(ENGINE_AUDIT_RELAXED, 1, false);
    record = ask_and_read(VIEW, NULL);
    cr_expect_str_eq(field(record, "decision"), "\"allow\"");
    cr_expect_str_eq(field(record, "actors"), "-");
    cr_expect_str_eq(field(record, "conditions"), "{\"D1\":\"allow\"}");
    record = ask_and_read("document:d9#view@user:ann", NULL);
    cr_expect_str_eq(field(record, "conditions"), "{\"D1\":\"deny\"}");
}

Test(audit_decision, one_in_so_many_is_sampled)
{
    struct check_result result;

    open_scene(ENGINE_AUDIT_RELAXED, 10, false);
    for (size_t at = 0; at < 2000; at++)
        cr_assert_eq(ask(VIEW, NULL, &result), BEHALF_OK);
    /* The gaps are drawn from 1 to 19: 200 of them are 2,000 long, give or take 78. */
    cr_expect_gt(count_events("decision"), 130);
    cr_expect_lt(count_events("decision"), 300);
}

Test(audit_decision, nothing_is_recorded_where_the_audit_is_off)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;
    struct error error;

    open_scene(ENGINE_AUDIT_OFF, 1, false);
    cr_assert_eq(ask(VIEW, &asking, &result), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    cr_expect_eq(audit_log_find(scene.side.engine, &audit, &error), BEHALF_AUDIT_UNAVAILABLE);
}

/* --- before the answer, or no answer --- */

Test(audit_decision, a_decision_is_queued_before_it_is_answered)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;
    uint64_t before;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    hold_log();
    before = queued();
    cr_assert_eq(ask(VIEW, &asking, &result), BEHALF_OK);
    cr_expect_eq(queued(), before + 1);
    let_log_go();
    cr_expect_not_null(find_record(result.decision_id.text, 0));
}

static void
fill_queue(enum audit_place place)
{
    struct error error;

    while (audit_put(audit, place, SCENE_START, (struct slice){held_record, sizeof held_record - 1},
                     NULL, &error) == BEHALF_OK)
        continue;
}

Test(audit_decision, what_finds_no_room_is_not_answered)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct asking other = {.grant = &grant, .actors = "agent:other"};
    struct check_result result;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    hold_log();
    fill_queue(AUDIT_PLACE_DECISION);
    cr_expect_eq(ask(VIEW, &asking, &result), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(ask(VIEW, &other, &result), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(ask(VIEW, NULL, &result), BEHALF_OK);
    let_log_go();
}

Test(audit_decision, samples_and_strangers_leave_room_for_decisions)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct engine_audit_report report = {.method = SLICE_LITERAL("check")};
    struct engine_figures figures;
    struct check_result result;
    struct error error;

    open_scene(ENGINE_AUDIT_RELAXED, 1, false);
    hold_log();
    fill_queue(AUDIT_PLACE_STRANGER);
    cr_assert_eq(engine_figures_read(scene.side.engine, &figures, &error), BEHALF_OK);
    engine_audit_event(scene.side.engine, AUDIT_EVENT_KEY_REFUSED, &report);
    cr_expect_eq(ask(VIEW, NULL, &result), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    cr_expect_eq(queued(), figures.audit.queued);
    cr_expect_eq(ask(VIEW, &asking, &result), BEHALF_OK);
    let_log_go();
    cr_expect_not_null(find_record(result.decision_id.text, 0));
}

/* No file may grow: every write of the log fails. */
static void
break_log(void)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct rlimit none = {0, RLIM_INFINITY};
    struct check_result result;
    struct error error;

    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    (void)ask(VIEW, &asking, &result);
    cr_expect_neq(audit_flush(audit, &error), BEHALF_OK);
}

static void
mend_log(void)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

    cr_expect_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
}

Test(audit_decision, a_log_that_cannot_be_written_answers_nothing)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    break_log();
    cr_expect_eq(ask(VIEW, &asking, &result), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(ask(VIEW, NULL, &result), BEHALF_OK);
    mend_log();
}

/* --- strict --- */

static struct {
    struct engine_recording check;
    sem_t recorded;
    enum status status;
} step;

static void
on_recorded(struct engine_recording *recording, enum status status)
{
    (void)recording;
    step.status = status;
    sem_post(&step.recorded);
}

static enum status
ask_in_steps(const struct asking *asking, struct check_result *result)
{
    const struct engine_request request = audited_request();
    struct check check = scene_question(&scene, VIEW, asking);
    struct error error;

    check.recording = &step.check;
    return engine_check(scene.side.worker, &request, &check, result, &error);
}

/* The second time the request's memory must be as it was left. */
static enum status
ask_after(const struct asking *asking, struct check_result *result)
{
    const struct engine_request request = {.arena = &scene.side.arena};
    struct check check = scene_question(&scene, VIEW, asking);
    struct error error;

    while (sem_wait(&step.recorded) != 0)
        continue;
    step.check.done = true;
    check.recording = &step.check;
    return engine_check(scene.side.worker, &request, &check, result, &error);
}

static void
open_strict(void)
{
    open_scene(ENGINE_AUDIT_STRICT, 0, false);
    sem_init(&step.recorded, 0, 0);
    step.check = (struct engine_recording){.recorded = on_recorded};
}

Test(audit_decision, strict_answers_an_allow_once_it_is_on_the_disk)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;
    int value = -1;

    open_strict();
    hold_log();
    cr_assert_eq(ask_in_steps(&asking, &result), BEHALF_MUST_RECORD);
    cr_assert_eq(sem_getvalue(&step.recorded, &value), 0);
    cr_expect_eq(value, 0, "recorded while the log was held");
    let_log_go();
    cr_assert_eq(ask_after(&asking, &result), BEHALF_OK);
    cr_expect_eq(step.status, BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    cr_expect_not_null(find_record(result.decision_id.text, 0));
    cr_expect_null(find_record(result.decision_id.text, 1));
}

Test(audit_decision, strict_denies_what_was_revoked_before_the_sync_and_records_that)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;

    open_strict();
    hold_log();
    cr_assert_eq(ask_in_steps(&asking, &result), BEHALF_MUST_RECORD);
    scene_revoke(&scene, &grant);
    let_log_go();
    cr_assert_eq(ask_after(&asking, &result), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_DENY);
    cr_expect_str_eq(engine_reason_word(result.reason).data, "grant_revoked");
    cr_expect_str_eq(field(find_record(result.decision_id.text, 0), "reason"), "\"grant_revoked\"");
    cr_expect_str_eq(field(find_record(result.decision_id.text, 1), "decision"), "\"allow\"");
}

Test(audit_decision, strict_denies_what_ended_before_the_answer)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;

    open_strict();
    cr_assert_eq(ask_in_steps(&asking, &result), BEHALF_MUST_RECORD);
    scene_at(&scene, 1800);
    cr_assert_eq(ask_after(&asking, &result), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_DENY);
    cr_expect_str_eq(field(find_record(result.decision_id.text, 1), "decision"), "\"allow\"");
}

Test(audit_decision, strict_denies_at_once)
{
    const struct asking other = {.grant = &grant, .actors = "agent:other"};
    struct check_result result;

    open_strict();
    cr_assert_eq(ask_in_steps(&other, &result), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_DENY);
    cr_expect_not_null(find_record(result.decision_id.text, 0));
}

Test(audit_decision, strict_never_decides_by_actors_on_a_loop)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct engine_worker *loop;
    struct engine_request request;
    struct check_result result;
    struct check check;
    struct error error;

    open_strict();
    cr_assert_eq(ask(VIEW, NULL, &result), BEHALF_OK); /* what it needs is in memory now */
    loop = engine_worker_new(scene.side.engine, false);
    request = audited_request();
    check = scene_question(&scene, VIEW, &asking);
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_WOULD_BLOCK);
    check = scene_question(&scene, VIEW, NULL);
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_OK);
    engine_worker_free(loop);
    cr_expect_eq(count_events("decision"), 0);
}

Test(audit_decision, strict_allows_nothing_that_could_not_be_recorded)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;

    open_strict();
    break_log();
    cr_expect_eq(ask(VIEW, &asking, &result), BEHALF_AUDIT_UNAVAILABLE);
    mend_log();
}

/* --- strict, waiting on the thread --- */

struct waiting {
    pthread_t thread;
    bool bulk;
    atomic_bool answered;
    enum decision decision;
    enum status status;
};

static void *
ask_and_wait(void *context)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct waiting *waiting = context;
    const struct engine_request request = audited_request();
    const struct check check = scene_question(&scene, VIEW, &asking);
    struct check_result result = {.decision = DECISION_DENY};
    struct check_bulk_result many;
    struct error error;

    if (waiting->bulk) {
        waiting->status = engine_check_bulk(scene.side.worker, &request, &check, 1, &many, &error);
        if (waiting->status == BEHALF_OK)
            result.decision = many.items[0].decision;
    } else {
        waiting->status = engine_check(scene.side.worker, &request, &check, &result, &error);
    }
    waiting->decision = result.decision;
    atomic_store(&waiting->answered, true);
    return NULL;
}

/* Decided while the log is held, and revoked before it goes on. */
static void
revoke_while_it_waits(struct waiting *waiting)
{
    uint64_t before;

    open_strict();
    hold_log();
    before = queued();
    cr_assert_eq(pthread_create(&waiting->thread, NULL, ask_and_wait, waiting), 0);
    while (queued() == before)
        (void)sched_yield();
    scene_revoke(&scene, &grant);
    cr_expect_not(atomic_load(&waiting->answered), "it was answered before the sync");
    let_log_go();
    cr_assert_eq(pthread_join(waiting->thread, NULL), 0);
    cr_expect_eq(waiting->status, BEHALF_OK);
    cr_expect_eq(waiting->decision, DECISION_DENY);
    cr_expect_eq(count_events("decision"), 2);
}

Test(audit_decision, a_check_that_waits_on_its_thread_looks_again_after_the_sync)
{
    struct waiting waiting = {.bulk = false};

    revoke_while_it_waits(&waiting);
}

Test(audit_decision, a_bulk_waits_and_looks_again_after_the_sync)
{
    struct waiting waiting = {.bulk = true};

    revoke_while_it_waits(&waiting);
}

/* --- reports --- */

Test(audit_decision, refusals_and_the_clock_are_recorded)
{
    const struct engine_audit_report report = {.caller = SLICE_LITERAL("bench"),
                                               .method = SLICE_LITERAL("schema.write"),
                                               .peer = SLICE_LITERAL("192.0.2.1"),
                                               .request_id = SLICE_LITERAL("r1")};

    open_scene(ENGINE_AUDIT_RELAXED, 0, false);
    engine_audit_event(scene.side.engine, AUDIT_EVENT_KEY_REFUSED, &report);
    engine_audit_event(scene.side.engine, AUDIT_EVENT_ROLE_REFUSED, &report);
    engine_audit_event(scene.side.engine, AUDIT_EVENT_CLOCK_CONFIRMED, &report);
    engine_audit_event(scene.side.engine, AUDIT_EVENT_CLOCK_REJECTED, &report);
    cr_expect_eq(count_events("key.refused"), 1);
    cr_expect_eq(count_events("role.refused"), 1);
    cr_expect_eq(count_events("clock.confirmed"), 1);
    cr_expect_eq(count_events("clock.rejected"), 1);
}
