"""Event and message bodies as WeChat writes them: XML with CDATA, or JSON (reference §1.5, §3.7)."""

from __future__ import annotations

import json
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

Fields = dict[str, Any]
Controls = Literal["usual", "raw", "escaped"]
"""How control characters are written. XML forbids them in any form: WeChat leaves them raw in CDATA, `escaped` makes them
character references. JSON has escapes for them, which `raw` leaves out. `usual` is raw in XML and escaped in JSON."""
_CONTROLS = {code: chr(0xF0000 + code) for code in range(0x20)}  # private letters that stand for them meanwhile
_BACK = {ord(letter): chr(code) for code, letter in _CONTROLS.items()}
_REFERENCES = {code: f"&#{code};" for code in range(0x20)}


def to_xml(fields: Fields, controls: Controls = "usual") -> str:
    """<xml>…</xml>: text in CDATA, numbers bare, dicts nested, lists as repeated elements."""
    return f"<xml>{''.join(_element(k, v, controls) for k, v in fields.items())}</xml>"


def _element(name: str, value: Any, controls: Controls) -> str:
    if isinstance(value, list):
        return "".join(_element(name, v, controls) for v in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(k, v, controls) for k, v in value.items())}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    text = str(value)
    if controls == "escaped" and any(ord(letter) in _REFERENCES for letter in text):
        return f"<{name}>{escape(text).translate(_REFERENCES)}</{name}>"
    inner = escape(text) if "]]>" in text else f"<![CDATA[{text}]]>"
    return f"<{name}>{inner}</{name}>"


def to_json(fields: Fields, controls: Controls = "usual") -> str:
    """The JSON form: `List` loses its wrapper, one entry is an object, several an array; numbers are strings."""
    flat: Fields = {}
    for name, value in fields.items():
        if isinstance(value, dict) and set(value) == {"List"}:
            entries = [{k: str(v) for k, v in entry.items()} for entry in value["List"]]
            flat["List"] = entries[0] if len(entries) == 1 else entries
        else:
            flat[name] = value
    return written(flat, controls)


def written(value: Any, controls: Controls = "usual") -> str:
    """Any value as JSON; with `raw` no JSON reader has to take it."""
    if controls != "raw":
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(_translated(value, _CONTROLS), ensure_ascii=False).translate(_BACK)


def _translated(value: Any, table: dict[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, dict):
        return {name: _translated(one, table) for name, one in value.items()}
    return [_translated(one, table) for one in value] if isinstance(value, list) else value


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
