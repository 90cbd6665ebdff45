/* graph_store.c - a store in memory with numbered nodes. */
#include "tests/support/graph_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* Far more than a test puts into one transaction, far less than a batch may have. */
#define NODES_PER_TRANSACTION 1000

void
graph_store_must(enum status status, const struct error *error, const char *what)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

static struct store_transaction *
begin(struct graph_store *graph_store)
{
    struct store_transaction *transaction = NULL;
    struct error error;

    graph_store_must(store_transaction_begin(graph_store->store, &transaction, &error), &error,
                     "begin");
    return transaction;
}

static uint64_t
commit(struct graph_store *graph_store, struct store_transaction *transaction)
{
    uint64_t revision = 0;
    struct error error;

    graph_store_must(
        store_transaction_commit(transaction, env_wall_ns(env_system()), &revision, &error), &error,
        "commit");
    graph_store_must(store_sync(graph_store->store, &error), &error, "sync");
    return revision;
}

static uint16_t
make_label(struct store_transaction *transaction, enum label_kind kind, const char *name)
{
    uint16_t label = LABEL_NONE;
    struct error error;

    graph_store_must(store_transaction_label(transaction, kind, slice_of(name), &label, &error),
                     &error, "label");
    return label;
}

static uint64_t *
make_nodes(struct graph_store *graph_store, uint16_t type, uint32_t count)
{
    uint64_t *nodes = memory_new_array(count, sizeof *nodes);
    struct store_transaction *transaction = NULL;
    struct error error;
    char id[16];

    for (uint32_t at = 0; at < count; at++) {
        if (transaction == NULL)
            transaction = begin(graph_store);
        (void)snprintf(id, sizeof id, "%u", at);
        graph_store_must(
            store_transaction_node(transaction, type, slice_of(id), &nodes[at], &error), &error,
            "node");
        if ((at + 1) % NODES_PER_TRANSACTION == 0 || at + 1 == count) {
            (void)commit(graph_store, transaction);
            transaction = NULL;
        }
    }
    return nodes;
}

void
graph_store_open(struct graph_store *graph_store, uint32_t resources, uint32_t subjects)
{
    static const char *const relations[GRAPH_STORE_RELATIONS] = {"owner", "editor", "viewer"};
    static const char *const caveats[GRAPH_STORE_CAVEATS] = {"at_work", "from_network"};
    struct store_options options = {.path = NULL, .env = env_system()};
    struct store_transaction *transaction;
    struct error error;

    *graph_store = (struct graph_store){.resource_count = resources, .subject_count = subjects};
    graph_store_must(store_open(&options, &graph_store->store, &error), &error, "open");
    transaction = begin(graph_store);
    graph_store->resource_type = make_label(transaction, LABEL_TYPE, "document");
    graph_store->subject_type = make_label(transaction, LABEL_TYPE, "user");
    for (uint32_t at = 0; at < GRAPH_STORE_RELATIONS; at++)
        graph_store->relations[at] = make_label(transaction, LABEL_RELATION, relations[at]);
    for (uint32_t at = 0; at < GRAPH_STORE_CAVEATS; at++)
        graph_store->caveats[at] = make_label(transaction, LABEL_CAVEAT, caveats[at]);
    (void)commit(graph_store, transaction);
    graph_store->resources = make_nodes(graph_store, graph_store->resource_type, resources);
    graph_store->subjects = make_nodes(graph_store, graph_store->subject_type, subjects);
}

void
graph_store_close(struct graph_store *graph_store)
{
    memory_free(graph_store->resources);
    memory_free(graph_store->subjects);
    store_close(graph_store->store);
}

struct edge_key
graph_store_key(const struct graph_store *graph_store, uint32_t resource, uint32_t relation,
                uint32_t subject)
{
    return (struct edge_key){
        .resource = graph_store->resources[resource],
        .subject = graph_store->subjects[subject],
        .relation = graph_store->relations[relation],
        .subject_relation = LABEL_NONE,
    };
}

uint64_t
graph_store_commit(struct graph_store *graph_store, const struct graph_store_change *changes,
                   size_t count)
{
    struct store_transaction *transaction = begin(graph_store);
    struct error error;
    struct store_previous previous;

    for (size_t at = 0; at < count; at++) {
        struct edge edge = {
            .key = changes[at].key,
            .expires_at = changes[at].traits.expires_at,
            .caveat = changes[at].traits.caveat,
            .context = changes[at].traits.context,
        };

        if (changes[at].remove)
            graph_store_must(store_transaction_remove(transaction, &edge.key, &previous, &error),
                             &error, "remove");
        else
            graph_store_must(store_transaction_put(transaction, &edge, &previous, &error), &error,
                             "put");
    }
    return commit(graph_store, transaction);
}

void
graph_store_tell(struct graph *graph, const struct graph_store_change *changes, size_t count,
                 uint64_t revision, uint64_t published)
{
    struct graph_change *told = memory_new_array(count, sizeof *told);

    for (size_t at = 0; at < count; at++)
        told[at] = (struct graph_change){
            .key = changes[at].key,
            .traits = changes[at].traits,
            .revision = revision,
            .removed = changes[at].remove,
        };
    graph_apply(graph, told, count, published);
    memory_free(told);
}

uint64_t
graph_store_write(struct graph_store *graph_store, struct graph *graph,
                  const struct graph_store_change *changes, size_t count)
{
    uint64_t published = store_head_revision(graph_store->store);
    uint64_t revision = graph_store_commit(graph_store, changes, count);

    if (graph != NULL) {
        graph_store_tell(graph, changes, count, revision, published);
        graph_trim(graph, revision);
    }
    return revision;
}

uint64_t
graph_store_put(struct graph_store *graph_store, struct graph *graph, const struct edge_key *key)
{
    return graph_store_write(graph_store, graph, &(struct graph_store_change){.key = *key}, 1);
}

uint64_t
graph_store_put_special(struct graph_store *graph_store, struct graph *graph,
                        const struct edge_key *key, struct edge_traits traits)
{
    return graph_store_write(graph_store, graph,
                             &(struct graph_store_change){.key = *key, .traits = traits}, 1);
}

uint64_t
graph_store_remove(struct graph_store *graph_store, struct graph *graph, const struct edge_key *key)
{
    return graph_store_write(graph_store, graph,
                             &(struct graph_store_change){.key = *key, .remove = true}, 1);
}
