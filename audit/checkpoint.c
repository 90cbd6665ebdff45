/* checkpoint.c - see checkpoint.h. */
#include "audit/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#define SIGNATURE_TYPE 0x01
#define KEY_ID_SIZE 4
#define DASH "\xE2\x80\x94 " /* an em dash and a blank */
#define SECRET_PREFIX "PRIVATE+KEY+"

/* --- base64 (RFC 4648 section 4) --- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
print_base64(const uint8_t *bytes, size_t size, struct buffer *out)
{
    for (size_t at = 0; at < size; at += 3) {
        size_t count = size - at < 3 ? size - at : 3;
        uint32_t bits = (uint32_t)bytes[at] << 16;

        bits |= count > 1 ? (uint32_t)bytes[at + 1] << 8 : 0;
        bits |= count > 2 ? (uint32_t)bytes[at + 2] : 0;
        for (size_t digit = 0; digit < 4; digit++)
            buffer_add_byte(out, digit <= count ? alphabet[bits >> (18 - 6 * digit) & 63] : '=');
    }
}

/* Exactly `size` bytes, in the one canonical text that they have. */
static bool
read_base64(struct slice text, uint8_t *bytes, size_t size)
{
    struct buffer again;
    size_t have = 0;
    bool good = text.size == (size + 2) / 3 * 4;

    for (size_t at = 0; good && at < text.size; at += 4) {
        uint32_t bits = 0;

        for (size_t digit = 0; digit < 4; digit++) {
            char byte = text.data[at + digit];
            const char *found = byte == '\0' ? NULL : strchr(alphabet, byte);

            bits = bits << 6 | (uint32_t)(found != NULL ? found - alphabet : 0);
        }
        for (size_t part = 0; part < 3 && have < size; part++)
            bytes[have++] = (uint8_t)(bits >> (16 - 8 * part));
    }
    if (!good)
        return false;
    buffer_init(&again);
    print_base64(bytes, size, &again);
    good = slice_equal(buffer_slice(&again), text);
    buffer_release(&again);
    return good;
}

/* --- keys --- */

bool
checkpoint_origin_is_valid(struct slice origin)
{
    if (origin.size == 0 || origin.size > CHECKPOINT_ORIGIN_MAX)
        return false;
    for (size_t at = 0; at < origin.size; at++)
        if (origin.data[at] <= ' ' || origin.data[at] > '~' || origin.data[at] == '+')
            return false;
    return true;
}

static void
key_id(const struct checkpoint_key *key, uint8_t id[KEY_ID_SIZE])
{
    static const char type[] = {'\n', SIGNATURE_TYPE};
    const struct slice parts[] = {
        slice_of(key->origin),
        {type, sizeof type},
        {(const char *)key->public, sizeof key->public},
    };
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(parts, BEHALF_COUNT_OF(parts), digest);
    memcpy(id, digest, KEY_ID_SIZE);
}

static void
print_key(const struct checkpoint_key *key, const uint8_t bytes[DIGEST_KEY_SIZE],
          struct buffer *out)
{
    uint8_t id[KEY_ID_SIZE];
    uint8_t typed[1 + DIGEST_KEY_SIZE] = {SIGNATURE_TYPE};

    key_id(key, id);
    memcpy(typed + 1, bytes, DIGEST_KEY_SIZE);
    buffer_add_format(out, "%s+%02x%02x%02x%02x+", key->origin, id[0], id[1], id[2], id[3]);
    print_base64(typed, sizeof typed, out);
    buffer_add_byte(out, '\n');
    digest_forget(typed, sizeof typed);
}

void
checkpoint_print_public(const struct checkpoint_key *key, struct buffer *out)
{
    print_key(key, key->public, out);
}

void
checkpoint_print_secret(const struct checkpoint_key *key, struct buffer *out)
{
    BEHALF_ASSERT(key->has_secret);
    buffer_add_text(out, SECRET_PREFIX);
    print_key(key, key->secret, out);
}

