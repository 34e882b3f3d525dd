/* fault.h - named fault points: places where tests end the process or make a call fail.
 *
 * Off unless TOCSIN_FAULT is set when the process starts:
 *   TOCSIN_FAULT=NAME[:N]        SIGKILL itself at the Nth hit of NAME (default 1)
 *   TOCSIN_FAULT='#N'            SIGKILL itself at the Nth hit of any point
 *   TOCSIN_FAULT=NAME[:N]=ABORT  the same by abort(), as a mistake in tocsin would
 *   TOCSIN_FAULT=NAME[:N]=ERR    tsn_fault_err(NAME) returns TSN_ENOSPC, TSN_EIO ... from hit N on
 *   TOCSIN_FAULT_TRACE=FILE      appends one line "n name" for each hit, so a test can enumerate
 * Names are `area.place` and listed in docs/architecture.md. Any thread.
 */
#pragma once

#include "core/err.h"

void tsn_fault(const char *name);
/* A point of one thing: NAME/WHAT. Only that name acts; it is neither traced nor one of '#N'. */
void tsn_fault_of(const char *name, const char *what);
tsn_err tsn_fault_err(const char *name);

/* fn is told of every point as it is passed, in the thread that passes it; NULL = nobody. Simulation
 * ends lives there. Set it before threads start. */
void tsn_fault_hook(void (*fn)(const char *name, void *user), void *user);
