/* reader.h - the inside of an audit_reader, for those who prove and verify.
 * Always true: `at` is the seq of the next line that is given; `buffer` holds bytes of the segment
 * from `offset` on, of which `used` were given.
 * Threads: one. */
#ifndef BEHALF_AUDIT_READER_H
#define BEHALF_AUDIT_READER_H

#include "audit/tree.h"

struct audit_reader {
    int folder;
    struct tree tree;
    int fd;           /* of the segment, or -1 */
    uint64_t segment; /* of `fd` */
    uint64_t at;
    uint64_t size; /* bound of what is given, as it was seen last */
    uint64_t offset;
    struct buffer buffer;
    size_t used;
};

#endif
