/* fuzz_changelog.c - any bytes as a changelog entry, decoded and replayed into an empty store.
 * What must hold: no read out of bounds; what replays is what a commit would have written, so the
 * entry comes back byte for byte. */
#include <stdint.h>
#include <stdlib.h>

#include "storage/changelog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
    if (!condition)
        abort();
}

static bool
decode(struct slice entry)
{
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    enum status status = changelog_open(entry, &reader, &header, NULL);

    while (status == BEHALF_OK)
        status = changelog_next(&reader, &record, NULL);
    require(status == BEHALF_DONE || status == BEHALF_STORAGE_CORRUPT);
    return status == BEHALF_DONE;
}

/* A fuzzer does not find a SHA-256, but the first entry of a store follows 32 zero bytes. */
static void
replay(struct slice entry)
{
    const struct store_options options = {.env = env_system()};
    struct store_snapshot *snapshot;
    struct store *store;
    struct buffer back;

    require(store_open(&options, &store, NULL) == BEHALF_OK);
    if (store_replay(store, entry, NULL) == BEHALF_OK) {
        buffer_init(&back);
        require(store_snapshot_open(store, &snapshot, NULL) == BEHALF_OK);
        require(store_changelog_read(snapshot, 1, &back, NULL) == BEHALF_OK);
        require(slice_equal(buffer_slice(&back), entry));
        store_snapshot_close(snapshot);
        buffer_release(&back);
    }
    store_close(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice entry = {(const char *)data, size};

    if (decode(entry))
        replay(entry);
    return 0;
}
