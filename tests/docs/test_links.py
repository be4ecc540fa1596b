"""Every link in the documents leads somewhere, and every page can be reached from docs/index.md."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from letterbox.local.home import REPOSITORY
from tests.docs.pages import FOLDERS, paths

FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#* *$", re.MULTILINE)
ELSEWHERE = re.compile(r"^(https?|mailto):")
PAGES = [*paths(), REPOSITORY / "CHANGELOG.md"]
START = REPOSITORY / "docs/index.md"


def links(page: Path) -> list[str]:
    """Where the links of a page go, but for those to other sites."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    return [target for target in LINK.findall(text) if not ELSEWHERE.match(target)]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def target_of(page: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor that a link on `page` names."""
    path, _, anchor = unquote(link).partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


def test_the_documents_have_links() -> None:
    assert sum(len(links(page)) for page in PAGES) > 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_every_link_and_anchor_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        file, anchor = target_of(page, link)
        assert file.exists(), f"{link}: there is no such file"
        assert file.is_relative_to(REPOSITORY), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(file), f"{link}: there is no such heading"


def reached_from(page: Path) -> set[Path]:
    """The pages that a page leads to; a link to a folder shows the list of what is in it."""
    targets = {target_of(page, link)[0] for link in links(page)}
    listed = {file for target in targets if target.is_dir() for file in target.glob("*.md")}
    return {target for target in targets | listed if target.suffix == ".md" and target.is_file()}


def test_every_page_can_be_reached_from_the_index() -> None:
    seen, open_ones = {START}, [START]
    while open_ones:
        further = reached_from(open_ones.pop()) - seen
        seen |= further
        open_ones += further
    all_pages = {path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.md")}
    lost = sorted(path.relative_to(REPOSITORY).as_posix() for path in all_pages - seen)
    assert not lost, f"no page leads to these: {', '.join(lost)}"


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("3. The mails", "3-the-mails"), ("`letterbox verify`, and more", "letterbox-verify-and-more"), ("Äh?", "äh")],
)
def test_headings_are_named_as_readers_see_them(tmp_path: Path, heading: str, anchor: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# {heading}\n\n```sh\n# not a heading\n```\n## {heading}\n", encoding="utf-8")
    assert anchors(page) == {anchor, f"{anchor}-1"}
