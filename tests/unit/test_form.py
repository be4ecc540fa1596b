"""The fields of a form: what is a valid message, and what is said when it is not."""

import pytest

from services.ingest.form import METADATA_NAME_CHARACTERS, METADATA_VALUE_CHARACTERS, TEXT_LIMITS, Message, check
from tests.support.visitor import good

MOST = 4


def wrong(**fields: str) -> list[str]:
    """The names of the wrong fields of a form that is otherwise good."""
    checked = check(good(fields), MOST)
    assert (checked.message is None) == bool(checked.errors)
    assert all(error["message"].endswith(".") for error in checked.errors)
    return [error["field"] for error in checked.errors]


def test_a_good_form_becomes_a_clean_message() -> None:
    fields = {
        "name": "  Ada  ",
        "email": " ada@visitor.example ",
        "message": "One\r\nTwo\r\n",
        "phone": "555",
        "website": "",
        "token": "x" * 16,
        "return_to": "https://site.example",
    }
    message = Message("Ada", "ada@visitor.example", "", "One\nTwo", {"phone": "555"})
    assert check(fields, MOST).message == message


def test_every_wrong_field_is_named_once_and_in_order() -> None:
    checked = check({"name": "", "email": "nobody", "subject": "x" * 201, "message": " \n "}, MOST)
    assert [error["field"] for error in checked.errors] == ["name", "subject", "message", "email"]


@pytest.mark.parametrize("name", TEXT_LIMITS)
def test_a_field_may_be_as_long_as_its_limit_and_no_longer(name: str) -> None:
    limit = TEXT_LIMITS[name]
    fitting = "a" * (limit - 10) + "@b.example" if name == "email" else "é" * limit
    assert wrong(**{name: fitting}) == []
    assert wrong(**{name: "a" + fitting}) == [name]


@pytest.mark.parametrize("name", ["name", "email", "message"])
@pytest.mark.parametrize("nothing", ["", "   ", "\r\n\t"])
def test_a_required_field_may_not_be_blank(name: str, nothing: str) -> None:
    assert wrong(**{name: nothing}) == [name]


def test_a_subject_is_not_required() -> None:
    assert wrong(subject="") == []


@pytest.mark.parametrize(
    "address",
    ["a@b.example", "first.last+tag@sub.domain.example", "o'neil@b.example", "ada@bücher.example", "用户@例子.example"],
)
def test_an_address_that_looks_right_is_taken(address: str) -> None:
    assert wrong(email=address) == []


@pytest.mark.parametrize(
    "address",
    [
        *(
            "ada",
            "ada@",
            "@b.example",
            "ada@localhost",
            "ada@b..example",
            "ada@.example",
            "ada@b.example.",
            "a b@c.example",
        ),
        *("a@b@c.example", "Ada <ada@b.example>", "ada@b.example,eve@b.example", "ada;eve@b.example", '"a"@b.example'),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address: str) -> None:
    assert wrong(email=address) == ["email"]


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x1b", "\x7f", "\ud800"])
@pytest.mark.parametrize("name", ["name", "subject", "message", "phone"])
def test_control_characters_and_halves_of_characters_are_refused(name: str, character: str) -> None:
    assert wrong(**{name: f"a{character}b"}) == [name]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_only_the_message_has_lines(end: str) -> None:
    assert wrong(subject=f"a{end}b") == ["subject"]
    assert wrong(name=f"a{end}b") == ["name"]
    assert wrong(message="a\nb\tc") == []


def test_further_fields_are_limited_in_number_name_and_length() -> None:
    assert wrong(**{f"field{n}": "x" for n in range(MOST)}) == []
    assert wrong(**{f"field{n}": "x" for n in range(MOST + 1)}) == ["metadata"]
    assert wrong(phone="x" * METADATA_VALUE_CHARACTERS) == []
    assert wrong(phone="x" * (METADATA_VALUE_CHARACTERS + 1)) == ["phone"]
    assert wrong(**{"n" * METADATA_NAME_CHARACTERS: "x"}) == []


@pytest.mark.parametrize("name", ["", "n" * (METADATA_NAME_CHARACTERS + 1), "a\nb", "a\x00b", "\u202eb", "\ud800"])
def test_a_further_field_with_a_strange_name_is_refused_without_repeating_it(name: str) -> None:
    assert wrong(**{name: "x"}) == ["metadata"]
