"""Plain text in any encoding, and texts with a form: Markdown, JSON, CSV."""

import pytest

from services.indexer.extract.quality import quality
from services.indexer.sandbox import Limits, Sandbox

TEXTS = {
    "de": "Grüße aus Zürich, die Straße ist überschwemmt und wir müssen später kommen.",
    "fr": "L'été dernier, nous avons été très déçus par la qualité du café à l'hôtel.",
    "pl": "Zażółć gęślą jaźń, proszę przesłać fakturę za usługi i części zamienne.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy, prosím pošlete nabídku.",
    "ru": "Добрый день, пришлите пожалуйста счёт за ремонт фонаря на маяке.",
    "uk": "Добрий день, надішліть будь ласка рахунок за ремонт ліхтаря.",
    "el": "Καλημέρα, παρακαλώ στείλτε μου μια προσφορά για το φανάρι.",
    "ja": "灯台のランプの修理の見積もりをお願いします。よろしくお願いいたします。",
    "zh": "您好，请给我们发送灯塔灯笼修复的报价，谢谢您的帮助。",
    "zh-tw": "您好，請給我們發送燈塔燈籠修復的報價，謝謝您的幫助。",
    "ko": "안녕하세요, 등대 랜턴 수리 견적을 보내 주시기 바랍니다.",
    "tr": "Günaydın, lütfen fenerin onarımı için bir teklif gönderiniz, teşekkürler.",
    "he": "שלום, אנא שלחו לי הצעת מחיר לתיקון הפנס.",
    "ar": "مرحبا، يرجى إرسال عرض سعر لإصلاح الفانوس.",
    "th": "สวัสดีครับ กรุณาส่งใบเสนอราคาสำหรับการซ่อมโคมไฟ",
}
ENCODINGS = [
    *(("de", encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252")),
    ("fr", "cp1252"), ("fr", "mac_roman"), ("pl", "cp1250"), ("pl", "iso8859-2"), ("cs", "cp1250"), ("cs", "iso8859-2"),
    ("ru", "cp1251"), ("ru", "koi8-r"), ("ru", "iso8859-5"), ("ru", "cp866"), ("ru", "utf-16-le"), ("ru", "utf-16-be"),
    ("uk", "cp1251"), ("uk", "koi8-u"), ("el", "cp1253"), ("el", "iso8859-7"), ("ja", "shift_jis"), ("ja", "euc-jp"),
    ("ja", "iso2022-jp"), ("ja", "utf-16-le"), ("zh", "gb18030"), ("zh", "utf-16-be"), ("zh-tw", "big5"),
    ("ko", "euc-kr"), ("tr", "cp1254"), ("he", "cp1255"), ("ar", "cp1256"), ("th", "cp874"),
]  # fmt: skip


@pytest.mark.parametrize("times", [1, 6])
@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
async def test_plain_text_is_decoded_whatever_its_encoding(
    reader: Sandbox, language: str, encoding: str, times: int
) -> None:
    text = "\n".join([TEXTS[language]] * times)
    extracted = await reader.read(text.encode(encoding), "text/plain", Limits())
    assert extracted.pages[0].lstrip("\ufeff") == text


@pytest.mark.parametrize("text", ["Müller GmbH, Größe 5", "Zürich", "El Niño año", "50 € – “fine”", "a;b;ü\n1;2;3"])
async def test_a_few_words_beyond_ascii_are_western_unless_more_speaks_for_another(reader: Sandbox, text: str) -> None:
    extracted = await reader.read(text.encode("cp1252"), "text/plain", Limits())
    assert extracted.pages == (text,)


async def test_a_text_in_cyrillic_may_be_as_long_as_any_other(reader: Sandbox) -> None:
    text = (TEXTS["ru"] + "\n") * 250_000
    extracted = await reader.read(text.encode("cp1251"), "text/plain", Limits())
    assert len(extracted.pages[0]) > 15_000_000


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Words before\n\n# The **lantern** #\n\nText", "The **lantern**"),
        ("---\ntitle: 'From the front matter'\nauthor: Ada\n---\n# Heading\n", "From the front matter"),
        ("```\n# no heading\n```\nUnderlined\n=====\n", "Underlined"),
        ("no heading", ""),
    ],
)
async def test_a_markdown_text_is_called_as_its_first_heading(reader: Sandbox, text: str, title: str) -> None:
    extracted = await reader.read(text.encode(), "text/markdown", Limits())
    assert (extracted.title, extracted.pages) == (title, (text,))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"name":"Gr\\u00f6\\u00dfe \\ud83d\\ude00"}', '{\n "name": "Größe 😀"\n}'),
        (b"[" * 200_000, "[" * 200_000),
        (b'{"broken": "\\u00f6', '{"broken": "\\u00f6'),
    ],
    ids=["escapes", "deep", "broken"],
)
async def test_json_is_readable_and_never_too_deep(reader: Sandbox, content: bytes, text: str) -> None:
    extracted = await reader.read(content, "application/json", Limits())
    assert extracted.pages == (text,)


async def test_halves_of_characters_do_not_get_out(reader: Sandbox) -> None:
    extracted = await reader.read(b'{"half":"\\ud83d and a zero \\u0000"}', "application/json", Limits())
    assert extracted.pages[0].encode()
    assert "\x00" not in extracted.pages[0]


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (TEXTS["de"], 0.98, 1),
        (TEXTS["ru"], 0.98, 1),
        (TEXTS["ja"], 0.95, 1),
        ("Invoice no. 4711-A, 1.250,00 € due on 2026-05-06 (see www.example.org or mail ada@example.org)", 0.9, 1),
        ("~~ |: .;, '' ~ \\ /_ |l 1I| ;'. ,,~", 0, 0.35),
        ("xqzr tvbk wrtp mnbvc lkjhg trwq zxcvb", 0, 0.4),
        ("\ue001\ue002\ue003 \ue004\ue005", 0, 0),
        ("\ufffd\ufffdab\ufffd \ufffd\ufffd", 0, 0.1),
        ("", 0, 0),
    ],
    ids=["german", "russian", "japanese", "invoice", "specks", "no vowels", "private", "undecoded", "nothing"],
)
def test_quality_tells_words_from_noise(text: str, least: float, most: float) -> None:
    assert least <= quality([text]) <= most
