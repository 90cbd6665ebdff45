/* workload_drive.c - shape "drive": what a file store with folders, groups and links looks like.
 *
 * A tenant has 100 users, 31 groups on four levels (those below are members of those above), a tree
 * of 60 folders up to eight deep, and documents in it, half of them in the deep part. Edit and view
 * are inherited from the folder; a few folders and documents are for everyone. */
#include "bench/workload_block.h"

#define USERS 100
#define GROUPS 31 /* 1, 5, 10 and 15 on the four levels */
#define GROUP_USERS 5
#define FOLDERS 60
#define SPINE 8 /* the first folders lie in one another */
#define DEPTH_MAX 7
#define DEEP 5
#define DOCUMENT_MOST 5 /* relationships that one document may have */

struct folder {
    uint32_t depth;
    uint32_t edit;
    uint32_t view;
};

struct tenant {
    uint32_t groups[GROUPS];
    struct folder folders[FOLDERS];
    uint32_t deep[FOLDERS];
    uint32_t deep_count;
};

static uint32_t
group_above(uint32_t group)
{
    if (group < 6)
        return 0;
    return group < 16 ? 1 + (group - 6) % 5 : 6 + (group - 16) % 10;
}

static void
build_groups(struct workload_block *block, struct tenant *tenant)
{
    for (uint32_t group = 0; group < GROUPS; group++) {
        uint32_t users[GROUP_USERS];

        tenant->groups[group] = set_new(block);
        block_sample(block, USERS, users, GROUP_USERS);
        for (uint32_t at = 0; at < GROUP_USERS; at++) {
            block_put(block, "group", group, "member", thing_of("user", users[at]));
            set_add(block, tenant->groups[group], users[at]);
        }
        if (group > 0)
            block_put(block, "group", group_above(group), "member",
                      thing_set("group", group, "member"));
    }
    for (uint32_t group = GROUPS - 1; group > 0; group--)
        set_join(block, tenant->groups[group_above(group)], tenant->groups[group]);
}

/* Shares with one user or one group, in `percent` of the cases. */
static void
share_user(struct workload_block *block, const char *type, uint32_t number, const char *relation,
           uint32_t percent, uint32_t set)
{
    uint32_t user = bench_random_below(&block->random, USERS);

    if (!bench_random_chance(&block->random, percent))
        return;
    block_put(block, type, number, relation, thing_of("user", user));
    set_add(block, set, user);
}

static void
share_group(struct workload_block *block, const struct tenant *tenant, const char *type,
            uint32_t number, const char *relation, uint32_t percent, uint32_t set)
{
    uint32_t group = 1 + bench_random_below(&block->random, GROUPS - 1);

    if (!bench_random_chance(&block->random, percent))
        return;
    block_put(block, type, number, relation, thing_set("group", group, "member"));
    set_join(block, set, tenant->groups[group]);
}

static void
share_everyone(struct workload_block *block, const char *type, uint32_t number, uint32_t percent,
               uint32_t set)
{
    if (!bench_random_chance(&block->random, percent))
        return;
    block_put(block, type, number, "viewer", thing_of("user", THING_ALL));
    set_add_everyone(block, set);
}

static void
build_folders(struct workload_block *block, struct tenant *tenant)
{
    for (uint32_t number = 0; number < FOLDERS; number++) {
        struct folder *folder = &tenant->folders[number];
        uint32_t parent = number == 0 ? 0 : number - 1;

        *folder = (struct folder){.edit = set_new(block)};
        if (number > 0) {
            if (number >= SPINE)
                do
                    parent = bench_random_below(&block->random, number);
                while (tenant->folders[parent].depth >= DEPTH_MAX);
            folder->depth = tenant->folders[parent].depth + 1;
            block_put(block, "folder", number, "parent", thing_of("folder", parent));
        }
        share_user(block, "folder", number, "owner", number == 0 ? 100 : 30, folder->edit);
        share_group(block, tenant, "folder", number, "editor", 20, folder->edit);
        folder->view = set_copy(block, folder->edit);
        share_group(block, tenant, "folder", number, "viewer", 30, folder->view);
        share_everyone(block, "folder", number, number > SPINE ? 2 : 0, folder->view);
        if (number > 0) {
            set_join(block, folder->edit, tenant->folders[parent].edit);
            set_join(block, folder->view, tenant->folders[parent].view);
        }
        if (folder->depth >= DEEP)
            tenant->deep[tenant->deep_count++] = number;
    }
}

static void
build_document(struct workload_block *block, const struct tenant *tenant, uint32_t number)
{
    bool deep = bench_random_chance(&block->random, 50);
    uint32_t parent = deep ? tenant->deep[bench_random_below(&block->random, tenant->deep_count)]
                           : bench_random_below(&block->random, FOLDERS);
    uint32_t share = set_new(block);
    uint32_t write;
    uint32_t read;

    block_put(block, "document", number, "parent", thing_of("folder", parent));
    share_user(block, "document", number, "owner", 100, share);
    set_join(block, share, tenant->folders[parent].edit);
    write = set_copy(block, share);
    share_user(block, "document", number, "editor", 30, write);
    read = set_copy(block, write);
    share_group(block, tenant, "document", number, "viewer", 30, read);
    share_everyone(block, "document", number, 2, read);
    set_join(block, read, tenant->folders[parent].view);
    block_target(block, "document", number, "share", "user", USERS, share);
    block_target(block, "document", number, "write", "user", USERS, write);
    /* Reading is asked most. */
    block_target(block, "document", number, "read", "user", USERS, read);
    block_target(block, "document", number, "read", "user", USERS, read);
}

static void
build_drive(struct workload_block *block)
{
    struct tenant tenant = {.deep_count = 0};

    build_groups(block, &tenant);
    build_folders(block, &tenant);
    for (uint32_t number = 0; block_room(block) >= DOCUMENT_MOST; number++)
        build_document(block, &tenant, number);
}

const struct workload_shape shape_drive = {
    .name = "drive",
    .summary = "folders in folders, groups in groups, documents that inherit, some for everyone",
    .schema = "definition user {}\n\n"
              "definition group {\n"
              "    relation member: user | group#member\n"
              "}\n\n"
              "definition folder {\n"
              "    relation parent: folder\n"
              "    relation owner: user\n"
              "    relation editor: user | group#member\n"
              "    relation viewer: user | user:* | group#member\n"
              "    permission edit = owner + editor + parent->edit\n"
              "    permission view = viewer + edit + parent->view\n"
              "}\n\n"
              "definition document {\n"
              "    relation parent: folder\n"
              "    relation owner: user\n"
              "    relation editor: user | group#member\n"
              "    relation viewer: user | user:* | group#member\n"
              "    permission share = owner + parent->edit\n"
              "    permission write = share + editor\n"
              "    permission read = viewer + write + parent->view\n"
              "}\n",
    .block_size = 2000,
    .population = USERS,
    .lookup_type = "document",
    .lookup_permission = "write",
    .filler_resource = {"document", 0, "owner"},
    .filler_subject = "user",
    .build = build_drive,
};
