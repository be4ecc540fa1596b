"""The override with Silo: what Compose makes of it, and that its policies give what the table gives."""

import json
from fnmatch import fnmatchcase

from letterbox import silo
from letterbox.local.home import REPOSITORY
from libs.rights import rights
from tests.support.compose_file import configuration

PREFIXES = ("originals", "found", "text", "preview", "rules", "elsewhere")
ASKED = {"read": "s3:GetObject", "write": "s3:PutObject"}


def allowed(identity: str, action: str, resource: str) -> bool:
    policy = json.loads((REPOSITORY / f"deploy/silo/letterbox-{identity}.json").read_text())
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
    return any(
        action in statement["Action"] and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in policy["Statement"]
    )


def test_each_policy_allows_what_the_table_gives_and_nothing_else() -> None:
    bucket = f"arn:aws:s3:::{silo.BUCKET}"
    for identity, given in rights("objects").items():
        if identity == silo.ROOT:
            continue
        for prefix in PREFIXES:
            may = {verb for name in ("*", prefix) for verb in given.get(name, [])}
            for verb, action in ASKED.items():
                assert allowed(identity, action, f"{bucket}/{prefix}/1/2") == (verb in may), (identity, prefix, verb)
                assert not allowed(identity, action, f"{bucket}2/{prefix}/1/2")
        assert allowed(identity, "s3:ListBucket", bucket) == ("list" in given.get("*", []))
        assert not allowed(identity, "s3:DeleteBucket", bucket)


def test_compose_puts_silo_and_its_users_in_seaweedfs_place() -> None:
    services = configuration("docker-compose.yml", "deploy/compose/silo.yml", LETTERBOX_SILO_CLIENT="exact")["services"]
    store, users = services["object-store"], services["object-store-users"]
    assert store["image"].startswith("pgsty/silo:RELEASE.")
    assert [secret["source"] for secret in store["secrets"]] == ["s3-operator"]
    assert store["cap_drop"] == users["cap_drop"] == ["ALL"]
    assert store["read_only"]
    assert users["read_only"]
    for name in ("provision", "ingest", "storage", "indexer", "search", "operator"):
        assert services[name]["environment"]["LETTERBOX_S3_ENDPOINT_URL"] == "http://object-store:9000", name
    given = {secret["source"] for secret in users["secrets"]}
    assert given == {f"s3-{identity}" for identity in rights("objects")}
    assert "object-store-console" not in services
