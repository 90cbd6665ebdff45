/* workload_shapes.c - shapes that isolate one thing each: a hop, a chain, a width, a set operator.
 * What each is made of stands in its summary and its schema. */
#include "bench/workload_block.h"

#define USERS_SCHEMA "definition user {}\n\n"

/* --- one-hop: what most checks of a plain application are ------------------------------------- */

#define ONE_HOP_DOCUMENTS 250
#define ONE_HOP_VIEWERS 4
#define ONE_HOP_USERS 100

static void
build_one_hop(struct workload_block *block)
{
    for (uint32_t document = 0; document < ONE_HOP_DOCUMENTS; document++) {
        uint32_t viewers[ONE_HOP_VIEWERS];
        uint32_t set = set_new(block);

        block_sample(block, ONE_HOP_USERS, viewers, ONE_HOP_VIEWERS);
        for (uint32_t at = 0; at < ONE_HOP_VIEWERS; at++) {
            block_put(block, "document", document, "viewer", thing_of("user", viewers[at]));
            set_add(block, set, viewers[at]);
        }
        block_target(block, "document", document, "view", "user", ONE_HOP_USERS, set);
    }
}

const struct workload_shape shape_one_hop = {
    .name = "one-hop",
    .summary = "documents with four viewers each, nothing else",
    .schema = USERS_SCHEMA "definition document {\n"
                           "    relation viewer: user\n"
                           "    permission view = viewer\n"
                           "}\n",
    .block_size = ONE_HOP_DOCUMENTS * ONE_HOP_VIEWERS,
    .population = ONE_HOP_USERS,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "viewer"},
    .filler_subject = "user",
    .build = build_one_hop,
};

/* --- wide-direct ------------------------------------------------------------------------------ */

#define WIDE_DIRECT_VIEWERS 9000
#define WIDE_DIRECT_USERS 18000
#define WIDE_DIRECT_NARROW 900 /* beside it, with one viewer each */

static void
build_wide_direct(struct workload_block *block)
{
    uint32_t wide = set_new(block);
    uint32_t narrow = 1;

    /* Every second user on average, so that neither answer can be guessed. */
    for (uint32_t user = 0, left = WIDE_DIRECT_VIEWERS; user < WIDE_DIRECT_USERS; user++)
        if (bench_random_below(&block->random, WIDE_DIRECT_USERS - user) < left) {
            block_put(block, "document", 0, "viewer", thing_of("user", user));
            set_add(block, wide, user);
            left--;
        }
    block_target(block, "document", 0, "view", "user", WIDE_DIRECT_USERS, wide);
    block->asked = 1;
    for (; narrow <= WIDE_DIRECT_NARROW; narrow++) {
        uint32_t user = bench_random_below(&block->random, WIDE_DIRECT_USERS);
        uint32_t set = set_new(block);

        block_put(block, "document", narrow, "viewer", thing_of("user", user));
        set_add(block, set, user);
        block_target(block, "document", narrow, "view", "user", WIDE_DIRECT_USERS, set);
    }
}

const struct workload_shape shape_wide_direct = {
    .name = "wide-direct",
    .summary = "documents with 9,000 direct viewers",
    .schema = USERS_SCHEMA "definition document {\n"
                           "    relation viewer: user\n"
                           "    permission view = viewer\n"
                           "}\n",
    .block_size = 10000,
    .population = WIDE_DIRECT_USERS,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "viewer"},
    .filler_subject = "user",
    .build = build_wide_direct,
};

/* --- wide-groups ------------------------------------------------------------------------------ */

#define WIDE_GROUPS_BRANCHES 81
#define WIDE_GROUPS_USERS (2 * WIDE_GROUPS_BRANCHES) /* every second one is in no group */

static void
build_wide_groups(struct workload_block *block)
{
    uint32_t members = set_new(block);

    block_put(block, "document", 0, "viewer", thing_set("group", 0, "member"));
    for (uint32_t branch = 1; branch <= WIDE_GROUPS_BRANCHES; branch++) {
        uint32_t leaf = WIDE_GROUPS_BRANCHES + branch;
        uint32_t user = 2 * (branch - 1);

        block_put(block, "group", 0, "member", thing_set("group", branch, "member"));
        block_put(block, "group", branch, "member", thing_set("group", leaf, "member"));
        block_put(block, "group", leaf, "member", thing_of("user", user));
        set_add(block, members, user);
    }
    block_target(block, "document", 0, "view", "user", WIDE_GROUPS_USERS, members);
}

