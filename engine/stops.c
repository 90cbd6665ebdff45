/* stops.c - an immutable set in one block: stops, nodes of agents, places of a hash table, bytes of
 * clients.
 * Always true: one stop for each scope and party; at most half of the places are taken; clients of
 * the set lie in its block. */
#include "engine/stops.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "base/digest.h"
#include "base/memory.h"

#define PLACE_FREE UINT32_MAX
#define PARTY_SIZE 16 /* of a key, behind its scope */

struct stops {
    atomic_uint references;
    uint32_t count;
    uint32_t mask;    /* places - 1 */
    uint32_t *places; /* of stops; PLACE_FREE */
    struct stop *items;
    uint64_t *agents; /* that a stop in force cuts off, ascending */
    size_t agent_count;
    char *clients; /* where the next one goes */
};

/* --- the set --- */

static uint64_t
hash_of(enum stop_scope scope, uint64_t node, struct slice client)
{
    uint64_t party = scope == STOP_CLIENT ? digest_hash(client) : node;

    /* The type's label is in the highest bits of a node: rotated, the scope is beside it. */
    return digest_hash_u64(party ^ (uint64_t)scope << 60);
}

static bool
is_on(const struct stop *stop, enum stop_scope scope, uint64_t node, struct slice client)
{
    if (stop->scope != scope)
        return false;
    switch (scope) {
    case STOP_AGENT:
    case STOP_PRINCIPAL:
        return stop->node == node;
    case STOP_CLIENT:
        return slice_equal(stop->client, client);
    case STOP_EVERYTHING:
        break;
    }
    return true;
}

/* The place of the stop on a party, or the free one where it would be. */
static uint32_t *
place_of(const struct stops *stops, enum stop_scope scope, uint64_t node, struct slice client)
{
    uint32_t at = (uint32_t)hash_of(scope, node, client);

    for (;; at++) {
        uint32_t *place = &stops->places[at & stops->mask];

        if (*place == PLACE_FREE || is_on(&stops->items[*place], scope, node, client))
            return place;
    }
}

/* Empty, with room for so many. */
static struct stops *
new_stops(size_t count, size_t client_bytes)
{
    size_t places = 4;
    struct stops *stops;

    while (places < 2 * count)
        places *= 2;
    BEHALF_ASSERT(places < PLACE_FREE);
    stops = memory_new(sizeof *stops + count * (sizeof *stops->items + sizeof *stops->agents) +
                       places * sizeof *stops->places + client_bytes);
    atomic_init(&stops->references, 1);
    stops->mask = (uint32_t)(places - 1);
    stops->items = (struct stop *)(stops + 1);
    stops->agents = (uint64_t *)(stops->items + count);
    stops->places = (uint32_t *)(stops->agents + count);
    stops->clients = (char *)(stops->places + places);
    memset(stops->places, UINT8_MAX, places * sizeof *stops->places);
    return stops;
}

static void
put(struct stops *stops, const struct stop *stop)
{
    struct slice client = stop->scope == STOP_CLIENT ? stop->client : (struct slice){NULL, 0};
    uint64_t node = stop->scope == STOP_AGENT || stop->scope == STOP_PRINCIPAL ? stop->node : 0;
    uint32_t *place = place_of(stops, stop->scope, node, client);

    if (*place == PLACE_FREE) {
        *place = stops->count++;
        if (client.size > 0)
            memcpy(stops->clients, client.data, client.size);
        client.data = stops->clients;
        stops->clients += client.size;
    } else {
        client = stops->items[*place].client; /* the same bytes */
    }
    stops->items[*place] = (struct stop){stop->scope, node, stop->epoch, stop->in_force, client};
}

static size_t
client_bytes(const struct stop *stops, size_t count)
{
    size_t bytes = 0;

    for (size_t at = 0; at < count; at++)
        bytes += stops[at].scope == STOP_CLIENT ? stops[at].client.size : 0;
    return bytes;
}

static int
compare_nodes(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return (*a > *b) - (*a < *b);
}

static void
list_agents(struct stops *stops)
{
    for (size_t at = 0; at < stops->count; at++) {
        if (stops->items[at].scope == STOP_AGENT && stops->items[at].in_force)
            stops->agents[stops->agent_count++] = stops->items[at].node;
    }
    qsort(stops->agents, stops->agent_count, sizeof *stops->agents, compare_nodes);
}

