/* validation_yaml.c - the form of a validation file, read with libyaml. What the texts in it mean
 * is read elsewhere. Nothing is skipped silently: a key twice, an assertion that is no text, a
 * second document are errors; an unknown key of the file is kept for a warning. */
#include <yaml.h>

#include "base/datum.h"
#include "base/digest.h"
#include "base/lines.h"
#include "base/suggest.h"
#include "base/table.h"
#include "validate/validation.h"
#include "schema/text_kind.h"

/* A validation file needs three levels, no anchors and no directives; libyaml takes time in the
 * square of each. */
#define NESTING_MAX 64
#define ANCHORS_MAX 1000
#define DIRECTIVES_MAX 16
#define REPEATED_MAX 1000 /* texts that aliases repeat, beside as many as there are nodes */

struct reader {
    yaml_document_t *document;
    struct arena *arena;
    struct validation_file *file;
    uint32_t assertion_capacity;
    uint32_t unknown_capacity;
    size_t
        texts_left; /* aliases may name a list again and again, which takes no room in the file */
    struct error *error;
};

static enum status
fail_at(struct reader *reader, yaml_mark_t mark, const char *message)
{
    error_set(reader->error, BEHALF_MALFORMED_REQUEST, "%s", message);
    error_at(reader->error, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1,
             (struct slice){"", 0});
    return BEHALF_MALFORMED_REQUEST;
}

static struct slice
nearest(struct slice word, const char *const *words, size_t count)
{
    struct slice found = {"", 0};
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < count; index++)
        suggest(word, slice_of(words[index]), &found, &distance);
    return found;
}

struct slice
validation_key_nearest(struct slice key)
{
    static const char *const keys[] = {"schema", "schemaFile", "relationships", "attributes",
                                       "grants", "assertions", "validation"};

    return nearest(key, keys, BEHALF_COUNT_OF(keys));
}

static void
hint_meant(struct reader *reader, struct slice meant)
{
    if (meant.size > 0)
        error_hint(reader->error, "did you mean '%.*s'?", SLICE_PRINTF(meant));
}

static enum status
spent(struct reader *reader)
{
    return error_set(reader->error, BEHALF_MALFORMED_REQUEST, "the file is too large");
}

static struct slice
text_of(const yaml_node_t *node)
{
    return (struct slice){(const char *)node->data.scalar.value, node->data.scalar.length};
}

/* A plain scalar that YAML reads as null, so an empty value. */
static bool
is_null(const yaml_node_t *node)
{
    struct slice text;

    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    text = text_of(node);
    return text.size == 0 || slice_equal(text, SLICE_LITERAL("~")) ||
           slice_equal(text, SLICE_LITERAL("null"));
}

static enum status
read_scalar(struct reader *reader, const yaml_node_t *node, const char *what,
            struct validation_scalar *scalar)
{
    struct slice text;

    if (node->type != YAML_SCALAR_NODE || (is_null(node) && node->data.scalar.length > 0))
        return fail_at(reader, node->start_mark, what);
    if (reader->texts_left-- == 0)
        return fail_at(reader, node->start_mark, "aliases repeat more than the file holds");
    text = arena_copy(reader->arena, text_of(node));
    if (text.data == NULL)
        return spent(reader);
    *scalar = (struct validation_scalar){
        .text = text,
        .line = (uint32_t)node->start_mark.line + 1,
        .column = (uint32_t)node->start_mark.column + 1,
        .literal = node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE,
        .present = true,
    };
    return BEHALF_OK;
}

/* An optional text: null is as good as an absent key. */
static enum status
read_text(struct reader *reader, const yaml_node_t *node, const char *what,
          struct validation_scalar *scalar)
{
    return is_null(node) ? BEHALF_OK : read_scalar(reader, node, what, scalar);
}

/* --- mappings and lists ----------------------------------------------------------------------- */

typedef enum status (*pair_function)(struct reader *reader, const yaml_node_t *key,
                                     const yaml_node_t *value);

