/* test_schema_support.c - see the header. */
#include "tests/unit/test_schema_support.h"

static const char doc_prefix[] = "definition user {}\n"
                                 "definition group { relation member: user | group#member }\n"
                                 "definition folder {\n"
                                 "    relation parent: folder\n"
                                 "    relation viewer: user | group#member\n"
                                 "    permission view = viewer + parent->view\n"
                                 "}\n"
                                 "definition doc {\n";

#define DOC_LINES 8

struct schema *
schema_given(const char *text)
{
    struct schema *schema = NULL;
    struct error error;
    const char *reason = "";
    enum status status = schema_compile(slice_of(text), &schema, &error);

    cr_assert_eq(status, BEHALF_OK, "%s %u:%u %s", status_name(status), error.line, error.column,
                 error.message);
    cr_assert(schema_validate(schema, &reason), "%s", reason);
    return schema;
}

static void
doc_text(const char *body, struct buffer *text)
{
    buffer_init(text);
    buffer_add_text(text, doc_prefix);
    buffer_add_text(text, body);
    buffer_add_text(text, "\n}\n");
}

struct schema *
doc_given(const char *body)
{
    struct buffer text;
    struct schema *schema;

    doc_text(body, &text);
    schema = schema_given(text.data);
    buffer_release(&text);
    return schema;
}

uint32_t
member_of(const struct schema *schema, const char *member)
{
    const char *hash = strchr(member, '#');
    uint32_t type = schema_find_type(schema, (struct slice){member, (size_t)(hash - member)});
    uint32_t index;

    cr_assert_neq(type, SCHEMA_NONE, "no type in %s", member);
    index = schema_find_member(schema, type, slice_of(hash + 1));
    cr_assert_neq(index, SCHEMA_NONE, "no member %s", member);
    return index;
}

static void
print_member(const struct schema *schema, uint32_t index, struct buffer *out)
{
    const struct schema_member *member = &schema->members[index];

    buffer_add_slice(out, schema->types[member->type].name);
    buffer_add_byte(out, '#');
    buffer_add_slice(out, member->name);
}

static void
print_rewrite(const struct schema *schema, uint32_t index, struct buffer *out)
{
    static const char operators[] = {
        [REWRITE_UNION] = '+', [REWRITE_INTERSECTION] = '&', [REWRITE_EXCLUSION] = '-'};
    const struct rewrite *rewrite = &schema->rewrites[index];

    switch (rewrite->op) {
    case REWRITE_NIL:
        buffer_add_text(out, "nil");
        break;
    case REWRITE_SELF:
        buffer_add_text(out, "self");
        break;
    case REWRITE_STORED:
        buffer_add_format(out, "[%.*s]", SLICE_PRINTF(schema->members[rewrite->member].name));
        break;
    case REWRITE_COMPUTED:
        buffer_add_slice(out, schema->members[rewrite->member].name);
        break;
    case REWRITE_UNION:
    case REWRITE_INTERSECTION:
    case REWRITE_EXCLUSION:
        buffer_add_format(out, "(%c", operators[rewrite->op]);
        for (uint32_t at = 0; at < rewrite->count; at++) {
            buffer_add_byte(out, ' ');
            print_rewrite(schema, schema->operands[rewrite->first + at], out);
        }
        buffer_add_byte(out, ')');
        break;
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        buffer_add_slice(out, schema->members[rewrite->member].name);
        buffer_add_text(out, rewrite->op == REWRITE_ARROW ? "->{" : "=>{");
        for (uint32_t at = 0; at < rewrite->count; at++) {
            const struct schema_hop *hop = &schema->hops[rewrite->first + at];

            if (at > 0)
                buffer_add_byte(out, ' ');
            if (hop->member != SCHEMA_NONE)
                print_member(schema, hop->member, out);
            else
                buffer_add_format(out, "%.*s#", SLICE_PRINTF(schema->types[hop->type].name));
        }
        buffer_add_byte(out, '}');
        break;
    }
}

