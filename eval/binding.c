/* binding.c - builds the two-way tables between a schema's numbers and the store's labels. */
#include "eval/binding.h"

#include "base/memory.h"

#define ARENA_CAP ((size_t)256 * 1024 * 1024) /* the largest possible schema needs less */

#define HOP_NAME SLICE_LITERAL("acts_on_behalf_of")
#define CEILING_NAME SLICE_LITERAL("agent_ceiling")
#define CEILING_PREFIX SLICE_LITERAL("agent_ceiling_")

static enum status
bind_type(struct binding *binding, struct store *store, uint16_t *labels, uint32_t type,
          struct error *error)
{
    struct slice name = binding->schema->types[type].name;
    uint16_t label = store_label_find(store, LABEL_TYPE, name);

    if (label == LABEL_NONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "type '%.*s' of the schema has no label",
                         SLICE_PRINTF(name));
    labels[type] = label;
    return table_add(&binding->types, label, type)
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
}

static enum status
bind_member(struct binding *binding, struct store *store, uint16_t *labels, uint32_t member,
            struct error *error)
{
    const struct schema_member *row = &binding->schema->members[member];
    uint16_t label;

    if (row->kind == SCHEMA_HIDDEN) {
        labels[member] = LABEL_NONE;
        return BEHALF_OK;
    }
    label = store_label_find(store, LABEL_RELATION, row->name);
    if (label == LABEL_NONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "relation '%.*s' of the schema has no label", SLICE_PRINTF(row->name));
    labels[member] = label;
    return table_add(&binding->members, (uint64_t)row->type << 16 | label, member)
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
}

static enum status
bind_caveat(struct binding *binding, struct store *store, uint16_t *labels, uint32_t caveat,
            struct error *error)
{
    struct slice name = binding->schema->caveats[caveat].name;
    uint16_t label = store_label_find(store, LABEL_CAVEAT, name);

    if (label == LABEL_NONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "caveat '%.*s' of the schema has no label",
                         SLICE_PRINTF(name));
    labels[caveat] = label;
    return table_add(&binding->caveats, label, caveat)
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
}

