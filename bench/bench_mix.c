/* bench_mix.c - see bench_mix.h. */
#include "bench/bench_mix.h"

#include <string.h>

#include "base/slice.h"

static const char *const names[METHOD_COUNT] = {
    [METHOD_CHECK] = "check",
    [METHOD_CHECK_BULK] = "check_bulk",
    [METHOD_LOOKUP_RESOURCES] = "lookup_resources",
    [METHOD_LOOKUP_SUBJECTS] = "lookup_subjects",
    [METHOD_LOOKUP_PERMISSIONS] = "lookup_permissions",
    [METHOD_EXPAND] = "expand",
    [METHOD_WRITE] = "write",
    [METHOD_GRANT] = "grant",
    [METHOD_PING] = "ping",
};

const char *
bench_method_name(enum bench_method method)
{
    return names[method];
}

static enum bench_method
find_method(struct slice name)
{
    if (slice_equal(name, SLICE_LITERAL("bulk")))
        return METHOD_CHECK_BULK;
    if (slice_equal(name, SLICE_LITERAL("lookup")))
        return METHOD_LOOKUP_RESOURCES;
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        if (slice_equal(name, slice_of(names[method])))
            return (enum bench_method)method;
    return METHOD_COUNT;
}

static bool
parse_weight(struct slice digits, uint32_t *weight)
{
    uint32_t value = 0;

    for (size_t at = 0; at < digits.size; at++) {
        if (digits.data[at] < '0' || digits.data[at] > '9')
            return false;
        value = value * 10 + (uint32_t)(digits.data[at] - '0');
        if (value > MIX_WEIGHT_MAX)
            return false;
    }
    *weight = value;
    return value > 0;
}

static const char *
parse_part(struct slice part, struct bench_mix *mix)
{
    const char *equals = part.size > 0 ? memchr(part.data, '=', part.size) : NULL;
    struct slice name = {part.data, equals != NULL ? (size_t)(equals - part.data) : part.size};
    enum bench_method method = find_method(name);
    uint32_t weight = 1;

    if (method == METHOD_COUNT)
        return "no such method";
    if (mix->weights[method] > 0)
        return "a method stands twice";
    if (equals != NULL &&
        !parse_weight((struct slice){equals + 1, part.size - name.size - 1}, &weight))
        return "a weight is a number from 1 to 1000000";
    mix->weights[method] = weight;
    mix->total += weight;
    return NULL;
}

bool
bench_mix_parse(const char *text, struct bench_mix *mix, const char **problem)
{
    struct bench_mix parsed = {.total = 0};

    *problem = NULL;
    for (;;) {
        const char *end = strchr(text, ',');
        struct slice part = {text, end != NULL ? (size_t)(end - text) : strlen(text)};

        *problem = parse_part(part, &parsed);
        if (*problem != NULL)
            return false;
        if (end == NULL)
            break;
        text = end + 1;
    }
    *mix = parsed;
    return true;
}

enum bench_method
bench_mix_single(const struct bench_mix *mix)
{
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        if (mix->weights[method] > 0 && mix->weights[method] == mix->total)
            return (enum bench_method)method;
    return METHOD_COUNT;
}

enum bench_method
bench_mix_pick(const struct bench_mix *mix, uint32_t draw)
{
    uint32_t method = 0;

    BEHALF_ASSERT(draw < mix->total);
    while (draw >= mix->weights[method])
        draw -= mix->weights[method++];
    return (enum bench_method)method;
}

void
bench_mix_print(const struct bench_mix *mix, struct buffer *out)
{
    const char *separator = "";

    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        if (mix->weights[method] > 0) {
            buffer_add_format(out, "%s%s=%u", separator, names[method], mix->weights[method]);
            separator = ",";
        }
}
