"""Samples made here, for what other authors' files do not show."""

from tests.corpus import made
from tests.corpus.samples import EASY, HARD, USUAL, Sample
from tests.support import files

WORDS = "Lighthouse harbour"
SENTENCE = files.SENTENCE

PDFS = (
    Sample(
        "report.pdf", "PDF, text", EASY, pages={1: "The lantern is dark.", 2: "The keeper has left."},
        title="Lantern report", make=made.report_pdf,
    ),
    Sample("scan.pdf", "PDF, scanned", EASY, (WORDS,), make=lambda: files.scanned_pdf(WORDS)),
    Sample(
        "text and scan.pdf", "PDF, mixed", EASY, pages={1: "The lantern is dark.", 2: WORDS},
        make=lambda: made.mixed_pdf("The lantern is dark.", WORDS),
    ),
    Sample("scan and text.pdf", "PDF, mixed", USUAL, pages={2: "The keeper has left."}, make=made.scan_first_pdf),
    Sample("turned.pdf", "PDF, rotated", EASY, (SENTENCE,), make=lambda: made.rotated_pdf(90)),
    Sample("turned scan.pdf", "PDF, rotated", USUAL, ("winding stair",), make=lambda: made.rotated_scan_pdf(90)),
    Sample("filled form.pdf", "PDF, form", HARD, ("Keeper", "Grace Darling"), make=made.form_pdf),
    Sample(
        "with invoice.pdf", "PDF, attachment", USUAL, (SENTENCE,), members=("invoice.txt",), make=made.attachment_pdf
    ),
    Sample("locked.pdf", "PDF, protected", EASY, fails="encrypted", make=lambda: files.pdf(password="secret")),
)  # fmt: skip

OFFICE = (
    Sample("letter.docx", "DOCX", EASY, (SENTENCE,), title="Lantern letter", language="en", make=made.letter_docx),
    Sample("table.docx", "DOCX", USUAL, ("Fresnel lens", "1250"), make=made.table_docx),
    Sample("sheet.xlsx", "XLSX", EASY, (SENTENCE, "1250"), make=files.xlsx),
    Sample("deck.pptx", "PPTX", EASY, (SENTENCE,), make=files.pptx),
    Sample("letter.odt", "ODT", EASY, (SENTENCE,), language="en", make=files.odt),
    Sample("titled.odt", "ODT", USUAL, (SENTENCE,), title="Lantern letter", make=made.titled_odt),
    Sample("costs.ods", "ODS", EASY, ("Fresnel lens", "1250"), make=made.ods),
    Sample("talk.odp", "ODP", EASY, (SENTENCE,), make=made.odp),
    Sample("note.rtf", "RTF", EASY, (SENTENCE,), language="en", make=files.rtf),
    Sample("umlauts.rtf", "RTF", USUAL, ("Grüße aus Zürich",), language="de", make=made.umlaut_rtf),
    Sample("titled.rtf", "RTF", USUAL, (SENTENCE,), title="Lantern letter", make=made.titled_rtf),
    Sample("cyrillic.rtf", "RTF", HARD, ("Маяк стоит на берегу моря",), language="ru", make=made.cyrillic_rtf),
    Sample("book.epub", "EPUB", EASY, (SENTENCE,), title="The keeper's book", language="en", make=made.epub),
    Sample(
        "chapters.epub", "EPUB", USUAL, ("first chapter of the lantern", "tenth chapter of the lantern"),
        title="The keeper's book", make=lambda: made.epub(chapters=10),
    ),
)  # fmt: skip

WEB_AND_MAIL = (
    Sample("page.html", "HTML", EASY, (SENTENCE,), title="Page", language="en", make=files.html),
    Sample(
        "scripts.html", "HTML", USUAL, ("The lantern is dark.",), ("stolenCookie", "color: red"), title="Lantern",
        make=made.scripted_html,
    ),
    Sample("umlauts.html", "HTML", USUAL, ("Grüße aus Zürich",), title="Grüße", language="de", make=made.latin_html),
    Sample("mail.eml", "EML", EASY, (SENTENCE,), title="Lantern", members=("bell.txt",), make=files.eml),
    Sample("encoded.eml", "EML", EASY, ("Grüße aus Zürich",), title="Grüße", language="de", make=made.encoded_eml),
    Sample("note.json", "JSON", EASY, ("harbour bell", "1250"), make=made.json_note),
    Sample("deep.json", "JSON", USUAL, ("innermost lantern",), make=made.nested_json),
    Sample("lines.json", "JSON", HARD, ("Grüße aus Zürich",), make=made.utf16_json),
    Sample("costs.csv", "CSV", EASY, ("Fresnel lens", "1250"), make=made.csv),
    Sample("costs german.csv", "CSV", HARD, ("Grüße aus Zürich", "1.250,00"), make=made.latin_csv),
    Sample("notes.md", "Markdown", EASY, (SENTENCE,), title="Lantern notes", language="en", make=made.markdown),
)  # fmt: skip

PICTURES = (
    Sample("words.png", "PNG", EASY, (WORDS,), make=lambda: files.image(WORDS)),
    Sample("page.png", "PNG", USUAL, ("winding stair",), language="en", make=lambda: made.page_image("PNG")),
    Sample("words.jpg", "JPEG", EASY, (WORDS,), make=lambda: files.image(WORDS, "JPEG")),
    Sample("page.jpg", "JPEG", USUAL, ("winding stair",), language="en", make=lambda: made.page_image("JPEG")),
    Sample("turned.jpg", "JPEG", HARD, ("winding stair",), make=lambda: made.page_image("JPEG", turned=90)),
    Sample("words.tiff", "TIFF", EASY, (WORDS,), make=lambda: files.image(WORDS, "TIFF")),
    Sample("pages.tiff", "TIFF", USUAL, pages={1: "first harbour", 2: "second harbour"}, make=made.two_page_tiff),
    Sample("words.webp", "WebP", EASY, (WORDS,), make=lambda: files.image(WORDS, "WEBP")),
    Sample("page.webp", "WebP", USUAL, ("winding stair",), make=lambda: made.page_image("WEBP")),
    Sample("words.heic", "HEIC", EASY, (WORDS,), make=lambda: made.heic(files.image(WORDS))),
    Sample("page.heic", "HEIC", USUAL, ("winding stair",), make=lambda: made.heic(made.page_image("PNG"))),
)

ARCHIVES = (
    Sample("papers.zip", "ZIP", EASY, members=("note.txt", "letter.docx"), make=made.papers_zip),
    Sample("folders.zip", "ZIP", USUAL, members=("2026/note.txt", "2026/costs.csv"), make=made.folders_zip),
    Sample("locked.zip", "ZIP", HARD, fails="encrypted", make=made.locked_zip),
)

OURS = (*PDFS, *OFFICE, *WEB_AND_MAIL, *PICTURES, *ARCHIVES)
