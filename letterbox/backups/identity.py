"""The key of the backups: an age identity (https://age-encryption.org), as text. Needs nothing but Python.

An identity is 32 random bytes in Bech32 (BIP 173).
"""

import secrets

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
PREFIX = "age-secret-key-"
CHECKSUM = 6


def new_identity() -> str:
    """A new identity, `AGE-SECRET-KEY-1…`; `age --decrypt --identity FILE` takes it, too."""
    return bech32(PREFIX, secrets.token_bytes(32)).upper()


def bech32(prefix: str, content: bytes) -> str:
    """`content` in Bech32 under `prefix`."""
    data = _five_bits(content)
    expanded = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    checksum = _polymod([*expanded, *data, *[0] * CHECKSUM]) ^ 1
    data += [checksum >> 5 * (CHECKSUM - 1 - place) & 31 for place in range(CHECKSUM)]
    return f"{prefix}1{''.join(LETTERS[value] for value in data)}"


def _five_bits(content: bytes) -> list[int]:
    bits = "".join(f"{byte:08b}" for byte in content)
    bits += "0" * (-len(bits) % 5)
    return [int(bits[begin : begin + 5], 2) for begin in range(0, len(bits), 5)]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(GENERATOR):
            checksum ^= generator if top >> place & 1 else 0
    return checksum
