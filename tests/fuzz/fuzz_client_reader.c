/* fuzz_client_reader.c - the client against a server that may send anything: first its reader alone
 * (any split of the bytes gives the same end, no accessor passes it), then a whole connection,
 * where each reply handed out is one that was asked for, once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client_internal.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_LIMIT ((size_t)1 << 16)
#define VALUES_WALKED 4096 /* of one input; looking up keys makes it quadratic */
#define REQUESTS 8U

static int listening = -1;
static char endpoint[64];
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void
remove_socket(void)
{
    (void)unlink(address.sun_path);
}

int
LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/tmp/behalf-fuzz-%d", (int)getpid());
    (void)snprintf(endpoint, sizeof endpoint, "unix:%s", address.sun_path);
    remove_socket();
    (void)atexit(remove_socket);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BEHALF_ASSERT(bind(listening, (const struct sockaddr *)&address, sizeof address) == 0);
    BEHALF_ASSERT(listen(listening, 1) == 0);
    return 0;
}

static void
read_scalars(struct behalf_value value)
{
    const char *text;
    size_t size;
    uint64_t whole;
    int64_t negative;
    double real;
    bool truth;

    if (behalf_value_string(value, &text, &size)) {
        BEHALF_ASSERT((const unsigned char *)text >= value.bytes);
        BEHALF_ASSERT((const unsigned char *)text + size <= value.bytes + value.size);
    }
    if (behalf_value_uint(value, &whole) && behalf_value_int(value, &negative))
        BEHALF_ASSERT(whole == (uint64_t)negative);
    (void)behalf_value_double(value, &real);
    (void)behalf_value_bool(value, &truth);
}

/* Every value in `bytes`, whatever container it is in: heads one behind the other. */
static void
walk(struct behalf_value whole)
{
    for (size_t walked = 0; whole.size > 0 && walked < VALUES_WALKED; walked++) {
        struct behalf_value rest = {NULL, 0};
        struct behalf_value item;
        uint32_t items;

        read_scalars(whole);
        (void)behalf_value_get(whole, "decision");
        if (behalf_value_array(whole, &items, &rest) || behalf_value_map(whole, &items, &rest)) {
            BEHALF_ASSERT(items <= rest.size);
            whole = rest;
        } else if (behalf_value_next(&whole, &item)) {
            BEHALF_ASSERT(item.size > 0);
        } else {
            return;
        }
    }
}

static void
scan_in_pieces(const uint8_t *data, size_t size)
{
    enum client_scan_result state = CLIENT_SCAN_MORE;
    enum client_scan_result whole;
    struct client_scan scan;
    size_t end;

    client_scan_start(&scan);
    whole = client_scan_go(&scan, data, size, SIZE_LIMIT);
    end = scan.at;
    BEHALF_ASSERT(end <= size);
    if (whole == CLIENT_SCAN_WHOLE)
        BEHALF_ASSERT(behalf_value_measure(data, size) == end);
    client_scan_start(&scan);
    for (size_t here = 0; state == CLIENT_SCAN_MORE && here < size;) {
        here += 1 + data[here] % 13U;
        state = client_scan_go(&scan, data, here < size ? here : size, SIZE_LIMIT);
    }
    BEHALF_ASSERT(state == whole);
    BEHALF_ASSERT(whole != CLIENT_SCAN_WHOLE || scan.at == end);
}

static void
take_replies(struct behalf_client *client)
{
    uint32_t taken = 0; /* bit n: the reply to request n */
    struct behalf_reply *reply;
    struct behalf_error error;

    while (behalf_next(client, &reply, &error) == BEHALF_SUCCESS) {
        uint32_t id = behalf_reply_id(reply);

        BEHALF_ASSERT(id < REQUESTS && (taken & (1U << id)) == 0);
        taken |= 1U << id;
        if (behalf_reply_check(reply, &error) == BEHALF_SUCCESS)
            walk(behalf_reply_result(reply));
        else
            BEHALF_ASSERT(error.status == BEHALF_FAILED_SERVER);
        behalf_reply_free(reply);
    }
    BEHALF_ASSERT(error.status != BEHALF_SUCCESS && error.status != BEHALF_FAILED_TIMEOUT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct behalf_options options = {.reply_size_max = SIZE_LIMIT};
    struct behalf_client *client;
    struct behalf_error error;
    int server;

    scan_in_pieces(data, size);
    walk((struct behalf_value){data, size});
    (void)client_error_read(&error, (struct behalf_value){data, size});
    if (size == 0 || size > SIZE_LIMIT)
        return 0;
    BEHALF_ASSERT(behalf_connect(endpoint, &options, &client, &error) == BEHALF_SUCCESS);
    server = accept(listening, NULL, NULL);
    BEHALF_ASSERT(server >= 0);
    for (unsigned count = 0; count < REQUESTS; count++)
        BEHALF_ASSERT(behalf_submit(client, "ping", NULL, NULL, &error) == BEHALF_SUCCESS);
    BEHALF_ASSERT(behalf_flush(client, &error) == BEHALF_SUCCESS);
    BEHALF_ASSERT(send(server, data, size, MSG_NOSIGNAL) == (ssize_t)size);
    BEHALF_ASSERT(shutdown(server, SHUT_WR) == 0);
    take_replies(client);
    behalf_close(client);
    (void)close(server);
    return 0;
}
