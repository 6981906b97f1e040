/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first instruction to guest_main() and from there to the end of the domain, and the words
 * of the command line.
 */
#include "guest.h"

#define VENDOR_AUTH 0x68747541u /* "Auth" of AuthenticAMD */
#define VENDOR_HYGO 0x6f677948u /* "Hygo" of HygonGenuine */

void guest_start(const struct pv_start_info *info) __attribute__((noreturn));

const struct pv_start_info *start_info;
bool is_amd;

void guest_start(const struct pv_start_info *info)
{
	u32 vendor = cpuid(0, 0).ebx;

	start_info = info;
	is_amd = vendor == VENDOR_AUTH || vendor == VENDOR_HYGO;
	trap_init();
	console_init();
	guest_main();
	finish();
}

/* The value of word `name`, its length in *bytes; NULL if the word is not there. */
static const char *find_arg(const char *name, size_t *bytes)
{
	const char *p = (const char *)start_info->cmdline;
	const char *end = p + start_info->cmdline_bytes;
	size_t name_bytes = strlen(name);

	while (p && p < end && *p) {
		const char *word = p;

		while (p < end && *p && *p != ' ')
			p++;
		if ((size_t)(p - word) >= name_bytes && memcmp(word, name, name_bytes) == 0) {
			const char *value = word + name_bytes;

			if (value == p || *value == '=') {
				value += value != p;
				*bytes = (size_t)(p - value);
				return value;
			}
		}
		while (p < end && *p == ' ')
			p++;
	}
	return NULL;
}

bool arg_flag(const char *name)
{
	size_t bytes;

	return find_arg(name, &bytes) != NULL;
}

bool arg_is(const char *name, const char *value)
{
	size_t bytes;
	const char *found = find_arg(name, &bytes);

	return found && bytes == strlen(value) && memcmp(found, value, bytes) == 0;
}

u64 arg_number(const char *name, u64 otherwise)
{
	size_t bytes;
	const char *found = find_arg(name, &bytes);
	u64 value;

	if (!found)
		return otherwise;
	if (!parse_u64(found, bytes, &value))
		bail("the command line has no number in %s", name);
	return value;
}

void guest_exit(u64 status)
{
	console_flush();
	if (has_hypercalls)
		hypercall(PV_CALL_SHUTDOWN, PV_SHUTDOWN_POWEROFF, status);
	/* Without hypercalls, or where SHUTDOWN is not on the domain's list. */
	outb(PV_PORT_EXIT, (u8)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}