/* "origin+keyid+base64(0x01 bytes)" with or without a newline. */
static bool
read_key(struct slice text, struct checkpoint_key *key, uint8_t bytes[DIGEST_KEY_SIZE])
{
    uint8_t typed[1 + DIGEST_KEY_SIZE];
    const char *first;
    const char *second;
    bool good;

    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    first = text.size == 0 ? NULL : memchr(text.data, '+', text.size);
    if (first == NULL)
        return false;
    second = memchr(first + 1, '+', (size_t)(text.data + text.size - first - 1));
    if (second == NULL ||
        !checkpoint_origin_is_valid((struct slice){text.data, (size_t)(first - text.data)}))
        return false;
    memset(key->origin, 0, sizeof key->origin);
    memcpy(key->origin, text.data, (size_t)(first - text.data));
    good = read_base64((struct slice){second + 1, (size_t)(text.data + text.size - second - 1)},
                       typed, sizeof typed) &&
           typed[0] == SIGNATURE_TYPE;
    memcpy(bytes, typed + 1, DIGEST_KEY_SIZE);
    digest_forget(typed, sizeof typed);
    return good;
}

/* The key id in the text is that of the key. */
static bool
prints_as(const struct checkpoint_key *key, struct slice text)
{
    struct buffer again;
    bool same;

    buffer_init(&again);
    if (key->has_secret)
        checkpoint_print_secret(key, &again);
    else
        checkpoint_print_public(key, &again);
    same = slice_starts_with(buffer_slice(&again), text) && text.size + 1 >= again.size;
    digest_forget(again.data, again.size);
    buffer_release(&again);
    return same;
}

enum status
checkpoint_read_public(struct slice text, struct checkpoint_key *key, struct error *error)
{
    *key = (struct checkpoint_key){.has_secret = false};
    if (read_key(text, key, key->public) && prints_as(key, text))
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "audit log: not a verifier key: expected NAME+KEYID+BASE64 on one line, as in "
                     "the log's file 'key.pub'");
}

enum status
checkpoint_read_secret(struct slice text, struct checkpoint_key *key, struct error *error)
{
    const struct slice prefix = SLICE_LITERAL(SECRET_PREFIX);
    struct slice rest = text;

    *key = (struct checkpoint_key){.has_secret = true};
    if (slice_starts_with(text, prefix)) {
        rest = (struct slice){text.data + prefix.size, text.size - prefix.size};
        if (read_key(rest, key, key->secret)) {
            digest_public_key(key->secret, key->public);
            if (prints_as(key, text))
                return BEHALF_OK;
        }
    }
    digest_forget(key, sizeof *key);
    return error_set(error, BEHALF_STORAGE_CORRUPT, "audit log: its file 'key' is no signing key");
}

/* --- notes --- */

void
checkpoint_sign(const struct checkpoint_key *key, const struct checkpoint *checkpoint,
                struct buffer *out)
{
    size_t start = out->size;
    uint8_t signature[KEY_ID_SIZE + DIGEST_SIGNATURE_SIZE];

    buffer_add_format(out, "%s\n%" PRIu64 "\n", key->origin, checkpoint->size);
    print_base64(checkpoint->root, DIGEST_SIZE, out);
    buffer_add_byte(out, '\n');
    key_id(key, signature);
    digest_sign(key->secret, (struct slice){out->data + start, out->size - start},
                signature + KEY_ID_SIZE);
    buffer_add_format(out, "\n" DASH "%s ", key->origin);
    print_base64(signature, sizeof signature, out);
    buffer_add_byte(out, '\n');
}

/* The lines of a note without their newlines; 0 when they are not all there. */
static size_t
split_lines(struct slice text, struct slice lines[CHECKPOINT_LINES])
{
    const char *at = text.data;
    const char *end = text.data + text.size;

    for (size_t line = 0; line < CHECKPOINT_LINES; line++) {
        const char *newline = at == end ? NULL : memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL)
            return 0;
        lines[line] = (struct slice){at, (size_t)(newline - at)};
        at = newline + 1;
    }
    return (size_t)(at - text.data);
}

