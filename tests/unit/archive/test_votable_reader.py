"""Our reader of uploaded VOTables: hostile and lying documents, and cells at their limits."""

import struct
from base64 import b64encode

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from cdshealpix.nested import lonlat_to_healpix

from archive.errors import TooLargeError, UsageError
from archive.votable_reader import read_votable
from vo.adql.position_joins import cell_span, cover_circles, cover_order

HEAD = '<?xml version="1.0"?>'
FIELD = '<FIELD name="a" datatype="int"/>'


def document(data="", fields=FIELD, table="", before=HEAD):
    return (
        f"{before}<VOTABLE><RESOURCE><TABLE {table}>{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>".encode()
    )


def cells(*rows):
    return f"<TABLEDATA>{''.join(f'<TR>{r}</TR>' for r in rows)}</TABLEDATA>"


def stream(data, kind="BINARY", encoding='encoding="base64"'):
    return f"<{kind}><STREAM {encoding}>{b64encode(data).decode()}</STREAM></{kind}>"


BOMB = HEAD + '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = HEAD + '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not well-formed"),
        (b"<html/>", "first element is 'html'"),
        (b"<VOTABLE/>", "no TABLE"),
        (document(fields=""), "no FIELD"),
        (document(cells("<TD>1</TD>"), before=BOMB), "document type"),
        (document(cells("<TD>1</TD>"), before=OUTSIDE), "document type"),
        (document(cells("<TD>1</TD>"), before=HEAD + '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">'), "document type"),
        (document(stream(b"", encoding='href="http://127.0.0.1/"')), "STREAM href"),
        (document(stream(b"", encoding='encoding="gzip"')), "encoding='gzip'"),
        (document('<FITS><STREAM href="file:///x"/></FITS>'), "FITS file inside"),
        (document(cells("<TD>1</TD>"), table='nrows="2"'), "says nrows=2 and holds 1 rows"),
        (document(cells("<TD>1</TD>"), table='nrows="-1"'), "nrows='-1'"),
        (document(cells("<TD>1</TD><TD>2</TD>")), "row 1 has 2 cells and there are 1 columns"),
        (document(cells("<TD>1.5</TD>")), "column 'a', row 1: found '1.5', expected a whole number"),
        (document(cells("<TD>99999999999</TD>")), "expected a number from"),
        (document(cells("<TD>1</TD>"), fields=FIELD + FIELD.replace('"a"', '"A"')), "two columns are named"),
        (document(cells("<TD>1</TD>"), fields='<FIELD datatype="int"/>'), "has no name"),
        (document(cells("<TD>1</TD>"), fields='<FIELD name="a" datatype="number"/>'), "none of VOTable's"),
        (document(cells("<TD>1</TD>"), fields='<FIELD name="a" datatype="int" arraysize="3y"/>'), "arraysize='3y'"),
        (document(cells("<TD>1 2</TD>"), fields='<FIELD name="a" datatype="int" arraysize="3"/>'), "3 elements"),
        (document(cells("<TD>abcd</TD>"), fields='<FIELD name="a" datatype="char" arraysize="3"/>'), "at most 3"),
        (document(cells("<TD>maybe</TD>"), fields='<FIELD name="a" datatype="boolean"/>'), "true or false"),
        (document(cells("<TD>x</TD>"), fields='<FIELD name="a" datatype="double"/>'), "expected a number"),
        (document(stream(b"\0\0\0")), "end within row 1"),
        (document("<BINARY><STREAM>%%%</STREAM></BINARY>"), "not base64"),
        (
            document(
                stream(struct.pack(">i", 10**9) + b"abc"), fields='<FIELD name="a" datatype="char" arraysize="*"/>'
            ),
            "found '1000000000 elements', expected no more than the 3 bytes",
        ),
        (
            document(stream(struct.pack(">i", -5)), fields='<FIELD name="a" datatype="char" arraysize="*"/>'),
            "found '-5 elements'",
        ),
        (document(stream(b"\0\0"), fields='<FIELD name="a" datatype="char" arraysize="*"/>'), "a count of elements"),
        (
            document(stream(b"\0\0\0\1\xff"), fields='<FIELD name="a" datatype="char" arraysize="*"/>'),
            "not UTF-8",
        ),
        (document(cells() + cells()).replace(b"</TABLE>", b"</TABLE><TABLE></TABLE>"), "more than one TABLE"),
        (document(cells() + "</DATA><DATA>"), "more than one DATA"),
        (b"<VOTABLE>" * 40, "nested deeper"),
    ],
)
def test_a_bad_document_is_refused_with_its_reason(content, message):
    with pytest.raises(UsageError) as caught:
        read_votable(content)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        document(fields="".join(f'<FIELD name="a{i}" datatype="int"/>' for i in range(1001))),
        document(cells(f"<TD>{'x' * 1_000_001}</TD>"), fields='<FIELD name="a" datatype="char" arraysize="*"/>'),
        document(fields='<FIELD name="a" datatype="double" arraysize="99999x99999"/>'),
    ],
    ids=["columns", "cell", "arraysize"],
)
def test_too_much_is_refused(content):
    with pytest.raises(TooLargeError):
        read_votable(content)


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("archive.votable_reader.MAX_ROWS", 2)
    for data in (cells(*["<TD>1</TD>"] * 3), stream(b"\0" * 12)):
        with pytest.raises(TooLargeError):
            read_votable(document(data))


