/* harness_engine.c - one engine over one in-memory store. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/env.h"
#include "tests/support/harness.h"

static _Noreturn void
give_up(const char *what, const struct error *error)
{
    fprintf(stderr, "harness: %s: %s: %s\n", what, status_name(error->status), error->message);
    abort();
}

static void
open_engine(struct harness_engine *side, size_t graph_memory_bytes)
{
    struct engine_options options = {.store = side->store,
                                     .env = env_system(),
                                     .workers = 1,
                                     .graph_memory_bytes = graph_memory_bytes};
    struct error error;

    if (engine_open(&options, &side->engine, &error) != BEHALF_OK)
        give_up("engine_open", &error);
    side->worker = engine_worker_new(side->engine, true);
    BEHALF_ASSERT(side->worker != NULL);
}

void
harness_engine_open(struct harness_engine *side, size_t graph_memory_bytes)
{
    struct store_options options = {.env = env_system()};
    struct error error;

    if (store_open(&options, &side->store, &error) != BEHALF_OK)
        give_up("store_open", &error);
    open_engine(side, graph_memory_bytes);
    arena_init(&side->arena, SIZE_MAX);
}

void
harness_engine_close(struct harness_engine *side)
{
    engine_worker_free(side->worker);
    engine_close(side->engine);
    store_close(side->store);
    arena_release(&side->arena);
}

void
harness_engine_reopen(struct harness_engine *side, size_t graph_memory_bytes)
{
    engine_worker_free(side->worker);
    engine_close(side->engine);
    open_engine(side, graph_memory_bytes);
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
};

static void
write_done(struct engine_write *write)
{
    struct waiter *waiter = write->owner;

    pthread_mutex_lock(&waiter->mutex);
    waiter->done = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->mutex);
}

enum status
harness_submit(struct harness_engine *side, struct engine_write *write)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    enum status status;

    write->done = write_done;
    write->owner = &waiter;
    status = engine_write_submit(side->engine, write, &write->error);
    if (status == BEHALF_OK) {
        pthread_mutex_lock(&waiter.mutex);
        while (!waiter.done)
            pthread_cond_wait(&waiter.changed, &waiter.mutex);
        pthread_mutex_unlock(&waiter.mutex);
        status = write->status;
    }
    pthread_cond_destroy(&waiter.changed);
    pthread_mutex_destroy(&waiter.mutex);
    return status;
}

enum status
harness_write_schema(struct harness_engine *side, struct slice text, struct error *error)
{
    struct engine_write write = {.kind = WRITE_SCHEMA, .schema_text = text};
    enum status status = harness_submit(side, &write);

    *error = write.error;
    return status;
}

enum status
harness_write_updates(struct harness_engine *side, const struct update *updates, size_t count,
                      struct engine_token *written_at, struct error *error)
{
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS, .updates = updates, .update_count = count};
    enum status status = harness_submit(side, &write);

    *error = write.error;
    if (status == BEHALF_OK && written_at != NULL)
        *written_at = write.written_at;
    return status;
}

struct engine_request
harness_request(struct harness_engine *side, const struct engine_token *at)
{
    struct engine_request request = {.arena = &side->arena, .consistency = CONSISTENCY_FULL};

    arena_reset(&side->arena, SIZE_MAX);
    if (at != NULL) {
        request.consistency = CONSISTENCY_AT_EXACT_SNAPSHOT;
        request.token = slice_of(at->text);
    }
    return request;
}

/* --- values of trees --- */

struct walk {
    const struct object *subject;
    enum harness_value (*ask)(void *context, const struct object *userset);
    void *context;
};

static enum harness_value
leaf_value(const struct walk *walk, const struct expand_node *leaf)
{
    enum harness_value best = HARNESS_DENY;

    for (size_t i = 0; i < leaf->subject_count; i++) {
        const struct object *subject = &leaf->subjects[i].object;
        enum harness_value value = HARNESS_DENY;

        if (subject->relation.size > 0)
            value = walk->ask(walk->context, subject);
        else if (slice_equal(subject->type, walk->subject->type) &&
                 (subject->wildcard || slice_equal(subject->id, walk->subject->id)))
            value = HARNESS_ALLOW;
        if (value > best)
            best = value;
    }
    return best;
}

/* The values are ordered, so a union is the greatest and an intersection the least. */
static enum harness_value
node_value(const struct walk *walk, const struct expand_node *node)
{
    bool least = node->op == EXPAND_INTERSECTION || node->op == EXPAND_ALL;
    enum harness_value result = least && node->child_count > 0 ? HARNESS_ALLOW : HARNESS_DENY;

    if (node->op == EXPAND_LEAF)
        return leaf_value(walk, node);
    if (node->op == EXPAND_EXCLUSION) {
        enum harness_value left;
        enum harness_value right;

        BEHALF_ASSERT(node->child_count == 2);
        left = node_value(walk, node->children[0]);
        right = node_value(walk, node->children[1]);
        right = right == HARNESS_ALLOW  ? HARNESS_DENY
                : right == HARNESS_DENY ? HARNESS_ALLOW
                                        : HARNESS_ERROR;
        return left < right ? left : right;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        enum harness_value value = node_value(walk, node->children[i]);

        if (least ? value < result : value > result)
            result = value;
    }
    return result;
}

enum harness_value
harness_tree_value(const struct expand_node *node, const struct object *subject,
                   enum harness_value (*ask)(void *context, const struct object *userset),
                   void *context)
{
    struct walk walk = {subject, ask, context};

    return node_value(&walk, node);
}
