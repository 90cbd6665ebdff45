/* test_watch.c - changes pulled from a place: whole, in order, once; filters, parts, expiry, and
 * who is woken. */
#include <criterion/criterion.h>

#include "engine/watch.h"
#include "tests/unit/test_writer_support.h"

static const char *const watched_schema = "use expiration\n"
                                          "definition user {}\n"
                                          "definition group {\n"
                                          "    relation member: user | group#member\n"
                                          "}\n"
                                          "definition document {\n"
                                          "    relation owner: user\n"
                                          "    relation viewer: user | user:* | group#member |\n"
                                          "        user with expiration\n"
                                          "}\n";

#define MOST_BYTES ((size_t)64 * 1024)
#define SECOND INT64_C(1000000000)

/* --- words --- */

static void
print_message(const struct watch_message *message, struct buffer *out)
{
    buffer_add_format(out, "%llu%s%s", (unsigned long long)message->revision,
                      message->is_sweep ? " sweep" : "", message->is_last ? "" : " ...");
    if (message->schema.size > 0)
        buffer_add_format(out, " schema of %zu", message->schema.size);
    for (uint32_t at = 0; at < message->relationship_count; at++) {
        buffer_add_text(out, message->relationships[at].removed ? " -" : " +");
        relationship_print(&message->relationships[at].relationship, out);
    }
    for (uint32_t at = 0; at < message->record_count; at++)
        buffer_add_format(out, " %s %.*s %.*s", message->records[at].kind,
                          SLICE_PRINTF(message->records[at].id),
                          SLICE_PRINTF(message->records[at].event));
    buffer_add_text(out, "\n");
}

/* What one call gives behind the place, which moves; an error by its name. */
static const char *
pull(struct rig *rig, struct watch_place *place, const struct relationship_filter *filter,
     size_t most_bytes)
{
    const struct engine_request request = {.arena = &rig->arena};
    const struct watch_pull pull = {.filter = filter, .place = *place, .most_bytes = most_bytes};
    struct watch_result result;
    struct buffer out;
    struct error error;
    struct slice text;
    enum status status = engine_watch_next(rig->worker, &request, &pull, &result, &error);

    if (status != BEHALF_OK)
        return status_name(status);
    *place = result.place;
    buffer_init(&out);
    for (uint32_t at = 0; at < result.message_count; at++)
        print_message(&result.messages[at], &out);
    text = arena_copy(&rig->arena, buffer_slice(&out));
    buffer_release(&out);
    return text.data;
}

static struct watch_place
begin(struct rig *rig, struct slice token, const struct relationship_filter *filter)
{
    struct watch_place place;
    struct error error;

    cr_assert_eq(engine_watch_begin(rig->worker, token, filter, &place, &error), BEHALF_OK, "%s",
                 error.message);
    return place;
}

static struct watch_place
begin_now(struct rig *rig)
{
    return begin(rig, (struct slice){NULL, 0}, NULL);
}

static enum status
begin_status(struct rig *rig, struct slice token, const struct relationship_filter *filter)
{
    struct watch_place place;
    struct error error;

    return engine_watch_begin(rig->worker, token, filter, &place, &error);
}

static struct slice
token_of(const struct engine_write *write)
{
    cr_assert_eq(write->status, BEHALF_OK, "%s", write->error.message);
    return slice_of(write->written_at.text);
}

/* --- order --- */

Test(watch, each_revision_is_given_once_whole_and_in_order)
{
    struct rig rig;
    struct watch_place place;

    rig_open(&rig, watched_schema);
    place = begin_now(&rig);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "");
    rig_do(&rig, "touch document:1#viewer@user:ann\ntouch document:1#owner@user:bob");
    rig_do(&rig, "delete document:1#viewer@user:ann\ntouch document:2#viewer@user:*");
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES),
                     "2 +document:1#viewer@user:ann +document:1#owner@user:bob\n"
                     "3 -document:1#viewer@user:ann +document:2#viewer@user:*\n");
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "");
    rig_do(&rig, "touch group:1#member@group:2#member");
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "4 +group:1#member@group:2#member\n");
    rig_close(&rig);
}

