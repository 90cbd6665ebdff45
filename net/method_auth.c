/* method_auth.c - a connection gives its key. */
#include "net/caller.h"
#include "net/methods.h"
#include "net/results.h"

struct auth_arguments {
    struct slice key;
};

static enum status
decode_key(struct decoder *decoder, void *into)
{
    struct slice *key = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_TEXT, "a string", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.bytes.size == 0 || value.bytes.size > KEY_TEXT_SIZE_MAX)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must have 1 to %d bytes",
                              KEY_TEXT_SIZE_MAX);
    *key = value.bytes;
    return BEHALF_OK;
}

static size_t
count_roles(unsigned roles)
{
    size_t count = 0;

    for (unsigned role = 1; role < ROLE_ANY; role <<= 1)
        count += (roles & role) != 0;
    return count;
}

static void
put_caller(struct buffer *out, const struct key *key)
{
    struct buffer scratch;

    codec_put_map(out, 1 + (size_t)(key->name[0] != '\0') + (size_t)key->is_bound);
    if (key->name[0] != '\0') {
        codec_put_literal(out, "name");
        codec_put_literal(out, key->name);
    }
    codec_put_literal(out, "roles");
    codec_put_array(out, count_roles(key->roles));
    for (unsigned role = 1; role < ROLE_ANY; role <<= 1)
        if ((key->roles & role) != 0)
            codec_put_literal(out, role_name((enum role)role));
    if (!key->is_bound)
        return;
    codec_put_literal(out, "actor");
    buffer_init(&scratch);
    result_put_object(out, &key->actor, &scratch);
    buffer_release(&scratch);
}

enum status
method_auth(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
            struct error *error)
{
    static const struct field fields[] = {
        FIELD(auth_arguments, key, "key", decode_key, FIELD_REQUIRED),
    };
    struct auth_arguments call = {.key = {NULL, 0}};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(context->logs_in != NULL);
    status = caller_log_in(context->logs_in, call.key, error);
    if (status == BEHALF_OK)
        put_caller(out, context->logs_in->key);
    return status;
}
