"""Chats for readers: Markdown, one page of HTML without scripts, and an EPUB of the same pages."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from tui.domain.chat import Chat, Node
from tui.domain.cleantext import clean_line
from tui.formats.chat_parts import Choice, Part, chat_parts, said, title_of

_STYLE = (
    "body{max-width:42em;margin:2em auto;padding:0 1em;font-family:serif;line-height:1.5}"
    ".m{margin:1em 0}.n{font-weight:bold}.t{white-space:pre-wrap;overflow-wrap:anywhere}.user .n{color:#666}"
)
_MARKS = re.compile(r"([\\`<>\[\]#|])")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def chat_markdown(chat: Chat, choice: Choice) -> bytes:
    """The chat as Markdown: a heading a part and chapter, names in bold. Marks of emphasis stay as they were typed."""
    out = [f"# {_mark(title_of(chat))}"]
    for part in chat_parts(chat, choice):
        if part.fork:
            out.append(f"## {_heading(part)}")
        for node in part.nodes:
            if chapter := _chapter(node):
                out.append(f"## {_mark(chapter)}")
            out.append(f"**{_mark(clean_line(node.name, 200))}:** {_safe_lines(said(node))}")
    return ("\n\n".join(out) + "\n").encode("utf-8", "replace")


def chat_html(chat: Chat, choice: Choice) -> bytes:
    """The chat as one page that loads nothing and runs nothing."""
    body = "".join(_section(part.nodes, _heading(part) if part.fork else "") for part in chat_parts(chat, choice))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    title = _text(title_of(chat))
    page = (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>'
        f'<meta name="viewport" content="width=device-width"/><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )
    return page.encode("utf-8", "replace")


def chat_epub(chat: Chat, choice: Choice) -> bytes:
    """The chat as an EPUB 3: a page for each chapter and branch. The same chat gives the same bytes."""
    pages = list(_pages(chat, choice))
    names = [f"part{number}.xhtml" for number in range(1, len(pages) + 1)]
    title = _text(title_of(chat))
    listed = "".join(
        f'<li><a href="{name}">{_text(head)}</a></li>' for name, (head, _) in zip(names, pages, strict=True)
    )
    nav = f'<nav epub:type="toc"><h1>{title}</h1><ol>{listed}</ol></nav>'
    files = {
        "META-INF/container.xml": _CONTAINER,
        "OEBPS/content.opf": _package(chat, title, names),
        "OEBPS/nav.xhtml": _page(title, nav),
        "OEBPS/style.css": _STYLE,
    }
    for name, (head, nodes) in zip(names, pages, strict=True):
        files[f"OEBPS/{name}"] = _page(_text(head), _section(nodes, head))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8", "replace"), zipfile.ZIP_DEFLATED)
    return out.getvalue()


_CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>"
)


def _pages(chat: Chat, choice: Choice) -> Iterator[tuple[str, Sequence[Node]]]:
    """What stands on each page, and its heading."""
    for part in chat_parts(chat, choice):
        head, nodes = _heading(part) if part.fork else title_of(chat), list[Node]()
        for node in part.nodes:
            if chapter := _chapter(node):
                if nodes:
                    yield head, nodes
                head, nodes = chapter, []
            nodes.append(node)
        if nodes or not part.fork:
            yield head, nodes


def _package(chat: Chat, title: str, names: Sequence[str]) -> str:
    changed = datetime.fromtimestamp(max(0, chat.updated_ms) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = "".join(
        f'<item id="p{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="p{n}"/>' for n in range(len(names)))
    return (
        '<?xml version="1.0" encoding="utf-8"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">urn:traktir:{_text(chat.id)}</dc:identifier><dc:title>{title}</dc:title>'
        f'<dc:language>und</dc:language><meta property="dcterms:modified">{changed}</meta></metadata><manifest>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'<item id="css" href="style.css" media-type="text/css"/>{items}</manifest><spine>{spine}</spine></package>'
    )


def _page(title: str, body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>{title}</title>'
        f'<link rel="stylesheet" type="text/css" href="style.css"/></head><body>{body}</body></html>'
    )


def _section(nodes: Sequence[Node], head: str) -> str:
    top = f"<h2>{_text(head)}</h2>\n" if head else ""
    return top + "".join(
        (f"<h2>{_text(chapter)}</h2>\n" if (chapter := _chapter(node)) and chapter != head else "")
        + f'<div class="m {node.role}"><div class="n">{_text(clean_line(node.name, 200))}</div>'
        f'<div class="t">{_text(said(node))}</div></div>\n'
        for node in nodes
    )


def _heading(part: Part) -> str:
    return f"Branch {part.number}, from message {part.fork}"


def _chapter(node: Node) -> str:
    value = node.extra.get("chapter")
    return clean_line(value, 200) if isinstance(value, str) else ""


def _text(text: str) -> str:
    """Text that is only text in HTML and XML."""
    return escape(_NO_XML.sub("\ufffd", text))


def _mark(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


def _safe_lines(text: str) -> str:
    """A message in Markdown: tags, links and headings are text; emphasis is as the writer meant it."""
    return "  \n".join(_mark(line) for line in text.split("\n")).replace("  \n  \n", "\n\n")
