/* csaf_shape_make.h - how the tables of csaf_shape.c and csaf_shape21.c are written down. */
#pragma once

#define STRING(fn, text)                                                                       \
    {                                                                                          \
        .kind = TSN_SHAPE_STRING, .format = (fn), .what = (text)                               \
    }
#define ENUM(...)                                                                              \
    {                                                                                          \
        .kind = TSN_SHAPE_STRING, .values = (const char *const[])                              \
        {                                                                                      \
            __VA_ARGS__, NULL                                                                  \
        }                                                                                      \
    }
#define LIST(of, least)                                                                        \
    {                                                                                          \
        .kind = TSN_SHAPE_ARRAY, .items = (of), .min = (least)                                 \
    }
#define SET(of, least)                                                                         \
    {                                                                                          \
        .kind = TSN_SHAPE_ARRAY, .items = (of), .min = (least), .unique = true                 \
    }
#define OBJECT(table)                                                                          \
    {                                                                                          \
        .kind = TSN_SHAPE_OBJECT, .members = (table)                                           \
    }
#define OBJECT_MIN(table, least)                                                               \
    {                                                                                          \
        .kind = TSN_SHAPE_OBJECT, .members = (table), .min = (least)                           \
    }
#define END                                                                                    \
    {                                                                                          \
        NULL, NULL, false                                                                      \
    }
