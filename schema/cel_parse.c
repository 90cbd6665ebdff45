/* cel_parse.c - tokens to nodes, by precedence.
 * Names are resolved on the way: a variable is known before the text in which it may stand. Chains
 * of `&&` and `||` become one node, so that long conditions are not deep ones. */
#include "schema/cel_parser.h"

#include "base/suggest.h"
#include "schema/names.h"

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

static enum status parse_expression(struct cel_parser *parser, uint32_t *node);
static enum status parse_postfix(struct cel_parser *parser, uint32_t *node);

static bool
is_reserved(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(reserved); index++)
        if (slice_equal(name, slice_of(reserved[index])))
            return true;
    return false;
}

/* Expressions up to `closing`, each pushed. The opening was taken. */
static enum status
parse_arguments(struct cel_parser *parser, int closing, const char *wanted)
{
    enum status status = BEHALF_OK;
    uint32_t node;

    while (status == BEHALF_OK && parser->token.kind != closing) {
        status = parse_expression(parser, &node);
        if (status == BEHALF_OK)
            status = cel_parser_push(parser, node);
        if (status != BEHALF_OK)
            return status;
        if (parser->token.kind != ',')
            break;
        status = cel_parser_advance(parser);
        if (status == BEHALF_OK && parser->token.kind == closing && closing == ')')
            return cel_parser_unexpected(parser, "an expression");
    }
    return status == BEHALF_OK ? cel_parser_expect(parser, closing, wanted) : status;
}

static enum status
no_function(struct cel_parser *parser, struct slice name, uint32_t offset, enum cel_style style,
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
        suggest(name, candidate, &best, &distance);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(macros); index++)
        suggest(name, slice_of(macros[index].name), &best, &distance);
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
    return cel_parser_fail_place(parser, BEHALF_SCHEMA_TYPE_ERROR, offset, name.size);
}

/* A call over what is pending from `from` on. */
static enum status
finish_call(struct cel_parser *parser, struct slice name, uint32_t name_offset,
            enum cel_style style, uint32_t from, uint32_t offset, uint32_t *node)
{
    size_t count = parser->pending_count - from;
    size_t overload = cel_overload_find(name, style, count);
    enum status status;

    if (overload == cel_overload_count)
        return no_function(parser, name, name_offset, style, count);
    status = cel_parser_finish(parser, CEL_OP_CALL, from, offset, node);
    if (status != BEHALF_OK)
        return status;
    parser->nodes[*node].overload = (uint16_t)overload;
    parser->nodes[*node].name = name;
    return BEHALF_OK;
}

static enum status
undeclared(struct cel_parser *parser, const struct cel_token *name)
{
    struct slice best = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < parser->caveat->parameter_count; index++)
        suggest(name->text, parser->caveat->parameters[index].name, &best, &distance);
    for (uint32_t index = 0; index < parser->local_count; index++)
        suggest(name->text, parser->locals[index].name, &best, &distance);
    (void)error_set(parser->error, BEHALF_SCHEMA_TYPE_ERROR, "'%.*s' is no parameter of the caveat",
                    SLICE_PRINTF(name->text));
    if (best.size > 0)
        error_hint(parser->error, "did you mean '%.*s'?", SLICE_PRINTF(best));
    return cel_parser_fail_place(parser, BEHALF_SCHEMA_TYPE_ERROR, name->offset, name->text.size);
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
take_long_type(struct cel_parser *parser, enum cel_kind *kind, bool *taken)
{
    static const char *const timestamp[] = {".", "protobuf", ".", "Timestamp"};
    static const char *const duration[] = {".", "protobuf", ".", "Duration"};
    enum status status = cel_parser_take_sequence(parser, timestamp, 4, taken);

    *kind = CEL_TIMESTAMP;
    if (status == BEHALF_OK && !*taken) {
        *kind = CEL_DURATION;
        status = cel_parser_take_sequence(parser, duration, 4, taken);
    }
    return status;
}

