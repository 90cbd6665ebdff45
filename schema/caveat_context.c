/* caveat_context.c - values of contexts as the declared types have them. */
#include "schema/cel_convert.h"
#include "schema/cel_node.h"

#define READ_STEPS 2 /* a text as a value, beside what its size costs */

static const char *const type_names[] = {
    [CAVEAT_ANY] = "any",     [CAVEAT_BOOL] = "bool",         [CAVEAT_STRING] = "string",
    [CAVEAT_INT] = "int",     [CAVEAT_UINT] = "uint",         [CAVEAT_DOUBLE] = "double",
    [CAVEAT_BYTES] = "bytes", [CAVEAT_DURATION] = "duration", [CAVEAT_TIMESTAMP] = "timestamp",
    [CAVEAT_LIST] = "list",   [CAVEAT_MAP] = "map",           [CAVEAT_IPADDRESS] = "ipaddress",
};

void
caveat_type_print(const struct caveat_type *type, struct buffer *out)
{
    size_t open = 0;

    for (; type != NULL; type = type->element) {
        buffer_add_text(out, type_names[type->kind]);
        if (type->element != NULL) {
            buffer_add_byte(out, '<');
            open++;
        }
    }
    for (; open > 0; open--)
        buffer_add_byte(out, '>');
}

static const char *const reserved_names[] = {
    [CAVEAT_SUBJECT] = "subject",
    [CAVEAT_RESOURCE] = "resource",
    [CAVEAT_ACTION] = "action",
    [CAVEAT_CONTEXT] = "context",
};

enum caveat_reserved
caveat_reserved_of(struct slice name)
{
    uint32_t which = 0;

    while (which < CAVEAT_RESERVED_COUNT && !slice_equal(slice_of(reserved_names[which]), name))
        which++;
    return (enum caveat_reserved)which;
}

struct slice
caveat_reserved_name(enum caveat_reserved which)
{
    BEHALF_ASSERT(which < CAVEAT_RESERVED_COUNT);
    return slice_of(reserved_names[which]);
}

bool
caveat_type_is_reserved(const struct caveat_type *type)
{
    return type->kind == CAVEAT_MAP && type->element != NULL && type->element->kind == CAVEAT_ANY;
}

/* A text that is read as a value, whatever comes of it. */
static bool
charge_text(struct cel_machine *machine, struct slice text)
{
    return cel_charge(machine, READ_STEPS) && cel_charge_reading(machine, text.size);
}

static bool
convert_int(struct cel_machine *machine, const struct datum *datum, bool natural,
            struct cel_value *value)
{
    int64_t whole = 0;

    if (datum->kind == DATUM_INT)
        whole = datum->as.integer;
    else if (datum->kind == DATUM_DOUBLE) {
        /* Not -2^63 either: integers below it, which are no ints, are read as that double too. */
        if (!cel_double_to_int(datum->as.real, &whole) || (double)whole != datum->as.real)
            return false;
    } else if (datum->kind != DATUM_STRING) {
        return false;
    } else if (!charge_text(machine, datum->as.string)) {
        return true; /* the machine knows */
    } else if (!cel_read_int(datum->as.string, &whole)) {
        return false;
    }
    *value = cel_int(whole);
    return !natural || whole >= 0;
}

static bool
convert_double(struct cel_machine *machine, const struct datum *datum, struct cel_value *value)
{
    double real = 0;

    if (datum->kind == DATUM_INT)
        real = (double)datum->as.integer;
    else if (datum->kind == DATUM_DOUBLE)
        real = datum->as.real;
    else if (datum->kind != DATUM_STRING)
        return false;
    else if (!charge_text(machine, datum->as.string))
        return true;
    else if (!cel_read_double(datum->as.string, &real))
        return false;
    *value = cel_double(real);
    return true;
}

static bool
convert_bytes(struct cel_machine *machine, struct slice text, struct cel_value *value)
{
    char *out = cel_take(machine, text.size / 4 * 3 + 1, 1);
    size_t size = 0;

    if (out == NULL)
        return true; /* the machine knows */
    if (!cel_read_base64(text, out, &size))
        return false;
    *value = cel_text(CEL_BYTES, (struct slice){out, size});
    return true;
}

