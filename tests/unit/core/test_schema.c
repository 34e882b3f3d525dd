/* test_schema.c - which schemas are good, what fits them, and the words when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/json.h"
#include "core/schema.h"
#include "core/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_t *parsed(const char *text)
{
    json_t *v = NULL;

    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

/* why NULL: good, or fits. */
struct row {
    const char *schema, *value, *why;
};

static void test_good(void **state)
{
    static const struct row rows[] = {
        {"{}", NULL, NULL},
        {"{\"type\":\"object\",\"title\":\"t\",\"description\":\"d\",\"default\":{}}", NULL,
         NULL},
        {"{\"type\":[\"string\",\"null\"],\"minLength\":0,\"maxLength\":3}", NULL, NULL},
        {"{\"properties\":{\"minimun\":{\"enum\":[1]}},\"additionalProperties\":false}", NULL,
         NULL},
        {"{\"items\":{\"type\":\"number\",\"minimum\":-1.5,\"maximum\":2}}", NULL, NULL},
        {"[]", NULL, "the whole must be an object"},
        {"{\"minimun\":1}", NULL,
         "/minimun is not a keyword that can be checked: is `minimum` meant?"},
        {"{\"pattern\":\"x\"}", NULL, "/pattern is not a keyword that can be checked"},
        {"{\"properties\":{\"a/b~\":{\"anyOf\":[]}}}", NULL,
         "/properties/a~1b~0/anyOf is not a keyword that can be checked"},
        {"{\"type\":\"text\"}", NULL,
         "/type must be one or some of object, array, string, integer, number, boolean and "
         "null"},
        {"{\"type\":[]}", NULL,
         "/type must be one or some of object, array, string, integer, number, boolean and "
         "null"},
        {"{\"type\":[\"null\",7]}", NULL,
         "/type must be one or some of object, array, string, integer, number, boolean and "
         "null"},
        {"{\"properties\":[]}", NULL, "/properties must be an object"},
        {"{\"properties\":{\"x\":true}}", NULL, "/properties/x must be an object"},
        {"{\"required\":\"x\"}", NULL, "/required must be a list of names"},
        {"{\"required\":[1]}", NULL, "/required must be a list of names"},
        {"{\"additionalProperties\":{}}", NULL, "/additionalProperties must be true or false"},
        {"{\"items\":[{}]}", NULL, "/items must be an object"},
        {"{\"enum\":[]}", NULL, "/enum must be a list of values"},
        {"{\"enum\":7}", NULL, "/enum must be a list of values"},
        {"{\"minimum\":\"1\"}", NULL, "/minimum must be a number"},
        {"{\"maximum\":null}", NULL, "/maximum must be a number"},
        {"{\"minLength\":-1}", NULL, "/minLength must be a whole number from 0"},
        {"{\"maxLength\":1.5}", NULL, "/maxLength must be a whole number from 0"},
        {"{\"items\":{\"minItems\":\"1\"}}", NULL,
         "/items/minItems must be a whole number from 0"},
        {"{\"maxItems\":null}", NULL, "/maxItems must be a whole number from 0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[TSN_SCHEMA_WHY];
        json_t *schema = parsed(rows[i].schema);
        bool good = tsn_schema_good(schema, why);

        assert_string_equal(why, rows[i].why ? rows[i].why : "");
        assert_int_equal(good, rows[i].why == NULL);
        json_decref(schema);
    }
}

static void test_fits(void **state)
{
    static const char object[] =
        "{\"type\":\"object\",\"required\":[\"ms\"],\"additionalProperties\":false,"
        "\"properties\":{"
        "\"ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":60000},"
        "\"tags\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":["
        "\"string\","
        "\"null\"],\"minLength\":2,\"maxLength\":3}}}}";
    static const char list[] = "{\"type\":\"array\",\"minItems\":0}";
    static const char words[] = "{\"enum\":[\"on\",1,null,[1]]}";
    static const struct row rows[] = {
        {"{}", "[1,{\"a\":null}]", NULL},
        {object, "{\"ms\":0}", NULL},
        {object, "{\"ms\":60000.0,\"tags\":[\"ab\",null]}", NULL},
        {object, "{\"ms\":1,\"tags\":[\"\xc3\xa4\xe2\x82\xac\"]}", NULL}, /* two characters */
        {object, "[]", "the whole must be an object"},
        {object, "{}", "/ms is missing"},
        {object, "{\"ms\":null}", "/ms must be a whole number"},
        {object, "{\"ms\":1.5}", "/ms must be a whole number"},
        {object, "{\"ms\":\"1\"}", "/ms must be a whole number"},
        {object, "{\"ms\":-1}", "/ms must be at least 0"},
        {object, "{\"ms\":60001}", "/ms must be at most 60000"},
        {object, "{\"ms\":60000.5e3}", "/ms must be at most 60000"},
        {object, "{\"ms\":1,\"a/b\":1}", "/a~1b is not known"},
        {object, "{\"ms\":1,\"tags\":[]}", "/tags must have at least 1 items"},
        {object, "{\"ms\":1,\"tags\":{}}", "/tags must have at least 1 items"},
        {object, "{\"ms\":1,\"tags\":{\"a\":1}}", "/tags must be a list"},
        {object, "{\"ms\":1,\"tags\":[null,null,null]}", "/tags must have at most 2 items"},
        {object, "{\"ms\":1,\"tags\":[null,7]}", "/tags/1 must be a text or null"},
        {object, "{\"ms\":1,\"tags\":[\"\xe2\x82\xac\"]}",
         "/tags/0 must have at least 2 characters"},
        {object, "{\"ms\":1,\"tags\":[\"abcd\"]}", "/tags/0 must have at most 3 characters"},
        {list, "[]", NULL},
        {list, "{}", NULL},
        {list, "{\"a\":1}", "the whole must be a list"},
        {"{\"type\":[\"array\",\"object\"],\"required\":[\"a\"]}", "{}", "/a is missing"},
        {words, "\"on\"", NULL},
        {words, "1.0", NULL},
        {words, "[1]", NULL},
        {words, "null", NULL},
        {words, "\"off\"", "the whole must be one of [\"on\",1,null,[1]]"},
        {words, "true", "the whole must be one of [\"on\",1,null,[1]]"},
        {"{\"maximum\":9007199254740992}", "9007199254740993",
         "the whole must be at most 9007199254740992"},
        {"{\"type\":\"boolean\"}", "1", "the whole must be true or false"},
        {"{\"type\":\"number\"}", "1", NULL},
        {"{\"type\":\"number\"}", "\"1\"", "the whole must be a number"},
        {"{\"type\":\"null\"}", "false", "the whole must be null"},
        {"{\"minimum\":3,\"minLength\":3,\"minItems\":3}", "true", NULL}, /* of other types */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[TSN_SCHEMA_WHY];
        json_t *schema = parsed(rows[i].schema), *in, *value;
        char text[200];

        (void)snprintf(text, sizeof(text), "[%s]", rows[i].value);
        in = parsed(text);
        value = json_array_get(in, 0);
        assert_true(tsn_schema_good(schema, why));
        bool fits = tsn_schema_fits(schema, value, why);

        assert_string_equal(why, rows[i].why ? rows[i].why : "");
        assert_int_equal(fits, rows[i].why == NULL);
        json_decref(schema);
        json_decref(in);
    }
}

/* Long names and values are cut at a whole character, and never overrun. */
static void test_cut(void **state)
{
    char why[TSN_SCHEMA_WHY], name[600], path[160] = "/";
    json_t *schema = json_object(), *value = json_object(), *list = json_array();

    (void)state;
    for (size_t i = 0; i < sizeof(name) - 1; i++)
        name[i] = "\xe2\x82\xac"[i % 3];
    name[sizeof(name) - 1] = '\0';
    name[597] = '\0';
    json_object_set_new(value, name, json_true());
    json_object_set_new(schema, "additionalProperties", json_false());
    assert_false(tsn_schema_fits(schema, value, why));
    assert_true(tsn_utf8_valid(why, strlen(why)));
    assert_true(strlen(why) < TSN_SCHEMA_WHY);
    memcpy(path + 1, name, 60);
    path[61] = '\0';
    assert_memory_equal(why, path, strlen(path));
    assert_non_null(strstr(why, " is not known"));

    json_object_clear(schema);
    json_array_append_new(list, json_string(name));
    json_object_set(schema, "enum", list);
    assert_false(tsn_schema_fits(schema, value, why));
    assert_true(tsn_utf8_valid(why, strlen(why)));
    assert_memory_equal(why, "the whole must be one of", 24);
    json_decref(schema);
    json_decref(value);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_cut),
    };

    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
