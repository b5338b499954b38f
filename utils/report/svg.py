"""matplotlib's SVG files as parts of a page."""

import re


def inline(svg: str, name: str, colours: dict[str, str]) -> str:
    """A file's SVG as a part of a page: sized by CSS, coloured by its variables, ids of its own.

    Args:
        name: of the picture; no other on the page may have it.
        colours: what stands in the file, and what it becomes.
    """
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:xlink)?|width|height|version)="[^"]*"', "", svg, count=5)
    svg = svg.replace("xlink:href", "href")
    prefix = re.sub(r"\W+", "-", name)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return re.sub("|".join(colours), lambda found: colours[found.group()], svg)
