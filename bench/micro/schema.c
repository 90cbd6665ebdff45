/* schema.c - what compiling a schema costs: those of the workloads, and one of 500 definitions.
 * CPU time, median of MICRO_ROUNDS rounds. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/micro_world.h"
#include "schema/schema.h"

#define ROUND_NS INT64_C(100000000)
#define DEFINITIONS 500

static void
measure(const char *name, struct slice text)
{
    double rounds[MICRO_ROUNDS];

    for (size_t round = 0; round < MICRO_ROUNDS; round++) {
        int64_t begun = micro_cpu_ns();
        uint64_t compiled = 0;

        while (micro_cpu_ns() - begun < ROUND_NS) {
            struct schema *schema = NULL;
            struct error error;

            micro_must("compile", schema_compile(text, &schema, &error), &error);
            schema_unref(schema);
            compiled++;
        }
        rounds[round] = (double)(micro_cpu_ns() - begun) / 1000.0 / (double)compiled;
    }
    (void)printf("%-22s %8zu bytes %10.1f us\n", name, text.size,
                 micro_median(rounds, MICRO_ROUNDS));
}

int
main(void)
{
    static const char *const names[] = {"one-hop", "drive", "github", "agents"};
    struct buffer text;

    (void)printf("schema: CPU time to compile, median of %d rounds\n", MICRO_ROUNDS);
    buffer_init(&text);
    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        struct workload workload;

        buffer_clear(&text);
        if (!workload_open(names[index], 1, 1, 0, &workload) || !workload_schema(&workload, &text))
            exit(1);
        measure(names[index], buffer_slice(&text));
    }
    buffer_clear(&text);
    buffer_add_text(&text, "definition user {}\n");
    for (int number = 0; number < DEFINITIONS; number++)
        buffer_add_format(
            &text,
            "definition type%d {\n    relation parent: type%d\n    relation owner: user\n"
            "    relation viewer: user | user:*\n    relation banned: user\n"
            "    permission edit = owner + parent->edit\n"
            "    permission view = (viewer + edit + parent->view) - banned\n}\n",
            number, number > 0 ? number - 1 : 0);
    measure("500 definitions", buffer_slice(&text));
    buffer_release(&text);
    return 0;
}
