"""The language of a text, or an honest nothing."""

import pytest

from services.indexer.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Could you please send me an offer for the lantern?", "en"),
        ("Könnten Sie mir bitte ein Angebot für die Laterne schicken?", "de"),
        ("Pourriez-vous m'envoyer un devis pour la lanterne ?", "fr"),
        ("¿Me podría enviar un presupuesto para la linterna?", "es"),
        ("", ""),
        ("12345 67-89", ""),
        ("ok", ""),
    ],
)
def test_the_language_is_told_or_left_open(text: str, language: str) -> None:
    assert detect(text) == language
