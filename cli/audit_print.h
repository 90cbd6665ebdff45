/* audit_print.h - records of the audit log, read in pages and shown in words.
 * Always true: a record is shown whatever fields it has; what is not known is left out. Text of
 * records reaches a terminal only without control characters.
 * Threads: one. Memory: a parsed record in the arena given. */
#ifndef BEHALF_CLI_AUDIT_PRINT_H
#define BEHALF_CLI_AUDIT_PRINT_H

#include "base/datum.h"
#include "cli/cli.h"

/* --- pages (audit_pages.c) --- */

/* `audit.read` page by page, with the filter of the command line. */
struct audit_pages {
    struct cli *cli;
    const char *action; /* for messages */
    uint64_t limit;     /* records at most; 0 = all */
    bool newest;        /* begin with the last `limit` */
    bool follows;       /* wait for what is written next, without end */
    void (*show)(void *context, struct slice line);
    void *context;
    bool whole; /* set: nothing more follows */
    char cursor[BEHALF_TOKEN_SIZE];
};

enum cli_exit audit_pages_read(struct audit_pages *pages) BEHALF_MUST_USE;

/* --- one record (audit_record.c) --- */

/* The record of a line; NULL where it is none. */
const struct datum *audit_record_parse(struct slice line, struct arena *arena);
/* A field that is text; empty when it is absent or something else. */
struct slice audit_record_text(const struct datum *map, const char *name);
/* Text of a field of the record, or of the changed record inside of it. */
struct slice audit_record_find(const struct datum *record, const char *name);
/* An integer of the record; 0 when it is absent. */
int64_t audit_record_number(const struct datum *map, const char *name);
/* Item `at` of the list `name`, or NULL. */
const struct datum *audit_record_item(const struct datum *map, const char *name, size_t at);

/* One line in words: "12 2027-03-01T10:00:00Z decision deny scope_excluded ...". */
void audit_record_print(const struct cli *cli, struct slice line, struct arena *arena, FILE *out);

/* The story of a decision, from the result of audit.explain. */
void audit_story_print(const struct cli *cli, struct behalf_value result, FILE *out);

/* --- proofs (audit_proof.c) --- */

/* Prints the proof of a record, or with `seq` NULL that the log continues an older checkpoint; and
 * checks it. `key` as in audit_note_read. */
enum cli_exit audit_proof_make(struct cli *cli, const uint64_t *seq, struct slice older,
                               struct slice key) BEHALF_MUST_USE;
/* Checks one that was printed. */
enum cli_exit audit_proof_check(struct cli *cli, const char *path,
                                struct slice key) BEHALF_MUST_USE;

/* --- OCSF (audit_ocsf.c) --- */

/* Appends the event that a record is in the Open Cybersecurity Schema Framework, as one JSON
 * object. `origin` is the log's. False for a line that is no record. */
bool audit_ocsf_print(struct slice line, struct slice origin, struct arena *arena,
                      struct buffer *out);

#endif
