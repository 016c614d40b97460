/*
 * One program in the guest, from the EXEC frame to its result: everything is moved by one loop that waits for nothing but poll. The guest is not
 * trusted: its frames are bounded, and so is what it sends beyond what was granted.
 */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHANNEL = 1,             /* the machine's process gives each client numbers of its own */
	GRANT_STEP = WINDOW / 4, /* bytes taken before the guest is told */
	MOST_WAITING = 2 * WINDOW, /* one window, and what was granted again while it was under way */
	INPUT_PIECE = 16384,
	OUTPUT_PIECE = 4096,     /* PIPE_BUF: what a pipe that is ready takes without a wait (pipe(7)) */
};

enum { WAKE, SOCKET, INPUT, OUTPUT, POLLED = OUTPUT + 2 };

/* What the guest has sent on one stream, and standard output or error has not taken. */
struct output {
	uint32_t head, count, taken;
	int ended, error;
	uint8_t bytes[MOST_WAITING];
};

static struct output outputs[2];
static uint8_t incoming[HEADER + MAX_PAYLOAD], outgoing[2 * (HEADER + MAX_PAYLOAD)];
static size_t have, queued;
static int connection, is_over, status;
static char *message; /* null: nothing is to be said */
static int has_input, input_ended;
static uint64_t input_credit = WINDOW;
static int pending_signal, pending_resize, passes_signals;
static int wake[2];

static const int stops[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
enum { STOPS = sizeof stops / sizeof *stops };

/* The texts of GuestAgentException.cs. */
static const struct { uint32_t number; const char *text; } errors[] = {
	{ 1, "operation not permitted" },
	{ 2, "no such file or directory" },
	{ 3, "no such process" },
	{ 5, "input/output error" },
	{ 7, "argument list too long" },
	{ 8, "not a program that the guest can run" },
	{ 11, "the guest's agent has too many requests" },
	{ 12, "out of memory" },
	{ 13, "permission denied" },
	{ 16, "device or resource busy" },
	{ 17, "file exists" },
	{ 20, "not a directory" },
	{ 21, "is a directory" },
	{ 22, "invalid argument" },
	{ 23, "too many open files in the guest" },
	{ 24, "too many open files" },
	{ 26, "text file busy" },
	{ 27, "file too large" },
	{ 28, "no space left on device" },
	{ 30, "read-only file system" },
	{ 36, "file name too long" },
	{ 40, "too many levels of symbolic links, or of folders" },
	{ 71, "the guest's agent does not know this request" },
	{ 122, "disk quota exceeded" },
};

static const char *describe(uint32_t number)
{
	static char other[32];
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].number == number) return errors[i].text;
	snprintf(other, sizeof other, "error %d", (int)number);
	return other;
}

/*
 * The length of the character at the beginning of a text in UTF-8, if that does nothing to a terminal; 0 for the rest: control characters,
 * those above 127 too, and what is no character.
 */
static size_t printable(const uint8_t *text, size_t length)
{
	static const struct { uint32_t least; uint8_t mask, mark; } forms[] = { { 0x20, 0x80, 0 }, { 0xA0, 0xE0, 0xC0 }, { 0x800, 0xF0, 0xE0 }, { 0x10000, 0xF8, 0xF0 } };
	for (size_t more = 0; more < 4 && more < length; more++) {
		if ((text[0] & forms[more].mask) != forms[more].mark) continue;
		uint32_t code = text[0] & (uint8_t)~forms[more].mask;
		for (size_t i = 1; i <= more; i++) {
			if ((text[i] & 0xC0) != 0x80) return 0;
			code = code << 6 | (text[i] & 0x3F);
		}
		return code >= forms[more].least && code != 0x7F && code <= 0x10FFFF && (code & 0xFFFFF800) != 0xD800 ? more + 1 : 0;
	}
	return 0;
}

/* A text of the guest's for people: it has no say over the terminal. */
static const char *detail_of(const uint8_t *text, size_t length)
{
	static char safe[MAX_PAYLOAD + 1];
	size_t at = 0;
	while (at < length) {
		size_t step = printable(text + at, length - at);
		if (step) memcpy(safe + at, text + at, step);
		else safe[at] = '?';
		at += step ? step : 1;
	}
	safe[at] = 0;
	return safe;
}

/* How it has ended. What the program has printed is still passed on, and the message comes behind it. */
static void end(int result, const char *format, ...)
{
	va_list arguments;
	if (is_over) return;
	is_over = 1;
	status = result;
	if (!format) return;
	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0) message = NULL;
	va_end(arguments);
}

/* Frames to the guest */

static size_t room(void) { return sizeof outgoing - queued; }

