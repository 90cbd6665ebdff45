/* write_schema.c - schema writes, and the guard: no stored relationship may lose its meaning.
 * The guard reads the exact count of each variant, so it costs the same however many there are. */
#include "engine/write.h"

#include "base/relationship.h"
#include "engine/state.h"
#include "schema/caveat.h"

#define EXAMPLE_EDGES 10000 /* a message's example is not worth a longer search */

/* One stored variant in words and in the numbers of the new schema. */
struct stored_variant {
    struct edge_variant labels;
    uint64_t count;
    struct slice resource_type;
    struct slice relation;
    struct slice subject_type;
    struct slice subject_relation; /* empty = none */
    struct slice caveat;           /* empty = none */
};

struct guard {
    struct write_group *group;
    const struct store_snapshot *snapshot;
    const struct schema *schema; /* the new one */
    enum status status;
    struct error *error;
};

static bool
is_of_variant(const struct edge *edge, const struct edge_variant *labels)
{
    return NODE_TYPE(edge->key.resource) == labels->resource_type &&
           edge->key.relation == labels->relation &&
           NODE_TYPE(edge->key.subject) == labels->subject_type &&
           edge->key.subject_relation == labels->subject_relation &&
           edge->caveat == labels->caveat && (edge->expires_at != 0) == labels->expiring &&
           NODE_IS_WILDCARD(edge->key.subject) == labels->wildcard;
}

/* The edges of the resource's type; of a wildcard, those that name it. */
static struct edge_range
example_range(const struct edge_variant *labels)
{
    struct edge_range range = {.direction = labels->wildcard ? EDGE_REVERSE : EDGE_FORWARD};

    if (labels->wildcard) {
        range.from.subject = NODE_WILDCARD(labels->subject_type);
        range.from.relation = labels->relation;
        range.to.subject = range.from.subject + 1;
        return range;
    }
    range.from.resource = NODE_WILDCARD(labels->resource_type);
    range.unbounded = labels->resource_type == UINT16_MAX;
    if (!range.unbounded)
        range.to.resource = NODE_WILDCARD((uint64_t)labels->resource_type + 1);
    return range;
}

