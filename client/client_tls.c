/* client_tls.c - the TLS of one connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tls.h"
#include "client/client_internal.h"

static enum behalf_status
take_error(enum behalf_status status, const char *doing, const struct error *why,
           struct behalf_error *error)
{
    client_error_set(error, status, "%s: %s", doing, why->message);
    if (error != NULL)
        (void)snprintf(error->hint, sizeof error->hint, "%s", why->hint);
    return status;
}

/* Until the deadline. */
static enum behalf_status
shake_hands(struct client_tls *tls, const char *endpoint, int descriptor, int64_t deadline_ms,
            struct behalf_error *error)
{
    char doing[160];
    struct error why;

    (void)snprintf(doing, sizeof doing, "cannot connect to '%.100s'", endpoint);
    for (;;) {
        struct pollfd watched = {.fd = descriptor};
        int64_t left_ms = deadline_ms - client_now_ms();
        int ready;

        switch (tls_handshake(tls->tls, &why)) {
        case TLS_DONE:
            return BEHALF_SUCCESS;
        case TLS_WANT_READ:
            watched.events = POLLIN;
            break;
        case TLS_WANT_WRITE:
            watched.events = POLLOUT;
            break;
        case TLS_FAILED:
            return take_error(BEHALF_FAILED_CONNECTION, doing, &why, error);
        }
        ready = poll(&watched, 1, client_poll_ms(left_ms));
        if (ready < 0 && errno != EINTR)
            return client_error_set(error, BEHALF_FAILED_CONNECTION, "%s: %s", doing,
                                    strerror(errno));
        if (ready == 0 && left_ms <= INT_MAX)
            return client_error_set(
                error, BEHALF_FAILED_CONNECTION,
                "%s: no TLS handshake in time; does the server speak TLS there?", doing);
    }
}

enum behalf_status
client_tls_check(const char *endpoint, const struct behalf_options *options,
                 struct behalf_error *error)
{
    bool has_files = options->ca_file != NULL || options->certificate != NULL ||
                     options->certificate_key != NULL;

    if (!options->tls && has_files)
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "certificates are given, but TLS is not asked for");
    if (options->tls && client_endpoint_is_unix(endpoint))
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot use TLS with '%s': a Unix socket has none", endpoint);
    return BEHALF_SUCCESS;
}

enum behalf_status
client_tls_open(struct client_tls *tls, const char *endpoint, const struct behalf_options *options,
                int descriptor, int64_t deadline_ms, struct behalf_error *error)
{
    const struct tls_client_files files = {.ca = options->ca_file,
                                           .certificate = options->certificate,
                                           .key = options->certificate_key};
    char host[CLIENT_HOST_SIZE];
    struct error why;

    if (tls_client_new(&files, &tls->context, &why) != BEHALF_OK)
        return take_error(BEHALF_FAILED_USAGE, "cannot use TLS", &why, error);
    if (!client_endpoint_host(endpoint, host) ||
        (tls->tls = tls_connect(tls->context, descriptor, host)) == NULL)
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot use TLS with '%s': no certificate has that name", endpoint);
    return shake_hands(tls, endpoint, descriptor, deadline_ms, error);
}

void
client_tls_close(struct client_tls *tls)
{
    tls_free(tls->tls);
    tls_client_free(tls->context);
    *tls = (struct client_tls){.tls = NULL};
}

const char *
client_tls_reason(const struct client_tls *tls, char text[CLIENT_REASON_SIZE])
{
    struct error why;

    tls_explain(tls->tls, &why);
    (void)snprintf(text, CLIENT_REASON_SIZE, "%s%s%s", why.message, why.hint[0] != '\0' ? ": " : "",
                   why.hint);
    return text;
}