static enum status
parse_variable(struct cel_parser *parser, const struct cel_token *name, bool rooted, uint32_t *node)
{
    struct caveat *caveat = parser->caveat;
    enum status status;
    enum cel_kind kind;
    bool taken = false;

    for (uint32_t slot = rooted ? 0 : parser->local_count; slot > 0; slot--) {
        const struct cel_local *local = &parser->locals[slot - 1];

        if (!slice_equal(local->name, name->text))
            continue;
        status = cel_parser_finish(parser, CEL_OP_LOCAL, parser->pending_count, name->offset, node);
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
        status =
            cel_parser_finish(parser, CEL_OP_PARAMETER, parser->pending_count, name->offset, node);
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
    return cel_parser_finish_constant(parser, name->offset,
                                      (struct cel_value){.kind = CEL_TYPE, .as.type = kind}, node);
}

/* has(a.b): the select becomes a question. */
static enum status
parse_has(struct cel_parser *parser, uint32_t offset, uint32_t *node)
{
    enum status status = parse_expression(parser, node);

    if (status != BEHALF_OK)
        return status;
    if (parser->nodes[*node].op != CEL_OP_SELECT) {
        (void)error_set(parser->error, BEHALF_SCHEMA_PARSE_ERROR,
                        "has() takes the selection of a field");
        error_hint(parser->error, "write has(m.field)");
        return cel_parser_fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, parser->nodes[*node].offset,
                                     parser->nodes[*node].size);
    }
    status = cel_parser_expect(parser, ')', "')'");
    parser->nodes[*node].op = CEL_OP_HAS;
    parser->nodes[*node].offset = offset;
    parser->nodes[*node].size = parser->token_end - offset;
    return status;
}

