/* cel_parse.c - tokens to nodes, by precedence.
 * Names are resolved on the way: a variable is known before the text in which it may stand. Chains of
 * `&&` and `||` become one node, so that long conditions are not deep ones. */
#include "schema/cel_lex.h"
#include "schema/names.h"

struct parser {
    struct caveat *caveat;
    struct arena *arena;
    struct error *error;
    struct cel_lexer lexer;
    struct cel_token token;
    uint32_t token_end; /* of the last token that was taken */
    struct cel_node *nodes;
    uint32_t node_count;
    uint32_t node_room;
    uint32_t *operands;
    uint32_t operand_count;
    uint32_t operand_room;
    uint32_t *pending; /* nodes whose parent is still being read */
    uint32_t pending_count;
    uint32_t pending_room;
    struct local {
        struct slice name;
        uint32_t range;
        bool optional;
    } locals[CEL_LOCALS_MAX];
    uint32_t local_count;
    uint32_t depth;
    uint32_t used;
};

struct macro {
    const char *name;
    enum cel_op op;
};

static const struct macro macros[] = {
    {"all", CEL_OP_ALL},
    {"exists", CEL_OP_EXISTS},
    {"exists_one", CEL_OP_EXISTS_ONE},
    {"filter", CEL_OP_FILTER},
    {"map", CEL_OP_EACH},
    {"optMap", CEL_OP_OPT_MAP},
    {"optFlatMap", CEL_OP_OPT_FLAT_MAP},
};

/* Words that are no names of variables. */
static const char *const reserved[] = {
    "as",        "break", "const",  "continue", "else", "false", "for",
    "function",  "if",    "import", "in",       "let",  "loop",  "package",
    "namespace", "null",  "return", "true",     "var",  "void",  "while",
};

static enum status parse_expression(struct parser *parser, uint32_t *node);
static enum status parse_postfix(struct parser *parser, uint32_t *node);

static enum status
fail_place(struct parser *parser, enum status status, uint32_t offset, size_t size)
{
    cel_error_at(parser->caveat, offset, (uint32_t)size, parser->error);
    return status;
}

static enum status
fail_token(struct parser *parser, const char *message)
{
    (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    return fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->token.offset,
                      parser->token.text.size);
}

static enum status
unexpected(struct parser *parser, const char *wanted)
{
    if (parser->token.kind == CEL_TOKEN_END)
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "expected %s, found the end of the expression", wanted);
    else
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR, "expected %s, found '%.*s'",
                        wanted, SLICE_PRINTF(parser->token.text));
    return fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->token.offset,
                      parser->token.text.size);
}

static enum status
too_large(struct parser *parser)
{
    return error_set(parser->error, BEHALF_BUDGET_EXHAUSTED, "the caveat is too large");
}

static enum status
advance(struct parser *parser)
{
    parser->token_end = parser->token.offset + (uint32_t)parser->token.text.size;
    return cel_lex(&parser->lexer, &parser->token);
}

static enum status
expect(struct parser *parser, int kind, const char *wanted)
{
    return parser->token.kind == kind ? advance(parser) : unexpected(parser, wanted);
}

/* Room for one more in an array of the arena: the old one stays behind as waste. */
static void *
grow(struct parser *parser, void *items, uint32_t count, uint32_t *room, size_t size)
{
    uint32_t larger = *room == 0 ? 16 : *room * 2;
    void *copy;

    if (count < *room)
        return items;
    copy = arena_take_array(parser->arena, larger, size);
    if (copy == NULL)
        return NULL;
    if (count > 0)
        memcpy(copy, items, count * size);
    *room = larger;
    return copy;
}

static enum status
push(struct parser *parser, uint32_t node)
{
    uint32_t *pending = grow(parser, parser->pending, parser->pending_count, &parser->pending_room,
                             sizeof *pending);

    if (pending == NULL)
        return too_large(parser);
    parser->pending = pending;
    parser->pending[parser->pending_count++] = node;
    return BEHALF_OK;
}

