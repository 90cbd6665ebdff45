/* Times of sessions: how they move, when they are kept, and what fits in memory. */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "engine/seen.h"
#include "storage/kv.h"
#include "storage/store_internal.h"
#include "tests/support/kv_fault.h"
#include "tests/support/record_store.h"

#define SECOND INT64_C(1000000000)
#define CREATED (INT64_C(1000) * SECOND)
#define TIMEOUT (INT64_C(80) * SECOND) /* an eighth: 10 s */
#define SMALL ((size_t)64 * 1024)
#define PLENTY ((size_t)16 * 1024 * 1024)
#define WOULD_BLOCK INT64_C(-1)
#define FAILED INT64_C(-2)

static struct kv *below;
static struct kv_fault control;
static struct record_store data;
static struct seen *seen;

static void
open_data(size_t memory_bytes)
{
    struct store_options options = {.env = env_system()};
    struct store *store = NULL;
    struct error error;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    cr_assert_eq(kv_open_memory(&below, &error), BEHALF_OK);
    cr_assert_eq(store_open_on(kv_fault_open(below, &control), &options, &store, &error),
                 BEHALF_OK);
    record_store_open(&data, store);
    seen = seen_new(store, memory_bytes);
}

static void
close_data(void)
{
    if (seen == NULL)
        return;
    seen_free(seen);
    record_store_close(&data);
    kv_close(below);
}

/* As after a start: nothing is in memory. */
static void
restart(size_t memory_bytes)
{
    seen_free(seen);
    seen = seen_new(data.store, memory_bytes);
}

static struct session
unstored(uint32_t number)
{
    return (struct session){.size = sizeof(struct session),
                            .id = record_store_id(number),
                            .created = CREATED,
                            .idle_timeout_ns = TIMEOUT};
}

static struct session
session_of(uint32_t number)
{
    struct record_value value = {RECORD_SESSION, number, 1};

    (void)record_store_commit(&data, &value, 1);
    return unstored(number);
}

/* By the time after `created`. */
static int64_t
at_as(const struct session *session, bool may_block)
{
    struct error error;
    int64_t time = 0;
    enum status status = seen_at(seen, session, may_block, &time, &error);

    if (status == BEHALF_WOULD_BLOCK)
        return WOULD_BLOCK;
    if (status == BEHALF_STORAGE_FAILED)
        return FAILED;
    cr_assert_eq(status, BEHALF_OK);
    return time - CREATED;
}

static int64_t
at(const struct session *session)
{
    return at_as(session, true);
}

static void
touch(const struct session *session, int64_t after)
{
    seen_touch(seen, session, CREATED + after);
}

static enum status
keep(int64_t monotonic_ns, bool all)
{
    struct error error;

    return seen_keep(seen, monotonic_ns, all, &error);
}

/* What the store has, by the time after `created`; -1 when it has nothing. */
static int64_t
stored(const struct session *session)
{
    struct error error;
    int64_t time = 0;
    bool found = false;

    cr_assert_eq(store_seen_read(data.store, session->id.bytes, &time, &found, &error), BEHALF_OK);
    return found ? time - CREATED : -1;
}

static struct seen_stats
stats(void)
{
    struct seen_stats result;

    seen_stats_read(seen, &result);
    return result;
}

TestSuite(seen, .fini = close_data);

Test(seen, a_session_that_was_never_used_has_the_time_it_was_made)
{
    struct session session;

    open_data(PLENTY);
    session = session_of(1);
    cr_assert_eq(at_as(&session, false), WOULD_BLOCK);
    cr_assert_eq(at(&session), 0);
    cr_assert_eq(at_as(&session, false), 0);
}

Test(seen, a_time_moves_at_most_once_a_second_and_never_back)
{
    struct session session;

    open_data(PLENTY);
    session = session_of(1);
    cr_assert_eq(at(&session), 0);
    touch(&session, SECOND - 1);
    cr_assert_eq(at(&session), 0);
    touch(&session, SECOND);
    cr_assert_eq(at(&session), SECOND);
    touch(&session, 2 * SECOND - 1);
    cr_assert_eq(at(&session), SECOND);
    touch(&session, 0);
    touch(&session, -5 * SECOND);
    cr_assert_eq(at(&session), SECOND);
    touch(&session, 2 * SECOND);
    cr_assert_eq(at(&session), 2 * SECOND);
}

Test(seen, idle_is_final)
{
    struct session session;
    struct session unlimited;

    open_data(PLENTY);
    session = session_of(1);
    cr_assert_eq(at(&session), 0);
    touch(&session, TIMEOUT - 1);
    cr_assert_eq(at(&session), TIMEOUT - 1);
    touch(&session, 2 * TIMEOUT - 1);
    cr_assert_eq(at(&session), TIMEOUT - 1);
    touch(&session, 3 * TIMEOUT);
    cr_assert_eq(at(&session), TIMEOUT - 1);
    unlimited = session_of(2);
    unlimited.idle_timeout_ns = 0;
    cr_assert_eq(at(&unlimited), 0);
    touch(&unlimited, 1000 * TIMEOUT);
    cr_assert_eq(at(&unlimited), 1000 * TIMEOUT);
}

