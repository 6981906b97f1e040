// SPDX-License-Identifier: BSD-2-Clause
/* Completes log lines with the text of the instructions they quote; see disassemble.h. */
#include "disassemble.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvn.h"

#define BYTES_MAX 15u /* of an instruction */

/* Reads "{64-bit: 0f ae 07}" at text; returns its length, 0 where it is something else. */
static size_t read_quote(const char *text, cs_mode *mode, uint8_t bytes[BYTES_MAX], size_t *count)
{
	static const struct {
		const char *start;
		cs_mode mode;
	} modes[] = { { "{16-bit:", CS_MODE_16 },
		      { "{32-bit:", CS_MODE_32 },
		      { "{64-bit:", CS_MODE_64 } };
	const char *at = NULL;

	for (size_t i = 0; i < 3 && !at; i++)
		if (!strncmp(text, modes[i].start, strlen(modes[i].start))) {
			*mode = modes[i].mode;
			at = text + strlen(modes[i].start);
		}
	for (*count = 0; at && *at == ' ' && *count < BYTES_MAX; at += 3) {
		char *end, pair[3] = "";

		memccpy(pair, at + 1, '\0', 2);
		bytes[(*count)++] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2)
			return 0;
	}
	return at && *count && *at == '}' ? (size_t)(at + 1 - text) : 0;
}

static void write_meaning(FILE *out, cs_mode mode, const uint8_t *bytes, size_t count)
{
	cs_insn *insn;
	csh handle;

	if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK)
		return;
	if (cs_disasm(handle, bytes, count, 0, 1, &insn)) {
		fprintf(out, " %s%s%s", insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
		cs_free(insn, 1);
	}
	cs_close(&handle);
}

char *disassemble_annotate(const char *line)
{
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	while (out && *line) {
		uint8_t bytes[BYTES_MAX];
		cs_mode mode = CS_MODE_64;
		size_t count, length = read_quote(line, &mode, bytes, &count);

		fwrite(line, 1, length ? length : 1, out);
		line += length ? length : 1;
		if (length)
			write_meaning(out, mode, bytes, count);
	}
	if (!out || fclose(out) || !result) {
		pvn_error("out of memory");
		exit(PVN_HYPERVISOR_FAILED);
	}
	return result;
}
