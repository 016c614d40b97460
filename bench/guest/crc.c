// CRC-32 with a table: loads that depend on each other, shifts, masks.
enum { LENGTH = 1 << 16, ROUNDS = 160 };

static unsigned table[256];
static unsigned char data[LENGTH];

unsigned long run(void)
{
    for (unsigned i = 0; i < 256; i++) {
        unsigned c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    for (unsigned i = 0; i < LENGTH; i++) data[i] = (unsigned char)(i * 2654435761u >> 24);
    unsigned crc = ~0u;
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < LENGTH; i++) crc = table[(crc ^ data[i]) & 0xFF] ^ (crc >> 8);
    return ~crc;
}
