/* shapes_agents.c - sessions, grants, access requests and stops, from MessagePack to the engine's
 * structs. */
#include "net/shapes_agents.h"

#include "base/utf8.h"
#include "net/contexts.h"

#define REQUEST_ID_SIZE_MAX 256
#define NANOSECONDS INT64_C(1000000000)

/* --- texts --- */

/* What is stored is UTF-8. */
static enum status
decode_bounded_text(struct decoder *decoder, size_t largest, struct slice *text)
{
    enum status status = decode_text(decoder, text);

    if (status != BEHALF_OK)
        return status;
    if (text->size > largest)
        return decoder_refuse(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                              "%zu bytes; at most %zu are allowed", text->size, largest);
    if (!utf8_is_valid(text->data, text->size))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the string is not UTF-8");
    return BEHALF_OK;
}

enum status
decode_client(struct decoder *decoder, void *into)
{
    return decode_bounded_text(decoder, ENGINE_CLIENT_SIZE_MAX, into);
}

enum status
decode_reason(struct decoder *decoder, void *into)
{
    return decode_bounded_text(decoder, ENGINE_REASON_SIZE_MAX, into);
}

enum status
decode_purpose(struct decoder *decoder, void *into)
{
    return decode_bounded_text(decoder, ENGINE_PURPOSE_SIZE_MAX, into);
}

enum status
decode_name(struct decoder *decoder, void *into)
{
    return decode_bounded_text(decoder, ENGINE_NAME_SIZE_MAX, into);
}

enum status
decode_justification(struct decoder *decoder, void *into)
{
    return decode_bounded_text(decoder, ENGINE_JUSTIFICATION_SIZE_MAX, into);
}

bool
shape_is_request_id(struct slice text)
{
    bool good = text.size > 0 && text.size <= REQUEST_ID_SIZE_MAX;

    for (size_t index = 0; good && index < text.size; index++)
        good = text.data[index] > ' ' && text.data[index] <= '~';
    return good;
}

enum status
decode_request_id(struct decoder *decoder, void *into)
{
    const struct slice *id = into;
    enum status status = decode_text(decoder, into);

    if (status == BEHALF_OK && !shape_is_request_id(*id))
        status = decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                                "must be 1 to %d visible ASCII characters", REQUEST_ID_SIZE_MAX);
    return status;
}

/* --- ids and digests --- */

static enum status
decode_id(struct decoder *decoder, const char *prefix, struct record_id *id)
{
    struct slice text = {NULL, 0};
    enum status status = decode_text(decoder, &text);

    if (status != BEHALF_OK || record_id_parse(text, prefix, id))
        return status;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "must be an id: '%s' and 26 characters, as the server wrote them",
                          prefix);
}

enum status
decode_session_id(struct decoder *decoder, void *into)
{
    return decode_id(decoder, RECORD_PREFIX_SESSION, into);
}

enum status
decode_grant_id(struct decoder *decoder, void *into)
{
    return decode_id(decoder, RECORD_PREFIX_GRANT, into);
}

enum status
decode_access_request_id(struct decoder *decoder, void *into)
{
    return decode_id(decoder, RECORD_PREFIX_REQUEST, into);
}

static enum status
decode_approved_request(struct decoder *decoder, void *into)
{
    struct record_id id;
    struct wire_reader peek = decoder->reader;
    enum status status = decode_id(decoder, RECORD_PREFIX_REQUEST, &id);

    decoder->reader = peek;
    return status == BEHALF_OK ? decode_text(decoder, into) : status;
}

static int
hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

bool
shape_read_digest(struct slice text, uint8_t digest[32])
{
    bool good = text.size == 64;

    for (size_t index = 0; good && index < 32; index++) {
        int high = hex_digit(text.data[2 * index]);
        int low = hex_digit(text.data[2 * index + 1]);

        good = high >= 0 && low >= 0;
        if (good)
            digest[index] = (uint8_t)(high << 4 | low);
    }
    return good;
}