static bool
convert_list(struct cel_machine *machine, const struct caveat_type *element,
             const struct datum *datum, struct cel_value *value)
{
    size_t count = datum->as.list.count;
    struct cel_value *items;

    if (!cel_charge(machine, count))
        return true;
    items = cel_take(machine, count, sizeof *items);
    if (items == NULL)
        return true;
    for (size_t index = 0; index < count && machine->status == BEHALF_OK; index++)
        if (!cel_convert_datum(machine, element, datum->as.list.items[index], &items[index]))
            return false;
    cel_give_list(machine, items, count, value);
    return true;
}

/* Fields are sorted by bytes, which is the order of keys too. */
static bool
convert_map(struct cel_machine *machine, const struct caveat_type *element,
            const struct datum *datum, struct cel_value *value)
{
    size_t count = datum->as.map.count;
    struct cel_entry *entries;

    if (!cel_charge(machine, count))
        return true;
    entries = cel_take(machine, count, sizeof *entries);
    if (entries == NULL)
        return true;
    for (size_t index = 0; index < count && machine->status == BEHALF_OK; index++) {
        const struct datum_field *field = &datum->as.map.fields[index];

        entries[index].key = cel_text(CEL_STRING, field->key);
        if (!cel_convert_datum(machine, element, field->value, &entries[index].value))
            return false;
    }
    if (machine->status == BEHALF_OK)
        cel_give_map(machine, entries, count, value);
    return true;
}

static bool
convert_any(struct cel_machine *machine, const struct datum *datum, struct cel_value *value)
{
    static const struct caveat_type any = {.kind = CAVEAT_ANY};

    switch (datum->kind) {
    case DATUM_NULL:
        *value = (struct cel_value){.kind = CEL_NULL};
        return true;
    case DATUM_BOOL:
        *value = cel_bool(datum->as.boolean);
        return true;
    case DATUM_INT: /* SpiceDB's contexts have no other numbers than doubles */
        *value = cel_double((double)datum->as.integer);
        return true;
    case DATUM_DOUBLE:
        *value = cel_double(datum->as.real);
        return true;
    case DATUM_STRING:
        *value = cel_text(CEL_STRING, datum->as.string);
        return true;
    case DATUM_LIST:
        return convert_list(machine, &any, datum, value);
    case DATUM_MAP:
        return convert_map(machine, &any, datum, value);
    }
    return false;
}

static bool
convert_text(struct cel_machine *machine, enum caveat_type_kind kind, struct slice text,
             struct cel_value *value)
{
    int64_t nanoseconds = 0;

    if (kind == CAVEAT_STRING)
        *value = cel_text(CEL_STRING, text);
    else if (!charge_text(machine, text))
        return true;
    else if (kind == CAVEAT_BYTES)
        return convert_bytes(machine, text, value);
    else if (kind == CAVEAT_TIMESTAMP)
        return cel_read_timestamp(text, value);
    else if (kind == CAVEAT_IPADDRESS)
        return cel_read_address(text, value);
    else if (!cel_charge_reading(machine, CEL_DURATION_PRICE * text.size))
        return true;
    else if (!cel_read_duration(text, &nanoseconds))
        return false;
    else
        *value = cel_duration(nanoseconds);
    return true;
}

/* Recursion: a datum is nested at most DATUM_DEPTH_MAX deep. */
bool
cel_convert_datum(struct cel_machine *machine, const struct caveat_type *type,
                  const struct datum *datum, struct cel_value *value)
{
    static const struct caveat_type any = {.kind = CAVEAT_ANY};

    switch (type->kind) {
    case CAVEAT_ANY:
        return convert_any(machine, datum, value);
    case CAVEAT_BOOL:
        *value = cel_bool(datum->kind == DATUM_BOOL && datum->as.boolean);
        return datum->kind == DATUM_BOOL;
    case CAVEAT_INT:
    case CAVEAT_UINT:
        return convert_int(machine, datum, type->kind == CAVEAT_UINT, value);
    case CAVEAT_DOUBLE:
        return convert_double(machine, datum, value);
    case CAVEAT_STRING:
    case CAVEAT_BYTES:
    case CAVEAT_DURATION:
    case CAVEAT_TIMESTAMP:
    case CAVEAT_IPADDRESS:
        return datum->kind == DATUM_STRING &&
               convert_text(machine, type->kind, datum->as.string, value);
    case CAVEAT_LIST:
        return datum->kind == DATUM_LIST &&
               convert_list(machine, type->element != NULL ? type->element : &any, datum, value);
    case CAVEAT_MAP:
        return datum->kind == DATUM_MAP &&
               convert_map(machine, type->element != NULL ? type->element : &any, datum, value);
    }
    return false;
}