/* The caller has looked for room. */
static void queue(uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	put_header(outgoing + queued, (uint32_t)length, CHANNEL, type, stream);
	if (length) memcpy(outgoing + queued + HEADER, payload, length);
	queued += HEADER + length;
}

/* A number waits until there is room for it. */
static int queue_number(uint8_t type, uint8_t stream, uint32_t value)
{
	uint8_t payload[4];
	if (room() < HEADER + sizeof payload) return 0;
	put32(payload, value);
	queue(type, stream, payload, sizeof payload);
	return 1;
}

static void queue_numbers(void)
{
	if (pending_signal && queue_number(F_SIGNAL, 0, (uint32_t)pending_signal)) pending_signal = 0;
	if (pending_resize && queue_number(F_RESIZE, 0, terminal_size())) pending_resize = 0;
	for (int i = 0; i < 2; i++) {
		struct output *output = &outputs[i];
		if (output->taken >= GRANT_STEP && !output->ended && queue_number(F_CREDIT, (uint8_t)(STREAM_OUT + i), output->taken)) output->taken = 0;
	}
}

/* That the other end is gone is for the reading side to tell, which may still have the result to read. */
static void flush(void)
{
	ssize_t sent = queued ? send(connection, outgoing, queued, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (sent < 0 && errno != EAGAIN && errno != EINTR) sent = (ssize_t)queued;
	if (sent <= 0) return;
	queued -= (size_t)sent;
	memmove(outgoing, outgoing + sent, queued);
}

/* Frames from the guest */

static void take_data(struct output *output, const uint8_t *bytes, uint32_t length)
{
	if (output->ended) return;
	if (length > MOST_WAITING - output->count) {
		end(FAILURE, "The guest's agent sent more than it was allowed to.");
		return;
	}
	for (uint32_t done = 0; done < length;) {
		uint32_t at = (output->head + output->count) % MOST_WAITING, piece = length - done;
		if (piece > MOST_WAITING - at) piece = MOST_WAITING - at;
		memcpy(output->bytes + at, bytes + done, piece);
		output->count += piece;
		done += piece;
	}
}

static void take_result(const struct request *request, const uint8_t *payload, uint32_t length)
{
	if (length < 8) {
		end(FAILURE, "The guest's agent sent a result that is not valid.");
		return;
	}
	uint32_t kind = get32(payload), value = get32(payload + 4);
	if (kind == RESULT_FAILURE) {
		end(value == 0 ? FAILURE : value == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, "The guest cannot run %s: %s%s%s", request->command[0],
			detail_of(payload + 8, length - 8), length > 8 ? ": " : "", describe(value));
	} else {
		end(kind == RESULT_SIGNAL ? BY_SIGNAL + (int)(value & 127) : (int)(value & 255), NULL);
	}
}

static void take_frame(const struct request *request, const uint8_t *frame, uint32_t length)
{
	const uint8_t *payload = frame + HEADER;
	uint8_t type = frame[8], stream = frame[9];
	struct output *output = stream == STREAM_OUT || stream == STREAM_ERROR ? &outputs[stream - STREAM_OUT] : NULL;
	if (get32(frame + 4) != CHANNEL) return;
	if (type == F_RESULT) take_result(request, payload, length);
	else if (type == F_DATA && output) take_data(output, payload, length);
	else if (type == F_END && output) output->ended = 1;
	else if (type == F_CREDIT && stream == STREAM_IN && length == 4) input_credit += get32(payload);
}

static void receive_frames(const struct request *request)
{
	ssize_t got = recv(connection, incoming + have, sizeof incoming - have, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (got < 0) end(FAILURE, "The connection with the guest's agent is lost.");
	else if (got == 0) end(FAILURE, "The guest's agent hung up.");
	else have += (size_t)got;
	size_t at = 0;
	while (!is_over && have - at >= HEADER) {
		uint32_t length = get32(incoming + at);
		if (length > MAX_PAYLOAD) end(FAILURE, "The guest's agent sent a frame that is too long.");
		else if (have - at < HEADER + length) break;
		else take_frame(request, incoming + at, length);
		at += HEADER + length;
	}
	if (is_over) return;
	have -= at;
	memmove(incoming, incoming + at, have);
}

/* The standard streams */

static int wants_input(void)
{
	return has_input && !input_ended && !is_over && input_credit > 0 && room() >= HEADER + INPUT_PIECE;
}

static void read_input(void)
{
	uint8_t piece[INPUT_PIECE];
	ssize_t got = read(0, piece, input_credit < sizeof piece ? (size_t)input_credit : sizeof piece);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (got > 0) {
		input_credit -= (uint64_t)got;
		queue(F_DATA, STREAM_IN, piece, (size_t)got);
	} else {
		/* An input that cannot be read, and a terminal that has gone, are at their end. */
		input_ended = 1;
		queue(F_END, STREAM_IN, NULL, 0);
	}
}

static void write_output(struct output *output, int fd)
{
	uint32_t piece = MOST_WAITING - output->head;
	if (piece > output->count) piece = output->count;
	if (piece > OUTPUT_PIECE) piece = OUTPUT_PIECE;
	ssize_t written = write(fd, output->bytes + output->head, piece);
	if (written < 0) {
		if (errno != EAGAIN && errno != EINTR) output->error = errno;
		return;
	}
	output->head = (output->head + (uint32_t)written) % MOST_WAITING;
	output->count -= (uint32_t)written;
	output->taken += (uint32_t)written;
}

/* Signals */

static void on_signal(int number)
{
	int before = errno;
	uint8_t byte = (uint8_t)number;
	if (write(wake[1], &byte, 1) < 0) { /* the pipe is full: there are enough of them */ }
	errno = before;
}

static void set_handler(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler }, present;
	sigemptyset(&action.sa_mask);
	/* What the parent has this process ignore, as nohup(1) does, stays ignored. */
	if (sigaction(number, NULL, &present) == 0 && present.sa_handler != SIG_IGN) sigaction(number, &action, NULL);
}

static int catch_signals(const struct request *request, int is_raw)
{
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(wake, O_NONBLOCK | O_CLOEXEC) < 0) return 0;
	passes_signals = !request->terminal;
	for (int i = 0; (passes_signals || is_raw) && i < STOPS; i++) set_handler(stops[i], on_signal);
	if (request->terminal) set_handler(SIGWINCH, on_signal);
	if (is_raw) set_handler(SIGCONT, on_signal);
	return 1;
}

