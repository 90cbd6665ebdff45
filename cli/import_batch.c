/* import_batch.c - lines to one transaction of touches. */
#include "cli/import_batch.h"

#include "cli/cli.h"

#define DEADLINE_MS 30000 /* the longest: an import waits for a server that is slow */

/* What a batch may keep: its lines, each once more as its identity and while it is parsed. */
#define ARENA_SIZE ((size_t)64 << 20)

void
import_batch_clear(struct import_batch *batch)
{
    bool room;

    arena_reset(&batch->arena, ARENA_SIZE);
    room = table_init(&batch->seen, &batch->arena, IMPORT_BATCH_LINES);
    BEHALF_ASSERT(room);
    batch->count = 0;
    batch->taken = 0;
    batch->bytes = 0;
    batch->waiting = false;
}

void
import_batch_release(struct import_batch *batch)
{
    arena_release(&batch->arena);
}

enum status
import_batch_add(struct import_batch *batch, uint64_t number, struct slice text,
                 struct error *error)
{
    struct import_line line = {.number = number};
    uint32_t at;
    uint64_t hash;
    enum status status;

    if (batch->taken == IMPORT_BATCH_LINES ||
        (batch->taken > 0 && batch->bytes + text.size > IMPORT_BATCH_BYTES))
        return BEHALF_DONE;
    status = cli_relationship_identity(&batch->arena, text, &line.identity, error);
    if (status != BEHALF_OK)
        return status;
    hash = digest_hash(line.identity);
    at = table_find(&batch->seen, hash);
    if (at != TABLE_NONE && !slice_equal(batch->lines[at].identity, line.identity))
        return BEHALF_DONE; /* two relationships of one hash */
    line.text = arena_copy(&batch->arena, text);
    BEHALF_ASSERT(line.text.data != NULL && line.identity.data != NULL);
    if (at == TABLE_NONE) {
        bool added = table_add(&batch->seen, hash, batch->count);

        BEHALF_ASSERT(added);
        at = batch->count++;
    }
    if (batch->taken++ == 0)
        batch->first_line = number;
    batch->lines[at] = line;
    batch->bytes += text.size;
    return BEHALF_OK;
}

void
import_batch_write(const struct import_batch *batch, struct behalf_writer *writer)
{
    behalf_writer_clear(writer);
    behalf_write_map(writer, 2);
    behalf_write_text(writer, "deadline_ms");
    behalf_write_uint(writer, DEADLINE_MS);
    behalf_write_text(writer, "updates");
    behalf_write_array(writer, batch->count);
    for (uint32_t index = 0; index < batch->count; index++) {
        behalf_write_map(writer, 2);
        behalf_write_text(writer, "op");
        behalf_write_text(writer, "touch");
        behalf_write_text(writer, "relationship");
        behalf_write_string(writer, batch->lines[index].text.data, batch->lines[index].text.size);
    }
}
