/* cel_type.c - static types of expressions. */
#include "schema/cel_type.h"

static const struct cel_type dyn = {.kind = CEL_DYN};

static const struct cel_type simple_types[] = {
    [CEL_NULL] = {.kind = CEL_NULL},
    [CEL_BOOL] = {.kind = CEL_BOOL},
    [CEL_INT] = {.kind = CEL_INT},
    [CEL_UINT] = {.kind = CEL_UINT},
    [CEL_DOUBLE] = {.kind = CEL_DOUBLE},
    [CEL_STRING] = {.kind = CEL_STRING},
    [CEL_BYTES] = {.kind = CEL_BYTES},
    [CEL_DURATION] = {.kind = CEL_DURATION},
    [CEL_TIMESTAMP] = {.kind = CEL_TIMESTAMP},
    [CEL_LIST] = {.kind = CEL_LIST, .first = &dyn},
    [CEL_MAP] = {.kind = CEL_MAP, .first = &dyn, .second = &dyn},
    [CEL_TYPE] = {.kind = CEL_TYPE, .first = &dyn},
    [CEL_OPTIONAL] = {.kind = CEL_OPTIONAL, .first = &dyn},
    [CEL_IPADDRESS] = {.kind = CEL_IPADDRESS},
    [CEL_DYN] = {.kind = CEL_DYN},
};

static const enum cel_kind declared_kinds[] = {
    [CAVEAT_ANY] = CEL_DYN,
    [CAVEAT_BOOL] = CEL_BOOL,
    [CAVEAT_STRING] = CEL_STRING,
    [CAVEAT_INT] = CEL_INT,
    [CAVEAT_UINT] = CEL_INT,
    [CAVEAT_DOUBLE] = CEL_DOUBLE,
    [CAVEAT_BYTES] = CEL_BYTES,
    [CAVEAT_DURATION] = CEL_DURATION,
    [CAVEAT_TIMESTAMP] = CEL_TIMESTAMP,
    [CAVEAT_LIST] = CEL_LIST,
    [CAVEAT_MAP] = CEL_MAP,
    [CAVEAT_IPADDRESS] = CEL_IPADDRESS,
};

const struct cel_type *
cel_type_simple(enum cel_kind kind)
{
    BEHALF_ASSERT((size_t)kind < BEHALF_COUNT_OF(simple_types));
    return &simple_types[kind];
}

const struct cel_type *
cel_type_of(struct arena *arena, enum cel_kind kind, const struct cel_type *first,
            const struct cel_type *second)
{
    struct cel_type *type = arena_take_array(arena, 1, sizeof *type);

    if (type != NULL)
        *type = (struct cel_type){kind, first, second};
    return type;
}

/* Outermost last: the chain of elements is walked to its end and built backwards. */
const struct cel_type *
cel_type_declared(struct arena *arena, const struct caveat_type *type)
{
    const struct caveat_type *chain[CEL_DEPTH_MAX];
    const struct cel_type *result = NULL;
    size_t depth = 0;

    for (; type != NULL; type = type->element) {
        if (depth == BEHALF_COUNT_OF(chain))
            return NULL;
        chain[depth++] = type;
    }
    while (depth > 0) {
        enum cel_kind kind = declared_kinds[chain[--depth]->kind];

        if (kind == CEL_LIST && result != NULL)
            result = cel_type_of(arena, CEL_LIST, result, NULL);
        else if (kind == CEL_MAP && result != NULL)
            result = cel_type_of(arena, CEL_MAP, cel_type_simple(CEL_STRING), result);
        else
            result = cel_type_simple(kind);
        if (result == NULL)
            return NULL;
    }
    return result;
}

/* Kinds that null may stand for. */
static bool
is_nullable(enum cel_kind kind)
{
    return kind == CEL_TIMESTAMP || kind == CEL_DURATION || kind == CEL_IPADDRESS ||
           kind == CEL_OPTIONAL;
}

static const struct cel_type *
join_at(struct arena *arena, const struct cel_type *a, const struct cel_type *b, size_t depth)
{
    const struct cel_type *first;
    const struct cel_type *second = NULL;

    if (a->kind == CEL_DYN || b->kind == CEL_DYN || depth > CEL_DEPTH_MAX)
        return &dyn;
    if (a->kind == CEL_NULL && is_nullable(b->kind))
        return b;
    if (b->kind == CEL_NULL && is_nullable(a->kind))
        return a;
    if (a->kind != b->kind)
        return NULL;
    if (a->first == NULL || a->kind == CEL_TYPE)
        return a->kind == CEL_TYPE ? cel_type_simple(CEL_TYPE) : a;
    first = join_at(arena, a->first, b->first, depth + 1);
    if (a->second != NULL)
        second = join_at(arena, a->second, b->second, depth + 1);
    if (first == NULL || (a->second != NULL && second == NULL))
        return NULL;
    if (first == a->first && second == a->second)
        return a;
    return cel_type_of(arena, a->kind, first, second);
}

const struct cel_type *
cel_type_join(struct arena *arena, const struct cel_type *a, const struct cel_type *b)
{
    return join_at(arena, a, b, 0);
}

void
cel_type_print(const struct cel_type *type, struct buffer *out)
{
    size_t open = 0;

    for (; type != NULL && open <= CEL_DEPTH_MAX; open++) {
        buffer_add_text(out, type->kind == CEL_NULL ? "null" : cel_kind_name(type->kind));
        if (type->first == NULL)
            break;
        buffer_add_byte(out, '<');
        if (type->second != NULL && type->first->kind != CEL_STRING) {
            buffer_add_text(out, cel_kind_name(type->first->kind));
            buffer_add_text(out, ", ");
        }
        type = type->second != NULL ? type->second : type->first;
    }
    for (; open > 0; open--)
        buffer_add_byte(out, '>');
}
