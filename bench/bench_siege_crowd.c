/* bench_siege_crowd.c - see bench_siege_crowd.h. */
#include "bench/bench_siege_crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/memory.h"

#define TICKS 1000 /* of a second */
#define SMALL_WINDOW 4096

/* [0, 1, "ping", ["ppp...: a text of 65,535 bytes, of which only the first come */
static const char begun[] = "\x94\x00\x01\xa4ping\x91\xda\xff\xff";

static bool
parse_address(const char *endpoint, struct sockaddr_in *address)
{
    const char *colon = strrchr(endpoint, ':');
    char host[INET_ADDRSTRLEN] = "";

    if (colon == NULL || (size_t)(colon - endpoint) >= sizeof host)
        return false;
    memcpy(host, endpoint, (size_t)(colon - endpoint));
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

/* -1 with errno. */
static int
join(const struct sockaddr_in *address, enum crowd_kind kind, struct slice requests)
{
    const int window = SMALL_WINDOW;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int problem;

    if (descriptor < 0)
        return -1;
    if (kind == CROWD_SLOW_READER)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (connect(descriptor, (const struct sockaddr *)address, sizeof *address) != 0) {
        problem = errno;
        (void)close(descriptor);
        errno = problem;
        return -1;
    }
    /* What the server does not take at once it is not owed. */
    if (kind == CROWD_SLOW_READER)
        (void)send(descriptor, requests.data, requests.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (kind == CROWD_SLOW_SENDER)
        (void)send(descriptor, begun, sizeof begun - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return descriptor;
}

static void
move_one(const struct crowd *crowd, int descriptor)
{
    char byte = 'p';

    if (crowd->kind == CROWD_SLOW_READER)
        (void)recv(descriptor, &byte, 1, MSG_DONTWAIT);
    else
        (void)send(descriptor, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Each once a second, in turn. */
static void *
drive(void *context)
{
    const struct timespec tick = {.tv_nsec = 1000000000 / TICKS};
    struct crowd *crowd = context;
    uint64_t ticks = 0;
    uint64_t moved = 0;

    while (!atomic_load(&crowd->stop)) {
        (void)nanosleep(&tick, NULL);
        for (ticks++; moved < ticks * crowd->count / TICKS; moved++)
            move_one(crowd, crowd->descriptors[moved % crowd->count]);
    }
    return NULL;
}

bool
crowd_open(struct crowd *crowd, enum crowd_kind kind, const char *endpoint, uint32_t count,
           struct slice requests)
{
    struct sockaddr_in address;

    memset(crowd, 0, sizeof *crowd);
    crowd->kind = kind;
    if (!parse_address(endpoint, &address)) {
        complain(NULL, "'%s' is no IPv4 address and port", endpoint);
        return false;
    }
    crowd->descriptors = memory_new_array(count, sizeof *crowd->descriptors);
    for (; crowd->count < count; crowd->count++) {
        int descriptor = join(&address, kind, requests);

        if (descriptor < 0) {
            complain(NULL, "cannot open connection %u of %u: %s", crowd->count + 1, count,
                     strerror(errno));
            return false;
        }
        crowd->descriptors[crowd->count] = descriptor;
    }
    if (kind != CROWD_IDLE)
        crowd->driven = pthread_create(&crowd->thread, NULL, drive, crowd) == 0;
    return kind == CROWD_IDLE || crowd->driven;
}

uint32_t
crowd_standing(const struct crowd *crowd)
{
    uint32_t standing = 0;

    for (uint32_t index = 0; index < crowd->count; index++) {
        char byte;
        ssize_t size = recv(crowd->descriptors[index], &byte, 1, MSG_PEEK | MSG_DONTWAIT);

        standing += size > 0 || (size < 0 && errno == EAGAIN);
    }
    return standing;
}

void
crowd_close(struct crowd *crowd)
{
    atomic_store(&crowd->stop, true);
    if (crowd->driven)
        (void)pthread_join(crowd->thread, NULL);
    crowd->driven = false;
    for (uint32_t index = 0; index < crowd->count; index++)
        (void)close(crowd->descriptors[index]);
    crowd->count = 0;
    memory_free(crowd->descriptors);
    crowd->descriptors = NULL;
}
