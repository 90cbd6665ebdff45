/* chain.c - verifies that the newest changelog entries link up to the head record.
 * The hash of each entry covers the hash of the entry before it, so no entry of the checked part
 * can be changed, dropped or inserted without breaking a link. */
#include <inttypes.h>

#include "base/memory.h"
#include "storage/store_internal.h"

/* Reads one entry, and computes the chain hash after it from the one before it, which the entry
 * contains. */
static enum status
link_read(const struct store_snapshot *snapshot, uint64_t revision, struct buffer *entry,
          struct changelog_header *header, uint8_t behind[DIGEST_SIZE], struct error *error)
{
    struct changelog_reader reader;
    enum status status = store_changelog_read(snapshot, revision, entry, error);

    if (status == BEHALF_REVISION_UNKNOWN)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the changelog has a hole at revision %" PRIu64, revision);
    if (status == BEHALF_OK)
        status = changelog_open(buffer_slice(entry), &reader, header, error);
    if (status != BEHALF_OK)
        return status;
    if (header->revision != revision)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the changelog entry of revision %" PRIu64 " says %" PRIu64, revision,
                         header->revision);
    changelog_chain(header->previous, buffer_slice(entry), behind);
    return BEHALF_OK;
}

/* Walks down from the head: the hash after an entry must be the one that its successor, or the head
 * record, names as the hash before itself. Stops at the horizon, below which entries may be
 * dropped, or at a bound: an open must not read the whole changelog. */
enum status
store_chain_check(const struct store_snapshot *snapshot, uint64_t count, size_t bytes_max,
                  struct error *error)
{
    uint8_t expected[DIGEST_SIZE];
    uint8_t behind[DIGEST_SIZE];
    uint64_t revision = snapshot->head.revision;
    uint64_t horizon = store_horizon(snapshot->store);
    struct changelog_header header;
    struct buffer entry;
    size_t bytes = 0;
    enum status status = BEHALF_OK;

    buffer_init(&entry);
    memcpy(expected, snapshot->head.chain, DIGEST_SIZE);
    for (; revision > horizon && count > 0 && bytes <= bytes_max; revision--, count--) {
        status = link_read(snapshot, revision, &entry, &header, behind, error);
        if (status != BEHALF_OK)
            goto done;
        if (memcmp(behind, expected, DIGEST_SIZE) != 0) {
            status = error_set(error, BEHALF_STORAGE_CORRUPT,
                               "the changelog chain is broken at revision %" PRIu64, revision);
            goto done;
        }
        memcpy(expected, header.previous, DIGEST_SIZE);
        bytes += entry.size;
    }
    /* The walk reached revision 1: the chain begins with h(0), 32 zero bytes. */
    for (size_t index = 0; revision == 0 && index < DIGEST_SIZE; index++) {
        if (expected[index] != 0) {
            status = error_set(error, BEHALF_STORAGE_CORRUPT,
                               "the changelog chain does not begin at nothing");
            goto done;
        }
    }
done:
    buffer_release(&entry);
    return status;
}
