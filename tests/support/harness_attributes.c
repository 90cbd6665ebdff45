/* harness_attributes.c - see the header. */
#include "tests/support/harness_attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/datum.h"
#include "base/memory.h"

static _Noreturn void
no_update(struct slice line)
{
    fprintf(stderr, "no update of attributes: %.*s\n", SLICE_PRINTF(line));
    abort();
}

static struct slice
take_word(struct slice *line)
{
    size_t size = 0;
    struct slice word;

    while (size < line->size && line->data[size] != ' ')
        size++;
    word = (struct slice){line->data, size};
    size += size < line->size;
    *line = (struct slice){line->data + size, line->size - size};
    return word;
}

static enum attributes_op
op_of(struct slice word, struct slice line)
{
    if (slice_equal(word, SLICE_LITERAL("set")))
        return ATTRIBUTES_SET;
    if (slice_equal(word, SLICE_LITERAL("merge")))
        return ATTRIBUTES_MERGE;
    if (!slice_equal(word, SLICE_LITERAL("delete")))
        no_update(line);
    return ATTRIBUTES_DELETE;
}

static void
parse_update(struct slice line, struct arena *arena, struct engine_attributes_update *update)
{
    struct slice rest = line;
    struct error error = {.status = BEHALF_OK};

    update->op = op_of(take_word(&rest), line);
    if (object_parse(take_word(&rest), arena, &update->object, &error) != BEHALF_OK)
        no_update(line);
    update->attributes = NULL;
    if (rest.size > 0 && datum_parse_json(rest, arena, &update->attributes, &error) != BEHALF_OK)
        no_update(line);
}

enum status
harness_write_attributes(struct harness_engine *side, const char *lines, struct engine_write *write)
{
    struct engine_attributes_update *updates =
        memory_new_array(strlen(lines) / 8 + 1, sizeof *updates);
    struct engine_attributes_write attributes = {.updates = updates};
    struct arena arena;
    enum status status;

    arena_init(&arena, SIZE_MAX / 2);
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");

        parse_update((struct slice){lines, size}, &arena, &updates[attributes.update_count++]);
        lines += lines[size] == '\n' ? size + 1 : size;
    }
    write->kind = WRITE_ATTRIBUTES;
    write->attributes = &attributes;
    status = harness_submit(side, write);
    write->attributes = NULL;
    arena_release(&arena);
    memory_free(updates);
    return status;
}

const char *
harness_read_attributes(struct harness_engine *side, const char *object,
                        const struct engine_token *at)
{
    static char answer[16 * 1024];
    struct engine_request request = harness_request(side, at);
    struct engine_attributes_result result;
    struct object parsed;
    struct buffer text;
    struct error error = {.status = BEHALF_OK};
    enum status status = object_parse(slice_of(object), &side->arena, &parsed, &error);

    if (status == BEHALF_OK)
        status = engine_attributes_read(side->worker, &request, &parsed, &result, &error);
    if (status != BEHALF_OK)
        return status_name(status);
    if (result.attributes == NULL)
        return "none";
    buffer_init(&text);
    datum_print_json(result.attributes, &text);
    (void)snprintf(answer, sizeof answer, "%.*s", SLICE_PRINTF(buffer_slice(&text)));
    buffer_release(&text);
    return answer;
}
