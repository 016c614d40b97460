/* The way to a machine's agent: its socket, as MachineRegistry.cs and MachineFolder.cs have it, and MachineClient.cs speaks on it. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LONGEST_NAME = 40, LONGEST_LINE = 4096 };

static int is_name(const char *text)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strlen(text);
	return length > 0 && length <= LONGEST_NAME && strchr(first, text[0]) && strspn(text, all) == length;
}

/* 0 if there is no such folder, or its path has no room in a socket's address. */
static int socket_path(char *path, size_t room, const char *machine)
{
	const char *own = getenv("DOPPEL_STATE"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int length;
	/* The managed command takes `..` out of the text, which a link may make another folder. */
	if (own && *own) length = strstr(own, "..") ? -1 : snprintf(path, room, "%s/machines/%s/control", own, machine);
	else if (state && *state == '/') length = snprintf(path, room, "%s/doppel/machines/%s/control", state, machine);
	else if (home && *home) length = snprintf(path, room, "%s/.local/state/doppel/machines/%s/control", home, machine);
	else length = -1;
	return length > 0 && (size_t)length < room;
}

static int receive(int socket, void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = recv(socket, (char *)bytes + done, length - done, 0);
		if (got < 0 && errno == EINTR) continue;
		if (got <= 0) return 0;
		done += (size_t)got;
	}
	return 1;
}

/* Byte by byte: what follows the line is the agent's. */
static int receive_line(int socket, char *line)
{
	for (size_t length = 0; length < LONGEST_LINE; length++) {
		if (!receive(socket, line + length, 1)) return 0;
		if (line[length] != '\n') continue;
		line[length] = 0;
		return 1;
	}
	return 0;
}

/* Asks for the agent. The process may have waited a minute for it before it refuses, so that is told here, and not asked again. */
static int ask(int socket, const char *machine)
{
	static const char verb[] = "agent\n", refusal[] = "error ", paused[] = "is paused";
	static char line[LONGEST_LINE];
	if (send(socket, verb, sizeof verb - 1, MSG_NOSIGNAL) != sizeof verb - 1 || !receive_line(socket, line)) return 0;
	if (strcmp(line, "ok") == 0) return 1;
	size_t length = strlen(line), tail = sizeof paused - 1;
	int is_paused = length >= tail && strcmp(line + length - tail, paused) == 0;
	if (is_paused || strncmp(line, refusal, sizeof refusal - 1) != 0) return 0;
	fprintf(stderr, "doppel: %s: %s\n", machine, line + sizeof refusal - 1);
	exit(FAILURE);
}

static int is_greeted(int socket)
{
	uint8_t hello[HEADER + 12];
	return receive(socket, hello, sizeof hello) && get32(hello) == 12 && hello[8] == F_HELLO && get32(hello + HEADER) == MAGIC
		&& get32(hello + HEADER + 4) == VERSION;
}

int machine_open(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!is_name(name) || !socket_path(address.sun_path, sizeof address.sun_path, name)) return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && ask(fd, name) && is_greeted(fd)) return fd;
	close(fd);
	return -1;
}
