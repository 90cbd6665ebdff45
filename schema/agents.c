/* agents.c - names that the schema language gives a meaning for agents, and digests of caveats. */
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "schema/build.h"
#include "schema/caveat.h"
#include "schema/cel_lex.h"

#define CEILING SLICE_LITERAL(SCHEMA_AGENT_CEILING)
#define CEILING_OF SLICE_LITERAL(SCHEMA_AGENT_CEILING_OF)

static bool
begins_with(struct slice text, struct slice prefix)
{
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

bool
schema_is_agent_rule(struct slice name)
{
    return slice_equal(name, SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF)) ||
           slice_equal(name, CEILING) || begins_with(name, CEILING_OF);
}

bool
schema_type_is_agent(const struct schema *schema, uint32_t type)
{
    return schema_find_member(schema, type, SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF)) != SCHEMA_NONE;
}

/* A ceiling of what? A renamed permission must not lose its ceiling in silence. */
enum status
build_ceilings(struct build *build)
{
    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];
        struct slice limited;

        if (member->kind == SCHEMA_HIDDEN || !begins_with(member->name, CEILING_OF))
            continue;
        limited = (struct slice){member->name.data + CEILING_OF.size,
                                 member->name.size - CEILING_OF.size};
        if (names_find(&build->member_names, member->type, limited) != SCHEMA_NONE)
            continue;
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "'%.*s' limits what agents may do by '%.*s', but '%.*s' has no relation or "
                  "permission of that name",
                  SLICE_PRINTF(member->name), SLICE_PRINTF(limited),
                  SLICE_PRINTF(build_type_name(build, member->type)));
        build_suggest_member(build, member->type, limited);
        return build_error_at(build, build->sources[index].member->name.place);
    }
    return BEHALF_OK;
}

/* --- digests --- */

/* Behind the tokens, of a caveat with reserved parameters: the same text without `use attributes`
 * is another condition. No size of a token. */
#define RESERVES UINT32_MAX

static void
add_number(uint32_t number, struct buffer *out)
{
    char bytes[4];

    bytes_put_u32(bytes, number);
    buffer_add(out, bytes, sizeof bytes);
}

static void
add_part(struct slice part, struct buffer *out)
{
    add_number((uint32_t)part.size, out);
    buffer_add_slice(out, part);
}

static void
add_parameters(const struct caveat *caveat, struct buffer *out)
{
    struct buffer type;

    buffer_init(&type);
    add_number((uint32_t)caveat_parameter_count(caveat), out);
    for (size_t at = 0; at < caveat_parameter_count(caveat); at++) {
        const struct caveat_parameter *parameter = caveat_parameter_at(caveat, at);

        buffer_clear(&type);
        caveat_type_print(&parameter->type, &type);
        add_part(parameter->name, out);
        add_part(buffer_slice(&type), out);
    }
    buffer_release(&type);
}

static void
add_tokens(const struct caveat *caveat, struct buffer *out)
{
    struct cel_lexer lexer = {.caveat = caveat};
    struct cel_token token;
    enum status status;

    for (;;) {
        status = cel_lex(&lexer, &token);
        BEHALF_ASSERT(status == BEHALF_OK); /* it was compiled */
        if (token.kind == CEL_TOKEN_END)
            return;
        add_part(token.text, out);
    }
}

void
schema_caveat_digest(const struct schema *schema, uint32_t caveat, uint8_t digest[DIGEST_SIZE])
{
    const struct caveat *compiled;
    struct buffer canonical;
    struct slice part;

    BEHALF_ASSERT(caveat < schema->caveat_count);
    compiled = schema->caveats[caveat].compiled;
    buffer_init(&canonical);
    add_parameters(compiled, &canonical);
    add_tokens(compiled, &canonical);
    if (caveat_reserved_read(compiled) != 0)
        add_number(RESERVES, &canonical);
    part = buffer_slice(&canonical);
    digest_sha256(&part, 1, digest);
    buffer_release(&canonical);
}
