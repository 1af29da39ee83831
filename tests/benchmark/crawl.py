"""Follow every link of a running archive as a visitor would, and check what each page is made of.

    python tests/benchmark/crawl.py http://127.0.0.1:8000 [--language fr] [--most 3000] [--alike 40]

An address must answer 200 or a redirect; a page must be valid HTML (html5lib reads strictly), name its links, buttons
and controls, keep the order of its headings and have the fragments that others point to. Only `--alike` addresses of
a kind are fetched (digits and the values of parameters make no new kind). It ends with 1 if it found a fault.
"""

import argparse
import re
import sys
import urllib.error
import urllib.request
from collections import Counter, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from urllib.parse import parse_qsl, unquote, urldefrag, urljoin, urlsplit

import html5lib
import lxml.html
from lxml.html import HtmlElement

FOLDERS = {
    "sources",
    "observations",
    "products",
    "proposals",
    "bursts",
    "omc",
    "deliveries",
    "preview",
    "votable",
    "hips",
}
FIELDS = "//input[not(@type='hidden' or @type='submit' or @type='button' or @type='reset')] | //select | //textarea"
LINKS = "//a/@href | //link/@href | //img/@src | //script/@src | //source/@src | //iframe/@src"
PARSED_ALIKE = 3


def kind_of(address: str) -> str:
    """Give what an address has in common with those of the same page: identifiers and values are left out."""
    parts = urlsplit(address)
    steps = parts.path.split("/")
    for place in range(2, len(steps)):
        if steps[place] and steps[place - 1] in FOLDERS:
            steps[place] = "*"
    path = re.sub(r"\d+", "0", "/".join(steps))
    return path + "?" + "&".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))


def name_of(element: HtmlElement) -> str:
    """Give the accessible name of a link or button, simplified from the W3C's accname 1.2."""
    words = [element.get("aria-label"), element.get("title"), element.get("value") if element.tag == "input" else ""]
    images = element.xpath(".//img/@alt | .//*/@aria-label | .//*[local-name()='title']/text()")
    if element.get("aria-labelledby"):
        words.append("labelled")
    return "".join([*(word or "" for word in words), element.text_content(), *images]).strip()


def faults_of(page: HtmlElement, language: str) -> list[str]:
    """List what is wrong with the parts of a page."""
    found = []
    ids = Counter(page.xpath("//@id"))
    found += [f"id {name!r} {count} times" for name, count in ids.items() if count > 1]
    for element in page.xpath("//a[@href] | //button | //input[@type='submit' or @type='button'] | //summary"):
        if not name_of(element):
            found.append(f"{element.tag} without words: {shown(element)}")
    found += [f"image without alt: {shown(one)}" for one in page.xpath("//img[not(@alt)]")]
    for field in page.xpath(FIELDS):
        labelled = field.get("aria-label") or field.get("aria-labelledby") or field.xpath("ancestor::label")
        if not (labelled or page.xpath("//label[@for=$id]", id=field.get("id", ""))):
            found.append(f"control without label: {shown(field)}")
    for wanted in page.xpath(
        "//@for | //@aria-labelledby | //@aria-describedby | //@aria-controls | //@list | //@form"
    ):
        found += [f"id {one!r} is referred to and missing" for one in wanted.split() if one not in ids]
    levels = [int(one.tag[1]) for one in page.xpath("//h1|//h2|//h3|//h4|//h5|//h6")]
    if levels.count(1) != 1:
        found.append(f"{levels.count(1)} h1")
    found += [f"h{one} is followed by h{two}" for one, two in pairwise(levels) if two > one + 1]
    for table in page.xpath("//table"):
        if not table.xpath("./thead//th | .//th[@scope]"):
            found.append(f"table without head: {shown(table)}")
    if page.get("lang") != language:
        found.append(f"lang={page.get('lang')!r}, expected {language!r}")
    if len(page.xpath("//head/title[normalize-space()]")) != 1:
        found.append("not one title")
    return found


def invalid_html(text: str) -> list[str]:
    """List where a page breaks the HTML standard; a bare ampersand before a letter ("A&A 411") does not."""
    reader = html5lib.HTMLParser()
    reader.parse(text)
    lines = text.splitlines()
    return [
        f"HTML: {code} {data} in {lines[line - 1].strip()[:100]!r}"
        for (line, _), code, data in reader.errors
        if code != "expected-named-entity"
    ]


