/* The user's terminal: its size, and raw mode while it is the guest's. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios former;
static int is_raw, guard = -1;

uint32_t terminal_size(void)
{
	struct winsize size;
	for (int fd = 0; fd < 2; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) return size.ws_col | (uint32_t)size.ws_row << 16;
	return 80 | 24u << 16;
}

/*
 * A child that outlives this process by a moment. A byte on the pipe says that all is well; its end without one, that this process was killed
 * without a word. A session of its own keeps the child from signals to the process group and from job control.
 */
static void watch(int pipe)
{
	char byte;
	ssize_t got;
	setsid();
	close(1);
	close(2);
	while ((got = read(pipe, &byte, 1)) < 0 && errno == EINTR) ;
	if (got == 0) tcsetattr(0, TCSANOW, &former);
	_exit(0);
}

static void start_guard(void)
{
	int ends[2];
	sigset_t all, before;
	if (pipe(ends) < 0) return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		watch(ends[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	if (child > 0) guard = ends[1];
	else close(ends[1]);
}

void terminal_reenter(void)
{
	if (!is_raw) return;
	struct termios raw = former;
	cfmakeraw(&raw);
	/* Output stays processed, as where the managed command is used: messages of others end their lines without a carriage return. */
	raw.c_oflag = former.c_oflag;
	tcsetattr(0, TCSANOW, &raw);
}

void terminal_enter(void)
{
	if (tcgetattr(0, &former) < 0) return;
	start_guard();
	is_raw = 1;
	atexit(terminal_restore);
	terminal_reenter();
}

void terminal_restore(void)
{
	if (!is_raw) return;
	is_raw = 0;
	tcsetattr(0, TCSANOW, &former);
	/* A guard that somebody has killed needs no word, and SIGPIPE is ignored by now. */
	if (guard >= 0 && write(guard, "", 1) == 1) close(guard);
}
