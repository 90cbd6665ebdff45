/* scope.c - selectors: their text, narrowing on writes, and the union of D3. */
#include "engine/scope.h"

static const struct slice principal_word = {"$principal", sizeof "$principal" - 1};

/* --- text --- */

static struct slice
rest_from(struct slice text, size_t offset)
{
    return (struct slice){text.data + offset, text.size - offset};
}

static size_t
find_byte(struct slice text, char byte)
{
    const char *found = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;

    return found != NULL ? (size_t)(found - text.data) : text.size;
}

static enum status
malformed(struct slice text, struct error *error)
{
    error_set(error, BEHALF_MALFORMED_REQUEST, "'%.*s' is no selector", SLICE_PRINTF(text));
    error_hint(error, "write type:id, type:* or type:*#member@object");
    return BEHALF_MALFORMED_REQUEST;
}

/* A plain object that stands `offset` bytes into the selector. */
static enum status
parse_plain(struct slice text, size_t offset, struct arena *arena, struct object *object,
            struct error *error)
{
    enum status status = object_parse(rest_from(text, offset), arena, object, error);

    if (status != BEHALF_OK) {
        if (error->column > 0)
            error->column += (uint32_t)offset;
        return status;
    }
    if (object->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "the object of the selector '%.*s' is a wildcard; name one object",
                         SLICE_PRINTF(text));
    if (object->relation.size > 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the object of the selector '%.*s' must be a plain object, not '#%.*s'",
                         SLICE_PRINTF(text), SLICE_PRINTF(object->relation));
    return BEHALF_OK;
}

/* The form type:*#member@object; `at` is the place of the member. */
static enum status
parse_members(struct slice text, size_t at, struct arena *arena, struct selector *selector,
              struct error *error)
{
    struct slice rest = rest_from(text, at);
    size_t size = find_byte(rest, '@');

    selector->form = SELECTOR_MEMBERS;
    selector->member = (struct slice){rest.data, size};
    if (size == rest.size || !relation_name_is_valid(selector->member))
        return malformed(text, error);
    if (slice_equal(rest_from(rest, size + 1), principal_word)) {
        selector->is_principal = true;
        return BEHALF_OK;
    }
    return parse_plain(text, at + size + 1, arena, &selector->object, error);
}

enum status
selector_parse(struct slice text, struct arena *arena, struct selector *selector,
               struct error *error)
{
    size_t colon = find_byte(text, ':');
    struct slice rest;
    struct object object;
    enum status status;

    *selector = (struct selector){.type = {text.data, colon}};
    if (colon == text.size || !type_name_is_valid(selector->type))
        return malformed(text, error);
    rest = rest_from(text, colon + 1);
    if (slice_equal(rest, SLICE_LITERAL("*"))) {
        selector->form = SELECTOR_TYPE;
        return BEHALF_OK;
    }
    if (slice_starts_with(rest, SLICE_LITERAL("*#")))
        return parse_members(text, colon + 3, arena, selector, error);
    selector->form = SELECTOR_OBJECT;
    status = parse_plain(text, 0, arena, &object, error);
    if (status == BEHALF_OK)
        selector->id = object.id;
    return status;
}

void
selector_print(const struct selector *selector, struct buffer *out)
{
    const struct object selected = {
        .type = selector->type,
        .id = selector->id,
        .wildcard = selector->form != SELECTOR_OBJECT,
    };

    object_print(&selected, out);
    if (selector->form != SELECTOR_MEMBERS)
        return;
    buffer_add_format(out, "#%.*s@", SLICE_PRINTF(selector->member));
    if (selector->is_principal)
        buffer_add_slice(out, principal_word);
    else
        object_print(&selector->object, out);
}

/* --- names --- */

enum status
scope_check_names(const struct schema *schema, const struct scope_element *element,
                  struct error *error)
{
    const struct selector *selector = &element->selector;
    uint32_t type;
    uint32_t ignored;
    enum status status = schema_resolve_type(schema, selector->type, &type, error);

    if (status == BEHALF_OK && selector->form == SELECTOR_MEMBERS)
        status = schema_resolve_member(schema, type, selector->member, &ignored, error);
    if (status == BEHALF_OK && selector->form == SELECTOR_MEMBERS && !selector->is_principal)
        status = schema_resolve_type(schema, selector->object.type, &ignored, error);
    for (size_t at = 0; status == BEHALF_OK && at < element->action_count; at++)
        status = schema_resolve_member(schema, type, element->actions[at], &ignored, error);
    return status;
}

/* --- narrowing --- */

bool
scope_element_carries(const struct grant *grant, const struct grant_element *element, uint16_t type,
                      uint16_t action)
{
    const uint16_t *actions = record_at(grant, element->actions);

    if (element->type != type)
        return false;
    for (uint32_t at = 0; at < element->actions.count; at++) {
        if (actions[at] == action)
            return true;
    }
    return false;
}

/* Whether what the child's selector selects is part of what the parent's does, for any data. A
 * label that the store does not know (LABEL_NONE) is in no stored grant. */
static bool
is_within(struct store *store, const struct grant *parent, const struct grant_element *element,
          const struct selector *child)
{
    struct slice id = record_text(parent, element->id);

    switch ((enum selector_form)element->form) {
    case SELECTOR_TYPE:
        return true;
    case SELECTOR_OBJECT:
        return child->form == SELECTOR_OBJECT && slice_equal(child->id, id);
    case SELECTOR_MEMBERS:
        /* A single object stays within the members by the decision itself: each check evaluates
         * the parent's element too. */
        if (child->form == SELECTOR_OBJECT)
            return true;
        return child->form == SELECTOR_MEMBERS && !child->is_principal &&
               slice_equal(child->object.id, id) &&
               store_label_find(store, LABEL_RELATION, child->member) == element->member &&
               store_label_find(store, LABEL_TYPE, child->object.type) == element->object_type;
    }
    BEHALF_UNREACHABLE();
}

