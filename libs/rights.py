"""Who may do what: the one table, `deploy/rights.toml`, from which every server's users, grants and keys are made.

Needs nothing but Python: `letterbox setup` reads it on hosts that have no packages.
"""

import tomllib
from pathlib import Path
from typing import Literal

TABLE = Path(__file__).resolve().parent.parent / "deploy" / "rights.toml"
EVERYTHING = "*"
"""Instead of one prefix or one table."""
OWNER, MEMBER = "OWNER", "MEMBER"
"""Not verbs of SQL: who owns the schema, and who is in a role that PostgreSQL brings."""
Rights = dict[str, list[str]]


def rights(server: Literal["nats", "postgres", "objects", "index"]) -> dict[str, Rights]:
    """What the table gives on one server, by identity: lists of subjects, of verbs, or of actions and indexes."""
    table: dict[str, dict[str, Rights]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {identity: given[server] for identity, given in table.items() if server in given}
