/* Who runs a program: NAME, UID, or either with a group behind a colon, by the guest's own lists. */
#include "agent.h"

enum { LIST = 65536 };

static char list[LIST];

/* Copies a field that a colon ends; gives what is behind it, or null at the line's end. */
static const char *field(const char *at, char *to, size_t room)
{
	size_t length = 0;
	for (; at && *at && *at != ':' && *at != '\n'; at++)
		if (length + 1 < room) to[length++] = *at;
	to[length] = 0;
	return at && *at == ':' ? at + 1 : 0;
}

static const char *next_line(const char *line)
{
	const char *end = find(line, '\n');
	return end && end[1] ? end + 1 : 0;
}

static const char *open_list(const char *path)
{
	return read_file(path, list, sizeof list) > 0 ? list : 0;
}

static int is_number(const char *text, u64 *number)
{
	const char *end;
	return parse_number(text, &end, number) && *end == 0 && *number <= 0xFFFFFFFF;
}

/* Fills in a user whose name, or whose number, is that of a line of /etc/passwd. False if there is no such line. */
static int find_line(const char *name, int by_number, u64 uid, struct user *user)
{
	for (const char *line = open_list("/etc/passwd"); line; line = next_line(line)) {
		char word[256], number[16], group[16];
		u64 line_uid, line_gid;
		const char *at = field(field(field(line, user->name, sizeof user->name), word, sizeof word), number, sizeof number);
		at = field(field(field(at, group, sizeof group), word, sizeof word), user->home, sizeof user->home);
		field(at, user->shell, sizeof user->shell);
		if (!at || !is_number(number, &line_uid) || !is_number(group, &line_gid)) continue;
		if (by_number ? line_uid != uid : !same(user->name, name)) continue;
		user->uid = (u32)line_uid;
		user->gid = (u32)line_gid;
		return 1;
	}
	return 0;
}

static int is_member(const char *members, const char *name)
{
	size_t length = length_of(name);
	for (const char *at = members; at && length;) {
		if (begins(at, name) && (at[length] == ',' || at[length] == '\n' || at[length] == 0)) return 1;
		while (*at && *at != ',' && *at != '\n') at++;
		at = *at == ',' ? at + 1 : 0;
	}
	return 0;
}

/* The groups that a user is a member of, beside the own one. */
static void find_groups(struct user *user)
{
	for (const char *line = open_list("/etc/group"); line && user->group_count < MOST_GROUPS; line = next_line(line)) {
		char word[64], number[16];
		u64 gid;
		const char *members = field(field(field(line, word, sizeof word), word, sizeof word), number, sizeof number);
		if (members && is_number(number, &gid) && is_member(members, user->name)) user->groups[user->group_count++] = (u32)gid;
	}
}

static int find_group(const char *text, u32 *gid)
{
	u64 number;
	if (is_number(text, &number)) {
		*gid = (u32)number;
		return 1;
	}
	for (const char *line = open_list("/etc/group"); line; line = next_line(line)) {
		char name[64], word[64], digits[16];
		field(field(field(line, name, sizeof name), word, sizeof word), digits, sizeof digits);
		if (!same(name, text) || !is_number(digits, &number)) continue;
		*gid = (u32)number;
		return 1;
	}
	return 0;
}

/* Nothing is root. A group that is named is the only one, as with container tools. */
const char *find_user(const char *text, struct user *user)
{
	char name[64];
	u64 uid = 0;
	const char *group = field(text, name, sizeof name);
	int by_number = name[0] == 0 || is_number(name, &uid);
	memset(user, 0, sizeof *user);
	if (!find_line(name, by_number, uid, user)) {
		if (!by_number) return "no such user";
		*user = (struct user){ .uid = (u32)uid, .name = "", .home = "/", .shell = "/bin/sh" };
		if (uid == 0) {
			memcpy(user->name, "root", 5);
			memcpy(user->home, "/root", 6);
		}
	}
	if (!group) find_groups(user);
	else if (!find_group(group, &user->gid)) return "no such group";
	return 0;
}
