/* Programs that the host has started: their streams, their terminal, their end. */
#include "agent.h"

enum { MOST_STRINGS = 4096, MOST_DEFAULTS = 512, CHILD_STACK = 16384, PIECE = 32768 };

struct launch {
	char **arguments, **environment;
	const char *folder, *path;
	int in, out, error_out, tty;
	const struct user *user;
	long error;
	const char *where; /* what the error is about, if that is not the program */
};

static char *strings[MOST_STRINGS + 16];
static u8 stack[CHILD_STACK] __attribute__((aligned(16)));
static char variables[5][320];

/* What the image wants where the host says nothing: user, folder and variables, each with a zero byte behind. */
static const char defaults_path[] = "/run/doppel/doppel/defaults";
static char defaults_text[32768];
static char *defaults[MOST_DEFAULTS + 2];
static u32 default_count; /* of variables */

void exec_defaults(void)
{
	long length = read_file(defaults_path, defaults_text, sizeof defaults_text);
	u32 count = 0;
	defaults[0] = defaults[1] = "";
	for (char *at = defaults_text; at < defaults_text + length && count < MOST_DEFAULTS + 2; at += length_of(at) + 1) defaults[count++] = at;
	default_count = count > 2 ? count - 2 : 0;
}

/* Comes back, with the error, only if no program could be executed. */
static long child_execute(const struct launch *launch)
{
	static char candidate[PATH_MAX];
	const char *name = launch->arguments[0];
	if (find(name, '/')) return call3(SYS_execve, name, launch->arguments, launch->environment);
	long worst = -ENOENT;
	for (const char *at = launch->path; *at;) {
		const char *end = find(at, ':');
		size_t folder = end ? (size_t)(end - at) : length_of(at), length = length_of(name);
		if (folder + length + 2 <= sizeof candidate) {
			memcpy(candidate, at, folder);
			candidate[folder] = '/';
			memcpy(candidate + folder + 1, name, length + 1);
			long error = call3(SYS_execve, candidate, launch->arguments, launch->environment);
			if (error != -ENOENT && error != -ENOTDIR) worst = error;
		}
		if (!end) break;
		at = end + 1;
	}
	return worst;
}

/* Runs in the agent's memory, on a stack of its own, while the agent sleeps. */
static void child(void *argument)
{
	struct launch *launch = argument;
	u64 none = 0;
	struct { u64 handler, flags, mask; } normal = { SIG_DFL, 0, 0 };
	call4(SYS_rt_sigaction, SIGPIPE, &normal, 0, 8);
	call4(SYS_rt_sigprocmask, 2, &none, 0, 8);
	call0(SYS_setsid);
	if (launch->tty) call3(SYS_ioctl, launch->in, TIOCSCTTY, 0);
	call3(SYS_dup3, launch->in, 0, 0);
	call3(SYS_dup3, launch->out, 1, 0);
	call3(SYS_dup3, launch->error_out, 2, 0);
	const struct user *user = launch->user;
	long error = call1(SYS_chdir, launch->folder);
	if (error < 0) launch->where = launch->folder;
	if (error >= 0 && (user->uid || user->gid || user->group_count)) {
		error = call2(SYS_setgroups, user->group_count, user->groups);
		if (error >= 0) error = call1(SYS_setgid, user->gid);
		if (error >= 0) error = call1(SYS_setuid, user->uid);
	}
	/* The agent sees this when it wakes: it stays zero if a program runs. */
	launch->error = error >= 0 ? child_execute(launch) : error;
	sys_exit(127);
}

/* True if there is a variable of the name that a text begins with, up to the equals sign. */
static int is_set(char **environment, u32 count, const char *text)
{
	for (u32 i = 0; i < count; i++) {
		const char *a = environment[i], *b = text;
		while (*a && *a != '=' && *a == *b) a++, b++;
		if (*a == '=' && *b == '=') return 1;
	}
	return 0;
}

