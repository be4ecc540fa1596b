"""What a file is, told from its content."""

import io
import os
import zipfile

import pytest
from PIL import Image

from libs.objects.sniff import EMPTY, OFFICE, PREFIX_BYTES, UNKNOWN, content_type
from services.ingest.settings import DEFAULT_TYPES
from tests.support import documents, files


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return out.getvalue()


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


HONEST = {
    "a.pdf": (files.pdf(), "application/pdf"),
    "locked.pdf": (files.pdf(password="secret"), "application/pdf"),
    "a.docx": (files.docx(), f"{OFFICE}.wordprocessingml.document"),
    "a.xlsx": (files.xlsx(), f"{OFFICE}.spreadsheetml.sheet"),
    "a.pptx": (files.pptx(), f"{OFFICE}.presentationml.presentation"),
    "a.odt": (files.odt(), "application/vnd.oasis.opendocument.text"),
    "a.ods": (documents.opendocument("spreadsheet", ""), "application/vnd.oasis.opendocument.spreadsheet"),
    "a.odp": (documents.opendocument("presentation", ""), "application/vnd.oasis.opendocument.presentation"),
    "a.epub": (documents.epub(), "application/epub+zip"),
    "a.zip": (archive("notes.txt", "word/notes.txt"), "application/zip"),
    "docx in.zip": (documents.packed(("a.docx", files.docx())), "application/zip"),
    "a.msg": (documents.outlook(), "application/vnd.ms-outlook"),
    "a.doc": (documents.storage({"WordDocument": bytes(5000)}), "application/msword"),
    "a.xls": (documents.storage({"Workbook": bytes(5000)}), "application/vnd.ms-excel"),
    "a.ppt": (documents.storage({"PowerPoint Document": bytes(5000)}), "application/vnd.ms-powerpoint"),
    "locked.docx": (
        documents.storage({"EncryptionInfo": bytes(5000), "EncryptedPackage": bytes(5000)}),
        "application/encrypted",
    ),
    "other.ole": (documents.storage({"Contents": bytes(5000)}), "application/x-ole-storage"),
    "a.rtf": (files.rtf(), "application/rtf"),
    "a.html": (files.html(), "text/html"),
    "a.eml": (files.eml(), "message/rfc822"),
    "a.png": (picture("PNG"), "image/png"),
    "a.jpg": (picture("JPEG"), "image/jpeg"),
    "a.gif": (picture("GIF"), "image/gif"),
    "a.tif": (picture("TIFF"), "image/tiff"),
    "a.webp": (picture("WEBP"), "image/webp"),
    "a.bmp": (picture("BMP"), "image/bmp"),
    "a.avif": (picture("AVIF"), "image/avif"),
    "a.heic": (documents.heic("x"), "image/heic"),
    "page.xhtml": (b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html/>', "text/html"),
    "mbox.eml": (b"From ada Wed May  6\nFrom: ada@example.org\nSubject: x\n\nText", "message/rfc822"),
    "a.txt": (b"Plain text\nwith lines\n", "text/plain"),
    "a.csv": (b"a;b\n1;2\n", "text/csv"),
    "a.md": (b"# Title\n", "text/markdown"),
    "a.json": (b'{"a": 1}', "application/json"),
    "empty.pdf": (b"", EMPTY),
    "utf8.txt": ("Größe 山".encode(), "text/plain"),
    "bom.txt": ("Größe".encode("utf-8-sig"), "text/plain"),
    "latin.txt": ("Größe".encode("latin-1"), "text/plain"),
    "utf16.txt": ("Größe und mehr".encode("utf-16"), "text/plain"),
    "utf16be.txt": ("Größe und noch viel mehr Text".encode("utf-16-be"), "text/plain"),
    "russian.txt": ("Пришлите счёт за ремонт\n".encode("utf-16-le") * 4, "text/plain"),
    "japanese.txt": ("灯台のランプの修理の見積もりをお願いします。\n".encode("utf-16-be") * 4, "text/plain"),
    "no ending": (b"Just words", "text/plain"),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_file_is_what_it_is(name: str) -> None:
    content, expected = HONEST[name]
    assert content_type(content[:PREFIX_BYTES], name) == expected
    assert expected in DEFAULT_TYPES


@pytest.mark.parametrize("name", [name for name in HONEST if name.rpartition(".")[2] not in ("csv", "md", "json")])
@pytest.mark.parametrize("claimed", ["picture.png", "report.pdf", "PAGE.TXT", "noending"])
def test_another_name_changes_nothing(name: str, claimed: str) -> None:
    content, expected = HONEST[name]
    assert content_type(content[:PREFIX_BYTES], claimed) == expected


HOSTILE = {
    "program.pdf": b"MZ\x90\x00\x03" + bytes(500),
    "program.txt": b"\x7fELF\x02\x01\x01" + bytes(500),
    "script.txt": b"#!/usr/bin/env python\nprint()\n",
    "drawing.svg": b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "drawing.txt": b"<SVG onload=alert(1)>",
    "drawing.html": b"<!doctype html><svg onload=alert(1)>",
    "app.jar": archive("META-INF/MANIFEST.MF", "Main.class"),
    "old.gz": b"\x1f\x8b\x08\x00" + bytes(100),
    "old.rar": b"Rar!\x1a\x07\x00" + bytes(100),
    "old.7z": b"7z\xbc\xaf\x27\x1c" + bytes(100),
    "noise.txt": bytes(range(256)) * 4,
    "zeros.txt": bytes(1000),
    "film.mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(100),
    "class.txt": b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_on_the_list_is_not_taken_for_something_that_is(name: str) -> None:
    assert content_type(HOSTILE[name], name) not in DEFAULT_TYPES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "Ada", "list": [1, 2]}', "application/json"),
        ('[{"a": 1},\n {"a": 2}]', "application/json"),
        ("[" * 100_000 + "]" * 100_000, "application/json"),
        ("[1] The first note\n[2] The second", "text/plain"),
        ("{not json}", "text/plain"),
        ("name,city,age\nAda,London,36\nGrace,New York,85\n", "text/csv"),
        ('a;b\n1;"x;\ny"\n2;3\n4;5\n6;7\n', "text/csv"),
        ("Dear Ada, dear Grace, hello\nthis, that, and more\nwords, words, words\n", "text/plain"),
        ("# Title\n\nSome *text* with a [link](http://example.org)\n", "text/markdown"),
        ("# a comment\n\nsetting = 1\n", "text/plain"),
        ("<html><body>page", "text/html"),
        ("From: ada@example.org\nTo: x@example.org\nSubject: y\n\nText", "message/rfc822"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "noending", "a.pdf", "a.docx"])
def test_kinds_of_text_are_told_by_what_they_look_like(text: str, expected: str, name: str) -> None:
    assert content_type(text.encode()[:PREFIX_BYTES], name) == expected


def test_an_office_document_is_told_whatever_else_comes_first() -> None:
    with_picture_first = documents.packed(
        ("[Content_Types].xml", "<x/>"), ("docProps/thumbnail.jpeg", os.urandom(60_000)), ("word/document.xml", "<x/>")
    )
    assert content_type(with_picture_first[:PREFIX_BYTES], "a").endswith("wordprocessingml.document")


def test_a_workbook_is_told_when_its_sheets_come_first() -> None:
    workbook = documents.packed(
        ("docProps/app.xml", "<x/>"), ("xl/worksheets/sheet1.xml", os.urandom(70_000)), ("xl/workbook.xml", "<x/>")
    )
    assert content_type(workbook[:PREFIX_BYTES], "a").endswith("spreadsheetml.sheet")


def test_nothing_known_is_said_plainly() -> None:
    assert content_type(bytes(range(256)), "a.bin") == UNKNOWN


@pytest.mark.parametrize("cut", [1, 3, 7, 20, 100])
@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.png", "utf16.txt", "a.eml"])
def test_a_beginning_that_is_cut_anywhere_is_no_error(name: str, cut: int) -> None:
    assert content_type(HONEST[name][0][:cut], name)
