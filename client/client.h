/*
 * `doppel exec` for a machine that runs, without the start of .NET, which takes ten times as long as the command itself. It knows the usual
 * command lines only: whatever it does not understand, and whatever fails before the guest was asked, is left to the managed command, which
 * is started with the same words and so has all help, messages and hints. What it does itself must not differ from Commands/ExecCommand.cs.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "../guest/agent/protocol.h"

/* Exit statuses, as src/Doppel.Cli/Output/ExitStatus.cs has them. */
enum { FAILURE = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127, BY_SIGNAL = 128 };

/* A command line. */
struct request {
	const char *machine, *user, *folder;
	int terminal, input;
	const char **variables; /* NAME=VALUE, each name once */
	size_t variable_count;
	char **command;         /* at least one word, and a null */
};

/* request.c */
int request_parse(struct request *request, int argc, char **argv); /* 0: not understood */
size_t request_encode(const struct request *request, uint8_t *payload); /* the payload of EXEC, of at most MAX_PAYLOAD; 0: too long */

/* machine.c */
int machine_open(const char *name); /* the socket behind the agent's greeting; -1: the managed command is to say why not */

/* session.c: runs the program to its end, and gives the exit status */
int session_run(int socket, const struct request *request, const uint8_t *exec, size_t length);

/* terminal.c */
uint32_t terminal_size(void);  /* columns, and rows above bit 16 */
void terminal_enter(void);     /* raw mode; every way out of the process brings the former mode back */
void terminal_reenter(void);   /* after the process was stopped: its shell may have changed the mode meanwhile */
void terminal_restore(void);

/* wire.c: numbers are little-endian */
uint32_t get32(const uint8_t *at);
void put32(uint8_t *at, uint32_t value);
void put_header(uint8_t *at, uint32_t length, uint32_t channel, uint8_t type, uint8_t stream);

#endif
