/* cli_options.c - the table of options, and their values. */
#include "cli/cli_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEFAULT_MS 10000

#define AT(member) offsetof(struct cli, member)

const struct option_row cli_option_rows[] = {
    {"--actor", "A[,A...]", KIND_ACTOR, OPTION_ACTOR, 0,
     "who really calls, on the subject's behalf; a chain, the first acts for the subject"},
    {"--agent", "AGENT", KIND_TEXT, OPTION_LIST_SESSIONS | OPTION_LIST_GRANTS | OPTION_RECORDS,
     AT(records.agent), "those of this agent"},
    {"--all", NULL, KIND_SWITCH, OPTION_PAGE, AT(all),
     "all of it, also with --limit, which is then the size of a page"},
    {"--approver", "OBJECT", KIND_TEXT, OPTION_APPROVAL | OPTION_APPROVER, AT(records.approver),
     "who consents: the principal, or somebody who may approve for it"},
    {"--at", "TIME|TOKEN", KIND_TEXT, OPTION_READ | OPTION_AT, AT(at),
     "a moment of the past, as 2027-03-01T10:30:00Z, or a token; audit replay: then or now"},
    {"--ca-file", "FILE", KIND_TEXT, OPTION_COMMON, AT(connect.ca_file),
     "with --tls: the CA of the server (default the system's, or BEHALF_CA_FILE)"},
    {"--certificate", "FILE", KIND_TEXT, OPTION_COMMON, AT(connect.certificate),
     "shown to a server that asks for one (or BEHALF_CERTIFICATE)"},
    {"--certificate-key", "FILE", KIND_TEXT, OPTION_COMMON, AT(connect.certificate_key),
     "the key of --certificate (or BEHALF_CERTIFICATE_KEY)"},
    {"--channel", "TEXT", KIND_TEXT, OPTION_APPROVAL, AT(records.channel),
     "how the approver was asked"},
    {"--check", NULL, KIND_SWITCH, OPTION_CHECK, AT(check),
     "write nothing; exit code 1 when the text would change"},
    {"--checkpoint", "FILE", KIND_TEXT, OPTION_CHECKPOINT, AT(audit.checkpoint),
     "a signed checkpoint that the log must continue"},
    {"--client", "TEXT", KIND_TEXT, OPTION_SESSION | OPTION_STOP, AT(records.client),
     "the program through which the agent is reached"},
    {"--consistency", "MODE", KIND_CONSISTENCY, OPTION_READ, 0,
     "full, minimize-latency, at-least-as-fresh or at-exact-snapshot"},
    {"--constraint", "CAVEAT", KIND_TEXTS, OPTION_TERMS, AT(records.constraints),
     "NAME or NAME:{JSON}: a caveat that must hold too; may stand again"},
    {"--context", "JSON|@FILE", KIND_TEXT, OPTION_CONTEXT, AT(context),
     "values for the parameters of caveats: a JSON object"},
    {"--cursor", "CURSOR", KIND_TEXT, OPTION_CURSOR, AT(page.cursor), "go on where a page ended"},
    {"--decision", "DECISION", KIND_TEXT, OPTION_RECORDS, AT(audit.decision),
     "records of this decision"},
    {"--denial", "DENIAL", KIND_TEXT, OPTION_REQUEST, AT(records.denial),
     "the denied decision that it answers, as the server sealed it"},
    {"--depth", "N", KIND_NUMBER, OPTION_DEPTH, AT(depth),
     "levels of usersets to open (default 1, 0 = all)"},
    {"--digest", "HEX", KIND_TEXT, OPTION_CALL, AT(records.digest),
     "SHA-256 of the arguments of the call, with --method"},
    {"--endpoint", "ENDPOINT", KIND_TEXT, OPTION_COMMON, AT(endpoint),
     "ADDRESS:PORT or unix:PATH (default 127.0.0.1:23425, or BEHALF_ENDPOINT)"},
    {"--event", "EVENT", KIND_TEXT, OPTION_RECORDS, AT(audit.event),
     "decision, grant.revoked and the like; session.* is all of a family"},
    {"--everything", NULL, KIND_SWITCH, OPTION_STOP, AT(records.everything),
     "every agent of the store"},
    {"--evidence", "JSON|@FILE", KIND_TEXT, OPTION_SESSION, AT(records.evidence),
     "how the principal was authenticated: a JSON object"},
    {"--expires-at", "TIME", KIND_TEXT, OPTION_END, AT(records.expires_at),
     "when it ends, as 2027-03-01T10:30:00Z"},
    {"--expires-in", "DURATION", KIND_DURATION, OPTION_END, AT(records.expires_in_s),
     "or after how long: 90s, 30m, 8h or 1d, by the server's clock"},
    {"--explain", NULL, KIND_SWITCH, OPTION_EXPLAIN, AT(explain), "show why, as a tree"},
    {"--fail-on-warn", NULL, KIND_SWITCH, OPTION_STRICT, AT(strict),
     "warnings fail: exit code 1 (validate: 3)"},
    {"--file", "FILE", KIND_TEXT, OPTION_FILE, AT(file),
     "one transaction from a file, - is standard input"},
    {"--filter", "FILTER", KIND_TEXT, OPTION_FILTER, AT(filter), "which relationships"},
    {"--format", "FORMAT", KIND_TEXT, OPTION_FORMAT, AT(audit.format), "ocsf"},
    {"--from", "TOKEN|SEQ", KIND_TEXT, OPTION_PLACE | OPTION_FROM_SEQ, AT(from_token),
     "what was committed after this (default: from now on); audit: from this record on"},
    {"--from-line", "N", KIND_COUNT, OPTION_FROM, AT(from_line), "skip the lines before this one"},
    {"--grant", "GRANT", KIND_TEXT, OPTION_GRANT | OPTION_RECORDS, AT(records.grant),
     "the grant by which the last actor acts; audit: records of this grant"},
    {"--grant-expires-in", "DURATION", KIND_DURATION, OPTION_SESSION,
     AT(records.grant_expires_in_s), "when the grant ends (default: with the session)"},
    {"--help", NULL, KIND_SWITCH, OPTION_COMMON, AT(help), "this text"},
    {"--idempotency-key", "KEY", KIND_TEXT, OPTION_KEY, AT(idempotency_key),
     "repeat a write safely: the same key never writes twice"},
    {"--idle-timeout", "DURATION", KIND_IDLE, OPTION_SESSION, 0,
     "how long the session may go unused (default 30m, 0 = for ever)"},
    {"--json", NULL, KIND_SWITCH, OPTION_COMMON, AT(json),
     "one JSON document a line, for programs"},
    {"--junit", "FILE", KIND_TEXT, OPTION_JUNIT, AT(junit), "write the results as JUnit XML too"},
    {"--justification", "TEXT", KIND_TEXT, OPTION_REQUEST, AT(records.justification),
     "why the agent asks"},
    {"--key", "KEY|FILE", KIND_TEXT, OPTION_VERIFIER, AT(audit.verifier),
     "the public key of the log (key.pub), kept elsewhere"},
    {"--key-file", "FILE", KIND_TEXT, OPTION_COMMON, AT(connect.key_file),
     "the key that a server with keys asks for (or BEHALF_KEY_FILE)"},
    {"--limit", "N", KIND_LIMIT, OPTION_PAGE, AT(page.limit),
     "at most so many; exit code 4 when more follow"},
    {"--max-depth", "N", KIND_NUMBER, OPTION_TERMS, AT(records.max_depth),
     "how many further hops it may be passed on (default 0)"},
    {"--method", "TEXT", KIND_TEXT, OPTION_CALL, AT(records.method),
     "the method of the call, with --digest"},
    {"--not-before", "TIME", KIND_TEXT, OPTION_TERMS, AT(records.not_before), "when it begins"},
    {"--principal", "OBJECT", KIND_TEXT,
     OPTION_LIST_SESSIONS | OPTION_LIST_REQUESTS | OPTION_STOP | OPTION_RECORDS,
     AT(records.principal), "on whose behalf"},
    {"--purpose", "TEXT", KIND_TEXT, OPTION_TERMS, AT(records.purpose), "what it is for"},
    {"--reason", "TEXT", KIND_TEXT, OPTION_REASON, AT(records.reason), "why; it is kept"},
    {"--role", "ROLE[,ROLE...]", KIND_TEXT, OPTION_ROLE, AT(role), "what the key may do"},
    {"--scope", "SCOPE", KIND_TEXTS, OPTION_TERMS, AT(records.scope),
     "SELECTOR=ACTION[,ACTION...]: what it is for; may stand again"},
    {"--session", "SESSION", KIND_TEXT, OPTION_LIST_GRANTS | OPTION_RECORDS, AT(records.session),
     "those of this session"},
    {"--status", "STATUS", KIND_TEXT, OPTION_LIST_REQUESTS, AT(records.status),
     "only pending, approved, denied, cancelled or expired ones"},
    {"--timeout", "SECONDS", KIND_TIMEOUT, OPTION_COMMON, AT(timeout_ms),
     "how long to wait for the server (default 30)"},
    {"--tls", NULL, KIND_SWITCH, OPTION_COMMON, AT(connect.tls),
     "speak TLS with the server (or BEHALF_TLS=true)"},
    {"--token", "TOKEN", KIND_TEXT, OPTION_READ, AT(read.token),
     "for at-least-as-fresh (taken when no mode is given) and at-exact-snapshot"},
    {"--tool", "NAME=SHA256", KIND_TEXTS, OPTION_CALL, AT(records.tools),
     "a tool and the hash of its definition; of a grant it may stand again"},
    {"--until", "TIME", KIND_TEXT, OPTION_REQUEST, AT(records.until),
     "how long it wants the grant, as 2027-03-01T10:30:00Z"},
    {"--update", NULL, KIND_SWITCH, OPTION_UPDATE, AT(update),
     "rewrite the expected relations of the files as they are found"},
    {"--uses", "N", KIND_COUNT, OPTION_TERMS | OPTION_REQUEST, AT(records.uses),
     "how many calls it allows"},
    {"--wait", "[=SECONDS]", KIND_WAIT, OPTION_WAIT, AT(wait_ms),
     "try again until the server is there (default 10 seconds)"},
    {"--write", NULL, KIND_SWITCH, OPTION_WRITE, AT(write), "rewrite the file in place"},
    {"--yes", NULL, KIND_SWITCH, OPTION_YES, AT(yes), "do not ask"},
};

