/* cvss_rate.c - vectors a second that one core reads and scores: random vectors of each version,
 * made before the clock starts. `cvss_rate [ROUNDS]`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "casework/cvss.h"

#define SAMPLES 4096

static char texts[SAMPLES][TSN_CVSS_VECTOR_MAX];
static uint64_t seed = 20261124;

static size_t chance(size_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % n;
}

/* Half of them base vectors, half with about a third of the other metrics. */
static void make(enum tsn_cvss_version version)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct tsn_cvss v = {.version = version};
        const struct tsn_cvss_metric *table = tsn_cvss_metrics(version);
        for (size_t m = 0; table[m].name; m++) {
            size_t values = 0;
            while (table[m].values[values].value) {
                values++;
            }
            if (table[m].mandatory || (i % 2 && chance(3) == 0)) {
                v.value[m] = table[m].values[chance(values)].value;
            }
        }
        tsn_cvss_canonical(&v, texts[i]);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    static const enum tsn_cvss_version versions[] = {TSN_CVSS_20, TSN_CVSS_30, TSN_CVSS_31,
                                                     TSN_CVSS_40};
    for (size_t k = 0; k < sizeof(versions) / sizeof(versions[0]); k++) {
        make(versions[k]);
        uint64_t sum = 0; /* printed, so that nothing is optimised away */
        double start = seconds();
        for (int r = 0; r < rounds; r++) {
            for (size_t i = 0; i < SAMPLES; i++) {
                struct tsn_cvss v;
                if (tsn_cvss_parse(texts[i], &v, NULL)) {
                    fprintf(stderr, "refused %s\n", texts[i]);
                    return 1;
                }
                sum += (uint64_t)v.overall;
            }
        }
        double took = seconds() - start;
        printf("cvss %s parse+score: %.2f million vectors/s (mean score %.2f)\n",
               tsn_cvss_version_text(versions[k]), SAMPLES * rounds / took / 1e6,
               (double)sum / SAMPLES / rounds / 10.0);
    }
    return 0;
}
