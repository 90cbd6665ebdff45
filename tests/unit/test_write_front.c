/* test_write_front.c - what takes authority away goes first; groups; limits that count from
 * believed time. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/limits.h"
#include "engine/state.h"
#include "tests/unit/test_consent_support.h"
#include "tests/unit/test_writer_support.h"

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition document {\n"
                             "    relation viewer: user\n"
                             "    permission view = viewer\n"
                             "}\n";

static struct rig rig;
static struct engine_new_session new_session;

static void
open_rig(void)
{
    rig_open(&rig, schema);
    new_session = consent_new_session();
}

static void
close_rig(void)
{
    rig_close(&rig);
}

TestSuite(write_front, .init = open_rig, .fini = close_rig);

/* Of the kind, answered to the rig. */
static struct engine_write *
empty_write(enum engine_write_kind kind)
{
    struct engine_write *write = rig_write(&rig, NULL);

    write->kind = kind;
    return write;
}

static struct record_id
make_session(void)
{
    struct engine_write *write = empty_write(WRITE_SESSION_CREATE);

    write->new_session = &new_session;
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
    return write->session;
}

static struct engine_write *
change_write(struct record_id session, enum session_change change)
{
    struct engine_write *write = empty_write(WRITE_SESSION_CHANGE);
    struct engine_session_change *asked = arena_take_array(&rig.arena, 1, sizeof *asked);

    *asked = (struct engine_session_change){session, change, {NULL, 0}};
    write->session_change = asked;
    return write;
}

static struct engine_write *
stop_write(bool restore)
{
    struct engine_write *write = empty_write(WRITE_STOP);
    struct engine_stop_order *asked = arena_take_array(&rig.arena, 1, sizeof *asked);

    *asked = (struct engine_stop_order){.scope = STOP_EVERYTHING, .restore = restore};
    write->stop_order = asked;
    return write;
}

static struct engine_write *
revoke_write(void)
{
    struct engine_write *write = empty_write(WRITE_GRANT_REVOKE);
    struct engine_grant_revoke *asked = arena_take_array(&rig.arena, 1, sizeof *asked);

    *asked = (struct engine_grant_revoke){.grant = {{1}}};
    write->grant_revoke = asked;
    return write;
}

static size_t
place_of(const struct engine_write *write)
{
    for (size_t at = 0; at < rig.answered && at < BEHALF_COUNT_OF(rig.answers); at++) {
        if (rig.answers[at] == write)
            return at;
    }
    cr_assert(false, "not answered");
    return SIZE_MAX;
}

/* --- the front --- */

Test(write_front, a_revocation_overtakes_a_thousand_writes)
{
    const struct record_id session = make_session();
    struct engine_write *writes[1000];
    struct engine_write *revoke = change_write(session, SESSION_REVOKE);
    uint64_t before = rig_revision(&rig);

    rig_hold(&rig);
    for (size_t at = 0; at < BEHALF_COUNT_OF(writes); at++) {
        writes[at] = rig_write(&rig, "touch document:1#viewer@user:a");
        rig_submit(&rig, writes[at]);
    }
    rig_submit(&rig, revoke);
    rig_let_go(&rig, BEHALF_COUNT_OF(writes) + 1);
    cr_assert_eq(revoke->status, BEHALF_OK, "%s", revoke->error.message);
    cr_assert_eq(revoke->revision, before + 1);
    cr_assert_eq(place_of(revoke), 0);
    cr_assert_eq(writes[0]->revision, before + 2);
    /* And its group was short: it was not answered with all that waited. */
    cr_assert_lt(LIMIT_WRITE_FRONT_UNITS, LIMIT_WRITE_GROUP_UNITS);
}

/* Each kind, behind one write and before it. What gives back keeps its place among what takes away:
 * a resume that is decided after a later suspend would undo it. */
Test(write_front, what_takes_away_and_what_gives_it_back_go_first_in_their_order)
{
    const struct record_id session = make_session();
    struct engine_write *other = rig_write(&rig, "touch document:1#viewer@user:a");
    struct engine_write *first[] = {
        change_write(session, SESSION_SUSPEND),
        change_write(session, SESSION_RESUME),
        change_write(session, SESSION_SUSPEND),
        revoke_write(),
        stop_write(true),
        stop_write(false),
    };

    rig_hold(&rig);
    rig_submit(&rig, other);
    for (size_t at = 0; at < BEHALF_COUNT_OF(first); at++)
        rig_submit(&rig, first[at]);
    rig_let_go(&rig, 7);
    for (size_t at = 0; at < BEHALF_COUNT_OF(first); at++)
        cr_assert_eq(place_of(first[at]), at);
    cr_assert_eq(place_of(other), 6);
    for (size_t at = 0; at < 3; at++)
        cr_assert_eq(first[at]->status, BEHALF_OK);
    cr_assert_gt(first[2]->revision, first[1]->revision);
    cr_assert_eq(first[3]->status, BEHALF_UNKNOWN_RECORD);
}