/* A node over what is pending from `from` on, whose text begins at `offset` and ends here. */
static enum status
finish(struct parser *parser, enum cel_op op, uint32_t from, uint32_t offset, uint32_t *result)
{
    struct cel_node *nodes =
        grow(parser, parser->nodes, parser->node_count, &parser->node_room, sizeof *nodes);
    struct cel_node *node;
    uint32_t height = 0;

    if (nodes == NULL)
        return too_large(parser);
    parser->nodes = nodes;
    node = &nodes[parser->node_count];
    *node = (struct cel_node){.op = (uint8_t)op,
                              .first = parser->operand_count,
                              .count = parser->pending_count - from,
                              .offset = offset,
                              .size = parser->token_end - offset};
    for (uint32_t index = from; index < parser->pending_count; index++) {
        const struct cel_node *child = &nodes[parser->pending[index]];
        uint32_t *operands = grow(parser, parser->operands, parser->operand_count,
                                  &parser->operand_room, sizeof *operands);

        if (operands == NULL)
            return too_large(parser);
        parser->operands = operands;
        operands[parser->operand_count++] = parser->pending[index];
        height = child->height > height ? child->height : height;
        node->parameterised = node->parameterised || child->parameterised;
    }
    node->height = (uint8_t)(height + 1);
    parser->pending_count = from;
    if (height + 1 > CEL_DEPTH_MAX) {
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "the expression is nested deeper than %d", CEL_DEPTH_MAX);
        return fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, offset, node->size);
    }
    *result = parser->node_count++;
    return BEHALF_OK;
}

static enum status
finish_constant(struct parser *parser, uint32_t offset, struct cel_value value, uint32_t *node)
{
    struct cel_value *constant = arena_take_array(parser->arena, 1, sizeof *constant);
    enum status status;

    if (constant == NULL)
        return too_large(parser);
    *constant = value;
    status = finish(parser, CEL_OP_CONSTANT, parser->pending_count, offset, node);
    if (status == BEHALF_OK)
        parser->nodes[*node].constant = constant;
    return status;
}

static bool
is_reserved(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(reserved); index++)
        if (slice_equal(name, slice_of(reserved[index])))
            return true;
    return false;
}

static bool
token_is(const struct parser *parser, const char *text)
{
    return slice_equal(parser->token.text, slice_of(text));
}

/* Whether exactly these tokens come next; then they are taken. */
static enum status
take_sequence(struct parser *parser, const char *const *texts, size_t count, bool *taken)
{
    struct parser saved = *parser;
    enum status status = BEHALF_OK;

    *taken = true;
    for (size_t index = 0; index < count && status == BEHALF_OK && *taken; index++) {
        *taken = token_is(parser, texts[index]);
        if (*taken)
            status = advance(parser);
    }
    if (status == BEHALF_OK && *taken)
        return BEHALF_OK;
    *taken = false;
    parser->lexer = saved.lexer;
    parser->token = saved.token;
    parser->token_end = saved.token_end;
    return BEHALF_OK;
}

/* Expressions up to `closing`, each pushed. The opening was taken. */
static enum status
parse_arguments(struct parser *parser, int closing, const char *wanted)
{
    enum status status = BEHALF_OK;
    uint32_t node;

    while (status == BEHALF_OK && parser->token.kind != closing) {
        status = parse_expression(parser, &node);
        if (status == BEHALF_OK)
            status = push(parser, node);
        if (status != BEHALF_OK)
            return status;
        if (parser->token.kind != ',')
            break;
        status = advance(parser);
        if (status == BEHALF_OK && parser->token.kind == closing && closing == ')')
            return unexpected(parser, "an expression");
    }
    return status == BEHALF_OK ? expect(parser, closing, wanted) : status;
}

