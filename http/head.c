/* head.c - the automaton of a head, and the rules for its fields. */
#include "http/head.h"

#include "http/characters.h"

/* What the next byte belongs to. */
enum expected {
    EXPECT_METHOD,
    EXPECT_TARGET,
    EXPECT_VERSION,
    EXPECT_LINE_END, /* LF of the request line */
    EXPECT_FIELD,    /* the first byte of a field, or CR of the last line */
    EXPECT_NAME,
    EXPECT_BLANKS, /* before a value */
    EXPECT_VALUE,
    EXPECT_FIELD_END, /* LF of a field */
    EXPECT_HEAD_END,  /* LF of the last line */
    EXPECT_NOTHING,
};

#define VERSION_PREFIX "HTTP/"
#define VERSION_SIZE (sizeof VERSION_PREFIX - 1 + sizeof((struct head *)NULL)->version)

static const struct http_refusal accepted = {0, NULL};

void
head_init(struct head *head, size_t size_max, bool allow_http_1_0)
{
    BEHALF_ASSERT(size_max > 0 && size_max <= HTTP_HEAD_SIZE_MAX);
    head->at = 0;
    head->size_max = (uint16_t)size_max;
    head->begin = 0;
    head->expected = EXPECT_METHOD;
    head->field_count = 0;
    head->hex_left = 0;
    head->allow_http_1_0 = allow_http_1_0;
    head->is_http_1_0 = false;
    head->method = (struct head_place){0, 0};
    head->target = (struct head_place){0, 0};
    head->refusal = accepted;
}

static enum head_state
refuse(struct head *head, unsigned status, const char *why)
{
    head->refusal = (struct http_refusal){status, why};
    return HEAD_REFUSED;
}

static enum head_state
malformed(struct head *head, const char *why)
{
    return refuse(head, 400, why);
}

/* The bytes from `begin` to the one that is being read, which is not among them. */
static struct head_place
element(const struct head *head)
{
    return (struct head_place){head->begin, (uint16_t)(head->at - head->begin)};
}

static enum head_state
expect(struct head *head, enum expected expected)
{
    head->expected = (uint8_t)expected;
    head->begin = (uint16_t)(head->at + 1);
    return HEAD_PARTIAL;
}

/* --- the request line --- */

static enum head_state
read_method(struct head *head, char byte)
{
    if (character_is(byte, CHARACTER_TOKEN))
        return HEAD_PARTIAL;
    head->method = element(head);
    if (byte != ' ' || head->method.size == 0)
        return malformed(head, "the request line does not begin with a method");
    return expect(head, EXPECT_TARGET);
}

static enum head_state
read_target(struct head *head, char byte)
{
    head->target = element(head);
    if (byte == ' ') {
        if (head->target.size == 0)
            return malformed(head, "the request line has no target");
        if (head->hex_left > 0)
            return malformed(head, "a '%' in the target needs two hexadecimal digits");
        return expect(head, EXPECT_VERSION);
    }
    if (head->target.size == 0 && byte != '/')
        return malformed(head, "the target must be in origin form and begin with '/'");
    if (head->target.size >= HTTP_TARGET_SIZE_MAX)
        return refuse(head, 414, "the target is too long");
    if (!character_is(byte, CHARACTER_TARGET))
        return malformed(head, "the target has a byte that must be percent-encoded");
    if (head->hex_left > 0) {
        if (!character_is(byte, CHARACTER_HEX))
            return malformed(head, "a '%' in the target needs two hexadecimal digits");
        head->hex_left--;
    } else if (byte == '%') {
        head->hex_left = 2;
    }
    return HEAD_PARTIAL;
}

static enum head_state
take_version(struct head *head)
{
    head->is_http_1_0 = head->version[0] == '1' && head->version[2] == '0';
    if (head->version[0] != '1' || (head->version[2] != '0' && head->version[2] != '1') ||
        (head->is_http_1_0 && !head->allow_http_1_0))
        return refuse(head, 505, "only HTTP/1.1 is spoken here");
    return expect(head, EXPECT_LINE_END);
}

