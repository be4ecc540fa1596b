"""The address of a search page: all that is asked for is in it, so that a search can be kept and gone back to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from multidict import MultiMapping

from services.search.query import SearchRequest

PAGE_HITS = 20
GROUP_VALUES = 12
"""Values of a filter that are offered; the most frequent ones."""

GROUPS = {"type": "document_type", "tag": "tags", "language": "language", "status": "status"}
"""A parameter of the address, and the field it filters."""
TITLES = {"type": "Type", "tag": "Tag", "language": "Language", "status": "Status"}
ONCE = ("q", "like", "contact", "from", "to", "sort")
SORTS = (
    ("", "Best match"),
    ("created_at:desc", "Newest"),
    ("created_at:asc", "Oldest"),
    ("size:desc", "Largest"),
    ("size:asc", "Smallest"),
)
"""The orders that the page offers, and their names; the empty one is left out of the address."""


@dataclass(frozen=True)
class Choice:
    """One value a filter offers: how many documents have it, and where choosing or dropping it leads."""

    value: str
    count: int | None
    chosen: bool
    href: str


@dataclass(frozen=True)
class Group:
    """One filter of the page."""

    name: str
    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class SearchAddress:
    """The parameters of a search page, in order; `page` counts from 1."""

    parameters: tuple[tuple[str, str], ...]
    page: int

    @classmethod
    def of(cls, query: MultiMapping[str]) -> "SearchAddress":
        """The address in a request's query string; what it does not know and what is empty is left out."""
        once = [(name, query[name].strip()) for name in ONCE if query.get(name, "").strip()]
        several = [(name, value) for name in GROUPS for value in dict.fromkeys(query.getall(name, ())) if value]
        page = query.get("page", "1")
        return cls((*once, *several), int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1)

    def value(self, name: str) -> str:
        """The parameter `name`, or an empty string."""
        return next((value for known, value in self.parameters if known == name), "")

    @property
    def contact(self) -> str:
        """The submission that the page is about, if it is about one."""
        return self.value("contact")

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for beside the submission."""
        return any(name not in ("contact", "sort") for name, _ in self.parameters)

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The filters that the form has to carry along."""
        return [(name, value) for name, value in self.parameters if name in GROUPS or name == "contact"]

    def as_request(self) -> SearchRequest:
        """The search that the page asks for. Raises pydantic's ValidationError."""
        filters: dict[str, object] = {
            field: [value for known, value in self.parameters if known == name] for name, field in GROUPS.items()
        }
        filters["contact_id"] = self.contact or []
        filters["created_after"] = self.value("from") or None
        filters["created_before"] = _end_of(self.value("to")) or None
        return SearchRequest.model_validate(
            {
                "query": self.value("q"),
                "filters": filters,
                "like": self.value("like"),
                "facets": list(GROUPS.values()),
                "sort": self.value("sort") or "relevance",
                "limit": PAGE_HITS,
                "offset": (max(1, self.page) - 1) * PAGE_HITS,
            }
        )

    def groups(self, facets: Mapping[str, Mapping[str, int]]) -> list[Group]:
        """The filters with their counts; what is chosen is always there, to be dropped again."""
        made = []
        for name, field in GROUPS.items():
            chosen = {value for known, value in self.parameters if known == name}
            counts = dict(facets.get(field, {}))
            order = sorted((v for v in counts if v and v not in chosen), key=lambda v: (-counts[v], v))
            choices = [Choice(v, counts.get(v), True, self.without(name, v)) for v in sorted(chosen)]
            choices += [Choice(v, counts[v], False, self.along(name, v)) for v in order[:GROUP_VALUES]]
            if choices:
                made.append(Group(name, TITLES[name], tuple(choices)))
        return made

    def along(self, name: str, value: str) -> str:
        """The first page of the same search with one more filter."""
        return _href((*self.parameters, (name, value)))

    def without(self, name: str, value: str) -> str:
        """The first page of the same search with one filter less."""
        return _href(tuple(pair for pair in self.parameters if pair != (name, value)))

    def at(self, page: int) -> str:
        """Another page of the same search."""
        return _href((*self.parameters, ("page", str(page))))

    def pages(self, total: int) -> int:
        """How many pages `total` hits fill."""
        return -(-total // PAGE_HITS)

    def asking(self, words: str) -> str:
        """The first page of the same search with other words."""
        return _href((("q", words), *(pair for pair in self.parameters if pair[0] not in ("q", "like"))))

    @property
    def sorts(self) -> list[Choice]:
        """The orders, and where choosing each leads."""
        rest = tuple(pair for pair in self.parameters if pair[0] != "sort")
        now = self.value("sort")
        return [
            Choice(title, None, value == now, _href((*rest, ("sort", value)) if value else rest))
            for value, title in SORTS
        ]


def _href(parameters: tuple[tuple[str, str], ...]) -> str:
    return f"/search?{urlencode(parameters)}" if parameters else "/search"


def _end_of(day: str) -> str:
    """The midnight that ends a day, since people mean the day to be included; what is no day is validated later."""
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return day
