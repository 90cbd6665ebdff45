/* changelog.c - encoder and bounded decoder of changelog entries.
 * Always true: the decoder accepts only bytes that the encoder makes, in their one order, and never
 * reads past the entry, since an entry may come from outside. */
#include "storage/changelog.h"

#define CHANGELOG_VERSION 1

static void
add_u16(struct buffer *entry, uint16_t value)
{
    bytes_put_u16(buffer_reserve(entry, 2), value);
    buffer_added(entry, 2);
}

static void
add_u32(struct buffer *entry, uint32_t value)
{
    bytes_put_u32(buffer_reserve(entry, 4), value);
    buffer_added(entry, 4);
}

static void
add_u64(struct buffer *entry, uint64_t value)
{
    bytes_put_u64(buffer_reserve(entry, 8), value);
    buffer_added(entry, 8);
}

static void
add_kind(struct buffer *entry, enum changelog_kind kind)
{
    buffer_add_byte(entry, (char)kind);
}

static void
add_edge_key(struct buffer *entry, const struct edge_key *key)
{
    edge_key_encode(EDGE_FORWARD, key, buffer_reserve(entry, EDGE_KEY_SIZE));
    buffer_added(entry, EDGE_KEY_SIZE);
}

static void
add_long(struct buffer *entry, struct slice bytes)
{
    BEHALF_ASSERT(bytes.size <= UINT32_MAX);
    add_u32(entry, (uint32_t)bytes.size);
    buffer_add_slice(entry, bytes);
}

static void
add_short(struct buffer *entry, struct slice bytes)
{
    BEHALF_ASSERT(bytes.size <= UINT16_MAX);
    add_u16(entry, (uint16_t)bytes.size);
    buffer_add_slice(entry, bytes);
}

void
changelog_begin(struct buffer *entry, const struct changelog_header *header)
{
    buffer_clear(entry);
    buffer_add_byte(entry, CHANGELOG_VERSION);
    add_u64(entry, header->revision);
    add_u64(entry, time_to_bits(header->time_ns));
    buffer_add(entry, header->previous, DIGEST_SIZE);
}

void
changelog_add_label(struct buffer *entry, enum label_kind kind, uint16_t label, struct slice name)
{
    add_kind(entry, CHANGELOG_LABEL);
    buffer_add_byte(entry, (char)(kind + 1));
    add_u16(entry, label);
    add_short(entry, name);
}

void
changelog_add_node(struct buffer *entry, uint64_t node, struct slice id)
{
    add_kind(entry, CHANGELOG_NODE);
    add_u64(entry, node);
    add_short(entry, id);
}

void
changelog_add_put(struct buffer *entry, const struct edge_key *key, struct slice tail)
{
    add_kind(entry, CHANGELOG_PUT);
    add_edge_key(entry, key);
    add_long(entry, tail);
}

void
changelog_add_remove(struct buffer *entry, const struct edge_key *key)
{
    add_kind(entry, CHANGELOG_REMOVE);
    add_edge_key(entry, key);
}

void
changelog_add_schema(struct buffer *entry, struct slice text)
{
    add_kind(entry, CHANGELOG_SCHEMA);
    add_long(entry, text);
}

void
changelog_add_metadata(struct buffer *entry, struct slice metadata)
{
    add_kind(entry, CHANGELOG_METADATA);
    add_long(entry, metadata);
}

void
changelog_add_request(struct buffer *entry, const uint8_t key[REQUEST_DIGEST_SIZE],
                      const uint8_t digest[DIGEST_SIZE])
{
    add_kind(entry, CHANGELOG_REQUEST);
    buffer_add(entry, key, REQUEST_DIGEST_SIZE);
    buffer_add(entry, digest, DIGEST_SIZE);
}

void
changelog_add_sweep(struct buffer *entry, int64_t time_ns)
{
    add_kind(entry, CHANGELOG_SWEEP);
    add_u64(entry, time_to_bits(time_ns));
}

static void
add_record_key(struct buffer *entry, const struct store_record_key *key)
{
    buffer_add_byte(entry, (char)key->kind);
    buffer_add_byte(entry, (char)key->id_size);
    buffer_add(entry, key->id, key->id_size);
}

