/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions in the hypervisor's log, for people. */
#ifndef TOOLS_DISASSEMBLE_H
#define TOOLS_DISASSEMBLE_H

/*
 * A copy of the line in which each "{64-bit: 0f ae 07}" (or 32-bit, 16-bit) is followed by what the
 * bytes mean. Bytes that are no instruction stay as they are. Free with free().
 */
char *disassemble_annotate(const char *line);

#endif
