/* keys_file.c - the parser of a keys file.
 * No message shows a digest, nor what stands in its place: it may be the key itself. */
#include "net/keys_file.h"

#include "base/lines.h"
#include "base/memory.h"
#include "base/suggest.h"

#define RATE_MAX UINT64_C(1000000000)

struct role_name {
    const char *name;
    enum role role;
};

static const struct role_name role_names[] = {
    {"check", ROLE_CHECK}, {"delegated", ROLE_DELEGATED}, {"properties", ROLE_PROPERTIES},
    {"agent", ROLE_AGENT}, {"grants", ROLE_GRANTS},       {"read", ROLE_READ},
    {"write", ROLE_WRITE}, {"schema", ROLE_SCHEMA},       {"audit", ROLE_AUDIT},
    {"admin", ROLE_ADMIN},
};

const char *
role_name(enum role role)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(role_names); at++)
        if (role_names[at].role == role)
            return role_names[at].name;
    return NULL;
}

enum role
role_parse(struct slice name)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(role_names); at++)
        if (slice_equal(name, slice_of(role_names[at].name)))
            return role_names[at].role;
    return 0;
}

void
key_set_unref(struct key_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->references, 1) > 1)
        return;
    arena_release(&set->arena);
    memory_free(set->entries);
    memory_free(set);
}

/* --- one line --- */

struct line_parser {
    struct slice rest;
    struct arena *arena;
    struct key_entry *entry;
    struct error *error;
};

/* The next word of the line; false at its end. */
static bool
next_word(struct line_parser *parser, struct slice *word)
{
    size_t size = 0;

    parser->rest = line_trim(parser->rest);
    while (size < parser->rest.size && !line_blank(parser->rest.data[size]))
        size++;
    *word = (struct slice){parser->rest.data, size};
    parser->rest.data += size;
    parser->rest.size -= size;
    return size > 0;
}

/* The next item of a list that is separated by commas; false at its end. An item may be empty. */
static bool
next_item(struct slice *list, struct slice *item)
{
    const char *comma;

    if (list->data == NULL)
        return false;
    comma = memchr(list->data, ',', list->size);
    *item = *list;
    if (comma == NULL) {
        *list = (struct slice){NULL, 0};
        return true;
    }
    item->size = (size_t)(comma - list->data);
    list->data += item->size + 1;
    list->size -= item->size + 1;
    return true;
}

static enum status
refuse(struct line_parser *parser, const char *what, const char *hint)
{
    (void)error_set(parser->error, BEHALF_MALFORMED_REQUEST, "%s", what);
    error_hint(parser->error, "%s", hint);
    return BEHALF_MALFORMED_REQUEST;
}

