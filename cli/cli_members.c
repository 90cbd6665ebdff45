/* cli_members.c - the arguments of a call, member by member. */
#include "cli/cli.h"

void
cli_members_init(struct cli_members *members)
{
    *members = (struct cli_members){.body = behalf_writer_new()};
    BEHALF_ASSERT(members->body != NULL);
}

void
cli_member(struct cli_members *members, const char *name)
{
    behalf_write_text(members->body, name);
    members->count++;
}

void
cli_member_text(struct cli_members *members, const char *name, const char *text)
{
    if (text == NULL)
        return;
    cli_member(members, name);
    behalf_write_text(members->body, text);
}

void
cli_member_uint(struct cli_members *members, const char *name, uint64_t value)
{
    cli_member(members, name);
    behalf_write_uint(members->body, value);
}

void
cli_member_json(struct cli_members *members, const char *name, const char *json)
{
    enum behalf_status status;

    if (json == NULL)
        return;
    cli_member(members, name);
    status = behalf_write_json(members->body, json, NULL);
    BEHALF_ASSERT(status == BEHALF_SUCCESS); /* it was read before: cli_context_check */
}

void
cli_member_actors(struct cli_members *members, const char *const *actors, size_t count)
{
    if (count == 0)
        return;
    cli_member(members, "actor");
    behalf_write_actors(members->body, actors, count);
}

void
cli_member_read(struct cli_members *members, const struct behalf_read *read)
{
    behalf_write_read(members->body, read);
    members->count += behalf_read_members(read);
}

void
cli_member_page(struct cli_members *members, const struct behalf_page *page)
{
    if (page->limit > 0)
        cli_member_uint(members, "limit", page->limit);
    cli_member_text(members, "cursor", page->cursor);
}

void
cli_members_end(struct cli_members *members, struct behalf_writer *writer)
{
    size_t size;
    const unsigned char *bytes = behalf_writer_bytes(members->body, &size);

    BEHALF_ASSERT(bytes != NULL || members->count == 0);
    behalf_write_map(writer, members->count);
    if (size > 0)
        behalf_write_raw(writer, bytes, size);
    behalf_writer_free(members->body);
    members->body = NULL;
}
