/* command_key.c - `behalf key new`: a key, and its line of the server's keys file. Needs no server:
 * the key is random, and the file holds its digest alone. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/env.h"
#include "base/relationship.h"
#include "cli/cli.h"

#define KEY_PREFIX "bk_"
#define KEY_BYTES 32
#define KEY_TEXT_SIZE (sizeof KEY_PREFIX + 2 * (size_t)KEY_BYTES)
#define NAME_SIZE_MAX 64

static const char *const roles[] = {"check", "delegated", "properties", "agent", "grants",
                                    "read",  "write",     "schema",     "audit", "admin"};

static bool
is_name(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= NAME_SIZE_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               size;
}

static bool
lists(const char *list, const char *role)
{
    size_t size = strlen(role);

    for (const char *at = list; at != NULL; at = strchr(at, ','), at = at != NULL ? at + 1 : NULL)
        if (strncmp(at, role, size) == 0 && (at[size] == ',' || at[size] == '\0'))
            return true;
    return false;
}

/* The words of the list that are roles. */
static size_t
count_roles(const char *list)
{
    size_t count = 0;

    for (size_t at = 0; at < BEHALF_COUNT_OF(roles); at++)
        count += lists(list, roles[at]);
    return count;
}

/* Why the server would refuse the line, or NULL. */
static const char *
why_refused(const char *list, const char *actor)
{
    static const char *const unbound[] = {"grants", "read", "write", "schema", "audit", "admin"};
    size_t words = 1;

    for (const char *at = list; *at != '\0'; at++)
        words += *at == ',';
    if (words != count_roles(list))
        return "a role is unknown or stands twice";
    if (lists(list, "check") && lists(list, "delegated"))
        return "'check' beside 'delegated' would take back what that one asks for";
    if (lists(list, "properties") && !lists(list, "check") && !lists(list, "delegated"))
        return "'properties' needs 'check' or 'delegated' beside it";
    if (lists(list, "agent") && actor == NULL)
        return "'agent' needs --actor";
    for (size_t at = 0; actor != NULL && at < BEHALF_COUNT_OF(unbound); at++)
        if (lists(list, unbound[at]))
            return "a key with --actor may have check, delegated, properties and agent only";
    return NULL;
}

static void
print_hex(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t at = 0; at < size; at++) {
        *text++ = digits[bytes[at] >> 4];
        *text++ = digits[bytes[at] & 15];
    }
    *text = '\0';
}

static bool
is_plain_object(struct cli *cli, const char *text)
{
    struct object object;
    struct error error;

    return object_parse(slice_of(text), &cli->arena, &object, &error) == BEHALF_OK &&
           !object.wildcard && object.relation.size == 0;
}

static void
print_key(const struct cli *cli, const char *name, const char *actor)
{
    const struct env *env = env_system();
    uint8_t random[KEY_BYTES];
    uint8_t digest[DIGEST_SIZE];
    char key[KEY_TEXT_SIZE] = KEY_PREFIX;
    char hex[2 * DIGEST_SIZE + 1];

    env->random_bytes(env->context, random, sizeof random);
    print_hex(random, sizeof random, key + strlen(KEY_PREFIX));
    digest_sha256((struct slice[]){slice_of(key)}, 1, digest);
    print_hex(digest, sizeof digest, hex);
    if (cli->json)
        (void)printf("{\"key\":\"%s\",\"line\":\"%s %s %s%s%s\"}\n", key, name, hex, cli->role,
                     actor != NULL ? " actor=" : "", actor != NULL ? actor : "");
    else
        (void)printf("%s\n%s %s %s%s%s\n", key, name, hex, cli->role,
                     actor != NULL ? " actor=" : "", actor != NULL ? actor : "");
    explicit_bzero(random, sizeof random);
    explicit_bzero(key, sizeof key);
}

static enum cli_exit
run_new(struct cli *cli)
{
    const char *name = cli->arguments[0];
    const char *actor = cli->actor_count > 0 ? cli->actors[0] : NULL;
    const char *why;

    if (!is_name(name))
        return cli_problem(cli, CLI_USAGE, NULL,
                           "a key's name has 1 to 64 letters, digits, '.', '_' and '-'");
    if (cli->role == NULL)
        return cli_problem(cli, CLI_USAGE, "--role check is for programs that ask for decisions",
                           "what may the key do? --role is missing");
    if (cli->actor_count > 1 ||
        (actor != NULL && (strpbrk(actor, " \t\"\\") != NULL || !is_plain_object(cli, actor))))
        return cli_problem(cli, CLI_USAGE, NULL, "--actor must be one object, TYPE:ID");
    why = why_refused(cli->role, actor);
    if (why != NULL)
        return cli_problem(cli, CLI_USAGE,
                           "roles: check delegated properties agent grants read write schema audit "
                           "admin",
                           "cannot make a key with the roles '%.100s': %s", cli->role, why);
    print_key(cli, name, actor);
    return CLI_OK;
}

const struct command cli_key_commands[] = {
    {"key", "new", "NAME", "a key for the server's keys file, printed once",
     "Needs no server. The first line is the key: keep it in a file of mode 0600, for --key-file.\n"
     "The second goes into the file of behalfd --keys; SIGHUP has it read again.\n\n"
     "  behalf key new gateway --role delegated,properties\n"
     "  behalf key new bot --role check,agent --actor agent:bot\n",
     OPTION_ROLE | OPTION_ACTOR, 1, 1, run_new},
    {.name = NULL},
};