static enum status
find_example(struct guard *guard, const struct stored_variant *variant, struct edge_key *key,
             bool *found, struct error *error)
{
    struct edge_range range = example_range(&variant->labels);
    struct store_scan *scan = NULL;
    struct edge edge;
    enum status status = store_scan_open(guard->snapshot, store_snapshot_head(guard->snapshot),
                                         &range, &scan, error);

    *found = false;
    for (uint32_t seen = 0; status == BEHALF_OK && !*found && seen < EXAMPLE_EDGES; seen++) {
        status = store_scan_next(scan, &edge, error);
        *found = status == BEHALF_OK && is_of_variant(&edge, &variant->labels);
    }
    store_scan_close(scan);
    if (*found)
        *key = edge.key;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* Appends ", for example 'document:readme#viewer@user:ann'", or nothing when none is found soon. */
static enum status
print_example(struct guard *guard, const struct stored_variant *variant, struct buffer *out)
{
    struct relationship example = {
        .resource = {.type = variant->resource_type, .relation = variant->relation},
        .subject = {.type = variant->subject_type,
                    .relation = variant->subject_relation,
                    .wildcard = variant->labels.wildcard},
    };
    struct buffer resource;
    struct buffer subject;
    struct edge_key key = {0};
    bool found = false;
    enum status status;

    buffer_init(&resource);
    buffer_init(&subject);
    status = find_example(guard, variant, &key, &found, guard->error);
    if (status != BEHALF_OK || !found)
        goto done;
    status = store_node_name(guard->snapshot, key.resource, &resource, guard->error);
    if (status == BEHALF_OK && !variant->labels.wildcard)
        status = store_node_name(guard->snapshot, key.subject, &subject, guard->error);
    if (status != BEHALF_OK)
        goto done;
    example.resource.id = buffer_slice(&resource);
    example.subject.id = buffer_slice(&subject);
    buffer_add_text(out, ", for example '");
    relationship_print(&example, out);
    buffer_add_text(out, "'");
done:
    buffer_release(&subject);
    buffer_release(&resource);
    return status;
}

static enum status
refuse(struct guard *guard, const struct stored_variant *variant, const char *change)
{
    struct buffer kind;
    struct buffer example;
    enum status status;

    buffer_init(&kind);
    buffer_init(&example);
    schema_variant_words_print(
        &(struct schema_variant_words){variant->subject_type, variant->subject_relation,
                                       variant->caveat, variant->labels.wildcard,
                                       variant->labels.expiring},
        &kind);
    status = print_example(guard, variant, &example);
    if (status == BEHALF_OK) {
        status = error_set(guard->error, BEHALF_SCHEMA_TYPE_ERROR,
                           "cannot %s: %llu of '%.*s#%.*s' with subject '%s' in store%s", change,
                           (unsigned long long)variant->count, SLICE_PRINTF(variant->resource_type),
                           SLICE_PRINTF(variant->relation), kind.data, example.data);
        error_hint(guard->error,
                   variant->labels.expiring
                       ? "delete these relationships first; those that have expired count until "
                         "they are swept, a few seconds later"
                       : "delete these relationships first");
    }
    buffer_release(&example);
    buffer_release(&kind);
    return status;
}

/* Whether the relation of the schema in force that usersets of this variant name is a relation no
 * more; a permission that stays, becomes a relation or goes is judged by the variants alone. */
static bool
loses_subject_relation(const struct guard *guard, const struct stored_variant *variant,
                       uint32_t new_member)
{
    const struct binding *binding = guard->group->binding;
    uint32_t type = table_find(&binding->types, variant->labels.subject_type);
    uint32_t member = type == SCHEMA_NONE
                          ? SCHEMA_NONE
                          : binding_member(binding, type, variant->labels.subject_relation);

    return member != SCHEMA_NONE && binding->schema->members[member].kind == SCHEMA_RELATION &&
           (new_member == SCHEMA_NONE ||
            guard->schema->members[new_member].kind != SCHEMA_RELATION);
}

/* Empty for SCHEMA_NONE. */
static struct slice
caveat_name(const struct schema *schema, uint32_t caveat)
{
    return caveat == SCHEMA_NONE ? (struct slice){NULL, 0} : schema->caveats[caveat].name;
}

static bool
allows(const struct schema *schema, uint32_t relation, const struct stored_variant *variant,
       uint32_t subject_type, uint32_t subject_relation)
{
    const struct schema_member *member = &schema->members[relation];

    for (uint32_t index = 0; index < member->variant_count; index++) {
        const struct schema_variant *allowed = &schema->variants[member->first_variant + index];

        if (allowed->type == subject_type && allowed->relation == subject_relation &&
            allowed->wildcard == variant->labels.wildcard &&
            slice_equal(caveat_name(schema, allowed->caveat), variant->caveat) &&
            allowed->expiring == variant->labels.expiring)
            return true;
    }
    return false;
}

/* Whether a caveat has a parameter that `use attributes` reserves, or would. */
static bool
has_reserved_name(const struct caveat *caveat)
{
    for (size_t at = 0; at < caveat_parameter_count(caveat); at++) {
        if (caveat_reserved_of(caveat_parameter_at(caveat, at)->name) != CAVEAT_RESERVED_COUNT)
            return true;
    }
    return false;
}

/* The flag that the write adds or removes, as a change, or NULL. */
static const char *
changed_flag(const struct schema *last, const struct schema *next)
{
    if (last->has_attributes != next->has_attributes)
        return next->has_attributes ? "add 'use attributes'" : "remove 'use attributes'";
    if (last->has_request_attributes != next->has_request_attributes)
        return next->has_request_attributes ? "add 'use request_attributes'"
                                            : "remove 'use request_attributes'";
    return NULL;
}

/* A flag changes what stored conditions hang on, without a word in them. */
static enum status
check_flag(struct guard *guard, const struct stored_variant *variant)
{
    const struct schema *last = guard->group->binding->schema;
    const char *change = changed_flag(last, guard->schema);
    uint32_t caveat;

    if (change == NULL || variant->caveat.size == 0)
        return BEHALF_OK;
    caveat = schema_find_caveat(last, variant->caveat);
    if (caveat == SCHEMA_NONE || !has_reserved_name(last->caveats[caveat].compiled))
        return BEHALF_OK;
    return refuse(guard, variant, change);
}

static enum status
check_variant(struct guard *guard, const struct stored_variant *variant)
{
    const struct schema *schema = guard->schema;
    uint32_t type = schema_find_type(schema, variant->resource_type);
    uint32_t subject_type = schema_find_type(schema, variant->subject_type);
    uint32_t subject_relation = SCHEMA_NONE;
    uint32_t relation;

    if (type == SCHEMA_NONE)
        return refuse(guard, variant, "remove a definition that has relationships");
    relation = schema_find_member(schema, type, variant->relation);
    if (relation == SCHEMA_NONE)
        return refuse(guard, variant, "remove a relation that has relationships");
    if (schema->members[relation].kind != SCHEMA_RELATION)
        return refuse(guard, variant, "turn a relation that has relationships into a permission");
    if (variant->subject_relation.size > 0) {
        if (subject_type != SCHEMA_NONE)
            subject_relation = schema_find_member(schema, subject_type, variant->subject_relation);
        if (loses_subject_relation(guard, variant, subject_relation))
            return refuse(guard, variant, "remove a relation that subjects of relationships name");
    }
    if (subject_type == SCHEMA_NONE ||
        (variant->subject_relation.size > 0 && subject_relation == SCHEMA_NONE) ||
        !allows(schema, relation, variant, subject_type, subject_relation))
        return refuse(guard, variant, "remove an allowed subject that relationships have");
    return check_flag(guard, variant);
}

static bool
visit_variant(void *context, const struct edge_variant *labels, uint64_t count)
{
    struct guard *guard = context;
    struct store *store = guard->group->engine->store;
    struct stored_variant variant = {
        .labels = *labels,
        .count = count,
        .resource_type = store_label_name(store, LABEL_TYPE, labels->resource_type),
        .relation = store_label_name(store, LABEL_RELATION, labels->relation),
        .subject_type = store_label_name(store, LABEL_TYPE, labels->subject_type),
    };

    if (labels->subject_relation != LABEL_NONE)
        variant.subject_relation =
            store_label_name(store, LABEL_RELATION, labels->subject_relation);
    if (labels->caveat != LABEL_NONE)
        variant.caveat = store_label_name(store, LABEL_CAVEAT, labels->caveat);
    if (count > 0)
        guard->status = check_variant(guard, &variant);
    return guard->status == BEHALF_OK;
}

/* --- caveats that stay --- */

static const struct caveat_parameter *
find_parameter(const struct caveat *caveat, struct slice name)
{
    for (size_t index = 0; index < caveat_parameter_count(caveat); index++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(caveat, index);

        if (slice_equal(parameter->name, name))
            return parameter;
    }
    return NULL;
}

/* Stored contexts were checked against the parameters that were: these must stay what they are. */
static enum status
check_parameter(const struct schema_caveat *caveat, const struct caveat_parameter *last,
                struct error *error)
{
    const struct caveat_parameter *next = find_parameter(caveat->compiled, last->name);
    struct buffer was;
    struct buffer becomes;
    enum status status = BEHALF_OK;

    buffer_init(&was);
    buffer_init(&becomes);
    caveat_type_print(&last->type, &was);
    if (next != NULL)
        caveat_type_print(&next->type, &becomes);
    if (next == NULL)
        status = error_set(error, BEHALF_SCHEMA_TYPE_ERROR,
                           "cannot remove the parameter '%.*s' of caveat '%.*s'",
                           SLICE_PRINTF(last->name), SLICE_PRINTF(caveat->name));
    else if (!slice_equal(buffer_slice(&was), buffer_slice(&becomes)))
        status =
            error_set(error, BEHALF_SCHEMA_TYPE_ERROR,
                      "cannot change the parameter '%.*s' of caveat '%.*s' from '%s' to '%s'",
                      SLICE_PRINTF(last->name), SLICE_PRINTF(caveat->name), was.data, becomes.data);
    if (status != BEHALF_OK)
        error_hint(error, "stored contexts may name it: add a caveat under another name instead");
    buffer_release(&becomes);
    buffer_release(&was);
    return status;
}

/* A caveat that goes is judged by the relationships that carry it, as variants. */
static enum status
check_caveats(const struct schema *last, const struct schema *next, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t index = 0; status == BEHALF_OK && index < last->caveat_count; index++) {
        const struct caveat *compiled = last->caveats[index].compiled;
        uint32_t stays = schema_find_caveat(next, last->caveats[index].name);

        for (size_t at = 0;
             status == BEHALF_OK && stays != SCHEMA_NONE && at < caveat_parameter_count(compiled);
             at++)
            status =
                check_parameter(&next->caveats[stays], caveat_parameter_at(compiled, at), error);
    }
    return status;
}