void
changelog_add_record_put(struct buffer *entry, const struct store_record_key *key,
                         struct slice tail)
{
    add_kind(entry, CHANGELOG_RECORD_PUT);
    add_record_key(entry, key);
    add_long(entry, tail);
}

void
changelog_add_record_remove(struct buffer *entry, const struct store_record_key *key)
{
    add_kind(entry, CHANGELOG_RECORD_REMOVE);
    add_record_key(entry, key);
}

void
changelog_add_caller(struct buffer *entry, struct slice caller)
{
    BEHALF_ASSERT(caller.size > 0 && caller.size <= STORE_CALLER_SIZE_MAX);
    add_kind(entry, CHANGELOG_CALLER);
    buffer_add_byte(entry, (char)caller.size);
    buffer_add_slice(entry, caller);
}

/* --- reading --- */

static bool
take(struct slice *rest, size_t size, struct slice *bytes)
{
    if (rest->size < size)
        return false;
    *bytes = (struct slice){rest->data, size};
    rest->data += size;
    rest->size -= size;
    return true;
}

static bool
take_short(struct slice *rest, struct slice *bytes)
{
    return take(rest, 2, bytes) && take(rest, bytes_get_u16(bytes->data), bytes);
}

static bool
take_long(struct slice *rest, struct slice *bytes)
{
    return take(rest, 4, bytes) && take(rest, bytes_get_u32(bytes->data), bytes);
}

static enum status
broken(struct error *error, const char *what)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT, "changelog entry does not parse: %s", what);
}

enum status
changelog_open(struct slice entry, struct changelog_reader *reader, struct changelog_header *header,
               struct error *error)
{
    struct slice bytes;

    if (!take(&entry, CHANGELOG_HEADER_SIZE, &bytes))
        return broken(error, "it is cut short");
    if (bytes.data[0] != CHANGELOG_VERSION)
        return broken(error, "it is of an unknown version");
    header->revision = bytes_get_u64(bytes.data + 1);
    header->time_ns = time_from_bits(bytes_get_u64(bytes.data + 9));
    memcpy(header->previous, bytes.data + 17, DIGEST_SIZE);
    if (header->revision == 0)
        return broken(error, "revision 0");
    *reader = (struct changelog_reader){.rest = entry, .last = CHANGELOG_LABEL};
    return BEHALF_OK;
}

static bool
take_label(struct slice *rest, struct changelog_record *record)
{
    struct slice bytes;

    if (!take(rest, 3, &bytes) || bytes.data[0] < 1 || bytes.data[0] > LABEL_KIND_COUNT)
        return false;
    record->label_kind = (enum label_kind)(bytes.data[0] - 1);
    record->label = bytes_get_u16(bytes.data + 1);
    return record->label != LABEL_NONE && take_short(rest, &record->bytes) &&
           record->bytes.size > 0 && record->bytes.size <= STORE_NAME_SIZE_MAX;
}

static bool
take_node(struct slice *rest, struct changelog_record *record)
{
    struct slice bytes;

    if (!take(rest, 8, &bytes))
        return false;
    record->node = bytes_get_u64(bytes.data);
    return NODE_TYPE(record->node) != 0 && !NODE_IS_WILDCARD(record->node) &&
           !NODE_IS_LOCAL(record->node) && take_short(rest, &record->bytes) &&
           record->bytes.size > 0 && record->bytes.size <= STORE_NAME_SIZE_MAX;
}

static bool
take_edge(struct slice *rest, struct changelog_record *record)
{
    struct slice bytes;

    if (!take(rest, EDGE_KEY_SIZE, &bytes) ||
        edge_key_decode(EDGE_FORWARD, bytes, &record->edge.key, NULL) != BEHALF_OK)
        return false;
    if (record->kind == CHANGELOG_REMOVE)
        return true;
    return take_long(rest, &bytes) && edge_tail_decode(bytes, &record->edge, NULL) == BEHALF_OK;
}

