/* client_stream.h - the bytes of a connected client, for a caller with a loop and a codec of its
 * own; never installed.
 *
 * Always true: who sends or receives here calls nothing but behalf_close for that client any more.
 * Nothing waits. Both are as send(2) and recv(2) of a non-blocking socket, over TLS where the
 * client has it. */
#ifndef BEHALF_CLIENT_CLIENT_STREAM_H
#define BEHALF_CLIENT_CLIENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/behalf.h"

ssize_t client_stream_send(struct behalf_client *client, const void *bytes, size_t size);
ssize_t client_stream_receive(struct behalf_client *client, void *bytes, size_t size);
/* Bytes are here already, for which the descriptor never becomes readable. */
bool client_stream_has_pending(const struct behalf_client *client);

/* With the errno of one of these that failed: why, in words that live as long as the client. */
const char *client_stream_reason(struct behalf_client *client);

#endif
