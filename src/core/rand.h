/* rand.h - randomness behind a seam. Default: getrandom(2). Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void tsn_rand_bytes(void *out, size_t n); /* cannot fail: aborts when the kernel does */
/* Tests: a seeded, repeatable generator; seed 0 restores the kernel's. */
void tsn_rand_seed(uint64_t seed);
