/* reload.c - see reload.h. */
#include "server/reload.h"

#include "base/log.h"
#include "base/tls.h"
#include "net/keys.h"

static void
reload_keys(struct keys *keys)
{
    struct error error;

    if (keys_reload(keys, &error) == BEHALF_OK)
        log_line(LOG_INFO, "keys read again", "generation=%llu",
                 (unsigned long long)keys_generation(keys));
    else
        log_line(LOG_ERROR, "keys not read again, the older ones stay", "reason=\"%s\"",
                 error.message);
}

static void
reload_tls(struct tls_server *tls)
{
    struct error error;

    if (tls_server_reload(tls, &error) == BEHALF_OK)
        log_line(LOG_INFO, "certificates read again", "signal=SIGHUP");
    else
        log_line(LOG_ERROR, "certificates not read again, the older ones stay", "reason=\"%s\"",
                 error.message);
}

void
server_reload(const struct reload *reload)
{
    if (reload->keys != NULL)
        reload_keys(reload->keys);
    if (reload->tls != NULL)
        reload_tls(reload->tls);
    if (reload->keys == NULL && reload->tls == NULL)
        log_line(LOG_INFO, "nothing to read again", "signal=SIGHUP");
}
