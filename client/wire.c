/* Numbers of frames. */
#include "client.h"

uint32_t get32(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24; }

void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

void put_header(uint8_t *at, uint32_t length, uint32_t channel, uint8_t type, uint8_t stream)
{
	put32(at, length);
	put32(at + 4, channel);
	at[8] = type, at[9] = stream, at[10] = at[11] = 0;
}