const size_t cli_option_count = BEHALF_COUNT_OF(cli_option_rows);

_Static_assert(BEHALF_COUNT_OF(cli_option_rows) <= CLI_OPTIONS_MAX,
               "cli->options_seen has a place for each");

const struct option_row *
cli_option_find(struct slice name)
{
    for (size_t index = 0; index < cli_option_count; index++)
        if (slice_equal(slice_of(cli_option_rows[index].name), name))
            return &cli_option_rows[index];
    return NULL;
}

bool
cli_option_repeats(const struct option_row *row)
{
    return row->kind == KIND_ACTOR || row->kind == KIND_TEXTS;
}

/* --- values ----------------------------------------------------------------------------------- */

/* Moves `*text` behind the digits. */
static bool
take_digits(const char **text, uint64_t largest, uint64_t *number)
{
    char *end;
    unsigned long long value;

    if ((*text)[0] < '0' || (*text)[0] > '9')
        return false;
    errno = 0;
    value = strtoull(*text, &end, 10);
    if (errno != 0 || value > largest)
        return false;
    *text = end;
    *number = value;
    return true;
}

static bool
parse_count(const char *text, uint64_t *number)
{
    return take_digits(&text, UINT64_MAX, number) && *text == '\0' && *number > 0;
}

static bool
parse_u32(const char *text, uint32_t *number)
{
    uint64_t value;

    if (!take_digits(&text, UINT32_MAX, &value) || *text != '\0')
        return false;
    *number = (uint32_t)value;
    return true;
}