static bool
take_request(struct slice *rest, struct changelog_record *record)
{
    struct slice bytes;

    if (!take(rest, REQUEST_DIGEST_SIZE, &record->bytes) || !take(rest, DIGEST_SIZE, &bytes))
        return false;
    memcpy(record->digest, bytes.data, DIGEST_SIZE);
    return true;
}

static bool
take_sweep(struct slice *rest, struct changelog_record *record)
{
    struct slice bytes;

    if (!take(rest, 8, &bytes))
        return false;
    record->time_ns = time_from_bits(bytes_get_u64(bytes.data));
    return true;
}

static bool
take_record(struct slice *rest, struct changelog_record *record)
{
    char key[RECORD_KEY_SIZE_MAX];
    struct slice head;
    struct slice id;

    if (!take(rest, 2, &head) || (unsigned char)head.data[1] > STORE_RECORD_ID_MAX ||
        !take(rest, (unsigned char)head.data[1], &id))
        return false;
    key[0] = head.data[0];
    if (id.size > 0)
        memcpy(key + 1, id.data, id.size);
    if (record_key_decode((struct slice){key, 1 + id.size}, &record->record.key, NULL) != BEHALF_OK)
        return false;
    if (record->kind == CHANGELOG_RECORD_REMOVE)
        return true;
    return take_long(rest, &record->bytes) &&
           record_tail_decode(record->bytes, &record->record, NULL) == BEHALF_OK;
}

static bool
take_caller(struct slice *rest, struct changelog_record *record)
{
    struct slice size;

    return take(rest, 1, &size) && size.data[0] != 0 &&
           take(rest, (unsigned char)size.data[0], &record->bytes);
}

/* Puts and removes share a rank, of edges and of records; labels and nodes may repeat too, each
 * other kind may occur once. */
static bool
kind_follows(enum changelog_kind last, enum changelog_kind kind)
{
    if (last == CHANGELOG_REMOVE && kind == CHANGELOG_PUT)
        return true;
    if (last == CHANGELOG_RECORD_REMOVE && kind == CHANGELOG_RECORD_PUT)
        return true;
    return kind > last ||
           (kind == last && (kind <= CHANGELOG_REMOVE || kind == CHANGELOG_RECORD_PUT ||
                             kind == CHANGELOG_RECORD_REMOVE));
}

enum status
changelog_next(struct changelog_reader *reader, struct changelog_record *record,
               struct error *error)
{
    struct slice bytes;
    bool good = false;

    if (!take(&reader->rest, 1, &bytes))
        return BEHALF_DONE;
    if (bytes.data[0] < CHANGELOG_LABEL || bytes.data[0] > CHANGELOG_CALLER)
        return broken(error, "a record of unknown kind");
    *record = (struct changelog_record){.kind = (enum changelog_kind)bytes.data[0]};
    if (!kind_follows(reader->last, record->kind))
        return broken(error, "records out of order");
    reader->last = record->kind;
    switch (record->kind) {
    case CHANGELOG_LABEL:
        good = take_label(&reader->rest, record);
        break;
    case CHANGELOG_NODE:
        good = take_node(&reader->rest, record);
        break;
    case CHANGELOG_PUT:
    case CHANGELOG_REMOVE:
        good = take_edge(&reader->rest, record);
        break;
    case CHANGELOG_SCHEMA:
    case CHANGELOG_METADATA:
        good = take_long(&reader->rest, &record->bytes);
        break;
    case CHANGELOG_REQUEST:
        good = take_request(&reader->rest, record);
        break;
    case CHANGELOG_SWEEP:
        good = take_sweep(&reader->rest, record);
        break;
    case CHANGELOG_RECORD_PUT:
    case CHANGELOG_RECORD_REMOVE:
        good = take_record(&reader->rest, record);
        break;
    case CHANGELOG_CALLER:
        good = take_caller(&reader->rest, record);
        break;
    }
    return good ? BEHALF_OK : broken(error, "a record is cut short or impossible");
}

void
changelog_chain(const uint8_t previous[DIGEST_SIZE], struct slice entry, uint8_t next[DIGEST_SIZE])
{
    const struct slice parts[2] = {{(const char *)previous, DIGEST_SIZE}, entry};
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(parts, 2, digest);
    memcpy(next, digest, DIGEST_SIZE);
}
