/* xml_guard.h - how XML of strangers is parsed here: no entities of its own, at most 1 GiB, and a
 * reason when it is refused. Private to src/feed; beside it stands only what a reader does with
 * elements. Pure. */
#pragma once

#include <expat.h>
#include <stdbool.h>
#include <stddef.h>

/* First member of a reader's state. The reader makes the parser and frees it. */
struct tsn_xml_guard {
    XML_Parser parser;
    const char *refused; /* why a reader stopped; NULL = it did not */
};
/* Ends the parsing from within a handler. */
void tsn_xml_stop(struct tsn_xml_guard *g, const char *why);
/* The handlers get `g` as their first argument. False: it was stopped, or is not well formed. */
bool tsn_xml_run(struct tsn_xml_guard *g, const char *text, size_t len,
                 XML_StartElementHandler begin, XML_EndElementHandler end,
                 XML_CharacterDataHandler words);
/* Why not, and the line; `otherwise` where the XML itself is well formed. */
const char *tsn_xml_why(const struct tsn_xml_guard *g, const char *otherwise);
unsigned long tsn_xml_line(const struct tsn_xml_guard *g);
