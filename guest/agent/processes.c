/* The list of processes, from /proc. */
#include "agent.h"

enum { FIXED = 48, LONGEST = 4096, PIECE = 16384 };

struct list { int folder; u32 at, length; u8 entries[4096] __attribute__((aligned(8))); };

/* The numbers behind the name in /proc/N/stat, the state being the first. */
static void read_numbers(const char *at, u64 *numbers, int count)
{
	for (int i = 0; i < count; i++) {
		while (*at == ' ' || *at == '-') at++;
		parse_number(at, &at, &numbers[i]);
		while (*at && *at != ' ') at++;
	}
}

static u32 read_uid(const char *status)
{
	for (const char *line = status; line && *line; line = find(line, '\n')) {
		if (*line == '\n') line++;
		u64 uid;
		if (begins(line, "Uid:\t") && parse_number(line + 5, 0, &uid)) return (u32)uid;
	}
	return 0;
}

/*
 * One record: length of it all, process, parent, user (4 bytes each); user and system time in clock ticks, start in ticks after boot,
 * resident pages (8 each); then state (1), three zero bytes, the name and the command line, each with a zero byte behind.
 */
static u32 describe(u32 pid, const char *digits, size_t digits_length, u8 *to)
{
	static char path[64], stat[1024], status[2048], command[LONGEST];
	u64 numbers[22];
	memcpy(path, "/proc/", 6);
	memcpy(path + 6, digits, digits_length);
	memcpy(path + 6 + digits_length, "/stat", 6);
	if (read_file(path, stat, sizeof stat) <= 0) return 0;
	memcpy(path + 6 + digits_length, "/status", 8);
	if (read_file(path, status, sizeof status) <= 0) return 0;
	memcpy(path + 6 + digits_length, "/cmdline", 9);
	long length = read_file(path, command, sizeof command);
	const char *name = find(stat, '('), *end = name;
	for (const char *at = name; at && *at; at++)
		if (*at == ')') end = at;
	if (!name || end == name || !end[1]) return 0;
	read_numbers(end + 2, numbers, 22); /* the first is the state, which is no number */
	while (length > 0 && command[length - 1] == 0) length--;
	for (long i = 0; i < length; i++)
		if (command[i] == 0) command[i] = ' ';
	u32 name_length = (u32)(end - name - 1), at = FIXED;
	put32(to + 4, pid), put32(to + 8, (u32)numbers[1]), put32(to + 12, read_uid(status));
	put64(to + 16, numbers[11] + numbers[12]);
	put64(to + 24, numbers[19]);
	put64(to + 32, numbers[21]);
	put32(to + 40, (u32)(u8)end[2]);
	put32(to + 44, 0);
	memcpy(to + at, name + 1, name_length);
	at += name_length;
	to[at++] = 0;
	if (length > 0) memcpy(to + at, command, (size_t)length), at += (u32)length;
	to[at++] = 0;
	put32(to, at);
	return at;
}

static void processes_free(struct channel *channel)
{
	struct list *list = channel->work;
	if (list->folder >= 0) sys_close(list->folder);
	release(list, sizeof *list);
}

/* PROCESSES */
void processes_start(const struct frame *frame)
{
	struct channel *channel = new_work(frame->channel, PROCESSES, sizeof(struct list), processes_free);
	if (!channel) return;
	struct list *list = channel->work;
	list->folder = (int)sys_open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (list->folder >= 0) return;
	send_failure(frame->channel, list->folder);
	free_channel(channel);
}

/* As many records as one frame takes; true at the end of the list. */
static int fill(struct list *list, u8 *records, u32 *filled)
{
	while (*filled < PIECE) {
		if (list->at >= list->length) {
			long length = call3(SYS_getdents64, list->folder, list->entries, sizeof list->entries);
			if (length <= 0) return 1;
			list->at = 0, list->length = (u32)length;
		}
		const struct dirent *entry = (const struct dirent *)(list->entries + list->at);
		const char *end;
		u64 pid;
		list->at += entry->length;
		if (parse_number(entry->name, &end, &pid) && !*end)
			*filled += describe((u32)pid, entry->name, (size_t)(end - entry->name), records + *filled);
	}
	return 0;
}

/* Some records, so that others get their turn. The last one may be longer than what the host allows, which is owed. */
void processes_pump(struct channel *channel)
{
	static u8 records[PIECE + FIXED + 2 * LONGEST];
	u32 filled = 0;
	int ended = fill(channel->work, records, &filled);
	if (filled) send_frame(channel->id, F_DATA, STREAM_OUT, records, filled);
	channel->credit[STREAM_OUT] -= (i32)filled;
	if (!ended) return;
	send_result(channel->id, RESULT_EXIT, 0, 0, 0);
	free_channel(channel);
}