static enum status
no_function(struct parser *parser, struct slice name, uint32_t offset, enum cel_style style,
            size_t count)
{
    struct slice best = {NULL, 0};
    uint32_t distance = UINT32_MAX;
    bool known = false;
    bool elsewhere = false;

    for (size_t index = 0; index < cel_overload_count; index++) {
        struct slice candidate = slice_of(cel_overloads[index].name);

        if (cel_overloads[index].style == CEL_OPERATOR)
            continue;
        known = known || (cel_overloads[index].style == style && slice_equal(candidate, name));
        elsewhere = elsewhere || slice_equal(candidate, name);
        names_suggest(name, candidate, &best, &distance);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(macros); index++)
        names_suggest(name, slice_of(macros[index].name), &best, &distance);
    if (known)
        (void)error_set(parser->error, BEHALF_SCHEMA_TYPE_ERROR,
                        "'%.*s' does not take %zu argument%s", SLICE_PRINTF(name),
                        count - (style == CEL_MEMBER ? 1 : 0),
                        count - (style == CEL_MEMBER ? 1 : 0) == 1 ? "" : "s");
    else
        (void)error_set(parser->error, BEHALF_SCHEMA_TYPE_ERROR, "there is no function '%.*s'",
                        SLICE_PRINTF(name));
    if (!known && elsewhere)
        error_hint(parser->error, style == CEL_MEMBER ? "write %.*s(x)" : "write x.%.*s()",
                   SLICE_PRINTF(name));
    else if (!known && best.size > 0)
        error_hint(parser->error, "did you mean '%.*s'?", SLICE_PRINTF(best));
    return fail_place(parser, BEHALF_SCHEMA_TYPE_ERROR, offset, name.size);
}

/* A call over what is pending from `from` on. */
static enum status
finish_call(struct parser *parser, struct slice name, uint32_t name_offset, enum cel_style style,
            uint32_t from, uint32_t offset, uint32_t *node)
{
    size_t count = parser->pending_count - from;
    size_t overload = cel_overload_find(name, style, count);
    enum status status;

    if (overload == cel_overload_count)
        return no_function(parser, name, name_offset, style, count);
    status = finish(parser, CEL_OP_CALL, from, offset, node);
    if (status != BEHALF_OK)
        return status;
    parser->nodes[*node].overload = (uint16_t)overload;
    parser->nodes[*node].name = name;
    return BEHALF_OK;
}

static enum status
undeclared(struct parser *parser, const struct cel_token *name)
{
    struct slice best = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < parser->caveat->parameter_count; index++)
        names_suggest(name->text, parser->caveat->parameters[index].name, &best, &distance);
    for (uint32_t index = 0; index < parser->local_count; index++)
        names_suggest(name->text, parser->locals[index].name, &best, &distance);
    (void)error_set(parser->error, BEHALF_SCHEMA_TYPE_ERROR, "'%.*s' is no parameter of the caveat",
                    SLICE_PRINTF(name->text));
    if (best.size > 0)
        error_hint(parser->error, "did you mean '%.*s'?", SLICE_PRINTF(best));
    return fail_place(parser, BEHALF_SCHEMA_TYPE_ERROR, name->offset, name->text.size);
}

static bool
type_named(struct slice name, enum cel_kind *kind)
{
    static const enum cel_kind named[] = {
        CEL_NULL,  CEL_BOOL, CEL_INT, CEL_UINT, CEL_DOUBLE,   CEL_STRING,
        CEL_BYTES, CEL_LIST, CEL_MAP, CEL_TYPE, CEL_OPTIONAL, CEL_IPADDRESS,
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(named); index++) {
        if (slice_equal(name, slice_of(cel_kind_name(named[index])))) {
            *kind = named[index];
            return true;
        }
    }
    return false;
}

/* google.protobuf.Timestamp and google.protobuf.Duration are names of types. The first word was
 * taken. */
