"""A validator of the OCSF classes that tocsin writes, from the schema's own sources (github.com/ocsf/ocsf-schema:
events/*, objects/*, dictionary.json of 1.x) and not from ours: which attributes a class and an object have, of
which type, which are required, of which one must be there, which numbers an enumeration knows, and that what a
profile brings (actor and device of `host`) is declared in metadata.profiles.

Not a copy of the schema: the attributes that nobody here writes are left out, so that one of them shows as
unknown and somebody looks."""
import re

INT, TEXT, LIST = "int", "text", "list"
# name: (required, one of these, {attribute: type or object})
OBJECTS = {
    "metadata": (("version", "product"), (), {
        "version": TEXT, "product": "product", "uid": TEXT, "sequence": INT, "logged_time": INT,
        "original_time": TEXT, "log_name": TEXT, "event_code": TEXT, "correlation_uid": TEXT,
        "profiles": LIST}),
    "product": (("vendor_name",), ("name", "uid"), {"name": TEXT, "vendor_name": TEXT, "version": TEXT, "uid": TEXT}),
    "actor": ((), ("process", "user", "session", "app_name", "app_uid"),
              {"user": "user", "app_name": TEXT, "app_uid": TEXT}),
    "user": ((), ("account", "name", "uid"), {"uid": TEXT, "name": TEXT}),
    "group": ((), ("name", "uid"), {"name": TEXT, "uid": TEXT}),
    "finding_info": (("uid",), (), {"uid": TEXT, "title": TEXT}),
    "entity": ((), ("name", "uid", "device", "group", "org", "user", "email"), {"uid": TEXT, "name": TEXT, "type": TEXT}),
    "api": (("operation",), (), {"operation": TEXT}),
    "endpoint": ((), ("ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid"),
                 {"name": TEXT, "ip": TEXT, "hostname": TEXT, "uid": TEXT, "port": INT}),
    "database": (("type_id",), ("name", "uid"), {"name": TEXT, "uid": TEXT, "type_id": INT}),
    "service": ((), ("name", "uid"), {"name": TEXT, "uid": TEXT}),
    "device": (("type_id",), ("ip", "uid", "name", "hostname", "instance_uid"),
               {"hostname": TEXT, "name": TEXT, "type_id": INT, "ip": TEXT}),
    "fingerprint": (("algorithm_id", "value"), (), {"algorithm_id": INT, "value": TEXT}),
}
BASE = {"activity_id": INT, "activity_name": TEXT, "category_uid": INT, "class_uid": INT, "type_uid": INT,
        "time": INT, "severity_id": INT, "status_id": INT, "status": TEXT, "message": TEXT,
        "metadata": "metadata", "raw_data": TEXT, "raw_data_hash": "fingerprint", "unmapped": None}
NEEDED = ("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid")
HOST = {"actor": "actor", "device": "device"}  # of the profile `host`
# class: (its own attributes, required, one of these, activities, status numbers beside 0 1 2 99)
CLASSES = {
    1008: ({"actor": "actor", "device": "device", "log_name": TEXT, "log_provider": TEXT}, (),
           ("log_file", "log_name", "log_provider", "log_type", "log_type_id"), range(1, 11), ()),
    2005: ({"finding_info_list": ["finding_info"], "assignee_group": "group", "assignee": "user"},
           ("finding_info_list", "status_id"), ("assignee", "assignee_group"), range(1, 4), (3, 4, 5)),
    3001: ({"actor": "actor", "user": "user"}, ("user",), (), range(1, 13), ()),
    3002: ({"actor": "actor", "user": "user", "service": "service", "src_endpoint": "endpoint"}, ("user",),
           ("service", "dst_endpoint"), range(1, 8), ()),
    3004: ({"actor": "actor", "entity": "entity"}, ("entity",), (), range(1, 14), ()),
    6002: ({"app": "product"}, ("app",), (), range(1, 9), ()),
    6003: ({"actor": "actor", "api": "api", "src_endpoint": "endpoint"}, ("actor", "api", "src_endpoint"), (),
           range(1, 5), ()),
    6005: ({"actor": "actor", "database": "database", "src_endpoint": "endpoint"}, ("actor", "src_endpoint"),
           ("database", "databucket", "table"), range(1, 11), ()),
    7001: ({"command_uid": TEXT}, ("command_uid",), (), range(1, 5), (3, 4, 5, 6)),
}
ENUMS = {"severity_id": (0, 1, 2, 3, 4, 5, 6, 99), "algorithm_id": (0, 1, 2, 3, 4, 5, 6, 7, 99)}


def value(what, v, kind, wrong):
    if kind is None:
        return
    if isinstance(kind, list):
        if not isinstance(v, list) or not v:
            wrong.append("%s is no list" % what)
        for i, item in enumerate(v if isinstance(v, list) else []):
            value("%s[%d]" % (what, i), item, kind[0], wrong)
    elif kind in OBJECTS:
        required, one_of, attributes = OBJECTS[kind]
        if not isinstance(v, dict):
            wrong.append("%s is no object" % what)
        else:
            members(what, v, attributes, required, one_of, wrong)
    elif kind == INT:
        if not isinstance(v, int) or isinstance(v, bool):
            wrong.append("%s is no number" % what)
        elif what.rpartition(".")[2] in ENUMS and v not in ENUMS[what.rpartition(".")[2]]:
            wrong.append("%s is no value of its enumeration: %d" % (what, v))
    elif kind == LIST:
        if not isinstance(v, list) or not all(isinstance(x, str) for x in v):
            wrong.append("%s is no list of words" % what)
    elif not isinstance(v, str) or not v:
        wrong.append("%s is no text" % what)


def members(what, v, attributes, required, one_of, wrong):
    for name in required:
        if name not in v:
            wrong.append("%s lacks %s" % (what, name))
    if one_of and not any(name in v for name in one_of):
        wrong.append("%s has none of %s" % (what, ", ".join(one_of)))
    for name, item in v.items():
        if name not in attributes:
            wrong.append("%s has no attribute %s" % (what, name))
        else:
            value("%s.%s" % (what, name), item, attributes[name], wrong)


def check(event):
    """What is wrong with an event, a list of sentences."""
    wrong = []
    uid = event.get("class_uid")
    if uid not in CLASSES:
        return ["class %s is not known here" % uid]
    own, required, one_of, activities, statuses = CLASSES[uid]
    attributes = dict(BASE, **own)
    metadata = event.get("metadata") if isinstance(event.get("metadata"), dict) else {}
    if "host" in (metadata.get("profiles") or []):
        attributes.update({k: v for k, v in HOST.items() if k not in own})
    members("event", event, attributes, NEEDED + required, one_of, wrong)
    activity = event.get("activity_id")
    if activity not in activities and activity not in (0, 99):
        wrong.append("activity_id %s is none of class %d" % (activity, uid))
    if activity == 99 and not event.get("activity_name"):
        wrong.append("activity_id 99 without its name")
    if event.get("status_id", 0) not in (0, 1, 2, 99) + tuple(statuses):
        wrong.append("status_id %s is none of class %d" % (event.get("status_id"), uid))
    if event.get("category_uid") != uid // 1000 or event.get("type_uid") != uid * 100 + (activity or 0):
        wrong.append("category_uid and type_uid do not follow from class and activity")
    if not re.fullmatch(r"1\.\d+\.\d+", str(metadata.get("version"))):
        wrong.append("metadata.version is no version of the schema")
    return wrong
