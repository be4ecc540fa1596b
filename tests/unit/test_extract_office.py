"""Office documents: pages, sheets and slides, what is around the text, and what they say of themselves."""

import pytest

from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import documents, files

OFFICE = "application/vnd.openxmlformats-officedocument"
WORD, SHEET, SLIDES = (
    f"{OFFICE}.{kind}" for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
OPENDOCUMENT = "application/vnd.oasis.opendocument"
ABOUT = (documents.TITLE, documents.AUTHOR, "2026-05-06T10:15:00")


async def test_a_word_document_has_pages_headers_footers_and_tables(reader: Sandbox) -> None:
    extracted = await reader.read(documents.docx(), WORD, Limits())
    assert extracted.pages == (
        f"Lighthouse company\nOffer\n{files.SENTENCE}\nItem\tPrice\nLantern\t1250",
        "Terms on the second page\nHarbour bank account",
    )
    assert (extracted.title, extracted.author) == ABOUT[:2]
    assert (extracted.created, extracted.modified) == ("2026-05-06T10:15:00+00:00", "2026-05-07T08:30:00+00:00")


async def test_a_word_document_that_is_only_a_scan_is_read_by_ocr(reader: Sandbox) -> None:
    extracted = await reader.read(documents.docx_of_picture("Harbour scan"), WORD, Limits())
    assert extracted.pages == ("Harbour scan",)
    assert extracted.route[:2] == ("own parts: given up, no_text", "pictures: recovered")


async def test_a_text_box_that_is_written_twice_for_older_programs_is_read_once(reader: Sandbox) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    paragraph = "<w:p><w:r><w:t>boxed</w:t></w:r></w:p>"
    alternatives = f"<mc:Choice>{paragraph}</mc:Choice><mc:Fallback>{paragraph}</mc:Fallback>"
    box = f"<mc:AlternateContent>{alternatives}</mc:AlternateContent>"
    body = f"<w:document {w} {mc}><w:body>{box}</w:body></w:document>"
    extracted = await reader.read(documents.packed(("word/document.xml", body)), WORD, Limits())
    assert extracted.pages == ("boxed",)


async def test_a_workbook_is_read_sheet_by_sheet_as_people_see_it(reader: Sandbox) -> None:
    extracted = await reader.read(documents.xlsx(), SHEET, Limits())
    assert extracted.pages == (
        "Prices\nLantern\t1250\t2026-05-06\t0.3\ttrue\nAsk for a discount",
        "Dates\n2026-05-06 10:15:00\nfar away",
        "",
    )
    assert (extracted.title, extracted.author, extracted.page_count) == (*ABOUT[:2], 3)


async def test_a_presentation_is_read_slide_by_slide_with_its_notes_and_charts(reader: Sandbox) -> None:
    extracted = await reader.read(documents.pptx(), SLIDES, Limits())
    assert extracted.pages == (
        "Lantern\nAbout the lantern\nSpeak slowly",
        "Harbour\nAbout the harbour\nVisitors, Spring, Autumn, 4, 7",
    )
    assert (extracted.title, extracted.author, extracted.created) == (*ABOUT[:2], "2026-05-06T10:15:00+00:00")


@pytest.mark.parametrize(
    ("kind", "body", "pages"),
    [
        (
            "text",
            "<text:h>Head</text:h><text:p>One<text:s text:c='2'/>two <text:span>three</text:span> four</text:p>"
            "<text:p>Second<text:soft-page-break/> page</text:p>",
            ("Head\nOne  two three four\nSecond", "page\nHarbour bank account"),
        ),
        (
            "spreadsheet",
            "<table:table table:name='Prices'><table:table-row><table:table-cell><text:p>Lantern</text:p>"
            "</table:table-cell><table:table-cell table:number-columns-repeated='16000'/><table:table-cell>"
            "<text:p>1250</text:p></table:table-cell></table:table-row></table:table>"
            "<table:table table:name='More'><table:table-row table:number-rows-repeated='1000000'><table:table-cell>"
            "<text:p>x</text:p></table:table-cell></table:table-row></table:table>",
            ("Prices\nLantern\t1250", "More\nx\nHarbour bank account"),
        ),
        (
            "presentation",
            "<draw:page><text:p>First slide</text:p><presentation:notes><text:p>Slowly</text:p></presentation:notes>"
            "</draw:page><draw:page><text:p>Second slide</text:p></draw:page>",
            ("First slide\nSlowly", "Second slide\nHarbour bank account"),
        ),
    ],
    ids=["odt", "ods", "odp"],
)
async def test_opendocument_has_pages_too(reader: Sandbox, kind: str, body: str, pages: tuple[str, ...]) -> None:
    extracted = await reader.read(documents.opendocument(kind, body), f"{OPENDOCUMENT}.{kind}", Limits())
    assert tuple(page.strip() for page in extracted.pages) == pages
    assert (extracted.title, extracted.author, extracted.created) == ABOUT
    assert extracted.modified == "2026-05-07T08:30:00"


async def test_a_book_is_read_chapter_by_chapter_in_the_order_of_reading(reader: Sandbox) -> None:
    extracted = await reader.read(documents.epub(), "application/epub+zip", Limits())
    assert extracted.pages == ("The first chapter", "The second chapter")
    assert (extracted.title, extracted.author, extracted.created) == (*ABOUT[:2], "2026-05-06T00:00:00")


async def test_rich_text_is_read_in_the_encodings_of_its_fonts(reader: Sandbox) -> None:
    content = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial Cyr;}}{\info{\title Gr\'f6\'dfe}"
        rb"{\author Ada Lovelace}{\creatim\yr2026\mo5\dy6\hr10\min15}}{\*\generator Hidden;}\f0 Gr\'fc\'dfe \u8364?"
        rb" aus\par Z\'fcrich {\f1 \'cf\'f0\'e8\'e2\'e5\'f2} \u-10179?\u-8704?\page Two\tab three\par}"
    )
    extracted = await reader.read(content, "application/rtf", Limits())
    assert extracted.pages == ("Grüße € aus\nZürich Привет 😀", "Two\tthree")
    assert (extracted.title, *ABOUT[1:]) == ("Größe", extracted.author, extracted.created)


async def test_a_page_is_read_without_its_scripts(reader: Sandbox) -> None:
    source = (
        '<html><head><meta charset="iso-8859-1"><title>Größe</title><meta name="author" content="Ada Lovelace">'
        "<style>p {color: red}</style></head><body><script>alert('no')</script><h1>Straße</h1><p>One<br>two&nbsp;&amp;"
        "</p><table><tr><td>a</td><td>b</td></tr></table><noscript>shown</noscript></body></html>"
    )
    extracted = await reader.read(source.encode("cp1252"), "text/html", Limits())
    assert " ".join(extracted.pages[0].split()) == "Straße One two & a b shown"
    assert (extracted.title, extracted.author) == ("Größe", "Ada Lovelace")


@pytest.mark.parametrize(
    "declaration",
    ['<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>', '<!DOCTYPE x SYSTEM "file:///etc/passwd">'],
    ids=["entities", "file"],
)
async def test_a_part_that_declares_entities_is_not_read_by_us(reader: Sandbox, declaration: str) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = f"{declaration}<w:document {w}><w:body><w:p><w:r><w:t>read</w:t></w:r></w:p></w:body></w:document>"
    package = documents.packed(("[Content_Types].xml", "<x/>"), ("word/document.xml", body))
    extracted = await reader.read(package, WORD, Limits())
    assert extracted.route[0] == "own parts: given up, broken"
    assert "aaaa" not in extracted.pages[0]


async def test_deep_nesting_is_no_danger(reader: Sandbox) -> None:
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = f"<w:document {w}>" + "<w:p>" * 100_000 + "<w:t>deep</w:t>" + "</w:p>" * 100_000 + "</w:document>"
    package = documents.packed(("[Content_Types].xml", "<x/>"), ("word/document.xml", body))
    assert (await reader.read(package, WORD, Limits())).pages == ("deep",)


@pytest.mark.parametrize(
    ("streams", "content_type"),
    [
        ({"WordDocument": bytes(11) + b"\x01" + bytes(5000)}, "application/msword"),
        ({"PowerPoint Document": bytes(5000), "EncryptedSummary": bytes(50)}, "application/vnd.ms-powerpoint"),
        ({"EncryptionInfo": bytes(50), "EncryptedPackage": bytes(5000)}, "application/x-ole-storage"),
    ],
    ids=["doc", "ppt", "docx"],
)
async def test_an_older_document_with_a_password_says_so(
    reader: Sandbox, streams: dict[str, bytes], content_type: str
) -> None:
    with pytest.raises(Unreadable) as refusal:
        await reader.read(documents.storage(streams), content_type, Limits())
    assert refusal.value.reason == "encrypted"
