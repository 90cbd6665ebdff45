/* relationship.c - the text form of objects and relationships.
 * One pass of a hand-written reader over the text; no recursion. The only search is for the end of
 * a caveat's context: the text form defines it as the last `}]` that leaves nothing behind it but
 * an expiration, so it is found from the end and then read as one JSON object. */
#include "base/relationship.h"

#include "base/datum.h"
#include "base/utf8.h"

#define TIME_TEXT_SIZE_MAX 64
#define CONTEXT_ARENA ((size_t)4 * 1024 * 1024) /* to take one context apart */

struct text_reader {
    struct slice text;
    size_t at;
    struct arena *arena;
    struct error *error;
};

enum byte_class {
    BYTE_LOWER = 1,
    BYTE_DIGIT = 2,
    BYTE_UNDERSCORE = 4,
    BYTE_SLASH = 8,
    BYTE_ID = 16, /* the alphabet of ids that need no quotes */
    BYTE_TIME = 32,
};

/* Bytes of one row of the table below. */
#define LETTER (BYTE_LOWER | BYTE_ID)
#define DIGIT (BYTE_DIGIT | BYTE_ID | BYTE_TIME)
#define UNDER (BYTE_UNDERSCORE | BYTE_ID)
#define SLASH (BYTE_SLASH | BYTE_ID)
#define DASH (BYTE_ID | BYTE_TIME)
#define ID_ BYTE_ID
#define TIME BYTE_TIME

/* By byte; checks read names of some ten bytes each, so it is a table. */
static const uint8_t byte_classes[256] = {
    ['+'] = ID_,    ['-'] = DASH,   ['.'] = TIME,   ['/'] = SLASH,  ['0'] = DIGIT,  ['1'] = DIGIT,
    ['2'] = DIGIT,  ['3'] = DIGIT,  ['4'] = DIGIT,  ['5'] = DIGIT,  ['6'] = DIGIT,  ['7'] = DIGIT,
    ['8'] = DIGIT,  ['9'] = DIGIT,  [':'] = TIME,   ['='] = ID_,    ['A'] = ID_,    ['B'] = ID_,
    ['C'] = ID_,    ['D'] = ID_,    ['E'] = ID_,    ['F'] = ID_,    ['G'] = ID_,    ['H'] = ID_,
    ['I'] = ID_,    ['J'] = ID_,    ['K'] = ID_,    ['L'] = ID_,    ['M'] = ID_,    ['N'] = ID_,
    ['O'] = ID_,    ['P'] = ID_,    ['Q'] = ID_,    ['R'] = ID_,    ['S'] = ID_,    ['T'] = DASH,
    ['U'] = ID_,    ['V'] = ID_,    ['W'] = ID_,    ['X'] = ID_,    ['Y'] = ID_,    ['Z'] = DASH,
    ['_'] = UNDER,  ['a'] = LETTER, ['b'] = LETTER, ['c'] = LETTER, ['d'] = LETTER, ['e'] = LETTER,
    ['f'] = LETTER, ['g'] = LETTER, ['h'] = LETTER, ['i'] = LETTER, ['j'] = LETTER, ['k'] = LETTER,
    ['l'] = LETTER, ['m'] = LETTER, ['n'] = LETTER, ['o'] = LETTER, ['p'] = LETTER, ['q'] = LETTER,
    ['r'] = LETTER, ['s'] = LETTER, ['t'] = LETTER, ['u'] = LETTER, ['v'] = LETTER, ['w'] = LETTER,
    ['x'] = LETTER, ['y'] = LETTER, ['z'] = LETTER, ['|'] = ID_,
};

static inline unsigned
class_of(char byte)
{
    return byte_classes[(unsigned char)byte];
}

/* The alphabet of a segment of a name: a relation, or what stands between the slashes of a type. */
#define BYTE_SEGMENT (BYTE_LOWER | BYTE_DIGIT | BYTE_UNDERSCORE)

/* Whether a run of BYTE_SEGMENT is a segment: 3 to `size_max` bytes, [a-z] first, no '_' last. */
static bool
run_is_segment(struct slice run, size_t size_max)
{
    return run.size >= 3 && run.size <= size_max && (class_of(run.data[0]) & BYTE_LOWER) &&
           (class_of(run.data[run.size - 1]) & (BYTE_LOWER | BYTE_DIGIT));
}

