"""Draws the layers of the package, as the import contracts in setup.cfg have them, to docs/layers.svg.

    python tools/draw_layers.py            # writes docs/layers.svg
    python tools/draw_layers.py --check    # says whether it is up to date

A row is a layer; imports go downwards only. Packages on one row do not import each other. What may
import JAX is shaded. The words in a box are the first sentence of the package's docstring.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import sys
import textwrap
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURE = REPOSITORY / "docs" / "layers.svg"
WIDTH, GAP, LINE, PADDING = 980, 10, 15, 9
# Of the fonts that a browser may take, the average width of a letter at 12 pixels.
LETTER = 6.4


def layers(setup: configparser.ConfigParser) -> list[list[str]]:
    """Returns the packages of every layer, from the top."""
    rows = setup["importlinter:contract:layers"]["layers"].split("\n")
    return [row.replace(" ", "").split("|") for row in rows if row.strip()]


def without_jax(setup: configparser.ConfigParser) -> set[str]:
    """Returns the packages that never import JAX while they are imported."""
    modules = setup["importlinter:contract:no-jax"]["source_modules"].split()
    return {module.partition(".")[2] for module in modules}


def purpose(package: str) -> str:
    """Returns the first sentence of a package's docstring."""
    folder = REPOSITORY / "intertrain_jax" / package
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def draw(rows: list[list[str]], light: set[str]) -> str:
    """Returns the picture as SVG."""
    parts: list[str] = []
    top = GAP
    for row in rows:
        width = (WIDTH - GAP * (len(row) + 1)) / len(row)
        letters = int((width - 2 * PADDING) / LETTER)
        texts = [textwrap.wrap(purpose(name), letters) for name in row]
        height = 2 * PADDING + LINE * (1 + max(map(len, texts)))
        for i, (name, lines) in enumerate(zip(row, texts, strict=True)):
            left = GAP + i * (width + GAP)
            fill = "#f4f4f2" if name in light else "#d9e6f2"
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" rx="4"'
                f' fill="{fill}" stroke="#555"/>'
            )
            y = top + PADDING + LINE - 4
            parts.append(
                f'<text x="{left + PADDING:.1f}" y="{y}" font-weight="bold">{escape(name)}</text>'
            )
            for number, line in enumerate(lines, start=1):
                parts.append(
                    f'<text x="{left + PADDING:.1f}" y="{y + number * LINE}">{escape(line)}</text>'
                )
        top += height + GAP
    title = "The layers of intertrain_jax: imports go downwards only; shaded packages use JAX"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}"'
        f' viewBox="0 0 {WIDTH} {top}" role="img" aria-label="{title}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#111">'
    )
    background = f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", background, *parts, "</svg>", ""])


def picture() -> str:
    """Returns the picture of the contracts as they are now."""
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", "utf-8")
    return draw(layers(setup), without_jax(setup))


def main() -> int:
    """Writes the picture, or says whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        current = PICTURE.is_file() and PICTURE.read_text("utf-8") == picture()
        print("up to date" if current else "out of date: run python tools/draw_layers.py")
        return 0 if current else 1
    PICTURE.write_text(picture(), "utf-8")
    print(f"wrote {PICTURE.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
