/* test_store_support.c - small words for tests of the store. */
#include "tests/unit/test_store_support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct error store_error;
int64_t store_test_wall_ns = INT64_C(1800000000000000000);
int64_t store_test_monotonic_ns = 1;

static int64_t
wall(void *context)
{
    (void)context;
    return store_test_wall_ns;
}

static int64_t
monotonic(void *context)
{
    (void)context;
    return store_test_monotonic_ns;
}

static void
random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    env_system()->random_bytes(NULL, bytes, size);
}

const struct env *
store_test_env(void)
{
    static const struct env env = {wall, monotonic, random_bytes, NULL};

    return &env;
}

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

void
store_test_directory(char path[64])
{
    (void)snprintf(path, 64, "/tmp/behalf-store-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

void
store_test_directory_remove(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct store *
store_test_open(const char *path)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    struct store *store = NULL;

    OK(store_open(&options, &store, &store_error));
    return store;
}

struct store_transaction *
store_test_begin(struct store *store)
{
    struct store_transaction *transaction = NULL;

    OK(store_transaction_begin(store, &transaction, &store_error));
    return transaction;
}

uint64_t
store_test_commit(struct store_transaction *transaction)
{
    uint64_t revision = 0;

    OK(store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error));
    return revision;
}

uint16_t
store_test_type(struct store_transaction *transaction, const char *name)
{
    uint16_t label = 0;

    OK(store_transaction_label(transaction, LABEL_TYPE, slice_of(name), &label, &store_error));
    return label;
}

uint16_t
store_test_relation(struct store_transaction *transaction, const char *name)
{
    uint16_t label = 0;

    OK(store_transaction_label(transaction, LABEL_RELATION, slice_of(name), &label, &store_error));
    return label;
}

uint64_t
store_test_node(struct store_transaction *transaction, const char *type, const char *id)
{
    uint64_t node = 0;

    OK(store_transaction_node(transaction, store_test_type(transaction, type), slice_of(id), &node,
                              &store_error));
    return node;
}

static uint64_t
object_node(struct store_transaction *transaction, const char *object)
{
    const char *colon = strchr(object, ':');
    char type[64];

    cr_assert_not_null(colon);
    (void)snprintf(type, sizeof type, "%.*s", (int)(colon - object), object);
    if (strcmp(colon + 1, "*") == 0)
        return NODE_WILDCARD(store_test_type(transaction, type));
    return store_test_node(transaction, type, colon + 1);
}

struct edge_key
store_test_key(struct store_transaction *transaction, const char *resource, const char *relation,
               const char *subject)
{
    struct edge_key key;

    key.resource = object_node(transaction, resource);
    key.relation = store_test_relation(transaction, relation);
    key.subject = object_node(transaction, subject);
    key.subject_relation = LABEL_NONE;
    return key;
}

bool
store_test_put(struct store_transaction *transaction, const char *resource, const char *relation,
               const char *subject)
{
    struct edge edge = {.key = store_test_key(transaction, resource, relation, subject)};
    struct store_previous previous = {.existed = false};

    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    return previous.existed;
}

uint64_t
store_test_write(struct store *store, const char *resource, const char *relation,
                 const char *subject)
{
    struct store_transaction *transaction = store_test_begin(store);

    (void)store_test_put(transaction, resource, relation, subject);
    return store_test_commit(transaction);
}

size_t
store_test_count(struct store *store, enum edge_direction direction, uint64_t revision)
{
    const struct edge_range all = {.direction = direction, .unbounded = true};
    struct store_snapshot *snapshot = NULL;
    struct store_scan *scan = NULL;
    struct edge edge;
    size_t count = 0;
    enum status status;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_scan_open(snapshot, revision, &all, &scan, &store_error));
    while ((status = store_scan_next(scan, &edge, &store_error)) == BEHALF_OK)
        count++;
    cr_assert_eq(status, BEHALF_DONE);
    store_scan_close(scan);
    store_snapshot_close(snapshot);
    return count;
}