Test(watch, a_token_names_where_to_go_on)
{
    struct rig rig;
    struct watch_place place;
    struct engine_token token;
    struct engine_write *first;

    rig_open(&rig, watched_schema);
    first = rig_do(&rig, "touch document:1#viewer@user:ann");
    rig_do(&rig, "touch document:2#viewer@user:ann");
    place = begin(&rig, token_of(first), NULL);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "3 +document:2#viewer@user:ann\n");
    rig_do(&rig, "touch document:3#viewer@user:ann");
    engine_watch_token(rig.engine, &place, &token);
    place = begin(&rig, slice_of(token.text), NULL);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "4 +document:3#viewer@user:ann\n");
    rig_close(&rig);
}

/* The token of a message is that of its revision. */
Test(watch, a_message_has_time_caller_metadata_and_token)
{
    struct rig rig;
    struct watch_place place;
    struct engine_request request;
    struct watch_pull how;
    struct watch_result result;
    struct engine_write *write;
    struct error error;

    rig_open(&rig, watched_schema);
    place = begin_now(&rig);
    write = rig_write(&rig, "touch document:1#viewer@user:ann");
    write->caller = SLICE_LITERAL("billing");
    write->metadata = SLICE_LITERAL("\x81\xa1k\x01");
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    request = (struct engine_request){.arena = &rig.arena};
    how = (struct watch_pull){.place = place, .most_bytes = MOST_BYTES};
    cr_assert_eq(engine_watch_next(rig.worker, &request, &how, &result, &error), BEHALF_OK);
    cr_assert_eq(result.message_count, 1);
    cr_assert(slice_equal(result.messages[0].caller, SLICE_LITERAL("billing")));
    cr_assert(slice_equal(result.messages[0].metadata, SLICE_LITERAL("\x81\xa1k\x01")));
    cr_assert_str_eq(result.messages[0].token.text, write->written_at.text);
    cr_assert_gt(result.messages[0].time_ns, 0);
    rig_close(&rig);
}

Test(watch, a_revision_that_changes_nothing_is_given_without_a_filter)
{
    struct rig rig;
    struct relationship_filter filter = {.resource_type = SLICE_LITERAL("document")};
    struct watch_place place;
    struct watch_place filtered;
    struct engine_write *write;

    rig_open(&rig, watched_schema);
    rig_do(&rig, "touch document:1#viewer@user:ann");
    place = begin_now(&rig);
    filtered = place;
    write = rig_write(&rig, "touch document:1#viewer@user:ann");
    write->metadata = SLICE_LITERAL("\x80");
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(rig_revision(&rig), 3);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "3\n");
    cr_assert_str_eq(pull(&rig, &filtered, &filter, MOST_BYTES), "");
    cr_assert_eq(filtered.revision, 3);
    rig_close(&rig);
}

Test(watch, a_sweep_is_given_when_it_is_done)
{
    struct rig rig;
    struct engine_clock clock;
    struct watch_place place;
    struct buffer text;

    rig_open(&rig, watched_schema);
    engine_clock_read(rig.engine, &clock);
    buffer_init(&text);
    buffer_add_text(&text, "touch document:1#viewer@user:ann[expiration:");
    time_print(clock.now_ns + SECOND, &text);
    buffer_add_text(&text, "]");
    cr_assert_eq(rig_do(&rig, text.data)->status, BEHALF_OK);
    place = begin_now(&rig);
    rig_pass(&rig, 2 * SECOND);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "");
    cr_assert_eq(rig_sweep(&rig, 0), 1);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "3 sweep -document:1#viewer@user:ann\n");
    buffer_release(&text);
    rig_close(&rig);
}

/* --- filters --- */

