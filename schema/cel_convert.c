/* cel_convert.c - conversions between types: what does not fit is an error. */
#include "schema/cel_convert.h"

#include "base/utf8.h"
#include "schema/cel_functions.h"

#define NO_FIT "the value does not fit the type"
#define READ_STEPS 2
#define PRINT_STEPS 8 /* a double takes most of a microsecond */
#define NO_TEXT "the text is no such value"

/* A text that is read as a value, whatever comes of it. */
static bool
charge_text(struct cel_machine *machine, const struct cel_value *value)
{
    return value->kind != CEL_STRING ||
           (cel_charge(machine, READ_STEPS) && cel_charge_reading(machine, value->as.text.size));
}

void
cel_to_bool(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};

    (void)machine;
    (void)count;
    if (arguments[0].kind == CEL_BOOL) {
        *result = arguments[0];
        return;
    }
    *result = cel_error(arguments[0].kind == CEL_STRING ? NO_TEXT : CEL_NO_OVERLOAD);
    if (arguments[0].kind != CEL_STRING)
        return;
    for (size_t index = 0; index < BEHALF_COUNT_OF(yes); index++) {
        if (slice_equal(arguments[0].as.text, slice_of(yes[index])))
            *result = cel_bool(true);
        if (slice_equal(arguments[0].as.text, slice_of(no[index])))
            *result = cel_bool(false);
    }
}

void
cel_to_int(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           struct cel_value *result)
{
    const struct cel_value *from = &arguments[0];
    int64_t value = 0;

    (void)count;
    if (!charge_text(machine, from))
        return;
    if (from->kind == CEL_INT)
        *result = *from;
    else if (from->kind == CEL_TIMESTAMP)
        *result = cel_int(from->as.integer);
    else if (from->kind == CEL_UINT)
        *result =
            from->as.natural <= INT64_MAX ? cel_int((int64_t)from->as.natural) : cel_error(NO_FIT);
    else if (from->kind == CEL_DOUBLE)
        *result = cel_double_to_int(from->as.real, &value) ? cel_int(value) : cel_error(NO_FIT);
    else if (from->kind == CEL_STRING)
        *result = cel_read_int(from->as.text, &value) ? cel_int(value) : cel_error(NO_TEXT);
    else
        *result = cel_error(CEL_NO_OVERLOAD);
}

void
cel_to_uint(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    const struct cel_value *from = &arguments[0];
    uint64_t value = 0;

    (void)count;
    if (!charge_text(machine, from))
        return;
    if (from->kind == CEL_UINT)
        *result = *from;
    else if (from->kind == CEL_INT)
        *result = from->as.integer >= 0 ? cel_uint((uint64_t)from->as.integer) : cel_error(NO_FIT);
    else if (from->kind == CEL_DOUBLE)
        *result = cel_double_to_uint(from->as.real, &value) ? cel_uint(value) : cel_error(NO_FIT);
    else if (from->kind == CEL_STRING)
        *result = cel_read_uint(from->as.text, &value) ? cel_uint(value) : cel_error(NO_TEXT);
    else
        *result = cel_error(CEL_NO_OVERLOAD);
}

void
cel_to_double(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
              struct cel_value *result)
{
    const struct cel_value *from = &arguments[0];
    double value = 0;

    (void)count;
    if (!charge_text(machine, from))
        return;
    if (from->kind == CEL_DOUBLE)
        *result = *from;
    else if (from->kind == CEL_INT)
        *result = cel_double((double)from->as.integer);
    else if (from->kind == CEL_UINT)
        *result = cel_double((double)from->as.natural);
    else if (from->kind == CEL_STRING)
        *result = cel_read_double(from->as.text, &value) ? cel_double(value) : cel_error(NO_TEXT);
    else
        *result = cel_error(CEL_NO_OVERLOAD);
}

static bool
is_utf8(struct slice text)
{
    size_t at = 0;

    while (at < text.size) {
        uint32_t point;
        size_t width = utf8_decode(text.data + at, text.size - at, &point);

        if (width == 0)
            return false;
        at += width;
    }
    return true;
}

