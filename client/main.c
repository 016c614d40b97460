/* The client's beginning, and its way out to the managed command. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t exec[MAX_PAYLOAD];

/* No socket may become standard output: where one of the three is closed, something stands there that fails as a closed one does. */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) _exit(FAILURE);
}

/* Becomes the managed command, which lies beside this program. */
static int run_managed(int argc, char **argv)
{
	static const char name[] = "doppel-cli.dll";
	static char path[PATH_MAX + sizeof name];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
	char **words = calloc((size_t)argc + 2, sizeof *words);
	if (slash && words) {
		memcpy(slash + 1, name, sizeof name);
		words[0] = "dotnet";
		words[1] = path;
		for (int i = 1; i < argc; i++) words[i + 1] = argv[i];
		/* As ./doppel does; who debugs sets it. */
		setenv("DOTNET_EnableDiagnostics", "0", 0);
		execvp(words[0], words);
	}
	fprintf(stderr, "doppel: dotnet cannot be started: %s\n", strerror(errno));
	return FAILURE;
}

int main(int argc, char **argv)
{
	struct request request;
	fill_standard_streams();
	size_t length = request_parse(&request, argc, argv) ? request_encode(&request, exec) : 0;
	int socket = length > 0 ? machine_open(request.machine) : -1;
	return socket >= 0 ? session_run(socket, &request, exec, length) : run_managed(argc, argv);
}
