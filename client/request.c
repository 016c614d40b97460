/* The command line: exec [OPTIONS] MACHINE [--] COMMAND [ARGS...]. Only what is beyond doubt is taken; the managed command explains the rest. */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum option { UNKNOWN, INPUT, TERMINAL, BOTH, USER, FOLDER, VARIABLE };

static const struct { const char *word; enum option option; } options[] = {
	{ "-i", INPUT }, { "--interactive", INPUT },
	{ "-t", TERMINAL }, { "--tty", TERMINAL },
	{ "-it", BOTH }, { "-ti", BOTH },
	{ "-u", USER }, { "--user", USER },
	{ "-w", FOLDER }, { "--workdir", FOLDER },
	{ "-e", VARIABLE }, { "--env", VARIABLE },
};

static enum option find_option(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strlen(options[i].word) == length && memcmp(options[i].word, word, length) == 0) return options[i].option;
	return UNKNOWN;
}

/* A variable that is set again keeps its place. */
static int set_variable(struct request *request, const char *text)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text) return 0;
	size_t name = (size_t)(equals - text) + 1, at = 0;
	while (at < request->variable_count && strncmp(request->variables[at], text, name) != 0) at++;
	request->variables[at] = text;
	if (at == request->variable_count) request->variable_count++;
	return 1;
}

static int set_once(const char **where, const char *value)
{
	if (*where) return 0;
	*where = value;
	return 1;
}

static int set_flag(int *flag)
{
	int is_new = !*flag;
	*flag = 1;
	return is_new;
}

/* Takes the option at *at, and its value from the same word or from the next one. */
static int take_option(struct request *request, char **argv, int *at, int end)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	enum option option = find_option(word, equals ? (size_t)(equals - word) : strlen(word));
	if (option < USER) {
		if (equals) return 0;
		if (option == INPUT) return set_flag(&request->input);
		if (option == TERMINAL) return set_flag(&request->terminal);
		return option == BOTH && set_flag(&request->input) && set_flag(&request->terminal);
	}
	const char *value = equals ? equals + 1 : ++*at < end ? argv[*at] : "";
	/* Empty, in quotation marks or like an option: the managed command's parser has rules of its own for these. */
	if (!*value || *value == '-' || *value == '"') return 0;
	if (option == USER) return set_once(&request->user, value);
	if (option == FOLDER) return set_once(&request->folder, value);
	return set_variable(request, value);
}

/* A word that says what a flag before it is to be, as that parser has it, is no machine here. */
static int is_truth(const char *word) { return !strcasecmp(word, "true") || !strcasecmp(word, "false"); }

static const char *terminal_type(void)
{
	static char variable[256] = "TERM=";
	const char *type = getenv("TERM");
	if (!type || !*type) type = "vt100";
	if (strlen(type) >= sizeof variable - 5) return NULL;
	return strcat(variable, type);
}

/* What the user sets goes over the terminal's own type. */
static int finish(struct request *request)
{
	if (!request->user) request->user = "";
	if (!request->folder) request->folder = "";
	if (!request->terminal) return 1;
	const char *type = terminal_type();
	if (!type) return 0;
	for (size_t i = 0; i < request->variable_count; i++)
		if (strncmp(request->variables[i], "TERM=", 5) == 0) return 1;
	request->variables[request->variable_count++] = type;
	return 1;
}

int request_parse(struct request *request, int argc, char **argv)
{
	int dashes = 2, at = 2;
	memset(request, 0, sizeof *request);
	if (argc < 4 || strcmp(argv[1], "exec") != 0) return 0;
	/* One for each word is enough, TERM's included. */
	request->variables = calloc((size_t)argc, sizeof *request->variables);
	if (!request->variables) return 0;
	while (dashes < argc && strcmp(argv[dashes], "--") != 0) dashes++;
	for (; at < dashes; at++) {
		if (argv[at][0] == '-') {
			if (!take_option(request, argv, &at, dashes)) return 0;
		} else if (request->machine || is_truth(argv[at])) {
			return 0;
		} else {
			request->machine = argv[at];
			/* Without dashes, what follows the machine is the command. */
			if (dashes == argc) break;
		}
	}
	if (!request->machine || at + 1 >= argc) return 0;
	request->command = argv + at + 1;
	return finish(request);
}

static size_t append(uint8_t *payload, size_t length, const char *text)
{
	size_t more = strlen(text) + 1;
	if (length == 0 || more > MAX_PAYLOAD - length) return 0;
	memcpy(payload + length, text, more);
	return length + more;
}

size_t request_encode(const struct request *request, uint8_t *payload)
{
	size_t length = 16;
	uint32_t count = 0;
	length = append(payload, length, request->user);
	length = append(payload, length, request->folder);
	for (; request->command[count]; count++) length = append(payload, length, request->command[count]);
	for (size_t i = 0; i < request->variable_count; i++) length = append(payload, length, request->variables[i]);
	put32(payload, (request->terminal ? EXEC_TTY : 0) | (request->input ? EXEC_INPUT : 0));
	put32(payload + 4, terminal_size());
	put32(payload + 8, count);
	put32(payload + 12, (uint32_t)request->variable_count);
	return length;
}
