/* codec.c - what the protocol costs without sockets: from the bytes of a request to those of its
 * reply, on one thread, in CPU time.
 *
 * A ping and the check are of the same size: what a check costs more than a ping are its arguments,
 * its answer and the engine; bench/micro/engine.c has the engine alone. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "bench/micro/micro_world.h"
#include "client/behalf.h"
#include "net/dispatch.h"
#include "net/frame.h"

#define ROUND_NS INT64_C(100000000)
#define AT_ONCE 1000
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)
#define PAYLOAD 48 /* makes a ping as large as the check below */
#define BULK 100

struct codec {
    struct micro_world world;
    struct arena arena;
    struct buffer out;
};

/* [0, 1, method, [arguments]] */
static void
make_frame(const char *method, const struct behalf_writer *arguments, struct buffer *frame)
{
    struct behalf_writer *writer = behalf_writer_new();
    const unsigned char *bytes;
    size_t size;

    behalf_write_array(writer, 4);
    behalf_write_uint(writer, 0);
    behalf_write_uint(writer, 1);
    behalf_write_text(writer, method);
    behalf_write_array(writer, 1);
    bytes = behalf_writer_bytes(arguments, &size);
    behalf_write_raw(writer, bytes, size);
    bytes = behalf_writer_bytes(writer, &size);
    buffer_clear(frame);
    buffer_add(frame, bytes, size);
    behalf_writer_free(writer);
}

static void
put_check(struct behalf_writer *writer)
{
    behalf_write_map(writer, 3);
    behalf_write_text(writer, "resource");
    behalf_write_text(writer, "document:0-17");
    behalf_write_text(writer, "permission");
    behalf_write_text(writer, "view");
    behalf_write_text(writer, "subject");
    behalf_write_text(writer, "user:0-17");
}

static void
scan_once(struct codec *codec, struct slice frame)
{
    struct frame_scanner scanner;

    (void)codec;
    frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
    if (frame_scan(&scanner, frame.data, frame.size) != FRAME_COMPLETE)
        BEHALF_ASSERT(false);
}

static void
dispatch_once(struct codec *codec, struct slice frame)
{
    const struct method_context context = {
        .engine = codec->world.engine, .worker = codec->world.worker, .arena = &codec->arena};
    struct request request;
    enum dispatch_outcome outcome;

    scan_once(codec, frame);
    arena_reset(&codec->arena, ARENA_SIZE);
    buffer_clear(&codec->out);
    outcome = dispatch_frame(&context, frame, &request, &codec->out);
    BEHALF_ASSERT(outcome == DISPATCH_REPLIED);
}

static void
measure(struct codec *codec, const char *what, void (*once)(struct codec *, struct slice),
        const struct buffer *frame, uint32_t items)
{
    double rounds[MICRO_ROUNDS];

    for (size_t round = 0; round < MICRO_ROUNDS; round++) {
        int64_t begun = micro_cpu_ns();
        uint64_t done = 0;

        while (micro_cpu_ns() - begun < ROUND_NS) {
            for (uint32_t index = 0; index < AT_ONCE / items; index++)
                once(codec, buffer_slice(frame));
            done += AT_ONCE / items;
        }
        rounds[round] = (double)(micro_cpu_ns() - begun) / (double)done / items;
    }
    (void)printf("%-44s %6zu bytes in %6zu out %10.0f ns\n", what, frame->size, codec->out.size,
                 micro_median(rounds, MICRO_ROUNDS));
}

int
main(void)
{
    struct behalf_writer *arguments = behalf_writer_new();
    struct workload workload;
    struct codec codec;
    struct buffer frame;
    char payload[PAYLOAD];

    (void)printf("codec: CPU time a request, median of %d rounds\n", MICRO_ROUNDS);
    micro_world_load(&codec.world, "one-hop", 1, &workload);
    arena_init(&codec.arena, ARENA_SIZE);
    buffer_init(&codec.out);
    buffer_init(&frame);
    put_check(arguments);
    make_frame("check", arguments, &frame);
    measure(&codec, "scan of the frame of a check", scan_once, &frame, 1);
    measure(&codec, "check, bytes to bytes", dispatch_once, &frame, 1);
    behalf_writer_clear(arguments);
    memset(payload, 'x', sizeof payload);
    behalf_write_map(arguments, 1);
    behalf_write_text(arguments, "payload");
    behalf_write_string(arguments, payload, sizeof payload);
    make_frame("ping", arguments, &frame);
    measure(&codec, "ping, bytes to bytes", dispatch_once, &frame, 1);
    behalf_writer_clear(arguments);
    behalf_write_map(arguments, 1);
    behalf_write_text(arguments, "items");
    behalf_write_array(arguments, BULK);
    for (int item = 0; item < BULK; item++)
        put_check(arguments);
    make_frame("check_bulk", arguments, &frame);
    measure(&codec, "check_bulk of 100, for each", dispatch_once, &frame, BULK);
    behalf_writer_free(arguments);
    buffer_release(&frame);
    buffer_release(&codec.out);
    arena_release(&codec.arena);
    micro_world_close(&codec.world);
    return 0;
}
