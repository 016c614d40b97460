/*
 * Doppel's guest agent: does for the host what a person at the machine would do. It calls the host over vsock (port 1), or, where the kernel
 * has none, uses the virtio console port "doppel.agent", and answers requests until the host is gone; then it calls again.
 */
#include "agent.h"

enum { FIRST_PORT = 1023, LAST_PORT = 900, SECOND = 1000000000 };

static struct pollfd polled[2 + 3 * CHANNELS];
static struct channel *owners[2 + 3 * CHANNELS];
static u8 streams[2 + 3 * CHANNELS];

static void cancel(struct channel *channel, u32 signal)
{
	if (channel->kind == EXEC) exec_signal(channel, signal);
	free_channel(channel);
}

static void add_credit(struct channel *channel, u8 stream, u32 count)
{
	if (stream > 2 || count > 1 << 28 || channel->credit[stream] > 1 << 28) return;
	channel->credit[stream] += (i32)count;
	if (channel->kind == EXEC) exec_finish(channel);
}

static void power(u32 channel, u32 what)
{
	/* Process 1 knows these from BusyBox's halt, poweroff and reboot; systemd is asked by its own real-time signals. */
	static const u8 busybox[] = { SIGUSR2, SIGTERM, SIGUSR1 };
	static const u8 systemd[] = { 34 + 4, 34 + 5, 34 + 3 };
	char name[32];
	if (what > 2) {
		send_failure(channel, -EINVAL);
		return;
	}
	int is_systemd = read_file("/proc/1/comm", name, sizeof name) > 0 && begins(name, "systemd\n");
	/* The answer first: process 1 ends all others, and this is one of them. */
	send_result(channel, RESULT_EXIT, 0, 0, 0);
	wire_flush();
	call2(SYS_kill, 1, is_systemd ? systemd[what] : busybox[what]);
}

static void ping(const struct frame *frame)
{
	struct timespec wall, steady;
	u8 times[16];
	call2(SYS_clock_gettime, 0, &wall);
	call2(SYS_clock_gettime, 1, &steady);
	put64(times, (u64)(wall.sec * SECOND + wall.nsec));
	put64(times + 8, (u64)(steady.sec * SECOND + steady.nsec));
	send_result(frame->channel, RESULT_EXIT, 0, times, sizeof times);
}

static void set_time(const struct frame *frame)
{
	u64 now = get64(frame->payload);
	struct timespec wall = { (i64)(now / SECOND), (i64)(now % SECOND) };
	long error = call2(SYS_clock_settime, 0, &wall);
	send_result(frame->channel, error < 0 ? RESULT_FAILURE : RESULT_EXIT, (u32)(error < 0 ? -error : 0), 0, 0);
}

static void handle_request(const struct frame *frame)
{
	u32 first = frame->length >= 4 ? get32(frame->payload) : 0, second = frame->length >= 8 ? get32(frame->payload + 4) : 0;
	long error;
	switch (frame->type) {
	case F_EXEC: exec_start(frame); break;
	case F_PULL: pull_start(frame); break;
	case F_PUSH: push_start(frame); break;
	case F_PROCESSES: processes_start(frame); break;
	case F_POWER: power(frame->channel, first); break;
	case F_PING: ping(frame); break;
	case F_SYNC:
		call0(SYS_sync);
		send_result(frame->channel, RESULT_EXIT, 0, 0, 0);
		break;
	case F_KILL:
		error = call2(SYS_kill, (i32)first, second);
		send_result(frame->channel, error < 0 ? RESULT_FAILURE : RESULT_EXIT, (u32)(error < 0 ? -error : 0), 0, 0);
		break;
	case F_SET_TIME:
		if (frame->length == 8) set_time(frame);
		else send_failure(frame->channel, -EINVAL);
		break;
	case F_HELLO: case F_DATA: case F_END: case F_CREDIT: case F_ENTRY: case F_SIGNAL: case F_RESIZE: case F_CANCEL:
		break; /* late, for a channel that is done */
	default:
		send_failure(frame->channel, -EPROTO);
		break;
	}
}

