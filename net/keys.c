/* keys.c - sets of keys, and what each key used.
 *
 * The newest set is found under a lock, once for each login and each reload. What a key used is
 * kept as a theoretical arrival time (the generic cell rate algorithm): the moment at which all
 * that was taken is paid for at the key's rate. */
#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "net/keys_file.h"

#define SECOND_NS INT64_C(1000000000)
#define OTHERS_MODE 0037 /* the group may read; nobody else may do anything */

const struct key key_of_all = {.roles = ROLE_ANY};
const struct key key_of_nobody = {.roles = ROLE_NOBODY};

/* By name, so that a reload gives nobody a second's worth anew. */
struct key_meter {
    struct key_meter *next;
    char name[KEY_NAME_SIZE_MAX + 1];
    _Atomic int64_t requests_ns; /* arrival times */
    _Atomic int64_t cost_ns;
};

struct keys {
    char *path;
    struct key_meter *meters; /* of every name that was ever seen */
    pthread_mutex_t lock;     /* for `newest` */
    struct key_set *newest;
    _Atomic uint64_t generation;
};

/* --- reading --- */

static enum status
refuse_file(const char *path, const char *why, struct error *error)
{
    return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot read the keys file '%.200s': %s",
                     path, why);
}

static enum status
check_mode(int fd, const char *path, struct error *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return refuse_file(path, strerror(errno), error);
    if (!S_ISREG(info.st_mode))
        return refuse_file(path, "it is no plain file", error);
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        (void)refuse_file(path, "it belongs to another user", error);
        error_hint(error, "chown it to the server's user or to root");
        return BEHALF_MALFORMED_REQUEST;
    }
    if ((info.st_mode & OTHERS_MODE) != 0) {
        (void)refuse_file(path, "others may read or write it", error);
        error_hint(error, "chmod 600 %.200s", path);
        return BEHALF_MALFORMED_REQUEST;
    }
    return BEHALF_OK;
}

static enum status
read_all(int fd, const char *path, struct buffer *text, struct error *error)
{
    char bytes[4096];
    ssize_t count;

    do {
        count = read(fd, bytes, sizeof bytes);
        if (count > 0)
            buffer_add(text, bytes, (size_t)count);
    } while ((count > 0 && text->size <= KEYS_FILE_SIZE_MAX) || (count < 0 && errno == EINTR));
    return count < 0 ? refuse_file(path, strerror(errno), error) : BEHALF_OK;
}