/* uint8_t[32] */
static enum status
decode_digest(struct decoder *decoder, void *into)
{
    struct slice text = {NULL, 0};
    enum status status = decode_text(decoder, &text);

    if (status == BEHALF_OK && !shape_read_digest(text, into))
        status = decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must be 64 hex digits");
    return status;
}

enum status
decode_binding(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_binding, method, "method", decode_name, FIELD_REQUIRED),
        FIELD(engine_binding, digest, "digest", decode_digest, FIELD_REQUIRED),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

static enum status
decode_tool(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_tool, name, "name", decode_name, FIELD_REQUIRED),
        FIELD(engine_tool, sha256, "sha256", decode_digest, FIELD_REQUIRED),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

/* --- decisions --- */

/* The one of this request; NULL when there is no memory. */
static struct engine_delegation *
delegation_of(struct decoder *decoder, void *into)
{
    struct engine_delegation **delegation = into;

    if (*delegation == NULL)
        *delegation = arena_take_array(decoder->arena, 1, sizeof **delegation);
    return *delegation;
}

enum status
decode_shown_grant(struct decoder *decoder, void *into)
{
    struct engine_delegation *delegation = delegation_of(decoder, into);
    enum status status;

    if (delegation == NULL)
        return decoder_no_memory(decoder);
    status = decode_grant_id(decoder, &delegation->grant);
    delegation->given = status == BEHALF_OK;
    return status;
}

enum status
decode_shown_binding(struct decoder *decoder, void *into)
{
    struct engine_delegation *delegation = delegation_of(decoder, into);

    return delegation == NULL ? decoder_no_memory(decoder)
                              : decode_binding(decoder, &delegation->binding);
}

enum status
decode_shown_tool(struct decoder *decoder, void *into)
{
    struct engine_delegation *delegation = delegation_of(decoder, into);

    return delegation == NULL ? decoder_no_memory(decoder)
                              : decode_tool(decoder, &delegation->tool);
}

enum status
decode_shown_key(struct decoder *decoder, void *into)
{
    struct engine_delegation *delegation = delegation_of(decoder, into);

    return delegation == NULL ? decoder_no_memory(decoder)
                              : decode_idempotency_key(decoder, &delegation->idempotency_key);
}

/* --- ends --- */

static enum status
refuse_second_end(struct decoder *decoder)
{
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "'expires_at' and 'expires_in_s' exclude each other");
}

enum status
decode_end_at(struct decoder *decoder, void *into)
{
    struct engine_end *end = into;

    return end_is_given(end) ? refuse_second_end(decoder) : decode_time(decoder, &end->at);
}

enum status
decode_end_in(struct decoder *decoder, void *into)
{
    struct engine_end *end = into;
    uint64_t seconds = 0;
    enum status status;

    if (end_is_given(end))
        return refuse_second_end(decoder);
    status = decode_number(decoder, UINT32_MAX, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, &seconds);
    if (status == BEHALF_OK && seconds == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must be at least 1");
    end->in_ns = (int64_t)seconds * NANOSECONDS;
    return status;
}

/* --- the terms of a grant --- */

enum status
decode_max_depth(struct decoder *decoder, void *into)
{
    uint64_t depth = 0;
    enum status status =
        decode_number(decoder, ENGINE_DEPTH_MAX, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, &depth);

    if (status == BEHALF_OK)
        *(uint32_t *)into = (uint32_t)depth;
    return status;
}

enum status
decode_uses(struct decoder *decoder, void *into)
{
    uint64_t *uses = into;
    enum status status =
        decode_number(decoder, UINT32_MAX, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, uses);

    /* 0 would be any number. */
    if (status == BEHALF_OK && *uses == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must be at least 1");
    return status;
}

static enum status
decode_actions(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = ENGINE_SCOPE_ACTIONS_MAX,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct slice),
        .decode = decode_relation_name,
    };
    struct engine_scope_element *element = into;
    void *actions = NULL;
    enum status status = decode_list(decoder, &shape, &actions, &element->action_count);

    element->actions = actions;
    return status;
}

