/* request.c - names to numbers, with errors a caller can act on. */
#include "engine/request.h"

#define HOP_NAME "acts_on_behalf_of"

static const struct slice hop_name = {HOP_NAME, sizeof HOP_NAME - 1};

/* A name that is stored was checked when it was written; any other is checked here. */
static enum status
bind_object(struct snapshot *snapshot, const struct object *object, uint64_t id_hash,
            uint32_t *type, uint64_t *node, struct error *error)
{
    enum status status = schema_resolve_type(snapshot->binding->schema, object->type, type, error);

    if (status != BEHALF_OK)
        return status;
    if (object->id.size == 0 || object->id.size > OBJECT_ID_SIZE_MAX)
        return object_id_check(object->id, error);
    status = resolver_node_hashed(&snapshot->resolver, snapshot->binding->type_labels[*type],
                                  object->id, id_hash, node, error);
    if (status == BEHALF_OK && NODE_IS_LOCAL(*node))
        status = object_id_check(object->id, error);
    return status;
}

enum status
request_resource_hashed(struct snapshot *snapshot, const struct object *object, uint64_t id_hash,
                        uint32_t *type, uint64_t *node, struct error *error)
{
    if (object->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "the resource '%.*s:*' is a wildcard; name one object",
                         SLICE_PRINTF(object->type));
    if (object->relation.size > 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the resource carries a relation '#%.*s'; name the object alone",
                         SLICE_PRINTF(object->relation));
    return bind_object(snapshot, object, id_hash, type, node, error);
}

enum status
request_resource(struct snapshot *snapshot, const struct object *object, uint32_t *type,
                 uint64_t *node, struct error *error)
{
    return request_resource_hashed(snapshot, object, name_id_hash(object->id), type, node, error);
}

enum status
request_subject_hashed(struct snapshot *snapshot, const struct object *object, uint64_t id_hash,
                       struct eval_subject *subject, struct error *error)
{
    enum status status;

    if (object->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "the subject '%.*s:*' is a wildcard; ask for one subject",
                         SLICE_PRINTF(object->type));
    subject->member = SCHEMA_NONE;
    status = bind_object(snapshot, object, id_hash, &subject->type, &subject->node, error);
    if (status == BEHALF_OK && object->relation.size > 0)
        status = schema_resolve_member(snapshot->binding->schema, subject->type, object->relation,
                                       &subject->member, error);
    return status;
}

enum status
request_subject(struct snapshot *snapshot, const struct object *object,
                struct eval_subject *subject, struct error *error)
{
    return request_subject_hashed(snapshot, object, name_id_hash(object->id), subject, error);
}

/* --- delegation --- */

static enum status
check_plain(const struct object *object, const char *what, struct error *error)
{
    if (object->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "the %s of a delegated request cannot be a wildcard", what);
    if (object->relation.size > 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the %s of a delegated request must be a plain object, not '#%.*s'", what,
                         SLICE_PRINTF(object->relation));
    return BEHALF_OK;
}

static enum status
check_unique(const struct request_chain *chain, uint64_t node, struct error *error)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->actors[i] == node || chain->subjects[i].node == node)
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "the same object stands twice in the chain of actors");
    }
    return BEHALF_OK;
}

/* Adds the hop "actor acts on behalf of principal". */
static enum status
add_hop(struct snapshot *snapshot, struct request_chain *chain,
        const struct eval_subject *principal, const struct object *actor, struct error *error)
{
    uint32_t type;
    uint32_t member;
    uint64_t node;
    enum status status = check_plain(actor, "actor", error);

    if (status == BEHALF_OK)
        status = request_resource(snapshot, actor, &type, &node, error);
    if (status == BEHALF_OK && node == principal->node)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "the same object stands twice in the chain of actors");
    if (status == BEHALF_OK)
        status = check_unique(chain, node, error);
    if (status != BEHALF_OK)
        return status;
    member = snapshot->binding->hop_members[type];
    if (member == SCHEMA_NONE) /* with the error of a name that the type lacks */
        return schema_resolve_member(snapshot->binding->schema, type, hop_name, &member, error);
    chain->subjects[chain->count] = *principal;
    chain->actors[chain->count] = node;
    chain->members[chain->count] = member;
    chain->count++;
    return BEHALF_OK;
}

enum status
request_chain(struct snapshot *snapshot, const struct object *subject,
              const struct eval_subject *bound, const struct object *actors, size_t count,
              struct request_chain *chain, struct error *error)
{
    struct eval_subject principal = *bound;
    enum status status = BEHALF_OK;

    chain->count = 0;
    if (count == 0)
        return BEHALF_OK;
    if (count > ENGINE_ACTORS_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%zu actors in one chain; at most %d are allowed", count,
                         ENGINE_ACTORS_MAX);
    status = check_plain(subject, "subject", error);
    for (size_t i = 0; status == BEHALF_OK && i < count; i++) {
        status = add_hop(snapshot, chain, &principal, &actors[i], error);
        if (status == BEHALF_OK)
            principal = (struct eval_subject){
                .node = chain->actors[i],
                .type = binding_type(snapshot->binding, chain->actors[i]),
                .member = SCHEMA_NONE,
            };
    }
    return status;
}

enum status
request_chain_value(struct snapshot *snapshot, const struct request_chain *chain,
                    const struct inputs *inputs, struct value *value, struct error *error)
{
    *value = value_decision(true);
    for (size_t i = 0; i < chain->count && value->upper; i++) {
        const struct eval_subject *subject = &chain->subjects[i];
        struct inputs_attributes attributes;
        struct eval eval;
        struct value hop;
        enum status status;

        eval_init(
            &eval, VALUE_DECISION, snapshot->binding, &snapshot->view, snapshot->scratch, subject,
            inputs->context,
            inputs_attributes_of(&attributes, snapshot, inputs, subject->node, chain->actors[i]));
        status = eval_node(&eval, chain->actors[i], chain->members[i], &hop, error);
        if (status == BEHALF_OK &&
            !value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value, &hop))
            status = budget_memory_spent(error);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

enum status
request_limit(uint32_t asked, size_t *limit, struct error *error)
{
    if (asked > ENGINE_PAGE_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "limit %u is above the largest page of %d", asked, ENGINE_PAGE_MAX);
    *limit = asked == 0 ? ENGINE_PAGE_DEFAULT : asked;
    return BEHALF_OK;
}