Test(seen, idle_stays_final_after_a_start)
{
    struct session session;

    open_data(PLENTY);
    session = session_of(1);
    cr_assert_eq(at(&session), 0);
    touch(&session, 20 * SECOND);
    cr_assert_eq(keep(1, true), BEHALF_OK);
    restart(PLENTY);
    cr_assert_eq(at(&session), 20 * SECOND);
    touch(&session, 20 * SECOND + TIMEOUT);
    cr_assert_eq(at(&session), 20 * SECOND);
}

Test(seen, a_time_is_kept_once_it_moved_by_an_eighth)
{
    struct session session;

    open_data(SMALL);
    session = session_of(1);
    cr_assert_eq(at(&session), 0);
    cr_assert_eq(keep(1, false), BEHALF_DONE);
    touch(&session, 10 * SECOND - 1);
    cr_assert_eq(keep(1 + SEEN_KEPT_EVERY_NS, false), BEHALF_DONE);
    cr_assert_eq(stored(&session), -1);
    touch(&session, 12 * SECOND);
    /* Not before the next time is due. */
    cr_assert_eq(keep(2 * SEEN_KEPT_EVERY_NS, false), BEHALF_DONE);
    cr_assert_eq(stored(&session), -1);
    cr_assert_eq(keep(1 + 2 * SEEN_KEPT_EVERY_NS, false), BEHALF_OK);
    cr_assert_eq(stored(&session), 12 * SECOND);
    /* The next eighth counts from there. */
    touch(&session, 22 * SECOND - 1);
    cr_assert_eq(keep(10 * SEEN_KEPT_EVERY_NS, false), BEHALF_DONE);
    touch(&session, 23 * SECOND);
    cr_assert_eq(keep(20 * SEEN_KEPT_EVERY_NS, false), BEHALF_OK);
    cr_assert_eq(stored(&session), 23 * SECOND);
    cr_assert_eq(keep(30 * SEEN_KEPT_EVERY_NS, false), BEHALF_DONE);
}

Test(seen, at_the_end_all_is_kept)
{
    struct session sessions[3];

    open_data(PLENTY);
    for (uint32_t number = 0; number < 3; number++) {
        sessions[number] = session_of(number);
        cr_assert_eq(at(&sessions[number]), 0);
        if (number > 0)
            touch(&sessions[number], (int64_t)number * SECOND);
    }
    cr_assert_eq(stats().moved, 2);
    cr_assert_eq(keep(1, true), BEHALF_OK);
    cr_assert_eq(stats().moved, 0);
    cr_assert_eq(stored(&sessions[0]), -1);
    cr_assert_eq(stored(&sessions[1]), SECOND);
    cr_assert_eq(stored(&sessions[2]), 2 * SECOND);
    cr_assert_eq(keep(2, true), BEHALF_DONE);
    restart(PLENTY);
    cr_assert_eq(at(&sessions[2]), 2 * SECOND);
}

/* Sessions of a large memory are kept in turns: each once in SEEN_KEPT_EVERY_NS. */
Test(seen, every_session_has_its_turn)
{
    enum { SESSIONS = 500, STEPS = 20 };
    static struct session sessions[SESSIONS];
    size_t kept_before = 0;
    unsigned steps_that_kept = 0;

    open_data(PLENTY);
    cr_assert_eq(keep(1, false), BEHALF_DONE);
    for (uint32_t number = 0; number < SESSIONS; number++) {
        sessions[number] = session_of(number);
        cr_assert_eq(at(&sessions[number]), 0);
        touch(&sessions[number], 15 * SECOND);
    }
    for (int64_t step = 1; step <= STEPS; step++) {
        enum status status = keep(1 + SEEN_KEPT_EVERY_NS * step / STEPS, false);
        size_t kept = SESSIONS - stats().moved;

        cr_assert_eq(status, kept > kept_before ? BEHALF_OK : BEHALF_DONE);
        steps_that_kept += kept > kept_before;
        kept_before = kept;
    }
    cr_assert_eq(kept_before, (size_t)SESSIONS);
    cr_assert_gt(steps_that_kept, 10);
}

Test(seen, a_time_that_cannot_be_kept_stays)
{
    struct session session;

    open_data(SMALL);
    session = session_of(1);
    cr_assert_eq(at(&session), 0);
    touch(&session, 15 * SECOND);
    control.fail_writes = true;
    cr_assert_eq(keep(1, true), BEHALF_STORAGE_FAILED);
    cr_assert_eq(stats().moved, 1);
    cr_assert_eq(at(&session), 15 * SECOND);
}

