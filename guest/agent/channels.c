/* Channels: what the host has asked for and is not done. */
#include "agent.h"

static struct channel channels[CHANNELS];
static int used; /* channels from here on are free */

struct channel *next_channel(struct channel *before)
{
	for (int i = before ? (int)(before - channels) + 1 : 0; i < used; i++)
		if (channels[i].kind != FREE) return &channels[i];
	return 0;
}

struct channel *find_channel(u32 id)
{
	struct channel *channel = 0;
	while ((channel = next_channel(channel)) && channel->id != id) ;
	return channel;
}

struct channel *new_channel(u32 id, u8 kind, void (*end)(struct channel *))
{
	for (int i = 0; i < CHANNELS; i++) {
		struct channel *channel = &channels[i];
		if (channel->kind != FREE) continue;
		memset(channel, 0, sizeof *channel);
		channel->id = id;
		channel->kind = kind;
		channel->end = end;
		channel->fds[0] = channel->fds[1] = channel->fds[2] = -1;
		/* The host's window is known from its hello; until it grants more. */
		channel->credit[1] = channel->credit[2] = WINDOW;
		if (used <= i) used = i + 1;
		return channel;
	}
	return 0;
}

static void forget(struct channel *channel)
{
	channel->kind = FREE;
	while (used && channels[used - 1].kind == FREE) used--;
}

struct channel *new_work(u32 id, u8 kind, size_t size, void (*end)(struct channel *))
{
	struct channel *channel = new_channel(id, kind, end);
	if (!channel) {
		send_failure(id, -EAGAIN);
		return 0;
	}
	channel->work = allocate(size);
	if (channel->work) return channel;
	forget(channel);
	send_failure(id, -ENOMEM);
	return 0;
}

void free_channel(struct channel *channel)
{
	channel->end(channel);
	forget(channel);
}
