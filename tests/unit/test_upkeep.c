/* test_upkeep.c - what the writer does by itself: sweeping what has expired, keeping the clock. */
#include <criterion/criterion.h>
#include <time.h>

#include "storage/changelog.h"
#include "tests/unit/test_writer_support.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

static const char *const schema_text = "use expiration\n"
                                       "definition user {}\n"
                                       "definition document {\n"
                                       "    relation viewer: user | user with expiration\n"
                                       "}\n";

/* `count` relationships of documents named from `first` that expire so long from now. */
static void
write_expiring(struct rig *rig, unsigned first, unsigned count, int64_t in_ns)
{
    struct engine_clock clock;
    struct engine_write *write;
    struct buffer text;

    engine_clock_read(rig->engine, &clock);
    buffer_init(&text);
    for (unsigned index = first; index < first + count; index++) {
        buffer_add_format(&text, "%stouch document:%u#viewer@user:ann[expiration:",
                          index == first ? "" : "\n", index);
        time_print(clock.now_ns + in_ns, &text);
        buffer_add_text(&text, "]");
    }
    write = rig_do(rig, text.data);
    cr_assert_eq(write->status, BEHALF_OK, "%s", write->error.message);
    buffer_release(&text);
}

static void
restart(struct rig *rig, int64_t sweep_every_ns)
{
    struct engine_options options = {
        .store = rig->store,
        .env = &rig->env,
        .workers = 1,
        .sweep_every_ns = sweep_every_ns,
    };

    engine_worker_free(rig->worker);
    engine_close(rig->engine);
    cr_assert_eq(engine_open(&options, &rig->engine, NULL), BEHALF_OK);
    rig->worker = engine_worker_new(rig->engine, true);
}

/* --- sweeping --- */

Test(upkeep, a_sweep_removes_what_has_expired_and_nothing_else)
{
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 10, 3, HOUR);
    write_expiring(&rig, 20, 3, 2 * HOUR);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(rig_sweep(&rig, 0), 0);
    cr_assert_eq(rig_revision(&rig), 4); /* nothing to do takes no revision */
    rig_pass(&rig, HOUR);
    cr_assert_eq(rig_count(&rig), 7);
    cr_assert_eq(rig_sweep(&rig, 0), 3);
    cr_assert_eq(rig_count(&rig), 4);
    cr_assert_eq(rig_revision(&rig), 5);
    rig_pass(&rig, HOUR);
    cr_assert_eq(rig_sweep(&rig, 0), 3);
    cr_assert_str_eq(rig_type(&rig, "document"), "document:1#viewer@user:ann\n");
    cr_assert_eq(store_verify(rig.store, NULL), BEHALF_OK);
    rig_close(&rig);
}

Test(upkeep, a_sweep_is_bounded_and_says_whether_that_was_all)
{
    struct rig rig;
    struct engine_write *sweep;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 5, HOUR);
    rig_pass(&rig, HOUR);
    for (unsigned left = 5; left > 0;) {
        sweep = rig_write(&rig, NULL);
        sweep->kind = WRITE_SWEEP;
        sweep->limit = 2;
        cr_assert_eq(rig_run(&rig, sweep), BEHALF_OK);
        cr_assert_eq(sweep->count, left >= 2 ? 2 : 1);
        cr_assert_eq(sweep->complete, left < 2);
        left -= (unsigned)sweep->count;
    }
    sweep = rig_write(&rig, NULL);
    sweep->kind = WRITE_SWEEP;
    sweep->limit = ENGINE_DELETE_MAX + 1;
    cr_assert_eq(rig_run(&rig, sweep), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    rig_close(&rig);
}

Test(upkeep, what_was_touched_in_time_is_not_swept)
{
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 3, HOUR);
    write_expiring(&rig, 1, 1, 3 * HOUR);
    cr_assert_eq(rig_do(&rig, "touch document:2#viewer@user:ann")->status, BEHALF_OK);
    rig_pass(&rig, HOUR);
    cr_assert_eq(rig_sweep(&rig, 0), 1);
    cr_assert_eq(rig_count(&rig), 2);
    rig_close(&rig);
}

/* Removes and the mark, and nothing else. */
Test(upkeep, a_sweep_is_marked_in_the_changelog)
{
    struct rig rig;
    struct store_snapshot *snapshot;
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    struct engine_clock clock;
    struct buffer entry;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 2, HOUR);
    rig_pass(&rig, HOUR);
    cr_assert_eq(rig_sweep(&rig, 0), 2);
    engine_clock_read(rig.engine, &clock);
    buffer_init(&entry);
    cr_assert_eq(store_snapshot_open(rig.store, &snapshot, NULL), BEHALF_OK);
    cr_assert_eq(store_changelog_read(snapshot, 3, &entry, NULL), BEHALF_OK);
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &header, NULL), BEHALF_OK);
    for (int index = 0; index < 2; index++) {
        cr_assert_eq(changelog_next(&reader, &record, NULL), BEHALF_OK);
        cr_assert_eq(record.kind, CHANGELOG_REMOVE);
    }
    cr_assert_eq(changelog_next(&reader, &record, NULL), BEHALF_OK);
    cr_assert_eq(record.kind, CHANGELOG_SWEEP);
    cr_assert(record.time_ns <= clock.trusted_ns && record.time_ns > clock.trusted_ns - HOUR);
    cr_assert_eq(changelog_next(&reader, &record, NULL), BEHALF_DONE);
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    rig_close(&rig);
}

