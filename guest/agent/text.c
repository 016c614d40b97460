/* Bytes, strings and small files. */
#include "sys.h"

void *memcpy(void *to, const void *from, size_t count)
{
	u8 *t = to;
	const u8 *f = from;
	if ((((u64)t | (u64)f) & 7) == 0)
		for (; count >= 8; count -= 8, t += 8, f += 8) *(u64 *)t = *(const u64 *)f;
	while (count--) *t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t count)
{
	u8 *t = to;
	const u8 *f = from;
	if (t <= f || t >= f + count) return memcpy(to, from, count);
	while (count--) t[count] = f[count];
	return to;
}

void *memset(void *to, int byte, size_t count)
{
	for (u8 *t = to; count--; t++) *t = (u8)byte;
	return to;
}

size_t length_of(const char *text)
{
	size_t length = 0;
	while (text[length]) length++;
	return length;
}

int same(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	return *a == *b;
}

int begins(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix) text++, prefix++;
	return *prefix == 0;
}

const char *find(const char *text, char c)
{
	for (; *text; text++)
		if (*text == c) return text;
	return 0;
}

/* Reads decimal digits; false if there are none. */
int parse_number(const char *text, const char **end, u64 *number)
{
	u64 value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) value = value * 10 + (u64)(*at - '0');
	if (end) *end = at;
	*number = value;
	return at != text;
}

/* Reads the beginning of a file and ends it with a zero byte; gives the length. */
long read_file(const char *path, char *to, size_t room)
{
	long fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0), length = 0;
	if (fd < 0) return fd;
	while (length < (long)room - 1) {
		long got = sys_read((int)fd, to + length, room - 1 - (size_t)length);
		if (got <= 0) break;
		length += got;
	}
	to[length] = 0;
	sys_close((int)fd);
	return length;
}

void *allocate(size_t bytes)
{
	long at = call6(SYS_mmap, 0, (long)bytes, 3, 0x22, -1, 0); /* read and write, private, anonymous */
	return at < 0 && at > -4096 ? 0 : (void *)at;
}

void release(void *memory, size_t bytes)
{
	if (memory) call2(SYS_munmap, memory, bytes);
}