/* A full queue, and one in which everybody else is refused for want of time. */
Test(write_front, a_revocation_is_not_refused_because_of_other_writes)
{
    struct engine_write *writes = memory_new_array(LIMIT_WRITE_QUEUE, sizeof *writes);
    struct engine_write *pattern = rig_write(&rig, "touch document:1#viewer@user:a");
    struct engine_write *refused = rig_write(&rig, "touch document:1#viewer@user:a");
    struct engine_write *kill = stop_write(false);
    struct engine_queued question = {.goes_first = true};
    struct error error;
    uint64_t before = rig_revision(&rig);

    rig_hold(&rig);
    pattern->queued.deadline_ns = env_monotonic_ns(&rig.env) + 3600 * CONSENT_SECOND;
    for (size_t at = 0; at < LIMIT_WRITE_QUEUE; at++) {
        writes[at] = *pattern;
        rig_submit(&rig, &writes[at]);
    }
    cr_assert_eq(engine_write_submit(rig.engine, refused, &error), BEHALF_OVERLOADED);
    rig_pass(&rig, 10 * CONSENT_SECOND);
    question.deadline_ns = env_monotonic_ns(&rig.env) + CONSENT_SECOND;
    kill->queued.deadline_ns = question.deadline_ns;
    cr_assert_eq(engine_write_ask(rig.engine, &question, &error), BEHALF_OK);
    rig_submit(&rig, kill);
    rig_let_go(&rig, LIMIT_WRITE_QUEUE + 1);
    cr_assert_eq(kill->status, BEHALF_OK, "%s", kill->error.message);
    cr_assert_eq(kill->revision, before + 1);
    memory_free(writes);
}

Test(write_front, a_thousand_places_are_its_own)
{
    struct engine_write *kill = stop_write(false);
    struct engine_write *late = stop_write(false);
    struct engine_write *other = rig_write(&rig, "touch document:1#viewer@user:a");
    struct engine_write *kills = memory_new_array(LIMIT_WRITE_FRONT, sizeof *kills);
    struct engine_queued question = {.goes_first = true};
    struct error error;

    rig_hold(&rig);
    for (size_t at = 0; at < LIMIT_WRITE_FRONT; at++) {
        kills[at] = *kill;
        rig_submit(&rig, &kills[at]);
    }
    cr_assert_eq(engine_write_submit(rig.engine, late, &error), BEHALF_OVERLOADED);
    cr_assert_gt(error.retry_after_ms, 0);
    cr_assert_eq(engine_write_ask(rig.engine, &question, &error), BEHALF_OVERLOADED);
    rig_submit(&rig, other);
    rig_let_go(&rig, LIMIT_WRITE_FRONT + 1);
    /* The first group had half of its places for others. */
    cr_assert_eq(place_of(other), LIMIT_WRITE_GROUP / 2);
    cr_assert_eq(rig_run(&rig, late), BEHALF_OK);
    memory_free(kills);
}

/* Of another flow or the same: order among themselves is that of their coming. */
Test(write_front, those_that_go_first_keep_their_order)
{
    struct engine_flow flow = {.length = 0};
    const struct record_id session = make_session();
    struct engine_write *writes[] = {
        change_write(session, SESSION_SUSPEND),
        change_write(session, SESSION_REVOKE),
        change_write(session, SESSION_SUSPEND),
    };

    rig_hold(&rig);
    writes[0]->queued.flow = &flow;
    writes[2]->queued.flow = &flow;
    for (size_t at = 0; at < BEHALF_COUNT_OF(writes); at++)
        rig_submit(&rig, writes[at]);
    cr_assert_eq(flow.length, 0); /* a flow belongs to the other queue */
    rig_let_go(&rig, BEHALF_COUNT_OF(writes));
    cr_assert_eq(writes[0]->status, BEHALF_OK);
    cr_assert_eq(writes[1]->status, BEHALF_OK);
    cr_assert_eq(writes[2]->status, BEHALF_RECORD_NOT_ACTIVE);
}

