/* json_out.h - JSON as it is sent: members in the order in which they are put.
 *
 * Always true: what was put between json_open and the json_close that belongs to it is well-formed
 * JSON in UTF-8, without blanks. A text that is not UTF-8 has '?' in place of each wrong byte.
 * Threads: none; a writer belongs to one reply. Memory: it borrows the buffer. */
#ifndef BEHALF_NET_JSON_OUT_H
#define BEHALF_NET_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/datum.h"
#include "net/codec.h"

struct json_out {
    struct buffer *buffer;
    bool follows; /* something stands before the next member or element */
};

struct json_out json_begin(struct buffer *buffer);

/* `name` NULL: an element of a list, or the whole. The same for all that follow. */
void json_open_map(struct json_out *json, const char *name);
void json_close_map(struct json_out *json);
void json_open_list(struct json_out *json, const char *name);
void json_close_list(struct json_out *json);

void json_put_text(struct json_out *json, const char *name, struct slice text);
void json_put_bool(struct json_out *json, const char *name, bool value);
void json_put_unsigned(struct json_out *json, const char *name, uint64_t value);
/* RFC 3339. */
void json_put_time(struct json_out *json, const char *name, int64_t time_ns);
/* One whole MessagePack value that the server made, in the order of its bytes. False: the bytes are
 * no such value, and what was put is not whole. */
bool json_put_wire(struct json_out *json, const char *name,
                   struct wire_reader *reader) BEHALF_MUST_USE;

#endif
