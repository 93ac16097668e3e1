"""Every code that people may meet has a text in both languages, with the same parameters."""

import ast
import re
from pathlib import Path

import pytest

from huida.kernel import i18n

HERE = Path(i18n.__file__).resolve().parents[1]
CODE = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z0-9_]+)+")
PARAM = re.compile(r"{(\w+)}")


def codes_in(source: str) -> set[str]:
    """The dotted texts given as `code=…`, also inside a choice, and as a class's `code = …`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        value = value_of_code(node)
        if value is None or isinstance(value, ast.JoinedStr):
            continue
        for part in ast.walk(value):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
                found.add(part.value)
    return found


def value_of_code(node: ast.AST) -> ast.expr | None:
    """What is given to `code`, as an argument or by assignment."""
    match node:
        case ast.keyword(arg="code", value=value) | ast.Assign(targets=[ast.Name(id="code")], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(id="code"), value=value):
            return value
        case _:
            return None


def all_codes() -> set[str]:
    return set().union(*(codes_in(path.read_text("utf-8")) for path in HERE.rglob("*.py")))


def test_the_search_sees_codes() -> None:
    source = 'class A:\n    code = "a.b"\nraise X(code="c.d" if y else "e.f_g", where="no.code")'
    assert codes_in(source) == {"a.b", "c.d", "e.f_g"}


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_code_has_a_text(language: str) -> None:
    assert sorted(all_codes() - i18n.catalogue(language).keys()) == []


def test_both_languages_have_the_same_codes_and_parameters() -> None:
    chinese, english = i18n.catalogue("zh-CN"), i18n.catalogue("en")
    assert chinese.keys() == english.keys()
    differ = [code for code in chinese if set(PARAM.findall(chinese[code])) != set(PARAM.findall(english[code]))]
    assert differ == []


def test_chinese_texts_are_chinese_and_english_ones_are_not() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    assert [code for code, text in i18n.catalogue("zh-CN").items() if not han.search(text)] == []
    assert [code for code, text in i18n.catalogue("en").items() if han.search(text)] == []
