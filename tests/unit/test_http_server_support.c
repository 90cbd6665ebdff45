/* test_http_server_support.c - the server under test, its answerer and its peers. */
#include "tests/unit/test_http_server_support.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAKEN_MAX 1024
#define PATIENCE_S 10

struct http_options http_options;
struct http_verdict http_verdict;
struct http_server *http_server;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *waiting[TAKEN_MAX];
    size_t first;
    size_t count;
    unsigned gone;
    unsigned handled;
} mailbox = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static atomic_int_fast64_t clock_ns;

static int64_t
read_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ns);
}

void
http_advance(double seconds)
{
    atomic_fetch_add(&clock_ns, (int64_t)(seconds * 1e9));
}

static struct http_verdict
judge(void *owner, const struct http_request *head)
{
    (void)owner;
    cr_assert_eq(head->body.size, 0);
    return http_verdict;
}

static void
echo(struct http_exchange *exchange)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};
    const struct http_request *request = http_exchange_request(exchange);
    struct buffer body;

    buffer_init(&body);
    buffer_add_format(&body, "%s %.*s ", methods[request->method], SLICE_PRINTF(request->path));
    buffer_add_slice(&body, request->body);
    http_respond(exchange, &(struct http_response){.status = 200, .body = buffer_slice(&body)});
    buffer_release(&body);
}

static void
handle(void *owner, struct http_exchange *exchange)
{
    struct slice path = http_exchange_request(exchange)->path;

    (void)owner;
    (void)pthread_mutex_lock(&mailbox.lock);
    mailbox.handled++;
    if (slice_starts_with(path, SLICE_LITERAL("/later"))) {
        mailbox.waiting[mailbox.count++ % TAKEN_MAX] = exchange;
        (void)pthread_cond_broadcast(&mailbox.changed);
        exchange = NULL;
    }
    (void)pthread_mutex_unlock(&mailbox.lock);
    if (exchange != NULL)
        echo(exchange);
}

static void
gone(void *owner, struct http_exchange *exchange)
{
    (void)owner;
    cr_assert(http_exchange_is_gone(exchange));
    (void)pthread_mutex_lock(&mailbox.lock);
    mailbox.gone++;
    (void)pthread_cond_broadcast(&mailbox.changed);
    (void)pthread_mutex_unlock(&mailbox.lock);
}

/* --- life --- */

static struct env env;
static const char *const authorities[] = {"test"};

void
http_reset(void)
{
    atomic_store(&clock_ns, INT64_C(1000000000));
    env = *env_system();
    env.monotonic_ns = read_clock;
    http_verdict = (struct http_verdict){.body_max = 64 * 1024};
    http_options = (struct http_options){
        .env = &env,
        .address = "127.0.0.1:0",
        .authorities = authorities,
        .authority_count = 1,
        .judge = judge,
        .handle = handle,
        .gone = gone,
    };
}

