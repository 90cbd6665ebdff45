/* record.c - RFC 8785: keys sorted (they are ASCII, so byte order is the order of UTF-16), no
 * blanks, ECMAScript's escapes and nothing else escaped. */
#include "audit/record.h"

#include "base/bytes.h"
#include "base/datum.h"
#include "base/relationship.h"
#include "base/utf8.h"

#define INTEGER_MAX ((INT64_C(1) << 53) - 1) /* what every JSON reader keeps */
#define NUMBER_SIZE 24
#define HEX_SIZE (2 * (size_t)DIGEST_SIZE)

/* The fields of the log, sorted. */
static const struct slice own_names[] = {{"prev", 4}, {"seq", 3}, {"ts", 2}, {"v", 1}};

enum own_field { OWN_PREV, OWN_SEQ, OWN_TS, OWN_V, OWN_COUNT };

_Static_assert(BEHALF_COUNT_OF(own_names) == OWN_COUNT, "one name per field");

enum tag { TAG_NULL, TAG_FALSE, TAG_TRUE, TAG_INT, TAG_DOUBLE, TAG_STRING, TAG_LIST, TAG_MAP };

/* Canonical datum bytes, read from the front. */
struct bytes {
    const char *next;
    size_t left;
};

static bool
take(struct bytes *bytes, size_t size, const char **at)
{
    if (bytes->left < size)
        return false;
    *at = bytes->next;
    bytes->next += size;
    bytes->left -= size;
    return true;
}

static bool
take_count(struct bytes *bytes, uint32_t *count)
{
    const char *at;

    if (!take(bytes, sizeof *count, &at))
        return false;
    *count = bytes_get_u32(at);
    return true;
}

static bool
take_text(struct bytes *bytes, struct slice *text)
{
    uint32_t size;

    text->size = 0;
    if (!take_count(bytes, &size) || !take(bytes, size, &text->data))
        return false;
    text->size = size;
    return true;
}

/* --- checking --- */

#define DAMAGED "its bytes are no datum"

static bool
is_ascii(struct slice text)
{
    for (size_t index = 0; index < text.size; index++)
        if ((unsigned char)text.data[index] >= 0x80)
            return false;
    return true;
}

static const char *check_value(struct bytes *bytes, unsigned depth);

static const char *
check_scalar(struct bytes *bytes, enum tag tag)
{
    struct slice text;
    const char *at;
    int64_t integer;

    switch (tag) {
    case TAG_FALSE:
    case TAG_TRUE:
        return NULL;
    case TAG_INT:
        if (!take(bytes, sizeof integer, &at))
            return DAMAGED;
        integer = (int64_t)bytes_get_u64(at);
        return integer > INTEGER_MAX || integer < -INTEGER_MAX ? "an integer is beyond 2^53" : NULL;
    case TAG_STRING:
        if (!take_text(bytes, &text))
            return DAMAGED;
        return utf8_is_valid(text.data, text.size) ? NULL : "a text is not UTF-8";
    case TAG_NULL:
        return "it holds a null";
    case TAG_DOUBLE:
        return "it holds a number with a fraction";
    case TAG_LIST:
    case TAG_MAP:
        break;
    }
    return DAMAGED;
}

/* Behind the tag. The keys ascend, so that none stands twice. */
static const char *
check_map(struct bytes *bytes, unsigned depth, bool *has_event)
{
    struct slice before = {"", 0};
    const char *wrong = NULL;
    uint32_t count;

    if (!take_count(bytes, &count))
        return DAMAGED;
    for (uint32_t index = 0; wrong == NULL && index < count; index++) {
        struct slice key;

        if (!take_text(bytes, &key) || (index > 0 && slice_compare(before, key) >= 0))
            return DAMAGED;
        if (!is_ascii(key))
            return "the name of a field is not ASCII";
        for (size_t own = 0; has_event != NULL && own < OWN_COUNT; own++)
            if (slice_equal(key, own_names[own]))
                return "it names a field that the log writes";
        if (has_event != NULL && slice_equal(key, SLICE_LITERAL("event")))
            *has_event = bytes->left > 0 && *bytes->next == TAG_STRING;
        before = key;
        wrong = check_value(bytes, depth + 1);
    }
    return wrong;
}