/* Adds what the image wants and every program expects, and the host did not say. */
static u32 complete(char **environment, u32 count, const struct user *user)
{
	for (u32 i = 0; i < default_count; i++)
		if (!is_set(environment, count, defaults[2 + i])) environment[count++] = defaults[2 + i];
	const char *parts[5][2] = {
		{ "PATH=", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }, { "HOME=", user->home },
		{ "USER=", user->name }, { "LOGNAME=", user->name }, { "SHELL=", user->shell[0] ? user->shell : "/bin/sh" },
	};
	for (int i = 0; i < 5; i++) {
		if (is_set(environment, count, parts[i][0])) continue;
		size_t name = length_of(parts[i][0]);
		memcpy(variables[i], parts[i][0], name);
		memcpy(variables[i] + name, parts[i][1], length_of(parts[i][1]) + 1);
		environment[count++] = variables[i];
	}
	environment[count] = 0;
	return count;
}

static long open_pipe(int *read_end, int *write_end, int ours_reads)
{
	int ends[2];
	long error = call2(SYS_pipe2, ends, O_CLOEXEC);
	if (error < 0) return error;
	*read_end = ends[0], *write_end = ends[1];
	call3(SYS_fcntl, ours_reads ? ends[0] : ends[1], F_SETFL, O_NONBLOCK);
	return 0;
}

static long open_terminal(struct channel *channel, struct launch *launch, const struct winsize *size)
{
	int unlocked = 0;
	long master = sys_open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0);
	if (master < 0) return master;
	channel->fds[1] = (int)master;
	call3(SYS_ioctl, master, TIOCSPTLCK, &unlocked);
	long slave = call3(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) return slave;
	call3(SYS_ioctl, slave, TIOCSWINSZ, size);
	call3(SYS_fchown, slave, launch->user->uid, -1);
	launch->in = launch->out = launch->error_out = (int)slave;
	return 0;
}

static long open_streams(struct channel *channel, struct launch *launch, int wants_input)
{
	long error = wants_input ? open_pipe(&launch->in, &channel->fds[0], 0) : 0;
	if (!wants_input) error = launch->in = (int)sys_open("/dev/null", O_RDONLY | O_CLOEXEC, 0);
	if (error >= 0) error = open_pipe(&channel->fds[1], &launch->out, 1);
	if (error >= 0) error = open_pipe(&channel->fds[2], &launch->error_out, 1);
	return error;
}

static void close_theirs(struct launch *launch)
{
	if (launch->in >= 0) sys_close(launch->in);
	if (launch->out >= 0 && launch->out != launch->in) sys_close(launch->out);
	if (launch->error_out >= 0 && launch->error_out != launch->in) sys_close(launch->error_out);
}

/* Splits what follows the numbers into strings: user, folder, arguments, variables. False if they are not there. */
static int split(const struct frame *frame, u32 wanted)
{
	char *at = (char *)frame->payload + 16, *end = (char *)frame->payload + frame->length;
	if (wanted > MOST_STRINGS) return 0;
	for (u32 i = 0; i < wanted; i++) {
		strings[i] = at;
		while (at < end && *at) at++;
		if (at++ >= end) return 0;
	}
	return 1;
}

/* Programs of which nobody wants to hear: nothing to read, and nowhere to print. */
static long open_nothing(struct launch *launch)
{
	launch->in = launch->out = launch->error_out = (int)sys_open("/dev/null", O_RDWR | O_CLOEXEC, 0);
	launch->tty = 0;
	return launch->in;
}

static long open_channel(struct channel *channel, struct launch *launch, u32 flags, const struct winsize *size)
{
	if ((flags & EXEC_INPUT) || launch->tty) {
		channel->input = allocate(WINDOW);
		if (!channel->input) return -ENOMEM;
	}
	channel->tty = (u8)launch->tty;
	return launch->tty ? open_terminal(channel, launch, size) : open_streams(channel, launch, (flags & EXEC_INPUT) != 0);
}

static void close_end(struct channel *channel, int which)
{
	if (channel->fds[which] < 0) return;
	sys_close(channel->fds[which]);
	channel->fds[which] = -1;
}

static void exec_abort(struct channel *channel)
{
	for (int which = 0; which < 3; which++) close_end(channel, which);
	release(channel->input, WINDOW);
}

