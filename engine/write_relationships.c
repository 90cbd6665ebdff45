/* write_relationships.c - updates in words, judged by the schema and turned into edges.
 * Everything is judged before anything is allocated, so a refused write costs the store nothing. */
#include "engine/write.h"

#include "base/datum.h"
#include "base/table.h"
#include "schema/caveat.h"

#define PREFETCH_MIN 16                         /* updates */
#define CONTEXT_ARENA ((size_t)4 * 1024 * 1024) /* to take one context apart */

/* One update that the schema allows, in labels. */
struct resolved_update {
    uint16_t resource_type;
    uint16_t relation;
    uint16_t subject_type;
    uint16_t subject_relation;
    uint16_t caveat;
    uint32_t same_hash; /* the earlier update with the same hash; TABLE_NONE = none */
};

/* --- judging one update --- */

static enum status
check_resource(const struct schema *schema, const struct object *resource, uint32_t *relation,
               struct error *error)
{
    uint32_t type;
    enum status status = schema_resolve_type(schema, resource->type, &type, error);

    if (status != BEHALF_OK)
        return status;
    if (resource->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "a wildcard can only be a subject, and '%.*s:*' is the resource",
                         SLICE_PRINTF(resource->type));
    status = object_id_check(resource->id, error);
    if (status == BEHALF_OK)
        status = schema_resolve_member(schema, type, resource->relation, relation, error);
    if (status != BEHALF_OK || schema->members[*relation].kind == SCHEMA_RELATION)
        return status;
    error_set(error, BEHALF_CANNOT_UPDATE_PERMISSION,
              "'%.*s' of definition '%.*s' is a permission, which is computed and not written",
              SLICE_PRINTF(resource->relation), SLICE_PRINTF(resource->type));
    error_hint(error, "write one of the relations that the permission is made of");
    return BEHALF_CANNOT_UPDATE_PERMISSION;
}

static enum status
check_subject(const struct schema *schema, const struct object *subject, uint32_t *type,
              uint32_t *relation, struct error *error)
{
    enum status status = schema_resolve_type(schema, subject->type, type, error);

    *relation = SCHEMA_NONE;
    if (status != BEHALF_OK)
        return status;
    if (subject->wildcard && (subject->relation.size > 0 || subject->id.size > 0))
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "the wildcard '%.*s:*' has neither an id nor a relation",
                         SLICE_PRINTF(subject->type));
    if (!subject->wildcard)
        status = object_id_check(subject->id, error);
    if (status == BEHALF_OK && subject->relation.size > 0)
        status = schema_resolve_member(schema, *type, subject->relation, relation, error);
    return status;
}

/* "allowed: user | user:* | group#member", whole variants as far as a hint goes. */
static void
hint_allowed(const struct schema *schema, const struct schema_member *relation, struct error *error)
{
    struct buffer list;
    struct buffer next;

    buffer_init(&list);
    buffer_init(&next);
    for (uint32_t index = 0; index < relation->variant_count; index++) {
        buffer_add_text(&list, index == 0 ? "allowed: " : " | ");
        buffer_clear(&next);
        schema_variant_print(schema, &schema->variants[relation->first_variant + index], &next);
        if (list.size + next.size > ERROR_HINT_SIZE - 32) {
            buffer_add_format(&list, "and %u more", (unsigned)(relation->variant_count - index));
            break;
        }
        buffer_add_slice(&list, buffer_slice(&next));
    }
    error_hint(error, "%s", list.data);
    buffer_release(&next);
    buffer_release(&list);
}

static enum status
refuse_variant(const struct schema *schema, const struct schema_member *member,
               const struct relationship *relationship, struct error *error)
{
    const struct object *subject = &relationship->subject;
    struct buffer kind;

    buffer_init(&kind);
    schema_variant_words_print(
        &(struct schema_variant_words){subject->type, subject->relation, relationship->caveat,
                                       subject->wildcard, relationship->expires_at != 0},
        &kind);
    error_set(error, BEHALF_INVALID_SUBJECT_TYPE, "relation '%.*s#%.*s' does not allow '%s'",
              SLICE_PRINTF(schema->types[member->type].name), SLICE_PRINTF(member->name),
              kind.data);
    hint_allowed(schema, member, error);
    buffer_release(&kind);
    return BEHALF_INVALID_SUBJECT_TYPE;
}

