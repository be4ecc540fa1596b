"""Tag rules: what they find, what they say made a tag, and how a broken rules file is refused."""

import time
from pathlib import Path

import pytest

from services.indexer.tags import DEFAULT_RULES, InvalidRules, Reason, Rules

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.load(DEFAULT_RULES)


@pytest.mark.parametrize(
    ("text", "tag", "kind"),
    [
        ("Invoice number 2026-11, total 40 EUR", "invoice", "invoice"),
        ("RECHNUNG Nr. 7", "invoice", "invoice"),
        ("Curriculum vitae of Ada", "cv", "cv"),
        ("This contract is made between", "contract", "contract"),
        ("This is urgent, please call", "urgent", "document"),
        ("Auftragsbestätigung 12", "order", "order"),
        ("Numéro de facture 12", "invoice", "invoice"),
        ("Número de factura 12", "invoice", "invoice"),
        ("Expérience professionnelle", "cv", "cv"),
        ("Dieser Mietvertrag wird geschlossen", "contract", "contract"),
        ("Kostenvoranschlag für die Laterne", "offer", "offer"),
        ("Zahlungserinnerung zu Rechnung 7", "payment reminder", "payment reminder"),
        ("Lieferschein 9", "delivery note", "delivery note"),
        ("Hiermit bewerbe mich als Wärter", "application", "document"),
        ("We want our money back", "complaint", "document"),
        ("Was würde das kosten?", "quote request", "document"),
        ("Invoice over EUR 12.500,00", "large amount", "invoice"),
        ("The deadline is 3 November 2026", "deadline", "document"),
    ],
)
def test_the_rules_that_ship_know_common_documents(rules: Rules, text: str, tag: str, kind: str) -> None:
    tagged = rules.apply(text, "scan.pdf", "application/pdf", "en")
    assert tag in tagged.tags
    assert tagged.document_type == kind


def test_a_word_inside_a_longer_word_is_no_match(rules: Rules) -> None:
    assert rules.apply("the insurgent contractual invoicebook", "a.pdf", "application/pdf", "en").tags == ()


def test_an_order_that_mentions_an_invoice_address_is_an_order(rules: Rules) -> None:
    tagged = rules.apply("Order confirmation. Invoice address: Harbour 1", "a.pdf", "application/pdf", "en")
    assert tagged.document_type == "order"
    assert tagged.tags == ("invoice", "order")


def made(condition: str) -> Rules:
    return Rules.parse(f'[[rule]]\nname = "it"\ntag = "hit"\n{condition}', "rules.toml")


@pytest.mark.parametrize(
    ("condition", "hit", "miss"),
    [
        ('words = ["lantern"]', {"text": "a Lantern."}, {"text": "lanterns"}),
        ('all_words = ["oil", "lamp"]', {"text": "lamp, oil"}, {"text": "oil"}),
        (r'expression = "LH-[0-9]{3}\\b"', {"text": "see lh-123."}, {"text": "LH-1234"}),
        ('senders = ["ada@lights.example"]', {"senders": ["Ada@Lights.example"]}, {"senders": ["b@lights.example"]}),
        ('senders = ["@lights.example"]', {"senders": ["b@lights.example"]}, {"senders": ["b@otherlights.example"]}),
        ('senders = ["lights.example"]', {"senders": ["b@sea.lights.example"]}, {"senders": ["lights.example@x.org"]}),
        ('content_types = ["word"]', {"kind": DOCX}, {"kind": "application/pdf"}),
        ('content_types = ["image"]', {"kind": "image/png"}, {"kind": "text/plain"}),
        ('content_types = ["text/csv"]', {"kind": "text/csv"}, {"kind": "text/plain"}),
        ('languages = ["de", "fr"]', {"language": "fr"}, {"language": ""}),
        ('file_names = ["inv*.pdf"]', {"filename": "INV-7.PDF"}, {"filename": "my inv-7.pdf"}),
        ("amount_at_least = 1000", {"text": "total 1.000,00 €"}, {"text": "total 999,99 €, nr. 1000"}),
        ("amount_at_most = 5.5", {"text": "for $5.50"}, {"text": "for $5.51"}),
        ('amount_at_least = 5\ncurrencies = ["usd"]', {"text": "USD 7, EUR 9"}, {"text": "EUR 9, $ 4"}),
        ('currencies = ["CHF"]', {"text": "CHF 1'000.-"}, {"text": "1000 €"}),
        ("has_date = true", {"text": "on 2026-11-03"}, {"text": "on the 3rd"}),
        ("date_from = 2026-11-01\ndate_until = 2026-11-30", {"text": "30.11.2026"}, {"text": "1.12.2026, 31.10.2026"}),
    ],
)
def test_a_rule_applies_when_its_condition_is_met_and_only_then(
    condition: str, hit: dict[str, str], miss: dict[str, str]
) -> None:
    rules = made(condition)
    assert applied(rules, **hit) == ("hit",)
    assert applied(rules, **miss) == ()


def applied(
    rules: Rules,
    text: str = "",
    filename: str = "a.bin",
    kind: str = "",
    language: str = "",
    senders: tuple[str, ...] = (),
) -> tuple[str, ...]:
    return rules.apply(text, filename, kind, language, senders).tags


def test_all_that_a_rule_asks_for_must_be_true() -> None:
    rules = made('words = ["invoice"]\ncontent_types = ["pdf"]\namount_at_least = 10\nsenders = ["x.org"]')
    right = {"text": "Invoice: 10 €", "kind": "application/pdf", "senders": ("a@x.org",)}
    assert applied(rules, **right) == ("hit",)
    for wrong in ({"text": "Invoice: 9 €"}, {"text": "10 €"}, {"kind": "text/plain"}, {"senders": ("a@y.org",)}):
        assert applied(rules, **{**right, **wrong}) == ()