/* The functions of the name space `optional`, unless a variable is called so. */
static enum status
take_optional(struct cel_parser *parser, struct cel_token *name)
{
    static const char *const known[] = {"of", "none", "ofNonZeroValue"};
    static const char *const full[] = {"optional.of", "optional.none", "optional.ofNonZeroValue"};

    for (size_t index = 0; index < parser->caveat->parameter_count; index++)
        if (slice_equal(parser->caveat->parameters[index].name, name->text))
            return BEHALF_OK;
    for (size_t index = 0; index < BEHALF_COUNT_OF(known); index++) {
        struct cel_parser saved = *parser;
        const char *const sequence[] = {".", known[index], "("};
        bool taken;
        enum status status = cel_parser_take_sequence(parser, sequence, 2, &taken);

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
parse_name(struct cel_parser *parser, bool rooted, uint32_t offset, uint32_t *node)
{
    struct cel_token name = parser->token;
    uint32_t from = parser->pending_count;
    enum status status;

    if (is_reserved(name.text)) {
        bool truth = cel_parser_token_is(parser, "true");

        if (!truth && !cel_parser_token_is(parser, "false") && !cel_parser_token_is(parser, "null"))
            return cel_parser_fail_token(parser, "the word is reserved and no name of a variable");
        status = cel_parser_advance(parser);
        if (status != BEHALF_OK)
            return status;
        if (name.text.data[0] == 'n')
            return cel_parser_finish_constant(parser, offset, (struct cel_value){.kind = CEL_NULL},
                                              node);
        return cel_parser_finish_constant(parser, offset, cel_bool(truth), node);
    }
    status = cel_parser_advance(parser);
    if (status == BEHALF_OK && slice_equal(name.text, SLICE_LITERAL("optional")))
        status = take_optional(parser, &name);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind == '{')
        return cel_parser_fail_token(parser, "messages cannot be made in a caveat");
    if (parser->token.kind != '(')
        return parse_variable(parser, &name, rooted, node);
    status = cel_parser_advance(parser);
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
parse_entry(struct cel_parser *parser, bool maybe, uint32_t offset)
{
    uint32_t from = parser->pending_count;
    uint32_t node;
    enum status status = parse_expression(parser, &node);

    if (status == BEHALF_OK && maybe) {
        status = cel_parser_push(parser, node);
        if (status == BEHALF_OK)
            status = cel_parser_finish(parser, CEL_OP_MAYBE_ENTRY, from, offset, &node);
    }
    return status == BEHALF_OK ? cel_parser_push(parser, node) : status;
}

/* `[a, ?b]` or `{a: b, ?c: d}`; the opening is the token. */
static enum status
parse_aggregate(struct cel_parser *parser, bool map, uint32_t *node)
{
    int closing = map ? '}' : ']';
    const char *wanted = map ? "',' or '}'" : "',' or ']'";
    uint32_t offset = parser->token.offset;
    uint32_t from = parser->pending_count;
    enum status status = cel_parser_advance(parser);

    while (status == BEHALF_OK && parser->token.kind != closing) {
        uint32_t start = parser->token.offset;
        bool maybe = parser->token.kind == '?';

        if (maybe)
            status = cel_parser_advance(parser);
        if (status == BEHALF_OK && map) {
            status = parse_entry(parser, false, start);
            if (status == BEHALF_OK)
                status = cel_parser_expect(parser, ':', "':'");
        }
        if (status == BEHALF_OK)
            status = parse_entry(parser, maybe, start);
        if (status != BEHALF_OK || parser->token.kind != ',')
            break;
        status = cel_parser_advance(parser);
    }
    if (status == BEHALF_OK)
        status = cel_parser_expect(parser, closing, wanted);
    if (status != BEHALF_OK)
        return status;
    return cel_parser_finish(parser, map ? CEL_OP_MAP : CEL_OP_LIST, from, offset, node);
}

static enum status
parse_literal(struct cel_parser *parser, bool negative, uint32_t offset, uint32_t *node)
{
    struct cel_value value;
    enum status status =
        cel_literal(parser->caveat, &parser->token, negative, parser->arena, &value, parser->error);

    if (status == BEHALF_OK)
        status = cel_parser_advance(parser);
    return status == BEHALF_OK ? cel_parser_finish_constant(parser, offset, value, node) : status;
}

static enum status
parse_primary(struct cel_parser *parser, uint32_t *node)
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
        status = cel_parser_advance(parser);
        if (status == BEHALF_OK && parser->token.kind != CEL_TOKEN_NAME)
            status = cel_parser_unexpected(parser, "a name");
        return status == BEHALF_OK ? parse_name(parser, true, offset, node) : status;
    case '(':
        status = cel_parser_advance(parser);
        if (status == BEHALF_OK)
            status = parse_expression(parser, node);
        return status == BEHALF_OK ? cel_parser_expect(parser, ')', "')'") : status;
    case '[':
        return parse_aggregate(parser, false, node);
    case '{':
        return parse_aggregate(parser, true, node);
    default:
        return cel_parser_unexpected(parser, "an expression");
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
parse_macro(struct cel_parser *parser, const struct macro *macro, uint32_t from, uint32_t offset,
            uint32_t *node)
{
    struct cel_token variable = parser->token;
    uint32_t slot = parser->local_count;
    enum cel_op op = macro->op;
    enum status status;
    uint32_t count;

    if (variable.kind != CEL_TOKEN_NAME || is_reserved(variable.text))
        return cel_parser_unexpected(parser, "the name of the macro's variable");
    if (slot == CEL_LOCALS_MAX)
        return cel_parser_fail_token(parser, "too many macros stand in each other");
    status = cel_parser_advance(parser);
    if (status == BEHALF_OK)
        status = cel_parser_expect(parser, ',', "','");
    if (status != BEHALF_OK)
        return status;
    parser->locals[parser->local_count++] = (struct cel_local){
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
        return cel_parser_fail_place(parser, BEHALF_SCHEMA_PARSE_ERROR, offset,
                                     parser->token_end - offset);
    }
    status = cel_parser_finish(parser, op, from, offset, node);
    if (status == BEHALF_OK) {
        parser->nodes[*node].slot = (uint8_t)slot;
        parser->nodes[*node].name = variable.text;
    }
    return status;
}

/* `receiver.name(`: the name is the token before `(`, which is the token. */
static enum status
parse_member_call(struct cel_parser *parser, const struct cel_token *name, uint32_t offset,
                  uint32_t *node)
{
    const struct macro *macro = macro_named(name->text);
    uint32_t from = parser->pending_count;
    bool or_value = slice_equal(name->text, SLICE_LITERAL("orValue"));
    enum status status = cel_parser_push(parser, *node);

    if (status == BEHALF_OK)
        status = cel_parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (macro != NULL)
        return parse_macro(parser, macro, from, offset, node);
    status = parse_arguments(parser, ')', "',' or ')'");
    if (status != BEHALF_OK)
        return status;
    if ((or_value || slice_equal(name->text, SLICE_LITERAL("or"))) &&
        parser->pending_count - from == 2)
        return cel_parser_finish(parser, or_value ? CEL_OP_OPT_OR_VALUE : CEL_OP_OPT_OR, from,
                                 offset, node);
    return finish_call(parser, name->text, name->offset, CEL_MEMBER, from, offset, node);
}

/* Behind a dot. */
static enum status
parse_member(struct cel_parser *parser, uint32_t offset, uint32_t *node)
{
    bool maybe = parser->token.kind == '?';
    enum status status = maybe ? cel_parser_advance(parser) : BEHALF_OK;
    uint32_t from = parser->pending_count;
    struct cel_token name;

    if (status != BEHALF_OK)
        return status;
    name = parser->token;
    if (name.kind != CEL_TOKEN_NAME)
        return cel_parser_unexpected(parser, "a name");
    status = cel_parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    if (parser->token.kind == '(' && !maybe)
        return parse_member_call(parser, &name, offset, node);
    status = cel_parser_push(parser, *node);
    if (status == BEHALF_OK)
        status =
            cel_parser_finish(parser, maybe ? CEL_OP_MAYBE : CEL_OP_SELECT, from, offset, node);
    if (status == BEHALF_OK)
        parser->nodes[*node].name = name.text;
    return status;
}

/* Behind `[`. */
static enum status
parse_index(struct cel_parser *parser, uint32_t offset, uint32_t *node)
{
    bool maybe = parser->token.kind == '?';
    enum status status = maybe ? cel_parser_advance(parser) : BEHALF_OK;
    uint32_t from = parser->pending_count;
    uint32_t key;

    if (status == BEHALF_OK)
        status = cel_parser_push(parser, *node);
    if (status == BEHALF_OK)
        status = parse_expression(parser, &key);
    if (status == BEHALF_OK)
        status = cel_parser_push(parser, key);
    if (status == BEHALF_OK)
        status = cel_parser_expect(parser, ']', "']'");
    if (status != BEHALF_OK)
        return status;
    if (maybe)
        return cel_parser_finish(parser, CEL_OP_MAYBE_AT, from, offset, node);
    return finish_call(parser, SLICE_LITERAL("[]"), offset, CEL_OPERATOR, from, offset, node);
}

static enum status
parse_postfix(struct cel_parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    enum status status = parse_primary(parser, node);

    while (status == BEHALF_OK && (parser->token.kind == '.' || parser->token.kind == '[')) {
        bool member = parser->token.kind == '.';

        status = cel_parser_advance(parser);
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
parse_unary(struct cel_parser *parser, uint32_t *node)
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
        status = cel_parser_advance(parser);
    }
    if (status != BEHALF_OK)
        return status;
    if (mark == '!' && parser->token.kind == '-') {
        status = cel_parser_advance(parser);
        if (status == BEHALF_OK)
            status = is_number_token(parser->token.kind)
                         ? parse_literal(parser, true, parser->token.offset, node)
                         : cel_parser_unexpected(parser, "a number");
    } else if (mark == '-' && is_number_token(parser->token.kind)) {
        marks--;
        if (parser->token.kind == CEL_TOKEN_UINT)
            return cel_parser_unexpected(parser, "a number with a sign");
        status = parse_literal(parser, true, parser->token.offset - 1, node);
    } else {
        status = parse_postfix(parser, node);
    }
    if (status != BEHALF_OK || marks == 0)
        return status;
    for (uint32_t times = marks % 2 == 0 ? 2 : 1; times > 0 && status == BEHALF_OK; times--) {
        status = cel_parser_push(parser, *node);
        if (status == BEHALF_OK)
            status = finish_call(parser, mark == '!' ? SLICE_LITERAL("!") : SLICE_LITERAL("-"),
                                 offset, CEL_OPERATOR, from, offset, node);
    }
    return status;
}

/* How tightly an operator binds; 0 for what is none. */
static uint32_t
precedence_of(const struct cel_parser *parser)
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
        return cel_parser_token_is(parser, "in") ? 3 : 0;
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
parse_binary(struct cel_parser *parser, uint32_t level, uint32_t *node)
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

        status = cel_parser_push(parser, *node);
        do {
            if (status == BEHALF_OK)
                status = cel_parser_advance(parser);
            if (status == BEHALF_OK)
                status = parse_binary(parser, level + 1, &right);
            if (status == BEHALF_OK)
                status = cel_parser_push(parser, right);
        } while (status == BEHALF_OK && level <= 2 && precedence_of(parser) == level);
        if (status != BEHALF_OK)
            return status;
        if (level <= 2)
            status =
                cel_parser_finish(parser, level == 1 ? CEL_OP_OR : CEL_OP_AND, from, offset, node);
        else
            status = finish_call(parser, mark.text, mark.offset, CEL_OPERATOR, from, offset, node);
    }
    return status;
}

