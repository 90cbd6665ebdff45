/* methods.c - the table of methods. */
#include "net/caller.h"

#include "base/digest.h"

static const struct method methods[] = {
#define READ(name, class, run, roles)                                                              \
    {name, sizeof(name) - 1, class, run, NULL, NULL, roles, METHOD_INDEX_##run},
#define WRITE(name, prepare, result, roles)                                                        \
    {name,  sizeof(name) - 1,      METHOD_CLASS_WRITE, NULL, prepare, result,                      \
     roles, METHOD_INDEX_##prepare},
#include "net/methods.def"
#undef READ
#undef WRITE
};

const struct method *
method_find(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(methods); index++)
        if (methods[index].name_size == name.size &&
            memcmp(methods[index].name, name.data, name.size) == 0)
            return &methods[index];
    return NULL;
}

const struct method *
method_table(size_t *count)
{
    *count = BEHALF_COUNT_OF(methods);
    return methods;
}

enum status
method_decode(const struct method_context *context, struct wire_reader arguments,
              const struct field_table *table, void *into, struct error *error)
{
    struct decoder decoder;

    /* Not the whole struct: clearing the path would cost more than a ping. */
    decoder.reader = arguments;
    decoder.arena = context->arena;
    decoder.error = error;
    decoder.context_texts = 0;
    decoder.trusts_properties = (context->caller->roles & (ROLE_PROPERTIES | ROLE_ADMIN)) != 0;
    decoder.depth = 0;
    return decode_map(&decoder, table, into, NULL);
}

enum status
method_decode_nothing(const struct method_context *context, struct wire_reader arguments,
                      struct error *error)
{
    static const struct field_table none = {.file = __FILE__, .fields = NULL, .count = 0};
    char unused;

    return method_decode(context, arguments, &none, &unused, error);
}

void *
method_take(const struct method_context *context, size_t size, struct error *error)
{
    void *memory = arena_take_array(context->arena, 1, size);

    if (memory == NULL)
        (void)error_set(error, BEHALF_BUDGET_EXHAUSTED,
                        "the request needs more memory than it may have");
    return memory;
}

void
method_write_begin(struct engine_write *write, enum engine_write_kind kind,
                   const struct write_options *options)
{
    write->kind = kind;
    write->idempotency_key = options->idempotency_key;
    write->metadata = options->metadata;
}

void
method_digest(struct slice head, struct slice arguments, uint8_t digest[32])
{
    struct wire_reader reader = reader_of(arguments);
    struct slice member;
    struct wire_value map;
    struct wire_value value;
    const char *members;
    char map_head;

    if (!method_find_deadline(arguments, &member, &value) || !reader_next(&reader, &map)) {
        digest_sha256((struct slice[]){head, arguments}, 2, digest);
        return;
    }
    members = (const char *)reader.at;
    BEHALF_ASSERT(map.number <= 16); /* as many as a method has */
    map_head = (char)(HEAD_FIXMAP | (map.number - 1));
    digest_sha256(
        (struct slice[]){
            head,
            {&map_head, 1},
            {members, (size_t)(member.data - members)},
            {member.data + member.size,
             (size_t)(arguments.data + arguments.size - (member.data + member.size))},
        },
        4, digest);
}

bool
method_find_deadline(struct slice arguments, struct slice *member, struct wire_value *value)
{
    struct wire_reader reader = reader_of(arguments);
    struct wire_value map;
    struct wire_value key;
    struct slice skipped;
    bool good = reader_next(&reader, &map) && map.kind == VALUE_MAP;

    for (uint64_t left = good ? map.number : 0; good && left > 0; left--) {
        const uint8_t *start = reader.at;

        good = reader_next(&reader, &key) && key.kind == VALUE_TEXT;
        if (good && slice_equal(key.bytes, SLICE_LITERAL("deadline_ms"))) {
            good = reader_next(&reader, value);
            *member = (struct slice){(const char *)start, (size_t)(reader.at - start)};
            return good;
        }
        good = good && reader_skip(&reader, &skipped);
    }
    return false;
}

/* In milliseconds, when no deadline is named; 0 = never. */
static uint32_t
default_deadline_ms(const struct method *method)
{
    switch (method->class) {
    case METHOD_CLASS_WRITE:
        return 0;
    case METHOD_CLASS_LOOKUP:
        return LIMIT_LOOKUP_DEADLINE_MS;
    case METHOD_CLASS_TRIVIAL:
    case METHOD_CLASS_INLINE:
    case METHOD_CLASS_ADMIN:
        break;
    }
    return LIMIT_CHECK_DEADLINE_MS;
}

int64_t
method_deadline_ns(const struct method *method, struct slice arguments, int64_t arrived_ns)
{
    uint32_t deadline_ms = default_deadline_ms(method);
    struct slice member;
    struct wire_value value;

    if (method_find_deadline(arguments, &member, &value) && value.kind == VALUE_UNSIGNED &&
        value.number > 0 && value.number <= LIMIT_DEADLINE_MS)
        deadline_ms = (uint32_t)value.number;
    return deadline_ms > 0 ? arrived_ns + (int64_t)deadline_ms * 1000000 : 0;
}

struct engine_request
method_request(const struct method_context *context, const struct read_arguments *read,
               uint32_t default_ms)
{
    uint32_t deadline_ms = read->deadline_ms > 0 ? read->deadline_ms : default_ms;

    return (struct engine_request){
        .arena = context->arena,
        .consistency = read->consistency,
        .token = read->token,
        .at_ns = read->at_ns,
        .deadline_ns = context->arrived_ns + (int64_t)deadline_ms * 1000000,
        .cancelled = context->cancelled,
        .caller = {context->caller->name, context->caller->name_size},
        .bound = caller_bound(context->caller),
        .gives_way = context->gives_way,
    };
}
