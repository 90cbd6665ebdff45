/* authzen.c - an AuthZEN evaluation over HTTP, beside the metadata document of the same server.
 *
 * Method: clients on loopback keep their connections, each with one request at a time; both
 * requests are asked in turn, in rounds of ROUND_NS, by the wall clock: what the machine does
 * besides costs both alike. The figure is the median of the rounds' ratios. The metadata document
 * is a text that is known: what an evaluation costs more is its JSON and the check. Every answer is
 * compared. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/micro/micro_world.h"
#include "net/http_side.h"

#define ROUND_NS INT64_C(300000000)
#define CONNECTIONS_MAX 16
#define TARGET 0.5

static const char schema[] = "definition user {}\n"
                             "definition group {\n relation member: user | group#member\n}\n"
                             "definition document {\n relation viewer: user | group#member\n"
                             " permission view = viewer\n}\n";
static const char evaluation[] =
    "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"action\":{\"name\":\"view\"},"
    "\"resource\":{\"type\":\"document\",\"id\":\"plan\"}}";

struct asked {
    char request[512];
    const char *answer; /* how it ends */
};

struct client {
    const struct asked *asked;
    int connection;
    int64_t until_ns;
    uint64_t count;
    pthread_t thread;
};

static int
connect_to(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strchr(address, ':');
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;

    BEHALF_ASSERT(colon != NULL && connection >= 0);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BEHALF_ASSERT(connect(connection, (struct sockaddr *)&to, sizeof to) == 0);
    BEHALF_ASSERT(setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
    return connection;
}

/* One request and its whole answer, whose end is known. */
static void
ask_once(struct client *client)
{
    char reply[4096];
    size_t size = strlen(client->asked->request);
    size_t end = strlen(client->asked->answer);
    size_t got = 0;

    BEHALF_ASSERT(send(client->connection, client->asked->request, size, 0) == (ssize_t)size);
    while (got < end || memcmp(reply + got - end, client->asked->answer, end) != 0) {
        ssize_t more = recv(client->connection, reply + got, sizeof reply - got, 0);

        BEHALF_ASSERT(more > 0);
        got += (size_t)more;
    }
    BEHALF_ASSERT(memcmp(reply, "HTTP/1.1 200 ", 13) == 0);
    client->count++;
}

static void *
run_client(void *owner)
{
    struct client *client = owner;

    while (micro_wall_ns() < client->until_ns)
        ask_once(client);
    return NULL;
}

/* Answers a second. */
static double
rate(struct client *clients, size_t count, const struct asked *asked)
{
    int64_t begun = micro_wall_ns();
    uint64_t answers = 0;

    for (size_t index = 0; index < count; index++) {
        clients[index].asked = asked;
        clients[index].count = 0;
        clients[index].until_ns = begun + ROUND_NS;
        BEHALF_ASSERT(pthread_create(&clients[index].thread, NULL, run_client, &clients[index]) ==
                      0);
    }
    for (size_t index = 0; index < count; index++) {
        BEHALF_ASSERT(pthread_join(clients[index].thread, NULL) == 0);
        answers += clients[index].count;
    }
    return (double)answers * 1e9 / (double)(micro_wall_ns() - begun);
}

static void
measure(const char *address, const struct asked asked[2], size_t count)
{
    struct client clients[CONNECTIONS_MAX];
    double rates[2][MICRO_ROUNDS];
    double ratios[MICRO_ROUNDS];
    double ratio;

    for (size_t index = 0; index < count; index++)
        clients[index].connection = connect_to(address);
    for (int round = 0; round < MICRO_ROUNDS; round++) {
        for (int which = 0; which < 2; which++)
            rates[which][round] = rate(clients, count, &asked[which]);
        ratios[round] = rates[1][round] / rates[0][round];
    }
    for (size_t index = 0; index < count; index++)
        BEHALF_ASSERT(close(clients[index].connection) == 0);
    ratio = micro_median(ratios, MICRO_ROUNDS);
    (void)printf("AZ%-2zu %2zu connections: %8.0f evaluations/s, %8.0f metadata/s; ratio %.2f   "
                 ">= %g %s\n",
                 count, count, micro_median(rates[1], MICRO_ROUNDS),
                 micro_median(rates[0], MICRO_ROUNDS), ratio, TARGET,
                 ratio >= TARGET ? "reached" : "missed");
    (void)fflush(stdout);
}

static struct http_side *
open_side(struct micro_world *world, const struct micro_directory *directory)
{
    char path[300];
    const struct http_side_options options = {
        .env = env_system(),
        .engine = world->engine,
        .address = "127.0.0.1:0",
        .authzen_path = path,
    };
    struct http_side *side = NULL;
    struct error error;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/authzen.json", directory->path);
    file = fopen(path, "w");
    BEHALF_ASSERT(file != NULL);
    BEHALF_ASSERT(fputs("{\"policy_decision_point\":\"https://pdp.example.com\"}", file) >= 0);
    BEHALF_ASSERT(fclose(file) == 0);
    micro_must("HTTP", http_side_open(&options, &side, &error), &error);
    micro_must("HTTP", http_side_start(side, &error), &error);
    return side;
}

int
main(void)
{
    static const size_t counts[] = {1, 4, CONNECTIONS_MAX};
    struct asked asked[2] = {{.answer = "/access/v1/search/action\"}"},
                             {.answer = "{\"decision\":true}"}};
    struct micro_directory directory;
    struct micro_world world;
    struct http_side *side;
    const char *address;

    micro_directory_make(&directory);
    micro_world_open(&world, SLICE_LITERAL(schema));
    micro_world_put(&world, "document:plan#viewer@group:eng#member");
    micro_world_put(&world, "group:eng#member@user:ann");
    micro_world_flush(&world);
    side = open_side(&world, &directory);
    address = http_side_address(side);
    (void)snprintf(asked[0].request, sizeof asked[0].request,
                   "GET /.well-known/authzen-configuration HTTP/1.1\r\nHost: %s\r\n\r\n", address);
    (void)snprintf(asked[1].request, sizeof asked[1].request,
                   "POST /access/v1/evaluation HTTP/1.1\r\nHost: %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   address, sizeof evaluation - 1, evaluation);
    for (size_t index = 0; index < BEHALF_COUNT_OF(counts); index++)
        measure(address, asked, counts[index]);
    (void)http_side_drain(side);
    http_side_close(side);
    micro_world_close(&world);
    micro_directory_remove(&directory);
    return 0;
}
