/* fuzz_audit.c - any bytes as what is put into the audit log, as a line of it, as a checkpoint and
 * as a key. What may be put prints as JSON of one line that reads back with what the log wrote;
 * the rest is refused. */
#include "audit/checkpoint.h"
#include "audit/record.h"
#include "base/datum.h"

#define CAP ((size_t)4 * 1024 * 1024)
#define TIME_NS INT64_C(1700000000123456789)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_fields(struct slice fields)
{
    static const uint8_t previous[DIGEST_SIZE] = {1, 2, 3};
    const struct datum *datum = NULL;
    struct record_facts facts;
    struct buffer line;
    struct arena arena;

    if (record_check(fields, NULL) != BEHALF_OK)
        return;
    arena_init(&arena, CAP);
    buffer_init(&line);
    record_print(fields, 7, TIME_NS, previous, &line);
    BEHALF_ASSERT(memchr(line.data, '\n', line.size) == NULL && line.size <= RECORD_LINE_MAX);
    BEHALF_ASSERT(record_read(buffer_slice(&line), &facts));
    BEHALF_ASSERT(facts.seq == 7 && facts.ts_ns == TIME_NS);
    BEHALF_ASSERT(record_is_next(buffer_slice(&line), 7, previous));
    /* The reader of JSON takes no key with a NUL. */
    BEHALF_ASSERT(datum_parse_json(buffer_slice(&line), &arena, &datum, NULL) == BEHALF_OK ||
                  memmem(line.data, line.size, "\\u0000", 6) != NULL);
    buffer_release(&line);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};
    struct checkpoint_note note;
    struct checkpoint_key key;
    struct record_facts facts;
    struct buffer again;

    if (size > 4096)
        return 0;
    check_fields(input);
    (void)record_read(input, &facts);
    if (checkpoint_parse(input, &note, NULL) == BEHALF_OK)
        BEHALF_ASSERT(note.length <= size);
    buffer_init(&again);
    if (checkpoint_read_public(input, &key, NULL) == BEHALF_OK) {
        checkpoint_print_public(&key, &again);
        BEHALF_ASSERT(slice_starts_with(buffer_slice(&again), input));
    }
    (void)checkpoint_read_secret(input, &key, NULL);
    buffer_release(&again);
    return 0;
}
