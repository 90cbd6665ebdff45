/* lookup.c - what lookups cost inside of the process, whole and in pages, through engine.h, from
 * strings.
 *
 * Method: everything asked is resident; a round asks the same over and over for ROUND_NS of the
 * thread's own CPU time; a figure is the median of MICRO_ROUNDS rounds, in CPU time per question.
 * A question in pages is all of its pages together. Answers are counted, and each is an allow. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "bench/micro/micro_world.h"

#define ROUND_NS INT64_C(100000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)
#define ANSWERS 10000
#define MANY_ANSWERS 1000000

static void
print_row(const char *number, const char *what, double us, double target)
{
    (void)printf("%-4s %-62s %10.1f us", number, what, us);
    if (target > 0)
        (void)printf("   <= %-6g %s", target, us <= target ? "reached" : "missed");
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* One lookup of either kind, and what stands on one of its pages. */
struct lookup_question {
    const char *resource_type; /* NULL: lookup subjects of document:d */
    uint32_t page;
    size_t expected; /* answers of all pages, or of those asked */
    size_t pages;    /* to be asked; 0 = all */
};

struct reply {
    size_t count;
    struct engine_token cursor;
};

static void
ask_resources(struct micro_world *world, const struct engine_request *request,
              const struct lookup_question *question, struct reply *reply)
{
    const struct lookup_resources lookup = {
        .resource_type = slice_of(question->resource_type),
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .limit = question->page,
        .cursor = slice_of(reply->cursor.text)};
    struct lookup_resources_result result;
    struct error error;

    micro_must("lookup", engine_lookup_resources(world->worker, request, &lookup, &result, &error),
               &error);
    for (size_t at = 0; at < result.resource_count; at++)
        if (result.resources[at].decision == DECISION_ALLOW)
            reply->count++;
    reply->cursor = result.cursor;
}

static void
ask_subjects(struct micro_world *world, const struct engine_request *request,
             const struct lookup_question *question, struct reply *reply)
{
    const struct lookup_subjects lookup = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("d")},
        .permission = SLICE_LITERAL("view"),
        .subject_type = SLICE_LITERAL("user"),
        .limit = question->page,
        .cursor = slice_of(reply->cursor.text)};
    struct lookup_subjects_result result;
    struct error error;

    micro_must("lookup", engine_lookup_subjects(world->worker, request, &lookup, &result, &error),
               &error);
    for (size_t at = 0; at < result.subject_count; at++)
        if (result.subjects[at].decision == DECISION_ALLOW)
            reply->count++;
    reply->cursor = result.cursor;
}

/* Asks for all pages, one after the other. */
static void
ask(struct micro_world *world, struct arena *arena, const struct lookup_question *question)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct reply reply = {.count = 0};
    size_t pages = 0;

    do {
        arena_reset(arena, ARENA_SIZE);
        if (question->resource_type != NULL)
            ask_resources(world, &request, question, &reply);
        else
            ask_subjects(world, &request, question, &reply);
    } while (++pages != question->pages && reply.cursor.text[0] != '\0');
    if (reply.count != question->expected) {
        (void)fprintf(stderr, "micro: %zu answers instead of %zu\n", reply.count,
                      question->expected);
        exit(1);
    }
}

static double
ask_us(struct micro_world *world, const struct lookup_question *question)
{
    double rounds[MICRO_ROUNDS];
    struct arena arena;

    arena_init(&arena, ARENA_SIZE);
    ask(world, &arena, question); /* makes all of it resident */
    for (size_t round = 0; round < MICRO_ROUNDS; round++) {
        int64_t begun = micro_cpu_ns();
        uint64_t asked = 0;
        int64_t now;

        do {
            ask(world, &arena, question);
            asked++;
            now = micro_cpu_ns();
        } while (now - begun < ROUND_NS);
        rounds[round] = (double)(now - begun) / 1000.0 / (double)asked;
    }
    arena_release(&arena);
    return micro_median(rounds, MICRO_ROUNDS);
}

/* All of it at once, and in 10 and 100 pages: together at most twice as much. */
static void
ask_paged(struct micro_world *world, const char *number, const char *what,
          const char *resource_type, double target)
{
    struct lookup_question question = {
        .resource_type = resource_type, .page = ENGINE_PAGE_MAX, .expected = ANSWERS};
    double whole = ask_us(world, &question);

    print_row(number, what, whole, target);
    question.page = ANSWERS / 10;
    print_row("", "  in 10 pages", ask_us(world, &question), 2 * whole);
    question.page = ANSWERS / 100;
    print_row("", "  in 100 pages", ask_us(world, &question), 2 * whole);
}

/* --- shapes ----------------------------------------------------------------------------------- */