const struct workload_shape shape_wide_groups = {
    .name = "wide-groups",
    .summary = "a document shared with a group of 81 groups with one group each below",
    .schema = USERS_SCHEMA "definition group {\n"
                           "    relation member: user | group#member\n"
                           "}\n\n"
                           "definition document {\n"
                           "    relation viewer: user | group#member\n"
                           "    permission view = viewer\n"
                           "}\n",
    .block_size = 250,
    .population = WIDE_GROUPS_USERS,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "viewer"},
    .filler_subject = "user",
    .build = build_wide_groups,
};

/* --- deep-arrows ------------------------------------------------------------------------------ */

#define DEEP_LEVELS 30
#define DEEP_ASKED 5 /* questions start near the end of the chain, far from the answer */
#define DEEP_VIEWERS 8
#define DEEP_USERS (2 * DEEP_VIEWERS)

static void
build_deep_arrows(struct workload_block *block)
{
    uint32_t depth_of[DEEP_VIEWERS];

    for (uint32_t level = 0; level < DEEP_LEVELS; level++)
        block_put(block, "document", level, "parent", thing_of("document", level + 1));
    /* The first viewer of each block is at the very top. */
    for (uint32_t viewer = 0; viewer < DEEP_VIEWERS; viewer++) {
        depth_of[viewer] =
            viewer == 0 ? DEEP_LEVELS : 10 + bench_random_below(&block->random, DEEP_LEVELS - 9);
        block_put(block, "document", depth_of[viewer], "viewer", thing_of("user", 2 * viewer));
    }
    for (uint32_t level = 0; level <= DEEP_LEVELS; level++) {
        uint32_t set = set_new(block);

        for (uint32_t viewer = 0; viewer < DEEP_VIEWERS; viewer++)
            if (depth_of[viewer] >= level)
                set_add(block, set, 2 * viewer);
        block_target(block, "document", level, "view", "user", DEEP_USERS, set);
    }
    block->asked = DEEP_ASKED;
}

const struct workload_shape shape_deep_arrows = {
    .name = "deep-arrows",
    .summary = "chains of 30 parents, the viewers in the upper two thirds",
    .schema = USERS_SCHEMA "definition document {\n"
                           "    relation parent: document\n"
                           "    relation viewer: user\n"
                           "    permission view = viewer + parent->view\n"
                           "}\n",
    .block_size = 40,
    .population = DEEP_USERS,
    .lookup_type = "document",
    .lookup_permission = "view",
    .filler_resource = {"document", 0, "viewer"},
    .filler_subject = "user",
    .build = build_deep_arrows,
};

/* --- double-wide-arrow ------------------------------------------------------------------------ */

#define DOUBLE_FILES 40
#define DOUBLE_FILE_ORGS 20
#define DOUBLE_ORGS 50
#define DOUBLE_ORG_GROUPS 10
#define DOUBLE_GROUPS 185
#define DOUBLE_GROUP_USERS 20
#define DOUBLE_USERS 9000 /* about a quarter of them reaches a file */

static void
build_double_wide_arrow(struct workload_block *block)
{
    uint32_t numbers[DOUBLE_FILE_ORGS > DOUBLE_GROUP_USERS ? DOUBLE_FILE_ORGS : DOUBLE_GROUP_USERS];
    uint32_t groups[DOUBLE_GROUPS];
    uint32_t orgs[DOUBLE_ORGS];

    for (uint32_t group = 0; group < DOUBLE_GROUPS; group++) {
        groups[group] = set_new(block);
        block_sample(block, DOUBLE_USERS, numbers, DOUBLE_GROUP_USERS);
        for (uint32_t at = 0; at < DOUBLE_GROUP_USERS; at++) {
            block_put(block, "group", group, "member", thing_of("user", numbers[at]));
            set_add(block, groups[group], numbers[at]);
        }
    }
    for (uint32_t org = 0; org < DOUBLE_ORGS; org++) {
        orgs[org] = set_new(block);
        block_sample(block, DOUBLE_GROUPS, numbers, DOUBLE_ORG_GROUPS);
        for (uint32_t at = 0; at < DOUBLE_ORG_GROUPS; at++) {
            block_put(block, "org", org, "group", thing_of("group", numbers[at]));
            set_join(block, orgs[org], groups[numbers[at]]);
        }
    }
    for (uint32_t file = 0; file < DOUBLE_FILES; file++) {
        uint32_t set = set_new(block);

        block_sample(block, DOUBLE_ORGS, numbers, DOUBLE_FILE_ORGS);
        for (uint32_t at = 0; at < DOUBLE_FILE_ORGS; at++) {
            block_put(block, "file", file, "org", thing_of("org", numbers[at]));
            set_join(block, set, orgs[numbers[at]]);
        }
        block_target(block, "file", file, "view", "user", DOUBLE_USERS, set);
    }
}

