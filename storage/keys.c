/* keys.c - encoders and bounded decoders of the tables in keys.h.
 * Always true: a decoder checks the size before it reads, and refuses bits that no encoder sets. */
#include "storage/keys.h"

#define EDGE_EXPIRES 1U
#define EDGE_HAS_CAVEAT 2U
#define VARIANT_WILDCARD 1U
#define VARIANT_EXPIRING 2U

static enum status
corrupt(struct error *error, const char *what, struct slice bytes)
{
    char digits[2 * 32 + 1] = "";
    size_t shown = bytes.size < 32 ? bytes.size : 32;

    for (size_t index = 0; index < shown; index++) {
        unsigned byte = (unsigned char)bytes.data[index];

        digits[2 * index] = "0123456789abcdef"[byte >> 4];
        digits[2 * index + 1] = "0123456789abcdef"[byte & 15];
    }
    digits[2 * shown] = '\0';
    return error_set(error, BEHALF_STORAGE_CORRUPT, "%s has impossible bytes: %s%s (size %zu)",
                     what, digits, shown < bytes.size ? "..." : "", bytes.size);
}

void
edge_key_encode(enum edge_direction direction, const struct edge_key *key,
                char bytes[EDGE_KEY_SIZE])
{
    bool forward = direction == EDGE_FORWARD;

    bytes_put_u64(bytes, forward ? key->resource : key->subject);
    bytes_put_u16(bytes + 8, forward ? key->relation : key->subject_relation);
    bytes_put_u16(bytes + 10, forward ? key->subject_relation : key->relation);
    bytes_put_u64(bytes + 12, forward ? key->subject : key->resource);
}

static bool
edge_key_possible(const struct edge_key *key)
{
    return NODE_TYPE(key->resource) != 0 && NODE_TYPE(key->subject) != 0 &&
           key->relation != LABEL_NONE && !NODE_IS_WILDCARD(key->resource) &&
           !NODE_IS_LOCAL(key->resource) && !NODE_IS_LOCAL(key->subject) &&
           (!NODE_IS_WILDCARD(key->subject) || key->subject_relation == LABEL_NONE);
}

enum status
edge_key_decode(enum edge_direction direction, struct slice bytes, struct edge_key *key,
                struct error *error)
{
    struct edge_key read;
    uint64_t nodes[2];
    uint16_t labels[2];
    bool forward = direction == EDGE_FORWARD;

    if (bytes.size != EDGE_KEY_SIZE)
        return corrupt(error, "edge key", bytes);
    nodes[0] = bytes_get_u64(bytes.data);
    labels[0] = bytes_get_u16(bytes.data + 8);
    labels[1] = bytes_get_u16(bytes.data + 10);
    nodes[1] = bytes_get_u64(bytes.data + 12);
    read = (struct edge_key){
        .resource = nodes[forward ? 0 : 1],
        .subject = nodes[forward ? 1 : 0],
        .relation = labels[forward ? 0 : 1],
        .subject_relation = labels[forward ? 1 : 0],
    };
    if (!edge_key_possible(&read))
        return corrupt(error, "edge key", bytes);
    *key = read;
    return BEHALF_OK;
}

void
edge_tail_encode(const struct edge *edge, struct buffer *bytes)
{
    unsigned flags = (edge->expires_at != 0 ? EDGE_EXPIRES : 0U) |
                     (edge->caveat != LABEL_NONE ? EDGE_HAS_CAVEAT : 0U);
    char *at = buffer_reserve(bytes, 1 + 8 + 2 + edge->context.size);
    size_t size = 1;

    BEHALF_ASSERT(edge->caveat != LABEL_NONE || edge->context.size == 0);
    at[0] = (char)flags;
    if ((flags & EDGE_EXPIRES) != 0) {
        bytes_put_u64(at + size, time_to_bits(edge->expires_at));
        size += 8;
    }
    if ((flags & EDGE_HAS_CAVEAT) != 0) {
        bytes_put_u16(at + size, edge->caveat);
        size += 2;
        if (edge->context.size > 0)
            memcpy(at + size, edge->context.data, edge->context.size);
        size += edge->context.size;
    }
    buffer_added(bytes, size);
}

