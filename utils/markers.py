"""Parts of a text file that a program writes, between `<!-- NAME -->` and `<!-- /NAME -->`."""

from utils.errors import UserError


def insert(text: str, name: str, part: str) -> str:
    """`text` with `part` between its markers.

    Raises:
        UserError: not exactly one pair of markers, in this order.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise UserError(f"must hold {start} and, after it, {end}, once each")
    before, rest = text.split(start)
    return f"{before}{start}\n\n{part}\n{end}{rest.split(end)[1]}"
