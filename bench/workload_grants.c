/* workload_grants.c - shape "grants": agents that may do nothing but what they were granted.
 *
 * Documents in folders, as people see them. Each chain is a session of a person with an agent and
 * grants from it on to up to three more, for all documents, for those within a folder, or for one;
 * every check shows its chain. The chains are no relationships: they are made before they are asked
 * by (bench/bench_grants.h). */
#include "bench/workload_block.h"

#define PEOPLE 40
#define AGENTS 60
#define CHAINS 40
#define FOLDERS 20
#define FOLDER_MEMBERS 4
#define DOCUMENT_MOST 4

/* The next person who sees the document: each has two targets, `view` is the second. */
static uint32_t
viewer_of(const struct workload_block *block, uint32_t document, uint32_t person)
{
    const struct target *target = &block->targets[2 * (size_t)document + 1];

    while (!set_has(block, target->set, person))
        person = (person + 1) % PEOPLE;
    return person;
}

static void
build_chains(struct workload_block *block, uint32_t documents)
{
    for (uint32_t number = 0; number < CHAINS; number++) {
        struct workload_chain chain = {.subject = bench_random_below(&block->random, PEOPLE),
                                       .count = 1 + bench_random_below(&block->random, CHAIN_MAX),
                                       .holds = true,
                                       .scope = SCOPE_TYPE};

        block_sample(block, AGENTS, chain.agents, chain.count);
        if (number % 4 == 1) {
            chain.scope = SCOPE_FOLDER;
            chain.scoped = bench_random_below(&block->random, FOLDERS);
        } else if (number % 4 == 2) {
            chain.scope = SCOPE_OBJECT;
            chain.scoped = bench_random_below(&block->random, documents);
            chain.subject = viewer_of(block, chain.scoped, chain.subject);
        }
        block_chain(block, &chain);
    }
}

static void
build_document(struct workload_block *block, uint32_t document, const uint32_t *folders)
{
    uint32_t folder = bench_random_below(&block->random, FOLDERS);
    uint32_t edit = set_new(block);
    uint32_t users[3];
    uint32_t view;

    block_sample(block, PEOPLE, users, 3);
    block_put(block, "document", document, "folder", thing_of("folder", folder));
    block_put(block, "document", document, "owner", thing_of("user", users[0]));
    set_add(block, edit, users[0]);
    view = set_copy(block, edit);
    set_join(block, view, folders[folder]);
    for (uint32_t at = 1; at < 3; at++) {
        block_put(block, "document", document, "viewer", thing_of("user", users[at]));
        set_add(block, view, users[at]);
    }
    block_target(block, "document", document, "edit", "user", PEOPLE, edit);
    block_within(block, folder);
    block_target(block, "document", document, "view", "user", PEOPLE, view);
    block_within(block, folder);
}

static void
build(struct workload_block *block)
{
    uint32_t folders[FOLDERS];
    uint32_t document = 0;

    for (uint32_t folder = 0; folder < FOLDERS; folder++) {
        uint32_t members[FOLDER_MEMBERS];

        folders[folder] = set_new(block);
        block_sample(block, PEOPLE, members, FOLDER_MEMBERS);
        for (uint32_t at = 0; at < FOLDER_MEMBERS; at++) {
            block_put(block, "folder", folder, "member", thing_of("user", members[at]));
            set_add(block, folders[folder], members[at]);
        }
    }
    for (; block_room(block) >= DOCUMENT_MOST; document++)
        build_document(block, document, folders);
    build_chains(block, document);
}

const struct workload_shape shape_grants = {
    .name = "grants",
    .summary = "agents by sessions and chains of one to four grants; every check shows its grant",
    .schema = "definition user {}\n\n"
              "definition agent {\n"
              "    permission acts_on_behalf_of = nil\n"
              "}\n\n"
              "definition folder {\n"
              "    relation member: user\n"
              "}\n\n"
              "definition document {\n"
              "    relation folder: folder\n"
              "    relation owner: user\n"
              "    relation viewer: user\n"
              "    permission within = folder\n"
              "    permission edit = owner\n"
              "    permission view = viewer + edit + folder->member\n"
              "}\n",
    .block_size = 1000,
    .population = PEOPLE,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "owner"},
    .filler_subject = "user",
    .build = build,
};
