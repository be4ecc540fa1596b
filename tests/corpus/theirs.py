"""Samples by other authors: the test files of packages that read or write documents."""

from functools import partial

from tests.corpus.samples import EASY, HARD, USUAL, Sample


def _of(origin: str, folder: str) -> "partial[Sample]":
    return partial(_sample, origin, folder)


def _sample(origin: str, folder: str, path: str, kind: str, difficulty: str, *finds: str, **known: object) -> Sample:
    name = str(known.pop("name", path.rpartition("/")[2]))
    return Sample(
        name=name, format=kind, difficulty=difficulty, finds=finds, origin=origin, path=f"{folder}{path}",
        **known,  # type: ignore[arg-type]
    )  # fmt: skip


_pypdf = _of("pypdf", "resources/")
_ocr = _of("ocrmypdf", "tests/resources/")
_docx = _of("python-docx", "features/steps/test_files/")
_pptx = _of("python-pptx", "features/steps/test_files/")
_xlsx = _of("xlsx2csv", "test/")
_odf = _of("odfpy", "")
_mail = _of("mail-parser", "tests/mails/")
_msg = _of("msg-parser", "tests/files/")
_text = _of("charset-normalizer", "data/")

PDFS = (
    _pypdf("crazyones.pdf", "PDF, text", EASY, "The misfits. The rebels. The troublemakers.", language="en"),
    _pypdf("metadata.pdf", "PDF, text", EASY, "Whatever", title="The Title"),
    _pypdf(
        "example.pdf", "PDF, text", USUAL, "Beautiful is better than ugly.", language="en", title="PDF Example Document"
    ),
    _pypdf("GeoBase_NHNC1_Data_Model_UML_EN.pdf", "PDF, text", USUAL, pages={1: "National Hydro Network"}),
    _pypdf("pdflatex-outline.pdf", "PDF, text", USUAL, pages={2: "Hello, here is some text without a meaning"}),
    _pypdf("multilang.pdf", "PDF, text", HARD, "Привет, мир", "你好世界", "Hello World"),
    _pypdf("issue-914-xmp-data.pdf", "PDF, text", HARD, "商品编码", "散称华联粉条", language="zh"),
    _pypdf("issue-604.pdf", "PDF, text", HARD, pages={1: "NCCN Guidelines"}, language="en"),
    _ocr("linn.pdf", "PDF, scanned", EASY, "32 Track MIDI Sequence Recorder", language="en"),
    _ocr("vector.pdf", "PDF, scanned", EASY, "text that should be used for OCR processing"),
    _ocr("c03-29.pdf", "PDF, scanned", USUAL, "old Miss Watson, on account of my clothes", language="en"),
    _ocr("jbig2.pdf", "PDF, scanned", USUAL, "32 Track MIDI Sequence Recorder", language="en"),
    _ocr("skew.pdf", "PDF, scanned", HARD, "32 Track MIDI Sequence Recorder", language="en"),
    _ocr("masks.pdf", "PDF, scanned", HARD, "Linux aus Wikipedia, der freien", language="de"),
    _ocr("francais.pdf", "PDF, scanned", HARD, "Portez ce vieux whisky au juge blond qui fume", language="fr"),
    _pypdf(
        "Seige_of_Vicksburg_Sample_OCR-crazyones-merged.pdf", "PDF, mixed", HARD,
        pages={1: "THE SIEGE OF VICKSBURG", 2: "The misfits. The rebels."}, language="en",
    ),
    _pypdf("indirect-rotation.pdf", "PDF, rotated", USUAL, "International Council of Containership Operators"),
    _pypdf("test Orient.pdf", "PDF, rotated", HARD, "from bottom up written", name="orientation.pdf"),
    _ocr("rotated_skew.pdf", "PDF, rotated", HARD, "32 Track MIDI Sequence Recorder", language="en"),
    _pypdf("pdflatex-forms.pdf", "PDF, form", EASY, "Name", "Submit"),
    _pypdf("libreoffice-form.pdf", "PDF, form", EASY, "Example for a Form", "Agree to privacy policy"),
    _pypdf("SF424_page2.pdf", "PDF, form", USUAL, "Type of Applicant 1: Select Applicant Type"),
    _pypdf("FormTestFromOo.pdf", "PDF, form", USUAL, "Text1 (single line)", "DropList"),
    _pypdf("libreoffice-writer-password.pdf", "PDF, protected", EASY, fails="encrypted"),
    _pypdf("encryption/r3-user-password.pdf", "PDF, protected", USUAL, fails="encrypted"),
    _pypdf("encryption/r6-cleartext-metadata.pdf", "PDF, protected", HARD, fails="encrypted"),
    _pypdf("encryption/r6-owner-password.pdf", "PDF, protected", HARD, "pdf encryption test"),
)  # fmt: skip

