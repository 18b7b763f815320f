"""The HTTP port: pages for people and scrapers, and the protocols' REST routes.

Served on a thread and an event loop of its own, so that a scrape or a health check neither waits
for gRPC's requests nor makes them wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from horngate.calls import STEP_SECONDS, Calls, until
from horngate.fronts.http.call import HttpCall, Port
from horngate.fronts.http.connection import Connection, Connections, Exchange
from horngate.fronts.http.listener import Listener
from horngate.fronts.http.loop import Loop
from horngate.fronts.http.page import NotThere, Page, PageCall
from horngate.fronts.http.reader import Head
from horngate.fronts.http.routes import NotServed, Routes
from horngate.fronts.options import PortOptions
from horngate.protocols.http import HttpMethod

Make = Callable[[Head, Connection, Mapping[str, str]], Exchange]
"""Of a request, its connection and its route's places: who answers it."""


class HttpFront:
    """Listens from its construction on, so that a port in use is known before models load."""

    def __init__(
        self,
        pages: Sequence[Page],
        methods: Sequence[HttpMethod],
        options: PortOptions,
        calls: Calls,
    ) -> None:
        self._listener = Listener(options)
        self.port = self._listener.port
        self._shared = Port(Loop(calls.clock), calls, set(), options.deadline_seconds)
        loop = self._shared.loop.events
        self._connections = Connections(loop, options.max_header_bytes, self._exchange)
        self._ends = asyncio.Event()

        def made(method: HttpMethod) -> Make:
            return partial(HttpCall, self._shared, method)

        def shown(page: Page) -> Make:
            return partial(PageCall, self._shared, page)

        self._routes = Routes(
            [
                # Predictions first: nothing else is asked for as often.
                *[
                    (each.route, each.verb, made(each))
                    for each in sorted(methods, key=lambda each: not each.predicts)
                ],
                *[(page.path, "GET", shown(page)) for page in pages],
            ]
        )

    def start(self) -> None:
        """Begin to answer."""
        self._shared.loop.start(self._serve)

    def drain(self, seconds: float) -> None:
        """Return once no REST request waits for its answer, after ``seconds`` at the latest.

        One whose body is still to come is none: whoever is slow with it would hold up every stop.
        """
        until(lambda: not self._shared.answering, self._shared.calls.clock, seconds)

    def stop(self) -> None:
        """Finish the replies under way and end."""
        self._shared.loop.stop(self._ends.set)
        self._listener.close()

    async def _serve(self) -> None:
        self._connections.look()
        self._listener.start(asyncio.get_running_loop(), self._connections.made)
        await self._ends.wait()
        self._listener.stop()
        self._connections.stop()
        while self._connections.open:  # noqa: ASYNC110 - each ends by itself, in its time
            await asyncio.sleep(STEP_SECONDS)

    def _exchange(self, head: Head, connection: Connection) -> Exchange:
        try:
            make, places = self._routes.find(head.verb, head.path)
        except NotServed as error:
            return NotThere(error.allowed, head, connection)
        return make(head, connection, places)
