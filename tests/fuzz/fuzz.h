/* fuzz.h - what each fuzz target has: LLVMFuzzerTestOneInput, and seeds to begin with.
 *
 * Built twice: with libFuzzer (clang; ./dev fuzz), and with fuzz_short.c, which mutates the seeds
 * in a fixed way and so is an ordinary test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The i-th seed, or NULL. */
const char *fuzz_seed(size_t i, size_t *len);

#define FUZZ_CHECK(what)                                                                       \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                   \
            abort();                                                                           \
        }                                                                                      \
    } while (0)
