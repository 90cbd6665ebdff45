/* broken.c - formats the report of a violated invariant. */
#include "eval/broken.h"

enum status
node_broken(const struct binding *binding, const struct graph_view *view, uint64_t object,
            uint32_t member, const char *violated, const char *file, int line, struct error *error)
{
    const struct schema *schema = binding->schema;
    const struct schema_member *row =
        member < schema->member_count ? &schema->members[member] : NULL;
    struct slice type = row == NULL ? slice_of("?") : schema->types[row->type].name;
    struct slice name = row == NULL ? slice_of("?") : row->name;

    return error_internal(
        error, violated, file, line, "node %#llx (%.*s#%.*s), revision %llu, schema revision %llu",
        (unsigned long long)object, (int)type.size, type.data, (int)name.size, name.data,
        (unsigned long long)view->revision, (unsigned long long)binding->revision);
}