static bool
segment_is_valid(struct slice name, size_t size_max)
{
    for (size_t index = 0; index < name.size; index++)
        if (!(class_of(name.data[index]) & BYTE_SEGMENT))
            return false;
    return run_is_segment(name, size_max);
}

bool
relation_name_is_valid(struct slice name)
{
    return segment_is_valid(name, RELATION_NAME_SIZE_MAX);
}

bool
type_name_is_valid(struct slice name)
{
    size_t start = 0;

    if (name.size > TYPE_NAME_SIZE_MAX)
        return false;
    for (size_t index = 0; index < name.size; index++) {
        if (name.data[index] != '/')
            continue;
        /* A prefix is one byte shorter than a name: so is SpiceDB's pattern. */
        if (!segment_is_valid((struct slice){name.data + start, index - start},
                              RELATION_NAME_SIZE_MAX - 1))
            return false;
        start = index + 1;
    }
    return name.size > start &&
           segment_is_valid((struct slice){name.data + start, name.size - start},
                            RELATION_NAME_SIZE_MAX);
}

bool
caveat_name_is_valid(struct slice name)
{
    if (name.size == 0 || name.size > CAVEAT_NAME_SIZE_MAX)
        return false;
    for (size_t index = 0; index < name.size; index++)
        if (!(class_of(name.data[index]) & BYTE_ID) || name.data[index] == '+' ||
            name.data[index] == '=')
            return false;
    return name.data[0] != '/' && name.data[0] != '|' && name.data[0] != '-';
}

static bool
is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point <= 0x9F);
}

static enum status
check_id_size(struct slice id, struct error *error)
{
    if (id.size == 0)
        return error_set(error, BEHALF_INVALID_OBJECT_ID, "the object id is empty");
    if (id.size > OBJECT_ID_SIZE_MAX)
        return error_set(error, BEHALF_INVALID_OBJECT_ID,
                         "the object id has %zu bytes; at most %d are allowed", id.size,
                         OBJECT_ID_SIZE_MAX);
    return BEHALF_OK;
}

enum status
object_id_check(struct slice id, struct error *error)
{
    enum status status = check_id_size(id, error);
    uint32_t point = 0;

    if (status != BEHALF_OK)
        return status;
    if (id.size == 1 && id.data[0] == '*') {
        error_set(error, BEHALF_INVALID_OBJECT_ID, "no object can have the id '*'");
        error_hint(error, "the wildcard is written without quotes, as type:*");
        return BEHALF_INVALID_OBJECT_ID;
    }
    for (size_t at = 0; at < id.size;) {
        size_t length;

        if (class_of(id.data[at]) & BYTE_ID) { /* nearly all there is */
            at++;
            continue;
        }
        length = utf8_decode(id.data + at, id.size - at, &point);

        if (length == 0)
            return error_set(error, BEHALF_INVALID_OBJECT_ID,
                             "byte %zu of the object id is not UTF-8", at + 1);
        if (is_control(point))
            return error_set(error, BEHALF_INVALID_OBJECT_ID,
                             "byte %zu of the object id is the control character U+%04X", at + 1,
                             (unsigned)point);
        at += length;
    }
    return BEHALF_OK;
}

/* Adds the place to an error that was set: `size` bytes of the text from `at`. */
static enum status
fail_at(struct text_reader *reader, enum status status, size_t at, size_t size)
{
    size_t left = reader->text.size - at;
    struct slice text = {left > 0 ? reader->text.data + at : "", size < left ? size : left};

    error_at(reader->error, 1, (uint32_t)at + 1, text);
    return status;
}

/* The byte at the cursor is not what has to stand there. */
static enum status
expected(struct text_reader *reader, const char *what)
{
    if (reader->at == reader->text.size)
        error_set(reader->error, BEHALF_MALFORMED_REQUEST, "expected %s, found the end of the text",
                  what);
    else
        error_set(reader->error, BEHALF_MALFORMED_REQUEST, "expected %s", what);
    return fail_at(reader, BEHALF_MALFORMED_REQUEST, reader->at, 16);
}