/* The kind of edge that the update is about, as far as it says. */
static enum status
find_kind(const struct binding *binding, const struct relationship *relationship,
          struct edge_kind *kind, struct error *error)
{
    const struct schema *schema = binding->schema;
    uint32_t caveat;
    enum status status = check_resource(schema, &relationship->resource, &kind->relation, error);

    if (status == BEHALF_OK)
        status = check_subject(schema, &relationship->subject, &kind->subject_type,
                               &kind->subject_relation, error);
    if (status != BEHALF_OK)
        return status;
    kind->wildcard = relationship->subject.wildcard;
    kind->expiring = relationship->expires_at != 0;
    if (relationship->expires_at < 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "an expiration before 1970");
    if (relationship->caveat.size == 0)
        return relationship->context.size == 0
                   ? BEHALF_OK
                   : error_set(error, BEHALF_MALFORMED_REQUEST, "a context without a caveat");
    caveat = schema_find_caveat(schema, relationship->caveat);
    if (caveat == SCHEMA_NONE)
        return error_set(error, BEHALF_UNKNOWN_CAVEAT, "the schema has no caveat '%.*s'",
                         SLICE_PRINTF(relationship->caveat));
    kind->caveat = binding->caveat_labels[caveat];
    return BEHALF_OK;
}

/* A delete names an identity, so it may leave the caveat and the expiration out. */
static bool
may_be_deleted(const struct binding *binding, const struct edge_kind *kind)
{
    const struct schema *schema = binding->schema;
    const struct schema_member *member = &schema->members[kind->relation];

    for (uint32_t index = 0; index < member->variant_count; index++) {
        const struct schema_variant *variant = &schema->variants[member->first_variant + index];

        if (variant->type == kind->subject_type && variant->relation == kind->subject_relation &&
            variant->wildcard == kind->wildcard &&
            (kind->caveat == LABEL_NONE ||
             variant->caveat == binding_caveat(binding, kind->caveat)) &&
            (!kind->expiring || variant->expiring))
            return true;
    }
    return false;
}

enum status
write_check_context(const struct caveat *caveat, struct slice bytes, struct error *error)
{
    const struct datum *datum = NULL;
    struct arena scratch;
    enum status status;

    if (bytes.size > ENGINE_CONTEXT_SIZE_MAX)
        return error_set(error, BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE,
                         "the context takes %zu bytes in storage; at most %d are allowed",
                         bytes.size, ENGINE_CONTEXT_SIZE_MAX);
    arena_init(&scratch, CONTEXT_ARENA);
    status = datum_decode(bytes, &scratch, &datum, error);
    if (status == BEHALF_OK)
        status = caveat_check_context(caveat, datum, &scratch, error);
    arena_release(&scratch);
    return status;
}

static enum status
check_update(struct write_group *group, const struct update *update,
             struct resolved_update *resolved, struct error *error)
{
    const struct binding *binding = group->binding;
    const struct schema *schema = binding->schema;
    const struct relationship *relationship = &update->relationship;
    struct edge_kind kind = {.caveat = LABEL_NONE};
    enum status status = find_kind(binding, relationship, &kind, error);

    if (status != BEHALF_OK)
        return status;
    if (update->op == UPDATE_DELETE ? !may_be_deleted(binding, &kind)
                                    : !binding_allows(binding, &kind))
        return refuse_variant(schema, &schema->members[kind.relation], relationship, error);
    if (update->op != UPDATE_DELETE && relationship->context.size > 0)
        status = write_check_context(schema->caveats[binding_caveat(binding, kind.caveat)].compiled,
                                     relationship->context, error);
    resolved->resource_type = binding->type_labels[schema->members[kind.relation].type];
    resolved->relation = binding->member_labels[kind.relation];
    resolved->subject_type = binding->type_labels[kind.subject_type];
    resolved->subject_relation = kind.subject_relation == SCHEMA_NONE
                                     ? LABEL_NONE
                                     : binding->member_labels[kind.subject_relation];
    resolved->caveat = kind.caveat;
    return status;
}

/* --- one identity once --- */

static uint64_t
identity_hash(const struct update *update, const struct resolved_update *resolved)
{
    const struct relationship *relationship = &update->relationship;
    uint64_t hash = (uint64_t)resolved->resource_type << 48 | (uint64_t)resolved->relation << 32 |
                    (uint64_t)resolved->subject_type << 16 | resolved->subject_relation;

    hash = digest_hash_u64(hash) ^ digest_hash(relationship->resource.id);
    return digest_hash_u64(hash) ^ digest_hash(relationship->subject.id);
}

