"""Scripts that fetch files, go on where a transfer broke off, and check every digest; for curl, wget and Python.

Pure: a list of files in, the text of a script out. A script may be run again at any time: what is there and right is
left alone, what was begun is continued, and what is wrong is fetched anew. It ends with status 1 if a file is missing.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: where to put it, its address, size (bytes) and SHA-256 (hexadecimal)."""

    name: str
    url: str
    size_bytes: int
    sha256: str


def safe_names(names: Iterable[str]) -> list[str]:
    """Return paths that stay below the directory of the script and do not collide, whatever the names are.

    Examples
    --------
    >>> safe_names(["crab/lc 1.fits", "../../etc/passwd", "crab/lc_1.fits"])
    ['crab/lc_1.fits', '_/_/etc/passwd', 'crab/lc_1.fits.2']
    """
    found: dict[str, int] = {}
    safe = []
    for name in names:
        parts = [re.sub(r"[^A-Za-z0-9._+-]", "_", part) for part in name.split("/")]
        path = "/".join("_" if part.strip(".") == "" else re.sub(r"^-", "_", part) for part in parts)
        count = found[path] = found.get(path, 0) + 1
        safe.append(path if count == 1 else f"{path}.{count}")
    return safe


_SHELL = """#!/bin/sh
# Fetches {count} files ({total} bytes) of {title}.
# Run it again after a break: what is there and right is left alone, the rest goes on. It needs {tool} and sha256sum.
set -u
failed=0
right() {{ printf '%s  %s\\n' "$1" "$2" | sha256sum -c --status - 2>/dev/null; }}
fetch() {{ # digest, size, name, address
  if [ -f "$3" ] && right "$1" "$3"; then echo "have $3"; return; fi
  mkdir -p "$(dirname "$3")"
  for attempt in 1 2 3 4 5; do
    if [ "$( (wc -c <"$3.part") 2>/dev/null || echo 0)" -lt "$2" ]; then
      {command} || echo "attempt $attempt at $3 broke off" >&2
    fi
    if [ "$( (wc -c <"$3.part") 2>/dev/null || echo 0)" -ge "$2" ]; then
      if right "$1" "$3.part"; then mv "$3.part" "$3"; echo "got $3"; return; fi
      echo "$3 has a wrong digest, it is fetched anew" >&2
      rm -f "$3.part"
    fi
  done
  echo "FAILED $3" >&2
  failed=1
}}
{calls}
exit $failed
"""
_CURL = 'curl --fail --location --silent --show-error --continue-at - --output "$3.part" "$4"'
_WGET = 'wget --quiet --continue --tries=1 --output-document="$3.part" "$4"'

_PYTHON = '''#!/usr/bin/env python3
"""Fetches {count} files ({total} bytes) of {title}.

Run it again after a break: what is there and right is left alone, the rest goes on. Python 3.8 or newer, nothing else.
"""

import hashlib
import os
import sys
import time
import urllib.error
import urllib.request

FILES = [
    # digest, size, name, address
{files}]


def digest_of(path):
    """Return the SHA-256 of what is there."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def transfer(part, digest, size, url):
    """Fetch what is missing; If-Range makes the server begin anew if its file is another one."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    if have >= size:
        return
    headers = {{"Range": "bytes=%d-" % have, "If-Range": '"%s"' % digest}} if have else {{}}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as reply:
        with open(part, "ab" if reply.status == 206 else "wb") as file:
            for chunk in iter(lambda: reply.read(1 << 20), b""):
                file.write(chunk)


def fetch(digest, size, name, url):
    """Fetch one file; says whether it is there and right."""
    if os.path.exists(name) and digest_of(name) == digest:
        print("have", name)
        return True
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    part = name + ".part"
    for attempt in range(5):
        try:
            transfer(part, digest, size, url)
        except (OSError, urllib.error.URLError) as error:
            print("attempt", attempt + 1, "at", name, "broke off:", error, file=sys.stderr)
            time.sleep(attempt)
        if os.path.exists(part) and os.path.getsize(part) >= size:
            if digest_of(part) == digest:
                os.replace(part, name)
                print("got", name)
                return True
            print(name, "has a wrong digest, it is fetched anew", file=sys.stderr)
            os.remove(part)
    print("FAILED", name, file=sys.stderr)
    return False


if __name__ == "__main__":
    results = [fetch(*entry) for entry in FILES]
    sys.exit(0 if all(results) else 1)
'''


def curl_script(files: Sequence[Wanted], title: str) -> str:
    """Return a shell script that uses curl."""
    return _shell_script(files, title, "curl", _CURL)


def wget_script(files: Sequence[Wanted], title: str) -> str:
    """Return a shell script that uses wget."""
    return _shell_script(files, title, "wget", _WGET)


def _shell_script(files: Sequence[Wanted], title: str, tool: str, command: str) -> str:
    calls = "\n".join(
        f"fetch {file.sha256} {file.size_bytes} {shlex.quote(name)} {shlex.quote(file.url)}"
        for name, file in zip(safe_names(file.name for file in files), files, strict=True)
    )
    facts = {"count": len(files), "total": sum(file.size_bytes for file in files), "title": _one_line(title)}
    return _SHELL.format(tool=tool, command=command, calls=calls, **facts)


def python_script(files: Sequence[Wanted], title: str) -> str:
    """Return a Python script that needs no library."""
    entries = "".join(
        f"    ({file.sha256!r}, {file.size_bytes}, {name!r}, {file.url!r}),\n"
        for name, file in zip(safe_names(file.name for file in files), files, strict=True)
    )
    facts = {"count": len(files), "total": sum(file.size_bytes for file in files), "title": _one_line(title)}
    return _PYTHON.format(files=entries, **facts)


def _one_line(text: str) -> str:
    """Keep letters, digits and plain punctuation: the title stands in a comment."""
    return re.sub(r"[^A-Za-z0-9 .:/_+-]", "_", text)


SCRIPTS: Mapping[str, tuple[Callable[[Sequence[Wanted], str], str], str, str]] = {
    "curl": (curl_script, "fetch-curl.sh", "text/x-shellscript"),
    "wget": (wget_script, "fetch-wget.sh", "text/x-shellscript"),
    "python": (python_script, "fetch.py", "text/x-python"),
}
"""How each script is made, its file name and its media type."""