static bool
at_byte(const struct text_reader *reader, char byte)
{
    return reader->at < reader->text.size && reader->text.data[reader->at] == byte;
}

static struct slice
take_run(struct text_reader *reader, unsigned classes)
{
    const char *start = reader->text.data + reader->at;
    size_t left = reader->text.size - reader->at;
    size_t size = 0;

    while (size < left && (class_of(start[size]) & classes))
        size++;
    reader->at += size;
    return (struct slice){start, size};
}

static enum status
read_type(struct text_reader *reader, const char *what, struct slice *name)
{
    size_t start = reader->at;

    *name = take_run(reader, BYTE_SEGMENT);
    /* Nearly all names have no prefix: they are read once. */
    if (!at_byte(reader, '/') && run_is_segment(*name, RELATION_NAME_SIZE_MAX))
        return BEHALF_OK;
    name->size += take_run(reader, BYTE_SEGMENT | BYTE_SLASH).size;
    if (name->size == 0)
        return expected(reader, what);
    if (type_name_is_valid(*name))
        return BEHALF_OK;
    error_set(reader->error, BEHALF_MALFORMED_REQUEST, "not a valid name; expected %s", what);
    error_hint(reader->error, "names have 3 to 64 characters of a-z, 0-9 and _, begin with a "
                              "letter and end in a letter or digit");
    return fail_at(reader, BEHALF_MALFORMED_REQUEST, start, name->size);
}

static enum status
read_relation(struct text_reader *reader, struct slice *name)
{
    size_t start = reader->at;

    *name = take_run(reader, BYTE_SEGMENT);
    if (name->size == 0)
        return expected(reader, "a relation name");
    if (run_is_segment(*name, RELATION_NAME_SIZE_MAX))
        return BEHALF_OK;
    error_set(reader->error, BEHALF_MALFORMED_REQUEST, "not a valid relation name");
    error_hint(reader->error, "names have 3 to 64 characters of a-z, 0-9 and _, begin with a "
                              "letter and end in a letter or digit");
    return fail_at(reader, BEHALF_MALFORMED_REQUEST, start, name->size);
}

