/* admission.c - see admission.h. */
#include "net/admission.h"

#include "net/limits.h"

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
    seats_init(&admission->streams, LIMIT_STREAMS_OF_KEY);
}

void
admission_release(struct admission *admission)
{
    seats_release(&admission->addresses);
    seats_release(&admission->keys);
    seats_release(&admission->streams);
}

struct slice
admission_origin(const struct admission *admission, const union tcp_address *address,
                 char name[static TCP_ORIGIN_SIZE])
{
    if (!admission->counts_loopback && tcp_is_loopback(address))
        return (struct slice){NULL, 0};
    return tcp_origin(address, name);
}
