/* scope.h - selectors: read, compared, decided.
 *
 *   type:id                that object
 *   type:*                 all objects of the type
 *   type:*#member@object   objects of the type on which `object` has the relation or permission
 *                          `member`; `@$principal` is replaced when a grant is written
 *
 * Threads: pure functions but for scope_value, which belongs to a request. */
#ifndef BEHALF_ENGINE_SCOPE_H
#define BEHALF_ENGINE_SCOPE_H

#include "engine/inputs.h"
#include "engine/records.h"
#include "schema/schema.h"

struct selector {
    enum selector_form form;
    struct slice type;
    struct slice id;     /* SELECTOR_OBJECT */
    struct slice member; /* SELECTOR_MEMBERS */
    struct object object;
    bool is_principal; /* SELECTOR_MEMBERS: the object is $principal */
};

/* MALFORMED_REQUEST, INVALID_OBJECT_ID, WILDCARD_NOT_ALLOWED. Slices point into the text or the
 * arena. */
enum status selector_parse(struct slice text, struct arena *arena, struct selector *selector,
                           struct error *error) BEHALF_MUST_USE;
void selector_print(const struct selector *selector, struct buffer *out);

/* One element as it is approved: every name is of the schema, and actions are permissions or
 * relations of the selector's type. UNKNOWN_DEFINITION, UNKNOWN_RELATION_OR_PERMISSION. */
struct scope_element {
    struct selector selector;
    const struct slice *actions;
    size_t action_count;
};

enum status scope_check_names(const struct schema *schema, const struct scope_element *element,
                              struct error *error) BEHALF_MUST_USE;

/* Whether each (element, action) of the child has an element of the parent with the type and the
 * action whose selector is equal, or type:*, or of the third form while the child's is type:id.
 * SCOPE_NOT_NARROWER with the index of the child's element. `parent` is a stored grant. */
enum status scope_check_narrower(struct store *store, const struct grant *parent,
                                 const struct scope_element *child, size_t count,
                                 struct error *error) BEHALF_MUST_USE;

/* Whether the element has the action on objects of the type (labels). */
bool scope_element_carries(const struct grant *grant, const struct grant_element *element,
                           uint16_t type, uint16_t action);

/* What an element of a grant asks of the evaluation core for one resource and action. */
struct scope_members {
    struct eval_subject subject;
    uint32_t member; /* SCHEMA_NONE: the element is of another form, type or action, or names what
                        the schema lacks */
};

enum status scope_element_members(struct snapshot *snapshot, const struct grant *grant, uint32_t at,
                                  uint64_t resource, uint32_t action, struct scope_members *members,
                                  struct error *error) BEHALF_MUST_USE;

/* D3 without the constraints: the union, over the elements of the resource's type that have the
 * action, of whether they select the resource. `id` is the resource's. */
enum status scope_value(struct snapshot *snapshot, const struct grant *grant, uint64_t resource,
                        struct slice id, uint32_t member, const struct inputs *inputs,
                        struct value *value, struct error *error) BEHALF_MUST_USE;

#endif
