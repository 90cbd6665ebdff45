/* caveat.c - conditions: compiling, evaluating, checking contexts. */
#include "schema/caveat_run.h"

#include "base/suggest.h"
#include "schema/cel_lex.h"
#include "schema/names.h"
#include "schema/regex.h"

#define FOUND_SIZE_MAX 64 /* of a value, in a message */

void
cel_error_at(const struct caveat *caveat, uint32_t offset, uint32_t size, struct error *error)
{
    uint32_t line = caveat->line;
    uint32_t column = caveat->column + offset;
    struct slice text = caveat->text;

    for (uint32_t index = 0; index < offset; index++) {
        char byte = text.data[index];

        if (byte == '\n' ||
            (byte == '\r' && !(index + 1 < text.size && text.data[index + 1] == '\n'))) {
            line++;
            column = offset - index;
        }
    }
    error_at(error, line, column, (struct slice){text.size > 0 ? text.data + offset : NULL, size});
}

static bool
is_parameter_name(struct slice name)
{
    if (name.size == 0 || !cel_is_name_start(name.data[0]))
        return false;
    for (size_t index = 1; index < name.size; index++)
        if (!cel_is_name_start(name.data[index]) && !cel_is_digit(name.data[index]))
            return false;
    return true;
}

static enum status
bad_parameter(const struct caveat *caveat, struct slice name, const char *why, struct error *error)
{
    (void)error_set(error, BEHALF_SCHEMA_TYPE_ERROR, "parameter '%.*s' of caveat '%.*s' %s",
                    SLICE_PRINTF(name), SLICE_PRINTF(caveat->name), why);
    error_at(error, caveat->line, caveat->column, name);
    return BEHALF_SCHEMA_TYPE_ERROR;
}

static enum status
too_large(const struct caveat *caveat, struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "caveat '%.*s' is too large",
                     SLICE_PRINTF(caveat->name));
}

static enum status
set_parameters(struct caveat *caveat, const struct caveat_parameter *parameters, size_t count,
               bool reserves, struct arena *arena, struct error *error)
{
    if (count == 0 || count > CAVEAT_PARAMETERS_MAX) {
        (void)error_set(error, BEHALF_SCHEMA_TYPE_ERROR,
                        "caveat '%.*s' must have 1 to %d parameters", SLICE_PRINTF(caveat->name),
                        CAVEAT_PARAMETERS_MAX);
        error_at(error, caveat->line, caveat->column, caveat->name);
        return BEHALF_SCHEMA_TYPE_ERROR;
    }
    for (size_t index = 0; index < count; index++) {
        struct slice name = parameters[index].name;

        if (!is_parameter_name(name))
            return bad_parameter(caveat, name, "has no name of letters, digits and _", error);
        for (size_t before = 0; before < index; before++)
            if (slice_equal(parameters[before].name, name))
                return bad_parameter(caveat, name, "is declared twice", error);
        caveat->reserved[index] =
            (uint8_t)(reserves ? caveat_reserved_of(name) : CAVEAT_RESERVED_COUNT);
        if (caveat->reserved[index] != CAVEAT_RESERVED_COUNT &&
            !caveat_type_is_reserved(&parameters[index].type))
            return bad_parameter(caveat, name, "must be map<any>: the schema says 'use attributes'",
                                 error);
        caveat->reserved_read |= UINT32_C(1) << caveat->reserved[index] & CAVEAT_RESERVED_ALL;
        caveat->parameters[index] = parameters[index];
        caveat->parameters[index].name = arena_copy(arena, name);
        caveat->types[index] = cel_type_declared(arena, &parameters[index].type);
        if (caveat->parameters[index].name.data == NULL || caveat->types[index] == NULL)
            return too_large(caveat, error);
    }
    caveat->parameter_count = count;
    return BEHALF_OK;
}

