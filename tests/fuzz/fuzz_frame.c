/* fuzz_frame.c - the scanner against itself: any split of the bytes gives the same answer, and
 * what it calls complete is one value for the cursor too. */
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "net/codec.h"
#include "net/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_LIMIT ((size_t)1 << 16)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_scanner scanner;
    enum frame_state whole;
    enum frame_state state = FRAME_PARTIAL;
    size_t at = 0;
    struct wire_reader reader;
    struct slice value;

    frame_scanner_init(&scanner, SIZE_LIMIT);
    whole = frame_scan(&scanner, data, size);
    if (whole == FRAME_COMPLETE) {
        BEHALF_ASSERT(scanner.at <= size && scanner.at <= SIZE_LIMIT && scanner.at > 0);
        reader = reader_of((struct slice){(const char *)data, scanner.at});
        BEHALF_ASSERT(reader_skip(&reader, &value));
        BEHALF_ASSERT(reader.at == reader.end);
        at = scanner.at;
    }
    /* In pieces whose sizes the input itself chooses. */
    frame_scanner_init(&scanner, SIZE_LIMIT);
    for (size_t here = 0; state == FRAME_PARTIAL && here < size;) {
        here += 1 + data[here] % 13U;
        state = frame_scan(&scanner, data, here < size ? here : size);
    }
    BEHALF_ASSERT(state == whole);
    BEHALF_ASSERT(whole != FRAME_COMPLETE || scanner.at == at);
    return 0;
}
