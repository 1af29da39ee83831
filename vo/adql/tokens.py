"""Splits the text of a query into tokens and steps through them."""

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from vo.adql.errors import ADQLError, ADQLSyntaxError, QueryTooLargeError
from vo.adql.syntax import Identifier, SelectExpression
from vo.adql.words import RESERVED_WORDS

MAX_LENGTH = 262_144
MAX_NESTING = 40

_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r\n\f\v]+|--[^\n]*)+)
      | (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<number>0[xX][0-9A-Fa-f]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?)
      | (?P<string>'(?:[^']++|'')*+')
      | (?P<quoted>"(?:[^"]++|"")++")
      | (?P<operator><>|!=|<=|>=|\|\||[-+*/(),.;=<>&|^~])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """`kind` is word, number, string, quoted, operator or end; `text` is a word in upper case or as written."""

    kind: str
    text: str
    pos: int
    written: str


def line_and_column(text: str, pos: int) -> tuple[int, int]:
    r"""Return the line and column, from 1, of an offset.

    Examples
    --------
    >>> line_and_column("SELECT *\nFROM t", 9)
    (2, 1)
    """
    return text.count("\n", 0, pos) + 1, pos - text.rfind("\n", 0, pos)


def tokenize(text: str) -> list[Token]:
    """Split a query into tokens; the last one is of kind ``end``.

    Raises
    ------
    QueryTooLargeError
        If the text is longer than `MAX_LENGTH` characters.
    ADQLSyntaxError
        At a character that begins no token, an unterminated quote, or a character no database can hold.
    """
    if len(text) > MAX_LENGTH:
        msg = f"the query has {len(text)} characters; at most {MAX_LENGTH} are taken: upload long lists as a table"
        raise QueryTooLargeError(msg)
    tokens: list[Token] = []
    pos = 0
    match = _TOKEN.match
    while found := match(text, pos):
        kind = found.lastgroup
        if kind != "blank":
            written = found.group()
            tokens.append(Token(str(kind), written.upper() if kind == "word" else written, pos, written))
        pos = found.end()
    if pos < len(text):
        _refuse_character(text, pos)
    for token in tokens:
        if token.kind in {"string", "quoted"} and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in token.text):
            line, column = line_and_column(text, token.pos)
            msg = "a quoted text holds a NUL or an unpaired surrogate character, which cannot be stored or compared"
            raise ADQLSyntaxError(msg, line=line, column=column, found=token.text)
    tokens.append(Token("end", "", len(text), ""))
    return tokens


def _refuse_character(text: str, pos: int) -> NoReturn:
    line, column = line_and_column(text, pos)
    found = text[pos]
    if found == "'":
        msg = "a text that begins with ' has no closing '; write '' for a ' inside a text"
    elif found == '"':
        msg = 'a delimited identifier that begins with " is empty or has no closing "'
    elif found == "_":
        msg = 'a name may not begin with _ unless it is delimited: write "_name"'
    else:
        msg = f"the character {found!r} has no meaning in ADQL outside of quotes"
    raise ADQLSyntaxError(msg, line=line, column=column, found=found, expected="a token of ADQL")


class Cursor:
    """A place in the token list. Parsing functions read through it and move it on."""

    def __init__(
        self,
        text: str,
        *,
        knows_function: Callable[[str], bool],
        parse_subquery: "Callable[[Cursor], SelectExpression]",
    ) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0
        self.knows_function = knows_function
        self.parse_subquery = parse_subquery

    @property
    def token(self) -> Token:
        """The current token."""
        return self.tokens[self.index]

    @property
    def next_token(self) -> Token:
        """The token after the current one (the end token repeats)."""
        return self.tokens[min(self.index + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Return the current token and move on."""
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the current token is one of these keywords or operators."""
        token = self.tokens[self.index]
        return token.text in texts and token.kind in {"word", "operator"}

    def accept(self, *texts: str) -> Token | None:
        """Take the current token if it is one of these keywords or operators."""
        return self.take() if self.at(*texts) else None

    def expect(self, text: str, context: str) -> Token:
        """Take this keyword or operator, or fail."""
        return self.take() if self.at(text) else self.fail(f"{text} {context}")

    def accept_identifier(self) -> Identifier | None:
        """Take a delimited identifier or a name that is not reserved, if there is one."""
        token = self.token
        if token.kind == "quoted":
            self.take()
            return Identifier(token.text[1:-1].replace('""', '"'), delimited=True, pos=token.pos)
        if token.kind == "word" and token.text not in RESERVED_WORDS:
            self.take()
            return Identifier(token.written, pos=token.pos)
        return None

    def expect_identifier(self, what: str) -> Identifier:
        """Take an identifier or fail, explaining reserved words."""
        return self.accept_identifier() or self.fail(what)

    def expect_whole_number(self, what: str) -> int:
        """Take an unsigned decimal, at most 2**63 - 1."""
        token = self.token
        if token.kind != "number" or not token.text.isdigit():
            self.fail(what)
        if len(token.text) > 19 or int(token.text) > 2**63 - 1:
            self.fail(f"{what} below 2**63")
        self.take()
        return int(token.text)

    def enter(self) -> None:
        """Go one level of nesting deeper; the caller leaves it with :meth:`leave`."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            line, column = line_and_column(self.text, self.token.pos)
            msg = f"the query is nested more than {MAX_NESTING} levels deep"
            raise QueryTooLargeError(msg, line=line, column=column)

    def leave(self) -> None:
        """Come back from a level of nesting."""
        self.depth -= 1

    def error(self, message: str, pos: int, cls: type[ADQLError] = ADQLSyntaxError) -> ADQLError:
        """Make an error that points at an offset."""
        line, column = line_and_column(self.text, pos)
        return cls(message, line=line, column=column)

    def fail(self, expected: str, token: Token | None = None) -> NoReturn:
        """Raise a syntax error at `token` (the current one by default)."""
        token = token or self.token
        line, column = line_and_column(self.text, token.pos)
        found = "the end of the query" if token.kind == "end" else _shorten(token.written)
        hint = ""
        if token.kind == "word" and token.text in RESERVED_WORDS:
            hint = f'; {token.text} is a reserved word of ADQL, write "{token.written}" if it is meant as a name'
        msg = f"syntax error at {found}: expected {expected}{hint}"
        raise ADQLSyntaxError(msg, line=line, column=column, found=token.written, expected=expected)


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