static bool
stands_before(struct reader *reader, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);

    for (const yaml_node_pair_t *other = mapping->data.mapping.pairs.start; other < pair; other++) {
        const yaml_node_t *before = yaml_document_get_node(reader->document, other->key);

        if (slice_equal(text_of(before), text_of(key)))
            return true;
    }
    return false;
}

/* A key once only: the second one would silently win. Looking back is for hashes met before. */
static enum status
check_key(struct reader *reader, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
          struct table *seen)
{
    const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
    uint64_t hash;

    if (key->type != YAML_SCALAR_NODE)
        return fail_at(reader, key->start_mark, "a key must be text");
    hash = digest_hash(text_of(key));
    if (table_find(seen, hash) == TABLE_NONE)
        return table_add(seen, hash, 0) ? BEHALF_OK : spent(reader);
    if (stands_before(reader, mapping, pair))
        return fail_at(reader, key->start_mark, "the key stands here a second time");
    return BEHALF_OK;
}

static enum status
each_pair(struct reader *reader, const yaml_node_t *mapping, const char *what,
          pair_function function)
{
    struct table seen;

    if (is_null(mapping))
        return BEHALF_OK;
    if (mapping->type != YAML_MAPPING_NODE)
        return fail_at(reader, mapping->start_mark, what);
    if (!table_init(&seen, reader->arena, 16))
        return spent(reader);
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        enum status status = check_key(reader, mapping, pair, &seen);

        if (status == BEHALF_OK)
            status = function(reader, key, value);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

/* --- values ----------------------------------------------------------------------------------- */

static enum status read_value(struct reader *reader, const yaml_node_t *node, unsigned depth,
                              const struct datum **value);

static bool
is_word(struct slice text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (slice_equal(text, slice_of(*words)))
            return true;
    return false;
}

/* A plain scalar is what YAML's core schema says: null, true, false, a number, or else text, which
 * anything in quotes is. */
static enum status
read_scalar_value(struct reader *reader, const yaml_node_t *node, struct datum *value)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    struct slice text = arena_copy(reader->arena, text_of(node));
    const struct datum *number;
    struct error ignored;

    if (text.data == NULL)
        return spent(reader);
    *value = (struct datum){.kind = DATUM_STRING, .as.string = text};
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return BEHALF_OK;
    if (is_null(node))
        *value = (struct datum){.kind = DATUM_NULL};
    else if (is_word(text, yes) || is_word(text, no))
        *value = (struct datum){.kind = DATUM_BOOL, .as.boolean = is_word(text, yes)};
    else if (strchr("-0123456789", text.data[0]) != NULL &&
             datum_parse_json(text, reader->arena, &number, &ignored) == BEHALF_OK)
        *value = *number;
    return BEHALF_OK;
}

static enum status
read_list_value(struct reader *reader, const yaml_node_t *node, unsigned depth, struct datum *value)
{
    const yaml_node_item_t *first = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - first);
    const struct datum **items = arena_take_array(reader->arena, count + 1, sizeof *items);
    enum status status = BEHALF_OK;

    if (items == NULL)
        return spent(reader);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++)
        status = read_value(reader, yaml_document_get_node(reader->document, first[index]),
                            depth + 1, &items[index]);
    *value = (struct datum){.kind = DATUM_LIST, .as.list = {items, count}};
    return status;
}

static enum status
read_map_value(struct reader *reader, const yaml_node_t *node, unsigned depth, struct datum *value)
{
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - first);
    struct datum_field *fields = arena_take_array(reader->arena, count + 1, sizeof *fields);
    struct slice twice;

    if (fields == NULL)
        return spent(reader);
    for (size_t index = 0; index < count; index++) {
        const yaml_node_t *key = yaml_document_get_node(reader->document, first[index].key);
        const yaml_node_t *item = yaml_document_get_node(reader->document, first[index].value);
        enum status status;

        if (key->type != YAML_SCALAR_NODE)
            return fail_at(reader, key->start_mark, "a key must be text");
        fields[index].key = arena_copy(reader->arena, text_of(key));
        if (fields[index].key.data == NULL)
            return spent(reader);
        status = read_value(reader, item, depth + 1, &fields[index].value);
        if (status != BEHALF_OK)
            return status;
    }
    if (!datum_sort_fields(fields, count, &twice))
        return fail_at(reader, node->start_mark, "a key stands here a second time");
    *value = (struct datum){.kind = DATUM_MAP, .as.map = {fields, count}};
    return BEHALF_OK;
}

