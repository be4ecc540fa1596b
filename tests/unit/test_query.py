"""What a search may ask for, and how what it found is shown."""

from datetime import UTC, datetime
from typing import Any

import pytest
from multidict import MultiDict
from pydantic import ValidationError

from services.search.answers import marked
from services.search.query import SearchRequest, field_errors
from services.search.search_address import SearchAddress


def errors_of(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate(body)
    return {error["field"]: error["message"] for error in field_errors(caught.value)}


def test_an_empty_search_asks_for_the_twenty_newest() -> None:
    query = SearchRequest.model_validate({}).for_index()
    assert (query.words, query.limit, query.offset, query.sort, query.facets) == ("", 20, 0, "created_at:desc", ())


def test_a_filter_takes_one_value_or_several() -> None:
    request = SearchRequest.model_validate({"filters": {"document_type": "invoice", "tags": ["urgent", "paid"]}})
    filters = request.for_index().filters
    assert (filters.document_type, filters.tags, filters.language) == (("invoice",), ("urgent", "paid"), ())


def test_a_time_without_a_zone_is_utc() -> None:
    filters = {"created_after": "2026-11-01", "created_before": "2026-11-02T10:00:00+02:00"}
    asked = SearchRequest.model_validate({"filters": filters}).for_index().filters
    assert asked.created_after == datetime(2026, 11, 1, tzinfo=UTC)
    assert asked.created_before == datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": "x" * 501}, "query"),
        ({"query": 7}, "query"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 10_000_000}, "offset"),
        ({"like": "one"}, "like"),
        ({"like": "a" * 32 + "-1", "query": "walnut"}, "body"),
        ({"sort": "name"}, "sort"),
        ({"facets": ["password"]}, "facets.0"),
        ({"filters": {"tags": [""]}}, "filters.tags.0"),
        ({"filters": {"tags": ["x"] * 101}}, "filters.tags"),
        ({"filters": {"created_after": "yesterday"}}, "filters.created_after"),
        ({"filters": {"owner": "me"}}, "filters.owner"),
        ({"q": "words"}, "q"),
    ],
)
def test_what_is_not_allowed_is_named_by_its_field(body: dict[str, Any], field: str) -> None:
    assert list(errors_of(body)) == [field]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_repeated() -> None:
    errors = errors_of({"query": "secret" * 100, "limit": 0, "colour": "secret"})
    assert set(errors) == {"query", "limit", "colour"}
    assert "secret" not in str(errors)


def test_a_highlight_is_escaped_before_it_is_marked() -> None:
    hostile = "<script>alert(1)</script> \x02inv\"o'ice\x03 & <b>"
    assert marked(hostile) == ("&lt;script&gt;alert(1)&lt;/script&gt; <mark>inv&quot;o&#x27;ice</mark> &amp; &lt;b&gt;")


@pytest.mark.parametrize("stray", ["\x02open", "closed\x03", "\x03\x02", "\x02a\x02b\x03", "\x02a\x03b\x03"])
def test_marks_that_do_not_pair_leave_no_tag_open(stray: str) -> None:
    shown = marked(stray)
    assert shown.count("<mark>") == shown.count("</mark>")
    assert "\x02" not in shown
    assert "\x03" not in shown


def test_a_search_page_asks_for_what_its_address_says() -> None:
    address = SearchAddress.of(
        MultiDict(
            [("q", " oak "), ("type", "invoice"), ("tag", "a"), ("tag", "b"), ("to", "2026-11-02"), ("page", "3")]
        )
    )
    query = address.as_request().for_index()
    assert (query.words, query.offset) == ("oak", 40)
    assert (query.filters.document_type, query.filters.tags) == (("invoice",), ("a", "b"))
    assert query.filters.created_before == datetime(2026, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "²", "99999999999999999999"])
def test_a_page_number_that_makes_no_sense_is_the_first_page(page: str) -> None:
    assert SearchAddress.of(MultiDict(page=page)).as_request().offset == 0


def test_every_filter_of_the_page_can_be_taken_back() -> None:
    address = SearchAddress.of(MultiDict([("q", "oak & ash"), ("type", "invoice"), ("page", "2")]))
    (types,) = address.groups({"document_type": {"invoice": 4, "letter": 9}})
    assert [(c.value, c.count, c.chosen) for c in types.choices] == [("invoice", 4, True), ("letter", 9, False)]
    assert types.choices[0].href == "/search?q=oak+%26+ash"
    assert types.choices[1].href == "/search?q=oak+%26+ash&type=invoice&type=letter"


def test_a_chosen_filter_that_nothing_has_is_still_shown() -> None:
    (types,) = SearchAddress.of(MultiDict(type="invoice")).groups({"document_type": {}})
    assert [(c.value, c.chosen) for c in types.choices] == [("invoice", True)]
