"""Names of files: whatever was claimed, what is shown is one plain component."""

import pytest

from libs.objects.filenames import MOST_CHARACTERS, display_name, within


@pytest.mark.parametrize("name", ["report.pdf", "Übersicht 2026.pdf", "年次報告.docx", "a-b_c(1).tar.gz", "🐙.png"])
def test_an_honest_name_stays(name: str) -> None:
    assert display_name(name) == name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\Ada\\cv.pdf", "cv.pdf"),
        ("/absolute/cv.pdf", "cv.pdf"),
        ("folder/", "file"),
        ("a/..", "file"),
        ("a\x00b.pdf", "a b.pdf"),
        ("a\r\nb.pdf", "a b.pdf"),
        ("a\tb\x7f.pdf", "a b .pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066a\u2069\u200b\ufeff.pdf", "a.pdf"),
        ("\u061ca\u200f.pdf", "a.pdf"),
        ("half\ud800.pdf", "half .pdf"),
        ("  spaced   out .pdf ", "spaced out .pdf"),
        (".hidden", "hidden"),
        ("trailing...", "trailing"),
    ],
)
def test_a_misleading_name_becomes_plain(given: str, shown: str) -> None:
    assert display_name(given) == shown


@pytest.mark.parametrize("given", ["", ".", "..", "...", " ", "/", "\\", "\x00", "\u202e", ". . ."])
def test_of_a_name_with_nothing_in_it_a_word_remains(given: str) -> None:
    assert display_name(given) == "file"


def test_the_same_name_in_two_unicode_forms_is_one_name() -> None:
    assert display_name("Mu\u0308ller.pdf") == display_name("M\u00fcller.pdf")


@pytest.mark.parametrize("ending", [".pdf", "", "." + "e" * 400])
def test_a_name_of_4000_characters_is_cut_and_a_short_ending_stays(ending: str) -> None:
    shown = display_name("x" * 4000 + ending)
    assert len(shown) == MOST_CHARACTERS
    assert shown.endswith(ending[:16])


@pytest.mark.parametrize("given", ["a" * 300 + ". .pdf", "x" * 250 + " . ... .pdf", "/" * 5000, "a b" * 2000])
def test_whatever_is_shown_is_short_printable_and_no_path(given: str) -> None:
    shown = display_name(given)
    assert 0 < len(shown) <= MOST_CHARACTERS
    assert shown.isprintable()
    assert "/" not in shown
    assert "\\" not in shown
    assert shown == shown.strip()
    shown.encode()


@pytest.mark.parametrize("name", ["年" * 251 + ".pdf", "🐙" * 255, "a" * 255, "ü" * 300 + ".tar.gz", "x." + "é" * 400])
def test_a_name_is_cut_to_whole_characters_and_a_short_ending_stays(name: str) -> None:
    cut = within(name, 100)
    assert 90 < len(cut.encode()) <= 100
    assert cut[:10] == name[:10]
    assert not name.endswith(".pdf") or cut.endswith(".pdf")
    assert within(cut, 100) == cut
