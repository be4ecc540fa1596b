"""A search as the owner asks it: the body of `POST /documents/search` and the query string of the search page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from libs.index.protocol import DEEPEST, Filters, Query

WORDS_MOST = 500
LIMIT_MOST = 100
OFFSET_MOST = DEEPEST - LIMIT_MOST
DOCUMENT_ID = r"^[0-9a-f]{32}-[0-9]{1,3}(-[0-9]{1,3})*$"

Facet = Literal["document_type", "tags", "language", "status"]
Sort = Literal["relevance", "created_at:asc", "created_at:desc", "size:asc", "size:desc"]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _several(value: object) -> object:
    """One value where several may stand is a list of one."""
    return [value] if isinstance(value, str) else value


def _aware(value: datetime) -> datetime:
    """A time without a zone is UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Values = Annotated[tuple[Value, ...], BeforeValidator(_several), Field(max_length=100)]
When = Annotated[datetime, AfterValidator(_aware)]


class SearchFilters(BaseModel):
    """What a hit must have: one of the values given, for every field given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document_type: Values = ()
    contact_id: Values = ()
    tags: Values = ()
    language: Values = ()
    status: Values = ()
    created_after: When | None = None
    created_before: When | None = None


class SearchRequest(BaseModel):
    """One search; what is left out is not asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = Field(default="", max_length=WORDS_MOST)
    like: str = Field(default="", max_length=100, pattern=f"{DOCUMENT_ID}|^$")
    """The id of a document: what is like it is looked for."""
    filters: SearchFilters = SearchFilters()
    facets: tuple[Facet, ...] = Field(default=(), max_length=4)
    sort: Sort = "relevance"
    limit: int = Field(default=20, ge=1, le=LIMIT_MOST)
    offset: int = Field(default=0, ge=0, le=OFFSET_MOST)

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "SearchRequest":
        if self.like and self.query.strip():
            raise PydanticCustomError("two_questions", "Either words or a document whose likes are wanted")
        return self

    def for_index(self) -> Query:
        """The same search in the index's words; without words to be relevant to, the newest come first."""
        words = self.query.strip()
        return Query(
            words=words,
            filters=Filters(**dict(self.filters)),
            facets=tuple(self.facets),
            sort="created_at:desc" if self.sort == "relevance" and not words and not self.like else self.sort,
            limit=self.limit,
            offset=self.offset,
            like=self.like,
        )


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong with a request, as `{"field", "message"}`, without repeating what was sent."""
    return [
        {"field": _field(problem["loc"]), "message": _message(problem["type"], problem["msg"], problem.get("ctx", {}))}
        for problem in error.errors(include_url=False, include_input=False)
    ]


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "body"


def _message(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind == "extra_forbidden":
        return "There is no such field."
    if kind == "string_too_long":
        return f"At most {context['max_length']} characters are allowed."
    if kind == "literal_error":
        return f"Must be one of {context['expected']}."
    return f"{message}."