static enum status
check_used(const struct caveat *caveat, uint32_t used, struct error *error)
{
    for (size_t index = 0; index < caveat->parameter_count; index++) {
        if ((used & UINT32_C(1) << index) != 0)
            continue;
        (void)bad_parameter(caveat, caveat->parameters[index].name, "is not used", error);
        error_hint(error, "remove the parameter, or use it in the expression");
        return BEHALF_SCHEMA_TYPE_ERROR;
    }
    return BEHALF_OK;
}

enum status
caveat_compile(struct slice name, const struct caveat_parameter *parameters, size_t parameter_count,
               bool reserves, struct slice text, uint32_t line, uint32_t column,
               size_t *pattern_parts, struct arena *arena, const struct caveat **caveat,
               struct error *error)
{
    struct caveat *result = arena_take_array(arena, 1, sizeof *result);
    struct cel_node *nodes;
    uint32_t used = 0;
    enum status status;

    if (result == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the caveat is too large");
    *result = (struct caveat){
        .name = name, .line = line, .column = column, .pattern_parts = pattern_parts};
    if (text.size > CAVEAT_TEXT_MAX) {
        (void)error_set(error, BEHALF_SCHEMA_PARSE_ERROR,
                        "the expression of caveat '%.*s' is longer than %d bytes",
                        SLICE_PRINTF(name), CAVEAT_TEXT_MAX);
        error_at(error, line, column, name);
        return BEHALF_SCHEMA_PARSE_ERROR;
    }
    result->name = arena_copy(arena, name);
    result->text = arena_copy(arena, text);
    if (result->name.data == NULL || result->text.data == NULL)
        return too_large(result, error);
    status = set_parameters(result, parameters, parameter_count, reserves, arena, error);
    if (status == BEHALF_OK)
        status = cel_parse(result, arena, &used, error);
    if (status != BEHALF_OK)
        return status;
    nodes = arena_take_array(arena, result->node_count, sizeof *nodes);
    if (nodes == NULL)
        return too_large(result, error);
    memcpy(nodes, result->nodes, result->node_count * sizeof *nodes);
    result->nodes = nodes;
    status = cel_check(result, nodes, arena, error);
    if (status == BEHALF_OK)
        status = check_used(result, used, error);
    if (status != BEHALF_OK) {
        caveat_release(result);
        return status;
    }
    cel_fold(result, nodes, arena);
    result->pattern_parts = NULL;
    *caveat = result;
    return BEHALF_OK;
}

void
caveat_release(const struct caveat *caveat)
{
    for (uint32_t index = 0; caveat != NULL && index < caveat->pattern_count; index++)
        regex_free(caveat->patterns[index]);
}

uint32_t
caveat_reserved_read(const struct caveat *caveat)
{
    return caveat->reserved_read;
}

enum caveat_reserved
caveat_reserved_at(const struct caveat *caveat, size_t index)
{
    BEHALF_ASSERT(index < caveat->parameter_count);
    return (enum caveat_reserved)caveat->reserved[index];
}

size_t
caveat_parameter_count(const struct caveat *caveat)
{
    return caveat->parameter_count;
}

const struct caveat_parameter *
caveat_parameter_at(const struct caveat *caveat, size_t index)
{
    BEHALF_ASSERT(index < caveat->parameter_count);
    return &caveat->parameters[index];
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

struct slice
caveat_text(const struct caveat *caveat)
{
    struct slice text = caveat->text;

    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_blank(text.data[0]))
        text = (struct slice){text.data + 1, text.size - 1};
    return text;
}

enum status
caveat_run_spent(const struct caveat *caveat, struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                     "caveat '%.*s' takes more steps or memory than a request may use",
                     SLICE_PRINTF(caveat->name));
}

