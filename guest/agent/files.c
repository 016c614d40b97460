/*
 * Files and folders to the host (pull) and from it (push). Either is a row of entries, each with what the file system knows of it, and after
 * the entry of a plain file its bytes.
 */
#include "agent.h"

enum { DEPTH = 64, ENTRIES = 2048, FIXED = 32, PIECE = 32768, STEPS = 32 };
#define BILLION 1000000000L
#define UTIME_NOW 0x3FFFFFFFL

struct level { int folder; u32 at, length, path_length; u8 entries[ENTRIES] __attribute__((aligned(8))); };
struct pull { u32 flags, path_length; int file, depth; char path[PATH_MAX]; struct level levels[DEPTH]; };
struct push {
	u32 flags, base_length, mode, uid, gid;
	int file;
	struct timespec modified;
	char path[2 * PATH_MAX];
};

static void fail(struct channel *channel, long error, const char *path)
{
	send_result(channel->id, RESULT_FAILURE, (u32)-error, path, (u32)length_of(path));
	free_channel(channel);
}

static void send_entry(struct channel *channel, const char *path, const struct stat *stat, const char *target)
{
	static u8 entry[FIXED + 2 * PATH_MAX];
	u32 path_length = (u32)length_of(path) + 1, target_length = (u32)length_of(target) + 1;
	put32(entry, stat->mode), put32(entry + 4, stat->uid), put32(entry + 8, stat->gid), put32(entry + 12, 0);
	put64(entry + 16, (u64)stat->size);
	put64(entry + 24, (u64)(stat->mtime.sec * BILLION + stat->mtime.nsec));
	memcpy(entry + FIXED, path, path_length);
	memcpy(entry + FIXED + path_length, target, target_length);
	send_frame(channel->id, F_ENTRY, STREAM_OUT, entry, FIXED + path_length + target_length);
	channel->credit[STREAM_OUT] -= (i32)(FIXED + path_length + target_length);
}

/* Sends one entry and opens what is in it. An error, or zero. */
static long visit(struct channel *channel, int folder, const char *name, const char *path, int follow)
{
	static char target[PATH_MAX];
	struct pull *pull = channel->work;
	struct stat stat;
	long error = call4(SYS_newfstatat, folder, name, &stat, follow ? 0 : AT_SYMLINK_NOFOLLOW);
	if (error < 0) return error;
	target[0] = 0;
	if ((stat.mode & S_IFMT) == S_IFLNK) {
		long length = call4(SYS_readlinkat, folder, name, target, sizeof target - 1);
		if (length < 0) return length;
		target[length] = 0;
	}
	int is_file = (stat.mode & S_IFMT) == S_IFREG && !(pull->flags & PULL_NO_CONTENT);
	int is_folder = (stat.mode & S_IFMT) == S_IFDIR && (pull->flags & PULL_RECURSIVE);
	if (is_folder && pull->depth == DEPTH) return -ELOOP;
	long fd = -1;
	if (is_file || is_folder) {
		int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW) | (is_folder ? O_DIRECTORY : 0);
		fd = call4(SYS_openat, folder, name, flags, 0);
		if (fd < 0) return fd;
	}
	send_entry(channel, path, &stat, target);
	if (is_file) pull->file = (int)fd;
	if (!is_folder) return 0;
	struct level *level = &pull->levels[pull->depth++];
	level->folder = (int)fd;
	level->at = level->length = 0;
	level->path_length = pull->path_length;
	return 0;
}

static void close_level(struct pull *pull)
{
	pull->depth--;
	sys_close(pull->levels[pull->depth].folder);
}

static void pull_free(struct channel *channel)
{
	struct pull *pull = channel->work;
	if (pull->file >= 0) sys_close(pull->file);
	while (pull->depth) close_level(pull);
	release(pull, sizeof *pull);
}

