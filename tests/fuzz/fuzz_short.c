/* A fuzz target as a test: the seeds, then mutations of them from fixed random numbers.
 *
 * fuzz_X_short [ROUNDS]        mutates (default 300,000) and ends with 0, or aborts
 * fuzz_X_short --seeds DIR     writes the seeds for libFuzzer
 * fuzz_X_short FILE            one input, as libFuzzer left it */
#include "fuzz.h"

#ifndef ROUNDS
#define ROUNDS 300000
#endif
#define INPUT_MAX 8192

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (uint32_t)(state >> 32) % below : 0;
}

static size_t count(void)
{
    size_t n = 0, len;

    while (fuzz_seed(n, &len))
        n++;
    return n;
}

/* Where the line that holds `at` begins, and where the next one does. */
static void line_at(const uint8_t *p, size_t n, size_t at, size_t *from, size_t *to)
{
    *from = at;
    while (*from > 0 && p[*from - 1] != '\n')
        (*from)--;
    *to = at;
    while (*to < n && p[*to] != '\n')
        (*to)++;
    *to += *to < n;
}

static size_t insert(uint8_t *p, size_t n, size_t at, const uint8_t *what, size_t len)
{
    if (n + len > INPUT_MAX)
        return n;
    memmove(p + at + len, p + at, n - at);
    memcpy(p + at, what, len);
    return n + len;
}

static size_t cut(uint8_t *p, size_t n, size_t from, size_t to)
{
    memmove(p + from, p + to, n - to);
    return n - (to - from);
}

static size_t mutate(uint8_t *p, size_t n, size_t nseeds)
{
    static const char likely[] = "\n \0,.:*\"\\-=09azAZ~\x7f\x80\xff\r";
    uint8_t line[INPUT_MAX];
    size_t at = n ? draw((uint32_t)n) : 0, from, to, len;
    const char *other;

    switch (draw(9)) {
    case 0: /* a bit */
        if (n)
            p[at] ^= (uint8_t)(1u << draw(8));
        return n;
    case 1: /* a likely byte */
        if (n)
            p[at] = (uint8_t)likely[draw(sizeof(likely) - 1)];
        return n;
    case 2:
        line[0] = (uint8_t)likely[draw(sizeof(likely) - 1)];
        return insert(p, n, at, line, 1);
    case 3: /* some bytes less */
        to = at + draw(9);
        return cut(p, n, at, to < n ? to : n);
    case 4: /* a line less */
        line_at(p, n, at, &from, &to);
        return cut(p, n, from, to);
    case 5: /* a line twice, or moved */
    case 6:
        line_at(p, n, at, &from, &to);
        len = to - from;
        memcpy(line, p + from, len);
        if (draw(2))
            n = cut(p, n, from, to);
        line_at(p, n, n ? draw((uint32_t)n) : 0, &from, &to);
        return insert(p, n, from, line, len);
    case 7: /* a line of another seed */
        other = fuzz_seed(draw((uint32_t)nseeds), &len);
        line_at((const uint8_t *)other, len, len ? draw((uint32_t)len) : 0, &from, &to);
        memcpy(line, other + from, to - from);
        len = to - from;
        line_at(p, n, at, &from, &to);
        return insert(p, n, from, line, len);
    default: /* the end cut off */
        return at;
    }
}

static int write_seeds(const char *dir)
{
    const char *seed;
    size_t len;

    for (size_t i = 0; (seed = fuzz_seed(i, &len)) != NULL; i++) {
        char path[4096];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/seed-%zu", dir, i);
        f = fopen(path, "wb");
        if (!f || fwrite(seed, 1, len, f) != len || fclose(f) != 0)
            return 1;
    }
    return 0;
}

static int one_file(const char *path)
{
    static uint8_t input[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return 2;
    n = fread(input, 1, sizeof(input), f);
    (void)fclose(f);
    return LLVMFuzzerTestOneInput(input, n);
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    size_t nseeds = count(), len;
    long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : ROUNDS;

    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);
    if (argc == 2 && rounds == 0)
        return one_file(argv[1]);
    for (size_t i = 0; i < nseeds; i++) {
        const char *seed = fuzz_seed(i, &len);

        (void)LLVMFuzzerTestOneInput((const uint8_t *)seed, len);
    }
    for (long round = 0; round < rounds; round++) {
        const char *seed = fuzz_seed(draw((uint32_t)nseeds), &len);

        len = len < INPUT_MAX ? len : INPUT_MAX;
        memcpy(input, seed, len);
        for (uint32_t n = 1 + draw(4); n > 0; n--)
            len = mutate(input, len, nseeds);
        (void)LLVMFuzzerTestOneInput(input, len);
    }
    (void)printf("%zu seeds, %ld mutations\n", nseeds, rounds);
    return 0;
}