def test_a_tag_says_which_rule_and_which_words_made_it() -> None:
    rules = Rules.parse(
        """
        [[rule]]
        name = "invoice"
        version = 3
        tag = "invoice"
        document_type = "invoice"
        words = ["rechnung", "invoice"]
        expression = "INV-[0-9]+"

        [[rule]]
        name = "much"
        tag = "large"
        document_type = "large thing"
        amount_at_least = 1000
        file_names = ["scan*"]
        """,
        "rules.toml",
    )
    tagged = rules.apply("RECHNUNG\ninv-77 über 1.234,56 €", "scan 1.pdf", "application/pdf", "de")
    assert (tagged.tags, tagged.document_type) == (("invoice", "large"), "invoice")
    assert tagged.reasons == (
        Reason("invoice", "invoice", 3, "invoice", ("RECHNUNG", "inv-77")),
        Reason("large", "much", 1, "", ("scan 1.pdf", "1.234,56 €")),
    )


def test_the_words_that_are_told_are_few_and_short() -> None:
    rules = made('expression = "x+"\nwords = ["a", "b", "c", "d", "e", "f", "g"]')
    (reason,) = rules.apply(f"a b c d e f g {'x' * 500}", "n", "", "").reasons
    assert reason.words == ("a", "b", "c", "d", "e")
    (reason,) = rules.apply("x" * 500, "n", "", "").reasons
    assert reason.words == ("x" * 79 + "…",)


def test_the_file_name_counts(rules: Rules) -> None:
    assert rules.apply("nothing", "invoice.pdf", "application/pdf", "").document_type == "invoice"


def test_a_hostile_text_takes_no_exponential_time(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "slow"\ntag = "slow"\nexpression = "(a+)+$"\n')
    assert Rules.load(file).apply("a" * 100_000 + "b", "x", "text/plain", "").tags == ()


@pytest.mark.parametrize(
    "piece", ["1", "1.", "1,1 ", "EUR ", "1 EUR 1", "1.1.", "1 jan ", "jan 1 ", "2026-1-", "1 1 1"]
)
def test_a_hostile_text_costs_amounts_and_dates_no_more_than_its_length(piece: str) -> None:
    rules = made("amount_at_least = 1000000\ndate_from = 2199-12-31")
    seconds = []
    for characters in (20_000, 200_000):
        text = piece * (characters // len(piece))
        began = time.process_time()
        rules.apply(text, "x", "text/plain", "")
        seconds.append(time.process_time() - began)
    assert seconds[1] < 40 * seconds[0] + 0.2  # ten times the length; a square would be a hundred times


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[rule", "Expected"),
        ('[[rule]]\nname = "a"\n', "tag"),
        ('[[rule]]\nname = "a"\ntag = "b"\nexpression = "("\n', "regular expression"),
        ('[[rule]]\nname = "a"\ntag = "b"\n', "neither words"),
        ('[[rule]]\nname = "a"\ntag = "b"\nwrods = ["x"]\n', "wrods"),
        ('[rule]\nname = "a"\n', "two brackets"),
        ("rules = 1\n", "'rules' is not known"),
        ('[[rule]]\nname = "a"\ntag = "b"\nwords = ["x"]\n' * 2, "two rules are called 'a'"),
        ('[[rule]]\nname = "a"\ntag = "b"\nversion = 0\nwords = ["x"]\n', "'a': version: .*greater"),
        (
            '[[rule]]\nname = "a"\ntag = "b"\ncontent_types = ["pfd"]\n',
            "'pfd' is neither a content type nor one of pdf",
        ),
        ('[[rule]]\nname = "a"\ntag = "b"\namount_at_least = 2\namount_at_most = 1\n', "is beyond amount_at_most"),
        ('[[rule]]\nname = "a"\ntag = "b"\ndate_from = 2026-02-31\n', "Invalid"),
        ('[[rule]]\nname = "a"\ntag = "b"\nlanguages = ["german"]\n', "languages.0"),
        ('[[rule]]\nname = "a"\ntag = "b"\nexpression = "(?=x)"\n', "regular expression"),
        ('[[rule]]\nname = "a"\ntag = "b"\nsenders = ["no one"]\n', "senders.0"),
    ],
)
def test_a_broken_rules_file_is_refused_with_its_reason(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(content)
    with pytest.raises(InvalidRules, match=says) as refused:
        Rules.load(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert len(str(refused.value).splitlines()) == 1


def test_a_thousand_rules_are_all_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    rule = '[[rule]]\nname = "{0}"\ntag = "tag {0}"\nwords = ["wörd{0}"]\nall_words = ["harbour"]\n'
    file.write_text("".join(rule.format(number) for number in range(1000)), encoding="utf-8")
    tagged = Rules.load(file).apply("In the harbour: WÖRD7, wörd999 and xwörd8.", "a.txt", "text/plain", "en")
    assert tagged.tags == ("tag 7", "tag 999")


def test_rules_beyond_the_memory_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    rule = '[[rule]]\nname = "{0}"\ntag = "tag"\nexpression = "(\\\\pL{{1,40}}{0}){{1,20}}"\n'
    file.write_text("".join(rule.format(number) for number in range(50)), encoding="utf-8")
    with pytest.raises(InvalidRules):
        Rules.load(file)
