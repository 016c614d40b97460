/* The numbers of the protocol that docs/guest-agent.md describes: for the agent in the guest, and for the client on the host. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

enum { MAGIC = 0x414C5044, VERSION = 1, HEADER = 12, MAX_PAYLOAD = 65536, WINDOW = 65536 };

enum frame_type {
	F_HELLO = 0x01,
	F_EXEC = 0x10, F_SIGNAL = 0x11, F_RESIZE = 0x12,
	F_PULL = 0x20, F_PUSH = 0x21,
	F_PROCESSES = 0x30, F_POWER = 0x31, F_SYNC = 0x32, F_PING = 0x33, F_KILL = 0x34, F_SET_TIME = 0x35,
	F_DATA = 0x40, F_END = 0x41, F_CREDIT = 0x42, F_ENTRY = 0x43,
	F_RESULT = 0x50, F_CANCEL = 0x51,
};

enum { STREAM_IN = 0, STREAM_OUT = 1, STREAM_ERROR = 2 };
enum { RESULT_EXIT = 0, RESULT_SIGNAL = 1, RESULT_FAILURE = 2 };
enum { EXEC_TTY = 1, EXEC_INPUT = 2, EXEC_DETACH = 4 };

#endif
