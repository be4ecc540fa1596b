"""The compressed rich text inside Outlook's messages (MS-OXRTFCP)."""

from services.indexer.extract.results import broken, too_large

HEADER_BYTES = 16
COMPRESSED, AS_IT_IS = b"LZFu", b"MELA"
WINDOW_BYTES = 4096
DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What the window holds at the beginning."""


def unpacked(content: bytes, most: int) -> bytes:
    """The rich text. Raises Unreadable when it is damaged or larger than `most`."""
    kind = content[8:12]
    size = int.from_bytes(content[4:8], "little")
    if kind == AS_IT_IS:
        return content[HEADER_BYTES : HEADER_BYTES + size]
    if kind != COMPRESSED:
        raise broken()
    if size > most:
        raise too_large()
    window = bytearray(DICTIONARY.ljust(WINDOW_BYTES, b"\x00"))
    position, write = HEADER_BYTES, len(DICTIONARY)
    out = bytearray()

    def put(byte: int) -> None:
        nonlocal write
        out.append(byte)
        window[write] = byte
        write = (write + 1) % WINDOW_BYTES

    while position < len(content) and len(out) < size:
        flags = content[position]
        position += 1
        for bit in range(8):
            if flags >> bit & 1 == 0:
                if position < len(content):
                    put(content[position])
                position += 1
                continue
            reference = int.from_bytes(content[position : position + 2], "big")
            position += 2
            offset, length = reference >> 4, (reference & 0xF) + 2
            if offset == write:
                return bytes(out[:size])
            for step in range(length):
                put(window[(offset + step) % WINDOW_BYTES])
    return bytes(out[:size])
