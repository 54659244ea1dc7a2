"""Kafka's message definitions, as scripts/generate-shapes and scripts/generate-messages read them.

It knows the format of the files and nothing of what is made of them.
"""

import json
import re
import sys

FOREVER = 32767


def fail(message):
    sys.exit(f"{sys.argv[0].rpartition('/')[2]}: {message}")


def parse(path):
    """Kafka's definitions are JSON with // comments; a // inside a string is not one."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*')
    text = token.sub(
        lambda m: "" if m.group().startswith("//") else m.group(), path.read_text("utf-8")
    )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fail(f"{path}: {error}")


def versions(text):
    """'3', '3-7', '3+' or 'none' as an inclusive pair, None for 'none'."""
    if text is None or text == "none":
        return None
    if text.endswith("+"):
        return int(text[:-1]), FOREVER
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def cut(pair, limit):
    """The part of a version range inside the limit, None when nothing is left."""
    if pair is None or limit is None:
        return None
    low, high = max(pair[0], limit[0]), min(pair[1], limit[1])
    return (low, high) if low <= high else None


def load(folder, kinds):
    """Definitions of these kinds that have versions, in order of file name."""
    found = []
    for path in sorted(folder.glob("*.json")):
        definition = parse(path)
        if definition["type"] in kinds and versions(definition["validVersions"]) is not None:
            found.append(definition)
    if not found:
        fail(f"{folder} holds no definitions")
    return found


def check_flexible(name, fields):
    """Fields with flexible versions of their own are found in headers only."""
    for field in fields:
        if "flexibleVersions" in field:
            fail(f"{name}.{field['name']}: a field with its own flexible versions is not known here")
        check_flexible(name, field.get("fields", []))