struct stops *
stops_with(const struct stops *stops, const struct stop *changed, size_t count)
{
    size_t before = stops == NULL ? 0 : stops->count;
    size_t bytes = before == 0 ? 0 : client_bytes(stops->items, before);
    struct stops *with = new_stops(before + count, bytes + client_bytes(changed, count));

    for (size_t at = 0; at < before; at++)
        put(with, &stops->items[at]);
    for (size_t at = 0; at < count; at++)
        put(with, &changed[at]);
    list_agents(with);
    return with;
}

struct stops *
stops_ref(struct stops *stops)
{
    /* Relaxed: the caller has a reference, which keeps it alive. */
    if (stops != NULL)
        (void)atomic_fetch_add_explicit(&stops->references, 1, memory_order_relaxed);
    return stops;
}

void
stops_unref(struct stops *stops)
{
    if (stops != NULL &&
        atomic_fetch_sub_explicit(&stops->references, 1, memory_order_acq_rel) == 1)
        memory_free(stops);
}

bool
stops_are_none(const struct stops *stops)
{
    return stops == NULL || stops->count == 0;
}

const struct stop *
stops_on(const struct stops *stops, enum stop_scope scope, uint64_t node, struct slice client)
{
    uint32_t place;

    if (BEHALF_LIKELY(stops == NULL || stops->count == 0))
        return NULL;
    if (scope == STOP_CLIENT || scope == STOP_EVERYTHING)
        node = 0;
    place = *place_of(stops, scope, node, client);
    return place == PLACE_FREE ? NULL : &stops->items[place];
}

const uint64_t *
stops_agents(const struct stops *stops, size_t *count)
{
    *count = stops == NULL ? 0 : stops->agent_count;
    return *count == 0 ? NULL : stops->agents;
}

/* --- stored stops --- */

static enum status
corrupt(struct error *error)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT, "the stored stop is not what is written");
}

/* Scope and node from the key. */
static bool
decode_key(const struct store_record_key *key, struct stop *stop)
{
    static const uint8_t zeros[PARTY_SIZE];

    if (key->kind != RECORD_STOP || key->id_size != 1 + PARTY_SIZE || key->id[0] < STOP_AGENT ||
        key->id[0] > STOP_EVERYTHING)
        return false;
    *stop = (struct stop){.scope = (enum stop_scope)key->id[0]};
    switch (stop->scope) {
    case STOP_AGENT:
    case STOP_PRINCIPAL:
        stop->node = bytes_get_u64(key->id + 1);
        return memcmp(key->id + 1 + 8, zeros, 8) == 0;
    case STOP_CLIENT:
        return true;
    case STOP_EVERYTHING:
        break;
    }
    return memcmp(key->id + 1, zeros, PARTY_SIZE) == 0;
}

enum stop_field {
    FIELD_PARTY = 1,
    FIELD_EPOCH = 2,
    FIELD_IN_FORCE = 4,
    FIELD_AT = 8,
    FIELD_REASON = 16,
    FIELD_BY = 32,
};

#define FIELDS_REQUIRED (FIELD_PARTY | FIELD_EPOCH | FIELD_IN_FORCE | FIELD_AT)

/* 0: no field of a stop of this scope. */
static unsigned
field_of(enum stop_scope scope, struct slice key)
{
    static const char *const parties[] = {[STOP_AGENT] = "agent",
                                          [STOP_CLIENT] = "client",
                                          [STOP_PRINCIPAL] = "principal",
                                          [STOP_EVERYTHING] = "everything"};

    if (slice_equal(key, slice_of(parties[scope])))
        return FIELD_PARTY;
    if (slice_equal(key, SLICE_LITERAL("epoch")))
        return FIELD_EPOCH;
    if (slice_equal(key, SLICE_LITERAL("in_force")))
        return FIELD_IN_FORCE;
    if (slice_equal(key, SLICE_LITERAL("at")))
        return FIELD_AT;
    if (slice_equal(key, SLICE_LITERAL("by")))
        return FIELD_BY;
    return slice_equal(key, SLICE_LITERAL("reason")) ? FIELD_REASON : 0;
}

