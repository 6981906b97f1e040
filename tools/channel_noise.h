/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an emulator writes into the debug channel by itself, in the middle of a frame: one line of
 * Bochs's debugger, such as "(0).[82772714] [0x000000400048] 0008:0000000000200048 (unk. ctxt):
 * ud2". Used by channel.c.
 */
#ifndef TOOLS_CHANNEL_NOISE_H
#define TOOLS_CHANNEL_NOISE_H

#include <stddef.h>
#include <stdint.h>

enum noise {
	NOISE_NONE,
	NOISE_LINE, /* such a line, whole */
	NOISE_CUT_OFF, /* the beginning of one; its end has not arrived */
};

/* Does such a line begin here? *length: its bytes with the newline, where it is whole. */
enum noise noise_match(const uint8_t *bytes, size_t count, size_t *length);

#endif
