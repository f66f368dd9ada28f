"""The report as one page that needs no network: its text, with the pictures inside."""

import base64
import html
import re
from pathlib import Path

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}td,th{border:1px solid #ccc;padding:.25rem .6rem;"
    "text-align:left}th{background:#f3f3f3}img{max-width:100%}pre{background:#f6f6f6;padding:.7rem;overflow:auto}"
)


def as_page(text: str, folder: Path) -> str:
    """`text` as HTML.

    Args:
        text: Markdown as the report writes it: headings, paragraphs, lists, tables, fenced code, pictures.
        folder: where its pictures lie.
    """
    title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), "Report")
    body = [_block(block.splitlines(), folder) for block in re.split(r"\n\n+", text.strip())]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _block(lines: list[str], folder: Path) -> str:
    first = lines[0]
    heading = re.match(r"(#+) (.*)", first)
    if heading:
        level = len(heading[1])
        return f"<h{level}>{_inline(heading[2], folder)}</h{level}>"
    if first.startswith("```"):
        return f"<pre>{html.escape(chr(10).join(lines[1:-1]))}</pre>"
    if first.startswith("- "):
        return "<ul>" + "".join(f"<li>{_inline(line.removeprefix('- '), folder)}</li>" for line in lines) + "</ul>"
    if first.startswith("|"):
        head, rows = _cells(first), [_cells(line) for line in lines[2:]]
        top = "".join(f"<th>{_inline(cell, folder)}</th>" for cell in head)
        rest = "".join("<tr>" + "".join(f"<td>{_inline(c, folder)}</td>" for c in row) + "</tr>" for row in rows)
        return f"<table><tr>{top}</tr>{rest}</table>"
    return f"<p>{_inline(' '.join(lines), folder)}</p>"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _inline(text: str, folder: Path) -> str:
    """Bold words and pictures; all else is text, also what looks like HTML."""
    text = html.escape(text, quote=False)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"!\[([^\]]*)\]\(([\w.-]+)\)", lambda found: _picture(found, folder), text)


def _picture(found: re.Match[str], folder: Path) -> str:
    path = folder / found[2]
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(found[1])}" src="data:image/png;base64,{data}">'