/* Recursion: at most DATUM_DEPTH_MAX deep. */
static const char *
check_value(struct bytes *bytes, unsigned depth)
{
    const char *wrong = NULL;
    const char *tag;
    uint32_t count;

    if (!take(bytes, 1, &tag) || (unsigned char)*tag > TAG_MAP)
        return DAMAGED;
    if (*tag < TAG_LIST)
        return check_scalar(bytes, (enum tag) * tag);
    if (depth >= DATUM_DEPTH_MAX)
        return "it is nested too deep";
    if (*tag == TAG_MAP)
        return check_map(bytes, depth, NULL);
    if (!take_count(bytes, &count))
        return DAMAGED;
    for (uint32_t index = 0; wrong == NULL && index < count; index++)
        wrong = check_value(bytes, depth + 1);
    return wrong;
}

enum status
record_check(struct slice fields, struct error *error)
{
    struct bytes bytes = {fields.data, fields.size};
    const char *wrong = NULL;
    const char *tag;
    bool has_event = false;

    if (fields.size > AUDIT_LINE_SIZE_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "a record of %zu bytes cannot be put into the audit log: at most %zu",
                         fields.size, AUDIT_LINE_SIZE_MAX);
    if (!take(&bytes, 1, &tag) || *tag != TAG_MAP)
        wrong = "it is no map";
    else
        wrong = check_map(&bytes, 0, &has_event);
    if (wrong == NULL && bytes.left > 0)
        wrong = DAMAGED;
    if (wrong == NULL && !has_event)
        wrong = "it has no `event`";
    return wrong == NULL ? BEHALF_OK
                         : error_set(error, BEHALF_MALFORMED_REQUEST,
                                     "the record cannot be put into the audit log: %s", wrong);
}

/* --- printing --- */

static void
print_escaped(unsigned char byte, struct buffer *out)
{
    static const char letters[] = "btn\0fr"; /* of 8 to 13 */

    if (byte == '"' || byte == '\\') {
        buffer_add_byte(out, '\\');
        buffer_add_byte(out, (char)byte);
    } else if (byte >= '\b' && byte <= '\r' && letters[byte - '\b'] != '\0') {
        buffer_add_byte(out, '\\');
        buffer_add_byte(out, letters[byte - '\b']);
    } else {
        buffer_add_format(out, "\\u%04x", (unsigned)byte);
    }
}

static void
print_text(struct slice text, struct buffer *out)
{
    size_t start = 0;

    buffer_add_byte(out, '"');
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.data[index];

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        buffer_add(out, text.data + start, index - start);
        print_escaped(byte, out);
        start = index + 1;
    }
    if (start < text.size)
        buffer_add(out, text.data + start, text.size - start);
    buffer_add_byte(out, '"');
}

static void
print_integer(int64_t value, struct buffer *out)
{
    char text[NUMBER_SIZE];
    size_t at = sizeof text;
    uint64_t rest = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;

    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    buffer_add(out, text + at, sizeof text - at);
}

static void
print_hex(const uint8_t *bytes, size_t size, struct buffer *out)
{
    static const char digits[] = "0123456789abcdef";
    char *at = buffer_reserve(out, 2 * size);

    for (size_t index = 0; index < size; index++) {
        *at++ = digits[bytes[index] >> 4];
        *at++ = digits[bytes[index] & 15];
    }
    buffer_added(out, 2 * size);
}

static void print_value(struct bytes *bytes, struct buffer *out);

static void
print_key(struct slice key, struct buffer *out)
{
    if (out->data[out->size - 1] != '{')
        buffer_add_byte(out, ',');
    print_text(key, out);
    buffer_add_byte(out, ':');
}

