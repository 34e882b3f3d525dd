/* The store's log with a hook that drops the entries of one kind: what a missing audit call is like. */
#define TOCSIN_MUTANT 1
#include "store/store_log.c"
