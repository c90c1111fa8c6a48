"""The ``rev_sig`` of a token: a hash over what must stay as it is for the token to stay valid. Pure.

It changes when a secret, a password, a name or one of the two salts changes, which revokes every token issued before. The hash is
MurmurHash3 (x86, 32 bits), a public domain algorithm; chaining and seed are those of uaa, util/UaaTokenUtils.java, so that tokens
survive a move between the two programs with the same database content.
"""

from __future__ import annotations

from collections.abc import Iterable

_SEED = 0xF0F0
_MASK = 0xFFFFFFFF


def signature(salts: Iterable[str | None]) -> str:
    """Lowercase hex without leading zeros. ``None`` is left out.

    Args:
        salts: client id, client secret hash, client salt, and for a user: id, password hash, salt, email, user name.
    """
    result = ""
    for salt in salts:
        if salt is not None:
            result = f"{murmur3_32(f'{result}###{salt}'.encode(), _SEED):x}"
    return result


def murmur3_32(data: bytes, seed: int) -> int:
    """An unsigned 32-bit number."""
    state = seed
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        state ^= _scramble(int.from_bytes(data[at : at + 4], "little"))
        state = (_rotate(state, 13) * 5 + 0xE6546B64) & _MASK
    if tail := data[whole:]:
        state ^= _scramble(int.from_bytes(tail, "little"))
    state ^= len(data)
    state = ((state ^ (state >> 16)) * 0x85EBCA6B) & _MASK
    state = ((state ^ (state >> 13)) * 0xC2B2AE35) & _MASK
    return state ^ (state >> 16)


def _scramble(block: int) -> int:
    return (_rotate((block * 0xCC9E2D51) & _MASK, 15) * 0x1B873593) & _MASK


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK
