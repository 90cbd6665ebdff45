/* client_internal.h - what the files of the client share; never installed.
 * Always true: nothing here ends the process; growth that fails is a status. */
#ifndef BEHALF_CLIENT_CLIENT_INTERNAL_H
#define BEHALF_CLIENT_CLIENT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "client/behalf.h"

/* --- bytes that grow --- */

/* Memory: released with client_bytes_release; a struct of zeroes is empty. */
struct client_bytes {
    unsigned char *data;
    size_t size;
    size_t capacity;
};

/* Room for `extra` more bytes; false when there is no memory. */
bool client_bytes_reserve(struct client_bytes *bytes, size_t extra) BEHALF_MUST_USE;
bool client_bytes_add(struct client_bytes *bytes, const void *data, size_t size) BEHALF_MUST_USE;
void client_bytes_drop(struct client_bytes *bytes, size_t count); /* from the front */
void client_bytes_release(struct client_bytes *bytes);

struct behalf_writer {
    struct client_bytes bytes;
    bool failed; /* memory ran out, or a string was too long: nothing of it may be sent */
};

/* --- finding the end of a value --- */

/* Walks over one value that arrives in pieces; bytes seen are not looked at again. No stack: it is
 * enough to count how many values are still to come, whatever containers they are in. */
struct client_scan {
    size_t at;     /* bytes walked over */
    uint64_t left; /* values still to come */
};

enum client_scan_result { CLIENT_SCAN_WHOLE, CLIENT_SCAN_MORE, CLIENT_SCAN_BROKEN };

void client_scan_start(struct client_scan *scan);

/* `data` holds the value's bytes from its start. `whole_max` bounds the values a container may
 * claim: each takes at least one byte. */
enum client_scan_result client_scan_go(struct client_scan *scan, const unsigned char *data,
                                       size_t size, size_t whole_max);

/* --- errors --- */

/* Fills `error` (may be NULL) and returns `status`. */
enum behalf_status client_error_set(struct behalf_error *error, enum behalf_status status,
                                    const char *format, ...) BEHALF_PRINTF(3, 4);

/* An error map of the server; always BEHALF_FAILED_SERVER, whatever the value is. */
enum behalf_status client_error_read(struct behalf_error *error, struct behalf_value value);

/* --- connections --- */

/* A connected, non-blocking socket. */
enum behalf_status client_socket_open(const char *endpoint, uint32_t timeout_ms, int *descriptor,
                                      struct behalf_error *error) BEHALF_MUST_USE;

int64_t client_now_ms(void);

/* What poll takes for a time that is left: a negative number would wait for ever. */
int client_poll_ms(int64_t left_ms);

#endif
