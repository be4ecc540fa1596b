"""Tag rules: what they find, and how a broken rules file is refused."""

from pathlib import Path

import pytest

from services.indexer.tags import DEFAULT_RULES, InvalidRules, Rules


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
    ],
)
def test_the_rules_that_ship_know_common_documents(rules: Rules, text: str, tag: str, kind: str) -> None:
    tagged = rules.apply(text, "scan.pdf", "application/pdf", "en")
    assert tag in tagged.tags
    assert tagged.document_type == kind


def test_a_word_inside_a_longer_word_is_no_match(rules: Rules) -> None:
    assert rules.apply("the insurgent contractual invoicebook", "a.pdf", "application/pdf", "en").tags == ()


def test_the_file_name_counts(rules: Rules) -> None:
    assert rules.apply("nothing", "invoice.pdf", "application/pdf", "").document_type == "invoice"


def test_a_hostile_text_takes_no_exponential_time(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "slow"\ntag = "slow"\nexpression = "(a+)+$"\n')
    assert Rules.load(file).apply("a" * 100_000 + "b", "x", "text/plain", "").tags == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[rule", "Expected"),
        ('[[rule]]\nname = "a"\n', "tag"),
        ('[[rule]]\nname = "a"\ntag = "b"\nexpression = "("\n', "regular expression"),
        ('[[rule]]\nname = "a"\ntag = "b"\n', "neither words"),
        ('[[rule]]\nname = "a"\ntag = "b"\nwrods = ["x"]\n', "wrods"),
    ],
)
def test_a_broken_rules_file_is_refused_with_its_reason(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(content)
    with pytest.raises(InvalidRules, match=says):
        Rules.load(file)


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
