/* The list of processes, from /proc. */
#include "agent.h"

enum { FIXED = 48, LONGEST = 4096 };

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

void list_processes(u32 channel)
{
	static u8 entries[4096], records[MAX_PAYLOAD];
	u32 used = 0;
	long length, folder = sys_open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (folder < 0) {
		send_failure(channel, folder);
		return;
	}
	while ((length = call3(SYS_getdents64, folder, entries, sizeof entries)) > 0) {
		for (long at = 0; at < length; at += ((struct dirent *)(entries + at))->length) {
			const char *name = ((struct dirent *)(entries + at))->name, *end;
			u64 pid;
			if (!parse_number(name, &end, &pid) || *end) continue;
			if (used + FIXED + 2 * LONGEST > sizeof records) {
				send_frame(channel, F_DATA, STREAM_OUT, records, used);
				used = 0;
			}
			used += describe((u32)pid, name, (size_t)(end - name), records + used);
		}
	}
	sys_close((int)folder);
	send_frame(channel, F_DATA, STREAM_OUT, records, used);
	send_result(channel, RESULT_EXIT, 0, 0, 0);
}
