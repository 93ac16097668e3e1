"""What runs in the database is written down, and the writing is this version's."""

from huida.kernel import schema
from huida.kernel.embedded import EmbeddedPostgres
from tools.database_code import found


async def test_the_code_of_a_migrated_database_is_written_down(postgres: EmbeddedPostgres) -> None:
    assert schema.code_file().read_bytes() == await found(postgres.url), "stale: python tools/database_code.py"
    code = schema.known_code()[1]
    kinds = {name.split()[0] for name in code}
    assert {"function", "policy", "security", "check", "default", "extension"} <= kinds
    assert len([name for name in code if name.startswith("policy")]) > 50
