/* offline.c - behalfd before or without serving: verify, new incarnation. */
#include "server/offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "storage/store.h"

#define ERASE_LINE "\r\033[K"

static void
show(void *context, const char *family, uint64_t entries)
{
    (void)context;
    (void)fprintf(stderr, ERASE_LINE "verify: %s %" PRIu64, family, entries);
    (void)fflush(stderr);
}

static enum status
verify_all(struct store *store, struct error *error)
{
    const struct store_progress progress = {.show = show};
    bool terminal = isatty(STDERR_FILENO) == 1;
    enum status status = store_verify_showing(store, terminal ? &progress : NULL, error);

    if (terminal)
        (void)fprintf(stderr, ERASE_LINE);
    return status;
}

enum status
offline_verify(const char *data, struct error *error)
{
    const struct store_options options = {.path = data, .read_only = true};
    struct store *store = NULL;
    struct store_stats stats;
    enum status status = store_open(&options, &store, error);

    if (status == BEHALF_OK)
        status = verify_all(store, error);
    if (status == BEHALF_OK)
        status = store_stats_read(store, &stats, error);
    if (status == BEHALF_OK)
        (void)printf("whole: revision=%" PRIu64 " relationships=%" PRIu64 " history_from=%" PRIu64
                     "\n",
                     stats.head_revision, stats.edge_count, stats.horizon);
    store_close(store);
    return status;
}

enum status
offline_open_renewed(const struct store_options *options, struct store **store, struct error *error)
{
    struct buffer current;
    enum status status;

    buffer_init(&current);
    buffer_add_format(&current, "%s/db/CURRENT", options->path);
    status = access(current.data, F_OK) == 0 ? BEHALF_OK : BEHALF_STORAGE_FAILED;
    buffer_release(&current);
    /* Opening would make one. */
    if (status != BEHALF_OK)
        return error_set(error, status, "there is no store in '%s'", options->path);
    status = store_open(options, store, error);
    if (status == BEHALF_OK)
        status = store_renew(*store, error);
    if (status == BEHALF_OK)
        store_settle(*store); /* a power cut finds no mark of the life before */
    return status;
}

enum status
offline_renew(const char *data, struct error *error)
{
    const struct store_options options = {.path = data};
    struct store *store = NULL;
    enum status status = offline_open_renewed(&options, &store, error);

    if (status == BEHALF_OK)
        (void)printf("renewed: tokens and consents given before are refused from now on\n");
    store_close(store);
    return status;
}