static enum status
digest_caveats(struct binding *binding, struct error *error)
{
    const struct schema *schema = binding->schema;
    uint8_t(*digests)[DIGEST_SIZE] =
        arena_take_array(&binding->arena, schema->caveat_count, sizeof *digests);

    if (digests == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
    for (uint32_t caveat = 0; caveat < schema->caveat_count; caveat++)
        schema_caveat_digest(schema, caveat, digests[caveat]);
    binding->caveat_digests = (const uint8_t(*)[DIGEST_SIZE])digests;
    return BEHALF_OK;
}

/* After the caveats: their labels are part of the keys. */
static enum status
bind_variants(struct binding *binding, uint32_t relation, struct error *error)
{
    const struct schema *schema = binding->schema;
    const struct schema_member *member = &schema->members[relation];

    for (uint32_t index = 0; index < member->variant_count; index++) {
        const struct schema_variant *variant = &schema->variants[member->first_variant + index];
        const struct edge_kind kind = {
            .relation = relation,
            .subject_type = variant->type,
            .subject_relation = variant->relation,
            .caveat = variant->caveat == SCHEMA_NONE ? LABEL_NONE
                                                     : binding->caveat_labels[variant->caveat],
            .wildcard = variant->wildcard,
            .expiring = variant->expiring,
        };

        if (!table_add(&binding->variants, binding_variant_key(&kind),
                       member->first_variant + index))
            return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
    }
    return BEHALF_OK;
}

/* Marks the member that `ceiling` bounds, if the type has it. */
static void
bind_member_ceiling(const struct schema *schema, uint32_t ceiling, uint32_t *member_ceilings)
{
    const struct schema_member *row = &schema->members[ceiling];
    struct slice name = row->name;
    uint32_t bounded;

    if (!slice_starts_with(name, CEILING_PREFIX))
        return;
    name.data += CEILING_PREFIX.size;
    name.size -= CEILING_PREFIX.size;
    bounded = schema_find_member(schema, row->type, name);
    if (bounded != SCHEMA_NONE)
        member_ceilings[bounded] = ceiling;
}

/* Finds the members that mean something to the engine. */
static enum status
bind_known_members(struct binding *binding, struct error *error)
{
    const struct schema *schema = binding->schema;
    uint32_t *hops = arena_take_array(&binding->arena, schema->type_count, sizeof *hops);
    uint32_t *types = arena_take_array(&binding->arena, schema->type_count, sizeof *types);
    uint32_t *members = arena_take_array(&binding->arena, schema->member_count, sizeof *members);

    if (hops == NULL || types == NULL || members == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
    for (uint32_t type = 0; type < schema->type_count; type++) {
        hops[type] = schema_find_member(schema, type, HOP_NAME);
        types[type] = schema_find_member(schema, type, CEILING_NAME);
    }
    for (uint32_t member = 0; member < schema->member_count; member++)
        members[member] = SCHEMA_NONE;
    for (uint32_t member = 0; member < schema->member_count; member++)
        bind_member_ceiling(schema, member, members);
    binding->hop_members = hops;
    binding->type_ceilings = types;
    binding->member_ceilings = members;
    return BEHALF_OK;
}

static enum status
bind_all(struct binding *binding, struct store *store, struct error *error)
{
    const struct schema *schema = binding->schema;
    uint16_t *type_labels =
        arena_take_array(&binding->arena, schema->type_count, sizeof *type_labels);
    uint16_t *member_labels =
        arena_take_array(&binding->arena, schema->member_count, sizeof *member_labels);
    uint16_t *caveat_labels =
        arena_take_array(&binding->arena, schema->caveat_count, sizeof *caveat_labels);
    enum status status = BEHALF_OK;

    if (type_labels == NULL || member_labels == NULL || caveat_labels == NULL ||
        !table_init(&binding->types, &binding->arena, schema->type_count) ||
        !table_init(&binding->members, &binding->arena, schema->member_count) ||
        !table_init(&binding->caveats, &binding->arena, schema->caveat_count) ||
        !table_init(&binding->variants, &binding->arena, schema->variant_count))
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
    binding->type_labels = type_labels;
    binding->member_labels = member_labels;
    binding->caveat_labels = caveat_labels;
    for (uint32_t type = 0; status == BEHALF_OK && type < schema->type_count; type++)
        status = bind_type(binding, store, type_labels, type, error);
    for (uint32_t member = 0; status == BEHALF_OK && member < schema->member_count; member++)
        status = bind_member(binding, store, member_labels, member, error);
    for (uint32_t caveat = 0; status == BEHALF_OK && caveat < schema->caveat_count; caveat++)
        status = bind_caveat(binding, store, caveat_labels, caveat, error);
    for (uint32_t member = 0; status == BEHALF_OK && member < schema->member_count; member++)
        status = bind_variants(binding, member, error);
    if (status == BEHALF_OK)
        status = bind_known_members(binding, error);
    if (status == BEHALF_OK)
        status = digest_caveats(binding, error);
    if (status != BEHALF_OK)
        return status;
    binding->plain = plain_build(schema, type_labels, member_labels, &binding->arena);
    return binding->plain != NULL
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema is too large to bind");
}

enum status
binding_new(const struct schema *schema, uint64_t revision, struct store *store,
            struct binding **binding, struct error *error)
{
    struct binding *made = memory_new(sizeof *made);
    enum status status;

    made->schema = schema_ref(schema);
    made->revision = revision;
    digest_sha256(&schema->text, 1, made->digest);
    atomic_init(&made->references, 1);
    arena_init(&made->arena, ARENA_CAP);
    status = bind_all(made, store, error);
    if (status != BEHALF_OK) {
        binding_unref(made);
        return status;
    }
    *binding = made;
    return BEHALF_OK;
}

enum status
binding_load(struct store *store, const struct store_snapshot *snapshot, uint64_t revision,
             struct binding **binding, struct error *error)
{
    struct schema *schema = NULL;
    uint64_t schema_revision = 0;
    struct buffer text;
    enum status status;

    buffer_init(&text);
    status = store_schema_read(snapshot, revision, &text, &schema_revision, error);
    if (status == BEHALF_OK)
        status = schema_compile_stored(buffer_slice(&text), &schema, error);
    if (status == BEHALF_OK)
        status = binding_new(schema, schema_revision, store, binding, error);
    schema_unref(schema);
    buffer_release(&text);
    return status;
}

struct binding *
binding_ref(struct binding *binding)
{
    /* Relaxed: the caller holds a reference, so the count cannot reach zero meanwhile. */
    atomic_fetch_add_explicit(&binding->references, 1, memory_order_relaxed);
    return binding;
}

void
binding_unref(struct binding *binding)
{
    if (binding == NULL)
        return;
    if (atomic_fetch_sub_explicit(&binding->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_release(&binding->arena);
    schema_unref(binding->schema);
    memory_free(binding);
}