static bool
hex_value(char digit, uint32_t *value)
{
    if (digit >= '0' && digit <= '9')
        *value = *value << 4 | (uint32_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *value = *value << 4 | (uint32_t)(digit - 'a' + 10);
    else if (digit >= 'A' && digit <= 'F')
        *value = *value << 4 | (uint32_t)(digit - 'A' + 10);
    else
        return false;
    return true;
}

/* The cursor is on a backslash. Puts what the escape stands for at `out` (at most 3 bytes: escapes
 * reach U+FFFF, as surrogates are refused). */
static enum status
read_escape(struct text_reader *reader, char *out, size_t *size)
{
    const char *bytes = reader->text.data + reader->at;
    size_t left = reader->text.size - reader->at;
    uint32_t point = 0;
    size_t length = 2;

    if (left >= 2 && (bytes[1] == '"' || bytes[1] == '\\' || bytes[1] == '/')) {
        point = (unsigned char)bytes[1];
    } else if (left >= 2 && bytes[1] != '\0' && strchr("bfnrt", bytes[1]) != NULL) {
        error_set(reader->error, BEHALF_INVALID_OBJECT_ID,
                  "an escape in the object id stands for a control character");
        return fail_at(reader, BEHALF_INVALID_OBJECT_ID, reader->at, 2);
    } else {
        bool valid = left >= 6 && bytes[1] == 'u';

        length = 6;
        for (size_t index = 2; valid && index < 6; index++)
            valid = hex_value(bytes[index], &point);
        if (!valid) {
            error_set(reader->error, BEHALF_MALFORMED_REQUEST, "not an escape of JSON");
            error_hint(reader->error, "escapes are \\\" \\\\ \\/ and \\uXXXX");
            return fail_at(reader, BEHALF_MALFORMED_REQUEST, reader->at, 6);
        }
        if (is_control(point) || (point >= 0xD800 && point <= 0xDFFF)) {
            error_set(reader->error, BEHALF_INVALID_OBJECT_ID,
                      "an escape in the object id stands for a %s",
                      is_control(point) ? "control character" : "surrogate");
            return fail_at(reader, BEHALF_INVALID_OBJECT_ID, reader->at, 6);
        }
    }
    reader->at += length;
    *size = 0;
    if (point < 0x80) {
        out[(*size)++] = (char)point;
    } else if (point < 0x800) {
        out[(*size)++] = (char)(0xC0 | point >> 6);
        out[(*size)++] = (char)(0x80 | (point & 0x3F));
    } else {
        out[(*size)++] = (char)(0xE0 | point >> 12);
        out[(*size)++] = (char)(0x80 | (point >> 6 & 0x3F));
        out[(*size)++] = (char)(0x80 | (point & 0x3F));
    }
    return BEHALF_OK;
}

/* The cursor is behind the opening quote, and stops behind the closing one. */
static enum status
read_quoted(struct text_reader *reader, struct slice *id)
{
    size_t start = reader->at;
    size_t quote = start - 1;
    char undone[OBJECT_ID_SIZE_MAX + 4]; /* an escape may end 3 bytes past the limit */
    struct slice found;
    size_t size = 0;
    bool escaped = false;
    enum status status;

    while (!at_byte(reader, '"')) {
        if (reader->at == reader->text.size) {
            error_set(reader->error, BEHALF_MALFORMED_REQUEST, "the quoted object id has no end");
            return fail_at(reader, BEHALF_MALFORMED_REQUEST, quote, 16);
        }
        if (size > OBJECT_ID_SIZE_MAX) {
            error_set(reader->error, BEHALF_INVALID_OBJECT_ID,
                      "the object id has more than %d bytes", OBJECT_ID_SIZE_MAX);
            return fail_at(reader, BEHALF_INVALID_OBJECT_ID, quote, 16);
        }
        if (at_byte(reader, '\\')) {
            size_t added = 0;

            status = read_escape(reader, undone + size, &added);
            if (status != BEHALF_OK)
                return status;
            size += added;
            escaped = true;
        } else {
            undone[size++] = reader->text.data[reader->at++];
        }
    }
    found = (struct slice){escaped ? undone : reader->text.data + start, size};
    reader->at++;
    status = object_id_check(found, reader->error);
    if (status != BEHALF_OK)
        return fail_at(reader, status, quote, reader->at - quote);
    if (escaped) {
        found = arena_copy(reader->arena, found);
        if (found.data == NULL)
            return error_set(reader->error, BEHALF_BUDGET_EXHAUSTED,
                             "no memory left for an object id");
    }
    *id = found;
    return BEHALF_OK;
}

/* The id behind `type:`; the bare `*` is left to the caller. */
static enum status
read_id(struct text_reader *reader, struct slice *id)
{
    size_t start = reader->at;
    enum status status;

    if (at_byte(reader, '"')) {
        reader->at++;
        return read_quoted(reader, id);
    }
    *id = take_run(reader, BYTE_ID);
    if (id->size == 0 && reader->at < reader->text.size && !at_byte(reader, '#') &&
        !at_byte(reader, '@')) {
        status = expected(reader, "an object id");
        error_hint(reader->error, "an id with other characters than letters, digits and /_|-=+ is "
                                  "written as a JSON string");
        return status;
    }
    status = check_id_size(*id, reader->error); /* no byte of the run needs another look */
    if (status != BEHALF_OK)
        return fail_at(reader, status, start, id->size > 0 ? id->size : 16);
    return BEHALF_OK;
}

/* `what` can follow an id here, but something else does. */
static enum status
unexpected_behind_id(struct text_reader *reader, const char *what)
{
    bool in_id = reader->at < reader->text.size && reader->text.data[reader->at] != '[' &&
                 reader->text.data[reader->at - 1] != '"';
    enum status status = expected(reader, what);

    if (in_id)
        error_hint(reader->error, "an id with other characters than letters, digits and /_|-=+ is "
                                  "written as a JSON string");
    return status;
}

/* `#relation` or `#...` behind a subject, or nothing. */
static enum status
read_subject_relation(struct text_reader *reader, struct object *object)
{
    static const struct slice ellipsis = {"...", 3};
    size_t start = reader->at;
    enum status status;

    object->relation = (struct slice){NULL, 0};
    if (!at_byte(reader, '#'))
        return BEHALF_OK;
    reader->at++;
    if (slice_starts_with(
            (struct slice){reader->text.data + reader->at, reader->text.size - reader->at},
            ellipsis)) {
        reader->at += ellipsis.size;
        return BEHALF_OK;
    }
    status = read_relation(reader, &object->relation);
    if (status == BEHALF_OK && object->wildcard) {
        error_set(reader->error, BEHALF_WILDCARD_NOT_ALLOWED,
                  "a wildcard cannot have a subject relation");
        return fail_at(reader, BEHALF_WILDCARD_NOT_ALLOWED, start, reader->at - start);
    }
    return status;
}

static enum status
read_subject(struct text_reader *reader, struct object *object)
{
    enum status status = read_type(reader, "a type name", &object->type);

    if (status != BEHALF_OK)
        return status;
    if (!at_byte(reader, ':'))
        return expected(reader, "':' behind the type name");
    reader->at++;
    object->wildcard = at_byte(reader, '*');
    if (object->wildcard) {
        reader->at++;
        object->id = (struct slice){NULL, 0};
    } else {
        status = read_id(reader, &object->id);
        if (status != BEHALF_OK)
            return status;
    }
    return read_subject_relation(reader, object);
}

static enum status
read_resource(struct text_reader *reader, struct object *object)
{
    enum status status = read_type(reader, "the type name of the resource", &object->type);

    if (status != BEHALF_OK)
        return status;
    if (!at_byte(reader, ':'))
        return expected(reader, "':' behind the type name");
    reader->at++;
    if (at_byte(reader, '*')) {
        error_set(reader->error, BEHALF_WILDCARD_NOT_ALLOWED, "a resource cannot be a wildcard");
        return fail_at(reader, BEHALF_WILDCARD_NOT_ALLOWED, reader->at, 1);
    }
    object->wildcard = false;
    status = read_id(reader, &object->id);
    if (status != BEHALF_OK)
        return status;
    if (!at_byte(reader, '#'))
        return unexpected_behind_id(reader, "'#' and a relation behind the resource");
    reader->at++;
    return read_relation(reader, &object->relation);
}

/* Where the context that begins at the cursor ends, or `at` itself when there is no end: before the
 * `]` that is last in the text, or last before a closing expiration bracket. */
static size_t
find_context_end(const struct text_reader *reader)
{
    static const struct slice opening = {"[expiration", 11};
    const char *data = reader->text.data;
    size_t end = reader->text.size;
    size_t at = end;

    if (end < reader->at + 4 || data[end - 1] != ']')
        return reader->at;
    if (data[end - 2] == '}')
        return end - 1;
    at--;
    while (at > reader->at && (class_of(data[at - 1]) & BYTE_TIME))
        at--; /* over the time, and the colon before it */
    if (data[at] != ':' || at < reader->at + opening.size + 4 ||
        memcmp(data + at - opening.size, opening.data, opening.size) != 0)
        return reader->at;
    at -= opening.size;
    return data[at - 1] == ']' && data[at - 2] == '}' ? at - 1 : reader->at;
}

static enum status
no_object(struct text_reader *reader)
{
    error_set(reader->error, BEHALF_MALFORMED_REQUEST,
              "the context of the caveat is not one JSON object on one line with something in it");
    error_hint(reader->error, "leave an empty context out: [name]");
    return fail_at(reader, BEHALF_MALFORMED_REQUEST, reader->at, reader->text.size);
}

static enum status
encode_context(struct text_reader *reader, struct slice text, struct slice *context)
{
    const struct datum *datum = NULL;
    struct arena scratch;
    struct buffer bytes;
    struct error error;
    enum status status;

    arena_init(&scratch, CONTEXT_ARENA);
    buffer_init(&bytes);
    status = datum_parse_json(text, &scratch, &datum, &error);
    if (status != BEHALF_OK) {
        error_set(reader->error, status, "in the context of the caveat: %s", error.message);
        status = fail_at(reader, status, reader->at + (error.column > 0 ? error.column - 1 : 0),
                         text.size);
    } else if (datum->kind != DATUM_MAP || datum->as.map.count == 0) {
        status = no_object(reader);
    } else {
        datum_encode(datum, &bytes);
        *context = arena_copy(reader->arena, buffer_slice(&bytes));
        if (context->data == NULL)
            status = error_set(reader->error, BEHALF_BUDGET_EXHAUSTED,
                               "no memory left for the context of the caveat");
    }
    buffer_release(&bytes);
    arena_release(&scratch);
    return status;
}

/* `:` and a JSON object; the cursor is on the `{`, and stops on the `]`. */
static enum status
read_context(struct text_reader *reader, struct slice *context)
{
    size_t end = find_context_end(reader);
    struct slice text = {reader->text.data + reader->at, end - reader->at};
    enum status status;

    if (text.size == 0 || memchr(text.data, '\n', text.size) != NULL)
        return no_object(reader);
    if (text.size > CONTEXT_TEXT_SIZE_MAX) {
        error_set(reader->error, BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE,
                  "the context has %zu bytes; at most %zu are allowed", text.size,
                  CONTEXT_TEXT_SIZE_MAX);
        return fail_at(reader, BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE, reader->at, text.size);
    }
    status = encode_context(reader, text, context);
    if (status == BEHALF_OK)
        reader->at = end;
    return status;
}

/* The cursor is behind `[expiration:`, and stops on the `]`. */
static enum status
read_expiration(struct text_reader *reader, int64_t *expires_at)
{
    size_t start = reader->at;
    struct slice text = take_run(reader, BYTE_TIME);

    if (text.size > TIME_TEXT_SIZE_MAX || !expiration_parse(text, expires_at)) {
        error_set(reader->error, BEHALF_MALFORMED_REQUEST,
                  "the expiration is not a time from 1970 to 9999");
        error_hint(reader->error, "times are in UTC, as 2027-01-01T00:00:00Z");
        return fail_at(reader, BEHALF_MALFORMED_REQUEST, start,
                       text.size > 0 ? text.size : reader->text.size);
    }
    return BEHALF_OK;
}

static enum status
close_bracket(struct text_reader *reader)
{
    if (!at_byte(reader, ']'))
        return expected(reader, "']'");
    reader->at++;
    return BEHALF_OK;
}

/* A name of the alphabet of ids, with or without quotes; the cursor stops behind it. */
static enum status
read_caveat_name(struct text_reader *reader, struct slice *name)
{
    bool quoted = at_byte(reader, '"');
    size_t start = reader->at;

    reader->at += quoted ? 1 : 0;
    *name = take_run(reader, BYTE_ID);
    if (name->size == 0 || (quoted && !at_byte(reader, '"')))
        return expected(reader, name->size == 0 ? "a caveat name or 'expiration:'"
                                                : "'\"' behind the name of the caveat");
    reader->at += quoted ? 1 : 0;
    if (caveat_name_is_valid(*name))
        return BEHALF_OK;
    error_set(reader->error, BEHALF_MALFORMED_REQUEST, "not a valid name of a caveat");
    error_hint(reader->error,
               "names of caveats have 1 to %d characters of A-Z, a-z, 0-9, _, / "
               "and begin with no /",
               CAVEAT_NAME_SIZE_MAX);
    return fail_at(reader, BEHALF_MALFORMED_REQUEST, start, reader->at - start);
}

/* One `[...]`: a caveat, or an expiration. A caveat may be called `expiration`; what tells them
 * apart is the time behind the colon. */
static enum status
read_bracket(struct text_reader *reader, struct relationship *relationship)
{
    size_t start = reader->at++;
    struct slice name;
    bool quoted = at_byte(reader, '"');
    enum status status = read_caveat_name(reader, &name);
    bool colon;

    if (status != BEHALF_OK)
        return status;
    colon = at_byte(reader, ':');
    if (colon)
        reader->at++;
    if (colon && !quoted && !at_byte(reader, '{') &&
        slice_equal(name, SLICE_LITERAL("expiration"))) {
        status = read_expiration(reader, &relationship->expires_at);
        return status == BEHALF_OK ? close_bracket(reader) : status;
    }
    if (relationship->caveat.size > 0) {
        error_set(reader->error, BEHALF_MALFORMED_REQUEST,
                  "a relationship has at most one caveat, then at most one expiration");
        return fail_at(reader, BEHALF_MALFORMED_REQUEST, start, reader->text.size);
    }
    relationship->caveat = name;
    if (colon) {
        if (!at_byte(reader, '{'))
            return expected(reader, "'{' and the context of the caveat");
        status = read_context(reader, &relationship->context);
        if (status != BEHALF_OK)
            return status;
    }
    return close_bracket(reader);
}

static enum status
read_brackets(struct text_reader *reader, struct relationship *relationship)
{
    while (at_byte(reader, '[')) {
        enum status status;

        if (relationship->expires_at != 0) {
            error_set(reader->error, BEHALF_MALFORMED_REQUEST, "nothing can follow the expiration");
            error_hint(reader->error, "the caveat must come before the expiration");
            return fail_at(reader, BEHALF_MALFORMED_REQUEST, reader->at, reader->text.size);
        }
        status = read_bracket(reader, relationship);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

enum status
object_parse(struct slice text, struct arena *arena, struct object *object, struct error *error)
{
    struct text_reader reader = {.text = text, .arena = arena, .error = error};
    enum status status = read_subject(&reader, object);

    if (status != BEHALF_OK)
        return status;
    if (reader.at != text.size)
        return unexpected_behind_id(&reader, "'#' and a relation, or the end of the object");
    return BEHALF_OK;
}

enum status
relationship_parse(struct slice text, struct arena *arena, struct relationship *relationship,
                   struct error *error)
{
    struct text_reader reader = {.text = text, .arena = arena, .error = error};
    struct relationship parsed = {0};
    enum status status = read_resource(&reader, &parsed.resource);

    if (status != BEHALF_OK)
        return status;
    if (!at_byte(&reader, '@'))
        return expected(&reader, "'@' and a subject behind the relation");
    reader.at++;
    status = read_subject(&reader, &parsed.subject);
    if (status != BEHALF_OK)
        return status;
    if (reader.at != text.size && !at_byte(&reader, '['))
        return unexpected_behind_id(&reader, "'#', '[' or the end of the relationship");
    status = read_brackets(&reader, &parsed);
    if (status != BEHALF_OK)
        return status;
    if (reader.at != text.size)
        return expected(&reader, "the end of the relationship");
    *relationship = parsed;
    return BEHALF_OK;
}

static void
print_id(struct slice id, struct buffer *out)
{
    bool plain = id.size > 0;

    for (size_t index = 0; plain && index < id.size; index++)
        plain = (class_of(id.data[index]) & BYTE_ID) != 0;
    if (plain) {
        buffer_add_slice(out, id);
        return;
    }
    buffer_add_byte(out, '"');
    for (size_t index = 0; index < id.size; index++) {
        char byte = id.data[index];

        /* A valid id has no such byte; one from elsewhere must still not reach a terminal raw. */
        if ((unsigned char)byte < 0x20 || byte == 0x7F) {
            buffer_add_format(out, "\\u%04x", (unsigned)(unsigned char)byte);
            continue;
        }
        if (byte == '"' || byte == '\\')
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, byte);
    }
    buffer_add_byte(out, '"');
}

void
object_print(const struct object *object, struct buffer *out)
{
    buffer_add_slice(out, object->type);
    buffer_add_byte(out, ':');
    if (object->wildcard)
        buffer_add_byte(out, '*');
    else
        print_id(object->id, out);
    if (object->relation.size > 0) {
        buffer_add_byte(out, '#');
        buffer_add_slice(out, object->relation);
    }
}

void
caveat_name_print(struct slice name, struct buffer *out)
{
    const char *quote = type_name_is_valid(name) ? "" : "\"";

    buffer_add_text(out, quote);
    buffer_add_slice(out, name);
    buffer_add_text(out, quote);
}

void
relationship_print(const struct relationship *relationship, struct buffer *out)
{
    object_print(&relationship->resource, out);
    buffer_add_byte(out, '@');
    object_print(&relationship->subject, out);
    if (relationship->caveat.size > 0) {
        buffer_add_byte(out, '[');
        caveat_name_print(relationship->caveat, out);
        if (relationship->context.size > 0) {
            buffer_add_byte(out, ':');
            datum_print_encoded(relationship->context, out);
        }
        buffer_add_byte(out, ']');
    }
    if (relationship->expires_at != 0) {
        buffer_add_text(out, "[expiration:");
        time_print(relationship->expires_at, out);
        buffer_add_byte(out, ']');
    }
}
