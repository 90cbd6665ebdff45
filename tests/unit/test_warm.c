/* The warm-up: what it brings into memory, in what order, and where it stops. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/bytes.h"
#include "graph/limits.h"
#include "graph/readers.h"
#include "graph/names.h"
#include "graph/warm.h"
#include "tests/support/graph_store.h"

#define RESOURCES 300
#define SUBJECTS 40
#define PLENTY ((size_t)64 * 1024 * 1024)
#define STEPS_MAX 10000

struct world {
    struct graph_store data;
    struct graph *graph;
    struct name_cache *names;
    struct budget budget;
    atomic_bool cancelled;
};

static struct world w;

/* Each resource has two subjects; the last subject has none. */
static void
open_world(size_t graph_bytes, size_t name_bytes)
{
    graph_store_open(&w.data, RESOURCES, SUBJECTS);
    w.graph = graph_new(w.data.store, graph_bytes);
    w.names = name_cache_new(graph_readers(w.graph), name_bytes);
    budget_init(&w.budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    atomic_store(&w.cancelled, false);
    for (uint32_t at = 0; at < RESOURCES; at++) {
        struct graph_store_change changes[2] = {
            {.key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1))},
            {.key = graph_store_key(&w.data, at, 1, (at + 7) % (SUBJECTS - 1))},
        };

        (void)graph_store_write(&w.data, w.graph, changes, 2);
    }
}

static void
close_world(void)
{
    const char *reason;

    cr_assert(graph_validate(w.graph, &reason), "%s", reason);
    cr_assert(name_cache_validate(w.names, &reason), "%s", reason);
    name_cache_free(w.names);
    graph_free(w.graph);
    graph_store_close(&w.data);
}

/* Forgets all that is in memory, as a stop does. */
static void
restart(size_t graph_bytes, size_t name_bytes)
{
    name_cache_free(w.names);
    graph_free(w.graph);
    w.graph = graph_new(w.data.store, graph_bytes);
    w.names = name_cache_new(graph_readers(w.graph), name_bytes);
}

static struct warm_up *
begin(struct slice note, bool all)
{
    return warm_up_new(&(struct warm_options){
        .graph = w.graph,
        .names = w.names,
        .store = w.data.store,
        .env = env_system(),
        .cancelled = &w.cancelled,
        .note = note,
        .all = all,
    });
}

static struct warm_progress
step(struct warm_up *warm_up)
{
    struct warm_progress progress;
    struct error error;
    enum status status = warm_up_step(warm_up, store_head_revision(w.data.store), &error);

    cr_assert_eq(status, BEHALF_OK);
    warm_up_progress(warm_up, &progress);
    return progress;
}

static struct warm_progress
warm(struct slice note, bool all)
{
    struct warm_up *warm_up = begin(note, all);
    struct warm_progress progress = step(warm_up);

    for (unsigned steps = 0; progress.state != WARM_DONE; steps++) {
        cr_assert_lt(steps, STEPS_MAX);
        progress = step(warm_up);
    }
    warm_up_free(warm_up);
    return progress;
}

static enum status
ask(const struct edge_key *key, bool may_block, bool *found)
{
    const struct edge_traits *traits;
    struct graph_view view;
    struct error error;
    enum status status;

    graph_view_init(&view, w.graph, w.data.store, store_head_revision(w.data.store), 0, may_block,
                    &w.budget);
    status = graph_view_contains(&view, key, found, &traits, &error);
    graph_view_release(&view);
    return status;
}

static struct graph_stats
stats(void)
{
    struct graph_stats read;

    graph_stats_read(w.graph, &read);
    return read;
}

static bool
knows_name(uint64_t node)
{
    struct graph_view view;
    struct slice id;
    bool known;

    graph_view_init(&view, w.graph, w.data.store, store_head_revision(w.data.store), 0, false,
                    &w.budget);
    cr_assert(graph_view_enter(&view));
    known = name_cache_find_id(w.names, node, &id);
    graph_view_release(&view);
    return known;
}

/* --- everything --- */

Test(warm, everything_that_fits_is_in_memory_afterwards)
{
    struct warm_progress progress;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    progress = warm((struct slice){NULL, 0}, true);
    cr_assert_not(progress.full);
    cr_assert_eq(progress.sets, RESOURCES + SUBJECTS + 2, "with the wildcards");
    cr_assert_eq(progress.edges, 4 * RESOURCES);
    cr_assert_eq(progress.names, RESOURCES + SUBJECTS);
    cr_assert_eq(stats().set_count, RESOURCES + SUBJECTS - 1);
    cr_assert_eq(stats().empty_count, 3, "that there is nothing is known as well");
    for (uint32_t at = 0; at < RESOURCES; at++) {
        struct edge_key key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        bool found = false;

        cr_assert_eq(ask(&key, false, &found), BEHALF_OK);
        cr_assert(found);
        cr_assert(knows_name(w.data.resources[at]));
    }
    close_world();
}