/* An anchor may stand inside of what it names, so the depth is bounded first. */
static enum status
read_value(struct reader *reader, const yaml_node_t *node, unsigned depth,
           const struct datum **value)
{
    struct datum *made = arena_take(reader->arena, sizeof *made);

    if (made == NULL)
        return spent(reader);
    if (depth > DATUM_DEPTH_MAX)
        return fail_at(reader, node->start_mark, "nested too deep");
    if (reader->texts_left-- == 0)
        return fail_at(reader, node->start_mark, "aliases repeat more than the file holds");
    *value = made;
    if (node->type == YAML_SEQUENCE_NODE)
        return read_list_value(reader, node, depth, made);
    if (node->type == YAML_MAPPING_NODE)
        return read_map_value(reader, node, depth, made);
    return read_scalar_value(reader, node, made);
}

/* --- attributes ------------------------------------------------------------------------------- */

static enum status
read_object_attributes(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct validation_attributes *one = &reader->file->attributes[reader->file->attributes_count];
    enum status status = read_scalar(reader, key, "a key must be text", &one->object);

    if (status != BEHALF_OK)
        return status;
    if (value->type != YAML_MAPPING_NODE)
        return fail_at(reader, value->start_mark, "attributes of an object must be a mapping");
    reader->file->attributes_count++;
    return read_value(reader, value, 1, &one->attributes);
}

static enum status
read_attributes(struct reader *reader, const yaml_node_t *value)
{
    if (value->type == YAML_MAPPING_NODE) {
        size_t count = (size_t)(value->data.mapping.pairs.top - value->data.mapping.pairs.start);

        reader->file->attributes =
            arena_take_array(reader->arena, count + 1, sizeof *reader->file->attributes);
        if (reader->file->attributes == NULL)
            return spent(reader);
    }
    return each_pair(reader, value, "attributes must map objects to what they have",
                     read_object_attributes);
}

/* --- grants ----------------------------------------------------------------------------------- */

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

static enum status
read_grant(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct validation_grant *grant = &reader->file->grants[reader->file->grant_count];
    enum status status = read_scalar(reader, key, "a key must be text", &grant->name);

    if (status != BEHALF_OK)
        return status;
    if (grant->name.text.size == 0 ||
        strspn(grant->name.text.data, NAME_LETTERS) != grant->name.text.size)
        return fail_at(reader, key->start_mark,
                       "the name of a grant is made of letters, digits, '_', '-' and '.'");
    if (value->type != YAML_MAPPING_NODE)
        return fail_at(reader, value->start_mark, "a grant must map its arguments to values");
    reader->file->grant_count++;
    return read_value(reader, value, 1, &grant->arguments);
}

static enum status
read_grants(struct reader *reader, const yaml_node_t *value)
{
    if (value->type == YAML_MAPPING_NODE) {
        size_t count = (size_t)(value->data.mapping.pairs.top - value->data.mapping.pairs.start);

        reader->file->grants =
            arena_take_array(reader->arena, count + 1, sizeof *reader->file->grants);
        if (reader->file->grants == NULL)
            return spent(reader);
    }
    return each_pair(reader, value, "grants must map names to what they hold", read_grant);
}

/* --- assertions ------------------------------------------------------------------------------- */

