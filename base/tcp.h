/* tcp.h - TCP addresses written in numbers, sockets that listen on them, and options of those that
 * are accepted.
 * Always true: names are not resolved. Threads: any. */
#ifndef BEHALF_BASE_TCP_H
#define BEHALF_BASE_TCP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

union tcp_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

#define TCP_TEXT_SIZE 64  /* of an address with its port, and a NUL */
#define TCP_ORIGIN_SIZE 8 /* the most that tcp_origin writes */

/* "127.0.0.1:23425" or "[::1]:23425". MALFORMED_REQUEST when it is neither. */
enum status tcp_parse(const char *text, union tcp_address *address, socklen_t *size,
                      struct error *error) BEHALF_MUST_USE;
/* The same with its port, and without it: of IPv4 mapped into IPv6 the IPv4 address. */
void tcp_print(const union tcp_address *address, char text[static TCP_TEXT_SIZE]);
void tcp_print_host(const union tcp_address *address, char host[static INET6_ADDRSTRLEN]);

bool tcp_is_loopback(const union tcp_address *address);

/* Whom an address counts as, into `bytes`: IPv4 alone, also mapped into IPv6; IPv6 by its /64,
 * which one host may fill with addresses. */
struct slice tcp_origin(const union tcp_address *address, char bytes[static TCP_ORIGIN_SIZE]);

/* A non-blocking socket that listens; `bound` gets its address with the real port. Errors:
 * MALFORMED_REQUEST as above, OVERLOADED when the system refuses (taken, no permission). */
enum status tcp_listen(const char *text, int *fd, char bound[static TCP_TEXT_SIZE],
                       struct error *error) BEHALF_MUST_USE;

/* Of an accepted socket: no delay, and peers that are gone are noticed. */
void tcp_set_options(int fd);

#endif