static enum status
run_failed(struct caveat_run *run, const struct caveat *caveat, const struct cel_value *value,
           struct error *error)
{
    (void)error_set(error, BEHALF_CAVEAT_EVALUATION_ERROR, "cannot evaluate caveat '%.*s': %s",
                    SLICE_PRINTF(caveat->name), value->as.reason);
    if (value->extra > 0) {
        const struct cel_node *node = &caveat->nodes[value->extra - 1];

        /* The lines in front of the place are counted. */
        (void)cel_charge_bytes(&run->machine, node->offset);
        cel_error_at(caveat, node->offset, node->size, error);
    }
    return BEHALF_CAVEAT_EVALUATION_ERROR;
}

static const char *const datum_kinds[] = {
    [DATUM_NULL] = "null",       [DATUM_BOOL] = "a bool",     [DATUM_INT] = "an integer",
    [DATUM_DOUBLE] = "a double", [DATUM_STRING] = "a string", [DATUM_LIST] = "a list",
    [DATUM_MAP] = "a map",
};

static const char *const type_forms[CAVEAT_IPADDRESS + 1] = {
    [CAVEAT_INT] = "an int is a whole number of 64 bits, or its decimal digits as a string",
    [CAVEAT_UINT] = "a uint is a whole number of 0 or more, or its decimal digits as a string",
    [CAVEAT_DOUBLE] = "a double is a number, or one as a string",
    [CAVEAT_BYTES] = "bytes are a string in base64, with its padding",
    [CAVEAT_DURATION] = "a duration is a string like \"1h30m\" or \"-1.5s\"",
    [CAVEAT_TIMESTAMP] = "a timestamp is a string like \"2027-01-31T09:30:00Z\" (RFC 3339)",
    [CAVEAT_IPADDRESS] = "an ipaddress is a string like \"10.1.2.3\" or \"2001:db8::1\"",
};

static enum status
wrong_type(const struct caveat *caveat, const struct caveat_parameter *parameter,
           const struct datum *datum, struct error *error)
{
    const struct caveat_type *innermost = &parameter->type;
    struct buffer type;
    struct buffer found;

    buffer_init(&type);
    buffer_init(&found);
    caveat_type_print(&parameter->type, &type);
    datum_print_json_start(datum, FOUND_SIZE_MAX + 1, &found);
    (void)error_set(error, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR,
                    "parameter '%.*s' of caveat '%.*s' expects %s, found %s%s%.*s%s",
                    SLICE_PRINTF(parameter->name), SLICE_PRINTF(caveat->name), type.data,
                    datum_kinds[datum->kind], datum->kind == DATUM_NULL ? "" : " ",
                    datum->kind == DATUM_NULL
                        ? 0
                        : (int)(found.size < FOUND_SIZE_MAX ? found.size : FOUND_SIZE_MAX),
                    found.data, found.size > FOUND_SIZE_MAX ? "..." : "");
    while (innermost->element != NULL)
        innermost = innermost->element;
    if (type_forms[innermost->kind] != NULL)
        error_hint(error, "%s", type_forms[innermost->kind]);
    buffer_release(&type);
    buffer_release(&found);
    return BEHALF_CAVEAT_PARAMETER_TYPE_ERROR;
}

static enum status
put_datum(struct caveat_run *run, const struct caveat *caveat, size_t index,
          const struct datum *datum, struct error *error)
{
    const struct caveat_parameter *parameter = &caveat->parameters[index];

    if (!cel_convert_datum(&run->machine, &parameter->type, datum, &run->parameters[index]))
        return wrong_type(caveat, parameter, datum, error);
    return run->machine.status == BEHALF_OK ? BEHALF_OK : caveat_run_spent(caveat, error);
}

/* A list or a map is decoded; of a scalar only its bytes are looked at. */
static enum status
put_stored(struct caveat_run *run, const struct caveat *caveat, size_t index, struct slice bytes,
           struct error *error)
{
    const struct datum *decoded = NULL;
    struct datum scalar;
    enum status status;