static enum status
take_long_type(struct parser *parser, enum cel_kind *kind, bool *taken)
{
    static const char *const timestamp[] = {".", "protobuf", ".", "Timestamp"};
    static const char *const duration[] = {".", "protobuf", ".", "Duration"};
    enum status status = take_sequence(parser, timestamp, 4, taken);

    *kind = CEL_TIMESTAMP;
    if (status == BEHALF_OK && !*taken) {
        *kind = CEL_DURATION;
        status = take_sequence(parser, duration, 4, taken);
    }
    return status;
}

static enum status
parse_variable(struct parser *parser, const struct cel_token *name, bool rooted, uint32_t *node)
{
    struct caveat *caveat = parser->caveat;
    enum status status;
    enum cel_kind kind;
    bool taken = false;

    for (uint32_t slot = rooted ? 0 : parser->local_count; slot > 0; slot--) {
        const struct local *local = &parser->locals[slot - 1];

        if (!slice_equal(local->name, name->text))
            continue;
        status = finish(parser, CEL_OP_LOCAL, parser->pending_count, name->offset, node);
        if (status == BEHALF_OK) {
            parser->nodes[*node].slot = (uint8_t)(slot - 1);
            parser->nodes[*node].name = name->text;
            parser->nodes[*node].first = local->range;
            parser->nodes[*node].overload = local->optional;
        }
        return status;
    }
    for (size_t index = 0; index < caveat->parameter_count; index++) {
        if (!slice_equal(caveat->parameters[index].name, name->text))
            continue;
        parser->used |= UINT32_C(1) << index;
        status = finish(parser, CEL_OP_PARAMETER, parser->pending_count, name->offset, node);
        if (status == BEHALF_OK) {
            parser->nodes[*node].slot = (uint8_t)index;
            parser->nodes[*node].name = name->text;
            parser->nodes[*node].overload = rooted;
            parser->nodes[*node].parameterised = true;
        }
        return status;
    }
    if (slice_equal(name->text, SLICE_LITERAL("google"))) {
        status = take_long_type(parser, &kind, &taken);
        if (status != BEHALF_OK)
            return status;
    }
    if (!taken && !type_named(name->text, &kind))
        return undeclared(parser, name);
    return finish_constant(parser, name->offset,
                           (struct cel_value){.kind = CEL_TYPE, .as.type = kind}, node);
}

/* has(a.b): the select becomes a question. */
static enum status
parse_has(struct parser *parser, uint32_t offset, uint32_t *node)
{
    enum status status = parse_expression(parser, node);

    if (status != BEHALF_OK)
        return status;
    if (parser->nodes[*node].op != CEL_OP_SELECT) {
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "has() takes the selection of a field");
        error_hint(parser->error, "write has(m.field)");
        return fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->nodes[*node].offset,
                          parser->nodes[*node].size);
    }
    status = expect(parser, ')', "')'");
    parser->nodes[*node].op = CEL_OP_HAS;
    parser->nodes[*node].offset = offset;
    parser->nodes[*node].size = parser->token_end - offset;
    return status;
}

/* The functions of the name space `optional`, unless a variable is called so. */
static enum status
take_optional(struct parser *parser, struct cel_token *name)
{
    static const char *const known[] = {"of", "none", "ofNonZeroValue"};
    static const char *const full[] = {"optional.of", "optional.none", "optional.ofNonZeroValue"};

    for (size_t index = 0; index < parser->caveat->parameter_count; index++)
        if (slice_equal(parser->caveat->parameters[index].name, name->text))
            return BEHALF_OK;
    for (size_t index = 0; index < BEHALF_COUNT_OF(known); index++) {
        struct parser saved = *parser;
        const char *const sequence[] = {".", known[index], "("};
        bool taken;
        enum status status = take_sequence(parser, sequence, 2, &taken);

        if (status != BEHALF_OK)
            return status;
        if (taken && parser->token.kind == '(') {
            name->text = slice_of(full[index]);
            return BEHALF_OK;
        }
        parser->lexer = saved.lexer;
        parser->token = saved.token;
        parser->token_end = saved.token_end;
    }
    return BEHALF_OK;
}

