/* workload_agents.c - shapes "agents" and "delegated": software that acts for people.
 *
 * In "agents" the schema itself says what an agent may do: users delegate to agents, fully or for
 * reading, agents to helpers up to three deep, and documents and workspaces can shut agents out.
 * In "delegated" it does not: an agent acts on behalf of a user, an agent of another agent, and
 * each check names the chain it comes through. */
#include "bench/workload_block.h"

/* --- agents ----------------------------------------------------------------------------------- */

#define USERS 40
#define AGENTS 60
#define TIER 15 /* agents of a tier; each but those of the first helps two of the tier before */
#define HELPED 2
#define MEMBERS 12
#define DISABLED 2
#define VIEWERS_MOST 3
#define DOCUMENT_MOST (4 + VIEWERS_MOST) /* relationships that one document may have */

struct workspace {
    uint32_t helpers[AGENTS];
    uint32_t acts[USERS];  /* agents that may do all that the user may */
    uint32_t reads[USERS]; /* agents that may read */
    uint32_t enter;        /* users */
    uint32_t agent_edit;
    uint32_t agent_read;
    uint32_t disabled;
};

static void
build_helpers(struct workload_block *block, struct workspace *space)
{
    for (uint32_t agent = 0; agent < AGENTS; agent++)
        space->helpers[agent] = set_new(block);
    /* From the last tier up: the helpers of a helper are known before they are passed on. */
    for (uint32_t agent = AGENTS - 1; agent >= TIER; agent--) {
        uint32_t above[HELPED];

        block_sample(block, TIER, above, HELPED);
        for (uint32_t at = 0; at < HELPED; at++) {
            uint32_t helped = agent / TIER * TIER - TIER + above[at];

            if (bench_random_chance(&block->random, 50)) {
                block_put(block, "agent", helped, "helper", thing_of("agent", agent));
                set_add(block, space->helpers[helped], agent);
            } else {
                block_put(block, "agent", helped, "helper", thing_set("agent", agent, "helper"));
                set_join(block, space->helpers[helped], space->helpers[agent]);
            }
        }
    }
}

/* A user gives two agents, or their helpers, a right to act. */
static void
delegate(struct workload_block *block, const struct workspace *space, uint32_t user,
         const char *relation, uint32_t set)
{
    uint32_t agents[2];

    block_sample(block, AGENTS, agents, 2);
    for (uint32_t at = 0; at < 2; at++) {
        if (bench_random_chance(&block->random, 50)) {
            block_put(block, "user", user, relation, thing_of("agent", agents[at]));
            set_add(block, set, agents[at]);
        } else {
            block_put(block, "user", user, relation, thing_set("agent", agents[at], "helper"));
            set_join(block, set, space->helpers[agents[at]]);
        }
    }
}

static void
build_workspace(struct workload_block *block, struct workspace *space)
{
    uint32_t users[1 + MEMBERS];
    uint32_t disabled[DISABLED];

    for (uint32_t user = 0; user < USERS; user++) {
        space->acts[user] = set_new(block);
        delegate(block, space, user, "delegate", space->acts[user]);
        space->reads[user] = set_copy(block, space->acts[user]);
        delegate(block, space, user, "read_delegate", space->reads[user]);
    }
    space->enter = set_new(block);
    space->agent_edit = set_new(block);
    space->agent_read = set_new(block);
    space->disabled = set_new(block);
    block_sample(block, USERS, users, 1 + MEMBERS);
    for (uint32_t at = 0; at < 1 + MEMBERS; at++) {
        block_put(block, "workspace", 0, at == 0 ? "admin" : "member", thing_of("user", users[at]));
        set_add(block, space->enter, users[at]);
        set_join(block, space->agent_read, space->reads[users[at]]);
    }
    set_join(block, space->agent_edit, space->acts[users[0]]);
    block_sample(block, AGENTS, disabled, DISABLED);
    for (uint32_t at = 0; at < DISABLED; at++) {
        block_put(block, "workspace", 0, "disabled_agent", thing_of("agent", disabled[at]));
        set_add(block, space->disabled, disabled[at]);
    }
}

/* Who may edit and view a document: users, and agents for them. */
struct access {
    uint32_t edit;
    uint32_t view;
    uint32_t agent_edit;
    uint32_t agent_view;
};

