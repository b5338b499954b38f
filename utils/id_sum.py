"""Which samples a pass has met, in one number: whether each came once shows without a list of them."""

from collections.abc import Iterable
from hashlib import blake2b

WIDTH = 63  # bits: as many as an int64 holds without its sign


def id_sum(ids: Iterable[str], so_far: int = 0) -> int:
    """The sum of hashes of ids, which is the same in any order; another one, where one is missing or comes twice."""
    return (so_far + sum(int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) for name in ids)) % 2**WIDTH
