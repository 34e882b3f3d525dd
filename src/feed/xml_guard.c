/* xml_guard.c - see xml_guard.h. */
#include "feed/xml_guard.h"

#define XML_MAX ((size_t)1 << 30) /* expat counts bytes in an int */

void tsn_xml_stop(struct tsn_xml_guard *g, const char *why)
{
    g->refused = why;
    (void)XML_StopParser(g->parser, XML_FALSE);
}

static void no_entities(void *user, const XML_Char *name, int is_parameter,
                        const XML_Char *value, int len, const XML_Char *base,
                        const XML_Char *system, const XML_Char *public_id,
                        const XML_Char *notation)
{
    (void)name;
    (void)is_parameter;
    (void)value;
    (void)len;
    (void)base;
    (void)system;
    (void)public_id;
    (void)notation;
    tsn_xml_stop(user, "it declares entities");
}

bool tsn_xml_run(struct tsn_xml_guard *g, const char *text, size_t len,
                 XML_StartElementHandler begin, XML_EndElementHandler end,
                 XML_CharacterDataHandler words)
{
    XML_SetUserData(g->parser, g);
    XML_SetElementHandler(g->parser, begin, end);
    XML_SetCharacterDataHandler(g->parser, words);
    XML_SetEntityDeclHandler(g->parser, no_entities);
    return len <= XML_MAX && XML_Parse(g->parser, text, (int)len, XML_TRUE) == XML_STATUS_OK;
}

const char *tsn_xml_why(const struct tsn_xml_guard *g, const char *otherwise)
{
    enum XML_Error code = XML_GetErrorCode(g->parser);
    return g->refused ? g->refused : code ? XML_ErrorString(code) : otherwise;
}

unsigned long tsn_xml_line(const struct tsn_xml_guard *g)
{
    return (unsigned long)XML_GetCurrentLineNumber(g->parser);
}