Test(seen, a_read_that_fails_is_an_error)
{
    struct session session;

    open_data(PLENTY);
    session = session_of(1);
    control.fail_at = control.operations + 1;
    cr_assert_eq(at(&session), FAILED);
    cr_assert_eq(stats().sessions, 0);
    cr_assert_eq(at(&session), 0);
}

Test(seen, a_swept_session_is_forgotten)
{
    struct session session;
    struct session other;

    open_data(PLENTY);
    session = session_of(1);
    other = session_of(2);
    cr_assert_eq(at(&session), 0);
    cr_assert_eq(at(&other), 0);
    touch(&session, 30 * SECOND);
    touch(&other, 30 * SECOND);
    seen_forget(seen, &session.id);
    seen_forget(seen, &session.id);
    cr_assert_eq(at_as(&session, false), WOULD_BLOCK);
    touch(&session, 40 * SECOND);
    cr_assert_eq(stats().sessions, 1);
    cr_assert_eq(stats().moved, 1);
    cr_assert_eq(keep(1, true), BEHALF_OK);
    cr_assert_eq(stored(&session), -1);
    cr_assert_eq(stored(&other), 30 * SECOND);
}

Test(seen, what_is_kept_makes_room)
{
    enum { SESSIONS = 2000 };

    open_data(0); /* the smallest that there is */
    for (uint32_t number = 0; number < SESSIONS; number++) {
        struct session session = unstored(number);

        cr_assert_eq(at(&session), 0);
        cr_assert_eq(at_as(&session, false), 0);
        cr_assert_leq(stats().bytes, SMALL);
    }
    cr_assert_gt(stats().sessions, 500);
    cr_assert_lt(stats().sessions, (size_t)SESSIONS);
}

Test(seen, what_is_not_kept_yet_stays_in_memory)
{
    enum { SESSIONS = 2000 };
    static struct session sessions[SESSIONS];
    uint32_t stayed = 0;

    open_data(SMALL);
    cr_assert_eq(keep(1, false), BEHALF_DONE);
    for (uint32_t number = 0; number < SESSIONS; number++) {
        sessions[number] = session_of(number);
        cr_assert_eq(at(&sessions[number]), 0);
        touch(&sessions[number], 2 * SECOND);
        cr_assert_leq(stats().bytes, SMALL);
    }
    /* Those that came first have moved and are here; those that found no room have not. */
    while (stayed < SESSIONS && at_as(&sessions[stayed], false) == 2 * SECOND)
        stayed++;
    cr_assert_gt(stayed, 500);
    cr_assert_eq(stats().moved, stayed);
    cr_assert_eq(at(&sessions[SESSIONS - 1]), 0);
    /* A memory that is full of them is kept whatever they moved by, and has room again. */
    cr_assert_eq(keep(1 + SEEN_KEPT_EVERY_NS, false), BEHALF_OK);
    cr_assert_eq(stats().moved, 0);
    cr_assert_eq(stored(&sessions[0]), 2 * SECOND);
    cr_assert_eq(at(&sessions[SESSIONS - 1]), 0);
    touch(&sessions[SESSIONS - 1], 3 * SECOND);
    cr_assert_eq(at_as(&sessions[SESSIONS - 1], false), 3 * SECOND);
    for (uint32_t number = 0; number < stayed; number++)
        cr_assert_eq(at(&sessions[number]), 2 * SECOND);
}

/* Two ids with the same first half: one of them is in memory, both are answered. */
Test(seen, sessions_of_one_slot_are_told_apart)
{
    struct session one = unstored(1);
    struct session other = one;

    open_data(PLENTY);
    other.id.bytes[15] ^= 1;
    cr_assert_eq(at(&one), 0);
    touch(&one, 5 * SECOND);
    cr_assert_eq(at(&other), 0);
    touch(&other, 6 * SECOND);
    cr_assert_eq(at(&one), 5 * SECOND);
    cr_assert_eq(at(&other), 0);
    seen_forget(seen, &other.id);
    cr_assert_eq(at_as(&one, false), 5 * SECOND);
}

/* A load that is overtaken: the session is used, kept and evicted between read and insertion. */
static void
overtake(void *context)
{
    struct session *session = context;

    cr_assert_eq(at(session), 0);
    touch(session, 30 * SECOND);
    cr_assert_eq(keep(1, true), BEHALF_OK);
    for (uint32_t number = 100; number < 5000; number++) {
        struct session other = unstored(number);

        cr_assert_eq(at(&other), 0);
    }
    cr_assert_eq(at_as(session, false), WOULD_BLOCK);
}

Test(seen, a_load_brings_back_no_older_time)
{
    struct session session;

    open_data(SMALL);
    session = session_of(1);
    control.hook = overtake;
    control.hook_context = &session;
    control.hook_at = control.operations + 1;
    control.hook_after = true;
    cr_assert_eq(at(&session), 30 * SECOND);
    cr_assert_null(control.hook);
    cr_assert_eq(at_as(&session, false), 30 * SECOND);
}
