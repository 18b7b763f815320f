"""What comes over an HTTP/1.1 connection, as requests: headers, parts of bodies, ends.

llhttp reads, by httptools, and takes nothing that another could read otherwise; what it leaves to
its caller is refused here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

SLICE: Final = 1024
"""Bytes of a body in chunks that are read at a time. A chunk of one byte costs as much as a long
one, and what came at once would otherwise keep all others waiting for seconds."""

KEPT: Final = 1024
"""Bytes of headers up to which a connection keeps the last: callers send the same again and again,
and what was read once needs no reading."""

END: Final = None
"""A request has come to its end."""

BROKEN: Final = False
"""What follows cannot be read."""

_HEAD_END: Final = b"\r\n\r\n"

Fields = tuple[tuple[str, str], ...]


class Malformed(Exception):
    """No request that is answered here."""


class Head(NamedTuple):
    """A request without its body.

    ``fields`` are all headers and ``headers`` the first of each name, in lower case. ``length`` is
    the body's, None where it comes in chunks. ``keeps``: the connection may have another request.
    ``asks``: the caller waits to be told that its body is wanted.
    """

    verb: str
    path: str
    fields: Fields
    headers: Mapping[str, str]
    length: int | None
    keeps: bool
    asks: bool


class Reader:
    """Of one connection. ``left`` is what came and was not read, ``read`` what has had no turn yet.

    Of requests that come one behind the other it reads one at a time: what it is fed ends with the
    headers, or with the body. Behind a body in chunks it may read on to the end of a slice.
    """

    def __init__(self, max_header_bytes: int) -> None:
        self.left = b""
        self.read: deque[Head | bytes | bool | None] = deque()
        self._max_header_bytes = max_header_bytes
        self._parser = HttpRequestParser(self)
        # The request whose body it is in, what is missing of that, the bytes since the beginning of
        # the headers or the last of the body, and the last three of all.
        self._inside: Head | None = None
        self._missing = 0
        self._fed = 0
        self._tail = b""
        # The headers that came last, and whether they came again, which the parser does not know.
        self._kept: tuple[bytes, Head] | None = None
        self._known = False

    @property
    def begun(self) -> bool:
        """Whether the headers of a request have begun and not ended."""
        return self._fed > 0 and self._inside is None

    def close(self) -> None:
        """Nothing further is read, and nothing kept."""
        self.left = b""
        self.read.clear()
        del self._parser  # it holds this reader, as this holds it

    def feed(self) -> bool:
        """Have a part of what came read: headers, a body, or a slice of chunks; whether a slice."""
        left, inside, first = self.left, self._inside, not self._fed
        if (inside is None or self._known) and self._again(left):
            return False
        if inside is None:
            found = (self._tail + left).find(_HEAD_END)
            size = found + len(_HEAD_END) - len(self._tail) if found >= 0 else len(left)
        else:
            size = SLICE if inside.length is None else self._missing
        part, self.left = left[:size], left[size:]
        self._tail = (self._tail + part[-3:])[-3:]
        if inside is None or inside.length is None:
            self._fed += len(part)
        if self._fed > self._max_header_bytes:
            self.read.append(BROKEN)
            return False
        try:
            self._parser.feed_data(part)
        except HttpParserUpgrade as upgrade:
            self.left = part[upgrade.args[0] :] + self.left
            self._stay()
        except HttpParserError:
            self.read.append(BROKEN)
        if first and len(part) <= KEPT and self.read and isinstance(self.read[0], Head):
            head = self.read[0]
            if inside is None and head.length is not None and part.endswith(_HEAD_END):
                self._kept = part, head
        return inside is not None and inside.length is None

    def _again(self, left: bytes) -> bool:
        """Take headers that are those of the last request, byte for byte, and then its body."""
        if self._known:
            size = self._missing
            self.left = left[size:]
            self.on_body(left[:size])
        elif self._kept is None or self._fed or not left.startswith(self._kept[0]):
            return False
        else:
            raw, head = self._kept
            self.left = left[len(raw) :]
            self.read.append(head)
            self._inside, self._missing, self._known = head, head.length or 0, True
        if not self._missing:
            self.on_message_complete()
        return True

    def _stay(self) -> None:
        """Read on as HTTP/1.1: the parser leaves a body to the protocol that was asked for."""
        while not isinstance(head := self.read.pop(), Head):
            pass  # an end, for which it takes that of the headers
        self.read.append(head)
        self._parser = HttpRequestParser(self)
        if head.length == 0:
            self.read.append(END)
            return
        length = "transfer-encoding: chunked"
        if head.length is not None:
            length = f"content-length: {head.length}"
        self._parser.feed_data(f"POST / HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n".encode())
        self.read.pop()  # which only the parser needed to know

    # What the parser says.

    def on_message_begin(self) -> None:
        self._fed += 1
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))  # trailers too, which nobody asks for

    def on_headers_complete(self) -> None:
        parser = self._parser
        head = _head(parser.get_method(), self._target, self._fields, parser)
        self._inside, self._missing = head, head.length or 0
        self.read.append(head)

    def on_body(self, part: bytes) -> None:
        self._fed = 0
        self._missing -= len(part)
        if self.read and isinstance(before := self.read[-1], bytes):
            self.read[-1] = before + part  # of a slice of tiny chunks
        else:
            self.read.append(part)

    def on_message_complete(self) -> None:
        self._fed = 0
        self._inside, self._known = None, False
        self.read.append(END)


def _head(
    verb: bytes, target: bytes, fields: list[tuple[bytes, bytes]], parser: HttpRequestParser
) -> Head:
    """What the parser found, if it is a request that is answered here.

    Raises:
        Malformed: another version, a tunnel, no host or several, or a body whose end two readers
            could see in different places.
    """
    version = parser.get_http_version()
    named = tuple(
        [(name.decode("ascii").lower(), value.decode("latin-1").strip()) for name, value in fields]
    )
    headers = dict(reversed(named))
    names = [name for name, _ in named]
    hosts, codings = names.count("host"), names.count("transfer-encoding")
    if version not in ("1.1", "1.0") or verb == b"CONNECT":
        raise Malformed
    if hosts > 1 or (version == "1.1" and not hosts):
        raise Malformed
    length: int | None = 0
    if codings:
        chunks = headers["transfer-encoding"].lower() == "chunked"
        if codings > 1 or not chunks or version == "1.0" or "content-length" in headers:
            raise Malformed
        length = None
    elif "content-length" in headers:
        length = int(headers["content-length"])
    path = target.partition(b"?")[0].decode("ascii")
    return Head(
        verb.decode("ascii"),
        unquote(path) if "%" in path else path,
        named,
        headers,
        length,
        version == "1.1" and parser.should_keep_alive(),
        headers.get("expect", "").lower() == "100-continue",
    )