/* The empty id of a wildcard equals no other: ids are not empty. */
static bool
same_identity(const struct update *a, const struct resolved_update *resolved_a,
              const struct update *b, const struct resolved_update *resolved_b)
{
    return resolved_a->resource_type == resolved_b->resource_type &&
           resolved_a->relation == resolved_b->relation &&
           resolved_a->subject_type == resolved_b->subject_type &&
           resolved_a->subject_relation == resolved_b->subject_relation &&
           slice_equal(a->relationship.resource.id, b->relationship.resource.id) &&
           slice_equal(a->relationship.subject.id, b->relationship.subject.id);
}

/* Names the relationship behind `what`. */
static void
refuse_update(const struct update *update, enum status status, const char *what,
              struct error *error)
{
    struct relationship identity = update->relationship;
    struct buffer text;

    identity.caveat = identity.context = (struct slice){NULL, 0};
    identity.expires_at = 0;
    buffer_init(&text);
    relationship_print(&identity, &text);
    error_set(error, status, "%s '%s'", what, text.data);
    buffer_release(&text);
}

/* The hash only chooses whom to compare with. */
static enum status
check_distinct(struct table *seen, const struct update *updates, struct resolved_update *resolved,
               uint32_t index, struct error *error)
{
    uint64_t hash = identity_hash(&updates[index], &resolved[index]);
    uint32_t head = table_find(seen, hash);

    resolved[index].same_hash = head;
    for (uint32_t at = head; at != TABLE_NONE; at = resolved[at].same_hash) {
        if (same_identity(&updates[index], &resolved[index], &updates[at], &resolved[at])) {
            refuse_update(&updates[index], BEHALF_UPDATES_ON_SAME_RELATIONSHIP,
                          "two updates of one write name", error);
            error_hint(error, "the other is update %u", (unsigned)at);
            return BEHALF_UPDATES_ON_SAME_RELATIONSHIP;
        }
    }
    if (head != TABLE_NONE)
        table_set(seen, hash, index);
    else if (!table_add(seen, hash, index))
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    return BEHALF_OK;
}

/* --- changing the transaction --- */

/* Names and edges of many updates are read together; a few cost less one by one. */
static enum status
prefetch(struct write_group *group, struct store_transaction *transaction,
         const struct engine_write *write, const struct resolved_update *resolved,
         struct error *error)
{
    struct store_identity *identities;

    if (write->update_count < PREFETCH_MIN)
        return BEHALF_OK;
    identities = arena_take_array(&group->arena, write->update_count, sizeof *identities);
    if (identities == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    for (size_t index = 0; index < write->update_count; index++) {
        const struct relationship *relationship = &write->updates[index].relationship;

        identities[index] =
            (struct store_identity){.resource_type = resolved[index].resource_type,
                                    .relation = resolved[index].relation,
                                    .subject_type = resolved[index].subject_type,
                                    .subject_relation = resolved[index].subject_relation,
                                    .wildcard = relationship->subject.wildcard,
                                    .resource = relationship->resource.id,
                                    .subject = relationship->subject.id};
    }
    return store_transaction_prefetch(transaction, identities, write->update_count, error);
}

/* Whether readers had the relationship: one that has expired they have not, swept or not. */
static bool
was_there(const struct write_group *group, const struct store_previous *previous)
{
    return previous->existed &&
           (previous->expires_at == 0 || previous->expires_at > group->time.now);
}

/* A name that was never stored has no edge to remove, and is not stored for that. */
static enum status
apply_delete(const struct write_group *group, struct store_transaction *transaction,
             const struct update *update, const struct resolved_update *resolved,
             struct edge_key *key, bool *deleted, struct error *error)
{
    struct store_previous previous;
    bool found = false;
    enum status status =
        store_transaction_find(transaction, resolved->resource_type,
                               update->relationship.resource.id, &key->resource, &found, error);