Test(warm, what_is_in_memory_already_is_left_alone)
{
    struct edge_key key;
    bool found;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    key = graph_store_key(&w.data, 3, 0, 3);
    cr_assert_eq(ask(&key, true, &found), BEHALF_OK);
    cr_assert_eq(warm((struct slice){NULL, 0}, true).sets, RESOURCES + SUBJECTS + 2 - 1);
    cr_assert_eq(warm((struct slice){NULL, 0}, true).sets, 0);
    close_world();
}

Test(warm, writes_meanwhile_are_seen)
{
    struct warm_up *warm_up;
    struct warm_progress progress;
    uint32_t written = 0;
    bool found;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    warm_up = begin((struct slice){NULL, 0}, true);
    do {
        struct edge_key removed = graph_store_key(&w.data, written, 0, written % (SUBJECTS - 1));
        struct edge_key added = graph_store_key(&w.data, RESOURCES - 1 - written, 2, 5);

        progress = step(warm_up);
        (void)graph_store_remove(&w.data, w.graph, &removed);
        (void)graph_store_put(&w.data, w.graph, &added);
        written++;
    } while (progress.state != WARM_DONE);
    warm_up_free(warm_up);
    for (uint32_t at = 0; at < written; at++) {
        struct edge_key removed = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        struct edge_key added = graph_store_key(&w.data, RESOURCES - 1 - at, 2, 5);

        cr_assert_eq(ask(&removed, false, &found), BEHALF_OK);
        cr_assert_not(found);
        cr_assert_eq(ask(&added, false, &found), BEHALF_OK);
        cr_assert(found);
    }
    close_world();
}

/* --- room --- */

Test(warm, it_stops_where_there_is_no_room)
{
    struct warm_progress progress;

    open_world(PLENTY, PLENTY);
    restart(16 * 1024, NAME_CACHE_SMALLEST * 2);
    progress = warm((struct slice){NULL, 0}, true);
    cr_assert(progress.full);
    cr_assert_gt(progress.sets, 0);
    cr_assert_lt(progress.sets, RESOURCES + SUBJECTS + 2, "not all of them");
    cr_assert_leq(stats().bytes, 16 * 1024);
    cr_assert_gt(stats().set_count, 0);
    close_world();
}

Test(warm, without_memory_there_is_nothing_to_do)
{
    struct warm_progress progress;

    open_world(1, 1);
    progress = warm((struct slice){NULL, 0}, true);
    cr_assert(progress.full);
    cr_assert_eq(progress.sets, 0);
    cr_assert_eq(progress.names, 0);
    close_world();
}

Test(warm, what_nobody_asked_for_goes_first)
{
    struct edge_key key;
    bool found;

    open_world(PLENTY, PLENTY);
    restart(32 * 1024, PLENTY);
    (void)warm((struct slice){NULL, 0}, true);
    for (uint32_t at = 0; at < 20; at++) {
        key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        cr_assert_eq(ask(&key, true, &found), BEHALF_OK);
    }
    for (uint32_t at = RESOURCES - 40; at < RESOURCES; at++) {
        key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        cr_assert_eq(ask(&key, true, &found), BEHALF_OK);
    }
    for (uint32_t at = 0; at < 20; at++) {
        key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        cr_assert_eq(ask(&key, false, &found), BEHALF_OK);
    }
    close_world();
}

Test(warm, a_cancelled_step_ends_with_an_error_and_leaves_no_mark)
{
    struct warm_up *warm_up;
    struct error error;
    enum status status = BEHALF_OK;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    warm_up = begin((struct slice){NULL, 0}, true);
    atomic_store(&w.cancelled, true);
    for (unsigned steps = 0; status == BEHALF_OK && steps < STEPS_MAX; steps++)
        status = warm_up_step(warm_up, store_head_revision(w.data.store), &error);
    cr_assert_eq(status, BEHALF_DEADLINE);
    warm_up_free(warm_up);
    cr_assert_eq(stats().loading_count, 0);
    close_world();
}

/* --- the note --- */