/* Told by the thread of the deadlines, while the writer is held. */
Test(write_front, a_deadline_holds_at_the_front_too)
{
    struct engine_write *kill = stop_write(false);
    size_t answered = 0;

    rig_hold(&rig);
    kill->queued.deadline_ns = env_monotonic_ns(&rig.env) + 30000000;
    rig_submit(&rig, kill);
    while (answered == 0) {
        (void)usleep(1000);
        pthread_mutex_lock(&rig.lock);
        answered = rig.answered;
        pthread_mutex_unlock(&rig.lock);
    }
    rig_let_go(&rig, 1);
    cr_assert_eq(kill->status, BEHALF_DEADLINE, "%s", kill->error.message);
    cr_assert_eq(rig_revision(&rig), 1);
}

/* What the writer takes too late, it does not begin. */
Test(write_front, a_deadline_that_passed_unseen_holds_too)
{
    struct engine_write *kill = stop_write(false);

    rig_hold(&rig);
    kill->queued.deadline_ns = env_monotonic_ns(&rig.env) + 3600 * CONSENT_SECOND;
    rig_submit(&rig, kill);
    rig_pass(&rig, 2 * 3600 * CONSENT_SECOND);
    rig_let_go(&rig, 1);
    cr_assert_eq(kill->status, BEHALF_DEADLINE, "%s", kill->error.message);
    cr_assert_eq(rig_revision(&rig), 1);
}

/* --- groups --- */

/* Decided in one group: the second sees what the first leaves, before anything is published. */
Test(write_front, writes_of_a_group_see_the_stops_and_records_of_those_before)
{
    struct engine_write *kill = stop_write(false);
    struct engine_write *restore = stop_write(true);
    struct engine_write *consent = empty_write(WRITE_SESSION_CREATE);
    struct published *published;

    consent->new_session = &new_session;
    rig_hold(&rig);
    rig_submit(&rig, consent);
    rig_submit(&rig, kill);
    rig_let_go(&rig, 2);
    cr_assert_eq(kill->status, BEHALF_OK, "%s", kill->error.message);
    cr_assert_eq(consent->status, BEHALF_AGENT_STOPPED, "%s", consent->error.message);
    rig_hold(&rig);
    rig_submit(&rig, restore);
    rig_submit(&rig, consent);
    rig_let_go(&rig, 2);
    cr_assert_eq(restore->status, BEHALF_OK, "%s", restore->error.message);
    cr_assert_eq(consent->status, BEHALF_OK, "%s", consent->error.message);
    published = engine_published(rig.engine);
    cr_assert_eq(published->records_revision, consent->revision);
    published_unref(published);
}

/* A revocation whose sync fails is no promise, and nothing of it is published. */
Test(write_front, a_failed_sync_leaves_the_outcome_of_a_kill_unknown)
{
    struct engine_write *kill = stop_write(false);
    struct published *published;

    rig_fail_syncs(&rig, true);
    cr_assert_eq(rig_run(&rig, kill), BEHALF_OUTCOME_UNKNOWN, "%s", kill->error.message);
    published = engine_published(rig.engine);
    cr_assert_eq(published->revision, 1);
    cr_assert_null(stops_on(published->stops, STOP_EVERYTHING, 0, (struct slice){NULL, 0}));
    published_unref(published);
    cr_assert_eq(rig_run(&rig, stop_write(false)), BEHALF_SERVICE_READ_ONLY);
}

/* --- time --- */

/* Two hours ahead of trusted time: an end lies ahead of `now` or not, limits count from believed
 * time. */
Test(write_front, a_clock_that_runs_ahead_lengthens_nothing)
{
    int64_t now = env_wall_ns(env_system());
    struct engine_write *write = empty_write(WRITE_SESSION_CREATE);

    atomic_store(&rig.clock_shift_ns, 2 * CONSENT_HOUR);
    write->new_session = &new_session;
    new_session.end = (struct engine_end){.at = now + 25 * CONSENT_HOUR};
    cr_assert_eq(rig_run(&rig, write), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "%s",
                 write->error.message);
    new_session.end = (struct engine_end){.at = now + CONSENT_HOUR};
    cr_assert_eq(rig_run(&rig, write), BEHALF_MALFORMED_REQUEST, "%s", write->error.message);
    new_session.end = (struct engine_end){.in_ns = CONSENT_HOUR};
    cr_assert_eq(rig_run(&rig, write), BEHALF_MALFORMED_REQUEST, "%s", write->error.message);
    new_session.end = (struct engine_end){.at = now + 23 * CONSENT_HOUR};
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
}
