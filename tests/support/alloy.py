"""Reads the syntax of Alloy's configuration (blocks, attributes, strings, lists, maps), strictly: Alloy is not here."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)|(?P<mark>[{}\[\]=,+()])"""
)

Value = object


@dataclass(frozen=True)
class Reference:
    """What another component exports."""

    name: str


@dataclass
class Block:
    name: str
    label: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


class Wrong(ValueError):
    """The text is no configuration."""


def parse(text: str) -> list[Block]:
    """The blocks of a configuration. Raises Wrong."""
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise Wrong(f"not understood: {text[position : position + 30]!r}")
        position = found.end()
        if found.lastgroup != "space":
            tokens.append((str(found.lastgroup), found.group()))
    top = Block("")
    rest = _body(tokens, top)
    if rest or top.attributes:
        raise Wrong("something is left over")
    return top.blocks


def _body(tokens: list[tuple[str, str]], into: Block) -> list[tuple[str, str]]:
    while tokens and tokens[0][1] != "}":
        (kind, name), *tokens = tokens
        if kind != "name" or not tokens:
            raise Wrong(f"a name was expected, not {name}")
        if tokens[0][1] == "=":
            if name in into.attributes:
                raise Wrong(f"{name} is there twice")
            into.attributes[name], tokens = _value(tokens[1:])
            continue
        block = Block(name)
        if tokens[0][0] == "string":
            block.label = tokens[0][1].strip('"')
            tokens = tokens[1:]
        tokens = _body(_expect(tokens, "{"), block)
        tokens = _expect(tokens, "}")
        into.blocks.append(block)
    return tokens


def _value(tokens: list[tuple[str, str]]) -> tuple[Value, list[tuple[str, str]]]:
    value, tokens = _operand(tokens)
    while tokens and tokens[0][1] == "+":
        right, tokens = _operand(tokens[1:])
        value = [value, right]
    return value, tokens


def _operand(tokens: list[tuple[str, str]]) -> tuple[Value, list[tuple[str, str]]]:
    if not tokens:
        raise Wrong("a value was expected, not the end")
    (kind, text), *tokens = tokens
    if kind == "name" and tokens and tokens[0][1] == "(":
        if text != "sys.env":
            raise Wrong(f"not a known function: {text}")
        value, tokens = _value(tokens[1:])
        return value, _expect(tokens, ")")
    if kind == "string":
        return text[1:-1], tokens
    if kind == "number":
        return float(text), tokens
    if kind == "name":
        return {"true": True, "false": False}.get(text, Reference(text)), tokens
    if text == "[":
        items: list[Value] = []
        while tokens[0][1] != "]":
            item, tokens = _value(tokens)
            items.append(item)
            if tokens[0][1] != "]":
                tokens = _expect(tokens, ",")
        return items, tokens[1:]
    if text == "{":
        pairs: dict[str, Value] = {}
        while tokens[0][1] != "}":
            key, tokens = tokens[0][1].strip('"'), _expect(tokens[1:], "=")
            pairs[key], tokens = _value(tokens)
            if tokens[0][1] != "}":
                tokens = _expect(tokens, ",")
        return pairs, tokens[1:]
    raise Wrong(f"a value was expected, not {text}")


def _expect(tokens: list[tuple[str, str]], mark: str) -> list[tuple[str, str]]:
    if not tokens or tokens[0][1] != mark:
        raise Wrong(f"{mark} was expected, not {tokens[0][1] if tokens else 'the end'}")
    return tokens[1:]


def references(value: Value) -> list[str]:
    """Every reference inside a value."""
    if isinstance(value, Reference):
        return [value.name]
    inside = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return [name for one in inside for name in references(one)]