/* The parser's message behind the name of the file and the number of the line. */
static enum status
name_line(const char *path, const struct error *why, struct error *error)
{
    if (error == NULL)
        return why->status;
    if (why->line > 0)
        (void)error_set(error, BEHALF_MALFORMED_REQUEST, "keys file '%.200s', line %u: %.250s",
                        path, why->line, why->message);
    else
        (void)error_set(error, BEHALF_MALFORMED_REQUEST, "keys file '%.200s': %.250s", path,
                        why->message);
    if (why->hint[0] != '\0')
        error_hint(error, "%s", why->hint);
    error->line = why->line;
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
load(const char *path, struct key_set **set, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct buffer text;
    struct error why;
    enum status status;

    if (fd < 0)
        return refuse_file(path, strerror(errno), error);
    buffer_init(&text);
    status = check_mode(fd, path, error);
    if (status == BEHALF_OK)
        status = read_all(fd, path, &text, error);
    (void)close(fd);
    if (status == BEHALF_OK && keys_file_parse(buffer_slice(&text), set, &why) != BEHALF_OK)
        status = name_line(path, &why, error);
    buffer_release(&text);
    return status;
}

static struct key_meter *
meter_of(struct keys *keys, const char *name)
{
    struct key_meter *meter = keys->meters;

    while (meter != NULL && strcmp(meter->name, name) != 0)
        meter = meter->next;
    if (meter != NULL)
        return meter;
    meter = memory_new(sizeof *meter);
    memcpy(meter->name, name, sizeof meter->name);
    meter->next = keys->meters;
    keys->meters = meter;
    return meter;
}

enum status
keys_reload(struct keys *keys, struct error *error)
{
    struct key_set *set = NULL;
    struct key_set *older;
    enum status status = load(keys->path, &set, error);

    if (status != BEHALF_OK)
        return status;
    for (size_t at = 0; at < set->count; at++) {
        struct key *key = &set->entries[at].key;

        if (key->requests_per_s > 0 || key->cost_per_s > 0)
            key->meter = meter_of(keys, key->name);
    }
    (void)pthread_mutex_lock(&keys->lock);
    older = keys->newest;
    keys->newest = set;
    (void)pthread_mutex_unlock(&keys->lock);
    atomic_fetch_add(&keys->generation, 1);
    key_set_unref(older);
    return BEHALF_OK;
}

enum status
keys_open(const char *path, struct keys **result, struct error *error)
{
    struct keys *keys = memory_new(sizeof *keys);
    enum status status;

    keys->path = memory_copy(path, strlen(path) + 1);
    (void)pthread_mutex_init(&keys->lock, NULL);
    status = keys_reload(keys, error);
    if (status != BEHALF_OK)
        keys_close(keys);
    else
        *result = keys;
    return status;
}

void
keys_close(struct keys *keys)
{
    if (keys == NULL)
        return;
    BEHALF_ASSERT(keys->newest == NULL || atomic_load(&keys->newest->references) == 1);
    key_set_unref(keys->newest);
    while (keys->meters != NULL) {
        struct key_meter *meter = keys->meters;

        keys->meters = meter->next;
        memory_free(meter);
    }
    (void)pthread_mutex_destroy(&keys->lock);
    memory_free(keys->path);
    memory_free(keys);
}

/* --- finding --- */

uint64_t
keys_generation(const struct keys *keys)
{
    return atomic_load_explicit(&keys->generation, memory_order_acquire);
}

static struct key_set *
newest(struct keys *keys)
{
    struct key_set *set;

    (void)pthread_mutex_lock(&keys->lock);
    set = keys->newest;
    atomic_fetch_add(&set->references, 1);
    (void)pthread_mutex_unlock(&keys->lock);
    return set;
}

/* Looks at every entry, whichever it is: the time says nothing of the place or of how much of a
 * digest is right. */
static const struct key *
find_digest(struct keys *keys, const uint8_t digest[DIGEST_SIZE])
{
    struct key_set *set = newest(keys);
    size_t found = SIZE_MAX;

    for (size_t at = 0; at < set->count; at++)
        found = digest_equal(set->entries[at].digest, digest, DIGEST_SIZE) ? at : found;
    if (found != SIZE_MAX)
        return &set->entries[found].key;
    key_set_unref(set);
    return NULL;
}

const struct key *
keys_find(struct keys *keys, struct slice secret)
{
    uint8_t digest[DIGEST_SIZE];
    const struct key *key;

    digest_sha256(&secret, 1, digest);
    key = find_digest(keys, digest);
    explicit_bzero(digest, sizeof digest);
    return key;
}

static struct key_entry *
entry_of(const struct key *key)
{
    return (struct key_entry *)(void *)(uintptr_t)key;
}

const struct key *
keys_renew(struct keys *keys, const struct key *key)
{
    const struct key *found = find_digest(keys, entry_of(key)->digest);

    key_release(key);
    return found;
}

static bool
is_counted(const struct key *key)
{
    return key != &key_of_all && key != &key_of_nobody;
}

const struct key *
key_hold(const struct key *key)
{
    if (is_counted(key))
        atomic_fetch_add_explicit(&entry_of(key)->set->references, 1, memory_order_relaxed);
    return key;
}

void
key_release(const struct key *key)
{
    if (key != NULL && is_counted(key))
        key_set_unref(entry_of(key)->set);
}

/* --- rates --- */

/* Moves the arrival time on by what `units` take at the rate. With `most_ns`, only when it is then
 * at most so far ahead of now; else false with how much too far. */
static bool
take(_Atomic int64_t *arrival_ns, uint64_t units, uint64_t per_s, int64_t now_ns, int64_t most_ns,
     int64_t *too_far_ns)
{
    double wanted_ns = (double)units * (double)SECOND_NS / (double)per_s;
    int64_t step_ns = wanted_ns < 1e17 ? (int64_t)wanted_ns : INT64_C(100000000000000000);
    int64_t before = atomic_load_explicit(arrival_ns, memory_order_relaxed);
    int64_t after;

    do {
        int64_t start_ns = before > now_ns ? before : now_ns;

        after = start_ns < INT64_MAX - step_ns ? start_ns + step_ns : INT64_MAX;
        if (most_ns > 0 && after - now_ns > most_ns) {
            *too_far_ns = after - now_ns - most_ns;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(arrival_ns, &before, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static uint32_t
milliseconds(int64_t ns)
{
    int64_t ms = ns / 1000000 + 1;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

bool
key_take_request(const struct key *key, int64_t now_ns, uint32_t *retry_after_ms)
{
    int64_t too_far_ns = 0;

    if (BEHALF_LIKELY(key->requests_per_s == 0 && key->cost_per_s == 0))
        return true;
    if ((key->requests_per_s == 0 ||
         take(&key->meter->requests_ns, 1, key->requests_per_s, now_ns, SECOND_NS, &too_far_ns)) &&
        (key->cost_per_s == 0 ||
         take(&key->meter->cost_ns, 1, key->cost_per_s, now_ns, SECOND_NS, &too_far_ns)))
        return true;
    *retry_after_ms = milliseconds(too_far_ns);
    return false;
}

void
key_charge(const struct key *key, uint64_t cost, int64_t now_ns)
{
    int64_t unused = 0;

    if (BEHALF_UNLIKELY(key->cost_per_s > 0 && cost > 1))
        (void)take(&key->meter->cost_ns, cost - 1, key->cost_per_s, now_ns, 0, &unused);
}
