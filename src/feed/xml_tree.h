/* xml_tree.h - an XML document as a tree in an arena: no DTD, no entities of its own, bounded. Pure.
 *
 * Names are without their namespace. TSN_EINPUT: F111, with the line; past TSN_XML_DEPTH levels or
 * TSN_XML_NODES elements likewise. */
#pragma once

#include "core/diag.h"
#include "core/mem.h"

#define TSN_XML_DEPTH 64
#define TSN_XML_NODES 1000000

struct tsn_xml {
    const char *name, *text;  /* text: of this element alone, trimmed; "" */
    const char *const *attrs; /* name, value, ... NULL */
    struct tsn_xml *first, *next, *parent;
};

tsn_err tsn_xml_parse(struct tsn_arena *arena, const char *text, size_t len,
                      struct tsn_xml **root, struct tsn_diag *diag);
/* The first child of that name, or NULL; `from` NULL gives NULL. */
const struct tsn_xml *tsn_xml_child(const struct tsn_xml *from, const char *name);
/* The next sibling of the same name. */
const struct tsn_xml *tsn_xml_again(const struct tsn_xml *at);
/* Text of the first child of that name; "". */
const char *tsn_xml_text(const struct tsn_xml *from, const char *name);
const char *tsn_xml_attr(const struct tsn_xml *at, const char *name); /* "" */
/* Is there an XML document, by its first bytes? */
int tsn_xml_looks(const char *text);
