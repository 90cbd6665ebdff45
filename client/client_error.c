/* client_error.c - errors of the library and of the server, in one struct. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client_internal.h"

#ifndef BEHALF_VERSION
#define BEHALF_VERSION "0"
#endif

const char *
behalf_version(void)
{
    return BEHALF_VERSION;
}

enum behalf_status
client_error_set(struct behalf_error *error, enum behalf_status status, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return status;
    memset(error, 0, sizeof *error);
    error->status = status;
    error->index = -1;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* Copies a string member, cut to fit between two code points; leaves `field` empty otherwise. */
static void
read_text(struct behalf_value map, const char *key, char *field, size_t capacity)
{
    const char *data;
    size_t size;

    field[0] = '\0';
    if (!behalf_value_string(behalf_value_get(map, key), &data, &size))
        return;
    if (size >= capacity) {
        size = capacity - 1;
        while (size > 0 && ((unsigned char)data[size] & 0xC0) == 0x80)
            size--;
    }
    /* A NUL inside would hide what follows. */
    memcpy(field, data, size);
    for (size_t index = 0; index < size; index++)
        if (field[index] == '\0')
            field[index] = '?';
    field[size] = '\0';
}

static uint32_t
read_u32(struct behalf_value map, const char *key)
{
    uint64_t value;

    if (!behalf_value_uint(behalf_value_get(map, key), &value) || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

enum behalf_status
client_error_read(struct behalf_error *error, struct behalf_value value)
{
    struct behalf_value place;
    uint64_t index;

    client_error_set(error, BEHALF_FAILED_SERVER, "the server answered with an error");
    if (error == NULL)
        return BEHALF_FAILED_SERVER;
    if (behalf_value_type(value) == BEHALF_TYPE_STRING) {
        /* Other MessagePack-RPC servers send a bare string. */
        const char *data;
        size_t size;

        if (behalf_value_string(value, &data, &size))
            (void)snprintf(error->message, sizeof error->message, "%.*s",
                           (int)(size < sizeof error->message ? size : sizeof error->message - 1),
                           data);
        return BEHALF_FAILED_SERVER;
    }
    read_text(value, "code", error->code, sizeof error->code);
    read_text(value, "reason", error->reason, sizeof error->reason);
    read_text(value, "hint", error->hint, sizeof error->hint);
    if (behalf_value_type(behalf_value_get(value, "message")) == BEHALF_TYPE_STRING)
        read_text(value, "message", error->message, sizeof error->message);
    place = behalf_value_get(value, "at");
    error->line = read_u32(place, "line");
    error->column = read_u32(place, "column");
    read_text(place, "text", error->text, sizeof error->text);
    if (behalf_value_uint(behalf_value_get(value, "index"), &index) && index <= INT64_MAX)
        error->index = (int64_t)index;
    error->retry_after_ms = read_u32(value, "retry_after_ms");
    if (error->retry_after_ms == 0)
        error->retry_after_ms = read_u32(behalf_value_get(value, "details"), "retry_after_ms");
    return BEHALF_FAILED_SERVER;
}