def shown(element: HtmlElement) -> str:
    """Give the start of an element's markup."""
    return " ".join(str(lxml.html.tostring(element, encoding="unicode", with_tail=False)).split())[:160]


def fetch(address: str, language: str) -> tuple[int, str, str, bytes]:
    """Give status, media type, final address and, of a page only, its bytes."""
    request = urllib.request.Request(address, headers={"Accept": "text/html,*/*;q=0.5", "Accept-Language": language})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            media = answer.headers.get_content_type()
            return answer.status, media, answer.url, answer.read() if media == "text/html" else answer.read(4096)[:0]
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), address, error.read()
    except (urllib.error.URLError, OSError) as error:
        return 0, str(error), address, b""


class Crawl:
    """What was found so far, and what is still to be asked."""

    def __init__(self, base: str, language: str, most: int, alike: int) -> None:
        self.base, self.language, self.most, self.alike = base, language, most, alike
        self.linked_from = {base: "the start"}
        self.queue, self.kinds = deque([base]), Counter([kind_of(base)])
        self.statuses, self.parsed, self.pages = Counter(), Counter(), 0
        self.faults: dict[tuple[str, str], tuple[str, int]] = {}
        self.ids: dict[str, set[str]] = {}
        self.fragments: set[tuple[str, str, str]] = set()
        self.titles = defaultdict(set)

    def run(self) -> None:
        """Ask for all addresses, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            while self.queue:
                batch = [self.queue.popleft() for _ in range(min(2, len(self.queue)))]
                answers = pool.map(fetch, batch, [self.language] * len(batch))
                for address, answer in zip(batch, answers, strict=True):
                    self.read(address, *answer)
        for target, fragment, address in self.fragments:
            if target in self.ids and fragment not in self.ids[target]:
                self.report(address, f"links to {target}#{fragment}, which is not there")
        for title, found in self.titles.items():
            if len(found - {"/hips/"}) > 1:  # which shows the first of its surveys
                self.report(self.base, f"the title {title!r} is that of {sorted(found)}")

    def report(self, address: str, fault: str) -> None:
        """Keep a fault, once per kind of page."""
        key = (kind_of(address).split("?")[0], re.sub(r"\d+", "0", fault))
        first, count = self.faults.get(key, (f"{address} (linked from {self.linked_from[address]}): {fault}", 0))
        self.faults[key] = (first, count + 1)

    def read(self, address: str, status: int, media: str, final: str, body: bytes) -> None:
        """Check one answer, and queue what it links to."""
        self.statuses[status] += 1
        if status != 200:
            self.report(address, f"answers {status or media} {body[:120]!r}")
        if status != 200 or media != "text/html":
            return
        self.pages += 1
        kind, page = kind_of(address), lxml.html.document_fromstring(body.decode())
        faults = faults_of(page, self.language)
        if self.parsed[kind] < PARSED_ALIKE:
            self.parsed[kind] += 1
            faults += invalid_html(body.decode())
        for fault in faults:
            self.report(address, fault)
        self.ids[address] = self.ids[urldefrag(final)[0]] = set(page.xpath("//@id"))
        self.titles["".join(page.xpath("//head/title/text()")).strip()].add(kind_of(final).split("?")[0])
        for link in page.xpath(LINKS):
            target, fragment = urldefrag(urljoin(final, link.strip()))
            if not target.startswith(self.base):
                continue
            if fragment:
                self.fragments.add((target, unquote(fragment), address))
            full = len(self.linked_from) >= self.most or self.kinds[kind_of(target)] >= self.alike
            if target not in self.linked_from and not full:
                self.kinds[kind_of(target)] += 1
                self.linked_from[target] = address
                self.queue.append(target)


def main() -> int:
    """Crawl, and print the faults."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("base")
    arguments.add_argument("--language", default="en")
    arguments.add_argument("--most", type=int, default=3000)
    arguments.add_argument("--alike", type=int, default=40)
    asked = arguments.parse_args()
    crawl = Crawl(asked.base.rstrip("/") + "/", asked.language, asked.most, asked.alike)
    crawl.run()
    for fault, count in crawl.faults.values():
        print(f"{count:5d} x {fault}")
    print(f"{crawl.statuses.total()} addresses of {len(crawl.kinds)} kinds, {crawl.pages} of them pages,")
    print(f"{crawl.parsed.total()} read strictly; answers {dict(crawl.statuses)}; {len(crawl.faults)} faults")
    return 1 if crawl.faults else 0


if __name__ == "__main__":
    sys.exit(main())
