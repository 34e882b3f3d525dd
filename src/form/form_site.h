/* form_site.h - what is published beside the form: security.txt, the keys' directory, advisories. */
#pragma once

#include <stdbool.h>

struct tsn_ask;

/* Answers and frees the request when the path belongs to the published tree; else false. */
bool tsn_form_site(struct tsn_ask *a);
