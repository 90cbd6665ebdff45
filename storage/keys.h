/* keys.h - the bytes of every family, keys and values.
 *
 * Always true: numbers are big-endian, so byte order is logical order; a key has fixed-width parts
 * and at most one open part, which comes last, so no key is a prefix that means something else;
 * decode(encode(x)) = x, and bytes that no encoder makes give STORAGE_CORRUPT, never a read out of
 * bounds. The tables are the format: a change of any of them is a new STORE_FORMAT_VERSION.
 *
 *   family     key                                              value
 *   meta       "format"                                         version(4)
 *              "incarnation"                                    random(16)
 *              "stopped"                                        the newest incarnation that began
 *                                                               with a stop, or needed none(16)
 *              "secret"                                         random(32)
 *              "head"                                           revision(8) chain(32) time(8)
 *              "horizon"                                        revision(8); absent = 0
 *              "clock"                                          floor(8) trusted(8) flags(1)
 *              "next/" type(2) kind(1)                          next free number(8); absent = 1
 *              "count/" variant(11)                             edges(8), never 0
 *   names      type(2) id...                                    node(8)
 *              0(2) kind(1) name...                             label node(8)
 *   nodes      node(8)                                          id...
 *              label node(8)                                    name...
 *   forward    resource(8) relation(2) srelation(2) subject(8)  edge value
 *   reverse    subject(8) srelation(2) relation(2) resource(8)  edge value
 *   history    direction(1) edge key(20) deleted revision(8)    edge value that ended there
 *              2(1) record key deleted revision(8)              record value that ended there;
 *                                                               not of uses
 *   changelog  revision(8)                                      entry (changelog.h)
 *   schemas    revision(8)                                      text
 *   expiry     time(8) forward key(20)                          empty
 *   requests   digest of the idempotency key(16) time(8)        request digest(32) revision(8)
 *   records    record key                                       record value
 *   record_index  index(1) entry record key                     empty
 *   seen       session(16)                                      time(8)
 *
 *   node       type(2) sequence(6)            sequence 0 is the wildcard, in edges only
 *   label node 0(2) 0(2) kind(2) label(2)     type 0 is no type: labels share names and nodes
 *   kind       1 type, 2 relation, 3 caveat   (enum label_kind + 1); 0 in "next/" of a real type
 *   time       nanoseconds since 1970, signed, sign bit flipped so that byte order is time order
 *              clock flags: 1 the clock was ahead (storage/store.h)
 *   direction  0 forward, 1 reverse
 *   variant    resource type(2) relation(2) subject type(2) srelation(2) caveat(2) flags(1)
 *              flags: 1 wildcard, 2 expiring
 *   edge value created revision(8) tail
 *   tail       flags(1) [expiration(8) if flag 1] [caveat(2) context... if flag 2]
 *   record key kind(1) id: 1 session(16), 2 grant(16), 3 uses (16, of the grant), 4 request(16),
 *              5 attributes (node, 8), 6 stop(17)      (enum record_kind)
 *   record value  created revision(8) record tail
 *   record tail   ends(8) number of entries(1) { index(1) size(1) entry } body...
 *   entry      0 ends(8), 1 principal(8) time(8), 2 agent(8) time(8), 3 session(16) time(8),
 *              4 delegatee(8) time(8), 5 principal(8) agent(8) time(8), 6 denial(16)
 *              (enum record_index). A tail has those of 1 to 6, ascending, one of each index; the
 *              one of 0 follows from its ends, and there is none where that is 0
 *
 * An edge or record is in force at revision R when created <= R and, if it is in history,
 * R < deleted.
 * Threads: pure functions. Memory: encoders fill the caller's array or append to its buffer. */
#ifndef BEHALF_STORAGE_KEYS_H
#define BEHALF_STORAGE_KEYS_H

#include "base/bytes.h"
#include "storage/kv.h"
#include "storage/store.h"

