/* preview.h - renderings on the terminal or in the browser; cmd_advisory.c. One thread. */
#pragma once

#include "advisory/advisory_as.h"
#include "cli/cli.h"

/* Prints a rendering; with --open it is written to a file and opened in the browser, and this does not
 * come back. The exit code. */
int tsn_preview_text(struct tsn_cli *cli, const struct tsn_buf *text, enum tsn_as as);
/* The file arg[0], a drafting case or a CSAF document, as that. Needs no daemon. */
int tsn_preview_file(struct tsn_cli *cli, enum tsn_as as);
