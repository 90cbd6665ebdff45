/* keys.c - who may call. */
#include "net/keys.h"

const struct key key_of_all = {.roles = ROLE_ANY};
