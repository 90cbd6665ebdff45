/* audit_proof.c - proofs as documents: {seq, record, hashes, checkpoint}, that a record is in the
 * log of a checkpoint, and {older, hashes, checkpoint}, that a log continues an older checkpoint.
 * Always true: a document is checked by its own bytes, as it is when it is made: nothing of a
 * server is believed. */
#include <string.h>

#include "audit/audit.h"
#include "base/merkle.h"
#include "cli/audit_print.h"

struct proof {
    struct slice note; /* the checkpoint */
    struct slice older;
    struct slice line;
    int64_t seq;
    struct merkle_proof hashes;
};

/* --- reading ---------------------------------------------------------------------------------- */

static int
digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool
read_hash(struct slice text, uint8_t hash[DIGEST_SIZE])
{
    if (text.size != 2 * DIGEST_SIZE)
        return false;
    for (size_t at = 0; at < DIGEST_SIZE; at++) {
        int high = digit_value(text.data[2 * at]);
        int low = digit_value(text.data[2 * at + 1]);

        if (high < 0 || low < 0)
            return false;
        hash[at] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool
read_proof(const struct datum *document, struct proof *proof)
{
    const struct datum *hash;

    *proof = (struct proof){
        .note = audit_record_text(document, "checkpoint"),
        .older = audit_record_text(document, "older"),
        .line = audit_record_text(document, "record"),
        .seq = audit_record_number(document, "seq"),
    };
    while ((hash = audit_record_item(document, "hashes", proof->hashes.count)) != NULL) {
        if (proof->hashes.count == MERKLE_PROOF_MAX || hash->kind != DATUM_STRING ||
            !read_hash(hash->as.string, proof->hashes.hashes[proof->hashes.count]))
            return false;
        proof->hashes.count++;
    }
    return proof->note.size > 0 && (proof->older.size > 0) != (proof->line.size > 0) &&
           proof->seq >= 0;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Whether the line says that it is the record, and its leaf is in the tree. */
static bool
holds_record(const struct proof *proof, const struct audit_note *note, struct arena *arena)
{
    const struct datum *record = audit_record_parse(proof->line, arena);
    uint8_t leaf[DIGEST_SIZE];

    if (record == NULL || audit_record_number(record, "seq") != proof->seq ||
        (uint64_t)proof->seq >= note->size)
        return false;
    merkle_leaf(proof->line, leaf);
    return merkle_check_inclusion(leaf, (uint64_t)proof->seq, note->size, &proof->hashes,
                                  note->root);
}

static enum cli_exit
refuse(struct cli *cli, const char *what)
{
    return cli_problem(cli, CLI_UNVERIFIED, NULL, "the proof does not hold: %s", what);
}

static enum cli_exit
check_proof(struct cli *cli, const struct proof *proof, struct slice key)
{
    struct audit_note older = {.size = 0};
    struct audit_note note;
    struct error error;

    if (audit_note_read(proof->note, key, &note, &error) != BEHALF_OK)
        return refuse(cli, error.message);
    if (proof->older.size > 0) {
        if (audit_note_read(proof->older, key, &older, &error) != BEHALF_OK)
            return refuse(cli, error.message);
        if (!slice_equal(older.origin, note.origin))
            return refuse(cli, "the checkpoints are of two logs");
        if (!merkle_check_consistency(older.size, older.root, note.size, note.root, &proof->hashes))
            return refuse(cli, "the log does not continue the older checkpoint");
    } else if (!holds_record(proof, &note, &cli->arena)) {
        return refuse(cli, "the record is not in the tree of the checkpoint");
    }
    if (cli->json)
        return CLI_OK;
    if (proof->older.size > 0)
        (void)fprintf(stderr, "the log of %llu records continues the one of %llu: ",
                      (unsigned long long)note.size, (unsigned long long)older.size);
    else
        (void)fprintf(stderr, "record %lld is in the log of %llu records: ", (long long)proof->seq,
                      (unsigned long long)note.size);
    cli_put_safe(stderr, note.origin);
    (void)fputs(key.size > 0 ? ", signed\n" : ", its signature not checked (--key)\n", stderr);
    return CLI_OK;
}

/* --- a document from a file ------------------------------------------------------------------- */

enum cli_exit
audit_proof_check(struct cli *cli, const char *path, struct slice key)
{
    const struct datum *document = NULL;
    struct buffer text;
    struct proof proof;
    struct error error;
    enum cli_exit result = CLI_USAGE;

    buffer_init(&text);
    if (!cli_file_read(cli, path, &text)) {
        result = CLI_USAGE;
    } else if (datum_parse_json(buffer_slice(&text), &cli->arena, &document, &error) != BEHALF_OK) {
        result = cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': %s", path, error.message);
    } else if (!read_proof(document, &proof)) {
        result = cli_problem(cli, CLI_USAGE, "behalf audit proof SEQ prints one",
                             "cannot read '%s': it is no proof", path);
    } else {
        result = check_proof(cli, &proof, key);
    }
    buffer_release(&text);
    return result;
}

/* --- a document from the server --------------------------------------------------------------- */

/* Appends `,"hashes":[...],"checkpoint":"..."}`. */
static void
put_tail(struct buffer *out, struct behalf_value hashes, struct slice note)
{
    buffer_add_text(out, ",\"hashes\":");
    cli_json_value(out, hashes);
    buffer_add_text(out, ",\"checkpoint\":");
    cli_json_string(out, note);
    buffer_add_byte(out, '}');
}

/* Checks the document and prints it. */
static enum cli_exit
print_document(struct cli *cli, const struct buffer *document, struct slice key)
{
    const struct datum *parsed;
    struct proof proof;
    struct error error;
    enum cli_exit result;

    if (datum_parse_json(buffer_slice(document), &cli->arena, &parsed, &error) != BEHALF_OK ||
        !read_proof(parsed, &proof))
        return cli_fail_reply(cli, "prove it", "hashes");
    result = check_proof(cli, &proof, key);
    if (result == CLI_OK)
        (void)printf("%s\n", document->data);
    return result;
}

static enum cli_exit
prove_record(struct cli *cli, uint64_t seq, uint64_t size, struct slice note,
             struct buffer *document)
{
    const struct behalf_audit_read read = {.from = seq, .newest = false};
    const struct behalf_page page = {.limit = 1};
    struct behalf_reply *records;
    struct behalf_reply *hashes;
    struct behalf_value rest;
    struct behalf_value one;
    struct slice line = {NULL, 0};
    uint32_t count;

    if (seq >= size)
        return cli_problem(cli, CLI_USAGE, NULL,
                           "the log has %llu records: there is no record "
                           "%llu yet",
                           (unsigned long long)size, (unsigned long long)seq);
    if (behalf_audit_read(cli->client, &read, &page, &records, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "read the record");
    if (behalf_audit_inclusion(cli->client, seq, size, &hashes, &cli->error) != BEHALF_SUCCESS) {
        behalf_reply_free(records);
        return cli_fail(cli, "prove the record");
    }
    if (behalf_value_array(behalf_value_get(behalf_reply_result(records), "records"), &count,
                           &rest) &&
        count > 0 && behalf_value_next(&rest, &one))
        (void)behalf_value_string(one, &line.data, &line.size);
    buffer_add_format(document, "{\"seq\":%llu,\"record\":", (unsigned long long)seq);
    cli_json_string(document, line);
    put_tail(document, behalf_value_get(behalf_reply_result(hashes), "hashes"), note);
    behalf_reply_free(records);
    behalf_reply_free(hashes);
    return CLI_OK;
}

static enum cli_exit
prove_older(struct cli *cli, struct slice older, uint64_t size, struct slice note,
            struct buffer *document)
{
    struct audit_note read;
    struct behalf_reply *hashes;
    struct error error;

    if (audit_note_read(older, (struct slice){NULL, 0}, &read, &error) != BEHALF_OK)
        return cli_problem(cli, CLI_USAGE, NULL, "cannot read the checkpoint: %s", error.message);
    if (behalf_audit_consistency(cli->client, read.size, size, &hashes, &cli->error) !=
        BEHALF_SUCCESS)
        return cli_fail(cli, "prove the checkpoint");
    buffer_add_text(document, "{\"older\":");
    cli_json_string(document, older);
    put_tail(document, behalf_value_get(behalf_reply_result(hashes), "hashes"), note);
    behalf_reply_free(hashes);
    return CLI_OK;
}

enum cli_exit
audit_proof_make(struct cli *cli, const uint64_t *seq, struct slice older, struct slice key)
{
    struct behalf_reply *reply;
    struct buffer document;
    struct audit_note note;
    struct slice text;
    struct error error;
    enum cli_exit result;

    if (behalf_audit_checkpoint(cli->client, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "read the checkpoint");
    buffer_init(&document);
    text = cli_get_text(behalf_reply_result(reply), "note");
    if (audit_note_read(text, key, &note, &error) != BEHALF_OK)
        result = refuse(cli, error.message);
    else if (seq != NULL)
        result = prove_record(cli, *seq, note.size, text, &document);
    else
        result = prove_older(cli, older, note.size, text, &document);
    if (result == CLI_OK)
        result = print_document(cli, &document, key);
    buffer_release(&document);
    behalf_reply_free(reply);
    return result;
}
