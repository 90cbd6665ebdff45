/* cli_filter.c - FILTER: a relationship with parts left out.
 *
 *   document                       every relationship of this resource type
 *   document:readme#viewer         of one resource and relation
 *   document:read*                 resource ids that start so
 *   @user:ann                      of one subject
 *   @group:eng#member              of one userset
 *   @user:*                        of the wildcard, and nothing else
 *   document#viewer@user#          plain subjects of a type only, without the wildcard
 *
 * An id may be a JSON string, as in a relationship. */
#include <string.h>

#include "base/relationship.h"
#include "cli/cli.h"

/* One side: `type:id#relation`, each part optional. */
struct side {
    const char *type;
    const char *id;
    const char *prefix;
    const char *relation; /* "" for a `#` with nothing behind it */
    bool wildcard;
};

/* Offset of `wanted` outside of quotes, or the size. */
static size_t
find_plain(struct slice text, char wanted)
{
    bool quoted = false;

    for (size_t at = 0; at < text.size; at++) {
        if (!quoted && text.data[at] == wanted)
            return at;
        if (text.data[at] == '"')
            quoted = !quoted;
        else if (quoted && text.data[at] == '\\')
            at++;
    }
    return text.size;
}

static const char *
copy(struct arena *arena, struct slice text)
{
    struct slice made = arena_copy(arena, text);

    BEHALF_ASSERT(made.data != NULL);
    return made.data;
}

/* The id of `type:id`, quotes undone. */
static bool
parse_id(struct arena *arena, struct slice id, const char **out, struct error *error)
{
    struct buffer text;
    struct object object;
    enum status status;

    /* The parser of relationships knows ids; a type that cannot be wrong stands before it. */
    buffer_init(&text);
    buffer_add_text(&text, "any:");
    buffer_add_slice(&text, id);
    status = object_parse(buffer_slice(&text), arena, &object, error);
    BEHALF_ASSERT(status != BEHALF_OK || !object.wildcard);
    if (status == BEHALF_OK)
        *out = copy(arena, object.id);
    buffer_release(&text);
    return status == BEHALF_OK;
}

static bool
parse_side(struct arena *arena, struct slice text, struct side *side, struct error *error)
{
    size_t hash = find_plain(text, '#');
    struct slice object = {text.data, hash};
    size_t colon = find_plain(object, ':');
    struct slice id;

    if (hash < text.size)
        side->relation = copy(arena, (struct slice){text.data + hash + 1, text.size - hash - 1});
    if (colon > 0)
        side->type = copy(arena, (struct slice){object.data, colon});
    if (colon >= object.size)
        return true;
    id = (struct slice){object.data + colon + 1, object.size - colon - 1};
    if (slice_equal(id, SLICE_LITERAL("*"))) {
        side->wildcard = true;
        return true;
    }
    if (id.size > 1 && id.data[id.size - 1] == '*') {
        id.size--;
        return parse_id(arena, id, &side->prefix, error);
    }
    return parse_id(arena, id, &side->id, error);
}

bool
cli_filter_parse(struct arena *arena, const char *text, struct behalf_filter *filter, char *problem,
                 size_t problem_size)
{
    struct slice whole = slice_of(text);
    size_t at = find_plain(whole, '@');
    struct side resource = {0};
    struct side subject = {0};
    struct error error = {.status = BEHALF_OK};
    const char *wrong = NULL;

    if (!parse_side(arena, (struct slice){whole.data, at}, &resource, &error))
        wrong = error.message;
    else if (at < whole.size &&
             !parse_side(arena, (struct slice){whole.data + at + 1, whole.size - at - 1}, &subject,
                         &error))
        wrong = error.message;
    else if (whole.size == 0)
        wrong = "it is empty";
    else if (at < whole.size && subject.type == NULL)
        wrong = "a subject type is missing behind '@'";
    else if (resource.wildcard)
        wrong = "only a subject can be the wildcard; leave the id out for all resources of a type";
    else if (subject.wildcard && subject.relation != NULL)
        wrong = "the wildcard has no relation";
    else if (subject.prefix != NULL)
        wrong = "only resource ids can be selected by prefix";
    else if (resource.relation != NULL && resource.relation[0] == '\0')
        wrong = "a relation is missing behind '#'";
    if (wrong != NULL) {
        (void)snprintf(problem, problem_size, "%s", wrong);
        return false;
    }
    *filter = (struct behalf_filter){.resource_type = resource.type,
                                     .resource_id = resource.id,
                                     .resource_id_prefix = resource.prefix,
                                     .relation = resource.relation,
                                     .subject_type = subject.type,
                                     .subject_id = subject.id,
                                     .subject_relation = subject.relation,
                                     .subject_wildcard = subject.wildcard};
    return true;
}