static enum status
add_assertions(struct reader *reader, const yaml_node_t *list, enum decision expected)
{
    struct validation_file *file = reader->file;
    const yaml_node_item_t *first;
    size_t count;

    if (is_null(list))
        return BEHALF_OK;
    if (list->type != YAML_SEQUENCE_NODE)
        return fail_at(reader, list->start_mark, "assertions must be a list");
    first = list->data.sequence.items.start;
    count = (size_t)(list->data.sequence.items.top - first);
    for (size_t index = 0; index < count; index++) {
        const yaml_node_t *node = yaml_document_get_node(reader->document, first[index]);
        struct validation_assertion *grown;
        struct validation_assertion assertion = {.expected = expected};
        enum status status =
            read_scalar(reader, node, "an assertion must be text", &assertion.source);

        if (status != BEHALF_OK)
            return status;
        grown = arena_grow(reader->arena, file->assertions, file->assertion_count,
                           &reader->assertion_capacity, sizeof *grown);
        if (grown == NULL)
            return spent(reader);
        file->assertions = grown;
        file->assertions[file->assertion_count++] = assertion;
    }
    return BEHALF_OK;
}

static enum status
read_assertions(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    static const char *const names[] = {"assertTrue", "assertFalse", "assertCaveated"};
    static const enum decision expected[] = {DECISION_ALLOW, DECISION_DENY, DECISION_CONDITIONAL};
    struct slice name = text_of(key);

    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++)
        if (slice_equal(name, slice_of(names[index])))
            return add_assertions(reader, value, expected[index]);
    (void)fail_at(reader, key->start_mark,
                  "assertions are assertTrue, assertFalse or assertCaveated");
    hint_meant(reader, nearest(name, names, BEHALF_COUNT_OF(names)));
    return BEHALF_MALFORMED_REQUEST;
}

/* --- expected relations ----------------------------------------------------------------------- */

static void
note_last_line(struct reader *reader, const yaml_node_t *node)
{
    uint32_t line = (uint32_t)node->end_mark.line + 1;

    /* A block scalar ends at the beginning of the line behind it. */
    if (node->end_mark.column == 0 && node->end_mark.line > node->start_mark.line)
        line--;
    if (line > reader->file->block_last)
        reader->file->block_last = line;
}

static enum status
read_relation(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct validation_relation *relation = &reader->file->relations[reader->file->relation_count];
    enum status status = read_scalar(reader, key, "a key must be object#relation", &relation->key);
    size_t count;

    note_last_line(reader, key);
    if (status != BEHALF_OK)
        return status;
    reader->file->relation_count++;
    if (is_null(value))
        return BEHALF_OK;
    if (value->type != YAML_SEQUENCE_NODE)
        return fail_at(reader, value->start_mark, "expected subjects must be a list");
    if (value->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE)
        note_last_line(reader, value);
    count = (size_t)(value->data.sequence.items.top - value->data.sequence.items.start);
    relation->subjects = arena_take_array(reader->arena, count + 1, sizeof *relation->subjects);
    if (relation->subjects == NULL)
        return spent(reader);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++) {
        const yaml_node_t *node =
            yaml_document_get_node(reader->document, value->data.sequence.items.start[index]);

        status = read_scalar(reader, node, "an expected subject must be text",
                             &relation->subjects[relation->subject_count]);
        relation->subject_count += status == BEHALF_OK;
        note_last_line(reader, node);
    }
    return status;
}

static enum status
read_validation(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct validation_file *file = reader->file;

    file->block_first = (uint32_t)key->start_mark.line + 1;
    file->block_last = file->block_first;
    if (is_null(value))
        return BEHALF_OK;
    if (value->type == YAML_MAPPING_NODE) {
        size_t count = (size_t)(value->data.mapping.pairs.top - value->data.mapping.pairs.start);

        file->relations = arena_take_array(reader->arena, count + 1, sizeof *file->relations);
        if (file->relations == NULL)
            return spent(reader);
        if (value->data.mapping.style == YAML_FLOW_MAPPING_STYLE)
            note_last_line(reader, value);
    }
    return each_pair(reader, value, "validation must map object#relation to expected subjects",
                     read_relation);
}