static void handle(const struct frame *frame)
{
	struct channel *channel = find_channel(frame->channel);
	if (!channel) {
		handle_request(frame);
		return;
	}
	u32 first = frame->length >= 4 ? get32(frame->payload) : 0;
	switch (frame->type) {
	case F_DATA:
		if (channel->kind == EXEC) exec_input(channel, frame->payload, frame->length);
		else if (channel->kind == PUSH) push_data(channel, frame->payload, frame->length);
		break;
	case F_END:
		if (channel->kind == EXEC) exec_end_input(channel);
		else if (channel->kind == PUSH) push_end(channel);
		break;
	case F_ENTRY:
		if (channel->kind == PUSH) push_entry(channel, frame->payload, frame->length);
		break;
	case F_CREDIT: add_credit(channel, frame->stream, first); break;
	case F_SIGNAL:
		if (channel->kind == EXEC) exec_signal(channel, first);
		break;
	case F_RESIZE:
		if (channel->kind == EXEC) exec_resize(channel, (u16)first, (u16)(first >> 16));
		break;
	case F_CANCEL: cancel(channel, first ? first : SIGKILL); break;
	}
}

static void reap(int children)
{
	u8 information[128];
	int status;
	while (sys_read(children, information, sizeof information) > 0) ;
	for (long pid; (pid = call4(SYS_wait4, -1, &status, 1, 0)) > 0;) exec_reaped((int)pid, status);
}

static int watch(int count, int fd, short events, struct channel *owner, int stream)
{
	polled[count] = (struct pollfd){ fd, events, 0 };
	owners[count] = owner;
	streams[count] = (u8)stream;
	return count + 1;
}

static int watch_channels(int count)
{
	for (struct channel *channel = 0; (channel = next_channel(channel));) {
		if (channel->kind != EXEC || channel->left_alone) continue;
		if (!channel->tty && channel->fds[0] >= 0 && channel->count) count = watch(count, channel->fds[0], POLLOUT, channel, 0);
		for (int s = 1; s < 3; s++) {
			short events = (short)((channel->credit[s] > 0 ? POLLIN : 0) | (s == 1 && channel->tty && channel->count ? POLLOUT : 0));
			if (channel->fds[s] >= 0 && events) count = watch(count, channel->fds[s], events, channel, s);
		}
	}
	return count;
}

static int has_work(const struct channel *channel)
{
	return (channel->kind == PULL || channel->kind == PROCESSES) && channel->credit[1] > 0;
}

/* True if a pull or a list has something to do without being told. */
static int pump_work(void)
{
	int busy = 0;
	for (struct channel *channel = 0; (channel = next_channel(channel));) {
		if (!has_work(channel)) continue;
		if (channel->kind == PULL) pull_pump(channel);
		else processes_pump(channel);
		busy |= has_work(channel);
	}
	return busy;
}

static void serve(int host, int to_host, int children)
{
	static const struct timespec at_once;
	u8 hello[12];
	wire_open(host, to_host);
	put32(hello, MAGIC);
	put32(hello + 4, VERSION);
	put32(hello + 8, WINDOW);
	send_frame(0, F_HELLO, 0, hello, sizeof hello);
	for (;;) {
		int busy = pump_work();
		if (!wire_flush()) return;
		int count = watch_channels(watch(watch(0, host, POLLIN, 0, 0), children, POLLIN, 0, 0));
		if (call5(SYS_ppoll, polled, count, busy ? &at_once : 0, 0, 8) <= 0) continue;
		if (polled[0].revents && !wire_read(handle)) return;
		for (int i = 2; i < count; i++)
			if (polled[i].revents && owners[i]->kind == EXEC) exec_pump(owners[i], streams[i], polled[i].revents);
		if (polled[1].revents) reap(children);
	}
}

