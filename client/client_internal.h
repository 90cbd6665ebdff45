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

/* --- arguments --- */

/* Members whose value may be NULL: counted and written alike. */
struct client_member {
    const char *name;
    const char *value;
};

void client_write_member(struct behalf_writer *writer, const char *name, const char *value);
uint32_t client_count_members(const struct client_member *members, size_t count);
void client_write_members(struct behalf_writer *writer, const struct client_member *members,
                          size_t count);
uint32_t client_page_members(const struct behalf_page *page);
void client_write_page(struct behalf_writer *writer, const struct behalf_page *page);

/* A map that counts its pairs while they are written. Members whose value is NULL, 0 or false are
 * left out. Maps inside end before it. */
struct client_map {
    struct behalf_writer *writer;
    size_t head; /* where its number of pairs stands */
    uint32_t pairs;
};

struct client_map client_map_begin(struct behalf_writer *writer);
void client_map_end(const struct client_map *map);
void client_map_key(struct client_map *map, const char *name); /* its value follows */
void client_map_text(struct client_map *map, const char *name, const char *value);
void client_map_uint(struct client_map *map, const char *name, uint64_t value);
void client_map_true(struct client_map *map, const char *name, bool value);
enum behalf_status client_map_json(struct client_map *map, const char *name, const char *json,
                                   struct behalf_error *error) BEHALF_MUST_USE;
/* A map inside, of those members that have a value; left out when none has. */
void client_map_pair(struct client_map *map, const char *name, const struct client_member *members,
                     size_t count);
void client_map_actors(struct client_map *map, const char *const *actors, size_t count);
void client_map_page(struct client_map *map, const struct behalf_page *page);
void client_map_read(struct client_map *map, const struct behalf_read *read);
/* What a write may carry; NULL = nothing. */
enum behalf_status client_map_write(struct client_map *map, const struct behalf_write *write,
                                    struct behalf_error *error) BEHALF_MUST_USE;

/* Calls, and frees the writer (NULL: there was no memory). `written` is how the writing went. */
enum behalf_status client_call_with(struct behalf_client *client, const char *method,
                                    struct behalf_writer *writer, enum behalf_status written,
                                    struct behalf_reply **reply,
                                    struct behalf_error *error) BEHALF_MUST_USE;

/* --- results --- */

/* A member that is a string, into `room` bytes; false when it is none or does not fit. */
bool client_read_text(struct behalf_value result, const char *name, char *text,
                      size_t room) BEHALF_MUST_USE;
/* The same; one that is not there is empty. */
bool client_read_optional(struct behalf_value result, const char *name, char *text,
                          size_t room) BEHALF_MUST_USE;
/* The same into BEHALF_TOKEN_SIZE bytes, or nowhere when `token` is NULL. */
bool client_read_token(struct behalf_value result, const char *name, char *token) BEHALF_MUST_USE;

enum behalf_status client_bad_result(struct behalf_error *error, const char *method,
                                     const char *member);

/* Ends a call whose whole result is a token; frees the reply. */
enum behalf_status client_finish_token(struct behalf_reply *reply, const char *method,
                                       const char *name, char *token, struct behalf_error *error);
/* Hands the reply over, or frees it. */
void client_give_reply(struct behalf_reply *reply, struct behalf_reply **to);

/* --- connections --- */

/* A connected, non-blocking socket. */
enum behalf_status client_socket_open(const char *endpoint, int64_t deadline_ms, int *descriptor,
                                      struct behalf_error *error) BEHALF_MUST_USE;

#define CLIENT_HOST_SIZE 256
bool client_endpoint_is_unix(const char *endpoint);
/* The ADDRESS of ADDRESS:PORT; false when it is none. */
bool client_endpoint_host(const char *endpoint, char host[CLIENT_HOST_SIZE]) BEHALF_MUST_USE;

/* Shows the key of the file to the server; the first call on a connection. */
enum behalf_status client_log_in(struct behalf_client *client, const char *key_file,
                                 struct behalf_error *error) BEHALF_MUST_USE;

/* --- notifications --- */

struct client_note {
    struct behalf_reply *reply; /* to be freed; the values point into it */
    struct behalf_value method;
    struct behalf_value body; /* a map, with `stream` */
    size_t size;              /* as it came */
};

/* Somebody watches from now on, or no more: notifications are kept meanwhile. */
void client_watching(struct behalf_client *client, bool begins);
/* The next notification of a stream. */
enum behalf_status client_await_note(struct behalf_client *client, uint64_t stream,
                                     uint32_t timeout_ms, struct client_note *note,
                                     struct behalf_error *error) BEHALF_MUST_USE;
/* Those of a stream that were not taken; 0 = all. */
void client_notes_drop(struct behalf_client *client, uint64_t stream);
/* The reply to a request that was submitted is of no interest. */
void client_forget(struct behalf_client *client, uint32_t id);

/* --- TLS --- */

struct tls;
struct tls_client;

struct client_tls {
    struct tls_client *context;
    struct tls *tls; /* NULL: plain */
};

/* Whether the options fit together and to the endpoint. */
enum behalf_status client_tls_check(const char *endpoint, const struct behalf_options *options,
                                    struct behalf_error *error) BEHALF_MUST_USE;
/* Over a connected socket; after a failure too it is to be closed. */
enum behalf_status client_tls_open(struct client_tls *tls, const char *endpoint,
                                   const struct behalf_options *options, int descriptor,
                                   int64_t deadline_ms, struct behalf_error *error) BEHALF_MUST_USE;
void client_tls_close(struct client_tls *tls);

/* Why reading or writing failed. */
#define CLIENT_REASON_SIZE 800
const char *client_tls_reason(const struct client_tls *tls, char text[CLIENT_REASON_SIZE]);

int64_t client_now_ms(void);

/* What poll takes for a time that is left: a negative number would wait for ever. */
int client_poll_ms(int64_t left_ms);

#endif