static enum status
parse_name(struct parser *parser, bool rooted, uint32_t offset, uint32_t *node)
{
    struct cel_token name = parser->token;
    uint32_t from = parser->pending_count;
    enum status status;

    if (is_reserved(name.text)) {
        bool truth = token_is(parser, "true");

        if (!truth && !token_is(parser, "false") && !token_is(parser, "null"))
            return fail_token(parser, "the word is reserved and no name of a variable");
        status = advance(parser);
        if (status != BEHALF_OK)
            return status;
        if (name.text.data[0] == 'n')
            return finish_constant(parser, offset, (struct cel_value){.kind = CEL_NULL}, node);
        return finish_constant(parser, offset, cel_bool(truth), node);
    }
    status = advance(parser);
    if (status == BEHALF_OK && slice_equal(name.text, SLICE_LITERAL("optional")))
        status = take_optional(parser, &name);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind == '{')
        return fail_token(parser, "messages cannot be made in a caveat");
    if (parser->token.kind != '(')
        return parse_variable(parser, &name, rooted, node);
    status = advance(parser);
    if (status == BEHALF_OK && slice_equal(name.text, SLICE_LITERAL("has")))
        return parse_has(parser, offset, node);
    if (status == BEHALF_OK)
        status = parse_arguments(parser, ')', "',' or ')'");
    if (status != BEHALF_OK)
        return status;
    return finish_call(parser, name.text, name.offset, CEL_GLOBAL, from, offset, node);
}

/* An element, in a MAYBE_ENTRY when a `?` stands before it. */
static enum status
parse_entry(struct parser *parser, bool maybe, uint32_t offset)
{
    uint32_t from = parser->pending_count;
    uint32_t node;
    enum status status = parse_expression(parser, &node);

    if (status == BEHALF_OK && maybe) {
        status = push(parser, node);
        if (status == BEHALF_OK)
            status = finish(parser, CEL_OP_MAYBE_ENTRY, from, offset, &node);
    }
    return status == BEHALF_OK ? push(parser, node) : status;
}

/* `[a, ?b]` or `{a: b, ?c: d}`; the opening is the token. */
static enum status
parse_aggregate(struct parser *parser, bool map, uint32_t *node)
{
    int closing = map ? '}' : ']';
    const char *wanted = map ? "',' or '}'" : "',' or ']'";
    uint32_t offset = parser->token.offset;
    uint32_t from = parser->pending_count;
    enum status status = advance(parser);

    while (status == BEHALF_OK && parser->token.kind != closing) {
        uint32_t start = parser->token.offset;
        bool maybe = parser->token.kind == '?';

        if (maybe)
            status = advance(parser);
        if (status == BEHALF_OK && map) {
            status = parse_entry(parser, false, start);
            if (status == BEHALF_OK)
                status = expect(parser, ':', "':'");
        }
        if (status == BEHALF_OK)
            status = parse_entry(parser, maybe, start);
        if (status != BEHALF_OK || parser->token.kind != ',')
            break;
        status = advance(parser);
    }
    if (status == BEHALF_OK)
        status = expect(parser, closing, wanted);
    if (status != BEHALF_OK)
        return status;
    return finish(parser, map ? CEL_OP_MAP : CEL_OP_LIST, from, offset, node);
}

static enum status
parse_literal(struct parser *parser, bool negative, uint32_t offset, uint32_t *node)
{
    struct cel_value value;
    enum status status =
        cel_literal(parser->caveat, &parser->token, negative, parser->arena, &value, parser->error);

    if (status == BEHALF_OK)
        status = advance(parser);
    return status == BEHALF_OK ? finish_constant(parser, offset, value, node) : status;
}

