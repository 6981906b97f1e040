/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run's side of live.h. The session polls its descriptors together with everything else and
 * hands it the frames that the machine sends. Nothing here waits for a client, and nothing that a
 * client does reaches the machine.
 */
#ifndef TOOLS_LIVE_SERVER_H
#define TOOLS_LIVE_SERVER_H

#include <poll.h>

#include "channel.h"
#include "live.h"
#include "stats.h"

#define LIVE_CLIENTS_MAX 16u
#define LIVE_FDS (1u + LIVE_CLIENTS_MAX)

struct live_server;

/*
 * Listens for clients of a run. about: what they are told first, but for version, pid and time. key
 * becomes what the machine's bundle must bear. NULL with one line in why: the run goes on
 * unwatched.
 */
struct live_server *live_server_open(const struct live_about *about, uint64_t key[2], char *why,
				     size_t size);
/* The emulator has been started. */
void live_server_set_process(struct live_server *server, pid_t pid);

/* The functions below take NULL for no server. */

/* Fills LIVE_FDS entries. True if there is work that waits for no descriptor. */
bool live_server_poll(const struct live_server *server, struct pollfd fds[LIVE_FDS]);
/* After poll(). */
void live_server_serve(struct live_server *server, const struct pollfd fds[LIVE_FDS]);
/* A frame of the machine. */
void live_server_frame(struct live_server *server, const struct pv_frame_header *header,
		       const uint8_t *payload);
/* Tells the clients how the run ended, and closes everything. */
void live_server_close(struct live_server *server, const struct live_end *end);

#endif
