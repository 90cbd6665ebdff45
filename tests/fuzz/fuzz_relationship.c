/* fuzz_relationship.c - any bytes as an object, a relationship and a time.
 * What parses prints, the print parses to the same parts and prints again the same. */
#include <stdlib.h>

#include "base/check.h"
#include "base/relationship.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same_object(const struct object *a, const struct object *b)
{
    return slice_equal(a->type, b->type) && slice_equal(a->id, b->id) &&
           slice_equal(a->relation, b->relation) && a->wildcard == b->wildcard;
}

static void
check_parts(const struct object *object)
{
    BEHALF_ASSERT(type_name_is_valid(object->type));
    BEHALF_ASSERT(object->relation.size == 0 || relation_name_is_valid(object->relation));
    if (object->wildcard)
        BEHALF_ASSERT(object->id.size == 0 && object->relation.size == 0);
    else
        BEHALF_ASSERT(object_id_check(object->id, NULL) == BEHALF_OK);
}

static void
check_object(struct slice text, struct arena *arena, struct buffer *out)
{
    struct object first;
    struct object second;
    struct error error;

    if (object_parse(text, arena, &first, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.column > 0 && error.column <= text.size + 1);
        return;
    }
    check_parts(&first);
    buffer_clear(out);
    object_print(&first, out);
    BEHALF_ASSERT(object_parse(buffer_slice(out), arena, &second, &error) == BEHALF_OK);
    BEHALF_ASSERT(same_object(&first, &second));
}

static void
check_relationship(struct slice text, struct arena *arena, struct buffer *out)
{
    struct relationship first;
    struct relationship second;
    struct error error;

    if (relationship_parse(text, arena, &first, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.column > 0 && error.column <= text.size + 1);
        return;
    }
    check_parts(&first.resource);
    check_parts(&first.subject);
    BEHALF_ASSERT(!first.resource.wildcard && first.resource.relation.size > 0);
    buffer_clear(out);
    relationship_print(&first, out);
    BEHALF_ASSERT(relationship_parse(buffer_slice(out), arena, &second, &error) == BEHALF_OK);
    BEHALF_ASSERT(same_object(&first.resource, &second.resource));
    BEHALF_ASSERT(same_object(&first.subject, &second.subject));
    BEHALF_ASSERT(first.caveat.size == 0 || caveat_name_is_valid(first.caveat));
    BEHALF_ASSERT(slice_equal(first.caveat, second.caveat));
    BEHALF_ASSERT(slice_equal(first.context, second.context));
    BEHALF_ASSERT(first.expires_at == second.expires_at);
}

static void
check_time(struct slice text, struct buffer *out)
{
    int64_t first;
    int64_t second;

    if (!time_parse(text, &first))
        return;
    buffer_clear(out);
    time_print(first, out);
    BEHALF_ASSERT(time_parse(buffer_slice(out), &second));
    BEHALF_ASSERT(first == second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct arena arena;
    struct buffer out;

    arena_init(&arena, 1 << 20);
    buffer_init(&out);
    check_object(text, &arena, &out);
    check_relationship(text, &arena, &out);
    check_time(text, &out);
    buffer_release(&out);
    arena_release(&arena);
    return 0;
}
