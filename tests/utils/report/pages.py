"""What the tests of the pages share."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags with their attributes, and the text of the page or of one kind of element."""

    VOID = {"meta", "img", "wbr", "br"}

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.stack: list[str] = []
        self.texts: list[tuple[tuple, str]] = []  # (where, text)
        self.feed(html)
        assert not self.stack, f"not closed: {self.stack}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if data.strip() and "style" not in self.stack:
            self.texts.append((tuple(self.stack), " ".join(data.split())))

    def within(self, *tags: str) -> list[str]:
        return [text for where, text in self.texts if set(tags) <= set(where)]

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.texts)


def assert_loads_nothing(html: str, pictures: str = "data:image/jpeg;base64,") -> None:
    assert not re.search(r"https?://|@import", html)
    for tag, attributes in Page(html).tags:
        assert tag not in ("link", "script", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "poster", "action"):
            assert (attributes.get(name) or "#").startswith(("#", pictures))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))


def assert_references_hold(html: str) -> None:
    """Ids are unique, and what is pointed to exists."""
    ids = [attributes["id"] for _, attributes in Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= set(ids)


def cells(html: str, table: str) -> list[list[str]]:
    """The texts in the first such table's body, row by row."""
    body = re.search(rf'<table class="{table}">.*?<tbody>(.*?)</tbody>', html, re.DOTALL).group(1)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
            for row in body.split("<tr>")[1:]]