    if (datum_read_scalar(bytes, &scalar))
        return put_datum(run, caveat, index, &scalar, error);
    if (!cel_charge_reading(&run->machine, bytes.size))
        return caveat_run_spent(caveat, error);
    status = datum_decode(bytes, run->machine.arena, &decoded, error);
    return status == BEHALF_OK ? put_datum(run, caveat, index, decoded, error) : status;
}

static bool
is_reserved(const struct caveat *caveat, size_t index)
{
    return caveat->reserved[index] != CAVEAT_RESERVED_COUNT;
}

static enum status
damaged(const struct caveat *caveat, struct error *error)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT,
                     "the stored context of caveat '%.*s' cannot be read",
                     SLICE_PRINTF(caveat->name));
}

/* `*given` gets a bit for each parameter that the stored context has. */
static enum status
put_stored_context(struct caveat_run *run, const struct caveat *caveat, struct slice stored,
                   uint32_t *given, struct error *error)
{
    struct datum_cursor cursor;

    if (!datum_open_map(stored, &cursor))
        return damaged(caveat, error);
    while (cursor.left > 0) {
        struct slice key;
        struct slice value;
        size_t index = 0;
        enum status status;

        if (!datum_next_field(&cursor, &key, &value))
            return damaged(caveat, error);
        while (index < caveat->parameter_count && !slice_equal(caveat->parameters[index].name, key))
            index++;
        if (index == caveat->parameter_count || is_reserved(caveat, index))
            continue;
        status = put_stored(run, caveat, index, value, error);
        if (status != BEHALF_OK)
            return status;
        *given |= UINT32_C(1) << index;
    }
    return BEHALF_OK;
}

static void
put_unknown(struct caveat_run *run, size_t index)
{
    run->parameters[index] =
        (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = UINT32_C(1) << index};
}

static enum status
put_request(struct caveat_run *run, const struct caveat *caveat, size_t index,
            const struct caveat_inputs *inputs, struct error *error)
{
    const struct datum *datum = datum_field(inputs->context, caveat->parameters[index].name);

    if (datum != NULL)
        return put_datum(run, caveat, index, datum, error);
    put_unknown(run, index);
    return BEHALF_OK;
}

/* The map of a reserved parameter, marked as one that may lack keys. */
static enum status
put_reserved(struct caveat_run *run, const struct caveat *caveat, size_t index,
             const struct caveat_inputs *inputs, struct error *error)
{
    static const struct datum empty = {.kind = DATUM_MAP};
    enum caveat_reserved which = caveat_reserved_at(caveat, index);
    const struct datum *map = inputs->reserved[which];
    enum status status;

    if ((inputs->open >> which & 1) != 0) {
        put_unknown(run, index);
        return BEHALF_OK;
    }
    status = put_datum(run, caveat, index, map != NULL ? map : &empty, error);
    if (status == BEHALF_OK)
        run->parameters[index].extra = (uint32_t)index + 1;
    return status;
}

enum status
caveat_run_begin(struct caveat_run *run, const struct caveat *caveat, struct slice stored,
                 const struct caveat_inputs *inputs, uint32_t steps, struct arena *arena,
                 struct error *error)
{
    uint32_t given = 0;

    BEHALF_ASSERT(steps <= CAVEAT_STEPS_MAX);

