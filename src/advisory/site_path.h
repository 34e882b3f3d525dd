/* site_path.h - which paths of a web server belong to the published tree, and as what they are sent.
 * Pure; any thread. */
#pragma once

#include <stdbool.h>

/* Below /.well-known/csaf/, /.well-known/openpgpkey/ or /advisories/, or security.txt; letters, digits and
 * "+-._/", no segment of dots alone. */
bool tsn_site_path_ok(const char *path);
const char *tsn_site_media(const char *path); /* by the end of the name */