static enum head_state
read_version(struct head *head, char byte)
{
    size_t place = element(head).size;
    size_t digit = place - (sizeof VERSION_PREFIX - 1);
    bool fits;

    if (place == VERSION_SIZE)
        return byte == '\r' ? take_version(head)
                            : malformed(head, "the request line must end in CR LF");
    if (place < sizeof VERSION_PREFIX - 1) {
        fits = byte == VERSION_PREFIX[place];
    } else {
        fits = digit == 1 ? byte == '.' : character_is_digit(byte);
        head->version[digit] = byte;
    }
    return fits ? HEAD_PARTIAL : malformed(head, "the request line does not end with a version");
}

/* --- fields --- */

static enum head_state
read_name(struct head *head, char byte)
{
    struct head_field *field = &head->fields[head->field_count];

    if (character_is(byte, CHARACTER_TOKEN))
        return HEAD_PARTIAL;
    if (byte == ' ' || byte == '\t')
        return malformed(head, "a field has a blank before its colon");
    if (byte != ':')
        return malformed(head, "the name of a field has a byte that is not allowed");
    field->name = element(head);
    return expect(head, EXPECT_BLANKS);
}

static enum head_state
begin_field(struct head *head, char byte)
{
    if (byte == '\r')
        return expect(head, EXPECT_HEAD_END);
    if (byte == ' ' || byte == '\t')
        return malformed(head, "a field is folded over two lines");
    if (byte == ':')
        return malformed(head, "a field has no name");
    if (head->field_count == HTTP_FIELDS_MAX)
        return refuse(head, 431, "there are too many fields");
    head->begin = head->at;
    head->expected = EXPECT_NAME;
    return read_name(head, byte);
}

static enum head_state
read_value(struct head *head, char byte)
{
    struct head_place *value = &head->fields[head->field_count].value;

    if (byte == '\r')
        return expect(head, EXPECT_FIELD_END);
    if (byte == '\n')
        return malformed(head, "a line ends in LF without CR");
    if (!character_is(byte, CHARACTER_VALUE))
        return malformed(head, "the value of a field has a byte that is not allowed");
    if (byte != ' ' && byte != '\t')
        value->size = (uint16_t)(head->at + 1 - value->at); /* blanks at the end are none of it */
    return HEAD_PARTIAL;
}

static enum head_state
begin_value(struct head *head, char byte)
{
    if (byte == ' ' || byte == '\t')
        return HEAD_PARTIAL;
    head->fields[head->field_count].value = (struct head_place){head->at, 0};
    head->expected = EXPECT_VALUE;
    return read_value(head, byte);
}

static enum head_state
read_line_feed(struct head *head, char byte)
{
    if (byte != '\n')
        return malformed(head, "a CR is not followed by LF");
    if (head->expected == EXPECT_HEAD_END) {
        head->expected = EXPECT_NOTHING;
        return HEAD_COMPLETE;
    }
    if (head->expected == EXPECT_FIELD_END)
        head->field_count++;
    return expect(head, EXPECT_FIELD);
}

static enum head_state
read_byte(struct head *head, char byte)
{
    switch ((enum expected)head->expected) {
    case EXPECT_METHOD:
        return read_method(head, byte);
    case EXPECT_TARGET:
        return read_target(head, byte);
    case EXPECT_VERSION:
        return read_version(head, byte);
    case EXPECT_FIELD:
        return begin_field(head, byte);
    case EXPECT_NAME:
        return read_name(head, byte);
    case EXPECT_BLANKS:
        return begin_value(head, byte);
    case EXPECT_VALUE:
        return read_value(head, byte);
    case EXPECT_LINE_END:
    case EXPECT_FIELD_END:
    case EXPECT_HEAD_END:
        return read_line_feed(head, byte);
    case EXPECT_NOTHING:
        break;
    }
    BEHALF_UNREACHABLE();
}