Test(watch, a_filter_passes_what_matches)
{
    static const struct {
        struct relationship_filter filter;
        const char *passes;
    } cases[] = {
        {{.resource_type = {"document", 8}},
         "2 +document:1#viewer@user:ann\n"
         "3 +document:10#owner@user:bob\n"
         "5 +document:1#viewer@group:1#member\n"
         "6 +document:1#viewer@user:*\n"},
        {{.resource_type = {"document", 8}, .resource_id = {"1", 1}, .relation = {"viewer", 6}},
         "2 +document:1#viewer@user:ann\n"
         "5 +document:1#viewer@group:1#member\n"
         "6 +document:1#viewer@user:*\n"},
        {{.resource_id_prefix = {"1", 1}, .relation = {"owner", 5}},
         "3 +document:10#owner@user:bob\n"},
        {{.resource_id = {"1", 1}, .relation = {"member", 6}}, "4 +group:1#member@user:ann\n"},
        {{.subject_type = {"user", 4}, .subject_id = {"ann", 3}},
         "2 +document:1#viewer@user:ann\n4 +group:1#member@user:ann\n"},
        {{.subject_type = {"user", 4}, .subject_wildcard = true}, "6 +document:1#viewer@user:*\n"},
        {{.subject_type = {"user", 4}, .has_subject_relation = true},
         "2 +document:1#viewer@user:ann\n3 +document:10#owner@user:bob\n"
         "4 +group:1#member@user:ann\n"},
        {{.subject_type = {"group", 5}, .subject_relation = {"member", 6}},
         "5 +document:1#viewer@group:1#member\n"},
        {{.subject_type = {"user", 4}, .subject_id = {"eve", 3}}, ""},
    };
    struct rig rig;
    struct watch_place from;

    rig_open(&rig, watched_schema);
    from = begin_now(&rig);
    rig_do(&rig, "touch document:1#viewer@user:ann");
    rig_do(&rig, "touch document:10#owner@user:bob");
    rig_do(&rig, "touch group:1#member@user:ann");
    rig_do(&rig, "touch document:1#viewer@group:1#member");
    rig_do(&rig, "touch document:1#viewer@user:*");
    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        struct watch_place place = from;

        cr_assert_eq(begin_status(&rig, (struct slice){NULL, 0}, &cases[at].filter), BEHALF_OK);
        cr_assert_str_eq(pull(&rig, &place, &cases[at].filter, MOST_BYTES), cases[at].passes,
                         "case %zu", at);
        cr_assert_eq(place.revision, 6);
    }
    rig_close(&rig);
}

/* An object that gets its name after the stream began is found. */
Test(watch, a_filter_may_name_what_is_not_there_yet)
{
    struct rig rig;
    struct relationship_filter filter = {.subject_type = SLICE_LITERAL("user"),
                                         .subject_id = SLICE_LITERAL("new")};
    struct watch_place place;

    rig_open(&rig, watched_schema);
    place = begin_now(&rig);
    rig_do(&rig, "touch document:1#viewer@user:ann");
    cr_assert_str_eq(pull(&rig, &place, &filter, MOST_BYTES), "");
    rig_do(&rig, "touch document:1#viewer@user:new");
    cr_assert_str_eq(pull(&rig, &place, &filter, MOST_BYTES), "3 +document:1#viewer@user:new\n");
    rig_close(&rig);
}

