/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug channel: frames of pv-abi/host/frame.h to port 0xe9. One lock keeps frames whole; they
 * are numbered, so the reader sees a loss.
 */
#include "lib/lib.h"
#include "lib/spinlock.h"
#include "machine/machine.h"
#include "trace/trace.h"

static spinlock_t lock;
static u16 sequence;

void channel_send_two(u16 type, const void *head, u32 head_bytes, const void *rest, u32 bytes)
{
	struct pv_frame_header h = { .magic = PV_FRAME_MAGIC,
				     .type = type,
				     .length = head_bytes + bytes };
	u32 crc;

	spin_lock(&lock);
	h.sequence = sequence++;
	crc = crc32_update(0, &h.type, sizeof(h.type) + sizeof(h.sequence) + sizeof(h.length));
	crc = crc32_update(crc, head, head_bytes);
	h.crc32 = crc32_update(crc, rest, bytes);
	debug_port_write(&h, sizeof(h));
	debug_port_write(head, head_bytes);
	debug_port_write(rest, bytes);
	spin_unlock(&lock);
}

void channel_send(u16 type, const void *payload, u32 bytes)
{
	channel_send_two(type, payload, bytes, NULL, 0);
}

void channel_break_lock(void)
{
	lock = (spinlock_t){ 0, 0 };
}
