// Records in a hash table of linked lists: pointer chasing, small calls, string comparison, structure copies.
enum { BUCKETS = 256, RECORDS = 2048, LOOKUPS = 260000, NAME = 16 };

struct record {
    struct record *next;
    long value;
    char name[NAME];
};

static struct record records[RECORDS];
static struct record *buckets[BUCKETS];

static void make_name(char *name, unsigned number)
{
    for (int i = 0; i < NAME - 1; i++, number /= 7) name[i] = 'a' + number % 7;
    name[NAME - 1] = 0;
}

static unsigned hash(const char *name)
{
    unsigned h = 5381;
    while (*name) h = h * 33 + (unsigned char)*name++;
    return h % BUCKETS;
}

static int same(const char *left, const char *right)
{
    while (*left && *left == *right) left++, right++;
    return *left == *right;
}

static struct record *find(const char *name)
{
    struct record *r = buckets[hash(name)];
    while (r && !same(r->name, name)) r = r->next;
    return r;
}

unsigned long run(void)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        make_name(records[i].name, i * 13);
        unsigned h = hash(records[i].name);
        records[i].value = i;
        records[i].next = buckets[h];
        buckets[h] = &records[i];
    }
    unsigned long sum = 0;
    unsigned x = 1;
    char name[NAME];
    for (int i = 0; i < LOOKUPS; i++) {
        x = x * 1103515245u + 12345u;
        make_name(name, (x >> 16) % RECORDS * 13);
        struct record copy = *find(name);
        sum += copy.value ^ i;
    }
    return sum;
}