static bool
parent_grants(struct store *store, const struct grant *parent, const struct selector *child,
              struct slice action)
{
    const struct grant_element *elements = record_at(parent, parent->elements);
    uint16_t type = store_label_find(store, LABEL_TYPE, child->type);
    uint16_t label = store_label_find(store, LABEL_RELATION, action);

    for (uint32_t at = 0; at < parent->elements.count; at++) {
        if (scope_element_carries(parent, &elements[at], type, label) &&
            is_within(store, parent, &elements[at], child))
            return true;
    }
    return false;
}

static enum status
not_narrower(const struct selector *selector, struct slice action, size_t index,
             struct error *error)
{
    struct buffer text;

    buffer_init(&text);
    selector_print(selector, &text);
    error_set(error, BEHALF_SCOPE_NOT_NARROWER,
              "no element of the parent's scope includes '%.*s' on %s", SLICE_PRINTF(action),
              text.data);
    error_index(error, index);
    buffer_release(&text);
    return BEHALF_SCOPE_NOT_NARROWER;
}

enum status
scope_check_narrower(struct store *store, const struct grant *parent,
                     const struct scope_element *child, size_t count, struct error *error)
{
    for (size_t at = 0; at < count; at++) {
        const struct scope_element *element = &child[at];

        for (size_t action = 0; action < element->action_count; action++) {
            if (!parent_grants(store, parent, &element->selector, element->actions[action]))
                return not_narrower(&element->selector, element->actions[action], at, error);
        }
    }
    return BEHALF_OK;
}

/* --- decision --- */

static const struct grant_element *
elements_of(const struct grant *grant)
{
    return record_at(grant, grant->elements);
}

/* Whether an element selects the resource by name alone. */
static bool
selects_by_name(const struct grant *grant, const struct grant_element *element, struct slice id)
{
    return element->form == SELECTOR_TYPE ||
           (element->form == SELECTOR_OBJECT && slice_equal(record_text(grant, element->id), id));
}

enum status
scope_element_members(struct snapshot *snapshot, const struct grant *grant, uint32_t at,
                      uint64_t resource, uint32_t action, struct scope_members *members,
                      struct error *error)
{
    const struct binding *binding = snapshot->binding;
    const struct grant_element *element = &elements_of(grant)[at];
    uint32_t type = table_find(&binding->types, element->type);

    members->member = SCHEMA_NONE;
    if (element->form != SELECTOR_MEMBERS ||
        !scope_element_carries(grant, element, NODE_TYPE(resource), binding->member_labels[action]))
        return BEHALF_OK;
    members->subject = (struct eval_subject){
        .type = table_find(&binding->types, element->object_type),
        .member = SCHEMA_NONE,
    };
    if (type == SCHEMA_NONE || members->subject.type == SCHEMA_NONE)
        return BEHALF_OK;
    members->member = binding_member(binding, type, element->member);
    return resolver_node(&snapshot->resolver, element->object_type, record_text(grant, element->id),
                         &members->subject.node, error);
}

/* *value = *value or whether the object of the selector has the member on the resource. Names that
 * the schema lacks select nothing. */
static enum status
or_members(struct snapshot *snapshot, const struct scope_members *members, uint64_t resource,
           const struct inputs *inputs, struct value *value, struct error *error)
{
    struct inputs_attributes attributes;
    struct eval eval;
    struct value selected;
    enum status status;

    eval_init(&eval, VALUE_DECISION, snapshot->binding, &snapshot->view, snapshot->scratch,
              &members->subject, inputs->context,
              inputs_attributes_of(&attributes, snapshot, inputs, members->subject.node, resource));
    status = eval_node(&eval, resource, members->member, &selected, error);
    if (status != BEHALF_OK)
        return status;
    return value_combine(VALUE_DECISION, VALUE_UNION, snapshot->scratch, value, &selected)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

enum status
scope_value(struct snapshot *snapshot, const struct grant *grant, uint64_t resource,
            struct slice id, uint32_t member, const struct inputs *inputs, struct value *value,
            struct error *error)
{
    const struct grant_element *elements = elements_of(grant);
    uint16_t action = snapshot->binding->member_labels[member];
    uint16_t type = NODE_TYPE(resource);
    bool has_members = false;
    enum status status = BEHALF_OK;

    *value = value_decision(false);
    /* By name first: such an element needs no evaluation, and is valid for ever. */
    for (uint32_t at = 0; at < grant->elements.count; at++) {
        if (!scope_element_carries(grant, &elements[at], type, action))
            continue;
        if (selects_by_name(grant, &elements[at], id)) {
            *value = value_decision(true);
            return BEHALF_OK;
        }
        has_members = has_members || elements[at].form == SELECTOR_MEMBERS;
    }
    for (uint32_t at = 0; status == BEHALF_OK && has_members && at < grant->elements.count; at++) {
        struct scope_members members;

        if (value_is_settled(VALUE_DECISION, VALUE_UNION, value))
            break;
        status = scope_element_members(snapshot, grant, at, resource, member, &members, error);
        if (status == BEHALF_OK && members.member != SCHEMA_NONE)
            status = or_members(snapshot, &members, resource, inputs, value, error);
    }
    return status;
}
