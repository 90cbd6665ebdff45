/* workload_github.c - shape "github": organizations, nested teams, repositories and issues.
 *
 * An organization has 60 members, 39 teams on three levels (those below are members of those
 * above), 60 repositories with five roles each of which a team or a user may hold, and issues. */
#include "bench/workload_block.h"

#define USERS 60
#define OWNERS 2
#define TEAMS 39 /* 3, 9 and 27 on the three levels */
#define TEAM_USERS 4
#define REPOS 60

enum role { ROLE_READER, ROLE_TRIAGER, ROLE_WRITER, ROLE_MAINTAINER, ROLE_ADMIN, ROLE_COUNT };
static const char *const roles[ROLE_COUNT] = {"reader", "triager", "writer", "maintainer", "admin"};

struct organization {
    uint32_t teams[TEAMS];
    uint32_t administers; /* owners and repository admins */
    uint32_t reads;
    uint32_t pull[REPOS];
    uint32_t triage[REPOS];
};

static void
build_teams(struct workload_block *block, struct organization *org)
{
    for (uint32_t team = 0; team < TEAMS; team++) {
        uint32_t users[TEAM_USERS];

        org->teams[team] = set_new(block);
        block_sample(block, USERS, users, TEAM_USERS);
        block_put(block, "team", team, "maintainer",
                  thing_of("user", bench_random_below(&block->random, USERS)));
        for (uint32_t at = 0; at < TEAM_USERS; at++) {
            block_put(block, "team", team, "member", thing_of("user", users[at]));
            set_add(block, org->teams[team], users[at]);
        }
        if (team >= 3)
            block_put(block, "team", (team - 3) / 3, "member", thing_set("team", team, "member"));
    }
    for (uint32_t team = TEAMS - 1; team >= 3; team--)
        set_join(block, org->teams[(team - 3) / 3], org->teams[team]);
}

static void
build_organization(struct workload_block *block, struct organization *org)
{
    uint32_t admins = 3 + bench_random_below(&block->random, TEAMS - 3);
    uint32_t readers = bench_random_below(&block->random, TEAMS);

    org->administers = set_new(block);
    for (uint32_t user = 0; user < USERS; user++) {
        block_put(block, "organization", 0, "member", thing_of("user", user));
        if (user < OWNERS) {
            block_put(block, "organization", 0, "owner", thing_of("user", user));
            set_add(block, org->administers, user);
        }
    }
    block_put(block, "organization", 0, "repo_admin", thing_set("team", admins, "member"));
    set_join(block, org->administers, org->teams[admins]);
    block_put(block, "organization", 0, "repo_reader", thing_set("team", readers, "member"));
    org->reads = org->teams[readers];
}

/* Who holds a role on a repository: perhaps a team, perhaps a user. */
static uint32_t
build_role(struct workload_block *block, const struct organization *org, uint32_t repo,
           const char *role)
{
    uint32_t team = bench_random_below(&block->random, TEAMS);
    uint32_t user = bench_random_below(&block->random, USERS);
    uint32_t set = set_new(block);

    if (bench_random_chance(&block->random, 60)) {
        block_put(block, "repo", repo, role, thing_set("team", team, "member"));
        set_join(block, set, org->teams[team]);
    }
    if (bench_random_chance(&block->random, 40)) {
        block_put(block, "repo", repo, role, thing_of("user", user));
        set_add(block, set, user);
    }
    return set;
}