/* Members that no name reaches are found by their text, so this goes over all. */
static uint32_t
find_any_member(const struct schema *schema, const char *wanted)
{
    struct buffer name;
    uint32_t found = SCHEMA_NONE;

    buffer_init(&name);
    for (uint32_t index = 0; index < schema->member_count && found == SCHEMA_NONE; index++) {
        buffer_clear(&name);
        print_member(schema, index, &name);
        if (strcmp(name.data, wanted) == 0)
            found = index;
    }
    buffer_release(&name);
    cr_assert_neq(found, SCHEMA_NONE, "no member %s", wanted);
    return found;
}

void
expect_rewrite(const struct schema *schema, const char *member, const char *expected)
{
    struct buffer text;

    buffer_init(&text);
    print_rewrite(schema, schema->members[find_any_member(schema, member)].root, &text);
    cr_expect_str_eq(text.data, expected);
    buffer_release(&text);
}

void
expect_entries(const struct schema *schema, const char *source, const char *expected)
{
    static const char *const kinds[] = {[SCHEMA_ENTRY_STORED] = "stored",
                                        [SCHEMA_ENTRY_COMPUTED] = "computed",
                                        [SCHEMA_ENTRY_ARROW] = "arrow",
                                        [SCHEMA_ENTRY_SELF] = "self"};
    struct buffer text;
    uint32_t first;
    uint32_t count;

    if (strchr(source, '#') != NULL) {
        const struct schema_member *member = &schema->members[find_any_member(schema, source)];

        first = member->first_entry;
        count = member->entry_count;
    } else {
        const struct schema_type *type = &schema->types[schema_find_type(schema, slice_of(source))];

        first = type->first_entry;
        count = type->entry_count;
    }
    buffer_init(&text);
    for (uint32_t at = first; at < first + count; at++) {
        const struct schema_entry *entry = &schema->entries[at];

        buffer_add_format(&text, "%s ", kinds[entry->kind]);
        print_member(schema, entry->target, &text);
        if (entry->tupleset != SCHEMA_NONE)
            buffer_add_format(&text, " via %.*s",
                              SLICE_PRINTF(schema->members[entry->tupleset].name));
        buffer_add_text(&text, entry->wildcard ? " *" : "");
        buffer_add_text(&text, entry->certain ? "\n" : " ?\n");
    }
    cr_expect_str_eq(text.data, expected);
    buffer_release(&text);
}

void
expect_reaches(const struct schema *schema, const char *member, const char *expected)
{
    struct buffer text;
    uint32_t index = find_any_member(schema, member);

    buffer_init(&text);
    for (uint32_t bit = 0; bit < 2 * schema->type_count; bit++) {
        if (!schema_reaches(schema, index, bit / 2, bit % 2 == 1))
            continue;
        if (text.size > 0)
            buffer_add_byte(&text, ' ');
        buffer_add_slice(&text, schema->types[bit / 2].name);
        if (bit % 2 == 1)
            buffer_add_byte(&text, '#');
    }
    cr_expect_str_eq(text.data, expected);
    buffer_release(&text);
}

static void
expect_error_from(const char *text, uint32_t line_base, const char *expected)
{
    struct schema *schema = NULL;
    struct error error = {0};
    struct buffer found;
    enum status status = schema_compile(slice_of(text), &schema, &error);

    buffer_init(&found);
    if (status != BEHALF_OK)
        buffer_add_format(&found, "%s %u:%u [%s] %s%s%s", status_name(status),
                          error.line - line_base, error.column, error.text, error.message,
                          error.hint[0] != '\0' ? " | " : "", error.hint);
    cr_expect_str_eq(found.data, expected);
    buffer_release(&found);
    schema_unref(schema);
}

void
expect_error(const char *text, const char *expected)
{
    expect_error_from(text, 0, expected);
}

void
expect_doc_error(const char *body, const char *expected)
{
    struct buffer text;

    doc_text(body, &text);
    expect_error_from(text.data, DOC_LINES, expected);
    buffer_release(&text);
}