static void
give(struct workload_block *block, const struct workspace *space, uint32_t document,
     const char *relation, uint32_t user, const struct access *access)
{
    block_put(block, "document", document, relation, thing_of("user", user));
    set_add(block, access->view, user);
    set_join(block, access->agent_view, space->reads[user]);
}

static void
give_edit(struct workload_block *block, const struct workspace *space, uint32_t document,
          const char *relation, const struct access *access)
{
    uint32_t user = bench_random_below(&block->random, USERS);

    give(block, space, document, relation, user, access);
    set_add(block, access->edit, user);
    set_join(block, access->agent_edit, space->acts[user]);
}

static void
build_agents_document(struct workload_block *block, const struct workspace *space,
                      uint32_t document)
{
    struct access access = {set_new(block), set_new(block), set_new(block), set_new(block)};
    uint32_t viewers[VIEWERS_MOST];
    uint32_t viewer_count = bench_random_below(&block->random, VIEWERS_MOST + 1);

    give_edit(block, space, document, "owner", &access);
    if (bench_random_chance(&block->random, 50))
        give_edit(block, space, document, "editor", &access);
    block_sample(block, USERS, viewers, viewer_count);
    for (uint32_t at = 0; at < viewer_count; at++)
        give(block, space, document, "viewer", viewers[at], &access);
    if (bench_random_chance(&block->random, 40)) {
        block_put(block, "document", document, "workspace", thing_of("workspace", 0));
        set_join(block, access.view, space->enter);
        set_join(block, access.agent_edit, space->agent_edit);
        set_join(block, access.agent_view, space->agent_read);
        set_subtract(block, access.agent_edit, space->disabled);
        set_subtract(block, access.agent_view, space->disabled);
    }
    if (bench_random_chance(&block->random, 30)) {
        uint32_t agent = bench_random_below(&block->random, AGENTS);
        uint32_t blocked = set_new(block);

        block_put(block, "document", document, "blocked_agent", thing_of("agent", agent));
        set_add(block, blocked, agent);
        set_subtract(block, access.agent_edit, blocked);
        set_subtract(block, access.agent_view, blocked);
    }
    block_target(block, "document", document, "edit", "user", USERS, access.edit);
    block_target(block, "document", document, "view", "user", USERS, access.view);
    block_target(block, "document", document, "agent_edit", "agent", AGENTS, access.agent_edit);
    /* Most of what agents do is reading. */
    for (uint32_t times = 0; times < 3; times++)
        block_target(block, "document", document, "agent_view", "agent", AGENTS, access.agent_view);
}

static void
build_agents(struct workload_block *block)
{
    struct workspace space;

    build_helpers(block, &space);
    build_workspace(block, &space);
    for (uint32_t document = 0; block_room(block) >= DOCUMENT_MOST; document++)
        build_agents_document(block, &space, document);
}

const struct workload_shape shape_agents = {
    .name = "agents",
    .summary = "documents that agents read and edit for the users who delegate to them",
    .schema = "definition user {\n"
              "    relation delegate: agent | agent#helper\n"
              "    relation read_delegate: agent | agent#helper\n"
              "    permission act_read = delegate + read_delegate\n"
              "}\n\n"
              "definition agent {\n"
              "    relation helper: agent | agent#helper\n"
              "}\n\n"
              "definition workspace {\n"
              "    relation admin: user\n"
              "    relation member: user\n"
              "    relation disabled_agent: agent\n"
              "    permission enter = admin + member\n"
              "    permission agent_edit = admin->delegate\n"
              "    permission agent_read = admin->act_read + member->act_read\n"
              "}\n\n"
              "definition document {\n"
              "    relation workspace: workspace\n"
              "    relation owner: user\n"
              "    relation editor: user\n"
              "    relation viewer: user\n"
              "    relation blocked_agent: agent\n"
              "    permission edit = owner + editor\n"
              "    permission view = viewer + edit + workspace->enter\n"
              "    permission agent_edit = (owner->delegate + editor->delegate +"
              " workspace->agent_edit) - blocked_agent - workspace->disabled_agent\n"
              "    permission agent_view = (owner->act_read + editor->act_read + viewer->act_read +"
              " workspace->agent_read) - blocked_agent - workspace->disabled_agent\n"
              "}\n",
    .block_size = 1000,
    .population = AGENTS,
    .lookup_type = "document",
    .lookup_permission = "agent_view",
    .filler_resource = {"document", 0, "owner"},
    .filler_subject = "user",
    .build = build_agents,
};

