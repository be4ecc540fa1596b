"""Meilisearch's keys: one for each who uses it, with the actions it needs on our indexes and no other.

Meilisearch derives a key from its uid and the master key, so the files of the keys are written before the engine runs.
"""

import hashlib
import hmac
from uuid import UUID

from libs.rights import rights


def key_uid(user: str) -> str:
    """The uid of a user's key: always the same, and of the version that Meilisearch asks for."""
    return str(UUID(bytes=hashlib.sha256(f"letterbox/{user}".encode()).digest()[:16], version=4))


def key_of(user: str, master: str) -> str:
    """The key that Meilisearch makes for `user` under the master key."""
    return hmac.new(master.encode(), key_uid(user).encode(), hashlib.sha256).hexdigest()


async def prepare_keys(url: str, master: str) -> None:
    """Create each key that is not there; one whose rights are not those of the table is made anew."""
    import httpx2  # only where Meilisearch is used

    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {master}"}, timeout=10) as client:
        for user, wanted in rights("index").items():
            found = await client.get(f"/keys/{key_uid(user)}")
            if found.status_code == 200:
                if all(sorted(found.json()[name]) == sorted(value) for name, value in wanted.items()):
                    continue
                (await client.delete(f"/keys/{key_uid(user)}")).raise_for_status()
            key = {"uid": key_uid(user), "name": f"letterbox-{user}", "expiresAt": None, **wanted}
            (await client.post("/keys", json=key)).raise_for_status()
