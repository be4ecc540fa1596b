"""The language of a text, short ones included, or an honest nothing."""

import random

import pytest

from services.indexer.language import NO_WORDS, detect, words_alone

TEXTS = [
    ("Could you please send me an offer for the lantern?", "en"),
    ("Thank you very much", "en"),
    ("Price for the repair", "en"),
    ("Hello, is the lamp still available?", "en"),
    ("Opening hours", "en"),
    ("Invoice attached", "en"),
    ("Könnten Sie mir bitte ein Angebot für die Laterne schicken?", "de"),
    ("Vielen Dank", "de"),
    ("Guten Tag", "de"),
    ("Rechnung im Anhang", "de"),
    ("Wann haben Sie geöffnet?", "de"),
    ("Mit freundlichen Grüßen", "de"),
    ("Bitte um Rückruf", "de"),
    ("Angebot für Laterne", "de"),
    ("Pourriez-vous m'envoyer un devis pour la lanterne ?", "fr"),
    ("Merci beaucoup", "fr"),
    ("Bonjour à tous", "fr"),
    ("Demande de devis", "fr"),
    ("Quand êtes-vous ouverts ?", "fr"),
    ("¿Me podría enviar un presupuesto para la linterna?", "es"),
    ("Buenos días", "es"),
    ("Muchas gracias", "es"),
    ("Solicitud de presupuesto", "es"),
    ("Potrebbe inviarmi un preventivo per la lanterna?", "it"),
    ("Grazie mille", "it"),
    ("Buongiorno a tutti", "it"),
    ("Richiesta di preventivo", "it"),
    ("Poderia enviar-me um orçamento para a lanterna?", "pt"),
    ("Muito obrigado", "pt"),
    ("Bom dia", "pt"),
    ("Kunt u mij een offerte voor de lantaarn sturen?", "nl"),
    ("Goede morgen", "nl"),
    ("Hartelijk dank", "nl"),
    ("Proszę o przesłanie oferty na latarnię.", "pl"),
    ("Dziękuję bardzo", "pl"),
    ("Dzień dobry", "pl"),
    ("Děkuji mnohokrát", "cs"),
    ("Můžete mi prosím poslat nabídku?", "cs"),
    ("Kan ni skicka en offert på lyktan?", "sv"),
    ("Tack så mycket", "sv"),
    ("Kan De sende mig et tilbud på lygten?", "da"),
    ("Voisitteko lähettää tarjouksen lyhdystä?", "fi"),
    ("Kiitos paljon", "fi"),
    ("Fener için bir teklif gönderebilir misiniz?", "tr"),
    ("Teşekkür ederim", "tr"),
    ("Пришлите, пожалуйста, предложение на фонарь.", "ru"),
    ("Большое спасибо", "ru"),
    ("Добрый день", "ru"),
    ("Дякую дуже", "uk"),
    ("Надішліть, будь ласка, пропозицію.", "uk"),
    ("Ευχαριστώ πολύ", "el"),
    ("ランプの見積もりをお願いします", "ja"),
    ("ありがとうございます", "ja"),
    ("请给我发报价", "zh"),
    ("谢谢", "zh"),
    ("견적을 보내 주세요", "ko"),
    ("감사합니다", "ko"),
    ("شكرا جزيلا", "ar"),
    ("תודה רבה", "he"),
    ("ขอบคุณครับ", "th"),
    ("Köszönöm szépen", "hu"),
    ("Mulțumesc foarte mult", "ro"),
    ("Cảm ơn rất nhiều", "vi"),
    ("KÖNNTEN SIE MIR BITTE EIN ANGEBOT SCHICKEN?", "de"),
    ("Bitte an ada@example.org, Rechnung RE-4711 vom 2026-05-06", "de"),
]
NONE = [
    "12345 67-89",
    "ok",
    "RE: 4711",
    "info@example.org",
    "https://example.org/a/b",
    "",
    "???",
    "IMG_2041.JPG",
    "ab-12/x7",
]


@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_the_language_is_told(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", NONE)
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert detect(text) == ""


def test_looking_closely_at_some_words_finds_what_looking_at_all_of_them_does() -> None:
    some, signs = random.Random(4), [*"abc ABÄé 12_@<>:/w.-!?漢字 \n\t ", "www.", "://", " ", " "]
    for _ in range(5_000):
        text = " ".join("".join(some.choices(signs, k=some.randrange(60))).split())
        assert words_alone(text) == NO_WORDS.sub(" ", text)
