/* fold.h - names of vendors and products as keys that can be compared. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include "core/buf.h"

/* Lower case, accents and punctuation gone, words joined. `vendor`: legal suffixes too. */
void tsn_feed_fold(const char *name, bool vendor, struct tsn_buf *out);
/* The same with one blank between words. */
void tsn_feed_words(const char *name, bool vendor, struct tsn_buf *out);