static void
plain_and_intersection(void)
{
    struct lookup_question question = {
        .resource_type = "resource", .page = ENGINE_PAGE_MAX, .expected = 499};
    struct micro_world world;

    micro_world_open(&world,
                     SLICE_LITERAL("definition user {}\n"
                                   "definition organization {\n relation reader: user\n"
                                   " relation banned: user\n permission read = reader - banned\n}\n"
                                   "definition resource {\n relation viewer: user\n"
                                   " relation organization: organization\n"
                                   " permission view = viewer & organization->read\n}\n"
                                   "definition document {\n relation viewer: user\n"
                                   " permission view = viewer\n}\n"));
    micro_world_put(&world, "organization:o0#reader@user:u");
    micro_world_put(&world, "organization:o1#reader@user:u");
    micro_world_put(&world, "organization:o1#banned@user:u");
    for (unsigned resource = 0; resource < 600; resource++) {
        micro_world_put(&world, "resource:r%u#viewer@user:u", resource);
        micro_world_put(&world, "resource:r%u#organization@organization:o%u", resource,
                        resource < 499 ? 0 : 1);
    }
    for (unsigned document = 0; document < ANSWERS; document++)
        micro_world_put(&world, "document:d%u#viewer@user:u", document);
    micro_world_flush(&world);
    print_row("N6", "resources, 499 of 600 through an intersection", ask_us(&world, &question),
              150);
    ask_paged(&world, "N6", "resources, 10,000 plain", "document", 1500);
    micro_world_close(&world);
}

/* Documents less those one is banned from, and documents of which a few stand in a small set. */
static void
operators(void)
{
    struct lookup_question few = {
        .resource_type = "folder", .page = ENGINE_PAGE_MAX, .expected = 10};
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL("definition user {}\n"
                                           "definition document {\n relation viewer: user\n"
                                           " relation banned: user\n"
                                           " permission view = viewer - banned\n}\n"
                                           "definition folder {\n relation viewer: user\n"
                                           " relation editor: user\n"
                                           " permission view = viewer & editor\n}\n"));
    for (unsigned document = 0; document < ANSWERS + 10; document++) {
        micro_world_put(&world, "document:d%u#viewer@user:u", document);
        micro_world_put(&world, "folder:f%u#viewer@user:u", document);
    }
    for (unsigned banned = 0; banned < 10; banned++) {
        micro_world_put(&world, "document:d%u#banned@user:u", 1000 * banned);
        micro_world_put(&world, "folder:f%u#editor@user:u", 1000 * banned);
    }
    micro_world_flush(&world);
    ask_paged(&world, "", "resources, 10,000 of 10,010 through an exclusion", "document", 0);
    print_row("", "resources, 10 of 10,010 through an intersection", ask_us(&world, &few), 0);
    micro_world_close(&world);
}

/* 1,000 groups with ten documents each, and 100 folders in 10 with 100 notes each. */
static void
memberships(void)
{
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL("definition user {}\n"
                                           "definition group {\n relation member: user\n}\n"
                                           "definition document {\n relation viewer: group#member\n"
                                           " permission view = viewer\n}\n"
                                           "definition folder {\n relation parent: folder\n"
                                           " relation viewer: user\n"
                                           " permission view = viewer + parent->view\n}\n"
                                           "definition note {\n relation parent: folder\n"
                                           " permission view = parent->view\n}\n"));
    for (unsigned group = 0; group < 1000; group++) {
        micro_world_put(&world, "group:g%u#member@user:u", group);
        for (unsigned document = 0; document < ANSWERS / 1000; document++)
            micro_world_put(&world, "document:d%u-%u#viewer@group:g%u#member", group, document,
                            group);
    }
    for (unsigned folder = 0; folder < 100; folder++) {
        if (folder < 10)
            micro_world_put(&world, "folder:f%u#viewer@user:u", folder);
        else
            micro_world_put(&world, "folder:f%u#parent@folder:f%u", folder, folder % 10);
        for (unsigned note = 0; note < ANSWERS / 100; note++)
            micro_world_put(&world, "note:n%u-%u#parent@folder:f%u", folder, note, folder);
    }
    micro_world_flush(&world);
    ask_paged(&world, "", "resources, 10,000 through 1,000 groups", "document", 0);
    ask_paged(&world, "", "resources, 10,000 in folders of folders", "note", 0);
    micro_world_close(&world);
}

static void
subjects(void)
{
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL("definition user {}\n"
                                           "definition group {\n relation member: user\n}\n"
                                           "definition document {\n"
                                           " relation viewer: user | group#member\n"
                                           " permission view = viewer\n}\n"));
    for (unsigned group = 0; group < 100; group++) {
        micro_world_put(&world, "document:d#viewer@group:g%u#member", group);
        for (unsigned user = 0; user < ANSWERS / 100; user++)
            micro_world_put(&world, "group:g%u#member@user:u%u-%u", group, group, user);
    }
    micro_world_flush(&world);
    ask_paged(&world, "", "subjects, 10,000 in 100 groups", NULL, 0);
    micro_world_close(&world);
}

static void
many(void)
{
    struct lookup_question question = {
        .resource_type = "document", .page = 1000, .expected = 1000, .pages = 1};
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL("definition user {}\n"
                                           "definition document {\n relation viewer: user\n"
                                           " permission view = viewer\n}\n"));
    for (unsigned document = 0; document < MANY_ANSWERS; document++)
        micro_world_put(&world, "document:d%u#viewer@user:u", document);
    micro_world_flush(&world);
    print_row("", "resources, the first 1,000 of 1,000,000", ask_us(&world, &question), 0);
    question.pages = 10;
    question.expected = 10000;
    print_row("", "  the first ten such pages", ask_us(&world, &question), 0);
    micro_world_close(&world);
}

int
main(void)
{
    (void)printf("lookup: CPU time a question, median of %d rounds\n", MICRO_ROUNDS);
    plain_and_intersection();
    operators();
    memberships();
    subjects();
    many();
    return 0;
}
