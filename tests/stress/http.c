/* http.c - replies and streams from several threads while peers come, close, half-close and reset.
 * Every exchange that was handed over is answered, exactly once, whatever its peer did; peers that
 * stay read exactly what was written for them; the server drains in time and nothing is left. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "http/http.h"

#define ANSWERERS 3
#define PEERS 4
#define ROUNDS 400
#define QUEUE_MAX 4096
#define EVENTS 20

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *waiting[QUEUE_MAX];
    size_t first;
    size_t count;
    bool ends;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct http_server *server;
static atomic_uint handled;
static atomic_uint answered;
static atomic_uint gone_told;
static atomic_uint whole; /* replies that honest peers read to their end */

static void
handle(void *owner, struct http_exchange *exchange)
{
    (void)owner;
    atomic_fetch_add(&handled, 1);
    (void)pthread_mutex_lock(&queue.lock);
    BEHALF_ASSERT(queue.count - queue.first < QUEUE_MAX);
    queue.waiting[queue.count++ % QUEUE_MAX] = exchange;
    (void)pthread_cond_signal(&queue.changed);
    (void)pthread_mutex_unlock(&queue.lock);
}

static void
gone(void *owner, struct http_exchange *exchange)
{
    (void)owner;
    BEHALF_ASSERT(http_exchange_is_gone(exchange));
    atomic_fetch_add(&gone_told, 1);
}

static struct http_exchange *
take(void)
{
    struct http_exchange *exchange = NULL;

    (void)pthread_mutex_lock(&queue.lock);
    while (queue.first == queue.count && !queue.ends)
        (void)pthread_cond_wait(&queue.changed, &queue.lock);
    if (queue.first < queue.count)
        exchange = queue.waiting[queue.first++ % QUEUE_MAX];
    (void)pthread_mutex_unlock(&queue.lock);
    return exchange;
}

static void
stream(struct http_exchange *exchange)
{
    static const struct http_response head = {.status = 200, .type = {"text/event-stream", 17}};
    bool goes_on = http_stream_begin(exchange, &head);

    for (int at = 0; goes_on && at < EVENTS; at++)
        goes_on = http_stream_write(exchange, SLICE_LITERAL("data: 1\n\n"));
    http_stream_end(exchange);
}

static void *
run_answerer(void *context)
{
    struct http_exchange *exchange;

    (void)context;
    while ((exchange = take()) != NULL) {
        const struct http_request *request = http_exchange_request(exchange);

        if (slice_equal(request->path, SLICE_LITERAL("/stream")))
            stream(exchange);
        else
            http_respond(exchange, &(struct http_response){.status = 200, .body = request->body});
        atomic_fetch_add(&answered, 1);
    }
    return NULL;
}

/* --- peers --- */

static int
connect_peer(void)
{
    const char *colon = strrchr(http_server_address(server), ':');
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    BEHALF_ASSERT(fd >= 0);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    BEHALF_ASSERT(connect(fd, (struct sockaddr *)(void *)&to, sizeof to) == 0);
    return fd;
}

static void
send_text(int fd, const char *text)
{
    BEHALF_ASSERT(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Reads until what came ends with `end`. */
static void
read_until(int fd, const char *end)
{
    char bytes[8192];
    size_t size = 0;

    while (size < strlen(end) || memcmp(bytes + size - strlen(end), end, strlen(end)) != 0) {
        ssize_t count = recv(fd, bytes + size, sizeof bytes - size, 0);

        BEHALF_ASSERT(count > 0);
        size += (size_t)count;
    }
    atomic_fetch_add(&whole, 1);
}

static void
leave(int fd, unsigned how)
{
    const struct linger reset = {.l_onoff = 1};

    if (how == 1)
        (void)shutdown(fd, SHUT_WR);
    if (how == 2)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
}

static void *
run_peer(void *context)
{
    unsigned seed = *(const unsigned *)context;

    for (unsigned round = 0; round < ROUNDS; round++) {
        int fd = connect_peer();

        if (round % 2 == 0) {
            send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                          "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
            read_until(fd, "\r\n0\r\n\r\n");
        } else {
            send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\n");
            if ((round + seed) % 3 == 0)
                (void)poll(NULL, 0, 1);
        }
        leave(fd, (round / 2 + seed) % 3);
    }
    return NULL;
}

int
main(void)
{
    static const char *const authorities[] = {"a"};
    const struct http_options options = {.env = env_system(),
                                         .address = "127.0.0.1:0",
                                         .authorities = authorities,
                                         .authority_count = 1,
                                         .handle = handle,
                                         .gone = gone};
    pthread_t answerers[ANSWERERS];
    pthread_t peers[PEERS];
    unsigned seeds[PEERS];
    struct error error;
    struct http_stats stats;

    BEHALF_ASSERT(http_server_open(&options, &server, &error) == BEHALF_OK);
    BEHALF_ASSERT(http_server_start(server, &error) == BEHALF_OK);
    for (size_t at = 0; at < ANSWERERS; at++)
        BEHALF_ASSERT(pthread_create(&answerers[at], NULL, run_answerer, NULL) == 0);
    for (unsigned at = 0; at < PEERS; at++) {
        seeds[at] = at;
        BEHALF_ASSERT(pthread_create(&peers[at], NULL, run_peer, &seeds[at]) == 0);
    }
    for (size_t at = 0; at < PEERS; at++)
        (void)pthread_join(peers[at], NULL);
    BEHALF_ASSERT(http_server_drain(server));
    (void)pthread_mutex_lock(&queue.lock);
    queue.ends = true;
    (void)pthread_cond_broadcast(&queue.changed);
    (void)pthread_mutex_unlock(&queue.lock);
    for (size_t at = 0; at < ANSWERERS; at++)
        (void)pthread_join(answerers[at], NULL);
    http_server_stats(server, &stats);
    BEHALF_ASSERT(atomic_load(&answered) == atomic_load(&handled));
    BEHALF_ASSERT(stats.requests == atomic_load(&handled));
    BEHALF_ASSERT(atomic_load(&whole) == PEERS * ROUNDS / 2);
    http_server_close(server);
    printf("http: %u exchanges, %u peers gone, %u replies whole\n", atomic_load(&handled),
           atomic_load(&gone_told), atomic_load(&whole));
    return 0;
}