/* Seconds, with a fraction or without, to milliseconds. */
static bool
parse_seconds(const char *text, uint32_t *milliseconds)
{
    char *end;
    double value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !(value >= 0.001 && value <= 86400.0))
        return false;
    *milliseconds = (uint32_t)(value * 1000.0);
    return true;
}

/* "90", "90s", "30m", "8h", "1d" to seconds. */
static bool
parse_duration(const char *text, uint64_t *seconds)
{
    static const char units[] = "smhd";
    static const uint64_t lengths[] = {1, 60, 3600, 86400};
    const char *unit = units;

    if (!take_digits(&text, UINT32_MAX, seconds))
        return false;
    if (*text == '\0')
        return true;
    unit = strchr(units, *text);
    if (unit == NULL || text[1] != '\0')
        return false;
    *seconds *= lengths[unit - units];
    return true;
}

static bool
parse_consistency(const char *text, enum behalf_consistency *consistency)
{
    static const struct {
        const char *name;
        const char *wire_name;
        enum behalf_consistency mode;
    } modes[] = {
        {"full", "fully_consistent", BEHALF_CONSISTENCY_FULL},
        {"minimize-latency", "minimize_latency", BEHALF_CONSISTENCY_MINIMIZE_LATENCY},
        {"at-least-as-fresh", "at_least_as_fresh", BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH},
        {"at-exact-snapshot", "at_exact_snapshot", BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(modes); index++)
        if (strcmp(modes[index].name, text) == 0 || strcmp(modes[index].wire_name, text) == 0) {
            *consistency = modes[index].mode;
            return true;
        }
    return false;
}

static bool
parse_actors(struct cli *cli, const char *text)
{
    size_t count = cli_list_split(cli, slice_of(text), cli->actors + cli->actor_count,
                                  CLI_ACTORS_MAX - cli->actor_count);

    cli->actor_count += count;
    return count > 0;
}

static bool
add_text(struct cli_texts *texts, const char *value)
{
    if (value[0] == '\0' || texts->count == CLI_TEXTS_MAX)
        return false;
    texts->items[texts->count++] = value;
    return true;
}

bool
cli_option_take(struct cli *cli, const struct option_row *row, const char *value)
{
    void *at = (char *)cli + row->at;

    switch (row->kind) {
    case KIND_SWITCH:
        *(bool *)at = true;
        return true;
    case KIND_TEXT:
        *(const char **)at = value;
        return value[0] != '\0';
    case KIND_TEXTS:
        return add_text(at, value);
    case KIND_NUMBER:
        return parse_u32(value, at);
    case KIND_LIMIT:
        return parse_u32(value, at) && *(uint32_t *)at > 0;
    case KIND_COUNT:
        return parse_count(value, at);
    case KIND_DURATION:
        return parse_duration(value, at) && *(uint64_t *)at > 0;
    case KIND_TIMEOUT:
        return parse_seconds(value, at);
    case KIND_CONSISTENCY:
        return parse_consistency(value, &cli->read.consistency);
    case KIND_ACTOR:
        return parse_actors(cli, value);
    case KIND_IDLE:
        cli->records.has_idle_timeout = true;
        return parse_duration(value, &cli->records.idle_timeout_s);
    case KIND_WAIT:
        *(uint32_t *)at = WAIT_DEFAULT_MS;
        return value[0] == '\0' || parse_seconds(value, at);
    }
    return false;
}