OFFICE = (
    _docx("par-hyperlinks.docx", "DOCX", EASY, "Three hyperlinks: the first one here, the second one", language="en"),
    _docx("run-char-style.docx", "DOCX", EASY, "Next run having Emphasis character style."),
    _docx("blk-paras-and-tables.docx", "DOCX", USUAL, "Text before Table Between Text after"),
    _docx("comments-rich-para.docx", "DOCX", USUAL, "Some text worthy of note.", "Text with hyperlink"),
    _docx("par-rendered-page-breaks.docx", "DOCX", HARD, "this hyperlink", "and another one here"),
    _docx("tbl-having-applied-style.docx", "DOCX", HARD, "and a hearty foo to you too sir!"),
    _docx("doc-default.docx", "DOCX", HARD, fails="no_text"),
    _pptx("test.pptx", "PPTX", EASY, "Presentation Title Text", "Subtitle Text"),
    _pptx("font-color.pptx", "PPTX", EASY, "text with theme color 25% darker", language="en"),
    _pptx("ph-populated-placeholders.pptx", "PPTX", USUAL, "Title Text", "Body text"),
    _pptx("prs-notes.pptx", "PPTX", USUAL, "Notes"),
    _pptx("tbl-cell.pptx", "PPTX", USUAL, "unladen swallows"),
    _pptx("txt-font-typeface.pptx", "PPTX", HARD, "textbox with multiple runs having typeface", "暒龢加咊晴弗"),
    _pptx("cht-charts.pptx", "PPTX", HARD, "Category 1"),
    _xlsx("junk-small.xlsx", "XLSX", EASY, "Austin", "1940-03-29", "Sheet2"),
    _xlsx("twolettercolumns.xlsx", "XLSX", EASY, "1 2 3 4 5 6 7 8 9 10 11 12"),
    _xlsx("sheets.xlsx", "XLSX", USUAL, "Шаблон сценария", language="ru", title="Use Case description & register"),
    _xlsx("namespace.xlsx", "XLSX", USUAL, "tissue code", "SW101014-03"),
    _xlsx("hyperlinks.xlsm", "XLSX", USUAL, "google", "github"),
    _xlsx("utf8.xlsx", "XLSX", HARD, "สวัสดี", "こんにちは", "Здравствуйте", "नमस्ते"),
    _xlsx("datetime.xlsx", "XLSX", HARD, "2011-09-15"),
    _xlsx("variousdelim.xlsx", "XLSX", HARD, "d e f"),
    _odf("tests/examples/serious_poem.odt", "ODT", EASY, "The boy stood on the burning deck", language="en"),
    _odf("tests/examples/simplelist.odt", "ODT", EASY, "Item A", "Item B"),
    _odf("tests/examples/simpletable.odt", "ODT", USUAL, "Cell 1", "Cell 4 (italic)"),
    _odf("tests/examples/imageslabels.odt", "ODT", USUAL, "Right justified picture with paragraph anchor."),
    _odf(
        "api-for-odfpy.odt", "ODT", HARD, "The OpenDocument classes", language="en",
        title="Application Programmer's Interface for ODFPY",
    ),
    _odf("tests/examples/pythagoras.ods", "ODS", EASY, "3", "4", "5"),
    _odf("tests/examples/pythagoras-kspread.ods", "ODS", USUAL, "3", "4", "5"),
    _odf("tests/examples/chinese_spreadsheet.ods", "ODS", HARD, "test"),
    _odf("tests/examples/empty.ods", "ODS", HARD, fails="no_text"),
    _odf("tests/examples/cols.odp", "ODP", EASY, "Lorem ipsum dolor sit amet"),
    _odf("tests/examples/ol.odp", "ODP", USUAL, "Eins", "Zeks", "Draytsn"),
    _odf("tests/examples/emb_spreadsheet.odp", "ODP", HARD, "Embedded Spreadsheet"),
)  # fmt: skip

