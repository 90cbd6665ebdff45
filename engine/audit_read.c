/* audit_read.c - pages of the audit log, its checkpoint, proofs and verification.
 * Always true: a page looks at a bounded number of lines and takes a bounded time, whatever the
 * filter: one that ends early is not complete, perhaps empty, and its cursor goes on. */
#include "base/bytes.h"
#include "engine/audit_log.h"
#include "engine/audit_scan.h"
#include "engine/page_room.h"
#include "engine/request.h"
#include "engine/token.h"

/* --- pages --- */

/* Where the newest records that fit are looked for: parts that double, from the end backwards. */
#define NEWEST_FIRST_LINES UINT64_C(4096)

struct audit_page {
    struct audit_scan *scan;
    struct audit_matcher matcher;
    size_t limit;
    struct page_room room;
    uint64_t lines_left;
    int64_t ends_ns; /* monotonic: of the page */
    struct cursor next;
    uint32_t capacity;
    struct audit_read_result *result;
};

static uint64_t
filter_digest(const struct audit_filter *filter)
{
    const struct slice parts[] = {
        SLICE_LITERAL("audit.read"),
        filter->event,
        filter->session,
        filter->grant,
        filter->agent,
        filter->principal,
        filter->decision,
    };

    return cursor_request_digest(parts, BEHALF_COUNT_OF(parts), NULL);
}

static enum status
check_read(const struct audit_read *read, struct error *error)
{
    if (read->has_from + read->newest + (read->cursor.size > 0) <= 1)
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "at most one of 'from', 'newest' and 'cursor' says where a page begins");
}

/* Whether the page has looked at enough. */
static bool
is_spent(struct audit_page *page)
{
    if (page->lines_left == 0)
        return true;
    page->lines_left--;
    return page->lines_left % 1024 == 0 && env_monotonic_ns(page->scan->env) >= page->ends_ns;
}

static enum status
add_line(struct audit_page *page, struct error *error)
{
    struct audit_read_result *result = page->result;
    struct arena *arena = page->scan->request->arena;
    struct slice *records = arena_grow(arena, result->records, (uint32_t)result->record_count,
                                       &page->capacity, sizeof *records);
    struct slice copy = {NULL, 0};

    if (records != NULL) {
        result->records = records;
        copy = arena_copy(arena, page->scan->line);
    }
    if (copy.data == NULL)
        return budget_memory_spent(error);
    records[result->record_count++] = copy;
    page_room_take(&page->room, page_string_bytes(copy.size));
    return BEHALF_OK;
}