/* --- the file --------------------------------------------------------------------------------- */

static enum status
keep_unknown(struct reader *reader, const yaml_node_t *key)
{
    struct validation_file *file = reader->file;

    file->unknown = arena_grow(reader->arena, file->unknown, file->unknown_count,
                               &reader->unknown_capacity, sizeof *file->unknown);
    if (file->unknown == NULL)
        return spent(reader);
    return read_scalar(reader, key, "a key must be text", &file->unknown[file->unknown_count++]);
}

static enum status
read_key(struct reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct validation_file *file = reader->file;
    struct slice name = text_of(key);

    if (slice_equal(name, SLICE_LITERAL("schema")))
        return read_text(reader, value, "schema must be text", &file->schema);
    if (slice_equal(name, SLICE_LITERAL("schemaFile")))
        return read_text(reader, value, "schemaFile must be a path", &file->schema_file);
    if (slice_equal(name, SLICE_LITERAL("relationships")))
        return read_text(reader, value, "relationships must be one text, a relationship a line",
                         &file->relationships);
    if (slice_equal(name, SLICE_LITERAL("attributes")))
        return read_attributes(reader, value);
    if (slice_equal(name, SLICE_LITERAL("grants")))
        return read_grants(reader, value);
    if (slice_equal(name, SLICE_LITERAL("assertions")))
        return each_pair(reader, value, "assertions must be a mapping", read_assertions);
    if (slice_equal(name, SLICE_LITERAL("validation")))
        return read_validation(reader, key, value);
    if (slice_equal(name, SLICE_LITERAL("namespace_configs")) ||
        slice_equal(name, SLICE_LITERAL("validation_tuples"))) {
        (void)fail_at(reader, key->start_mark, "this key belongs to a format that is gone");
        error_hint(reader->error, "write schema and relationships instead");
        return BEHALF_MALFORMED_REQUEST;
    }
    return keep_unknown(reader, key);
}

static enum status
check_schema(struct reader *reader)
{
    const struct validation_file *file = reader->file;

    if (file->schema.present && file->schema_file.present) {
        error_set(reader->error, BEHALF_MALFORMED_REQUEST,
                  "schema and schemaFile exclude each other");
        error_at(reader->error, file->schema_file.line, file->schema_file.column,
                 (struct slice){"", 0});
        return BEHALF_MALFORMED_REQUEST;
    }
    if (file->schema.present || file->schema_file.present)
        return BEHALF_OK;
    error_set(reader->error, BEHALF_MALFORMED_REQUEST,
              "the file has neither schema nor schemaFile");
    for (uint32_t index = 0; index < file->unknown_count; index++)
        hint_meant(reader, validation_key_nearest(file->unknown[index].text));
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
parser_failed(yaml_parser_t *parser, struct error *error)
{
    yaml_mark_t mark = parser->problem_mark;

    error_set(error, BEHALF_MALFORMED_REQUEST, "not YAML: %s",
              parser->problem != NULL ? parser->problem : "no memory");
    if (parser->error != YAML_READER_ERROR)
        error_at(error, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, (struct slice){"", 0});
    return BEHALF_MALFORMED_REQUEST;
}

/* There is one document; what stands behind `---` would otherwise never be looked at. */
static enum status
expect_end(yaml_parser_t *parser, struct error *error)
{
    yaml_document_t document;
    yaml_node_t *root;
    uint32_t line;

    if (yaml_parser_load(parser, &document) == 0)
        return parser_failed(parser, error);
    root = yaml_document_get_root_node(&document);
    line = root != NULL ? (uint32_t)root->start_mark.line + 1 : 0;
    yaml_document_delete(&document);
    if (root == NULL)
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "a second YAML document begins");
    error_at(error, line, 1, (struct slice){"", 0});
    return BEHALF_MALFORMED_REQUEST;
}

