/* validation_parse.c - assertions and expected subjects.
 *
 *   note:n1#read@user:ann actor=agent:bot,agent:helper grant=reading with {"day": "monday"}
 *   [user:* - {user:a, user:b[...]}] is <note:n1#owner>/<group:eng#member>
 *
 * Ids may be JSON strings here as everywhere, so no bracket or blank inside of quotes ends
 * anything. */
#include "base/datum.h"
#include "validate/validation.h"

#define MARK SLICE_LITERAL("[...]")

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static struct slice
skip(struct slice text, size_t count)
{
    return (struct slice){text.data + count, text.size - count};
}

static struct slice
trim(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = skip(text, 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Bytes before the first of `ends` that is not inside a JSON string; all when there is none. */
static size_t
span(struct slice text, const char *ends)
{
    bool quoted = false;
    size_t at = 0;

    for (; at < text.size; at++) {
        if (quoted && text.data[at] == '\\' && at + 1 < text.size)
            at++;
        else if (text.data[at] == '"')
            quoted = !quoted;
        else if (!quoted && strchr(ends, text.data[at]) != NULL)
            break;
    }
    return at;
}

static enum status
malformed(struct error *error, const char *message)
{
    return error_set(error, BEHALF_MALFORMED_REQUEST, "%s", message);
}

/* --- assertions ------------------------------------------------------------------------------- */

#define ACTOR SLICE_LITERAL("actor=")
#define GRANT SLICE_LITERAL("grant=")
#define WITH SLICE_LITERAL("with ")

/* Moves the place of an error in `part` to the text that it is a part of. */
static enum status
place(struct slice text, struct slice part, enum status status, struct error *error)
{
    if (status != BEHALF_OK)
        error->column = (uint32_t)(part.data - text.data) + (error->column > 0 ? error->column : 1);
    return status;
}

static enum status
parse_context(struct slice json, struct arena *arena, const struct datum **context,
              struct error *error)
{
    enum status status = datum_parse_json(json, arena, context, error);

    if (status == BEHALF_OK && (*context)->kind != DATUM_MAP)
        return malformed(error, "behind 'with' stands a JSON object");
    return status;
}

/* Bytes before the first ` actor=`, ` grant=` or ` with ` that is not inside a JSON string; all
 * when there is none. */
static size_t
question_size(struct slice text)
{
    size_t at = 0;

    for (;;) {
        struct slice behind;

        at += span(skip(text, at), " ");
        if (at == text.size)
            return at;
        behind = skip(text, at + 1);
        if (slice_starts_with(behind, ACTOR) || slice_starts_with(behind, GRANT) ||
            slice_starts_with(behind, WITH))
            return at;
        at++;
    }
}

static enum status
parse_question(struct slice text, struct arena *arena, struct relationship *asked,
               struct error *error)
{
    enum status status = relationship_parse(text, arena, asked, error);

    if (status != BEHALF_OK)
        return status;
    if (asked->caveat.size > 0)
        return malformed(error, "an assertion carries no caveat; its context stands behind 'with'");
    if (asked->expires_at != 0)
        return malformed(error, "an assertion carries no expiration");
    return BEHALF_OK;
}

static enum status
parse_actor(struct slice name, struct arena *arena, struct object *actor, struct error *error)
{
    if (name.size == 0)
        return malformed(error, "an actor is missing; behind 'actor=' stands type:id, and more of "
                                "them separated by ',' without blanks");
    return object_parse(name, arena, actor, error);
}

static enum status
parse_actors(struct slice text, struct slice list, struct arena *arena,
             struct validation_question *question, struct error *error)
{
    size_t most = 1;

    for (size_t at = 0; at < list.size; at++)
        most += list.data[at] == ',';
    question->actors = arena_take_array(arena, most, sizeof *question->actors);
    question->actor_columns = arena_take_array(arena, most, sizeof *question->actor_columns);
    if (question->actors == NULL || question->actor_columns == NULL)
        return place(text, list, malformed(error, "too many actors"), error);
    for (;;) {
        struct slice name = {list.data, span(list, ",")};
        struct object *actor = &question->actors[question->actor_count];
        enum status status = place(text, name, parse_actor(name, arena, actor, error), error);

        question->actor_columns[question->actor_count++] = (uint32_t)(name.data - text.data) + 1;
        if (status != BEHALF_OK || name.size == list.size)
            return status;
        list = skip(list, name.size + 1);
    }
}

static enum status
parse_grant(struct slice text, struct slice name, struct validation_question *question,
            struct error *error)
{
    if (name.size == 0)
        return place(text, name,
                     malformed(error, "a name is missing; after 'grant=' comes one of `grants`"),
                     error);
    question->grant = name;
    question->grant_column = (uint32_t)(name.data - text.data) + 1;
    return BEHALF_OK;
}

/* Takes `actor=...` or `grant=...` off the front, each at most once; `*taken` is false where
 * something else begins. */
static enum status
take_word(struct slice text, struct slice *rest, struct arena *arena,
          struct validation_question *question, bool *taken, struct error *error)
{
    struct slice word = {rest->data, span(*rest, " \t\r\n")};
    enum status status = BEHALF_OK;

    *taken = false;
    if (slice_starts_with(word, ACTOR) && question->actor_count == 0)
        status = parse_actors(text, skip(word, ACTOR.size), arena, question, error);
    else if (slice_starts_with(word, GRANT) && question->grant.size == 0)
        status = parse_grant(text, skip(word, GRANT.size), question, error);
    else
        return BEHALF_OK;
    *taken = true;
    *rest = trim(skip(*rest, word.size));
    return status;
}

enum status
validation_assertion_parse(struct slice text, struct arena *arena,
                           struct validation_question *question, struct error *error)
{
    struct slice rest = trim(text);
    struct slice part = {rest.data, question_size(rest)};
    struct validation_question parsed = {.actor_count = 0};
    enum status status =
        place(text, part, parse_question(trim(part), arena, &parsed.asked, error), error);
    bool taken = status == BEHALF_OK;

    rest = trim(skip(rest, part.size));
    while (status == BEHALF_OK && taken)
        status = take_word(text, &rest, arena, &parsed, &taken, error);
    if (status == BEHALF_OK && slice_starts_with(rest, WITH)) {
        part = trim(skip(rest, WITH.size));
        status = place(text, part, parse_context(part, arena, &parsed.context, error), error);
    } else if (status == BEHALF_OK && rest.size > 0) {
        status = place(text, rest,
                       error_set(error, BEHALF_MALFORMED_REQUEST,
                                 "'%.*s' is not understood; after the question come "
                                 "actor=type:id[,type:id...] and grant=name, each once, and then "
                                 "with {context}",
                                 (int)span(rest, " \t\r\n"), rest.data),
                       error);
    }
    if (status == BEHALF_OK)
        *question = parsed;
    return status;
}

/* --- expected subjects ------------------------------------------------------------------------ */

/* Takes `type:id#relation` and its mark off the front. */
static enum status
take_subject(struct slice *rest, struct arena *arena, struct marked_subject *marked,
             struct error *error)
{
    size_t size = span(*rest, " \t[,}");
    enum status status =
        object_parse((struct slice){rest->data, size}, arena, &marked->subject, error);

    if (status != BEHALF_OK)
        return status;
    *rest = skip(*rest, size);
    marked->conditional = slice_starts_with(*rest, MARK);
    if (marked->conditional)
        *rest = skip(*rest, MARK.size);
    *rest = trim(*rest);
    return BEHALF_OK;
}

static enum status
parse_exceptions(struct slice list, struct arena *arena, struct listed_subject *expected,
                 struct error *error)
{
    uint32_t capacity = 0;

    for (;;) {
        struct marked_subject one;
        enum status status;

        list = trim(list);
        status = take_subject(&list, arena, &one, error);
        if (status != BEHALF_OK)
            return status;
        if (one.subject.wildcard)
            return malformed(error, "a wildcard cannot be an exception");
        expected->exceptions = arena_grow(arena, expected->exceptions, expected->exception_count,
                                          &capacity, sizeof one);
        if (expected->exceptions == NULL)
            return malformed(error, "too many exceptions");
        expected->exceptions[expected->exception_count++] = one;
        if (list.size == 0)
            return BEHALF_OK;
        if (list.data[0] != ',')
            return malformed(error, "exceptions are separated by ','");
        list = skip(list, 1);
    }
}

/* What stands in the brackets. */
static enum status
parse_bracket(struct slice text, struct arena *arena, struct listed_subject *expected,
              struct error *error)
{
    struct slice rest = trim(text);
    enum status status = take_subject(&rest, arena, &expected->who, error);

    if (status != BEHALF_OK || rest.size == 0)
        return status;
    if (rest.data[0] != '-')
        return malformed(error, "behind the subject stands nothing, or ' - {exceptions}'");
    rest = trim(skip(rest, 1));
    if (rest.size < 2 || rest.data[0] != '{' || rest.data[rest.size - 1] != '}')
        return malformed(error, "exceptions stand in braces");
    if (!expected->who.subject.wildcard)
        return malformed(error, "only a wildcard has exceptions");
    return parse_exceptions((struct slice){rest.data + 1, rest.size - 2}, arena, expected, error);
}

static enum status
parse_holders(struct slice text, struct arena *arena, struct listed_subject *expected,
              struct error *error)
{
    uint32_t capacity = 0;

    for (;;) {
        struct object holder;
        size_t size;
        enum status status;

        text = skip(text, span(text, "<"));
        if (text.size == 0)
            return BEHALF_OK;
        text = skip(text, 1);
        size = span(text, ">");
        if (size == text.size)
            return malformed(error, "a '<' is never closed");
        status = object_parse((struct slice){text.data, size}, arena, &holder, error);
        if (status != BEHALF_OK)
            return status;
        if (holder.relation.size == 0)
            return malformed(error, "between '<' and '>' stands object#relation");
        expected->holders =
            arena_grow(arena, expected->holders, expected->holder_count, &capacity, sizeof holder);
        if (expected->holders == NULL)
            return malformed(error, "too many holders");
        expected->holders[expected->holder_count++] = holder;
        text = skip(text, size + 1);
    }
}

/* The closing bracket: behind it may be no other one but those of marks. */
static size_t
bracket_end(struct slice text)
{
    size_t at = 0;

    for (;;) {
        at += span(skip(text, at), "[]");
        if (at == text.size || text.data[at] == ']')
            return at;
        at += slice_starts_with(skip(text, at), MARK) ? MARK.size : 1;
    }
}

enum status
validation_expected_parse(struct slice text, struct arena *arena, struct listed_subject *expected,
                          struct error *error)
{
    struct listed_subject found = {.holder_count = 0};
    struct slice inside = skip(text, span(text, "["));
    size_t size;
    enum status status;

    if (inside.size == 0)
        return malformed(error, "an expected subject begins with [type:id]");
    inside = skip(inside, 1);
    size = bracket_end(inside);
    if (size == inside.size)
        return malformed(error, "a '[' is never closed");
    status = parse_bracket((struct slice){inside.data, size}, arena, &found, error);
    if (status == BEHALF_OK)
        status = parse_holders(skip(inside, size + 1), arena, &found, error);
    if (status == BEHALF_OK)
        *expected = found;
    return status;
}