static void
ask_some(void)
{
    for (uint32_t at = 10; at < 20; at++) {
        struct edge_key key = graph_store_key(&w.data, at, 0, at % (SUBJECTS - 1));
        struct graph_view view;
        struct resolver resolver;
        struct arena arena;
        struct error error;
        struct slice id;
        bool found;

        cr_assert_eq(ask(&key, true, &found), BEHALF_OK);
        arena_init(&arena, SIZE_MAX / 2);
        graph_view_init(&view, w.graph, w.data.store, store_head_revision(w.data.store), 0, true,
                        &w.budget);
        resolver_init(&resolver, w.names, &view, &arena);
        cr_assert_eq(resolver_id(&resolver, w.data.resources[at], &id, &error), BEHALF_OK);
        graph_view_release(&view);
        arena_release(&arena);
    }
}

Test(warm, what_was_in_use_comes_first_and_nothing_else_when_that_is_all_that_is_wanted)
{
    struct warm_progress progress;
    struct buffer note;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    (void)warm((struct slice){NULL, 0}, true); /* which asks for nothing */
    ask_some();
    buffer_init(&note);
    warm_note_write(w.graph, w.names, &note);
    restart(PLENTY, PLENTY);
    progress = warm(buffer_slice(&note), false);
    cr_assert_eq(progress.noted, 20);
    cr_assert_eq(progress.sets, 10);
    cr_assert_eq(progress.names, 10);
    cr_assert(knows_name(w.data.resources[15]));
    cr_assert_not(knows_name(w.data.resources[25]));
    /* It is in use again for the life after that. */
    buffer_clear(&note);
    warm_note_write(w.graph, w.names, &note);
    restart(PLENTY, PLENTY);
    cr_assert_eq(warm(buffer_slice(&note), false).noted, 20);
    cr_assert_eq(stats().set_count, 10);
    buffer_release(&note);
    close_world();
}

Test(warm, after_the_note_comes_everything)
{
    struct buffer note;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    ask_some();
    buffer_init(&note);
    warm_note_write(w.graph, w.names, &note);
    restart(PLENTY, PLENTY);
    (void)warm(buffer_slice(&note), true);
    cr_assert_eq(stats().set_count, RESOURCES + SUBJECTS - 1);
    buffer_release(&note);
    close_world();
}

/* A note with one list: the first is of forward sets, the last of names. */
static void
note_of_list(struct buffer *note, size_t list, const uint64_t *nodes, size_t count)
{
    char number[8];

    buffer_clear(note);
    buffer_add(note, "BHLFNOT1", 8);
    for (size_t at = 0; at < 3; at++) {
        bytes_put_u64(number, at == list ? count : 0);
        buffer_add(note, number, 8);
    }
    for (size_t at = 0; at < count; at++) {
        bytes_put_u64(number, nodes[at]);
        buffer_add(note, number, 8);
    }
}

static void
note_of(struct buffer *note, const uint64_t *nodes, size_t count)
{
    note_of_list(note, 0, nodes, count);
}

Test(warm, a_note_that_names_what_cannot_be_is_as_good_as_none)
{
    static const uint64_t impossible[][2] = {
        {5, 6},                                       /* no type */
        {NODE_WILDCARD(1) + 1, NODE_WILDCARD(1) + 1}, /* twice */
        {NODE_WILDCARD(1) + 2, NODE_WILDCARD(1) + 1}, /* not ascending */
        {NODE_WILDCARD(1) + 1, NODE_WILDCARD(1) + NODE_SEQUENCE_LOCAL},
    };
    struct buffer note;

    open_world(PLENTY, PLENTY);
    buffer_init(&note);
    for (size_t at = 0; at < BEHALF_COUNT_OF(impossible); at++) {
        note_of(&note, impossible[at], 2);
        cr_assert_eq(warm(buffer_slice(&note), false).noted, 0);
    }
    note_of(&note, w.data.resources, 2);
    for (size_t size = 0; size < note.size; size++)
        cr_assert_eq(warm((struct slice){note.data, size}, false).noted, 0);
    bytes_put_u64(note.data + 8, UINT64_MAX / 8);
    cr_assert_eq(warm(buffer_slice(&note), false).noted, 0);
    buffer_release(&note);
    close_world();
}

Test(warm, a_note_of_nodes_that_do_not_exist_is_harmless)
{
    uint64_t nodes[2] = {NODE_WILDCARD(900) + 1, NODE_WILDCARD(900) + 2};
    struct buffer note;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    buffer_init(&note);
    note_of(&note, nodes, 2);
    cr_assert_eq(warm(buffer_slice(&note), true).noted, 2);
    cr_assert_eq(stats().set_count, RESOURCES + SUBJECTS - 1);
    buffer_release(&note);
    close_world();
}