/* False when the kind has no text. */
static bool
print_value(const struct cel_value *value, struct buffer *out)
{
    switch (value->kind) {
    case CEL_BOOL:
        buffer_add_text(out, value->as.boolean ? "true" : "false");
        return true;
    case CEL_INT:
        buffer_add_format(out, "%lld", (long long)value->as.integer);
        return true;
    case CEL_UINT:
        buffer_add_format(out, "%llu", (unsigned long long)value->as.natural);
        return true;
    case CEL_DOUBLE:
        cel_print_double(value->as.real, out);
        return true;
    case CEL_DURATION:
        cel_print_duration(value->as.integer, out);
        return true;
    case CEL_TIMESTAMP:
        cel_print_timestamp(value, out);
        return true;
    case CEL_NULL:
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_IPADDRESS:
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return false;
}

void
cel_to_string(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
              struct cel_value *result)
{
    const struct cel_value *from = &arguments[0];
    struct buffer text;

    (void)count;
    if (from->kind == CEL_STRING) {
        *result = *from;
        return;
    }
    if (from->kind == CEL_BYTES) {
        if (!cel_charge_reading(machine, from->as.text.size))
            return;
        *result = is_utf8(from->as.text) ? cel_text(CEL_STRING, from->as.text)
                                         : cel_error("the bytes are not UTF-8");
        return;
    }
    if (!cel_charge(machine, PRINT_STEPS))
        return;
    buffer_init(&text);
    if (print_value(from, &text)) {
        struct slice copy = arena_copy(machine->arena, buffer_slice(&text));

        if (copy.data == NULL)
            machine->status = BEHALF_BUDGET_EXHAUSTED;
        *result = cel_text(CEL_STRING, copy);
    } else {
        *result = cel_error(CEL_NO_OVERLOAD);
    }
    buffer_release(&text);
}

void
cel_to_bytes(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
             struct cel_value *result)
{
    (void)machine;
    (void)count;
    if (arguments[0].kind == CEL_STRING || arguments[0].kind == CEL_BYTES)
        *result = cel_text(CEL_BYTES, arguments[0].as.text);
    else
        *result = cel_error(CEL_NO_OVERLOAD);
}

void
cel_to_duration(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                struct cel_value *result)
{
    int64_t nanoseconds = 0;

    (void)count;
    if (!charge_text(machine, &arguments[0]) ||
        (arguments[0].kind == CEL_STRING &&
         !cel_charge_reading(machine, CEL_DURATION_PRICE * arguments[0].as.text.size)))
        return;
    if (arguments[0].kind == CEL_DURATION)
        *result = arguments[0];
    else if (arguments[0].kind != CEL_STRING)
        *result = cel_error(CEL_NO_OVERLOAD);
    else
        *result = cel_read_duration(arguments[0].as.text, &nanoseconds) ? cel_duration(nanoseconds)
                                                                        : cel_error(NO_TEXT);
}

void
cel_to_timestamp(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                 struct cel_value *result)
{
    const struct cel_value *from = &arguments[0];

    (void)count;
    if (!charge_text(machine, from))
        return;
    if (from->kind == CEL_TIMESTAMP) {
        *result = *from;
    } else if (from->kind == CEL_INT) {
        if (from->as.integer < CEL_SECONDS_MIN || from->as.integer > CEL_SECONDS_MAX)
            *result = cel_error(NO_FIT);
        else
            *result = (struct cel_value){.kind = CEL_TIMESTAMP, .as.integer = from->as.integer};
    } else if (from->kind != CEL_STRING) {
        *result = cel_error(CEL_NO_OVERLOAD);
    } else if (!cel_read_timestamp(from->as.text, result)) {
        *result = cel_error(NO_TEXT);
    }
}

void
cel_to_dyn(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           struct cel_value *result)
{
    (void)machine;
    (void)count;
    *result = arguments[0];
}

void
cel_to_type(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    (void)machine;
    (void)count;
    *result = (struct cel_value){.kind = CEL_TYPE, .as.type = arguments[0].kind};
}