const struct workload_shape shape_double_wide_arrow = {
    .name = "double-wide-arrow",
    .summary = "files of 20 organizations with 10 groups each",
    .schema = USERS_SCHEMA "definition group {\n"
                           "    relation member: user\n"
                           "}\n\n"
                           "definition org {\n"
                           "    relation group: group\n"
                           "    permission member = group->member\n"
                           "}\n\n"
                           "definition file {\n"
                           "    relation org: org\n"
                           "    relation viewer: user\n"
                           "    permission view = viewer + org->member\n"
                           "}\n",
    .block_size = 5000,
    .population = DOUBLE_USERS,
    .lookup_type = "file",
    .lookup_permission = "view",
    .filler_resource = {"file", 0, "viewer"},
    .filler_subject = "user",
    .build = build_double_wide_arrow,
};

/* --- lookup-intersection ---------------------------------------------------------------------- */

#define MEET_ORGS 4
#define MEET_USERS 6
#define MEET_RESOURCES 1200
#define MEET_VIEWED 600 /* resources that a user may view, before the organization's word */

static void
build_lookup_intersection(struct workload_block *block)
{
    uint32_t readers[MEET_ORGS];
    uint32_t viewers[MEET_RESOURCES];

    for (uint32_t org = 0; org < MEET_ORGS; org++) {
        readers[org] = set_new(block);
        for (uint32_t user = 0; user < MEET_USERS; user++) {
            block_put(block, "organization", org, "reader", thing_of("user", user));
            /* One user of six is banned by each. */
            if (user == (block->number + org) % MEET_USERS)
                block_put(block, "organization", org, "banned", thing_of("user", user));
            else
                set_add(block, readers[org], user);
        }
    }
    for (uint32_t resource = 0; resource < MEET_RESOURCES; resource++)
        viewers[resource] = set_new(block);
    for (uint32_t user = 0; user < MEET_USERS; user++)
        for (uint32_t resource = 0, left = MEET_VIEWED; resource < MEET_RESOURCES; resource++)
            if (bench_random_below(&block->random, MEET_RESOURCES - resource) < left) {
                block_put(block, "resource", resource, "viewer", thing_of("user", user));
                set_add(block, viewers[resource], user);
                left--;
            }
    for (uint32_t resource = 0; resource < MEET_RESOURCES; resource++) {
        uint32_t org = bench_random_below(&block->random, MEET_ORGS);

        block_put(block, "resource", resource, "organization", thing_of("organization", org));
        set_meet(block, viewers[resource], readers[org]);
        block_target(block, "resource", resource, "view", "user", MEET_USERS, viewers[resource]);
    }
}

const struct workload_shape shape_lookup_intersection = {
    .name = "lookup-intersection",
    .summary = "resources whose viewers must be readers of the organization too; 500 a user",
    .schema = USERS_SCHEMA "definition organization {\n"
                           "    relation reader: user\n"
                           "    relation banned: user\n"
                           "    permission read = reader - banned\n"
                           "}\n\n"
                           "definition resource {\n"
                           "    relation viewer: user\n"
                           "    relation organization: organization\n"
                           "    permission view = viewer & organization->read\n"
                           "}\n",
    .block_size = 5000,
    .population = MEET_USERS,
    .lookup_type = "resource",
    .lookup_permission = "view",
    .filler_resource = {"resource", 0, "viewer"},
    .filler_subject = "user",
    .build = build_lookup_intersection,
};

/* --- share-with ------------------------------------------------------------------------------- */