static bool
take_field(unsigned field, const struct datum *value, struct stop *stop)
{
    switch (field) {
    case FIELD_PARTY:
        if (stop->scope == STOP_EVERYTHING)
            return value->kind == DATUM_BOOL && value->as.boolean;
        if (stop->scope == STOP_CLIENT && value->kind == DATUM_STRING)
            stop->client = value->as.string;
        return value->kind == DATUM_STRING && value->as.string.size > 0;
    case FIELD_EPOCH:
        if (value->kind == DATUM_INT)
            stop->epoch = (uint64_t)value->as.integer;
        return value->kind == DATUM_INT && value->as.integer >= 0;
    case FIELD_IN_FORCE:
        if (value->kind == DATUM_BOOL)
            stop->in_force = value->as.boolean;
        return value->kind == DATUM_BOOL;
    case FIELD_AT:
        return value->kind == DATUM_INT;
    case FIELD_REASON:
    case FIELD_BY:
        return value->kind == DATUM_STRING;
    default:
        return false;
    }
}

/* The digest in the key is that of the client in the body. */
static bool
has_digest(const struct store_record_key *key, struct slice client)
{
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(&client, 1, digest);
    return memcmp(key->id + 1, digest, PARTY_SIZE) == 0;
}

enum status
stop_decode(const struct store_record *record, struct stop *stop, struct error *error)
{
    struct datum_cursor cursor;
    unsigned taken = 0;

    if (!decode_key(&record->key, stop) || !datum_open_map(record->body, &cursor))
        return corrupt(error);
    while (cursor.left > 0) {
        struct slice key;
        struct slice bytes;
        struct datum value;
        unsigned field;

        if (!datum_next_field(&cursor, &key, &bytes) || !datum_read_scalar(bytes, &value))
            return corrupt(error);
        field = field_of(stop->scope, key);
        if (field == 0 || (taken & field) != 0 || !take_field(field, &value, stop))
            return corrupt(error);
        taken |= field;
    }
    if ((taken & FIELDS_REQUIRED) != FIELDS_REQUIRED)
        return corrupt(error);
    if (stop->scope == STOP_CLIENT && !has_digest(&record->key, stop->client))
        return corrupt(error);
    return BEHALF_OK;
}

/* --- all that the store has --- */

struct loading {
    const struct store_snapshot *snapshot;
    uint64_t revision; /* 0 = the head */
    struct buffer bytes;
    struct stop *stops;
    size_t count;
    size_t capacity;
    struct arena clients;
    enum status status;
    struct error *error;
};

/* One that was ordered after the revision is left out; one that changed since is as it was. */
static bool
load_one(void *context, const struct store_record *record)
{
    struct loading *loading = context;
    struct store_record older;
    bool found = true;
    struct stop stop;

    if (loading->revision != 0) {
        loading->status = store_record_find(loading->snapshot, loading->revision, &record->key,
                                            &older, &loading->bytes, &found, loading->error);
        record = &older;
    }
    if (loading->status == BEHALF_OK && found)
        loading->status = stop_decode(record, &stop, loading->error);
    if (loading->status != BEHALF_OK || !found)
        return loading->status == BEHALF_OK;
    if (stop.scope == STOP_CLIENT)
        stop.client = arena_copy(&loading->clients, stop.client);
    loading->stops = memory_reserve(loading->stops, loading->count + 1, &loading->capacity,
                                    sizeof *loading->stops);
    loading->stops[loading->count++] = stop;
    return true;
}

static enum status
load(struct loading *loading, struct stops **stops)
{
    enum status status;

    arena_init(&loading->clients, SIZE_MAX / 2);
    buffer_init(&loading->bytes);
    status = store_records(loading->snapshot, RECORD_STOP, load_one, loading, loading->error);
    if (status == BEHALF_OK)
        status = loading->status;
    if (status == BEHALF_OK)
        *stops = stops_with(NULL, loading->stops, loading->count);
    memory_free(loading->stops);
    buffer_release(&loading->bytes);
    arena_release(&loading->clients);
    return status;
}

enum status
stops_load(const struct store_snapshot *snapshot, struct stops **stops, struct error *error)
{
    return load(&(struct loading){.snapshot = snapshot, .error = error}, stops);
}

enum status
stops_load_at(const struct store_snapshot *snapshot, uint64_t revision, struct stops **stops,
              struct error *error)
{
    return load(&(struct loading){.snapshot = snapshot, .revision = revision, .error = error},
                stops);
}