enum head_state
head_read(struct head *head, const char *bytes, size_t size)
{
    enum head_state state = HEAD_PARTIAL;

    BEHALF_ASSERT(head->refusal.status == 0);
    while (state == HEAD_PARTIAL && head->at < size) {
        state = read_byte(head, bytes[head->at]);
        if (state == HEAD_REFUSED)
            break;
        head->at++;
        if (state == HEAD_PARTIAL && head->at == head->size_max)
            return refuse(head, 431, "the head is too large");
    }
    return state;
}

/* --- meaning --- */

void
head_describe(const struct head *head, const char *bytes, struct http_field *fields,
              struct http_request *request)
{
    struct slice target = head_slice(bytes, head->target);
    const char *mark = memchr(target.data, '?', target.size);
    size_t path_size = mark == NULL ? target.size : (size_t)(mark - target.data);

    *request = (struct http_request){
        .target = target,
        .path = {target.data, path_size},
        .fields = fields,
        .field_count = head->field_count,
    };
    if (mark != NULL)
        request->query = (struct slice){mark + 1, target.size - path_size - 1};
    for (size_t at = 0; at < head->field_count; at++)
        fields[at] = (struct http_field){head_slice(bytes, head->fields[at].name),
                                         head_slice(bytes, head->fields[at].value)};
}

enum known_field {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_AUTHORIZATION,
    FIELD_CONTENT_TYPE,
    FIELD_ORIGIN,
    FIELD_COOKIE,
    FIELD_MCP_PROTOCOL_VERSION,
    FIELD_X_REQUEST_ID,
    FIELD_IDEMPOTENCY_KEY,
    FIELD_ONCE_COUNT,
    FIELD_CONNECTION = FIELD_ONCE_COUNT,
    FIELD_OTHER,
};

/* By enum known_field. */
static const struct slice known_names[] = {
    SLICE_ENTRY("host"),
    SLICE_ENTRY("content-length"),
    SLICE_ENTRY("transfer-encoding"),
    SLICE_ENTRY("expect"),
    SLICE_ENTRY("authorization"),
    SLICE_ENTRY("content-type"),
    SLICE_ENTRY("origin"),
    SLICE_ENTRY("cookie"),
    SLICE_ENTRY("mcp-protocol-version"),
    SLICE_ENTRY("x-request-id"),
    SLICE_ENTRY("idempotency-key"),
    SLICE_ENTRY("connection"),
};

/* Every field whose name begins so occurs once at most. */
static const struct slice once_prefix = SLICE_ENTRY("mcp-");

struct found_fields {
    bool has[FIELD_ONCE_COUNT];
    struct slice value[FIELD_ONCE_COUNT];
    bool has_close;
};

static enum known_field
known_field(struct slice name)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(known_names); at++)
        if (characters_equal(name, known_names[at]))
            return (enum known_field)at;
    return FIELD_OTHER;
}

static bool
occurred_before(const struct http_request *request, size_t index)
{
    for (size_t at = 0; at < index; at++)
        if (characters_same(request->fields[at].name, request->fields[index].name))
            return true;
    return false;
}

/* Whether "close" stands in a comma-separated list. */
static bool
lists_close(struct slice list)
{
    size_t begin = 0;

    for (size_t at = 0; at <= list.size; at++) {
        size_t end = at;

        if (at < list.size && list.data[at] != ',')
            continue;
        while (begin < end && (list.data[begin] == ' ' || list.data[begin] == '\t'))
            begin++;
        while (end > begin && (list.data[end - 1] == ' ' || list.data[end - 1] == '\t'))
            end--;
        if (characters_equal((struct slice){list.data + begin, end - begin},
                             SLICE_LITERAL("close")))
            return true;
        begin = at + 1;
    }
    return false;
}