/* From a port that only root may use, so that the host knows whom it talks to. */
static int dial(void)
{
	long fd = call3(SYS_socket, AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), error = -EADDRINUSE;
	if (fd < 0) return (int)fd;
	struct sockaddr_vm own = { AF_VSOCK, 0, 0, 0xFFFFFFFF, { 0 } }, host = { AF_VSOCK, 0, HOST_PORT, HOST_CID, { 0 } };
	for (u32 port = FIRST_PORT; port >= LAST_PORT && error == -EADDRINUSE; port--) {
		own.port = port;
		error = call3(SYS_bind, fd, &own, sizeof own);
	}
	if (error >= 0) error = call3(SYS_connect, fd, &host, sizeof host);
	if (error >= 0) return (int)fd;
	sys_close((int)fd);
	return (int)error;
}

static int open_port(void)
{
	static u8 entries[2048];
	static char path[300], name[64];
	long fd = -ENOENT, folder = sys_open("/sys/class/virtio-ports", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (folder < 0) return (int)folder;
	for (long length; fd < 0 && (length = call3(SYS_getdents64, folder, entries, sizeof entries)) > 0;) {
		for (long at = 0; at < length && fd < 0; at += ((struct dirent *)(entries + at))->length) {
			const char *port = ((struct dirent *)(entries + at))->name;
			size_t size = length_of(port);
			if (!begins(port, "vport") || size > 32) continue;
			memcpy(path, "/sys/class/virtio-ports/", 24);
			memcpy(path + 24, port, size);
			memcpy(path + 24 + size, "/name", 6);
			if (read_file(path, name, sizeof name) < 0 || !same(name, "doppel.agent\n")) continue;
			memcpy(path, "/dev/", 5);
			memcpy(path + 5, port, size + 1);
			fd = sys_open(path, O_RDWR | O_CLOEXEC, 0);
		}
	}
	sys_close((int)folder);
	return (int)fd;
}

static void forget_all(void)
{
	for (struct channel *channel = 0; (channel = next_channel(channel));) cancel(channel, SIGHUP);
}

/* Comes back in a child, which does the work. If that is killed, for instance because memory ran out, another one takes its place. */
static void keep_alive(void)
{
	struct timespec pause = { 1, 0 };
	for (long child; (child = call5(SYS_clone, SIGCHLD, 0, 0, 0, 0)) > 0; call2(SYS_nanosleep, &pause, 0)) call4(SYS_wait4, child, 0, 0, 0);
}

/* With an argument, any, it serves its standard streams, once: for tests. */
__attribute__((noreturn, used)) void agent_main(const long *stack_at_start)
{
	struct { u64 handler, flags, mask; } ignore = { SIG_IGN, 0, 0 }, normal = { SIG_DFL, 0, 0 };
	u64 child_mask = 1UL << (SIGCHLD - 1);
	i64 pause = SECOND / 100;
	/* Streams of ours below 3 would be in the way of a child's. */
	while (sys_open("/dev/null", O_RDWR, 0) < 2) ;
	/* A shell has started this in the background, where it ignores what its own children should not. */
	for (int signal = 1; signal < 32; signal++) call4(SYS_rt_sigaction, signal, &normal, 0, 8);
	call4(SYS_rt_sigaction, SIGPIPE, &ignore, 0, 8);
	call0(SYS_setsid);
	call1(SYS_chdir, "/");
	if (stack_at_start[0] == 1) keep_alive();
	exec_defaults();
	call4(SYS_rt_sigprocmask, 0, &child_mask, 0, 8);
	int children = (int)call4(SYS_signalfd4, -1, &child_mask, 8, O_CLOEXEC | O_NONBLOCK);
	if (stack_at_start[0] > 1) {
		serve(0, 1, children);
		forget_all();
		sys_exit(0);
	}
	for (;;) {
		int host = dial();
		if (host < 0) host = open_port();
		if (host >= 0) {
			serve(host, host, children);
			sys_close(host);
			forget_all();
			pause = SECOND / 100;
		}
		struct timespec wait = { pause / SECOND, pause % SECOND };
		call2(SYS_nanosleep, &wait, 0);
		if (pause < SECOND) pause *= 2;
	}
}