Test(upkeep, what_expired_holds_its_variant_until_it_is_swept)
{
    static const char *const without = "definition user {}\n"
                                       "definition document {\n"
                                       "    relation viewer: user\n"
                                       "}\n";
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 1, HOUR);
    rig_pass(&rig, HOUR);
    write = rig_schema_write(&rig, without);
    cr_assert_eq(rig_run(&rig, write), BEHALF_SCHEMA_TYPE_ERROR);
    cr_assert_str_eq(write->error.message,
                     "cannot remove an allowed subject that relationships have: 1 of "
                     "'document#viewer' with subject 'user with expiration' in store, for example "
                     "'document:0#viewer@user:ann'");
    cr_assert_str_eq(write->error.hint, "delete these relationships first; those that have expired "
                                        "count until they are swept, a few seconds later");
    cr_assert_eq(rig_sweep(&rig, 0), 1);
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, without)), BEHALF_OK);
    rig_close(&rig);
}

/* With real time, as the server does it. */
Test(upkeep, sweeps_by_itself, .timeout = 60)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 3, HOUR);
    write_expiring(&rig, 3, 1, 3 * HOUR);
    restart(&rig, SECOND / 100);
    rig_pass(&rig, HOUR);
    while (rig_count(&rig) > 1)
        (void)nanosleep(&moment, NULL);
    cr_assert_eq(rig_revision(&rig), 4);
    rig_close(&rig);
}

/* --- the clock that ran ahead --- */

static enum engine_clock_state
clock_state(struct rig *rig)
{
    struct engine_info info;

    cr_assert_eq(engine_info_read(rig->engine, &info, NULL), BEHALF_OK);
    return info.clock.state;
}

Test(upkeep, a_clock_that_ran_ahead_hides_and_sweeps_nothing_until_it_is_confirmed)
{
    struct engine_clock clock;
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 1, 24 * HOUR);
    atomic_store(&rig.clock_shift_ns, 365 * 24 * HOUR);
    cr_assert_eq(clock_state(&rig), ENGINE_CLOCK_AHEAD);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    cr_assert_eq(rig_sweep(&rig, 0), 0);
    cr_assert_eq(rig_count(&rig), 1);
    engine_clock_confirm(rig.engine, &clock);
    cr_assert_eq(clock.state, ENGINE_CLOCK_AGREES);
    cr_assert_eq(rig_sweep(&rig, 0), 1);
    rig_close(&rig);
}

Test(upkeep, a_clock_that_was_rejected_hides_nothing)
{
    struct engine_clock clock;
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 1, 24 * HOUR);
    atomic_store(&rig.clock_shift_ns, 365 * 24 * HOUR);
    engine_clock_reject(rig.engine, &clock);
    cr_assert_eq(clock.state, ENGINE_CLOCK_REJECTED);
    cr_assert_neq(rig_type(&rig, "document")[0], '\0');
    rig_pass(&rig, 24 * HOUR); /* which is real time */
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    cr_assert_eq(rig_sweep(&rig, 0), 1);
    rig_close(&rig);
}

static int64_t
commit_time(struct rig *rig)
{
    struct store_snapshot *snapshot;
    int64_t time_ns;

    cr_assert_eq(store_snapshot_open(rig->store, &snapshot, NULL), BEHALF_OK);
    time_ns = store_snapshot_time(snapshot);
    store_snapshot_close(snapshot);
    return time_ns;
}

Test(upkeep, commits_carry_no_time_that_is_not_believed)
{
    struct rig rig;
    int64_t before;

    rig_open(&rig, schema_text);
    before = commit_time(&rig);
    atomic_store(&rig.clock_shift_ns, 365 * 24 * HOUR);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert(commit_time(&rig) >= before && commit_time(&rig) < before + HOUR);
    rig_close(&rig);
}

/* --- starts --- */

Test(upkeep, a_restart_with_a_clock_set_back_revives_nothing)
{
    struct rig rig;

    rig_open(&rig, schema_text);
    write_expiring(&rig, 0, 1, HOUR);
    rig_pass(&rig, 2 * HOUR);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    atomic_store(&rig.clock_shift_ns, -365 * 24 * HOUR);
    restart(&rig, ENGINE_SWEEP_NEVER);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    rig_close(&rig);
}

Test(upkeep, a_restart_does_not_make_a_clock_believed_that_was_not)
{
    struct rig rig;

    rig_open(&rig, schema_text);
    atomic_store(&rig.clock_shift_ns, 5 * HOUR);
    cr_assert_eq(clock_state(&rig), ENGINE_CLOCK_AHEAD);
    restart(&rig, ENGINE_SWEEP_NEVER);
    cr_assert_eq(clock_state(&rig), ENGINE_CLOCK_AHEAD);
    rig_close(&rig);
}

/* --- history --- */

Test(upkeep, what_is_older_than_history_is_kept_is_given_up_and_the_rest_is_not)
{
    struct rig rig;

    rig_open(&rig, schema_text);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:ann")->status, BEHALF_OK);
    rig_pass(&rig, 6 * 24 * HOUR);
    cr_assert_eq(rig_do(&rig, "touch document:2#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:3#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(store_horizon(rig.store), 0);
    rig_pass(&rig, 2 * 24 * HOUR);
    cr_assert_eq(rig_do(&rig, "touch document:4#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:5#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(store_horizon(rig.store), 1); /* before the one in force seven days ago */
    cr_assert_eq(rig_count(&rig), 5);
    cr_assert_eq(store_verify(rig.store, NULL), BEHALF_OK);
    rig_close(&rig);
}