static struct http_refusal
find_fields(const struct http_request *request, struct found_fields *found)
{
    static const struct http_refusal twice = {400, "a field is repeated that may occur once"};

    *found = (struct found_fields){0};
    for (size_t at = 0; at < request->field_count; at++) {
        const struct http_field *field = &request->fields[at];
        enum known_field known = known_field(field->name);

        if (known < FIELD_ONCE_COUNT) {
            if (found->has[known])
                return twice;
            found->has[known] = true;
            found->value[known] = field->value;
        } else if (known == FIELD_CONNECTION) {
            found->has_close |= lists_close(field->value);
        } else if (characters_start_with(field->name, once_prefix) &&
                   occurred_before(request, at)) {
            return twice;
        }
    }
    return accepted;
}

/* Digits alone and no leading zero, which some read as octal; what does not fit is as large as can
 * be, and larger than any limit. */
static bool
parse_length(struct slice text, uint64_t *length)
{
    *length = 0;
    if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t at = 0; at < text.size; at++) {
        uint64_t digit = (uint64_t)(unsigned char)text.data[at] - '0';

        if (!character_is_digit(text.data[at]))
            return false;
        *length = *length > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *length * 10 + digit;
    }
    return true;
}

static struct http_refusal
understand_framing(const struct head *head, const struct head_rules *rules,
                   const struct found_fields *found, struct head_meaning *meaning)
{
    if (found->has[FIELD_TRANSFER_ENCODING]) {
        if (!rules->allow_chunked || head->is_http_1_0)
            return (struct http_refusal){400, "Transfer-Encoding is not accepted here"};
        if (found->has[FIELD_CONTENT_LENGTH])
            return (struct http_refusal){400,
                                         "Content-Length and Transfer-Encoding are both present"};
        if (!characters_equal(found->value[FIELD_TRANSFER_ENCODING], SLICE_LITERAL("chunked")))
            return (struct http_refusal){400, "Transfer-Encoding may only be chunked"};
        meaning->is_chunked = true;
    }
    if (found->has[FIELD_CONTENT_LENGTH] &&
        !parse_length(found->value[FIELD_CONTENT_LENGTH], &meaning->content_length))
        return (struct http_refusal){400, "Content-Length must be a number in plain digits"};
    return accepted;
}

static bool
is_ours(struct slice host, const struct head_rules *rules)
{
    for (size_t at = 0; at < rules->authority_count; at++)
        if (characters_equal(host, rules->authorities[at]))
            return true;
    return false;
}

static bool
parse_method(struct slice text, enum http_method *method)
{
    /* By enum http_method. */
    static const struct slice names[] = {SLICE_ENTRY("GET"), SLICE_ENTRY("HEAD"),
                                         SLICE_ENTRY("POST"), SLICE_ENTRY("DELETE"),
                                         SLICE_ENTRY("OPTIONS")};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        if (slice_equal(text, names[at])) {
            *method = (enum http_method)at;
            return true;
        }
    }
    return false;
}

struct http_refusal
head_understand(const struct head *head, const char *bytes, const struct head_rules *rules,
                struct http_request *request, struct head_meaning *meaning)
{
    struct found_fields found;
    bool is_known = parse_method(head_slice(bytes, head->method), &request->method);
    struct http_refusal refusal = find_fields(request, &found);

    *meaning = (struct head_meaning){.closes = found.has_close || head->is_http_1_0};
    if (refusal.status == 0)
        refusal = understand_framing(head, rules, &found, meaning);
    if (refusal.status != 0)
        return refusal;
    if (!found.has[FIELD_HOST])
        return (struct http_refusal){400, "Host is missing"};
    if (!is_ours(found.value[FIELD_HOST], rules))
        return (struct http_refusal){421, "Host is not one of this server's"};
    if (!is_known)
        return (struct http_refusal){501, "the method is not one of GET HEAD POST DELETE OPTIONS"};
    if (found.has[FIELD_EXPECT] && !head->is_http_1_0) {
        if (!characters_equal(found.value[FIELD_EXPECT], SLICE_LITERAL("100-continue")))
            return (struct http_refusal){417, "Expect may only be 100-continue"};
        meaning->expects_continue = true;
    }
    return accepted;
}
