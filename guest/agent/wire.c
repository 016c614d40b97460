/* Frames: a header of twelve bytes (length, channel, type, stream) and a payload, little-endian as the machine is. */
#include "agent.h"

static int from_host = -1, to_host = -1;
static int broken;
static u8 incoming[HEADER + MAX_PAYLOAD + 4096] __attribute__((aligned(8)));
static u32 have;
static u8 outgoing[2 * (HEADER + MAX_PAYLOAD)] __attribute__((aligned(8)));
static u32 queued;

u32 get32(const u8 *at) { return (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24; }
u64 get64(const u8 *at) { return get32(at) | (u64)get32(at + 4) << 32; }
void put32(u8 *at, u32 value) { at[0] = (u8)value, at[1] = (u8)(value >> 8), at[2] = (u8)(value >> 16), at[3] = (u8)(value >> 24); }
void put64(u8 *at, u64 value) { put32(at, (u32)value), put32(at + 4, (u32)(value >> 32)); }

void wire_open(int in, int out)
{
	from_host = in;
	to_host = out;
	broken = 0;
	have = queued = 0;
}

/* The host always reads: its streams have windows of their own. So writes may block. */
int wire_flush(void)
{
	u32 done = 0;
	while (done < queued && !broken) {
		long written = sys_write(to_host, outgoing + done, queued - done);
		if (written <= 0) broken = 1;
		else done += (u32)written;
	}
	queued = 0;
	return !broken;
}

void send_frame2(u32 channel, u8 type, u8 stream, const void *a, u32 a_length, const void *b, u32 b_length)
{
	u32 length = a_length + b_length;
	if (queued + HEADER + length > sizeof outgoing) wire_flush();
	u8 *at = outgoing + queued;
	put32(at, length);
	put32(at + 4, channel);
	at[8] = type, at[9] = stream, at[10] = at[11] = 0;
	memcpy(at + HEADER, a, a_length);
	memcpy(at + HEADER + a_length, b, b_length);
	queued += HEADER + length;
}

void send_frame(u32 channel, u8 type, u8 stream, const void *payload, u32 length)
{
	send_frame2(channel, type, stream, payload, length, 0, 0);
}

void send_result(u32 channel, u32 kind, u32 value, const void *data, u32 length)
{
	u8 head[8];
	put32(head, kind);
	put32(head + 4, value);
	send_frame2(channel, F_RESULT, 0, head, sizeof head, data, length);
}

void send_failure(u32 channel, long error)
{
	send_result(channel, RESULT_FAILURE, (u32)-error, 0, 0);
}

int wire_read(void (*handle)(const struct frame *))
{
	long got = sys_read(from_host, incoming + have, sizeof incoming - have);
	if (got <= 0) return got == -EAGAIN;
	have += (u32)got;
	u32 at = 0;
	while (have - at >= HEADER) {
		struct frame frame = { get32(incoming + at), get32(incoming + at + 4), incoming[at + 8], incoming[at + 9], incoming + at + HEADER };
		if (frame.length > MAX_PAYLOAD) return 0;
		if (have - at < HEADER + frame.length) break;
		handle(&frame);
		at += HEADER + frame.length;
	}
	have -= at;
	memmove(incoming, incoming + at, have);
	return !broken;
}
