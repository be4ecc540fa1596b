"""`deploy/cluster/compose.yml` in containers: each of three nodes of NATS dies in turn, and visitors go on."""

import json
import time
from collections.abc import Iterator

import pytest

from letterbox.nats_configuration import NODES
from tests.compose import images
from tests.compose.project import FILES, WAIT_SECONDS, Project, project
from tests.support.visitor import fresh_key, good

pytestmark = pytest.mark.timeout(900)

PARTS = (*NODES, "object-store", "ingest")
"""What takes a submission; the rest of the system is the same with one node or three."""
ASK = """
import json, sys, urllib.error, urllib.request
method, path, key, body = sys.argv[1:]
headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": key}
request = urllib.request.Request("http://127.0.0.1:8000" + path, body.encode() or None, headers, method=method)
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        print(json.dumps([answer.status, json.load(answer)]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, {}]))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Project]:
    reason = images.missing()
    if reason:
        pytest.skip(reason)
    images.build()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.compose.project.FILES", (*FILES, "deploy/cluster/compose.yml"))
        with project() as running:
            wait = ("--no-build", "--pull", "never", "--wait", "--wait-timeout", str(WAIT_SECONDS))
            try:
                running.compose("up", "--detach", *wait, *PARTS)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{running.log('provision')}") from None
            yield running


def ask(cluster: Project, method: str, path: str, key: str = "", body: str = "") -> tuple[int, dict[str, str]]:
    """A request to ingest from where it runs: nothing of this project is published."""
    said = cluster.compose("exec", "-T", "ingest", "/app/bin/python", "-I", "-c", ASK, method, path, key, body)
    status, answer = json.loads(said)
    return status, answer


def accepted(cluster: Project, message: str) -> str:
    """The id of a submission, sent again with its key until it is taken."""
    key, until = fresh_key(), time.monotonic() + WAIT_SECONDS
    while True:
        status, answer = ask(cluster, "POST", "/contact", key, json.dumps(good({"message": message})))
        if status == 202:
            return answer["id"]
        assert status == 503
        assert time.monotonic() < until


def test_visitors_go_on_while_each_node_dies_in_turn(cluster: Project) -> None:
    ids = [accepted(cluster, "Before.")]
    for node in NODES:
        cluster.kill(node)
        ids.append(accepted(cluster, f"Without {node}."))
        cluster.healthy(NODES)
    assert len(set(ids)) == len(NODES) + 1
    for one in ids:
        status, journey = ask(cluster, "GET", f"/contact/{one}")
        assert (status, journey["id"]) == (200, one)
