"""Event and message bodies as WeChat writes them: XML with CDATA, or JSON (reference §1.5, §3.7)."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

Fields = dict[str, Any]


def to_xml(fields: Fields) -> str:
    """<xml>…</xml>: text in CDATA, numbers bare, dicts nested, lists as repeated elements."""
    return f"<xml>{''.join(_element(k, v) for k, v in fields.items())}</xml>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, v) for v in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(k, v) for k, v in value.items())}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    text = str(value)
    inner = escape(text) if "]]>" in text else f"<![CDATA[{text}]]>"
    return f"<{name}>{inner}</{name}>"


def to_json(fields: Fields) -> str:
    """The JSON form: `List` loses its wrapper, one entry is an object, several an array; numbers are strings."""
    flat: Fields = {}
    for name, value in fields.items():
        if isinstance(value, dict) and set(value) == {"List"}:
            entries = [{k: str(v) for k, v in entry.items()} for entry in value["List"]]
            flat["List"] = entries[0] if len(entries) == 1 else entries
        else:
            flat[name] = value
    return json.dumps(flat, ensure_ascii=False)


def parse_xml(text: str | bytes) -> Fields | None:
    """One level of nesting kept as dicts, repeated names as lists. None when it is not XML."""
    try:
        root = ElementTree.fromstring(text)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    fields = _fields(root)
    return fields if isinstance(fields, dict) else {}


def _fields(element: Element) -> Fields | str:
    if len(element) == 0:
        return element.text or ""
    fields: Fields = {}
    for child in element:
        value = _fields(child)
        if child.tag in fields:
            before = fields[child.tag]
            fields[child.tag] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            fields[child.tag] = value
    return fields
