"""Amounts of money and dates in a text: what is recognised, and what is not."""

from datetime import date
from decimal import Decimal

import pytest

from services.indexer.amounts import MOST, amounts
from services.indexer.dates import dates


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("1.234,56 €", "1234.56", "EUR"),
        ("EUR 99", "99", "EUR"),
        ("EUR99", "99", "EUR"),
        ("$1,200.00", "1200", "USD"),
        ("US$ 5", "5", "USD"),
        ("1'234.50 CHF", "1234.50", "CHF"),
        ("CHF 1’234", "1234", "CHF"),
        ("12,5 euros", "12.5", "EUR"),
        ("1.200 €", "1200", "EUR"),
        ("0.999 €", "0.999", "EUR"),
        ("1200,- EUR", "1200", "EUR"),
        ("EUR 1.200,–", "1200", "EUR"),
        ("1 234,56 €", "1234.56", "EUR"),
        ("1\u00a0234,56\u00a0€", "1234.56", "EUR"),
        ("€ 1.234.567,89", "1234567.89", "EUR"),
        ("£1,234,567", "1234567", "GBP"),
        ("5 zł.", "5", "PLN"),
        ("100 Dollar", "100", "USD"),
        ("12345 678 EUR", "678", "EUR"),
        ("order 11 1 200,00 EUR", "1200", "EUR"),
        ("-5 €", "5", "EUR"),
    ],
)
def test_an_amount_is_a_number_with_its_currency(text: str, value: str, currency: str) -> None:
    (amount,) = amounts(text)
    assert (amount.value, amount.currency) == (Decimal(value), currency)
    assert amount.words in text


@pytest.mark.parametrize(
    "text",
    ["1200", "neuro 5", "5 europe", "1.2.3 EUR", "$1,23,456", "1,2.3,4 €", "EUR", f"EUR {'9' * 16}", "Fr. 13. Mai"],
)
def test_what_is_no_amount_is_not_taken_for_one(text: str) -> None:
    assert list(amounts(text)) == []


def test_several_amounts_come_in_their_order_and_never_too_many() -> None:
    assert [one.words for one in amounts("99 Euro, then $ 3 and CHF 7.")] == ["99 Euro", "$ 3", "CHF 7"]
    assert len(list(amounts("1 EUR; " * 2 * MOST))) == MOST


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-03", "3.11.2026", "03.11.2026", "3. 11. 2026", "03/11/2026", "3. November 2026", "3rd November 2026",
        "3 November, 2026", "November 3, 2026", "Nov. 3rd 2026", "3 novembre 2026", "3 de noviembre de 2026",
    ],
)  # fmt: skip
def test_a_date_is_recognised_however_it_is_written(text: str) -> None:
    (found,) = dates(f"On {text}: done")
    assert found.day == date(2026, 11, 3)
    assert found.words == text


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("11/23/2026", date(2026, 11, 23)),
        ("1er mars 2026", date(2026, 3, 1)),
        ("24. Dez. 2026", date(2026, 12, 24)),
        ("1. März 2026", date(2026, 3, 1)),
        ("29.2.2028", date(2028, 2, 29)),
    ],
)
def test_months_have_their_names_and_days(text: str, day: date) -> None:
    assert [one.day for one in dates(text)] == [day]


@pytest.mark.parametrize(
    "text",
    ["31.02.2026", "31. Februar 2026", "12026-11-03", "2026-25-12", "3.11.26", "10.000.2026", "1.1.1850", "2026"],
)
def test_what_is_no_date_is_not_taken_for_one(text: str) -> None:
    assert list(dates(text)) == []
