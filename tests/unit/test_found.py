"""Which files inside a file become documents, with which numbers, and how much may be found inside each."""

import pytest
from pydantic import TypeAdapter, ValidationError

from libs.events.catalogue import DocumentFound, DocumentNumber, parent_number
from services.indexer.found import Reach, Room, numbered, shared, within
from services.indexer.sandbox import Member

REACH = Reach(depth=3, members=4, room=Room(10, 100))


def members(*sizes: int) -> list[Member]:
    return [Member(f"{place}.txt", b"x" * size) for place, size in enumerate(sizes, 1)]


@pytest.mark.parametrize(
    ("digests", "earlier", "numbers"),
    [
        ("abc", {}, [1, 2, 3]),
        ("abc", {1: "a", 2: "b", 3: "c"}, [1, 2, 3]),
        ("abc", {2: "b"}, [1, 2, 3]),
        ("aaa", {2: "a"}, [1, 2, 3]),
        ("aab", {1: "a", 2: "a", 3: "b"}, [1, 2, 3]),
        ("xab", {1: "a", 2: "b"}, [3, 1, 2]),
        ("xab", {1: "a", 2: "b", 3: "x"}, [3, 1, 2]),
        ("ba", {1: "a", 2: "b", 3: "c"}, [2, 1]),
        ("xy", {1: "a", 2: "b", 3: "c"}, [4, 5]),
        ("x", {1: "a"}, [2]),
        ("", {}, []),
    ],
    ids=[
        "for the first time",
        "again",
        "after a crash in the middle",
        "after a crash, of the same content",
        "again, of the same content",
        "with something new before it",
        "once more after that",
        "in another order, and one less",
        "with nothing of what was found before",
        "with another one in its place",
        "nothing",
    ],
)
def test_what_was_found_once_keeps_its_number(digests: str, earlier: dict[int, str], numbers: list[int]) -> None:
    assert numbered(list(digests), earlier) == numbers
    after = earlier | dict(zip(numbers, digests, strict=True))
    assert numbered(list(digests), after) == numbers


@pytest.mark.parametrize(
    ("number", "sizes", "room", "taken", "cause"),
    [
        ("1", (1, 1), REACH.room, 2, ""),
        ("1-1-1", (1, 1), REACH.room, 2, ""),
        ("1-1-1-1", (1, 1), REACH.room, 0, "deep"),
        ("1", (1,) * 6, REACH.room, 4, "many"),
        ("1", (1,) * 6, Room(3, 100), 3, "many"),
        ("1", (1,) * 6, Room(0, 100), 0, "many"),
        ("1", (60, 60, 30), REACH.room, 2, "large"),
        ("1", (101,), REACH.room, 0, "large"),
        ("1", (100, 0), REACH.room, 2, ""),
    ],
)
def test_members_are_taken_in_order_while_they_fit(
    number: str, sizes: tuple[int, ...], room: Room, taken: int, cause: str
) -> None:
    given = members(*sizes)
    fit, rest, why = within(number, given, room, REACH)
    assert (len(fit), why) == (taken, cause)
    assert sorted([*fit, *rest], key=given.index) == given


@pytest.mark.parametrize("sizes", [(10,), (10, 20, 30), (0, 0), (1,) * 7, (100,)])
def test_what_is_left_of_the_room_is_shared_and_never_grows(sizes: tuple[int, ...]) -> None:
    rooms = shared(REACH.room, sizes)
    assert sum(room.documents for room in rooms) + len(sizes) == REACH.room.documents
    assert sum(room.bytes for room in rooms) + sum(sizes) <= REACH.room.bytes
    assert all(room.documents >= 0 and room.bytes >= 0 for room in rooms)


def test_of_larger_members_more_may_come() -> None:
    assert shared(Room(7, 100), [10, 30]) == [Room(3, 15), Room(2, 45)]
    assert shared(Room(7, 100), []) == []


@pytest.mark.parametrize("number", ["0", "1", "12", "1-2", "1-2-1", "5-100-99-1"])
def test_a_number_says_where_a_document_lies(number: str) -> None:
    assert TypeAdapter(DocumentNumber).validate_python(number) == number


@pytest.mark.parametrize("number", ["", "-1", "1-", "1--2", "1-2-3-4-5", "1.2", "1000", "1-a", "*"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DocumentNumber).validate_python(number)


def test_only_a_number_inside_another_is_that_of_a_found_document() -> None:
    about = {"submission_id": "a" * 32, "object_key": "k", "content_type": "text/plain", "size": 1, "sha256": "0" * 64}
    assert DocumentFound(number="1-2", **about).subject == f"document.found.{'a' * 32}.1-2"
    with pytest.raises(ValidationError):
        DocumentFound(number="1", **about)
    assert [parent_number(number) for number in ("0", "1", "1-2", "1-2-1")] == [None, None, "1", "1-2"]
