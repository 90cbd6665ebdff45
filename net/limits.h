/* limits.h - every bound of the protocol, once. docs/protocol.md lists the same rows; the tests try
 * each at n-1, n and n+1. Bounds that the engine owns stand in engine/engine.h.
 *
 * What bounds the memory of one connection: a frame is never larger than LIMIT_MESSAGE_SIZE; a
 * connection holds one unfinished frame and at most one read behind it, LIMIT_OUTPUT_HARD of
 * replies, and LIMIT_CALLS_IN_FLIGHT calls that run elsewhere, which take LIMIT_CALL_BYTES and one
 * call more.
 * What bounds the memory of all of them: each loop has its share of server_memory.calls, above
 * which calls are refused, and of server_memory.buffers, above which those who hold most are closed
 * (loop.h). Small calls have a reserve: large ones do not shut them out. */
#ifndef BEHALF_NET_LIMITS_H
#define BEHALF_NET_LIMITS_H

#include "base/relationship.h"
#include "engine/agents.h"

#define LIMIT_MESSAGE_SIZE ((size_t)4 * 1024 * 1024) /* of a request, and of a reply */
#define LIMIT_EXPAND_BYTES ((size_t)1024 * 1024)     /* of a tree of expand, about */
#define LIMIT_PAGE_BYTES (LIMIT_MESSAGE_SIZE - 4096) /* of rows: room for what is around them */
#define LIMIT_DEPTH 16                               /* arrays and maps inside each other */

#define LIMIT_UPDATES ENGINE_UPDATES_MAX
#define LIMIT_PRECONDITIONS ENGINE_PRECONDITIONS_MAX
#define LIMIT_CHECKS ENGINE_BULK_ITEMS_MAX
#define LIMIT_ACTORS ENGINE_ACTORS_MAX
#define LIMIT_FILTER ENGINE_FILTER_RESOURCES_MAX
#define LIMIT_TYPES 1000 /* named in one audit */
#define LIMIT_OBJECT_ID OBJECT_ID_SIZE_MAX
#define LIMIT_PAGE ENGINE_PAGE_MAX
#define LIMIT_DELETE ENGINE_DELETE_MAX
#define LIMIT_TOKEN ENGINE_TOKEN_SIZE
#define LIMIT_CONTEXT CONTEXT_TEXT_SIZE_MAX /* MessagePack bytes of a context, or its JSON text */
/* Of the contexts of relationships in text, in one request: a loop reads their JSON, which takes
 * far longer than a map of MessagePack. As maps they are bounded by the message alone. */
#define LIMIT_CONTEXT_TEXTS ((size_t)512 * 1024)
#define LIMIT_STORED_CONTEXT ENGINE_CONTEXT_SIZE_MAX
#define LIMIT_METADATA ((size_t)4 * 1024) /* MessagePack bytes of `metadata` */
#define LIMIT_IDEMPOTENCY_KEY ((size_t)ENGINE_IDEMPOTENCY_KEY_SIZE_MAX)
#define LIMIT_SCHEMA_SIZE LIMIT_PAGE_BYTES /* the reply of schema.read holds it as a whole */

#define LIMIT_CHECK_DEADLINE_MS 3000   /* when the request names none */
#define LIMIT_LOOKUP_DEADLINE_MS 30000 /* the same, for lookups, reads and expand */
#define LIMIT_DEADLINE_MS 30000        /* the largest that may be asked for */

#define LIMIT_CHECK_ARENA ((size_t)16 * 1024 * 1024)
#define LIMIT_LOOKUP_ARENA ((size_t)64 * 1024 * 1024)

/* A bulk check larger than this goes to the pool at once: a loop thread has others to serve. */
#define LIMIT_INLINE_FRAME ((size_t)16 * 1024)

/* Of one connection, before the others have their turn. */
#define LIMIT_WINDOW ENGINE_PREFETCH_MAX /* frames looked at together */
#define LIMIT_WINDOWS_PER_TURN 2
_Static_assert(LIMIT_WINDOW *LIMIT_WINDOWS_PER_TURN <= 32, "nobody waits for more frames");
#define LIMIT_CALLS_IN_FLIGHT 256 /* of one connection; above, its bytes stay in the kernel */
#define LIMIT_CALL_BYTES                                                                           \
    ((size_t)4 * 1024 * 1024) /* the same, of their frames and decoded writes */
#define LIMIT_OUTPUT_PAUSE ((size_t)1024 * 1024)
#define LIMIT_OUTPUT_RESUME ((size_t)512 * 1024)
#define LIMIT_OUTPUT_HARD ((size_t)8 * 1024 * 1024)
/* Streams (net/stream.h). */
#define LIMIT_STREAMS_OF_CONNECTION 16
#define LIMIT_STREAMS_OF_KEY 256
#define LIMIT_STREAM_CREDIT (16 * 1024 * 1024) /* bytes that a stream may be ahead */
#define LIMIT_STREAM_CREDIT_DEFAULT (1024 * 1024)
#define LIMIT_STREAM_BATCH ((size_t)64 * 1024)    /* of what is built at once */
#define LIMIT_STREAM_OUTPUT ((size_t)64 * 1024)   /* nothing more is built while so much waits */
#define LIMIT_STREAM_STALL_MS 30000               /* without credit for what there is */
#define LIMIT_CHECKPOINT_MS 5000                  /* of silence */
#define LIMIT_OUTPUT_PROGRESS ((size_t)64 * 1024) /* to be read within the write timeout */
/* Nothing is read of a connection for at most so long after a refusal that told it to wait much
 * longer: what it sends meanwhile is refused, or not, with one read and one send. */
#define LIMIT_PAUSE_MS 10
#define LIMIT_PAUSE_PART 4 /* of the wait */
#define LIMIT_CONNECTIONS 10000
#define LIMIT_CONNECTION_RESERVE 32 /* of these, for administration; of few, a part */
#define LIMIT_CONNECTION_RESERVE_PART 4
#define LIMIT_CONNECTIONS_OF_ADDRESS 256
#define LIMIT_CONNECTIONS_OF_KEY 1000

/* Of a connection that has not given its key, where one is asked for. It is closed above them. */
#define LIMIT_LOGIN_MESSAGE ((size_t)16 * 1024)
#define LIMIT_LOGIN_ELEMENTS 10 /* of any array or map */
#define LIMIT_LOGIN_OUTPUT ((size_t)64 * 1024)
#define LIMIT_LOGIN_MS 5000

/* Of all connections together (server_options, memory). */
#define LIMIT_SMALL ((size_t)16 * 1024) /* a call or reply that may use the reserve */
#define LIMIT_RESERVE_PART 4            /* of the bytes of calls, for small ones */
#define LIMIT_REPLIES_PART 4 /* of the bytes of buffers, for replies on their way to their loop */

/* What a loop takes from other threads before its connections have their turn. */
#define LIMIT_MESSAGES_PER_TURN 256
#define LIMIT_MESSAGE_BYTES_PER_TURN ((size_t)1024 * 1024)

#define LIMIT_HANDSHAKE_MS 5000      /* of TLS, from the accept */
#define LIMIT_FRAME_MS 10000         /* from the first to the last byte of a frame */
#define LIMIT_FRAME_RATE (64 * 1024) /* bytes a second that prolong it for large frames */
#define LIMIT_DRAIN_MS 10000

#endif