#define STORE_FORMAT_VERSION 2
/* Without records. An open turns it into the version above. */
#define STORE_FORMAT_WITHOUT_RECORDS 1

#define EDGE_KEY_SIZE 20
#define EDGE_TAIL_SIZE_MIN 1
#define HISTORY_KEY_SIZE (1 + EDGE_KEY_SIZE + 8)
#define EXPIRY_KEY_SIZE (8 + EDGE_KEY_SIZE)
#define NODE_KEY_SIZE 8
#define NAME_KEY_SIZE_MAX (3 + STORE_NAME_SIZE_MAX)
#define REVISION_KEY_SIZE 8
#define REQUEST_DIGEST_SIZE 16
#define REQUEST_KEY_SIZE (REQUEST_DIGEST_SIZE + 8)
#define REQUEST_VALUE_SIZE (DIGEST_SIZE + 8)
#define VARIANT_SIZE 11
#define COUNT_KEY_SIZE (6 + VARIANT_SIZE)
#define NEXT_KEY_SIZE 8
#define HEAD_SIZE (8 + DIGEST_SIZE + 8)
#define CLOCK_SIZE (8 + 8 + 1)
#define HISTORY_OF_RECORDS 2 /* beside the two directions of edges */
#define RECORD_KEY_SIZE_MAX (1 + STORE_RECORD_ID_MAX)
#define RECORD_HISTORY_KEY_SIZE_MAX (1 + RECORD_KEY_SIZE_MAX + 8)
#define HISTORY_KEY_SIZE_MAX RECORD_HISTORY_KEY_SIZE_MAX /* of an edge or a record */
#define INDEX_KEY_SIZE_MAX (1 + STORE_INDEX_KEY_MAX + RECORD_KEY_SIZE_MAX)
#define SEEN_KEY_SIZE 16
#define SEEN_VALUE_SIZE 8

#define META_FORMAT SLICE_LITERAL("format")
#define META_INCARNATION SLICE_LITERAL("incarnation")
#define META_STOPPED SLICE_LITERAL("stopped")
#define META_SECRET SLICE_LITERAL("secret")
#define META_HEAD SLICE_LITERAL("head")
#define META_HORIZON SLICE_LITERAL("horizon")
#define META_CLOCK SLICE_LITERAL("clock")
#define META_NEXT "next/"
#define META_COUNT "count/"

/* Keys of labels start with type 0; the kind of label follows. */
#define LABEL_TYPE_NUMBER 0
#define LABEL_NODE(kind, label) ((uint64_t)((unsigned)(kind) + 1) << 16 | (uint64_t)(label))

/* The head of a store: its newest transaction. */
struct store_head {
    uint64_t revision;
    int64_t time_ns; /* of the newest transaction; no later one has an earlier time */
    uint8_t chain[DIGEST_SIZE];
};

/* A signed time as a number whose byte order is time order. */
static inline uint64_t
time_to_bits(int64_t time_ns)
{
    return (uint64_t)time_ns ^ (UINT64_C(1) << 63);
}

static inline int64_t
time_from_bits(uint64_t bits)
{
    return (int64_t)(bits ^ (UINT64_C(1) << 63));
}

void edge_key_encode(enum edge_direction direction, const struct edge_key *key,
                     char bytes[EDGE_KEY_SIZE]);
enum status edge_key_decode(enum edge_direction direction, struct slice bytes, struct edge_key *key,
                            struct error *error) BEHALF_MUST_USE;

/* The part of an edge value after the created revision; it is also in changelog entries. */
void edge_tail_encode(const struct edge *edge, struct buffer *bytes);
/* Fills expires_at, caveat and context (which points into `bytes`). */
enum status edge_tail_decode(struct slice bytes, struct edge *edge,
                             struct error *error) BEHALF_MUST_USE;
void edge_value_encode(const struct edge *edge, struct buffer *bytes);
/* Fills the edge except its key. */
enum status edge_value_decode(struct slice bytes, struct edge *edge,
                              struct error *error) BEHALF_MUST_USE;