    run->machine.arena = arena;
    run->machine.parameters = run->parameters;
    run->machine.patterns = caveat->patterns;
    run->machine.last_pattern = (struct slice){NULL, 0};
    run->machine.last_regex = NULL;
    run->machine.steps = steps;
    run->machine.looked_whole = 0;
    run->machine.status = BEHALF_OK;
    if (stored.size > 0) {
        enum status status;

        if (!cel_charge_bytes(&run->machine, stored.size))
            return caveat_run_spent(caveat, error);
        status = put_stored_context(run, caveat, stored, &given, error);

        if (status != BEHALF_OK)
            return status;
    }
    for (size_t index = 0; index < caveat->parameter_count; index++) {
        enum status status;

        if ((given >> index & 1) != 0)
            continue;
        status = is_reserved(caveat, index) ? put_reserved(run, caveat, index, inputs, error)
                                            : put_request(run, caveat, index, inputs, error);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

static enum status
give_outcome(struct caveat_run *run, const struct caveat *caveat, struct cel_value *value,
             struct caveat_result *result, struct error *error)
{
    if (value->kind == CEL_UNKNOWN) {
        result->outcome = CAVEAT_UNKNOWN;
        result->missing = value->as.missing;
        return BEHALF_OK;
    }
    if (value->kind == CEL_BOOL) {
        result->outcome = value->as.boolean ? CAVEAT_TRUE : CAVEAT_FALSE;
        result->missing = 0;
        return BEHALF_OK;
    }
    if (value->kind != CEL_ERROR)
        *value = cel_error("the result is no bool");
    return run_failed(run, caveat, value, error);
}

enum status
caveat_evaluate(const struct caveat *caveat, struct slice stored,
                const struct caveat_inputs *inputs, uint32_t steps, struct arena *arena,
                struct caveat_result *result, struct error *error)
{
    const struct cel_node *root = &caveat->nodes[caveat->node_count - 1];
    struct cel_value value;
    struct caveat_run run;
    enum status status = caveat_run_begin(&run, caveat, stored, inputs, steps, arena, error);

    if (status == BEHALF_OK) {
        cel_evaluate(&run.machine, caveat, root, &value);
        cel_machine_end(&run.machine);
        status = run.machine.status == BEHALF_OK ? give_outcome(&run, caveat, &value, result, error)
                                                 : caveat_run_spent(caveat, error);
    }
    result->steps = steps - run.machine.steps;
    result->too_long = run.machine.steps == 0;
    return status;
}

static enum status
unknown_name(const struct caveat *caveat, struct slice name, struct error *error)
{
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    (void)error_set(error, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR,
                    "caveat '%.*s' has no parameter '%.*s'", SLICE_PRINTF(caveat->name),
                    (int)(name.size < 64 ? name.size : 64), name.size > 0 ? name.data : "");
    for (size_t index = 0; index < caveat->parameter_count; index++)
        suggest(name, caveat->parameters[index].name, &nearest, &distance);
    if (nearest.size > 0)
        error_hint(error, "did you mean '%.*s'?", SLICE_PRINTF(nearest));
    return BEHALF_CAVEAT_PARAMETER_TYPE_ERROR;
}

static enum status
reserved_name(const struct caveat *caveat, struct slice name, struct error *error)
{
    error_set(error, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR,
              "no stored context gives the parameter '%.*s' of caveat '%.*s' a value",
              SLICE_PRINTF(name), SLICE_PRINTF(caveat->name));
    error_hint(error, "the schema says 'use attributes': the server fills it for each decision");
    return BEHALF_CAVEAT_PARAMETER_TYPE_ERROR;
}

enum status
caveat_check_context(const struct caveat *caveat, const struct datum *context, struct arena *arena,
                     struct error *error)
{
    const struct caveat_inputs inputs = {.context = context};
    struct caveat_run run;

    if (context == NULL)
        return BEHALF_OK;
    if (context->kind != DATUM_MAP)
        return error_set(error, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR,
                         "the context of caveat '%.*s' is no map", SLICE_PRINTF(caveat->name));
    for (size_t index = 0; index < context->as.map.count; index++) {
        struct slice key = context->as.map.fields[index].key;
        size_t at = 0;

        while (at < caveat->parameter_count && !slice_equal(caveat->parameters[at].name, key))
            at++;
        if (at == caveat->parameter_count)
            return unknown_name(caveat, key, error);
        if (is_reserved(caveat, at))
            return reserved_name(caveat, key, error);
    }
    return caveat_run_begin(&run, caveat, (struct slice){NULL, 0}, &inputs, CAVEAT_STEPS_MAX, arena,
                            error);
}
