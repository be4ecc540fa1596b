"""The rights of deploy/rights.toml as policies of MinIO and its forks, one for each S3 key: deploy/compose/silo.yml."""

import json

from letterbox.local.objects import access_key
from libs.rights import EVERYTHING, rights

BUCKET = "pretamane-data"
ROOT = "operator"
"""Has the store's first user instead of a policy."""
ON_OBJECTS = {
    "read": ["s3:GetObject"],
    # The table gives what the default store can part: who may write may delete, too.
    "write": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
}


def policies() -> dict[str, str]:
    """Each identity's policy by its file in deploy/silo/."""
    return {
        f"deploy/silo/{access_key(identity)}.json": json.dumps(_policy(given), indent=2) + "\n"
        for identity, given in rights("objects").items()
        if identity != ROOT
    }


def _policy(given: dict[str, list[str]]) -> dict[str, object]:
    statements: list[dict[str, object]] = []
    for prefix, verbs in given.items():
        actions = [action for verb in verbs for action in ON_OBJECTS.get(verb, [])]
        if actions:
            place = f"{BUCKET}/*" if prefix == EVERYTHING else f"{BUCKET}/{prefix}/*"
            statements.append({"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{place}"]})
        if "list" in verbs:
            whole = [f"arn:aws:s3:::{BUCKET}"]
            statements.append({"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": whole})
        if unknown := set(verbs) - {"read", "write", "list"}:
            raise ValueError(f"no policy says {', '.join(sorted(unknown))} on {prefix}")
    return {"Version": "2012-10-17", "Statement": statements}