bool
key_name_is_valid(struct slice name)
{
    if (name.size == 0 || name.size > KEY_NAME_SIZE_MAX)
        return false;
    for (size_t at = 0; at < name.size; at++) {
        char byte = name.data[at];

        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
              (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-'))
            return false;
    }
    return true;
}

static enum status
take_name(struct line_parser *parser)
{
    struct slice word;

    if (!next_word(parser, &word) || !key_name_is_valid(word))
        return refuse(parser, "the name of a key must have 1 to 64 letters, digits, '.', '_', '-'",
                      "a line is: name sha256-of-key role[,role...] [actor=TYPE:ID]");
    memcpy(parser->entry->key.name, word.data, word.size);
    parser->entry->key.name_size = (uint8_t)word.size;
    return BEHALF_OK;
}

static int
digit_of(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return -1;
}

static enum status
take_digest(struct line_parser *parser)
{
    struct slice word = {NULL, 0};
    bool good = next_word(parser, &word) && word.size == (size_t)2 * DIGEST_SIZE;

    for (size_t at = 0; good && at < DIGEST_SIZE; at++) {
        int high = digit_of(word.data[2 * at]);
        int low = digit_of(word.data[2 * at + 1]);

        good = high >= 0 && low >= 0;
        parser->entry->digest[at] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (good)
        return BEHALF_OK;
    return refuse(parser, "the second word must be the SHA-256 of the key in 64 lower-case digits",
                  "'behalf key new NAME --role ROLE' makes a key and its line");
}

static enum status
refuse_role(struct line_parser *parser, struct slice name)
{
    struct slice near = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (size_t at = 0; at < BEHALF_COUNT_OF(role_names); at++)
        suggest(name, slice_of(role_names[at].name), &near, &distance);
    (void)error_set(parser->error, BEHALF_MALFORMED_REQUEST, "there is no role '%.*s'",
                    name.size < 64 ? (int)name.size : 64, name.size > 0 ? name.data : "");
    if (near.size > 0)
        error_hint(parser->error, "did you mean '%.*s'?", SLICE_PRINTF(near));
    else
        error_hint(parser->error, "roles: check delegated properties agent grants read write "
                                  "schema audit admin");
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
take_roles(struct line_parser *parser)
{
    struct slice list;
    struct slice name;

    if (!next_word(parser, &list))
        return refuse(parser, "the roles of the key are missing",
                      "the third word is a list like check,properties");
    while (next_item(&list, &name)) {
        enum role role = role_parse(name);

        if (role == 0)
            return refuse_role(parser, name);
        if ((parser->entry->key.roles & role) != 0)
            return refuse(parser, "a role stands twice", "name each role once");
        parser->entry->key.roles |= role;
    }
    return BEHALF_OK;
}

/* --- options of a line --- */

static enum status
take_actor(struct line_parser *parser, struct slice value)
{
    struct key *key = &parser->entry->key;

    if (object_parse(value, parser->arena, &key->actor, NULL) != BEHALF_OK || key->actor.wildcard ||
        key->actor.relation.size > 0)
        return refuse(parser, "'actor' must be one object",
                      "write actor=TYPE:ID, without a relation or a wildcard");
    key->is_bound = true;
    return BEHALF_OK;
}

static size_t
count_items(struct slice list)
{
    size_t count = 1;

    for (size_t at = 0; at < list.size; at++)
        count += list.data[at] == ',';
    return count;
}

static enum status
take_writes(struct line_parser *parser, struct slice value)
{
    struct key *key = &parser->entry->key;
    struct key_scope *scopes =
        arena_take_array(parser->arena, count_items(value), sizeof *key->scopes);
    struct slice item;

    if (scopes == NULL)
        return refuse(parser, "the keys take more memory than they may", "shorten the file");
    while (next_item(&value, &item)) {
        struct key_scope *scope = &scopes[key->scope_count++];
        const char *mark = item.size > 0 ? memchr(item.data, '#', item.size) : NULL;

        *scope = (struct key_scope){item, {NULL, 0}};
        if (mark != NULL) {
            scope->type.size = (size_t)(mark - item.data);
            scope->relation = (struct slice){mark + 1, item.size - scope->type.size - 1};
        }
        if (!type_name_is_valid(scope->type) ||
            (mark != NULL && !relation_name_is_valid(scope->relation)))
            return refuse(parser, "'writes' must be a list of types and relations",
                          "write writes=TYPE or writes=TYPE#RELATION,TYPE#RELATION");
    }
    key->scopes = scopes;
    return BEHALF_OK;
}

static enum status
take_rate(struct line_parser *parser, struct slice value, uint64_t *rate)
{
    const struct slice end = SLICE_LITERAL("/s");
    size_t digits = value.size > end.size ? value.size - end.size : 0;
    bool good = digits > 0 && digits <= 10 &&
                memcmp(value.data + digits, end.data, end.size) == 0 && value.data[0] != '0';
    uint64_t number = 0;

    for (size_t at = 0; good && at < digits; at++) {
        good = value.data[at] >= '0' && value.data[at] <= '9';
        number = number * 10 + (uint64_t)(value.data[at] - '0');
    }
    if (!good || number > RATE_MAX)
        return refuse(parser, "a rate must be a number from 1 to 1000000000 and '/s'",
                      "write requests=500/s or cost=100000/s");
    *rate = number;
    return BEHALF_OK;
}

static enum status
take_option(struct line_parser *parser, struct slice word)
{
    struct key *key = &parser->entry->key;
    const char *sign = memchr(word.data, '=', word.size);
    size_t size = sign != NULL ? (size_t)(sign - word.data) : word.size;
    const struct slice name = {word.data, size};
    const struct slice value = {sign != NULL ? sign + 1 : word.data,
                                sign != NULL ? word.size - size - 1 : 0};
    const struct slice names[] = {SLICE_LITERAL("actor"), SLICE_LITERAL("writes"),
                                  SLICE_LITERAL("requests"), SLICE_LITERAL("cost")};
    const bool taken[] = {key->is_bound, key->scope_count > 0, key->requests_per_s > 0,
                          key->cost_per_s > 0};

    for (size_t at = 0; sign != NULL && at < BEHALF_COUNT_OF(names); at++)
        if (slice_equal(name, names[at]) && taken[at])
            return refuse(parser, "an option of the key stands twice", "write each option once");
    if (sign != NULL && slice_equal(name, names[0]))
        return take_actor(parser, value);
    if (sign != NULL && slice_equal(name, names[1]))
        return take_writes(parser, value);
    if (sign != NULL && slice_equal(name, names[2]))
        return take_rate(parser, value, &key->requests_per_s);
    if (sign != NULL && slice_equal(name, names[3]))
        return take_rate(parser, value, &key->cost_per_s);
    return refuse(parser, "what follows the roles is no option of a key",
                  "options: actor=TYPE:ID writes=TYPE[#RELATION],... requests=N/s cost=N/s; roles "
                  "are joined by commas without blanks");
}

/* --- what does not go together --- */

static enum status
check_roles(struct line_parser *parser)
{
    const struct key *key = &parser->entry->key;
    const unsigned bound = ROLE_CHECK | ROLE_DELEGATED | ROLE_PROPERTIES | ROLE_AGENT;

    if ((key->roles & ROLE_AGENT) != 0 && !key->is_bound)
        return refuse(parser, "the role 'agent' needs the option actor=TYPE:ID",
                      "name the agent whose key this is");
    if ((key->roles & ROLE_CHECK) != 0 && (key->roles & ROLE_DELEGATED) != 0)
        return refuse(parser, "the roles 'check' and 'delegated' exclude each other",
                      "'check' would allow decisions without an actor: keep one of the two");
    if (key->is_bound && (key->roles & ~bound) != 0)
        return refuse(parser,
                      "a key with actor= may have the roles check, delegated, properties "
                      "and agent only",
                      "give the other roles to a key of their own: a bound consent service would "
                      "consent for itself");
    if ((key->roles & ROLE_PROPERTIES) != 0 && (key->roles & (ROLE_CHECK | ROLE_DELEGATED)) == 0)
        return refuse(parser, "the role 'properties' does nothing by itself",
                      "put it beside check or delegated");
    if (key->scope_count > 0 && ((key->roles & ROLE_WRITE) == 0 || (key->roles & ROLE_ADMIN) != 0))
        return refuse(parser, "the option writes= limits nothing of this key",
                      "it needs the role 'write', and no 'admin', which may write everything");
    return BEHALF_OK;
}

/* The entries before it have other names and digests. */
static enum status
check_unique(struct line_parser *parser, const struct key_set *set)
{
    for (size_t at = 0; at < set->count; at++) {
        const struct key_entry *other = &set->entries[at];

        if (strcmp(other->key.name, parser->entry->key.name) == 0)
            return refuse(parser, "the name of the key stands on an earlier line",
                          "give every key a name of its own");
        if (digest_equal(other->digest, parser->entry->digest, DIGEST_SIZE))
            return refuse(parser, "the digest of the key stands on an earlier line",
                          "make another key: 'behalf key new NAME --role ROLE'");
    }
    return BEHALF_OK;
}

static enum status
parse_line(struct line_parser *parser, const struct key_set *set)
{
    struct slice word;
    enum status status = take_name(parser);

    if (status == BEHALF_OK)
        status = take_digest(parser);
    if (status == BEHALF_OK)
        status = take_roles(parser);
    while (status == BEHALF_OK && next_word(parser, &word))
        status = take_option(parser, word);
    if (status == BEHALF_OK)
        status = check_roles(parser);
    if (status == BEHALF_OK)
        status = check_unique(parser, set);
    return status;
}

/* --- the file --- */

static enum status
add_entry(struct key_set *set, struct slice line, size_t *capacity, struct error *error)
{
    struct line_parser parser = {.rest = line, .arena = &set->arena, .error = error};
    enum status status;

    if (set->count == KEYS_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "there are more than %d keys", KEYS_MAX);
    set->entries = memory_reserve(set->entries, set->count + 1, capacity, sizeof *set->entries);
    parser.entry = &set->entries[set->count];
    memset(parser.entry, 0, sizeof *parser.entry);
    status = parse_line(&parser, set);
    set->count += status == BEHALF_OK;
    return status;
}

static enum status
parse_lines(struct key_set *set, struct slice text, struct error *error)
{
    uint32_t number = 0;
    size_t capacity = 0;
    struct slice line;

    while (line_next(&text, &line)) {
        const struct slice trimmed = line_trim(line);
        enum status status;

        number++;
        if (trimmed.size == 0 || trimmed.data[0] == '#')
            continue;
        status = add_entry(set, trimmed, &capacity, error);
        if (status != BEHALF_OK) {
            error_at(error, number, 0, (struct slice){NULL, 0});
            return status;
        }
    }
    if (set->count > 0)
        return BEHALF_OK;
    (void)error_set(error, BEHALF_MALFORMED_REQUEST, "the file has no key");
    error_hint(error, "add a line that 'behalf key new NAME --role ROLE' printed");
    return BEHALF_MALFORMED_REQUEST;
}

/* A copy in the set's arena: its keys point into it. */
static enum status
keep_text(struct key_set *set, struct slice *text, struct error *error)
{
    char *copy = arena_take_array(&set->arena, text->size + 1, 1);

    if (copy == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the file is larger than %zu bytes",
                         KEYS_FILE_SIZE_MAX);
    if (text->size > 0)
        memcpy(copy, text->data, text->size);
    text->data = copy;
    return BEHALF_OK;
}

enum status
keys_file_parse(struct slice text, struct key_set **result, struct error *error)
{
    struct key_set *set;
    enum status status;

    if (text.size > 0 && text.data[text.size - 1] != '\n') {
        (void)error_set(error, BEHALF_MALFORMED_REQUEST,
                        "the last line has no end: the file may not be whole");
        error_hint(error, "end every line with a newline, and replace the file at one moment (mv)");
        return BEHALF_MALFORMED_REQUEST;
    }
    set = memory_new(sizeof *set);
    atomic_init(&set->references, 1);
    arena_init(&set->arena, 4 * KEYS_FILE_SIZE_MAX);
    status = text.size > KEYS_FILE_SIZE_MAX
                 ? error_set(error, BEHALF_MALFORMED_REQUEST, "the file is larger than %zu bytes",
                             KEYS_FILE_SIZE_MAX)
                 : keep_text(set, &text, error);
    if (status == BEHALF_OK)
        status = parse_lines(set, text, error);
    if (status != BEHALF_OK) {
        key_set_unref(set);
        return status;
    }
    for (size_t at = 0; at < set->count; at++)
        set->entries[at].set = set;
    *result = set;
    return BEHALF_OK;
}
