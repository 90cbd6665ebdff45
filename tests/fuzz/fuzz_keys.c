/* fuzz_keys.c - hostile keys files: read whole or refused with a message, and a set that was read
 * keeps the rules of keys.h. */
#include "net/keys_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_key(const struct key *key)
{
    const unsigned both = ROLE_CHECK | ROLE_DELEGATED;
    const unsigned bound = both | ROLE_PROPERTIES | ROLE_AGENT;

    BEHALF_ASSERT(key_name_is_valid(slice_of(key->name)));
    BEHALF_ASSERT(key->roles != 0 && (key->roles & ~(unsigned)ROLE_ANY) == 0);
    BEHALF_ASSERT((key->roles & both) != both);
    BEHALF_ASSERT((key->roles & ROLE_AGENT) == 0 || key->is_bound);
    BEHALF_ASSERT(!key->is_bound || (key->roles & ~bound) == 0);
    BEHALF_ASSERT((key->roles & ROLE_PROPERTIES) == 0 || (key->roles & both) != 0);
    BEHALF_ASSERT(key->is_bound == (key->actor.type.size > 0));
    for (size_t at = 0; at < key->scope_count; at++)
        BEHALF_ASSERT(type_name_is_valid(key->scopes[at].type));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_set *set = NULL;
    struct error error;

    if (keys_file_parse((struct slice){(const char *)data, size}, &set, &error) != BEHALF_OK) {
        BEHALF_ASSERT(set == NULL && error.status == BEHALF_MALFORMED_REQUEST &&
                      error.message[0] != '\0');
        return 0;
    }
    BEHALF_ASSERT(set->count > 0 && set->count <= KEYS_MAX);
    for (size_t at = 0; at < set->count; at++)
        check_key(&set->entries[at].key);
    key_set_unref(set);
    return 0;
}