/* --- delegated -------------------------------------------------------------------------------- */

#define PEOPLE 40
#define ACTORS 90 /* three tiers of 30: the first acts for people, each other for the one before */
#define ACTOR_TIER 30
#define ACTED_FOR 2
#define CHAINS 200
#define HOPS_MAX 3
#define DELEGATED_FOLDERS 20
#define DELEGATED_DOCUMENT_MOST 4

struct delegation {
    uint32_t acts_for[ACTORS][ACTED_FOR]; /* people for the first tier, agents for the others */
};

static void
build_delegation(struct workload_block *block, struct delegation *delegation)
{
    for (uint32_t agent = 0; agent < ACTORS; agent++) {
        uint32_t tier = agent / ACTOR_TIER;

        block_sample(block, tier == 0 ? PEOPLE : ACTOR_TIER, delegation->acts_for[agent],
                     ACTED_FOR);
        for (uint32_t at = 0; at < ACTED_FOR; at++) {
            uint32_t *whom = &delegation->acts_for[agent][at];

            if (tier > 0)
                *whom += (tier - 1) * ACTOR_TIER;
            block_put(block, "agent", agent, "acts_on_behalf_of",
                      thing_of(tier == 0 ? "user" : "agent", *whom));
        }
    }
}

/* From an agent of tier `length` down to a person; a quarter has one hop that nobody wrote. */
static void
build_chain(struct workload_block *block, const struct delegation *delegation)
{
    struct workload_chain chain = {.count = 1 + bench_random_below(&block->random, HOPS_MAX),
                                   .holds = true};
    uint32_t broken = bench_random_chance(&block->random, 25)
                          ? bench_random_below(&block->random, chain.count)
                          : HOPS_MAX;
    uint32_t agent =
        (chain.count - 1) * ACTOR_TIER + bench_random_below(&block->random, ACTOR_TIER);

    for (uint32_t at = chain.count; at-- > 0;) {
        const uint32_t *whom = delegation->acts_for[agent];
        uint32_t next = whom[bench_random_below(&block->random, ACTED_FOR)];

        chain.agents[at] = agent;
        if (at == broken) {
            uint32_t first = at == 0 ? 0 : (at - 1) * ACTOR_TIER;

            do
                next = first + bench_random_below(&block->random, at == 0 ? PEOPLE : ACTOR_TIER);
            while (next == whom[0] || next == whom[1]);
            chain.holds = false;
        }
        agent = next;
    }
    chain.subject = agent;
    block_chain(block, &chain);
}

static void
build_delegated(struct workload_block *block)
{
    struct delegation delegation;
    uint32_t folders[DELEGATED_FOLDERS];

    build_delegation(block, &delegation);
    for (uint32_t chain = 0; chain < CHAINS; chain++)
        build_chain(block, &delegation);
    for (uint32_t folder = 0; folder < DELEGATED_FOLDERS; folder++) {
        uint32_t members[4];

        folders[folder] = set_new(block);
        block_sample(block, PEOPLE, members, 4);
        for (uint32_t at = 0; at < 4; at++) {
            block_put(block, "folder", folder, "member", thing_of("user", members[at]));
            set_add(block, folders[folder], members[at]);
        }
    }
    for (uint32_t document = 0; block_room(block) >= DELEGATED_DOCUMENT_MOST; document++) {
        uint32_t folder = bench_random_below(&block->random, DELEGATED_FOLDERS);
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
        block_target(block, "document", document, "view", "user", PEOPLE, view);
    }
}

const struct workload_shape shape_delegated = {
    .name = "delegated",
    .summary = "agents act for owners in chains of one to three; every check names its actors",
    .schema = "definition user {}\n\n"
              "definition agent {\n"
              "    relation acts_on_behalf_of: user | agent\n"
              "}\n\n"
              "definition folder {\n"
              "    relation member: user\n"
              "}\n\n"
              "definition document {\n"
              "    relation folder: folder\n"
              "    relation owner: user\n"
              "    relation viewer: user\n"
              "    permission edit = owner\n"
              "    permission view = viewer + edit + folder->member\n"
              "}\n",
    .block_size = 1000,
    .population = PEOPLE,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "owner"},
    .filler_subject = "user",
    .build = build_delegated,
};
