/* admission.c - see admission.h. */
#include "net/admission.h"

#include "base/digest.h"
#include "base/memory.h"
#include "net/limits.h"

#define NETWORK_SIZE 8 /* bytes of a /64 */

void
seats_init(struct seats *seats, unsigned most)
{
    *seats = (struct seats){.most = most};
    (void)pthread_mutex_init(&seats->lock, NULL);
}

void
seats_release(struct seats *seats)
{
    for (size_t at = 0; at < ADMISSION_BUCKETS; at++)
        BEHALF_ASSERT(seats->buckets[at] == NULL);
    (void)pthread_mutex_destroy(&seats->lock);
}

static struct seat **
find(struct seats *seats, struct slice name)
{
    struct seat **at = &seats->buckets[digest_hash(name) % ADMISSION_BUCKETS];

    while (*at != NULL && !slice_equal((struct slice){(*at)->name, (*at)->name_size}, name))
        at = &(*at)->next;
    return at;
}

struct seat *
seats_take(struct seats *seats, struct slice name)
{
    struct seat **at;
    struct seat *seat;

    BEHALF_ASSERT(name.size > 0 && name.size <= ADMISSION_NAME_MAX);
    (void)pthread_mutex_lock(&seats->lock);
    at = find(seats, name);
    if (*at == NULL && seats->most > 0) {
        *at = memory_new(sizeof **at);
        memcpy((*at)->name, name.data, name.size);
        (*at)->name_size = (unsigned)name.size;
    }
    seat = *at;
    if (seat != NULL && seat->count >= seats->most)
        seat = NULL;
    if (seat != NULL)
        seat->count++;
    (void)pthread_mutex_unlock(&seats->lock);
    return seat;
}

void
seats_give(struct seats *seats, struct seat *seat)
{
    if (seat == NULL)
        return;
    (void)pthread_mutex_lock(&seats->lock);
    BEHALF_ASSERT(seat->count > 0);
    if (--seat->count == 0) {
        struct seat **at = find(seats, (struct slice){seat->name, seat->name_size});

        BEHALF_ASSERT(*at == seat);
        *at = seat->next;
        memory_free(seat);
    }
    (void)pthread_mutex_unlock(&seats->lock);
}

void
admission_init(struct admission *admission, unsigned connections, unsigned per_address,
               unsigned per_key)
{
    admission->connections = connections > 0 ? connections : LIMIT_CONNECTIONS;
    admission->reserve = admission->connections / LIMIT_CONNECTION_RESERVE_PART;
    if (admission->reserve > LIMIT_CONNECTION_RESERVE)
        admission->reserve = LIMIT_CONNECTION_RESERVE;
    admission->counts_loopback = per_address > 0;
    seats_init(&admission->addresses, per_address > 0 ? per_address : LIMIT_CONNECTIONS_OF_ADDRESS);
    seats_init(&admission->keys, per_key > 0 ? per_key : LIMIT_CONNECTIONS_OF_KEY);
}

void
admission_release(struct admission *admission)
{
    seats_release(&admission->addresses);
    seats_release(&admission->keys);
}

struct slice
admission_origin(const struct admission *admission, const union socket_address *address,
                 char name[ADMISSION_NAME_MAX])
{
    size_t size = NETWORK_SIZE;

    if (!admission->counts_loopback && binding_is_loopback(address))
        return (struct slice){NULL, 0};
    if (address->any.sa_family == AF_INET) {
        size = sizeof address->v4.sin_addr;
        memcpy(name, &address->v4.sin_addr, size);
    } else if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        size = sizeof address->v4.sin_addr;
        memcpy(name, &address->v6.sin6_addr.s6_addr[12], size);
    } else {
        memcpy(name, &address->v6.sin6_addr, size);
    }
    return (struct slice){name, size};
}