static void
print_map(struct bytes *bytes, struct buffer *out)
{
    uint32_t count = 0;

    BEHALF_ASSERT(take_count(bytes, &count));
    buffer_add_byte(out, '{');
    for (uint32_t index = 0; index < count; index++) {
        struct slice key;

        BEHALF_ASSERT(take_text(bytes, &key));
        print_key(key, out);
        print_value(bytes, out);
    }
    buffer_add_byte(out, '}');
}

static void
print_list(struct bytes *bytes, struct buffer *out)
{
    uint32_t count = 0;

    BEHALF_ASSERT(take_count(bytes, &count));
    buffer_add_byte(out, '[');
    for (uint32_t index = 0; index < count; index++) {
        if (index > 0)
            buffer_add_byte(out, ',');
        print_value(bytes, out);
    }
    buffer_add_byte(out, ']');
}

/* Recursion: at most DATUM_DEPTH_MAX deep, as record_check saw. */
static void
print_value(struct bytes *bytes, struct buffer *out)
{
    struct slice text;
    const char *at = "";

    BEHALF_ASSERT(take(bytes, 1, &at));
    switch ((enum tag) * at) {
    case TAG_FALSE:
    case TAG_TRUE:
        buffer_add_text(out, *at == TAG_TRUE ? "true" : "false");
        return;
    case TAG_INT:
        BEHALF_ASSERT(take(bytes, sizeof(int64_t), &at));
        print_integer((int64_t)bytes_get_u64(at), out);
        return;
    case TAG_STRING:
        BEHALF_ASSERT(take_text(bytes, &text));
        print_text(text, out);
        return;
    case TAG_LIST:
        print_list(bytes, out);
        return;
    case TAG_MAP:
        print_map(bytes, out);
        return;
    case TAG_NULL:
    case TAG_DOUBLE:
        break;
    }
    BEHALF_UNREACHABLE();
}

struct own_values {
    uint64_t seq;
    int64_t ts_ns;
    const uint8_t *prev;
};

static void
print_own(enum own_field field, const struct own_values *values, struct buffer *out)
{
    print_key(own_names[field], out);
    switch (field) {
    case OWN_PREV:
        buffer_add_byte(out, '"');
        print_hex(values->prev, DIGEST_SIZE, out);
        buffer_add_byte(out, '"');
        break;
    case OWN_SEQ:
        print_integer((int64_t)values->seq, out);
        break;
    case OWN_TS:
        buffer_add_byte(out, '"');
        time_print(values->ts_ns, out);
        buffer_add_byte(out, '"');
        break;
    case OWN_V:
        buffer_add_byte(out, '1');
        break;
    case OWN_COUNT:
        BEHALF_UNREACHABLE();
    }
}

void
record_print(struct slice fields, uint64_t seq, int64_t ts_ns, const uint8_t previous[DIGEST_SIZE],
             struct buffer *out)
{
    const struct own_values values = {seq, ts_ns, previous};
    struct bytes bytes = {fields.data + 1, fields.size - 1}; /* after the tag */
    unsigned own = OWN_PREV;
    uint32_t count = 0;

    BEHALF_ASSERT(take_count(&bytes, &count));
    buffer_add_byte(out, '{');
    for (uint32_t index = 0; index < count; index++) {
        struct slice key;

        BEHALF_ASSERT(take_text(&bytes, &key));
        for (; own < OWN_COUNT && slice_compare(own_names[own], key) < 0; own++)
            print_own((enum own_field)own, &values, out);
        print_key(key, out);
        print_value(&bytes, out);
    }
    for (; own < OWN_COUNT; own++)
        print_own((enum own_field)own, &values, out);
    buffer_add_byte(out, '}');
}

/* --- reading --- */

