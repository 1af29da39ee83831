"""Words of templates and scripts that no translation reaches: `python -m tests.support.untranslated [FILE...]`."""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("archive", "hips", "ingestion", "upper_limits", "vo")

_NAMES = """
Archipelago INTEGRAL ISLA ESA ISDC HEASARC MMODA HEAVENS HILIGT ESASky Vizier VizieR SIMBAD Simbad ADS NED NASA
IBIS ISGRI PICsIT SPI JEM JEM-X OMC IOMC IREM ACS GRB GRBs Crab RXTE Swift BAT
ADQL TAP SSA SIA SCS SODA SAMP MOC MOCs HiPS DataLink ObsCore VOTable FITS CSV TSV ECSV Parquet JSON PNG PDF SVG HTML
ASCII ZIP Zip zip tar Atom API REST OpenAPI HTTP HTTPS URL URLs XML VO IVOA VOSI UCD UCDs OAI-PMH DOI DOIs BibTeX SHA SHA-
TOPCAT STILTS Aladin Lite Desktop DS pyvo astroquery astropy curl oda_api wget Python Jupyter ipynb PostgreSQL Celery
ICRS UTC TT MJD IJD RA Dec dec ra HEALPix ARF RMF GTI GTIs PHA NaN ID IDs OGIP HDU XSPEC Xspec gammapy
keV MeV GeV eV deg arcmin arcsec km ks Ms Gs Mb kB MB GB TB mas ms nm mag mCrab ph cm erg cts Hz px order nside
"""
# Names are the same in every language: of missions, instruments, standards, programs, units and formats.
NAMES = frozenset(_NAMES.split())
_SILENT = frozenset({"code", "kbd", "pre", "samp", "script", "style", "var"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_WORDY = frozenset({"alt", "aria-description", "aria-label", "aria-roledescription", "aria-valuetext", "label",
                    "placeholder", "title"})  # fmt: skip
_TAG = "\ue000"  # stands for a tag or a variable of a template
_WORD = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ_-]+")
_SPAN = ("blocktranslate", "blocktrans", "comment")
# What a tag or a filter says itself: a default, yes and no, plural ends, titles that parts of pages are given.
_SAYING = re.compile(
    r"""(?:default|default_if_none|yesno|pluralize|join)\s*:\s*"([^"]*)"|\b(?:title|label|text|caption|heading|unit_title)="([^"]*)\""""
)
_SORT_HEAD = re.compile(r'^sort_head "[^"]*" "([^"]*)"')
_PLURAL = re.compile(r"\|\s*pluralize")


def find_in_template(text: str) -> Iterator[tuple[int, str]]:
    """Give line and words of what a template says without `translate` or `blocktranslate`."""
    page: list[str] = []
    inside = ""
    for token in Lexer(text).tokenize():
        if token.token_type is TokenType.BLOCK:
            name = token.contents.split()[0]
            if not inside and (name in _SPAN or token.contents == "block body_class"):
                inside = name
                page.append(_TAG)
            elif name == f"end{inside}" and inside:
                inside = ""
            elif not inside:
                yield from _said_by(token.contents, token.lineno or 0)
                page.append(_TAG)
        elif inside:
            pass
        elif token.token_type is TokenType.VAR:
            yield from _said_by(token.contents, token.lineno or 0)
            page.append(_TAG)
        elif token.token_type is TokenType.TEXT:
            page.append(token.contents)
        page.append("\n" * (token.contents.count("\n") if inside else 0))
    parser = _Page()
    parser.feed("".join(page))
    parser.close()
    yield from parser.found


def find_in_script(text: str) -> Iterator[tuple[int, str]]:
    """Give line and words of strings of two words and more that a script uses without `gettext` or `ngettext`."""
    code = re.sub(r"^\s*//[^\n]*|/\*(?s:.*?)\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.MULTILINE)
    for match in re.finditer(r"""(["'`])((?:(?!\1|\n).|\\.)*)\1""", code):
        before = code[: match.start()].rstrip()
        called = re.search(r"(?:gettext|ngettext|querySelector(?:All)?|closest|matches|Error)\($", before)
        second = re.search(r"""ngettext\(\s*(["'`])(?:(?!\1|\n).)*\1,$""", before)
        words = re.sub(r"\$\{[^}]*\}", _TAG, match[2])
        if not called and not second and _is_prose(words):
            yield code.count("\n", 0, match.start()) + 1, match[2]


def _is_prose(words: str) -> bool:
    if " " not in words.strip() or re.search(r"[<>{}=\[\]#]|^[./]|--|https?:|gradient\(|^\(|^[a-z-]+ [a-z-]+$", words):
        return False
    return len([word for word in _WORD.findall(words) if word not in NAMES]) >= 2


def _said_by(contents: str, line: int) -> Iterator[tuple[int, str]]:
    if contents.startswith(("translate ", "trans ", "load ", "static ")):
        return
    if _PLURAL.search(contents):
        yield line, contents
    for match in (*_SAYING.finditer(contents), *_SORT_HEAD.finditer(contents)):
        words = next(group for group in (*match.groups(), "") if group is not None)
        if _untranslated(words):
            yield line, contents


def _untranslated(words: str) -> bool:
    return any(word not in NAMES for word in _WORD.findall(words))


class _Page(HTMLParser):
    """Text and attributes of a page that people read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        silent = self._silent or tag in _SILENT or named.get("translate") == "no"
        if tag not in _VOID:
            self._open.append((tag, silent))
        if self._silent and silent:
            return
        wordy = set(_WORDY)
        if tag == "meta" and named.get("name") == "description":
            wordy.add("content")
        if tag == "input" and named.get("type") in {"submit", "button", "reset"}:
            wordy.add("value")
        for name, value in attrs:
            if name in wordy and _untranslated(value or ""):
                self._say(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        if not self._silent and _untranslated(data):
            self._say(data)

    @property
    def _silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _say(self, words: str) -> None:
        self.found.append((self.getpos()[0], " ".join(words.replace(_TAG, " … ").split())))


def templates() -> list[Path]:
    """Return all templates of the packages."""
    return [path for package in PACKAGES for path in sorted((CHECKOUT / package).rglob("templates/**/*.html"))]


def scripts() -> list[Path]:
    """Return our own scripts."""
    found = [path for package in PACKAGES for path in sorted((CHECKOUT / package).rglob("static/**/*.js"))]
    return [path for path in found if "vendor" not in path.parts]


def find_in(path: Path) -> list[tuple[int, str]]:
    """Return what a template or a script says untranslated."""
    find = find_in_script if path.suffix == ".js" else find_in_template
    return list(find(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or [*templates(), *scripts()]:
        for line, words in find_in(path):
            print(f"{path}:{line}: {words}")