enum status
write_compile(struct engine_write *write)
{
    BEHALF_ASSERT(write->kind == WRITE_SCHEMA && write->compiled == NULL);
    return schema_compile(write->schema_text, &write->compiled, &write->error);
}

/* --- the whole write --- */

/* Every name that requests and edges can use gets its label in the transaction of the schema. */
static enum status
allocate_labels(const struct schema *schema, struct store_transaction *transaction,
                struct error *error)
{
    enum status status = BEHALF_OK;
    uint16_t label;

    for (uint32_t type = 0; status == BEHALF_OK && type < schema->type_count; type++)
        status = store_transaction_label(transaction, LABEL_TYPE, schema->types[type].name, &label,
                                         error);
    for (uint32_t member = 0; status == BEHALF_OK && member < schema->member_count; member++)
        if (schema->members[member].kind != SCHEMA_HIDDEN)
            status = store_transaction_label(transaction, LABEL_RELATION,
                                             schema->members[member].name, &label, error);
    for (uint32_t caveat = 0; status == BEHALF_OK && caveat < schema->caveat_count; caveat++)
        status = store_transaction_label(transaction, LABEL_CAVEAT, schema->caveats[caveat].name,
                                         &label, error);
    return status;
}

enum status
write_schema(struct write_group *group, struct store_transaction *transaction,
             struct engine_write *write)
{
    struct guard guard = {
        .group = group,
        .snapshot = store_transaction_snapshot(transaction),
        .status = BEHALF_OK,
        .error = &write->error,
    };
    enum status status = BEHALF_OK;

    if (write->compiled == NULL)
        status = write_compile(write);
    if (status != BEHALF_OK)
        return status;
    group->compiled = write->compiled;
    write->compiled = NULL;
    guard.schema = group->compiled;
    if (group->binding != NULL)
        status = check_caveats(group->binding->schema, group->compiled, &write->error);
    if (status == BEHALF_OK && group->binding != NULL)
        status = store_variants(guard.snapshot, visit_variant, &guard, &write->error);
    if (status == BEHALF_OK)
        status = guard.status;
    if (status == BEHALF_OK)
        status = allocate_labels(group->compiled, transaction, &write->error);
    if (status == BEHALF_OK)
        status = store_transaction_schema(transaction, write->schema_text, &write->error);
    return status;
}