static enum status
parse_primary(struct parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    enum status status;

    switch (parser->token.kind) {
    case CEL_TOKEN_NAME:
        return parse_name(parser, false, offset, node);
    case CEL_TOKEN_INT:
    case CEL_TOKEN_UINT:
    case CEL_TOKEN_DOUBLE:
    case CEL_TOKEN_STRING:
    case CEL_TOKEN_BYTES:
        return parse_literal(parser, false, offset, node);
    case '.':
        status = advance(parser);
        if (status == BEHALF_OK && parser->token.kind != CEL_TOKEN_NAME)
            status = unexpected(parser, "a name");
        return status == BEHALF_OK ? parse_name(parser, true, offset, node) : status;
    case '(':
        status = advance(parser);
        if (status == BEHALF_OK)
            status = parse_expression(parser, node);
        return status == BEHALF_OK ? expect(parser, ')', "')'") : status;
    case '[':
        return parse_aggregate(parser, false, node);
    case '{':
        return parse_aggregate(parser, true, node);
    default:
        return unexpected(parser, "an expression");
    }
}

static const struct macro *
macro_named(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(macros); index++)
        if (slice_equal(name, slice_of(macros[index].name)))
            return &macros[index];
    return NULL;
}

/* `range.macro(` was taken; the range is pending. */
static enum status
parse_macro(struct parser *parser, const struct macro *macro, uint32_t from, uint32_t offset,
            uint32_t *node)
{
    struct cel_token variable = parser->token;
    uint32_t slot = parser->local_count;
    enum cel_op op = macro->op;
    enum status status;
    uint32_t count;

    if (variable.kind != CEL_TOKEN_NAME || is_reserved(variable.text))
        return unexpected(parser, "the name of the macro's variable");
    if (slot == CEL_LOCALS_MAX)
        return fail_token(parser, "too many macros stand in each other");
    status = advance(parser);
    if (status == BEHALF_OK)
        status = expect(parser, ',', "','");
    if (status != BEHALF_OK)
        return status;
    parser->locals[parser->local_count++] = (struct local){
        variable.text, parser->pending[from], op == CEL_OP_OPT_MAP || op == CEL_OP_OPT_FLAT_MAP};
    status = parse_arguments(parser, ')', "',' or ')'");
    parser->local_count = slot;
    if (status != BEHALF_OK)
        return status;
    count = parser->pending_count - from;
    if (op == CEL_OP_EACH && count == 3)
        op = CEL_OP_EACH_IF;
    else if (count != 2) {
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "'%s' takes a variable and an expression", macro->name);
        return fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, offset, parser->token_end - offset);
    }
    status = finish(parser, op, from, offset, node);
    if (status == BEHALF_OK) {
        parser->nodes[*node].slot = (uint8_t)slot;
        parser->nodes[*node].name = variable.text;
    }
    return status;
}

/* `receiver.name(`: the name is the token before `(`, which is the token. */
static enum status
parse_member_call(struct parser *parser, const struct cel_token *name, uint32_t offset,
                  uint32_t *node)
{
    const struct macro *macro = macro_named(name->text);
    uint32_t from = parser->pending_count;
    bool or_value = slice_equal(name->text, SLICE_LITERAL("orValue"));
    enum status status = push(parser, *node);

    if (status == BEHALF_OK)
        status = advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (macro != NULL)
        return parse_macro(parser, macro, from, offset, node);
    status = parse_arguments(parser, ')', "',' or ')'");
    if (status != BEHALF_OK)
        return status;
    if ((or_value || slice_equal(name->text, SLICE_LITERAL("or"))) &&
        parser->pending_count - from == 2)
        return finish(parser, or_value ? CEL_OP_OPT_OR_VALUE : CEL_OP_OPT_OR, from, offset, node);
    return finish_call(parser, name->text, name->offset, CEL_MEMBER, from, offset, node);
}