enum status
edge_tail_decode(struct slice bytes, struct edge *edge, struct error *error)
{
    int64_t expires_at = 0;
    uint16_t caveat = LABEL_NONE;
    size_t at = 1;
    unsigned flags;

    if (bytes.size < EDGE_TAIL_SIZE_MIN)
        return corrupt(error, "edge value", bytes);
    flags = (unsigned char)bytes.data[0];
    if ((flags & ~(EDGE_EXPIRES | EDGE_HAS_CAVEAT)) != 0)
        return corrupt(error, "edge value", bytes);
    if ((flags & EDGE_EXPIRES) != 0) {
        if (bytes.size - at < 8)
            return corrupt(error, "edge value", bytes);
        expires_at = time_from_bits(bytes_get_u64(bytes.data + at));
        at += 8;
        if (expires_at == 0)
            return corrupt(error, "edge value", bytes);
    }
    if ((flags & EDGE_HAS_CAVEAT) != 0) {
        if (bytes.size - at < 2)
            return corrupt(error, "edge value", bytes);
        caveat = bytes_get_u16(bytes.data + at);
        at += 2;
        if (caveat == LABEL_NONE)
            return corrupt(error, "edge value", bytes);
    } else if (at != bytes.size) {
        return corrupt(error, "edge value", bytes);
    }
    edge->expires_at = expires_at;
    edge->caveat = caveat;
    edge->context = (struct slice){bytes.data + at, bytes.size - at};
    return BEHALF_OK;
}

void
edge_value_encode(const struct edge *edge, struct buffer *bytes)
{
    bytes_put_u64(buffer_reserve(bytes, 8), edge->created_revision);
    buffer_added(bytes, 8);
    edge_tail_encode(edge, bytes);
}

enum status
edge_value_decode(struct slice bytes, struct edge *edge, struct error *error)
{
    uint64_t created;
    enum status status;

    if (bytes.size < 8 + EDGE_TAIL_SIZE_MIN)
        return corrupt(error, "edge value", bytes);
    created = bytes_get_u64(bytes.data);
    if (created == 0)
        return corrupt(error, "edge value", bytes);
    status = edge_tail_decode((struct slice){bytes.data + 8, bytes.size - 8}, edge, error);
    if (status == BEHALF_OK)
        edge->created_revision = created;
    return status;
}

void
history_key_encode(enum edge_direction direction, const char edge_key[EDGE_KEY_SIZE],
                   uint64_t deleted_revision, char bytes[HISTORY_KEY_SIZE])
{
    bytes[0] = direction == EDGE_FORWARD ? 0 : 1;
    memcpy(bytes + 1, edge_key, EDGE_KEY_SIZE);
    bytes_put_u64(bytes + 1 + EDGE_KEY_SIZE, deleted_revision);
}

enum status
history_key_decode(struct slice bytes, enum edge_direction *direction, struct slice *edge_key,
                   uint64_t *deleted_revision, struct error *error)
{
    if (bytes.size != HISTORY_KEY_SIZE || (unsigned char)bytes.data[0] > 1) /* not of a record */
        return corrupt(error, "history key", bytes);
    *direction = bytes.data[0] == 0 ? EDGE_FORWARD : EDGE_REVERSE;
    *edge_key = (struct slice){bytes.data + 1, EDGE_KEY_SIZE};
    *deleted_revision = bytes_get_u64(bytes.data + 1 + EDGE_KEY_SIZE);
    return BEHALF_OK;
}

void
expiry_key_encode(int64_t expires_at, const char forward_key[EDGE_KEY_SIZE],
                  char bytes[EXPIRY_KEY_SIZE])
{
    bytes_put_u64(bytes, time_to_bits(expires_at));
    memcpy(bytes + 8, forward_key, EDGE_KEY_SIZE);
}

enum status
expiry_key_decode(struct slice bytes, int64_t *expires_at, struct edge_key *key,
                  struct error *error)
{
    enum status status;

    if (bytes.size != EXPIRY_KEY_SIZE)
        return corrupt(error, "expiry key", bytes);
    status =
        edge_key_decode(EDGE_FORWARD, (struct slice){bytes.data + 8, EDGE_KEY_SIZE}, key, error);
    if (status == BEHALF_OK)
        *expires_at = time_from_bits(bytes_get_u64(bytes.data));
    return status;
}

struct slice
name_key_encode(uint16_t type, unsigned kind, struct slice name, char bytes[NAME_KEY_SIZE_MAX])
{
    size_t size = 2;

    BEHALF_ASSERT((type == LABEL_TYPE_NUMBER) == (kind != 0));
    BEHALF_ASSERT(name.size <= STORE_NAME_SIZE_MAX);
    bytes_put_u16(bytes, type);
    if (kind != 0)
        bytes[size++] = (char)kind;
    if (name.size > 0)
        memcpy(bytes + size, name.data, name.size);
    return (struct slice){bytes, size + name.size};
}