void
http_begin(void)
{
    struct error error;

    cr_assert_eq(http_server_open(&http_options, &http_server, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_eq(http_server_start(http_server, &error), BEHALF_OK);
}

void
http_end(void)
{
    struct http_stats stats;

    cr_assert(http_server_drain(http_server));
    http_server_stats(http_server, &stats);
    cr_assert_eq(stats.connections, 0);
    http_server_close(http_server);
    http_server = NULL;
}

/* --- answering --- */

static void
wait_changed(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    cr_assert_eq(pthread_cond_timedwait(&mailbox.changed, &mailbox.lock, &until), 0,
                 "nothing happened");
}

struct http_exchange *
http_take(void)
{
    struct http_exchange *taken;

    (void)pthread_mutex_lock(&mailbox.lock);
    while (mailbox.first == mailbox.count)
        wait_changed();
    taken = mailbox.waiting[mailbox.first++ % TAKEN_MAX];
    (void)pthread_mutex_unlock(&mailbox.lock);
    return taken;
}

void
http_wait_gone(unsigned count)
{
    (void)pthread_mutex_lock(&mailbox.lock);
    while (mailbox.gone < count)
        wait_changed();
    (void)pthread_mutex_unlock(&mailbox.lock);
}

static unsigned
read_counter(const unsigned *counter)
{
    unsigned value;

    (void)pthread_mutex_lock(&mailbox.lock);
    value = *counter;
    (void)pthread_mutex_unlock(&mailbox.lock);
    return value;
}

unsigned
http_gone_count(void)
{
    return read_counter(&mailbox.gone);
}

unsigned
http_handled_count(void)
{
    return read_counter(&mailbox.handled);
}

void
http_answer(struct http_exchange *exchange, const char *body)
{
    http_respond(exchange, &(struct http_response){.status = 200, .body = slice_of(body)});
}

/* --- peers --- */

int
http_connect_from(const char *address)
{
    const char *colon = strrchr(http_server_address(http_server), ':');
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
    cr_assert_eq(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    cr_assert_eq(bind(fd, (struct sockaddr *)(void *)&from, sizeof from), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)(void *)&to, sizeof to), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

int
http_connect(void)
{
    return http_connect_from("127.0.0.1");
}

void
http_send(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* the server closed: what it says is still to be read */
        bytes = (struct slice){bytes.data + sent, bytes.size - (size_t)sent};
    }
}

void
http_send_text(int fd, const char *text)
{
    http_send(fd, slice_of(text));
}

/* False at the end. */
static bool
receive_some(int fd, struct buffer *out, size_t size)
{
    ssize_t count = recv(fd, buffer_reserve(out, size), size, 0);

    cr_assert_geq(count, 0, "%s behind %zu bytes: %s", strerror(errno), out->size, out->data);
    buffer_added(out, (size_t)count);
    return count > 0;
}

void
http_receive(int fd, struct buffer *out, size_t size)
{
    size_t end = out->size + size;

    while (out->size < end && receive_some(fd, out, end - out->size))
        continue;
}

void
http_receive_all(int fd, struct buffer *out)
{
    while (receive_some(fd, out, 65536))
        continue;
}

const char *
http_reply(int fd)
{
    static char text[65536];
    struct buffer out;
    const char *length;

    buffer_init(&out);
    while (strstr(out.data, "\r\n\r\n") == NULL && receive_some(fd, &out, 1))
        continue;
    length = strstr(out.data, "Content-Length: ");
    if (length != NULL)
        http_receive(fd, &out, strtoul(length + strlen("Content-Length: "), NULL, 10));
    cr_assert_lt(out.size, sizeof text);
    memcpy(text, out.data, out.size + 1);
    buffer_release(&out);
    return text;
}

void
http_expect(int fd, const char *reply)
{
    struct buffer out;

    buffer_init(&out);
    http_receive(fd, &out, strlen(reply));
    cr_assert_str_eq(out.data, reply);
    buffer_release(&out);
}

void
http_expect_close(int fd)
{
    struct buffer out;

    buffer_init(&out);
    http_receive_all(fd, &out);
    cr_assert_eq(out.size, 0, "more came: %s", out.data);
    buffer_release(&out);
    (void)close(fd);
}

void
http_expect_status(int fd, const char *line)
{
    struct buffer out;

    buffer_init(&out);
    http_receive_all(fd, &out);
    cr_assert(slice_starts_with(buffer_slice(&out), slice_of(line)), "%s instead of %s", out.data,
              line);
    cr_assert_eq(strstr(out.data + 1, "HTTP/1.1 2"), NULL, "two replies: %s", out.data);
    cr_assert_neq(strstr(out.data, "\r\nConnection: close\r\n"), NULL, "%s", out.data);
    buffer_release(&out);
    (void)close(fd);
}

void
http_settle(void)
{
    int fd = http_connect();

    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    (void)http_reply(fd);
    (void)close(fd);
}