static void launch_program(const struct frame *frame, struct launch *launch)
{
	u32 flags = get32(frame->payload);
	struct winsize size = { (u16)(get32(frame->payload + 4) >> 16), (u16)get32(frame->payload + 4), 0, 0 };
	struct channel *channel = new_channel(frame->channel, EXEC, exec_abort);
	if (!channel) {
		send_failure(frame->channel, -EAGAIN);
		return;
	}
	int detached = (flags & EXEC_DETACH) != 0;
	long error = detached ? open_nothing(launch) : open_channel(channel, launch, flags, &size);
	if (error >= 0) error = channel->pid = (int)spawn(child, launch, stack + sizeof stack);
	close_theirs(launch);
	if (error >= 0) error = launch->error;
	if (error < 0) {
		const char *where = launch->where ? launch->where : "";
		send_result(frame->channel, RESULT_FAILURE, (u32)-error, where, (u32)length_of(where));
	} else if (detached) {
		u8 pid[4];
		put32(pid, (u32)channel->pid);
		send_result(frame->channel, RESULT_EXIT, 0, pid, sizeof pid);
	}
	if (error < 0 || detached) free_channel(channel);
}

/* EXEC: flags, columns, rows, argument count, variable count; then strings. */
void exec_start(const struct frame *frame)
{
	static char *environment[MOST_STRINGS + MOST_DEFAULTS + 16];
	struct user user;
	const u8 *head = frame->payload;
	u32 arguments = frame->length < 16 ? 0 : get32(head + 8), count = frame->length < 16 ? 0 : get32(head + 12);
	if (arguments == 0 || arguments > MOST_STRINGS || count > MOST_STRINGS || !split(frame, 2 + arguments + count)) {
		send_failure(frame->channel, -EINVAL);
		return;
	}
	const char *problem = find_user(strings[0][0] ? strings[0] : defaults[0], &user);
	if (problem) {
		send_result(frame->channel, RESULT_FAILURE, EINVAL, problem, (u32)length_of(problem));
		return;
	}
	for (u32 i = 0; i < count; i++) environment[i] = strings[2 + arguments + i];
	count = complete(environment, count, &user);
	const char *folder = strings[1][0] ? strings[1] : defaults[1][0] ? defaults[1] : "/";
	struct launch launch = { strings + 2, environment, folder, "", -1, -1, -1, (get32(head) & EXEC_TTY) != 0, &user, 0, 0 };
	for (u32 i = 0; i < count; i++)
		if (begins(environment[i], "PATH=")) launch.path = environment[i] + 5;
	strings[2 + arguments] = 0;
	launch_program(frame, &launch);
}

static int input_fd(const struct channel *channel) { return channel->fds[channel->tty ? 1 : 0]; }

/* Tells the host of room for input. */
static void give_back(struct channel *channel, u32 taken)
{
	u8 bytes[4];
	channel->returned += taken;
	if (channel->returned == 0 || (channel->count && channel->returned < WINDOW / 4)) return;
	put32(bytes, channel->returned);
	channel->returned = 0;
	send_frame(channel->id, F_CREDIT, STREAM_IN, bytes, sizeof bytes);
}

/* What Ctrl-D types: at the beginning of a line it is the end of the input, elsewhere only the end of the piece. */
static void type_end(struct channel *channel)
{
	static const u8 ends[2] = { 4, 4 };
	u32 count = channel->last == 0 || channel->last == '\n' || channel->last == '\r' ? 1 : 2;
	channel->end_typed = 1;
	exec_input(channel, ends, count);
}

static void write_input(struct channel *channel)
{
	u32 taken = 0;
	while (channel->count && input_fd(channel) >= 0) {
		u32 piece = WINDOW - channel->head < channel->count ? WINDOW - channel->head : channel->count;
		long written = sys_write(input_fd(channel), channel->input + channel->head, piece);
		if (written == -EAGAIN) break;
		if (written < 0) {
			/* The process reads no more: what the host sends is dropped. */
			if (!channel->tty) close_end(channel, 0);
			break;
		}
		channel->head = (channel->head + (u32)written) % WINDOW;
		channel->count -= (u32)written;
		taken += (u32)written;
	}
	if (input_fd(channel) < 0) {
		taken += channel->count;
		channel->count = 0;
	}
	give_back(channel, taken);
	if (channel->count || !channel->input_ended) return;
	if (!channel->tty) close_end(channel, 0);
	else if (!channel->end_typed) type_end(channel);
}