static bool
read_size(struct slice text, uint64_t *size)
{
    *size = 0;
    if (text.size == 0 || text.size > 19 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
        *size = *size * 10 + (uint64_t)(text.data[at] - '0');
    }
    return true;
}

static bool
is_signed(const struct checkpoint_key *key, struct slice body, struct slice line)
{
    uint8_t signature[KEY_ID_SIZE + DIGEST_SIGNATURE_SIZE];
    uint8_t id[KEY_ID_SIZE];
    const struct slice dash = SLICE_LITERAL(DASH);
    size_t before = dash.size + strlen(key->origin) + 1;

    if (!slice_starts_with(line, dash) || line.size < before ||
        memcmp(line.data + dash.size, key->origin, strlen(key->origin)) != 0 ||
        line.data[before - 1] != ' ')
        return false;
    if (!read_base64((struct slice){line.data + before, line.size - before}, signature,
                     sizeof signature))
        return false;
    key_id(key, id);
    return memcmp(id, signature, KEY_ID_SIZE) == 0 &&
           digest_verify(key->public, body, signature + KEY_ID_SIZE);
}

enum status
checkpoint_parse(struct slice text, struct checkpoint_note *note, struct error *error)
{
    struct slice lines[CHECKPOINT_LINES];
    struct checkpoint *checkpoint = &note->checkpoint;

    note->length = split_lines(text, lines);
    if (note->length == 0)
        return BEHALF_DONE;
    note->origin = lines[0];
    note->body = (struct slice){text.data, (size_t)(lines[3].data - text.data)};
    note->signature_line = lines[4];
    if (checkpoint_origin_is_valid(lines[0]) && read_size(lines[1], &checkpoint->size) &&
        read_base64(lines[2], checkpoint->root, DIGEST_SIZE) && lines[3].size == 0)
        return BEHALF_OK;
    return error_set(error, BEHALF_STORAGE_CORRUPT,
                     "a checkpoint that is none: expected origin, size, root and an empty line");
}

enum status
checkpoint_read(const struct checkpoint_key *key, struct slice text, struct checkpoint *checkpoint,
                size_t *length, struct error *error)
{
    struct checkpoint_note note;
    enum status status = checkpoint_parse(text, &note, error);

    *length = note.length;
    if (status != BEHALF_OK)
        return status;
    *checkpoint = note.checkpoint;
    if (!slice_equal(note.origin, slice_of(key->origin)))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "a checkpoint of another log: its origin is '%.*s', this one's '%s'",
                         SLICE_PRINTF(note.origin), key->origin);
    if (is_signed(key, note.body, note.signature_line))
        return BEHALF_OK;
    return error_set(error, BEHALF_STORAGE_CORRUPT,
                     "the checkpoint of size %" PRIu64 " is not signed by the key of '%s'",
                     checkpoint->size, key->origin);
}

enum status
audit_note_read(struct slice note, struct slice key_text, struct audit_note *read,
                struct error *error)
{
    struct checkpoint_note parsed;
    struct checkpoint_key key;
    size_t length;
    enum status status = checkpoint_parse(note, &parsed, error);

    if (status == BEHALF_OK && key_text.size > 0) {
        status = checkpoint_read_public(key_text, &key, error);
        if (status == BEHALF_OK)
            status = checkpoint_read(&key, note, &parsed.checkpoint, &length, error);
    }
    if (status == BEHALF_DONE)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "not a checkpoint: it has five lines, each with its end");
    if (status == BEHALF_STORAGE_CORRUPT)
        error->status = BEHALF_MALFORMED_REQUEST;
    if (status != BEHALF_OK)
        return error->status;
    *read = (struct audit_note){.origin = parsed.origin, .size = parsed.checkpoint.size};
    memcpy(read->root, parsed.checkpoint.root, DIGEST_SIZE);
    return BEHALF_OK;
}
