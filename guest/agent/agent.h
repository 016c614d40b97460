/* The agent's parts. */
#ifndef AGENT_H
#define AGENT_H

#include "protocol.h"
#include "sys.h"

enum { HOST_PORT = 1, HOST_CID = 2, CHANNELS = 512, MOST_GROUPS = 32 };

enum { PULL_RECURSIVE = 1, PULL_FOLLOW = 2, PULL_NO_CONTENT = 4 };
enum { PUSH_KEEP_OWNER = 1 };
enum channel_kind { FREE = 0, EXEC, PULL, PUSH, PROCESSES };

struct frame { u32 length, channel; u8 type, stream; u8 *payload; };

struct channel {
	u32 id;
	u8 kind;
	u8 tty, exited, input_ended, end_typed;
	u8 left_alone;     /* nobody has the terminal open: it is not looked at until the process has ended */
	u8 last;           /* byte that was typed on a terminal */
	int pid, status;
	i32 left[3];       /* bytes that a process which has ended left in its pipes */
	int fds[3];        /* our ends of the process's streams, -1 where closed; on a terminal all are fds[1] */
	i32 credit[3];     /* bytes the host takes of each stream; below zero where an entry was longer */
	u32 head, count;   /* input that the process has not taken */
	u32 returned;      /* input taken of which the host was not told */
	void *work;        /* of pull, push and processes */
	void (*end)(struct channel *); /* gives back what it holds */
	u8 *input;         /* a ring of WINDOW bytes, where there is input */
};

/* Who runs a program. */
struct user { u32 uid, gid, group_count, groups[MOST_GROUPS]; char name[64], home[256], shell[256]; };

/* wire.c: frames to and from the host */
int wire_read(void (*handle)(const struct frame *)); /* reads what has come and handles it; 0 when the host is gone */
void wire_open(int in, int out);
int wire_flush(void);
void send_frame(u32 channel, u8 type, u8 stream, const void *payload, u32 length);
void send_frame2(u32 channel, u8 type, u8 stream, const void *a, u32 a_length, const void *b, u32 b_length);
void send_result(u32 channel, u32 kind, u32 value, const void *data, u32 length);
void send_failure(u32 channel, long error);
u32 get32(const u8 *at);
u64 get64(const u8 *at);
void put32(u8 *at, u32 value);
void put64(u8 *at, u64 value);

/* channels.c */
struct channel *find_channel(u32 id);
struct channel *next_channel(struct channel *before); /* the first one after null; what was before may be free by now */
struct channel *new_channel(u32 id, u8 kind, void (*end)(struct channel *));
struct channel *new_work(u32 id, u8 kind, size_t size, void (*end)(struct channel *)); /* with room for work; null after it has told the host why */
void free_channel(struct channel *channel);

/* users.c */
const char *find_user(const char *text, struct user *user); /* null, or what is wrong */

/* exec.c */
void exec_defaults(void); /* reads what the image says of user, folder and variables */
void exec_start(const struct frame *frame);
void exec_input(struct channel *channel, const u8 *bytes, u32 length);
void exec_end_input(struct channel *channel);
void exec_signal(struct channel *channel, u32 signal);
void exec_resize(struct channel *channel, u16 columns, u16 rows);
void exec_reaped(int pid, int status);
void exec_pump(struct channel *channel, int which, short events);
void exec_finish(struct channel *channel);

/* files.c */
void pull_start(const struct frame *frame);
void pull_pump(struct channel *channel);
void push_start(const struct frame *frame);
void push_entry(struct channel *channel, const u8 *bytes, u32 length);
void push_data(struct channel *channel, const u8 *bytes, u32 length);
void push_end(struct channel *channel);

/* processes.c */
void processes_start(const struct frame *frame);
void processes_pump(struct channel *channel);

#endif
