"""The page `docs/rights.md`: who may do what, from the table that every server is set up by."""

import tomllib
from collections.abc import Callable

from libs.rights import EVERYTHING, TABLE, Rights

HEAD = """# Rights

Generated from [deploy/rights.toml](../deploy/rights.toml) by `make docs`; do not edit.

Every part has its own user on NATS, its own role in PostgreSQL, its own key for the object store and for Meilisearch,
with what it uses and nothing else. They are all made from that one table, for the local stack and for compose alike.
What is not in it is refused: `tests/contract/test_refused.py` asks the real servers for all of it.

`docker compose run --rm rights` (`letterbox prepare --check`) asks the servers what they give, and names each
difference: a right that was added by hand, a role that may more than its grants say, a key that nobody here made. It
changes nothing and exits with 1. `letterbox prepare` takes back what a role of the table was granted by hand.

Limits. The object store cannot part deleting from writing: who may write under a prefix may delete there, too. NATS
tells each user its own rights, so a user that was added by hand is found only in the configuration (it is generated:
`deploy/nats/nats.conf`). Who holds the secrets on the host holds all rights."""


def rights_page() -> str:
    """The page."""
    table: dict[str, dict[str, Rights]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    lines = [HEAD]
    for identity, servers in table.items():
        lines += ["", f"## {identity}", "", "| server | on | may |", "|---|---|---|"]
        for server, may in servers.items():
            lines += ROWS[server](may)
    return "\n".join(lines) + "\n"


def _nats(may: Rights) -> list[str]:
    return [f"| NATS | {_code(subjects)} | {verb} |" for verb, subjects in may.items()]


def _postgres(may: Rights) -> list[str]:
    whole = "the schema"
    return [f"| PostgreSQL | {whole if one == EVERYTHING else _code([one])} | {_words(may[one])} |" for one in may]


def _objects(may: Rights) -> list[str]:
    whole = "the bucket"
    return [
        f"| object store | {whole if one == EVERYTHING else _code([one + '/'])} | {_words(may[one])} |" for one in may
    ]


def _index(may: Rights) -> list[str]:
    return [f"| Meilisearch | {_code(may['indexes'])} | {_code(may['actions'])} |"]


def _code(words: list[str]) -> str:
    return "<br>".join(f"`{word}`" for word in words)


def _words(verbs: list[str]) -> str:
    return ", ".join(verb.lower() for verb in verbs)


ROWS: dict[str, Callable[[Rights], list[str]]] = {
    "nats": _nats,
    "postgres": _postgres,
    "objects": _objects,
    "index": _index,
}
