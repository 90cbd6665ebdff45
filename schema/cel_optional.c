/* cel_optional.c - values that may be absent. */
#include "schema/cel_functions.h"

void
cel_optional_of(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                struct cel_value *result)
{
    (void)count;
    cel_give_optional(machine, &arguments[0], result);
}

void
cel_optional_none(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                  struct cel_value *result)
{
    (void)machine;
    (void)arguments;
    (void)count;
    *result = (struct cel_value){.kind = CEL_OPTIONAL};
}

static bool
is_zero(const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return !value->as.boolean;
    case CEL_INT:
    case CEL_DURATION:
        return value->as.integer == 0;
    case CEL_UINT:
        return value->as.natural == 0;
    case CEL_DOUBLE:
        return value->as.real == 0;
    case CEL_STRING:
    case CEL_BYTES:
        return value->as.text.size == 0;
    case CEL_LIST:
        return value->as.list->count == 0;
    case CEL_MAP:
        return value->as.map->count == 0;
    case CEL_OPTIONAL:
        return value->as.optional == NULL;
    case CEL_TIMESTAMP:
    case CEL_TYPE:
    case CEL_IPADDRESS:
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return false;
}

void
cel_optional_of_non_zero(struct cel_machine *machine, const struct cel_value *arguments,
                         size_t count, struct cel_value *result)
{
    cel_look_whole(machine, &arguments[0]);
    if (is_zero(&arguments[0]))
        cel_optional_none(machine, arguments, count, result);
    else
        cel_optional_of(machine, arguments, count, result);
}

void
cel_optional_has_value(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                       struct cel_value *result)
{
    (void)machine;
    (void)count;
    *result = arguments[0].kind == CEL_OPTIONAL ? cel_bool(arguments[0].as.optional != NULL)
                                                : cel_error(CEL_NO_OVERLOAD);
}

void
cel_optional_value(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                   struct cel_value *result)
{
    (void)machine;
    (void)count;
    if (arguments[0].kind != CEL_OPTIONAL)
        *result = cel_error(CEL_NO_OVERLOAD);
    else if (arguments[0].as.optional == NULL)
        *result = cel_error("the optional has no value");
    else
        *result = *arguments[0].as.optional;
}