void history_key_encode(enum edge_direction direction, const char edge_key[EDGE_KEY_SIZE],
                        uint64_t deleted_revision, char bytes[HISTORY_KEY_SIZE]);
enum status history_key_decode(struct slice bytes, enum edge_direction *direction,
                               struct slice *edge_key, uint64_t *deleted_revision,
                               struct error *error) BEHALF_MUST_USE;

void expiry_key_encode(int64_t expires_at, const char forward_key[EDGE_KEY_SIZE],
                       char bytes[EXPIRY_KEY_SIZE]);
enum status expiry_key_decode(struct slice bytes, int64_t *expires_at, struct edge_key *key,
                              struct error *error) BEHALF_MUST_USE;

/* Returns the key, which is in `bytes`. A label has type 0 and a kind; an object has a type and
 * kind 0. The name has at most STORE_NAME_SIZE_MAX bytes. */
struct slice name_key_encode(uint16_t type, unsigned kind, struct slice name,
                             char bytes[NAME_KEY_SIZE_MAX]);
enum status number_decode(const char *what, struct slice bytes, uint64_t *number,
                          struct error *error) BEHALF_MUST_USE;

void next_key_encode(uint16_t type, unsigned kind, char bytes[NEXT_KEY_SIZE]);

void count_key_encode(const struct edge_variant *variant, char bytes[COUNT_KEY_SIZE]);
enum status count_key_decode(struct slice bytes, struct edge_variant *variant,
                             struct error *error) BEHALF_MUST_USE;
void edge_variant_of(const struct edge *edge, struct edge_variant *variant);

void head_encode(const struct store_head *head, char bytes[HEAD_SIZE]);
enum status head_decode(struct slice bytes, struct store_head *head,
                        struct error *error) BEHALF_MUST_USE;

void clock_encode(const struct store_clock *clock, char bytes[CLOCK_SIZE]);
enum status clock_decode(struct slice bytes, struct store_clock *clock,
                         struct error *error) BEHALF_MUST_USE;

void request_key_encode(const uint8_t digest[REQUEST_DIGEST_SIZE], int64_t time_ns,
                        char bytes[REQUEST_KEY_SIZE]);
enum status request_decode(struct slice key, struct slice value, struct store_request *request,
                           struct error *error) BEHALF_MUST_USE;

/* Returns the key, which is in `bytes`. */
struct slice record_key_encode(const struct store_record_key *key, char bytes[RECORD_KEY_SIZE_MAX]);
enum status record_key_decode(struct slice bytes, struct store_record_key *key,
                              struct error *error) BEHALF_MUST_USE;

/* The part of a record value after the created revision; it is also in changelog entries. */
void record_tail_encode(const struct store_record *record, struct buffer *bytes);
/* Fills ends, entries and body, which point into `bytes`. */
enum status record_tail_decode(struct slice bytes, struct store_record *record,
                               struct error *error) BEHALF_MUST_USE;
/* Fills the record except its key. */
enum status record_value_decode(struct slice bytes, struct store_record *record,
                                struct error *error) BEHALF_MUST_USE;

/* Return the key, which is in `bytes`. */
struct slice record_history_key_encode(struct slice record_key, uint64_t deleted_revision,
                                       char bytes[RECORD_HISTORY_KEY_SIZE_MAX]);
struct slice index_key_encode(enum record_index index, struct slice entry, struct slice record_key,
                              char bytes[INDEX_KEY_SIZE_MAX]);

enum status record_history_key_decode(struct slice bytes, struct store_record_key *key,
                                      uint64_t *deleted_revision,
                                      struct error *error) BEHALF_MUST_USE;
enum status index_key_decode(struct slice bytes, enum record_index *index, struct slice *entry,
                             struct store_record_key *key, struct error *error) BEHALF_MUST_USE;

enum status seen_decode(struct slice key, struct slice value, struct store_seen *seen,
                        struct error *error) BEHALF_MUST_USE;

#endif