Test(warm, a_node_that_is_gone_does_not_take_the_name_of_the_next)
{
    uint64_t nodes[2];
    struct buffer note;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    nodes[0] = NODE_WILDCARD(NODE_TYPE(w.data.resources[0])); /* which has no name either */
    nodes[1] = w.data.resources[1];
    buffer_init(&note);
    note_of_list(&note, 2, nodes, 2);
    cr_assert_eq(warm(buffer_slice(&note), false).names, 1);
    cr_assert_not(knows_name(nodes[0]));
    cr_assert_not(knows_name(w.data.resources[0]));
    cr_assert(knows_name(nodes[1]));
    buffer_release(&note);
    close_world();
}

/* --- loads of a walk that knows its next nodes --- */

static void
begin_view(struct graph_view *view, bool may_block)
{
    graph_view_init(view, w.graph, w.data.store, store_head_revision(w.data.store), 0, may_block,
                    &w.budget);
}

static void
read_one(struct graph_view *view, uint64_t node)
{
    struct graph_range range = {
        .direction = EDGE_FORWARD, .node = node, .relation = w.data.relations[0], .to = UINT64_MAX};
    uint64_t nodes[LIMIT_EDGE_BATCH];
    struct graph_batch batch = {.nodes = nodes, .capacity = LIMIT_EDGE_BATCH};
    struct error error;

    cr_assert_eq(graph_view_read(view, &range, &batch, &error), BEHALF_OK);
}

Test(warm, a_walk_that_met_a_node_that_was_not_in_memory_loads_its_next_ones_together)
{
    struct graph_view view;
    uint64_t nodes[50];
    uint64_t left;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    for (size_t at = 0; at < 50; at++) /* in any order, and some twice */
        nodes[at] = w.data.resources[at * 7 % 40];
    begin_view(&view, true);
    graph_view_prepare(&view, nodes, 50, EDGE_FORWARD);
    cr_assert_eq(stats().set_count, 0, "nothing was missed yet");
    read_one(&view, w.data.resources[200]);
    left = w.budget.edges_left;
    graph_view_prepare(&view, nodes, 50, EDGE_FORWARD);
    cr_assert_eq(stats().set_count, 41);
    cr_assert_eq(w.budget.edges_left, left, "nobody pays for it");
    graph_view_prepare(&view, nodes, 50, EDGE_FORWARD);
    cr_assert_eq(view.loads, 0, "as long as nothing is missing, it is not tried again");
    graph_view_release(&view);
    close_world();
}

Test(warm, a_view_that_may_not_block_prepares_nothing)
{
    struct graph_view view;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    begin_view(&view, false);
    view.loads = 1;
    graph_view_prepare(&view, w.data.resources, 50, EDGE_FORWARD);
    cr_assert_eq(stats().set_count, 0);
    graph_view_release(&view);
    close_world();
}

static bool
is_there(const struct edge_key *key)
{
    bool found = false;

    cr_assert_eq(ask(key, false, &found), BEHALF_OK, "it is in memory");
    return found;
}

/* The snapshot that a view holds may be older than what was written since. */
Test(warm, what_an_older_view_loads_together_is_of_now)
{
    struct graph_view view;
    struct edge_key added;
    struct edge_key removed;
    const struct store_snapshot *held;
    struct error error;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    begin_view(&view, true);
    read_one(&view, w.data.resources[200]);
    cr_assert_eq(graph_view_storage(&view, &held, &error), BEHALF_OK);
    added = graph_store_key(&w.data, 3, 2, 5);
    removed = graph_store_key(&w.data, 4, 0, 4);
    (void)graph_store_put(&w.data, w.graph, &added);
    (void)graph_store_remove(&w.data, w.graph, &removed);
    graph_view_prepare(&view, w.data.resources, 10, EDGE_FORWARD);
    graph_view_release(&view);
    cr_assert(is_there(&added));
    cr_assert_not(is_there(&removed));
    close_world();
}

Test(warm, each_of_the_sets_loaded_together_has_its_own_edges)
{
    struct graph_view view;

    open_world(PLENTY, PLENTY);
    restart(PLENTY, PLENTY);
    begin_view(&view, true);
    read_one(&view, w.data.resources[200]);
    graph_view_prepare(&view, w.data.resources, 30, EDGE_FORWARD);
    graph_view_release(&view);
    for (uint32_t at = 0; at < 30; at++) {
        for (uint32_t subject = 0; subject < SUBJECTS; subject++) {
            struct edge_key key = graph_store_key(&w.data, at, 0, subject);

            cr_assert_eq(is_there(&key), subject == at % (SUBJECTS - 1));
        }
    }
    close_world();
}
