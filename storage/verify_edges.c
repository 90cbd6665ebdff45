/* verify_edges.c - fsck of edges: both indexes, history, expiry and the exact counts.
 * Both indexes are walked, each against the other: one walk would miss edges that only the other
 * has. */
#include <inttypes.h>

#include "base/memory.h"
#include "storage/transaction.h"
#include "storage/verify.h"

static const char *
family_name(enum edge_direction direction)
{
    return direction == EDGE_FORWARD ? "forward" : "reverse";
}

/* --- counts --- */

static void
count_edge(struct verifier *verifier, const struct edge *edge)
{
    char wanted[COUNT_KEY_SIZE];
    char other[COUNT_KEY_SIZE];
    struct edge_variant variant;

    edge_variant_of(edge, &variant);
    count_key_encode(&variant, wanted);
    for (size_t index = 0; index < verifier->count_count; index++) {
        count_key_encode(&verifier->counts[index].variant, other);
        if (memcmp(wanted, other, sizeof wanted) == 0) {
            verifier->counts[index].edges++;
            return;
        }
    }
    verifier->counts = memory_reserve(verifier->counts, verifier->count_count + 1,
                                      &verifier->count_capacity, sizeof *verifier->counts);
    verifier->counts[verifier->count_count++] = (struct verify_count){variant, 1};
}

static enum status
counts_compare(struct verifier *verifier, struct error *error)
{
    char bytes[COUNT_KEY_SIZE];
    bool found = false;

    for (size_t index = 0; index < verifier->count_count; index++) {
        const struct verify_count *count = &verifier->counts[index];
        uint64_t stored = 0;
        enum status status;

        count_key_encode(&count->variant, bytes);
        status = verify_get(verifier, KV_META, (struct slice){bytes, sizeof bytes}, &found, error);
        if (status == BEHALF_OK && found)
            status = number_decode("edge count", buffer_slice(&verifier->other), &stored, error);
        if (status != BEHALF_OK)
            return status;
        if (stored != count->edges)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "meta: the count of type %u #%u @ type %u #%u is %" PRIu64
                             ", there are %" PRIu64 " edges",
                             count->variant.resource_type, count->variant.relation,
                             count->variant.subject_type, count->variant.subject_relation, stored,
                             count->edges);
    }
    if (verifier->counts_stored != verifier->count_count)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "meta: there are %zu counts for %zu kinds of edges",
                         verifier->counts_stored, verifier->count_count);
    return BEHALF_OK;
}

/* --- the two indexes --- */

static enum status
node_named(struct verifier *verifier, uint64_t node, const struct edge_key *key,
           struct error *error)
{
    char bytes[NODE_KEY_SIZE];
    bool found = false;
    enum status status;

    if (NODE_IS_WILDCARD(node)) {
        if (labels_name(verifier->store->labels, LABEL_TYPE, NODE_TYPE(node)).size == 0)
            return verify_edge_wrong(error, "forward", key, "names an unknown type");
        return BEHALF_OK;
    }
    bytes_put_u64(bytes, node);
    status = verify_get(verifier, KV_NODES, (struct slice){bytes, sizeof bytes}, &found, error);
    if (status == BEHALF_OK && !found)
        status = verify_edge_wrong(error, "forward", key, "names an unknown node");
    return status;
}

static enum status
labels_known(struct verifier *verifier, const struct edge *edge, struct error *error)
{
    struct labels *labels = verifier->store->labels;

    if (labels_name(labels, LABEL_RELATION, edge->key.relation).size == 0 ||
        (edge->key.subject_relation != LABEL_NONE &&
         labels_name(labels, LABEL_RELATION, edge->key.subject_relation).size == 0))
        return verify_edge_wrong(error, "forward", &edge->key, "names an unknown relation");
    if (edge->caveat != LABEL_NONE && labels_name(labels, LABEL_CAVEAT, edge->caveat).size == 0)
        return verify_edge_wrong(error, "forward", &edge->key, "names an unknown caveat");
    return BEHALF_OK;
}

static enum status
expiry_present(struct verifier *verifier, const struct edge *edge, const char *forward_key,
               struct error *error)
{
    char bytes[EXPIRY_KEY_SIZE];
    bool found = false;
    enum status status;

    if (edge->expires_at == 0)
        return BEHALF_OK;
    expiry_key_encode(edge->expires_at, forward_key, bytes);
    status = verify_get(verifier, KV_EXPIRY, (struct slice){bytes, sizeof bytes}, &found, error);
    if (status == BEHALF_OK && !found)
        status = verify_edge_wrong(error, "expiry", &edge->key, "is missing");
    return status;
}

/* The other index must have the same edge with the same value. */
static enum status
mirror_check(struct verifier *verifier, enum edge_direction direction, struct slice key,
             struct slice value, struct edge *edge, struct error *error)
{
    enum edge_direction other = direction == EDGE_FORWARD ? EDGE_REVERSE : EDGE_FORWARD;
    char bytes[EDGE_KEY_SIZE];
    bool found = false;
    enum status status = edge_key_decode(direction, key, &edge->key, error);