MAILS = (
    _mail("mail_test_16", "EML", EASY, "This is the GTUBE", name="16.eml", title="Test spam mail (GTUBE)"),
    _mail("mail_test_18", "EML", USUAL, "LastßlName, FirstName", name="18.eml", title="Test for Comma and Name Bugs"),
    _mail(
        "mail_test_13", "EML", USUAL, "So, You Have A Disaster... Now What?", name="13.eml", language="en",
        title="New Webinar: So, You Have A Disaster... Now What?",
    ),
    _mail(
        "mail_test_5", "EML", USUAL, "Marina de Carlance", name="5.eml", language="fr",
        title="Je prépare mon été zéro complexe !",
    ),
    _mail("mail_test_2", "EML", HARD, "Bollettino Meteorologico", name="2.eml", language="it"),
    _mail(
        "mail_test_6", "EML", HARD, "вкладывайте в золото", name="6.eml",
        title="Быстрее вкладывайте в золото!",
    ),
    _mail("mail_test_12", "EML", HARD, "代开各地增值税发票", "张先生", "发票", name="12.eml", language="zh"),
    _msg("outer.msg", "MSG", EASY, "Outer body", title="outer subject"),
    _msg("other.msg", "MSG", USUAL, "automatically generated Delivery Status Notification", language="en"),
    _mail(
        "mail_outlook_1", "MSG", USUAL, "Wenn Sie diesen Newsletter nicht lesen können", name="newsletter.msg",
        language="de", title="Newsletter Prüfung Personalwesen / Prüfung Eröffnungsbilanz",
    ),
    _msg(
        "complete.msg", "MSG", HARD, "Nokia Health is now Withings.",
        title="Test Multiple attachments complete email!!", members=("[MS-OXPROPS].txt",), language="en",
    ),
)  # fmt: skip

TEXTS = (
    _text("sample-english.bom.txt", "text", EASY, "I found myself on the comment section of YouTube", language="en"),
    _text("sample-french.txt", "text", EASY, "Quel est le plus grand des écrivains de mon règne?", language="fr"),
    _text("sample-spanish.txt", "text", EASY, "En el principio creó Dios los cielos y la tierra", language="es"),
    _text("sample-french-1.txt", "text", USUAL, "Quel est le plus grand des écrivains de mon règne?", language="fr"),
    _text("sample-turkish.txt", "text", USUAL, "Türkiye'nin en kalabalık", language="tr"),
    _text("sample-russian.txt", "text", USUAL, "В гимназии он не был в числе первых учеников", language="ru"),
    _text("sample-arabic-1.txt", "text", HARD, "كان المؤرخون العرب في القرون الوسطى", language="ar"),
    _text("sample-greek-2.txt", "text", HARD, "κυρίως στην Ελλάδα και στην Κύπρο", language="el"),
    _text("sample-chinese.txt", "text", HARD, "始作者，維基媒體基金會也", language="zh"),
    _xlsx("utf8.csv", "CSV", USUAL, "สวัสดี ครับ", "Здравствуйте"),
    _xlsx("xlsx2csv-test-file.csv", "CSV", USUAL, "MSP"),
    _xlsx("sheets.csv", "CSV", HARD, "Шаблон сценария", language="ru"),
    _of("pypdf", "")("README.md", "Markdown", USUAL, "cropping", name="pypdf.md", language="en", title="pypdf"),
    _of("mail-parser", "")("README.md", "Markdown", USUAL, "mail-parser", name="mail-parser.md", language="en"),
    _of("charset-normalizer", "")("README.md", "Markdown", HARD, "encoding", name="normalizer.md", language="en"),
    _of("python-docx", "docs/_themes/armstrong/")("layout.html", "HTML", HARD, not_finds=("<div",)),
    _of("python-docx", "docs/_templates/")("sidebarlinks.html", "HTML", HARD, "Useful Links", "Issue Tracker"),
)  # fmt: skip

PICTURES = (
    _ocr("crom.png", "PNG", EASY, "Covfefe is a perfectly cromulent word."),
    _ocr("typewriter.png", "PNG", HARD, "laurier, kruidnagel, kerrie", language="nl"),
    _of("python-docx", "tests/test_files/")("little-endian.tif", "TIFF", USUAL, "SAMPLE IMAGE"),
)

THEIRS = (*PDFS, *OFFICE, *MAILS, *TEXTS, *PICTURES)
