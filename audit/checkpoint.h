/* checkpoint.h - a C2SP tlog-checkpoint in a signed note, and the keys of the note.
 *
 *   origin LF size LF base64(root) LF LF "— " origin " " base64(key id(4) signature(64)) LF
 *
 * The signed text is all up to and with the third LF. The key id is the beginning of
 * SHA-256(origin LF 0x01 public key), signature type 0x01 being Ed25519.
 * Sources: C2SP signed-note, C2SP tlog-checkpoint, RFC 8032, RFC 4648.
 * Always true: five lines; a note that checkpoint_read accepts was signed by the key.
 * Threads: pure functions. */
#ifndef BEHALF_AUDIT_CHECKPOINT_H
#define BEHALF_AUDIT_CHECKPOINT_H

#include "audit/audit.h"

#define CHECKPOINT_LINES 5
#define CHECKPOINT_ORIGIN_MAX 256
#define CHECKPOINT_SIZE_MAX ((size_t)1024)

struct checkpoint_key {
    char origin[CHECKPOINT_ORIGIN_MAX + 1];
    bool has_secret;
    uint8_t secret[DIGEST_KEY_SIZE];
    uint8_t public[DIGEST_KEY_SIZE];
};

/* Visible ASCII without '+', 1 to CHECKPOINT_ORIGIN_MAX bytes. */
bool checkpoint_origin_is_valid(struct slice origin);

/* "PRIVATE+KEY+origin+keyid+base64(0x01 secret)" LF, and "origin+keyid+base64(0x01 public)" LF. */
void checkpoint_print_secret(const struct checkpoint_key *key, struct buffer *out);
void checkpoint_print_public(const struct checkpoint_key *key, struct buffer *out);
/* MALFORMED_REQUEST for text that is no such key. */
enum status checkpoint_read_secret(struct slice text, struct checkpoint_key *key,
                                   struct error *error) BEHALF_MUST_USE;
enum status checkpoint_read_public(struct slice text, struct checkpoint_key *key,
                                   struct error *error) BEHALF_MUST_USE;

struct checkpoint {
    uint64_t size;
    uint8_t root[DIGEST_SIZE];
};

/* A note's words and the place of its signature; nothing is verified. As checkpoint_read. */
struct checkpoint_note {
    struct slice origin;
    struct checkpoint checkpoint;
    struct slice body; /* what is signed */
    struct slice signature_line;
    size_t length;
};

enum status checkpoint_parse(struct slice text, struct checkpoint_note *note,
                             struct error *error) BEHALF_MUST_USE;

void checkpoint_sign(const struct checkpoint_key *key, const struct checkpoint *checkpoint,
                     struct buffer *out);
/* The first note of the text; *length is its size. BEHALF_DONE: no five whole lines are left.
 * STORAGE_CORRUPT: no note, one of another origin, or not signed by the key. */
enum status checkpoint_read(const struct checkpoint_key *key, struct slice text,
                            struct checkpoint *checkpoint, size_t *length,
                            struct error *error) BEHALF_MUST_USE;

#endif