static bool
has_anchor(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT &&
            event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

/* Lines that begin with %, which nothing else but a directive does outside of a scalar. */
static bool
has_many_directives(struct slice text)
{
    struct slice line;
    unsigned count = 0;

    while (line_next(&text, &line) && count <= DIRECTIVES_MAX)
        count += line.size > 0 && line.data[0] == '%';
    return count > DIRECTIVES_MAX;
}

static enum status
walk_events(yaml_parser_t *parser, struct error *error)
{
    int depth = 0;
    int anchors = 0;
    bool more = true;
    yaml_mark_t mark = {.line = 0};

    while (more && depth <= NESTING_MAX && anchors <= ANCHORS_MAX) {
        yaml_event_t event;

        if (yaml_parser_parse(parser, &event) == 0)
            return BEHALF_OK; /* what is wrong is said when the tree is made */
        more = event.type != YAML_STREAM_END_EVENT;
        anchors += has_anchor(&event);
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            depth--;
        mark = event.start_mark;
        yaml_event_delete(&event);
    }
    if (depth <= NESTING_MAX && anchors <= ANCHORS_MAX)
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "%s",
              depth > NESTING_MAX ? "nested more than 64 deep" : "more than 1,000 anchors");
    error_at(error, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, (struct slice){"", 0});
    return BEHALF_MALFORMED_REQUEST;
}

/* Before a tree is made of the text. */
static enum status
check_bounds(struct slice text, struct error *error)
{
    yaml_parser_t parser;
    enum status status;

    if (has_many_directives(text))
        return error_set(error, BEHALF_MALFORMED_REQUEST, "more than 16 lines begin with '%%'");
    if (yaml_parser_initialize(&parser) == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "no memory for reading YAML");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    status = walk_events(&parser, error);
    yaml_parser_delete(&parser);
    return status;
}

static enum status
read_document(yaml_parser_t *parser, struct reader *reader)
{
    const yaml_node_t *root;
    enum status status;

    if (yaml_parser_load(parser, reader->document) == 0)
        return parser_failed(parser, reader->error);
    root = yaml_document_get_root_node(reader->document);
    reader->texts_left =
        2 * (size_t)(reader->document->nodes.top - reader->document->nodes.start) + REPEATED_MAX;
    if (root == NULL)
        status = error_set(reader->error, BEHALF_MALFORMED_REQUEST, "the file is empty");
    else
        status = each_pair(reader, root, "a validation file is a mapping", read_key);
    if (status == BEHALF_OK)
        status = check_schema(reader);
    if (status == BEHALF_OK)
        status = expect_end(parser, reader->error);
    yaml_document_delete(reader->document);
    return status;
}

static enum status
read_yaml(struct slice text, struct reader *reader)
{
    yaml_parser_t parser;
    enum status status = check_bounds(text, reader->error);

    if (status != BEHALF_OK)
        return status;
    if (yaml_parser_initialize(&parser) == 0)
        return error_set(reader->error, BEHALF_MALFORMED_REQUEST, "no memory for reading YAML");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    status = read_document(&parser, reader);
    yaml_parser_delete(&parser);
    return status;
}

enum status
validation_yaml_read(struct slice text, struct arena *arena, struct validation_file *file,
                     struct error *error)
{
    struct validation_file found = {.block_first = 0};
    yaml_document_t document;
    struct reader reader = {.document = &document, .arena = arena, .file = &found, .error = error};
    enum text_kind kind;
    enum status status;

    /* libyaml passes over a byte order mark only where it may guess the encoding. */
    if (slice_starts_with(text, SLICE_LITERAL("\xEF\xBB\xBF")))
        text = (struct slice){text.data + 3, text.size - 3};
    status = read_yaml(text, &reader);
    if (status == BEHALF_OK) {
        *file = found;
        return BEHALF_OK;
    }
    kind = text_kind_of(text);
    if (kind != TEXT_VALIDATION_FILE && kind != TEXT_UNKNOWN)
        error_hint(error, "%s", text_kind_hint(kind));
    return status;
}