/* Behind a dot. */
static enum status
parse_member(struct parser *parser, uint32_t offset, uint32_t *node)
{
    bool maybe = parser->token.kind == '?';
    enum status status = maybe ? advance(parser) : BEHALF_OK;
    uint32_t from = parser->pending_count;
    struct cel_token name;

    if (status != BEHALF_OK)
        return status;
    name = parser->token;
    if (name.kind != CEL_TOKEN_NAME)
        return unexpected(parser, "a name");
    status = advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind == '(' && !maybe)
        return parse_member_call(parser, &name, offset, node);
    status = push(parser, *node);
    if (status == BEHALF_OK)
        status = finish(parser, maybe ? CEL_OP_MAYBE : CEL_OP_SELECT, from, offset, node);
    if (status == BEHALF_OK)
        parser->nodes[*node].name = name.text;
    return status;
}

/* Behind `[`. */
static enum status
parse_index(struct parser *parser, uint32_t offset, uint32_t *node)
{
    bool maybe = parser->token.kind == '?';
    enum status status = maybe ? advance(parser) : BEHALF_OK;
    uint32_t from = parser->pending_count;
    uint32_t key;

    if (status == BEHALF_OK)
        status = push(parser, *node);
    if (status == BEHALF_OK)
        status = parse_expression(parser, &key);
    if (status == BEHALF_OK)
        status = push(parser, key);
    if (status == BEHALF_OK)
        status = expect(parser, ']', "']'");
    if (status != BEHALF_OK)
        return status;
    if (maybe)
        return finish(parser, CEL_OP_MAYBE_AT, from, offset, node);
    return finish_call(parser, SLICE_LITERAL("[]"), offset, CEL_OPERATOR, from, offset, node);
}

static enum status
parse_postfix(struct parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    enum status status = parse_primary(parser, node);

    while (status == BEHALF_OK && (parser->token.kind == '.' || parser->token.kind == '[')) {
        bool member = parser->token.kind == '.';

        status = advance(parser);
        if (status == BEHALF_OK)
            status =
                member ? parse_member(parser, offset, node) : parse_index(parser, offset, node);
    }
    return status;
}

static bool
is_number_token(int kind)
{
    return kind == CEL_TOKEN_INT || kind == CEL_TOKEN_UINT || kind == CEL_TOKEN_DOUBLE;
}

/* Two marks of a kind cancel each other, but a number's minus is part of it. */
static enum status
parse_unary(struct parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    int mark = parser->token.kind;
    uint32_t marks = 0;
    uint32_t from = parser->pending_count;
    enum status status = BEHALF_OK;

    if (mark != '!' && mark != '-')
        return parse_postfix(parser, node);
    while (status == BEHALF_OK && parser->token.kind == mark) {
        marks++;
        status = advance(parser);
    }
    if (status != BEHALF_OK)
        return status;
    if (mark == '!' && parser->token.kind == '-') {
        status = advance(parser);
        if (status == BEHALF_OK)
            status = is_number_token(parser->token.kind)
                         ? parse_literal(parser, true, parser->token.offset, node)
                         : unexpected(parser, "a number");
    } else if (mark == '-' && is_number_token(parser->token.kind)) {
        marks--;
        if (parser->token.kind == CEL_TOKEN_UINT)
            return unexpected(parser, "a number with a sign");
        status = parse_literal(parser, true, parser->token.offset - 1, node);
    } else {
        status = parse_postfix(parser, node);
    }
    if (status != BEHALF_OK || marks == 0)
        return status;
    for (uint32_t times = marks % 2 == 0 ? 2 : 1; times > 0 && status == BEHALF_OK; times--) {
        status = push(parser, *node);
        if (status == BEHALF_OK)
            status = finish_call(parser, mark == '!' ? SLICE_LITERAL("!") : SLICE_LITERAL("-"),
                                 offset, CEL_OPERATOR, from, offset, node);
    }
    return status;
}