enum status
number_decode(const char *what, struct slice bytes, uint64_t *number, struct error *error)
{
    if (bytes.size != 8)
        return corrupt(error, what, bytes);
    *number = bytes_get_u64(bytes.data);
    return BEHALF_OK;
}

void
next_key_encode(uint16_t type, unsigned kind, char bytes[NEXT_KEY_SIZE])
{
    memcpy(bytes, META_NEXT, 5);
    bytes_put_u16(bytes + 5, type);
    bytes[7] = (char)kind;
}

void
count_key_encode(const struct edge_variant *variant, char bytes[COUNT_KEY_SIZE])
{
    char *at = bytes + 6;

    memcpy(bytes, META_COUNT, 6);
    bytes_put_u16(at, variant->resource_type);
    bytes_put_u16(at + 2, variant->relation);
    bytes_put_u16(at + 4, variant->subject_type);
    bytes_put_u16(at + 6, variant->subject_relation);
    bytes_put_u16(at + 8, variant->caveat);
    at[10] = (char)((variant->wildcard ? VARIANT_WILDCARD : 0U) |
                    (variant->expiring ? VARIANT_EXPIRING : 0U));
}

enum status
count_key_decode(struct slice bytes, struct edge_variant *variant, struct error *error)
{
    const char *at = bytes.data + 6;
    unsigned flags;

    if (bytes.size != COUNT_KEY_SIZE || memcmp(bytes.data, META_COUNT, 6) != 0)
        return corrupt(error, "count key", bytes);
    flags = (unsigned char)at[10];
    if ((flags & ~(VARIANT_WILDCARD | VARIANT_EXPIRING)) != 0)
        return corrupt(error, "count key", bytes);
    *variant = (struct edge_variant){
        .resource_type = bytes_get_u16(at),
        .relation = bytes_get_u16(at + 2),
        .subject_type = bytes_get_u16(at + 4),
        .subject_relation = bytes_get_u16(at + 6),
        .caveat = bytes_get_u16(at + 8),
        .wildcard = (flags & VARIANT_WILDCARD) != 0,
        .expiring = (flags & VARIANT_EXPIRING) != 0,
    };
    return BEHALF_OK;
}

void
edge_variant_of(const struct edge *edge, struct edge_variant *variant)
{
    *variant = (struct edge_variant){
        .resource_type = NODE_TYPE(edge->key.resource),
        .relation = edge->key.relation,
        .subject_type = NODE_TYPE(edge->key.subject),
        .subject_relation = edge->key.subject_relation,
        .caveat = edge->caveat,
        .wildcard = NODE_IS_WILDCARD(edge->key.subject),
        .expiring = edge->expires_at != 0,
    };
}

void
head_encode(const struct store_head *head, char bytes[HEAD_SIZE])
{
    bytes_put_u64(bytes, head->revision);
    memcpy(bytes + 8, head->chain, DIGEST_SIZE);
    bytes_put_u64(bytes + 8 + DIGEST_SIZE, time_to_bits(head->time_ns));
}

enum status
head_decode(struct slice bytes, struct store_head *head, struct error *error)
{
    if (bytes.size != HEAD_SIZE)
        return corrupt(error, "head record", bytes);
    head->revision = bytes_get_u64(bytes.data);
    memcpy(head->chain, bytes.data + 8, DIGEST_SIZE);
    head->time_ns = time_from_bits(bytes_get_u64(bytes.data + 8 + DIGEST_SIZE));
    return BEHALF_OK;
}

#define CLOCK_AHEAD 1

void
clock_encode(const struct store_clock *clock, char bytes[CLOCK_SIZE])
{
    bytes_put_u64(bytes, time_to_bits(clock->floor_ns));
    bytes_put_u64(bytes + 8, time_to_bits(clock->trusted_ns));
    bytes[16] = clock->ahead ? CLOCK_AHEAD : 0;
}

enum status
clock_decode(struct slice bytes, struct store_clock *clock, struct error *error)
{
    if (bytes.size != CLOCK_SIZE || (bytes.data[16] & ~CLOCK_AHEAD) != 0)
        return corrupt(error, "clock record", bytes);
    clock->floor_ns = time_from_bits(bytes_get_u64(bytes.data));
    clock->trusted_ns = time_from_bits(bytes_get_u64(bytes.data + 8));
    clock->ahead = (bytes.data[16] & CLOCK_AHEAD) != 0;
    return BEHALF_OK;
}