/* PULL: flags, then the path. */
void pull_start(const struct frame *frame)
{
	const char *path = (const char *)frame->payload + 4;
	if (frame->length < 6 || frame->length > PATH_MAX || frame->payload[frame->length - 1] != 0) {
		send_failure(frame->channel, -EINVAL);
		return;
	}
	struct channel *channel = new_work(frame->channel, PULL, sizeof(struct pull), pull_free);
	if (!channel) return;
	struct pull *pull = channel->work;
	pull->flags = get32(frame->payload);
	pull->file = -1;
	long error = visit(channel, AT_FDCWD, path, "", (pull->flags & PULL_FOLLOW) != 0);
	if (error < 0) fail(channel, error, path);
}

static long next_entry(struct channel *channel)
{
	struct pull *pull = channel->work;
	struct level *level = &pull->levels[pull->depth - 1];
	if (level->at >= level->length) {
		long length = call3(SYS_getdents64, level->folder, level->entries, ENTRIES);
		if (length < 0) return length;
		level->at = 0, level->length = (u32)length;
		if (length == 0) close_level(pull);
		return 0;
	}
	const struct dirent *entry = (const struct dirent *)(level->entries + level->at);
	level->at += entry->length;
	if (same(entry->name, ".") || same(entry->name, "..")) return 0;
	size_t length = length_of(entry->name);
	u32 at = level->path_length;
	if (at + length + 2 > PATH_MAX) return -ENAMETOOLONG;
	if (at) pull->path[at++] = '/';
	memcpy(pull->path + at, entry->name, length + 1);
	pull->path_length = at + (u32)length;
	long error = visit(channel, level->folder, entry->name, pull->path, 0);
	return error == -ENOENT ? 0 : error; /* gone meanwhile */
}

static long next_piece(struct channel *channel)
{
	static u8 bytes[PIECE];
	struct pull *pull = channel->work;
	long room = channel->credit[STREAM_OUT] < PIECE ? channel->credit[STREAM_OUT] : PIECE;
	long got = sys_read(pull->file, bytes, (size_t)room);
	if (got > 0) {
		send_frame(channel->id, F_DATA, STREAM_OUT, bytes, (u32)got);
		channel->credit[STREAM_OUT] -= (i32)got;
		return 0;
	}
	sys_close(pull->file);
	pull->file = -1;
	return got;
}

/* Some work, so that others get their turn. */
void pull_pump(struct channel *channel)
{
	struct pull *pull = channel->work;
	for (int step = 0; step < STEPS && channel->credit[STREAM_OUT] > 0; step++) {
		if (pull->file < 0 && pull->depth == 0) {
			send_result(channel->id, RESULT_EXIT, 0, 0, 0);
			free_channel(channel);
			return;
		}
		long error = pull->file >= 0 ? next_piece(channel) : next_entry(channel);
		if (error < 0) {
			fail(channel, error, pull->path);
			return;
		}
	}
}

static void push_free(struct channel *channel)
{
	struct push *push = channel->work;
	if (push->file >= 0) sys_close(push->file);
	release(push, sizeof *push);
}

/* PUSH: flags, then the path that the entries' paths are relative to. */
void push_start(const struct frame *frame)
{
	if (frame->length < 6 || frame->length > PATH_MAX || frame->payload[frame->length - 1] != 0) {
		send_failure(frame->channel, -EINVAL);
		return;
	}
	struct channel *channel = new_work(frame->channel, PUSH, sizeof(struct push), push_free);
	if (!channel) return;
	struct push *push = channel->work;
	push->flags = get32(frame->payload);
	push->file = -1;
	push->base_length = frame->length - 5;
	memcpy(push->path, frame->payload + 4, frame->length - 4);
}

static long finish_file(struct push *push)
{
	struct timespec times[2] = { push->modified, push->modified };
	if (push->file < 0) return 0;
	long error = push->flags & PUSH_KEEP_OWNER ? call3(SYS_fchown, push->file, push->uid, push->gid) : 0;
	if (error >= 0) error = call2(SYS_fchmod, push->file, push->mode & 07777);
	if (error >= 0) error = call4(SYS_utimensat, push->file, 0, times, 0);
	sys_close(push->file);
	push->file = -1;
	return error;
}