Test(watch, names_that_no_schema_had_are_refused)
{
    struct rig rig;
    struct relationship_filter type = {.resource_type = SLICE_LITERAL("docment")};
    struct relationship_filter relation = {.relation = SLICE_LITERAL("veiwer")};
    struct relationship_filter subject = {.subject_type = SLICE_LITERAL("usr")};
    struct relationship_filter empty = {.subject_wildcard = false};
    struct slice now = {NULL, 0};

    rig_open(&rig, watched_schema);
    cr_assert_eq(begin_status(&rig, now, &type), BEHALF_UNKNOWN_DEFINITION);
    cr_assert_eq(begin_status(&rig, now, &relation), BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_assert_eq(begin_status(&rig, now, &subject), BEHALF_UNKNOWN_DEFINITION);
    cr_assert_eq(begin_status(&rig, now, &empty), BEHALF_INVALID_FILTER);
    rig_close(&rig);
}

/* --- parts --- */

/* Whatever room there is, the parts joined are the revision, and only the last has its token. */
Test(watch, a_revision_in_parts_is_whole)
{
    struct rig rig;
    struct watch_place from;
    struct buffer updates;

    rig_open(&rig, watched_schema);
    from = begin_now(&rig);
    buffer_init(&updates);
    for (unsigned at = 0; at < 100; at++)
        buffer_add_format(&updates, "%stouch document:%u#viewer@user:ann", at > 0 ? "\n" : "", at);
    cr_assert_eq(rig_do(&rig, updates.data)->status, BEHALF_OK);
    rig_do(&rig, "touch document:last#owner@user:ann");
    buffer_release(&updates);
    for (size_t most = 1; most < 20000; most = most * 3 + 1) {
        struct watch_place place = from;
        bool seen[100] = {false};
        unsigned count = 0;
        unsigned lasts = 0;

        while (place.revision < 3) {
            const struct engine_request request = {.arena = &rig.arena};
            const struct watch_pull how = {.place = place, .most_bytes = most};
            struct watch_result result;
            struct error error;

            cr_assert_eq(engine_watch_next(rig.worker, &request, &how, &result, &error), BEHALF_OK);
            for (uint32_t at = 0; at < result.message_count; at++) {
                const struct watch_message *message = &result.messages[at];
                struct watch_place named = begin(&rig, slice_of(message->token.text), NULL);

                cr_assert_eq(named.revision,
                             message->is_last ? message->revision : message->revision - 1);
                lasts += message->is_last;
                if (message->revision == 3)
                    continue;
                for (uint32_t row = 0; row < message->relationship_count; row++) {
                    struct slice id = message->relationships[row].relationship.resource.id;
                    unsigned number = id.size == 2 ? (unsigned)(id.data[0] - '0') * 10 +
                                                         (unsigned)(id.data[1] - '0')
                                                   : (unsigned)(id.data[0] - '0');

                    cr_assert_not(seen[number]);
                    seen[number] = true;
                    count++;
                }
            }
            cr_assert_gt(result.message_count, 0);
            place = result.place;
        }
        cr_assert_eq(count, 100, "%u of 100 in parts of %zu bytes", count, most);
        cr_assert_eq(lasts, 2);
    }
    rig_close(&rig);
}

Test(watch, the_last_part_is_known_though_the_rest_does_not_pass)
{
    struct rig rig;
    struct relationship_filter filter = {.resource_type = SLICE_LITERAL("document")};
    struct watch_place place;

    rig_open(&rig, watched_schema);
    place = begin_now(&rig);
    rig_do(&rig, "touch document:1#viewer@user:ann\ntouch group:1#member@user:ann\n"
                 "touch group:2#member@user:ann");
    cr_assert_str_eq(pull(&rig, &place, &filter, 1), "2 +document:1#viewer@user:ann\n");
    cr_assert_eq(place.revision, 2);
    rig_close(&rig);
}

Test(watch, a_schema_is_cut_between_characters)
{
    struct rig rig;
    struct watch_place place;
    struct buffer text;
    struct buffer joined;
    unsigned parts = 0;

    rig_open(&rig, watched_schema);
    place = begin_now(&rig);
    buffer_init(&text);
    buffer_init(&joined);
    buffer_add_text(&text, watched_schema);
    for (unsigned at = 0; at < 3000; at++)
        buffer_add_text(&text, at % 50 == 49 ? "\n" : at % 50 == 0 ? "//" : "\xf0\x9f\x98\x80");
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, text.data)), BEHALF_OK);
    while (place.revision < 2) {
        const struct engine_request request = {.arena = &rig.arena};
        const struct watch_pull how = {.place = place, .most_bytes = 1};
        struct watch_result result;
        struct error error;

        cr_assert_eq(engine_watch_next(rig.worker, &request, &how, &result, &error), BEHALF_OK);
        cr_assert_eq(result.message_count, 1);
        cr_assert_neq((uint8_t)result.messages[0].schema.data[0] & 0xC0, 0x80);
        buffer_add_slice(&joined, result.messages[0].schema);
        cr_assert_eq(result.messages[0].is_last, result.place.revision == 2);
        place = result.place;
        parts++;
    }
    cr_assert_gt(parts, 2);
    cr_assert(slice_equal(buffer_slice(&joined), buffer_slice(&text)));
    buffer_release(&joined);
    buffer_release(&text);
    rig_close(&rig);
}