    if (status == BEHALF_OK)
        status = edge_value_decode(value, edge, error);
    if (status != BEHALF_OK)
        return status;
    if (edge->created_revision > verifier->snapshot->head.revision)
        return verify_edge_wrong(error, family_name(direction), &edge->key,
                                 "was created after the head revision");
    edge_key_encode(other, &edge->key, bytes);
    status = verify_get(verifier, other == EDGE_FORWARD ? KV_FORWARD : KV_REVERSE,
                        (struct slice){bytes, sizeof bytes}, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found)
        return verify_edge_wrong(error, family_name(other), &edge->key, "is missing");
    if (!slice_equal(value, buffer_slice(&verifier->other)))
        return verify_edge_wrong(error, family_name(other), &edge->key, "has another value");
    return BEHALF_OK;
}

static enum status
forward_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct edge edge = {.created_revision = 0};
    enum status status = mirror_check(verifier, EDGE_FORWARD, key, value, &edge, error);

    if (status == BEHALF_OK)
        status = labels_known(verifier, &edge, error);
    if (status == BEHALF_OK)
        status = node_named(verifier, edge.key.resource, &edge.key, error);
    if (status == BEHALF_OK)
        status = node_named(verifier, edge.key.subject, &edge.key, error);
    if (status == BEHALF_OK)
        status = expiry_present(verifier, &edge, key.data, error);
    if (status == BEHALF_OK)
        count_edge(verifier, &edge);
    return status;
}

static enum status
reverse_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct edge edge = {.created_revision = 0};

    return mirror_check(verifier, EDGE_REVERSE, key, value, &edge, error);
}

/* --- history --- */

/* The intervals of one edge must not overlap. */
static enum status
interval_check(struct verifier *verifier, struct slice key, const struct edge *edge,
               uint64_t deleted, struct error *error)
{
    const char *wrong = verify_interval(verifier, (struct slice){key.data, key.size - 8},
                                        edge->created_revision, deleted);

    if (wrong != NULL)
        return verify_edge_wrong(error, "history", &edge->key, wrong);
    return BEHALF_OK;
}

/* A value in force now must have begun when the last superseded one ended, or later. */
static enum status
head_follows(struct verifier *verifier, enum edge_direction direction, struct slice edge_key,
             const struct edge *old, uint64_t deleted, struct error *error)
{
    struct edge now;
    bool found = false;
    enum status status = verify_get(verifier, direction == EDGE_FORWARD ? KV_FORWARD : KV_REVERSE,
                                    edge_key, &found, error);

    if (status != BEHALF_OK || !found)
        return status;
    status = edge_value_decode(buffer_slice(&verifier->other), &now, error);
    if (status == BEHALF_OK && now.created_revision < deleted)
        status = verify_edge_wrong(error, "history", &old->key, "ended after the value in force");
    return status;
}

static enum status
edge_version(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct edge edge = {.created_revision = 0};
    enum edge_direction direction = EDGE_FORWARD;
    enum edge_direction other;
    struct slice edge_key = {NULL, 0};
    char bytes[EDGE_KEY_SIZE];
    char mirror[HISTORY_KEY_SIZE];
    uint64_t deleted = 0;
    bool found = false;
    enum status status = history_key_decode(key, &direction, &edge_key, &deleted, error);

    if (status == BEHALF_OK)
        status = edge_key_decode(direction, edge_key, &edge.key, error);
    if (status == BEHALF_OK)
        status = edge_value_decode(value, &edge, error);
    if (status == BEHALF_OK)
        status = interval_check(verifier, key, &edge, deleted, error);
    if (status == BEHALF_OK)
        status = head_follows(verifier, direction, edge_key, &edge, deleted, error);
    if (status != BEHALF_OK || deleted <= verifier->horizon)
        return status;
    other = direction == EDGE_FORWARD ? EDGE_REVERSE : EDGE_FORWARD;
    edge_key_encode(other, &edge.key, bytes);
    history_key_encode(other, bytes, deleted, mirror);
    status = verify_get(verifier, KV_HISTORY, (struct slice){mirror, sizeof mirror}, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found || !slice_equal(value, buffer_slice(&verifier->other)))
        return verify_edge_wrong(error, "history", &edge.key, "differs between the two directions");
    return BEHALF_OK;
}

static enum status
history_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    if (key.size > 0 && key.data[0] == HISTORY_OF_RECORDS)
        return verify_record_version(verifier, key, value, error);
    return edge_version(verifier, key, value, error);
}

static enum status
expiry_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct edge edge = {.created_revision = 0};
    int64_t expires_at = 0;
    bool found = false;
    enum status status = expiry_key_decode(key, &expires_at, &edge.key, error);

    if (status == BEHALF_OK)
        status = verify_get(verifier, KV_FORWARD, (struct slice){key.data + 8, EDGE_KEY_SIZE},
                            &found, error);
    if (status == BEHALF_OK && found)
        status = edge_value_decode(buffer_slice(&verifier->other), &edge, error);
    if (status != BEHALF_OK)
        return status;
    if (!found || edge.expires_at != expires_at || value.size != 0)
        return verify_edge_wrong(error, "expiry", &edge.key, "does not expire then");
    return BEHALF_OK;
}

enum status
verify_edges(struct verifier *verifier, struct error *error)
{
    enum status status = verify_each(verifier, KV_FORWARD, forward_visit, error);

    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_REVERSE, reverse_visit, error);
    if (status == BEHALF_OK)
        status = counts_compare(verifier, error);
    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_HISTORY, history_visit, error);
    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_EXPIRY, expiry_visit, error);
    return status;
}