    if (status != BEHALF_OK || !found)
        return status;
    if (update->relationship.subject.wildcard)
        key->subject = NODE_WILDCARD(resolved->subject_type);
    else
        status =
            store_transaction_find(transaction, resolved->subject_type,
                                   update->relationship.subject.id, &key->subject, &found, error);
    if (status != BEHALF_OK || !found)
        return status;
    status = store_transaction_remove(transaction, key, &previous, error);
    if (status == BEHALF_OK)
        *deleted = was_there(group, &previous);
    return status;
}

static enum status
apply_put(const struct write_group *group, struct store_transaction *transaction,
          const struct update *update, const struct resolved_update *resolved, struct edge_key *key,
          struct error *error)
{
    struct edge edge = {
        .expires_at = update->relationship.expires_at,
        .caveat = resolved->caveat,
        .context = update->relationship.context,
    };
    struct store_previous previous;
    enum status status =
        store_transaction_node(transaction, resolved->resource_type,
                               update->relationship.resource.id, &key->resource, error);

    if (status == BEHALF_OK && update->relationship.subject.wildcard)
        key->subject = NODE_WILDCARD(resolved->subject_type);
    else if (status == BEHALF_OK)
        status = store_transaction_node(transaction, resolved->subject_type,
                                        update->relationship.subject.id, &key->subject, error);
    edge.key = *key;
    if (status == BEHALF_OK)
        status = store_transaction_put(transaction, &edge, &previous, error);
    if (status != BEHALF_OK || update->op == UPDATE_TOUCH || !was_there(group, &previous))
        return status;
    refuse_update(update, BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP,
                  "cannot create a relationship that exists:", error);
    error_hint(error, "touch writes a relationship whether it exists or not");
    return BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP;
}

static enum status
apply_update(const struct write_group *group, struct store_transaction *transaction,
             const struct update *update, const struct resolved_update *resolved, bool *deleted,
             struct error *error)
{
    struct edge_key key = {
        .relation = resolved->relation,
        .subject_relation = resolved->subject_relation,
    };

    switch (update->op) {
    case UPDATE_CREATE:
    case UPDATE_TOUCH:
        return apply_put(group, transaction, update, resolved, &key, error);
    case UPDATE_DELETE:
        return apply_delete(group, transaction, update, resolved, &key, deleted, error);
    }
    return error_set(error, BEHALF_MALFORMED_REQUEST, "an update is create, touch or delete");
}

/* --- the whole write --- */

static enum status
check_counts(const struct engine_write *write, struct error *error)
{
    if (write->update_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "a write needs at least one update");
    if (write->update_count <= ENGINE_UPDATES_MAX)
        return BEHALF_OK;
    error_set(error, BEHALF_TOO_MANY_UPDATES_IN_REQUEST,
              "the write has %zu updates; at most %d are allowed", write->update_count,
              ENGINE_UPDATES_MAX);
    error_hint(error, "split it, or import what need not be atomic");
    return BEHALF_TOO_MANY_UPDATES_IN_REQUEST;
}

static enum status
check_updates(struct write_group *group, const struct engine_write *write,
              struct resolved_update *resolved, struct error *error)
{
    struct table seen;

    if (!table_init(&seen, &group->arena, (uint32_t)write->update_count))
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    for (uint32_t index = 0; index < write->update_count; index++) {
        enum status status = check_update(group, &write->updates[index], &resolved[index], error);

        if (status == BEHALF_OK)
            status = check_distinct(&seen, write->updates, resolved, index, error);
        if (status != BEHALF_OK) {
            error_index(error, index);
            return status;
        }
    }
    return BEHALF_OK;
}

enum status
write_relationships(struct write_group *group, struct store_transaction *transaction,
                    struct engine_write *write)
{
    struct resolved_update *resolved;
    enum status status = check_counts(write, &write->error);

    if (status == BEHALF_OK)
        status = write_needs_schema(group, &write->error);
    if (status != BEHALF_OK)
        return status;
    resolved = arena_take_array(&group->arena, write->update_count, sizeof *resolved);
    if (resolved == NULL)
        return error_set(&write->error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    status = check_updates(group, write, resolved, &write->error);
    if (status == BEHALF_OK)
        status = write_check_preconditions(group, transaction, write);
    if (status == BEHALF_OK)
        status = prefetch(group, transaction, write, resolved, &write->error);
    write->count = 0;
    for (size_t index = 0; status == BEHALF_OK && index < write->update_count; index++) {
        bool deleted = false;

        status = apply_update(group, transaction, &write->updates[index], &resolved[index],
                              &deleted, &write->error);
        write->count += deleted;
        if (status != BEHALF_OK)
            error_index(&write->error, index);
    }
    return status;
}