/* --- what is no longer there --- */

Test(watch, a_place_that_is_no_longer_kept_is_an_error_at_once_and_underway)
{
    struct rig rig;
    struct watch_place place;
    struct engine_write *first;
    struct engine_write *third;
    struct error error;

    rig_open(&rig, watched_schema);
    first = rig_do(&rig, "touch document:1#viewer@user:ann");
    place = begin(&rig, token_of(first), NULL);
    rig_do(&rig, "touch document:2#viewer@user:ann");
    third = rig_do(&rig, "touch document:3#viewer@user:ann");
    rig_do(&rig, "touch document:4#viewer@user:ann");
    cr_assert_eq(store_set_horizon(rig.store, 4, &error), BEHALF_OK);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "REVISION_EXPIRED");
    cr_assert_eq(place.revision, 2, "nothing was passed over");
    cr_assert_eq(begin_status(&rig, token_of(first), NULL), BEHALF_REVISION_EXPIRED);
    place = begin(&rig, token_of(third), NULL);
    cr_assert_str_eq(pull(&rig, &place, NULL, MOST_BYTES), "5 +document:4#viewer@user:ann\n");
    rig_close(&rig);
}

Test(watch, tokens_of_nowhere_are_refused)
{
    struct rig rig;

    rig_open(&rig, watched_schema);
    cr_assert_eq(begin_status(&rig, SLICE_LITERAL("VAnonsense"), NULL), BEHALF_UNKNOWN_TOKEN);
    rig_close(&rig);
}

/* --- being woken --- */

struct bell {
    struct engine_listener listener; /* first */
    atomic_uint rung;
};

static void
ring(struct engine_listener *listener)
{
    struct bell *bell = (struct bell *)(void *)listener;

    atomic_fetch_add(&bell->rung, 1);
}

Test(watch, an_armed_listener_is_woken_once_after_the_publication)
{
    struct rig rig;
    struct bell bell = {.listener.published = ring};
    struct watch_place place;

    rig_open(&rig, watched_schema);
    engine_listen(rig.engine, &bell.listener);
    rig_do(&rig, "touch document:1#viewer@user:ann");
    cr_assert_eq(atomic_load(&bell.rung), 0, "nobody waits");
    place = begin_now(&rig);
    engine_listener_arm(&bell.listener);
    cr_assert_not(engine_watch_has_more(rig.worker, &place));
    rig_do(&rig, "touch document:2#viewer@user:ann");
    cr_assert_eq(atomic_load(&bell.rung), 1);
    cr_assert(engine_watch_has_more(rig.worker, &place));
    rig_do(&rig, "touch document:3#viewer@user:ann");
    cr_assert_eq(atomic_load(&bell.rung), 1, "once, until it is armed again");
    engine_listener_arm(&bell.listener);
    engine_unlisten(rig.engine, &bell.listener);
    rig_do(&rig, "touch document:4#viewer@user:ann");
    cr_assert_eq(atomic_load(&bell.rung), 1);
    rig_close(&rig);
}