static enum status
decode_scope_element(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_scope_element, selector, "selector", decode_text, FIELD_REQUIRED),
        {"actions", 7, 0, decode_actions, FIELD_REQUIRED},
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_scope(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = ENGINE_SCOPE_ELEMENTS_MAX,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct engine_scope_element),
        .decode = decode_scope_element,
    };
    struct engine_grant_terms *terms = into;
    void *elements = NULL;
    enum status status = decode_list(decoder, &shape, &elements, &terms->scope_count);

    terms->scope = elements;
    return status;
}

static enum status
decode_constraint_context(struct decoder *decoder, void *into)
{
    return decode_canonical_map(decoder, ENGINE_CONTEXT_SIZE_MAX, into);
}

static enum status
decode_constraint(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_constraint, caveat, "caveat", decode_caveat_name, FIELD_REQUIRED),
        FIELD(engine_constraint, context, "context", decode_constraint_context, FIELD_OPTIONAL),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_constraints(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = ENGINE_CONSTRAINTS_MAX,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct engine_constraint),
        .decode = decode_constraint,
    };
    struct engine_grant_terms *terms = into;
    void *constraints = NULL;
    enum status status = decode_list(decoder, &shape, &constraints, &terms->constraint_count);

    terms->constraints = constraints;
    return status;
}

static enum status
decode_tool_list(struct decoder *decoder, const struct engine_tool **tools, size_t *count)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = ENGINE_TOOLS_MAX,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct engine_tool),
        .decode = decode_tool,
    };
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, count);

    *tools = items;
    return status;
}

enum status
decode_tools(struct decoder *decoder, void *into)
{
    struct engine_grant_terms *terms = into;

    return decode_tool_list(decoder, &terms->tools, &terms->tool_count);
}

/* struct engine_requested_terms: two members of it. */
static enum status
decode_requested_tools(struct decoder *decoder, void *into)
{
    struct engine_requested_terms *requested = into;

    return decode_tool_list(decoder, &requested->tools, &requested->tool_count);
}

enum status
decode_requested(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_requested_terms, until, "until", decode_time, FIELD_OPTIONAL),
        FIELD(engine_requested_terms, uses, "uses", decode_uses, FIELD_OPTIONAL),
        FIELD(engine_requested_terms, binding, "bind", decode_binding, FIELD_OPTIONAL),
        {"tools", 5, 0, decode_requested_tools, FIELD_OPTIONAL},
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_evidence(struct decoder *decoder, void *into)
{
    return decode_canonical_map(decoder, ENGINE_EVIDENCE_SIZE_MAX, into);
}

enum status
decode_approval(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_approval, approver, "approver", decode_resource, FIELD_REQUIRED),
        FIELD(engine_approval, at, "at", decode_time, FIELD_OPTIONAL),
        FIELD(engine_approval, channel, "channel", decode_name, FIELD_OPTIONAL),
        FIELD(engine_approval, request, "request", decode_approved_request, FIELD_OPTIONAL),
        FIELD(engine_approval, evidence, "evidence", decode_evidence, FIELD_OPTIONAL),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_new_grant(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_root_grant, approval, "approval", decode_approval, FIELD_REQUIRED),
        TERMS_FIELDS(engine_root_grant, terms, FIELD_REQUIRED),
    };
    struct engine_root_grant **made = into;
    struct engine_root_grant *grant = arena_take_array(decoder->arena, 1, sizeof *grant);
    enum status status;

    if (grant == NULL)
        return decoder_no_memory(decoder);
    status = DECODE_MAP(decoder, fields, grant, NULL);
    if (status == BEHALF_OK && !end_is_given(&grant->terms.end))
        status = decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_END);
    *made = grant;
    return status;
}

/* --- audits --- */

enum status
decode_type_names(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = LIMIT_TYPES,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct slice),
        .decode = decode_type_name,
    };
    struct type_names *names = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &names->count);

    names->items = items;
    return status;
}