static void
build_repo(struct workload_block *block, struct organization *org, uint32_t repo)
{
    uint32_t held[ROLE_COUNT];
    uint32_t user = bench_random_below(&block->random, USERS);
    uint32_t suspended = set_new(block);
    uint32_t push;

    block_put(block, "repo", repo, "org", thing_of("organization", 0));
    for (uint32_t role = 0; role < ROLE_COUNT; role++)
        held[role] = build_role(block, org, repo, roles[role]);
    if (bench_random_chance(&block->random, 20)) {
        block_put(block, "repo", repo, "suspended", thing_of("user", user));
        set_add(block, suspended, user);
    }
    /* From the strongest down, each role adds to those above it. */
    set_join(block, held[ROLE_ADMIN], org->administers);
    set_join(block, held[ROLE_MAINTAINER], held[ROLE_ADMIN]);
    set_join(block, held[ROLE_WRITER], held[ROLE_MAINTAINER]);
    set_join(block, held[ROLE_TRIAGER], held[ROLE_WRITER]);
    set_join(block, held[ROLE_READER], held[ROLE_TRIAGER]);
    set_join(block, held[ROLE_READER], org->reads);
    push = set_copy(block, held[ROLE_WRITER]);
    set_subtract(block, push, suspended);
    org->triage[repo] = held[ROLE_TRIAGER];
    org->pull[repo] = held[ROLE_READER];
    block_target(block, "repo", repo, "administer", "user", USERS, held[ROLE_ADMIN]);
    block_target(block, "repo", repo, "maintain", "user", USERS, held[ROLE_MAINTAINER]);
    block_target(block, "repo", repo, "push", "user", USERS, push);
    block_target(block, "repo", repo, "triage", "user", USERS, held[ROLE_TRIAGER]);
    block_target(block, "repo", repo, "pull", "user", USERS, held[ROLE_READER]);
}

static void
build_issue(struct workload_block *block, const struct organization *org, uint32_t issue)
{
    uint32_t repo = bench_random_below(&block->random, REPOS);
    uint32_t author = bench_random_below(&block->random, USERS);
    uint32_t close = set_copy(block, org->triage[repo]);
    uint32_t view = set_copy(block, org->pull[repo]);

    block_put(block, "issue", issue, "repo", thing_of("repo", repo));
    block_put(block, "issue", issue, "author", thing_of("user", author));
    set_add(block, close, author);
    set_add(block, view, author);
    block_target(block, "issue", issue, "close", "user", USERS, close);
    block_target(block, "issue", issue, "view", "user", USERS, view);
}

static void
build_github(struct workload_block *block)
{
    struct organization org;

    build_teams(block, &org);
    build_organization(block, &org);
    for (uint32_t repo = 0; repo < REPOS; repo++)
        build_repo(block, &org, repo);
    for (uint32_t issue = 0; block_room(block) >= 2; issue++)
        build_issue(block, &org, issue);
}

const struct workload_shape shape_github = {
    .name = "github",
    .summary = "organizations, teams three deep, repositories with five roles, issues",
    .schema = "definition user {}\n\n"
              "definition team {\n"
              "    relation maintainer: user\n"
              "    relation member: user | team#member\n"
              "}\n\n"
              "definition organization {\n"
              "    relation owner: user\n"
              "    relation member: user | team#member\n"
              "    relation repo_admin: user | team#member\n"
              "    relation repo_reader: user | team#member\n"
              "}\n\n"
              "definition repo {\n"
              "    relation org: organization\n"
              "    relation admin: user | team#member\n"
              "    relation maintainer: user | team#member\n"
              "    relation writer: user | team#member\n"
              "    relation triager: user | team#member\n"
              "    relation reader: user | team#member\n"
              "    relation suspended: user\n"
              "    permission administer = admin + org->owner + org->repo_admin\n"
              "    permission maintain = maintainer + administer\n"
              "    permission push = (writer + maintain) - suspended\n"
              "    permission triage = triager + writer + maintain\n"
              "    permission pull = reader + triage + org->repo_reader\n"
              "}\n\n"
              "definition issue {\n"
              "    relation repo: repo\n"
              "    relation author: user\n"
              "    permission close = author + repo->triage\n"
              "    permission view = author + repo->pull\n"
              "}\n",
    .block_size = 1000,
    .population = USERS,
    .lookup_type = "repo",
    .lookup_permission = "push",
    .filler_resource = {"issue", 0, "author"},
    .filler_subject = "user",
    .build = build_github,
};