enum person { ENGINEER, LEAD, DIRECTOR, CTO, CEO, CONTRACTOR, ADMIN, OUTSIDER, PERSON_COUNT };
enum team { TEAM_PRODUCT, TEAM_APPS, TEAM_ENGINEERING, TEAM_BOARD, TEAM_COUNT };

/* product in apps in engineering, the board in engineering; each with a manager. */
static uint32_t
build_teams(struct workload_block *block)
{
    static const uint32_t managers[TEAM_COUNT] = {LEAD, DIRECTOR, CTO, CEO};
    uint32_t inside = set_new(block);

    for (uint32_t team = 0; team < TEAM_COUNT; team++) {
        block_put(block, "usergroup", team, "manager", thing_of("user", managers[team]));
        set_add(block, inside, managers[team]);
    }
    block_put(block, "usergroup", TEAM_PRODUCT, "direct_member", thing_of("user", ENGINEER));
    set_add(block, inside, ENGINEER);
    block_put(block, "usergroup", TEAM_APPS, "direct_member",
              thing_set("usergroup", TEAM_PRODUCT, "member"));
    block_put(block, "usergroup", TEAM_ENGINEERING, "direct_member",
              thing_set("usergroup", TEAM_APPS, "member"));
    block_put(block, "usergroup", TEAM_ENGINEERING, "direct_member",
              thing_set("usergroup", TEAM_BOARD, "member"));
    return inside;
}

static void
build_share_with(struct workload_block *block)
{
    uint32_t inside = build_teams(block);
    uint32_t server = set_copy(block, inside);
    uint32_t members = set_copy(block, inside);
    uint32_t users;

    for (uint32_t resource = 0; resource < 2; resource++) {
        block_put(block, "resource", resource, "viewer",
                  thing_set("usergroup", TEAM_ENGINEERING, "member"));
        block_put(block, "organization", 0, "resource", thing_of("resource", resource));
    }
    block_put(block, "resource", 0, "viewer", thing_of("user", CONTRACTOR));
    block_put(block, "resource", 0, "manager", thing_set("usergroup", TEAM_PRODUCT, "member"));
    block_put(block, "resource", 1, "manager", thing_set("usergroup", TEAM_ENGINEERING, "manager"));
    for (uint32_t team = 0; team < TEAM_COUNT; team++)
        block_put(block, "organization", 0, "group", thing_of("usergroup", team));
    block_put(block, "organization", 0, "admin", thing_set("usergroup", TEAM_BOARD, "member"));
    block_put(block, "organization", 0, "admin", thing_of("user", ADMIN));
    set_add(block, server, CONTRACTOR);
    set_add(block, members, ADMIN);
    users = set_copy(block, members);
    set_join(block, users, server);
    block_target(block, "resource", 0, "view", "user", PERSON_COUNT, server);
    block_target(block, "resource", 1, "view", "user", PERSON_COUNT, inside);
    block_target(block, "organization", 0, "member", "user", PERSON_COUNT, members);
    block_target(block, "organization", 0, "user", "user", PERSON_COUNT, users);
}

const struct workload_shape shape_share_with = {
    .name = "share-with",
    .summary = "small companies: nested teams, shared resources, and who they can be shared with",
    .schema =
        USERS_SCHEMA "definition usergroup {\n"
                     "    relation manager: user | usergroup#member | usergroup#manager\n"
                     "    relation direct_member: user | usergroup#member | usergroup#manager\n"
                     "    permission member = direct_member + manager\n"
                     "}\n\n"
                     "definition resource {\n"
                     "    relation manager: user | usergroup#member | usergroup#manager\n"
                     "    relation viewer: user | usergroup#member | usergroup#manager\n"
                     "    permission view = viewer + manager\n"
                     "}\n\n"
                     "definition organization {\n"
                     "    relation group: usergroup\n"
                     "    relation resource: resource\n"
                     "    relation admin: user | usergroup#member | usergroup#manager\n"
                     "    permission member = admin + group->member\n"
                     "    permission user = admin + member + resource->view\n"
                     "}\n",
    .block_size = 25,
    .population = PERSON_COUNT,
    .lookup_type = "resource",
    .lookup_permission = "view",
    .filler_resource = {"resource", 0, "viewer"},
    .filler_subject = "user",
    .build = build_share_with,
};