void
request_key_encode(const uint8_t digest[REQUEST_DIGEST_SIZE], int64_t time_ns,
                   char bytes[REQUEST_KEY_SIZE])
{
    memcpy(bytes, digest, REQUEST_DIGEST_SIZE);
    bytes_put_u64(bytes + REQUEST_DIGEST_SIZE, time_to_bits(time_ns));
}

enum status
request_decode(struct slice key, struct slice value, struct store_request *request,
               struct error *error)
{
    if (key.size != REQUEST_KEY_SIZE)
        return corrupt(error, "request key", key);
    if (value.size != REQUEST_VALUE_SIZE)
        return corrupt(error, "request record", value);
    memcpy(request->digest, value.data, DIGEST_SIZE);
    request->revision = bytes_get_u64(value.data + DIGEST_SIZE);
    request->time_ns = time_from_bits(bytes_get_u64(key.data + REQUEST_DIGEST_SIZE));
    return BEHALF_OK;
}

/* --- records --- */

/* The size of an id by kind of record, and of an entry by index; 0 = there is no such kind. Keys
 * take their parts from these sizes, so that none is a prefix of another. */
static const uint8_t id_sizes[] = {
    [RECORD_SESSION] = 16, [RECORD_GRANT] = 16,     [RECORD_USES] = 16,
    [RECORD_REQUEST] = 16, [RECORD_ATTRIBUTES] = 8, [RECORD_STOP] = 17,
};
static const uint8_t entry_sizes[] = {
    [RECORD_INDEX_ENDS] = 8,     [RECORD_INDEX_PRINCIPAL] = 16, [RECORD_INDEX_AGENT] = 16,
    [RECORD_INDEX_SESSION] = 24, [RECORD_INDEX_DELEGATEE] = 16, [RECORD_INDEX_PARTIES] = 24,
    [RECORD_INDEX_DENIAL] = 16,
};

void
store_time_encode(int64_t time_ns, char bytes[8])
{
    bytes_put_u64(bytes, time_to_bits(time_ns));
}

struct slice
record_key_encode(const struct store_record_key *key, char bytes[RECORD_KEY_SIZE_MAX])
{
    BEHALF_ASSERT((size_t)key->kind < sizeof id_sizes && key->id_size == id_sizes[key->kind] &&
                  key->id_size > 0);
    bytes[0] = (char)key->kind;
    memcpy(bytes + 1, key->id, key->id_size);
    return (struct slice){bytes, 1 + (size_t)key->id_size};
}

enum status
record_key_decode(struct slice bytes, struct store_record_key *key, struct error *error)
{
    unsigned kind = bytes.size > 0 ? (unsigned char)bytes.data[0] : 0;

    if (kind == 0 || kind >= sizeof id_sizes || bytes.size != 1 + (size_t)id_sizes[kind])
        return corrupt(error, "record key", bytes);
    *key = (struct store_record_key){.kind = (enum record_kind)kind, .id_size = id_sizes[kind]};
    memcpy(key->id, bytes.data + 1, key->id_size);
    return BEHALF_OK;
}

void
record_tail_encode(const struct store_record *record, struct buffer *bytes)
{
    BEHALF_ASSERT(record->entry_count <= STORE_RECORD_INDEXES_MAX);
    bytes_put_u64(buffer_reserve(bytes, 8), time_to_bits(record->ends));
    buffer_added(bytes, 8);
    buffer_add_byte(bytes, (char)record->entry_count);
    for (size_t at = 0; at < record->entry_count; at++) {
        const struct store_record_entry *entry = &record->entries[at];

        BEHALF_ASSERT(entry->bytes.size <= STORE_INDEX_KEY_MAX);
        buffer_add_byte(bytes, (char)entry->index);
        buffer_add_byte(bytes, (char)entry->bytes.size);
        buffer_add_slice(bytes, entry->bytes);
    }
    buffer_add_slice(bytes, record->body);
}

/* The entry at `*at`, which moves behind it. Entries ascend: a record has one encoding. */
static bool
entry_decode(struct slice bytes, size_t *at, unsigned last, struct store_record_entry *entry)
{
    unsigned index;
    size_t size;

    if (bytes.size - *at < 2)
        return false;
    index = (unsigned char)bytes.data[*at];
    size = (unsigned char)bytes.data[*at + 1];
    *at += 2;
    if (index <= last || index >= sizeof entry_sizes || size != entry_sizes[index] ||
        bytes.size - *at < size)
        return false;
    *entry = (struct store_record_entry){(enum record_index)index, {bytes.data + *at, size}};
    *at += size;
    return true;
}

