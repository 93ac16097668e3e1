"""What a database has besides tables and rows: functions, triggers, policies, rules of columns. They run with our rights,
so `doctor` compares them with this version's, which `migrations/code.json` holds (R-08)."""

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec

from huida.kernel import migrate

CODE: Final = """
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
  concat_ws(E'\\n', l.lanname, p.prosecdef, p.provolatile, p.proconfig, pg_get_function_result(p.oid), p.prosrc) AS text
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger ' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid) || t.tgenabled::text FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition WHERE NOT t.tgisinternal
UNION ALL
SELECT 'event trigger ' || evtname, evtevent || evtfoid::regproc::text || evtenabled::text FROM pg_event_trigger
UNION ALL
SELECT 'policy ' || c.relname || '.' || p.polname, concat_ws(E'\\n', p.polcmd, p.polpermissive,
  ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY(p.polroles) ORDER BY 1),
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'security ' || relname, concat_ws(' ', relrowsecurity, relforcerowsecurity) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
UNION ALL
SELECT 'rule ' || c.relname || '.' || r.rulename, pg_get_ruledef(r.oid) FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'default ' || c.relname || '.' || a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
UNION ALL
SELECT 'check ' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid) || k.convalidated::text FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition WHERE k.contype = 'c'
UNION ALL
SELECT 'extension ' || extname, '' FROM pg_extension
"""


async def code_of(sql: Any) -> dict[str, str]:
    """Everything of this database that runs or decides, by kind and name; each with the digest of its text."""
    return {
        row["name"]: hashlib.sha256(row["text"].encode()).hexdigest()[:16]
        for row in sorted(await sql.fetch(CODE), key=lambda row: row["name"])
    }


def code_file() -> Path:
    """Where this version's code of the database is written down."""
    return Path(migrate.folder()) / "code.json"


def known_code() -> tuple[int, dict[str, str]]:
    """PostgreSQL's major version with which it was written down, and the code."""
    known = msgspec.json.decode(code_file().read_bytes(), type=_Known)
    return known.postgresql, known.code


class _Known(msgspec.Struct):
    postgresql: int
    code: dict[str, str]


def differing(found: dict[str, str], known: dict[str, str]) -> list[str]:
    """The names of what was added, changed or is gone."""
    return sorted(name for name in found.keys() | known.keys() if found.get(name) != known.get(name))
