/* authzen.c - the paths of AuthZEN. */
#include "net/authzen.h"

#include "base/memory.h"

struct authzen {
    struct authzen_options options;
};

enum status
authzen_open(const struct authzen_options *options, struct authzen **authzen, struct error *error)
{
    (void)error;
    *authzen = memory_new(sizeof **authzen);
    (*authzen)->options = *options;
    return BEHALF_OK;
}

void
authzen_close(struct authzen *authzen)
{
    memory_free(authzen);
}

bool
authzen_handles(struct slice path)
{
    (void)path;
    return false;
}

struct http_verdict
authzen_judge(struct authzen *authzen, const struct http_request *head)
{
    (void)authzen;
    (void)head;
    return (struct http_verdict){.status = 404};
}

void
authzen_handle(struct authzen *authzen, struct http_exchange *exchange)
{
    (void)authzen;
    http_respond(exchange, &(struct http_response){.status = 404});
}

void
authzen_gone(struct authzen *authzen, struct http_exchange *exchange)
{
    (void)authzen;
    (void)exchange;
}