/* How tightly an operator binds; 0 for what is none. */
static uint32_t
precedence_of(const struct parser *parser)
{
    switch (parser->token.kind) {
    case CEL_TOKEN_OR:
        return 1;
    case CEL_TOKEN_AND:
        return 2;
    case '<':
    case '>':
    case CEL_TOKEN_LESS_EQUAL:
    case CEL_TOKEN_GREATER_EQUAL:
    case CEL_TOKEN_EQUAL:
    case CEL_TOKEN_UNEQUAL:
        return 3;
    case CEL_TOKEN_NAME:
        return token_is(parser, "in") ? 3 : 0;
    case '+':
    case '-':
        return 4;
    case '*':
    case '/':
    case '%':
        return 5;
    default:
        return 0;
    }
}

/* Left-associative; recursion is as deep as there are levels. */
static enum status
parse_binary(struct parser *parser, uint32_t level, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    uint32_t from = parser->pending_count;
    enum status status =
        level > 5 ? parse_unary(parser, node) : parse_binary(parser, level + 1, node);

    if (level > 5)
        return status;
    while (status == BEHALF_OK && precedence_of(parser) == level) {
        struct cel_token mark = parser->token;
        uint32_t right;

        status = push(parser, *node);
        do {
            if (status == BEHALF_OK)
                status = advance(parser);
            if (status == BEHALF_OK)
                status = parse_binary(parser, level + 1, &right);
            if (status == BEHALF_OK)
                status = push(parser, right);
        } while (status == BEHALF_OK && level <= 2 && precedence_of(parser) == level);
        if (status != BEHALF_OK)
            return status;
        if (level <= 2)
            status = finish(parser, level == 1 ? CEL_OP_OR : CEL_OP_AND, from, offset, node);
        else
            status = finish_call(parser, mark.text, mark.offset, CEL_OPERATOR, from, offset, node);
    }
    return status;
}

static enum status
parse_condition(struct parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    uint32_t from = parser->pending_count;
    enum status status = parse_binary(parser, 1, node);
    bool dotted;

    if (status != BEHALF_OK || parser->token.kind != '?')
        return status;
    status = push(parser, *node);
    if (status == BEHALF_OK)
        status = advance(parser);
    if (status != BEHALF_OK)
        return status;
    dotted = parser->token.kind == '.' && parser->token.offset == parser->token_end;
    status = parse_binary(parser, 1, node);
    if (status == BEHALF_OK)
        status = push(parser, *node);
    if (status == BEHALF_OK)
        status = expect(parser, ':', "':' of a condition");
    if (status != BEHALF_OK) {
        if (dotted)
            error_hint(parser->error, "an optional field is written a.?b");
        return status;
    }
    status = parse_expression(parser, node);
    if (status == BEHALF_OK)
        status = push(parser, *node);
    return status == BEHALF_OK ? finish(parser, CEL_OP_CONDITION, from, offset, node) : status;
}

static enum status
parse_expression(struct parser *parser, uint32_t *node)
{
    enum status status;

    if (parser->depth == CEL_DEPTH_MAX)
        return fail_token(parser, "the expression is nested too deep");
    parser->depth++;
    status = parse_condition(parser, node);
    parser->depth--;
    return status;
}

enum status
cel_parse(struct caveat *caveat, struct arena *arena, uint32_t *used, struct error *error)
{
    struct parser parser = {.caveat = caveat,
                            .arena = arena,
                            .error = error,
                            .lexer = {.caveat = caveat, .error = error}};
    uint32_t root;
    enum status status = cel_lex(&parser.lexer, &parser.token);

    if (status == BEHALF_OK)
        status = parse_expression(&parser, &root);
    if (status == BEHALF_OK && parser.token.kind != CEL_TOKEN_END)
        status = unexpected(&parser, "an operator or the end of the expression");
    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(root + 1 == parser.node_count && parser.pending_count == 0);
    caveat->nodes = parser.nodes;
    caveat->node_count = parser.node_count;
    caveat->operands = parser.operands;
    *used = parser.used;
    return BEHALF_OK;
}
