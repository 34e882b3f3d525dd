/* The store's log with the hook of mutant.c: what a missing audit call is like. */
#define TOCSIN_MUTANT 1
#include "store/store_log.c"