/* Reads on until the page is full, has looked at enough, or nothing follows. */
static enum status
read_page(struct audit_page *page, uint64_t from, struct error *error)
{
    struct audit_read_result *result = page->result;
    enum status status = audit_scan_seek(page->scan, from, error);

    while (status == BEHALF_OK && !is_spent(page)) {
        bool fits;

        status = audit_scan_next(page->scan, error);
        if (status == BEHALF_DONE)
            result->complete = true;
        if (status == BEHALF_OK)
            status = audit_matcher_fits(&page->matcher, page->scan, &fits, error);
        if (status != BEHALF_OK)
            break;
        if (fits && (result->record_count == page->limit ||
                     (result->record_count > 0 &&
                      !page_room_has(&page->room, page_string_bytes(page->scan->line.size)))))
            break;
        if (fits)
            status = add_line(page, error);
        from = page->scan->seq + 1;
    }
    bytes_put_u64((char *)page->next.position, from);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* --- the newest --- */

/* The seqs of the last matches, overwritten in turn. */
struct recent {
    uint64_t *seqs;
    size_t room;
    uint64_t found;
};

/* Counts what fits in [from, to). */
static enum status
count_matches(struct audit_page *page, uint64_t from, uint64_t to, struct recent *recent,
              struct error *error)
{
    enum status status = audit_scan_seek(page->scan, from, error);

    while (status == BEHALF_OK && from < to) {
        bool fits;

        status = audit_scan_next(page->scan, error);
        if (status == BEHALF_OK)
            status = audit_matcher_fits(&page->matcher, page->scan, &fits, error);
        if (status != BEHALF_OK)
            break;
        if (fits)
            recent->seqs[recent->found++ % recent->room] = page->scan->seq;
        from = page->scan->seq + 1;
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* Where the last `limit` records that fit begin, among the newest LIMIT_AUDIT_LINES. */
static enum status
find_newest(struct audit_page *page, uint64_t *from, struct error *error)
{
    const struct audit_scan *scan = page->scan;
    uint64_t oldest =
        scan->size - scan->first > LIMIT_AUDIT_LINES ? scan->size - LIMIT_AUDIT_LINES : scan->first;
    uint64_t part = NEWEST_FIRST_LINES;
    size_t found = 0;
    uint64_t *seqs = arena_take_array(scan->request->arena, page->limit, sizeof *seqs);
    enum status status = seqs != NULL ? BEHALF_OK : budget_memory_spent(error);

    *from = scan->size;
    while (status == BEHALF_OK && found<page->limit && * from> oldest) {
        uint64_t to = *from;
        struct recent recent = {seqs, page->limit - found, 0};

        *from = to - oldest > part ? to - part : oldest;
        status = count_matches(page, *from, to, &recent, error);
        if (recent.found >= recent.room)
            *from = recent.seqs[recent.found % recent.room]; /* the oldest of them */
        found += recent.found < recent.room ? recent.found : recent.room;
        part *= 2;
    }
    return status;
}

/* --- audit.read --- */

static enum status
open_page(struct engine_worker *worker, const struct audit_read *read, struct audit_page *page,
          uint64_t *from, struct error *error)
{
    struct audit_scan *scan = page->scan;
    enum status status =
        audit_matcher_init(&read->filter, scan->request->arena, &page->matcher, error);

    *from = read->has_from ? read->from : scan->first;
    page->next.request_digest = filter_digest(&read->filter);
    if (status == BEHALF_OK && read->cursor.size > 0) {
        struct cursor cursor;

        status = cursor_open(worker->engine->store, read->cursor, page->next.request_digest,
                             &cursor, error);
        if (status == BEHALF_OK)
            *from = bytes_get_u64(cursor.position);
    }
    if (status == BEHALF_OK && read->newest)
        status = find_newest(page, from, error);
    return status;
}

enum status
engine_audit_read(struct engine_worker *worker, const struct engine_request *request,
                  const struct audit_read *read, struct audit_read_result *result,
                  struct error *error)
{
    struct audit_read_result found = {.complete = false};
    struct audit_scan scan;
    struct audit_page page = {
        .scan = &scan,
        .room = page_room_of(read->most_bytes),
        .lines_left = LIMIT_AUDIT_LINES,
        .ends_ns = env_monotonic_ns(worker->engine->env) + LIMIT_AUDIT_NS,
        .result = &found,
    };
    uint64_t from;
    enum status status = check_read(read, error);

    if (status == BEHALF_OK)
        status = request_limit(read->limit, &page.limit, error);
    if (status == BEHALF_OK)
        status = audit_scan_open(worker, request, &scan, error);
    if (status != BEHALF_OK)
        return status;
    status = open_page(worker, read, &page, &from, error);
    if (status == BEHALF_OK)
        status = read_page(&page, from, error);
    audit_scan_close(&scan);
    if (status != BEHALF_OK)
        return status;
    cursor_seal(worker->engine->store, &page.next, &found.cursor);
    *result = found;
    return BEHALF_OK;
}

/* --- checkpoint, proofs --- */

enum status
engine_audit_checkpoint(struct engine_worker *worker, const struct engine_request *request,
                        struct slice *note, struct error *error)
{
    struct audit *audit;
    struct buffer made;
    enum status status = BEHALF_WOULD_BLOCK;

    if (!worker->may_block)
        return status;
    status = audit_log_find(worker->engine, &audit, error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&made);
    status = audit_checkpoint(audit, &made, error);
    if (status == BEHALF_OK) {
        *note = arena_copy(request->arena, buffer_slice(&made));
        if (note->data == NULL)
            status = budget_memory_spent(error);
    }
    buffer_release(&made);
    return status;
}

enum status
engine_audit_prove(struct engine_worker *worker, const struct engine_request *request,
                   const struct audit_proof_request *asked, struct audit_proof_result *result,
                   struct error *error)
{
    struct merkle_proof proof = {.count = 0};
    struct audit_scan scan;
    size_t size;
    enum status status = audit_scan_open(worker, request, &scan, error);

    if (status != BEHALF_OK)
        return status;
    if (asked->is_consistency)
        status = audit_prove_consistency(scan.reader, asked->from, asked->size, &proof, error);
    else
        status = audit_prove_inclusion(scan.reader, asked->seq, asked->size, &proof, error);
    audit_scan_close(&scan);
    if (status != BEHALF_OK)
        return status;
    size = proof.count * sizeof *result->hashes;
    result->hash_count = proof.count;
    result->hashes = arena_take(request->arena, size);
    if (result->hashes == NULL)
        return budget_memory_spent(error);
    memcpy(result->hashes, proof.hashes, size);
    return BEHALF_OK;
}

/* --- verification --- */

struct verifying {
    const struct env *env;
    const struct engine_request *request;
};

static bool
goes_on(void *context, uint64_t records, uint64_t of)
{
    const struct verifying *verifying = context;
    const struct engine_request *request = verifying->request;

    (void)records;
    (void)of;
    return (request->cancelled == NULL || !atomic_load(request->cancelled)) &&
           (request->deadline_ns == 0 || env_monotonic_ns(verifying->env) < request->deadline_ns);
}

enum status
engine_audit_verify(struct engine_worker *worker, const struct engine_request *request,
                    struct slice checkpoint, struct audit_verify_result *result,
                    struct error *error)
{
    struct verifying verifying = {worker->engine->env, request};
    const struct audit_progress progress = {goes_on, &verifying};
    struct audit_verification found;
    const char *directory;
    struct buffer wrong;
    enum status status = BEHALF_WOULD_BLOCK;

    if (!worker->may_block)
        return status;
    status = audit_log_directory(worker->engine, &directory, error);
    if (status == BEHALF_OK)
        status =
            audit_verify(directory, (struct slice){NULL, 0}, checkpoint, &progress, &found, error);
    if (status == BEHALF_DEADLINE)
        error_hint(error, "behalf audit verify DIR has no deadline, and needs only the files");
    if (status != BEHALF_OK)
        return status;
    *result = (struct audit_verify_result){.records = found.records,
                                           .segments = found.segments,
                                           .ok = found.ok,
                                           .wrong_seq = found.wrong_seq,
                                           .wrong_offset = found.wrong_offset};
    if (found.ok)
        return BEHALF_OK;
    buffer_init(&wrong);
    buffer_add_format(&wrong, "%s%s%s", found.wrong, found.wrong_file[0] != '\0' ? ", in " : "",
                      found.wrong_file);
    result->wrong = arena_copy(request->arena, buffer_slice(&wrong));
    buffer_release(&wrong);
    return result->wrong.data != NULL ? BEHALF_OK : budget_memory_spent(error);
}