enum status
record_tail_decode(struct slice bytes, struct store_record *record, struct error *error)
{
    unsigned last = RECORD_INDEX_ENDS;
    size_t at = 9;
    size_t count;

    if (bytes.size < at)
        return corrupt(error, "record value", bytes);
    count = (unsigned char)bytes.data[8];
    if (count > STORE_RECORD_INDEXES_MAX)
        return corrupt(error, "record value", bytes);
    for (size_t number = 0; number < count; number++) {
        if (!entry_decode(bytes, &at, last, &record->entries[number]))
            return corrupt(error, "record value", bytes);
        last = record->entries[number].index;
    }
    if (bytes.size - at > STORE_RECORD_SIZE_MAX)
        return corrupt(error, "record value", bytes);
    record->ends = time_from_bits(bytes_get_u64(bytes.data));
    record->entry_count = count;
    record->body = (struct slice){bytes.data + at, bytes.size - at};
    return BEHALF_OK;
}

enum status
record_value_decode(struct slice bytes, struct store_record *record, struct error *error)
{
    uint64_t created;
    enum status status;

    if (bytes.size < 8)
        return corrupt(error, "record value", bytes);
    created = bytes_get_u64(bytes.data);
    if (created == 0)
        return corrupt(error, "record value", bytes);
    status = record_tail_decode((struct slice){bytes.data + 8, bytes.size - 8}, record, error);
    if (status == BEHALF_OK)
        record->created_revision = created;
    return status;
}

struct slice
record_history_key_encode(struct slice record_key, uint64_t deleted_revision,
                          char bytes[RECORD_HISTORY_KEY_SIZE_MAX])
{
    BEHALF_ASSERT(record_key.size <= RECORD_KEY_SIZE_MAX);
    bytes[0] = HISTORY_OF_RECORDS;
    memcpy(bytes + 1, record_key.data, record_key.size);
    bytes_put_u64(bytes + 1 + record_key.size, deleted_revision);
    return (struct slice){bytes, 1 + record_key.size + 8};
}

enum status
record_history_key_decode(struct slice bytes, struct store_record_key *key,
                          uint64_t *deleted_revision, struct error *error)
{
    enum status status;

    if (bytes.size < 1 + 8 || bytes.data[0] != HISTORY_OF_RECORDS)
        return corrupt(error, "history key", bytes);
    status = record_key_decode((struct slice){bytes.data + 1, bytes.size - 1 - 8}, key, error);
    if (status == BEHALF_OK && key->kind == RECORD_USES)
        return corrupt(error, "history key", bytes);
    if (status == BEHALF_OK)
        *deleted_revision = bytes_get_u64(bytes.data + bytes.size - 8);
    return status;
}

struct slice
index_key_encode(enum record_index index, struct slice entry, struct slice record_key,
                 char bytes[INDEX_KEY_SIZE_MAX])
{
    BEHALF_ASSERT((size_t)index < sizeof entry_sizes && entry.size == entry_sizes[index]);
    BEHALF_ASSERT(record_key.size <= RECORD_KEY_SIZE_MAX);
    bytes[0] = (char)index;
    memcpy(bytes + 1, entry.data, entry.size);
    memcpy(bytes + 1 + entry.size, record_key.data, record_key.size);
    return (struct slice){bytes, 1 + entry.size + record_key.size};
}

enum status
index_key_decode(struct slice bytes, enum record_index *index, struct slice *entry,
                 struct store_record_key *key, struct error *error)
{
    unsigned number = bytes.size > 0 ? (unsigned char)bytes.data[0] : UINT8_MAX;
    size_t front;
    enum status status;

    if (number >= sizeof entry_sizes || bytes.size < 1 + (size_t)entry_sizes[number])
        return corrupt(error, "index key", bytes);
    front = 1 + (size_t)entry_sizes[number];
    status = record_key_decode((struct slice){bytes.data + front, bytes.size - front}, key, error);
    if (status == BEHALF_OK) {
        *index = (enum record_index)number;
        *entry = (struct slice){bytes.data + 1, entry_sizes[number]};
    }
    return status;
}

enum status
seen_decode(struct slice key, struct slice value, struct store_seen *seen, struct error *error)
{
    if (key.size != SEEN_KEY_SIZE)
        return corrupt(error, "seen key", key);
    if (value.size != SEEN_VALUE_SIZE)
        return corrupt(error, "seen record", value);
    memcpy(seen->session, key.data, SEEN_KEY_SIZE);
    seen->time_ns = time_from_bits(bytes_get_u64(value.data));
    return BEHALF_OK;
}