def test_nulls_of_each_serialization():
    fields = '<FIELD name="a" datatype="int"><VALUES null="-99"/></FIELD><FIELD name="x" datatype="double"/>'
    nan = float("nan")
    text = cells("<TD>-99</TD><TD/>", "<TD>1</TD><TD>2.5</TD>")
    plain = stream(struct.pack(">idid", -99, nan, 1, 2.5))
    flagged = stream(struct.pack(">BidBid", 0xC0, 5, 7.0, 0, 1, 2.5), "BINARY2")
    for data in (text, plain, flagged):
        assert read_votable(document(data, fields)).columns == ([None, 1], [None, 2.5])


def test_prefixed_names_hexadecimal_and_descriptions():
    content = (
        b'<v:VOTABLE xmlns:v="x"><v:RESOURCE><v:TABLE><v:FIELD name="a" datatype="unsignedByte">'
        b"<v:DESCRIPTION> so \n it is </v:DESCRIPTION></v:FIELD><v:DATA><v:TABLEDATA><v:TR><v:TD>0xff</v:TD></v:TR>"
        b"</v:TABLEDATA></v:DATA></v:TABLE></v:RESOURCE></v:VOTABLE>"
    )
    table = read_votable(content)
    assert table.columns == ([255],)
    assert table.fields[0].description == "so it is"


@pytest.mark.parametrize("radius", [1 / 3600, 29 / 3600, 1 / 60, 0.3, 5.0])
def test_covers_hold_every_place_in_their_circles(radius):
    """Against astropy's own offsets: places on and in circles, at random, at poles and where base cells meet."""
    rng = np.random.default_rng(5)
    lon = np.concatenate([rng.uniform(0, 360, 300), rng.choice(np.arange(8) * 45.0, 300) + rng.normal(0, 0.3, 300)])
    corners = rng.choice([41.8103, -41.8103, 0.0, 89.9, -89.9], 300) + rng.normal(0, 0.1, 300)
    lat = np.clip(np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), corners]), -90, 90)
    lon %= 360
    starts = cover_circles(lon, lat, radius)
    for angle in rng.uniform(0, 360, 12):
        for part in (1.0, 0.7):
            place = SkyCoord(lon, lat, unit="deg").directional_offset_by(angle * u.deg, part * radius * u.deg)
            cell = np.asarray(lonlat_to_healpix(place.ra, place.dec, 29)).astype(np.int64)
            inside = (
                (starts >= 0) & (starts <= cell[:, None]) & (cell[:, None] < starts + cell_span(cover_order(radius)))
            ).any(axis=1)
            assert inside.all()


def test_a_place_that_is_none_has_no_cover():
    assert (cover_circles(np.array([np.nan, 10.0]), np.array([0.0, np.inf]), 1.0) == -1).all()