void exec_input(struct channel *channel, const u8 *bytes, u32 length)
{
	if (length == 0 || !channel->input || length > WINDOW - channel->count) return; /* more than the host was allowed to send */
	channel->last = bytes[length - 1];
	for (u32 done = 0; done < length;) {
		u32 at = (channel->head + channel->count) % WINDOW, piece = length - done;
		if (piece > WINDOW - at) piece = WINDOW - at;
		memcpy(channel->input + at, bytes + done, piece);
		channel->count += piece;
		done += piece;
	}
	write_input(channel);
}

void exec_end_input(struct channel *channel)
{
	channel->input_ended = 1;
	write_input(channel);
}

/* Passes on what the process has written. 1 if there may be more, 0 if not now. */
static int pass_output(struct channel *channel, int which)
{
	static u8 bytes[PIECE];
	i32 room = channel->credit[which] < PIECE ? channel->credit[which] : PIECE;
	/* Of what others write into the pipe after its end there may be no end. */
	if (channel->exited && !channel->tty && room > channel->left[which]) room = channel->left[which];
	if (room <= 0) return 0;
	long got = sys_read(channel->fds[which], bytes, (size_t)room);
	if (got == -EAGAIN) return 0;
	if (got <= 0) {
		/* A terminal whose other end nobody has open gives EIO. If it were closed, a program that has not quite ended would be sent SIGHUP. */
		if (channel->tty && !channel->exited) {
			channel->left_alone = 1;
			return 0;
		}
		close_end(channel, which);
		if (!channel->exited) send_frame(channel->id, F_END, (u8)which, 0, 0);
		return 0;
	}
	channel->credit[which] -= (i32)got;
	channel->left[which] -= (i32)got;
	send_frame(channel->id, F_DATA, (u8)which, bytes, (u32)got);
	return 1;
}

/* The process has ended: once all that it wrote is with the host, so is its status. What others still hold open is not waited for. */
void exec_finish(struct channel *channel)
{
	if (!channel->exited) return;
	for (int which = 1; which < 3; which++) {
		while (channel->fds[which] >= 0 && pass_output(channel, which)) ;
		int more = channel->tty || channel->left[which] > 0;
		if (channel->fds[which] >= 0 && channel->credit[which] <= 0 && more) return;
		close_end(channel, which);
	}
	int status = channel->status, signal = status & 127;
	send_result(channel->id, signal ? RESULT_SIGNAL : RESULT_EXIT, (u32)(signal ? signal : status >> 8 & 255), 0, 0);
	free_channel(channel);
}

void exec_pump(struct channel *channel, int which, short events)
{
	if (events & (POLLOUT | POLLERR)) write_input(channel);
	if (which > 0 && channel->fds[which] >= 0 && (events & (POLLIN | POLLHUP | POLLERR))) pass_output(channel, which);
	exec_finish(channel);
}

void exec_signal(struct channel *channel, u32 signal)
{
	if (!channel->exited && channel->pid > 0) call2(SYS_kill, -channel->pid, signal);
}

void exec_resize(struct channel *channel, u16 columns, u16 rows)
{
	struct winsize size = { rows, columns, 0, 0 };
	if (channel->tty && channel->fds[1] >= 0) call3(SYS_ioctl, channel->fds[1], TIOCSWINSZ, &size);
}

void exec_reaped(int pid, int status)
{
	struct channel *channel = 0;
	while ((channel = next_channel(channel)) && (channel->kind != EXEC || channel->pid != pid || channel->exited)) ;
	if (!channel) return;
	channel->exited = 1;
	channel->status = status;
	for (int s = 1; s < 3; s++)
		if (channel->fds[s] >= 0) call3(SYS_ioctl, channel->fds[s], FIONREAD, &channel->left[s]);
	exec_finish(channel);
}
