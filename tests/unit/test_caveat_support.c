/* test_caveat_support.c - caveats compiled from text, for tests. */
#include "tests/unit/test_caveat_support.h"

static const struct {
    const char *name;
    enum caveat_type_kind kind;
} types[] = {
    {"any", CAVEAT_ANY},     {"bool", CAVEAT_BOOL},         {"string", CAVEAT_STRING},
    {"int", CAVEAT_INT},     {"uint", CAVEAT_UINT},         {"double", CAVEAT_DOUBLE},
    {"bytes", CAVEAT_BYTES}, {"duration", CAVEAT_DURATION}, {"timestamp", CAVEAT_TIMESTAMP},
    {"list", CAVEAT_LIST},   {"map", CAVEAT_MAP},           {"ipaddress", CAVEAT_IPADDRESS},
};

static struct slice
take_word(struct slice *rest)
{
    struct slice word;

    while (rest->size > 0 && strchr(" ,<>", rest->data[0]) != NULL) {
        rest->data++;
        rest->size--;
    }
    word = (struct slice){rest->data, 0};
    while (rest->size > 0 && strchr(" ,<>", rest->data[0]) == NULL) {
        rest->data++;
        rest->size--;
        word.size++;
    }
    return word;
}

static void
take_type(struct arena *arena, struct slice *rest, struct caveat_type *type)
{
    struct slice word = take_word(rest);
    size_t index = 0;

    while (index < BEHALF_COUNT_OF(types) && !slice_equal(word, slice_of(types[index].name)))
        index++;
    cr_assert_lt(index, BEHALF_COUNT_OF(types), "no type: %.*s", SLICE_PRINTF(word));
    *type = (struct caveat_type){.kind = types[index].kind};
    if (rest->size > 0 && rest->data[0] == '<') {
        struct caveat_type *element = arena_take(arena, sizeof *element);

        take_type(arena, rest, element);
        type->element = element;
    }
}

size_t
caveat_test_parameters(struct arena *arena, struct slice text,
                       struct caveat_parameter parameters[CAVEAT_PARAMETERS_MAX])
{
    size_t count = 0;
    struct slice name;

    while ((name = take_word(&text)).size > 0) {
        cr_assert_lt(count, CAVEAT_PARAMETERS_MAX);
        parameters[count].name = name;
        take_type(arena, &text, &parameters[count++].type);
        while (text.size > 0 && (text.data[0] == '>' || text.data[0] == ' ')) {
            text.data++;
            text.size--;
        }
    }
    return count;
}

enum status
caveat_test_compile(struct arena *arena, const char *parameters, const char *text,
                    const struct caveat **caveat, struct error *error)
{
    struct caveat_parameter declared[CAVEAT_PARAMETERS_MAX];
    size_t count = caveat_test_parameters(arena, slice_of(parameters), declared);

    return caveat_compile(SLICE_LITERAL("c"), declared, count, false, slice_of(text), 1, 1, NULL,
                          arena, caveat, error);
}

const struct datum *
caveat_test_json(struct arena *arena, struct slice text)
{
    const struct datum *datum = NULL;
    struct error error;

    cr_assert_eq(datum_parse_json(text, arena, &datum, &error), BEHALF_OK, "%.*s: %s",
                 SLICE_PRINTF(text), error.message);
    return datum;
}

struct slice
caveat_test_bytes(struct arena *arena, const struct datum *datum)
{
    struct slice bytes = {NULL, 0};
    struct buffer out;

    buffer_init(&out);
    if (datum != NULL) {
        datum_encode(datum, &out);
        bytes = arena_copy(arena, buffer_slice(&out));
        cr_assert_not_null(bytes.data);
    }
    buffer_release(&out);
    return bytes;
}