/* The first signal is the program's; a second one is for this process. */
static void take_signal(int number)
{
	if (number == SIGWINCH) {
		pending_resize = 1;
	} else if (number == SIGCONT) {
		terminal_reenter();
	} else {
		for (int i = 0; i < STOPS; i++) set_handler(stops[i], SIG_DFL);
		if (passes_signals) {
			pending_signal = number;
			passes_signals = 0;
		} else {
			terminal_restore();
			raise(number);
		}
	}
}

static void take_signals(void)
{
	uint8_t numbers[16];
	ssize_t count = read(wake[0], numbers, sizeof numbers);
	for (ssize_t i = 0; i < count; i++) take_signal(numbers[i]);
}

/* The loop */

static void wait_and_move(const struct request *request)
{
	struct pollfd polled[POLLED] = {
		[WAKE] = { .fd = wake[0], .events = POLLIN },
		[SOCKET] = { .fd = is_over ? -1 : connection, .events = (short)(POLLIN | (queued ? POLLOUT : 0)) },
		[INPUT] = { .fd = wants_input() ? 0 : -1, .events = POLLIN },
		[OUTPUT] = { .fd = outputs[0].count ? 1 : -1, .events = POLLOUT },
		[OUTPUT + 1] = { .fd = outputs[1].count ? 2 : -1, .events = POLLOUT },
	};
	if (poll(polled, POLLED, -1) <= 0) return;
	if (polled[WAKE].revents) take_signals();
	if (polled[INPUT].revents) read_input();
	for (int i = 0; i < 2; i++)
		if (polled[OUTPUT + i].revents) write_output(&outputs[i], 1 + i);
	if (polled[SOCKET].revents & ~POLLOUT) receive_frames(request);
}

static int output_error(void) { return outputs[0].error ? outputs[0].error : outputs[1].error; }

int session_run(int socket, const struct request *request, const uint8_t *exec, size_t length)
{
	int is_raw = request->terminal && request->input && isatty(0);
	connection = socket;
	has_input = request->input;
	if (!catch_signals(request, is_raw)) {
		fprintf(stderr, "doppel: %s: %s\n", request->machine, strerror(errno));
		return FAILURE;
	}
	if (is_raw) terminal_enter();
	queue(F_EXEC, 0, exec, length);
	flush();
	while (!output_error() && !(is_over && outputs[0].count == 0 && outputs[1].count == 0)) {
		wait_and_move(request);
		queue_numbers();
		flush();
	}
	if (output_error()) {
		/* Nobody reads what it prints: as a local program it would end of that. */
		if (!is_over && queue_number(F_CANCEL, 0, SIGKILL)) flush();
		return output_error() == EPIPE ? BY_SIGNAL + SIGPIPE : FAILURE;
	}
	terminal_restore();
	if (message) fprintf(stderr, "doppel: %s: %s\n", request->machine, message);
	return status;
}
