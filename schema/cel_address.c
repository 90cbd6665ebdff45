/* cel_address.c - IPv4 and IPv6 addresses, and ranges of them.
 * Always true: an IPv4 address that is written inside of an IPv6 one (::ffff:10.1.2.3) is the IPv4
 * address, so that no range can be slipped past by another spelling. */
#include <arpa/inet.h>

#include "schema/cel_convert.h"
#include "schema/cel_functions.h"

#define READ_STEPS 2

#define TEXT_SIZE_MAX 64

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/* IPv4 exactly as four decimal numbers; IPv6 by RFC 4291. Zones (`%eth0`) are refused. */
static bool
read_address(struct slice text, uint8_t address[16], uint32_t *bits)
{
    char copy[TEXT_SIZE_MAX];

    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    memset(address, 0, 16);
    *bits = 32;
    if (inet_pton(AF_INET, copy, address) == 1)
        return true;
    *bits = 128;
    return inet_pton(AF_INET6, copy, address) == 1;
}

static bool
is_mapped(const uint8_t *address, uint32_t bits)
{
    return bits == 128 && memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool
cel_read_address(struct slice text, struct cel_value *value)
{
    struct cel_value read = {.kind = CEL_IPADDRESS};

    if (!read_address(text, read.as.address, &read.extra))
        return false;
    if (is_mapped(read.as.address, read.extra)) {
        memmove(read.as.address, read.as.address + 12, 4);
        memset(read.as.address + 4, 0, 12);
        read.extra = 32;
    }
    *value = read;
    return true;
}

void
cel_print_address(const struct cel_value *value, struct buffer *out)
{
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(value->extra == 32 ? AF_INET : AF_INET6, value->as.address, text, sizeof text) !=
        NULL)
        buffer_add_text(out, text);
}

/* "10.0.0.0/8": bits of the address behind the prefix are ignored. */
static bool
read_range(struct slice text, uint8_t address[16], uint32_t *bits, uint32_t *prefix)
{
    const char *slash = text.size > 0 ? memchr(text.data, '/', text.size) : NULL;
    struct slice digits;

    if (slash == NULL ||
        !read_address((struct slice){text.data, (size_t)(slash - text.data)}, address, bits))
        return false;
    digits = (struct slice){slash + 1, text.size - (size_t)(slash - text.data) - 1};
    if (digits.size == 0 || digits.size > 3 || (digits.size > 1 && digits.data[0] == '0'))
        return false;
    *prefix = 0;
    for (size_t index = 0; index < digits.size; index++) {
        if (digits.data[index] < '0' || digits.data[index] > '9')
            return false;
        *prefix = *prefix * 10 + (uint32_t)(digits.data[index] - '0');
    }
    if (*prefix > *bits)
        return false;
    if (is_mapped(address, *bits) && *prefix >= 96) {
        memmove(address, address + 12, 4);
        *bits = 32;
        *prefix -= 96;
    }
    return true;
}

static bool
share_prefix(const uint8_t *a, const uint8_t *b, uint32_t prefix)
{
    uint32_t rest = prefix % 8;

    if (memcmp(a, b, prefix / 8) != 0)
        return false;
    return rest == 0 || ((a[prefix / 8] ^ b[prefix / 8]) >> (8 - rest)) == 0;
}

void
cel_in_cidr(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    uint8_t address[16];
    uint32_t bits;
    uint32_t prefix;

    (void)count;
    if (arguments[0].kind != CEL_IPADDRESS || arguments[1].kind != CEL_STRING)
        *result = cel_error(CEL_NO_OVERLOAD);
    else if (!cel_charge(machine, READ_STEPS) ||
             !cel_charge_bytes(machine, arguments[1].as.text.size))
        return;
    else if (!read_range(arguments[1].as.text, address, &bits, &prefix))
        *result = cel_error("the text is no range of addresses in CIDR notation");
    else
        *result = cel_bool(bits == arguments[0].extra &&
                           share_prefix(address, arguments[0].as.address, prefix));
}

void
cel_to_ipaddress(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                 struct cel_value *result)
{
    (void)count;
    if (arguments[0].kind != CEL_STRING)
        *result = cel_error(CEL_NO_OVERLOAD);
    else if (!cel_charge(machine, READ_STEPS) ||
             !cel_charge_bytes(machine, arguments[0].as.text.size))
        return;
    else if (!cel_read_address(arguments[0].as.text, result))
        *result = cel_error("the text is no IP address");
}
