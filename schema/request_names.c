/* request_names.c - names of requests to numbers of a schema, and variants of subjects in words. */
#include "base/buffer.h"
#include "base/suggest.h"
#include "schema/schema.h"

#define HINT_NAMES_MAX 100

static void
hint(struct slice nearest, struct error *error)
{
    if (nearest.size > 0)
        error_hint(error, "did you mean '%.*s'?", SLICE_PRINTF(nearest));
}

static void
hint_type(const struct schema *schema, struct slice name, struct error *error)
{
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (uint32_t type = 0; type < schema->type_count && type < HINT_NAMES_MAX; type++)
        suggest(name, schema->types[type].name, &nearest, &distance);
    hint(nearest, error);
}

static void
hint_member(const struct schema *schema, uint32_t type, struct slice name, struct error *error)
{
    const struct schema_type *owner = &schema->types[type];
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (uint32_t at = 0; at < owner->member_count && at < HINT_NAMES_MAX; at++) {
        uint32_t member = owner->first_member + at;

        if (schema_find_member(schema, type, schema->members[member].name) == member) /* hidden */
            suggest(name, schema->members[member].name, &nearest, &distance);
    }
    hint(nearest, error);
}

enum status
schema_resolve_type(const struct schema *schema, struct slice name, uint32_t *type,
                    struct error *error)
{
    *type = schema_find_type(schema, name);
    if (BEHALF_LIKELY(*type != SCHEMA_NONE))
        return BEHALF_OK;
    error_set(error, BEHALF_UNKNOWN_DEFINITION, "the schema has no definition '%.*s'",
              SLICE_PRINTF(name));
    error_hint(error, "list the definitions with: behalf schema read");
    hint_type(schema, name, error);
    return BEHALF_UNKNOWN_DEFINITION;
}

enum status
schema_resolve_member(const struct schema *schema, uint32_t type, struct slice name,
                      uint32_t *member, struct error *error)
{
    *member = schema_find_member(schema, type, name);
    if (BEHALF_LIKELY(*member != SCHEMA_NONE))
        return BEHALF_OK;
    error_set(error, BEHALF_UNKNOWN_RELATION_OR_PERMISSION,
              "definition '%.*s' has no relation or permission '%.*s'",
              SLICE_PRINTF(schema->types[type].name), SLICE_PRINTF(name));
    hint_member(schema, type, name, error);
    return BEHALF_UNKNOWN_RELATION_OR_PERMISSION;
}

void
schema_variant_words_print(const struct schema_variant_words *words, struct buffer *out)
{
    buffer_add_slice(out, words->type);
    if (words->wildcard)
        buffer_add_text(out, ":*");
    if (words->relation.size > 0)
        buffer_add_format(out, "#%.*s", SLICE_PRINTF(words->relation));
    if (words->caveat.size > 0)
        buffer_add_format(out, " with %.*s", SLICE_PRINTF(words->caveat));
    if (words->expiring)
        buffer_add_text(out, words->caveat.size > 0 ? " and expiration" : " with expiration");
}

void
schema_variant_print(const struct schema *schema, const struct schema_variant *variant,
                     struct buffer *out)
{
    static const struct slice none = {NULL, 0};

    schema_variant_words_print(
        &(struct schema_variant_words){
            .type = schema->types[variant->type].name,
            .relation =
                variant->relation != SCHEMA_NONE ? schema->members[variant->relation].name : none,
            .caveat = variant->caveat != SCHEMA_NONE ? schema->caveats[variant->caveat].name : none,
            .wildcard = variant->wildcard,
            .expiring = variant->expiring,
        },
        out);
}
