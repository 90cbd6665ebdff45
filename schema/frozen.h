/* frozen.h - a compiled schema with what its contract does not show.
 * Always true: `schema` is the first field, so a pointer to it is a pointer to the whole. */
#ifndef BEHALF_SCHEMA_FROZEN_H
#define BEHALF_SCHEMA_FROZEN_H

#include <stdatomic.h>

#include "base/arena.h"
#include "schema/names.h"
#include "schema/schema.h"

struct frozen_schema {
    struct schema schema;
    _Atomic uint32_t references;
    struct arena arena; /* everything but this struct */
    struct names type_names;
    struct names caveat_names;
    struct names member_names; /* scope: type */
    const uint64_t *rows;      /* per member: row_words of plain types, then of userset types */
    uint32_t row_words;
};

static inline const struct frozen_schema *
frozen_of(const struct schema *schema)
{
    return (const struct frozen_schema *)schema;
}

#endif