static long make_folder(struct push *push)
{
	struct timespec times[2] = { push->modified, push->modified };
	struct stat stat;
	long error = call3(SYS_mkdirat, AT_FDCWD, push->path, 0700);
	if (error == -EEXIST) {
		error = call4(SYS_newfstatat, AT_FDCWD, push->path, &stat, 0);
		if (error >= 0 && (stat.mode & S_IFMT) != S_IFDIR) error = -ENOTDIR;
	}
	if (error >= 0 && (push->flags & PUSH_KEEP_OWNER)) error = call5(SYS_fchownat, AT_FDCWD, push->path, push->uid, push->gid, 0);
	if (error >= 0) error = call3(SYS_fchmodat, AT_FDCWD, push->path, push->mode & 07777);
	/* What comes into it changes the time: the host sends a folder once more behind all that is in it. */
	return error < 0 ? error : call4(SYS_utimensat, AT_FDCWD, push->path, times, 0);
}

static long make_link(struct push *push, const char *target)
{
	call3(SYS_unlinkat, AT_FDCWD, push->path, 0);
	long error = call3(SYS_symlinkat, target, AT_FDCWD, push->path);
	if (error >= 0 && (push->flags & PUSH_KEEP_OWNER))
		error = call5(SYS_fchownat, AT_FDCWD, push->path, push->uid, push->gid, AT_SYMLINK_NOFOLLOW);
	return error;
}

/* The host may send again as much as was worked on. */
static void give_back(struct channel *channel, u32 count)
{
	u8 bytes[4];
	channel->returned += count;
	if (channel->returned < WINDOW / 4) return;
	put32(bytes, channel->returned);
	channel->returned = 0;
	send_frame(channel->id, F_CREDIT, STREAM_IN, bytes, sizeof bytes);
}

void push_entry(struct channel *channel, const u8 *bytes, u32 length)
{
	struct push *push = channel->work;
	long error = finish_file(push);
	const char *path = (const char *)bytes + FIXED;
	if (length < FIXED + 2 || bytes[length - 1] != 0) {
		fail(channel, -EINVAL, push->path);
		return;
	}
	size_t path_length = length_of(path);
	const char *target = path + path_length + 1;
	if (path_length >= PATH_MAX || FIXED + path_length + 1 >= length) error = -ENAMETOOLONG;
	if (error >= 0) {
		u64 modified = get64(bytes + 24);
		push->mode = get32(bytes), push->uid = get32(bytes + 4), push->gid = get32(bytes + 8);
		push->modified = (struct timespec){ (i64)(modified / BILLION), modified ? (i64)(modified % BILLION) : UTIME_NOW };
		u32 at = push->base_length;
		if (path_length && at && push->path[at - 1] != '/') push->path[at++] = '/';
		memcpy(push->path + at, path, path_length + 1);
		if ((push->mode & S_IFMT) == S_IFDIR) error = make_folder(push);
		else if ((push->mode & S_IFMT) == S_IFLNK) error = make_link(push, target);
		else if ((push->mode & S_IFMT) == S_IFREG) {
			error = sys_open(push->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
			push->file = error < 0 ? -1 : (int)error;
		} else error = -EINVAL;
	}
	if (error < 0) fail(channel, error, push->path);
	else give_back(channel, length);
}

void push_data(struct channel *channel, const u8 *bytes, u32 length)
{
	struct push *push = channel->work;
	for (u32 done = 0; done < length;) {
		long written = push->file < 0 ? -EINVAL : sys_write(push->file, bytes + done, length - done);
		if (written <= 0) {
			fail(channel, written < 0 ? written : -EIO, push->path);
			return;
		}
		done += (u32)written;
	}
	give_back(channel, length);
}

void push_end(struct channel *channel)
{
	struct push *push = channel->work;
	long error = finish_file(push);
	if (error < 0) {
		fail(channel, error, push->path);
		return;
	}
	send_result(channel->id, RESULT_EXIT, 0, 0, 0);
	free_channel(channel);
}