/* At a quote: the text up to the next one that is not escaped. */
static bool
scan_text(struct bytes *line, struct slice *text)
{
    size_t at = 1;

    if (line->left == 0 || *line->next != '"')
        return false;
    while (at < line->left && line->next[at] != '"')
        at += line->next[at] == '\\' ? 2 : 1;
    if (at >= line->left)
        return false;
    *text = (struct slice){line->next + 1, at - 1};
    line->next += at + 1;
    line->left -= at + 1;
    return true;
}

/* One value, up to the comma or brace after it. */
static bool
scan_value(struct bytes *line, struct slice *value)
{
    const char *start = line->next;
    struct slice text;
    size_t depth = 0;

    while (line->left > 0) {
        char byte = *line->next;

        if (depth == 0 && (byte == ',' || byte == '}'))
            break;
        if (byte == '"') {
            if (!scan_text(line, &text))
                return false;
            continue;
        }
        if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && depth-- == 0)
            return false;
        line->next++;
        line->left--;
    }
    *value = (struct slice){start, (size_t)(line->next - start)};
    return line->left > 0 && value->size > 0;
}

static bool
read_integer(struct slice text, uint64_t *value)
{
    *value = 0;
    if (text.size == 0 || text.size > 16 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t index = 0; index < text.size; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text.data[index] - '0');
    }
    return *value <= (uint64_t)INTEGER_MAX;
}

static bool
read_quoted(struct slice value, struct slice *text)
{
    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"')
        return false;
    *text = (struct slice){value.data + 1, value.size - 2};
    return true;
}

static bool
read_hex(struct slice value, uint8_t hash[DIGEST_SIZE])
{
    struct slice text;

    if (!read_quoted(value, &text) || text.size != HEX_SIZE)
        return false;
    for (size_t index = 0; index < HEX_SIZE; index++) {
        char digit = text.data[index];
        unsigned number;

        if (digit >= '0' && digit <= '9')
            number = (unsigned)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = (unsigned)(digit - 'a') + 10;
        else
            return false;
        hash[index / 2] = (uint8_t)(index % 2 == 0 ? number << 4 : hash[index / 2] | number);
    }
    return true;
}

static bool
read_own(struct slice key, struct slice value, struct record_facts *facts, unsigned *seen)
{
    struct slice text;
    uint64_t version;

    for (unsigned own = 0; own < OWN_COUNT; own++) {
        if (!slice_equal(key, own_names[own]))
            continue;
        if ((*seen >> own & 1) != 0)
            return false;
        *seen |= 1U << own;
        switch ((enum own_field)own) {
        case OWN_PREV:
            return read_hex(value, facts->previous);
        case OWN_SEQ:
            return read_integer(value, &facts->seq);
        case OWN_TS:
            return read_quoted(value, &text) && time_parse(text, &facts->ts_ns);
        case OWN_V:
            return read_integer(value, &version) && version == 1;
        case OWN_COUNT:
            break;
        }
    }
    return true;
}

bool
record_read(struct slice line, struct record_facts *facts)
{
    struct bytes bytes = {line.data, line.size};
    unsigned seen = 0;
    char before = '{';

    if (bytes.left == 0 || *bytes.next != '{')
        return false;
    do {
        struct slice key;
        struct slice value;

        bytes.next++; /* the brace or comma */
        bytes.left--;
        if (!scan_text(&bytes, &key) || bytes.left == 0 || *bytes.next != ':')
            return false;
        bytes.next++;
        bytes.left--;
        if (!scan_value(&bytes, &value) || !read_own(key, value, facts, &seen))
            return false;
        before = *bytes.next;
    } while (before == ',');
    return bytes.left == 1 && seen == (1U << OWN_COUNT) - 1;
}

bool
record_is_next(struct slice line, uint64_t seq, const uint8_t previous[DIGEST_SIZE])
{
    struct record_facts facts;

    return record_read(line, &facts) && facts.seq == seq &&
           memcmp(facts.previous, previous, DIGEST_SIZE) == 0;
}