static enum status
parse_condition(struct cel_parser *parser, uint32_t *node)
{
    uint32_t offset = parser->token.offset;
    uint32_t from = parser->pending_count;
    enum status status = parse_binary(parser, 1, node);
    bool dotted;

    if (status != BEHALF_OK || parser->token.kind != '?')
        return status;
    status = cel_parser_push(parser, *node);
    if (status == BEHALF_OK)
        status = cel_parser_advance(parser);
    if (status != BEHALF_OK)
        return status;
    dotted = parser->token.kind == '.' && parser->token.offset == parser->token_end;
    status = parse_binary(parser, 1, node);
    if (status == BEHALF_OK)
        status = cel_parser_push(parser, *node);
    if (status == BEHALF_OK)
        status = cel_parser_expect(parser, ':', "':' of a condition");
    if (status != BEHALF_OK) {
        if (dotted)
            error_hint(parser->error, "an optional field is written a.?b");
        return status;
    }
    status = parse_expression(parser, node);
    if (status == BEHALF_OK)
        status = cel_parser_push(parser, *node);
    return status == BEHALF_OK ? cel_parser_finish(parser, CEL_OP_CONDITION, from, offset, node)
                               : status;
}

static enum status
parse_expression(struct cel_parser *parser, uint32_t *node)
{
    enum status status;

    if (parser->depth == CEL_DEPTH_MAX)
        return cel_parser_fail_token(parser, "the expression is nested too deep");
    parser->depth++;
    status = parse_condition(parser, node);
    parser->depth--;
    return status;
}

enum status
cel_parse(struct caveat *caveat, struct arena *arena, uint32_t *used, struct error *error)
{
    struct cel_parser parser = {.caveat = caveat,
                                .arena = arena,
                                .error = error,
                                .lexer = {.caveat = caveat, .error = error}};
    uint32_t root;
    enum status status = cel_lex(&parser.lexer, &parser.token);

    if (status == BEHALF_OK)
        status = parse_expression(&parser, &root);
    if (status == BEHALF_OK && parser.token.kind != CEL_TOKEN_END)
        status = cel_parser_unexpected(&parser, "an operator or the end of the expression");
    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(root + 1 == parser.node_count && parser.pending_count == 0);
    caveat->nodes = parser.nodes;
    caveat->node_count = parser.node_count;
    caveat->operands = parser.operands;
    *used = parser.used;
    return BEHALF_OK;
}
