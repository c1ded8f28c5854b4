"""Servers elsewhere for a gateway's tests, in threads: one that fails as it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.adapters.misbehaving import Misbehaving, misbehaving, oip
from tests.gateway.control import Control, arm, bundle

from seawall.kernel import Digest
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.fallback import Fallback
from seawall.serving.remote import FORMAT, RemoteServer


@contextmanager
def elsewhere() -> Generator[Misbehaving]:
    """A server that answers a score of 0.25 for one row, until told otherwise."""
    started, made = threading.Event(), list[Misbehaving]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with misbehaving() as server:
            server.answer = oip([0.25])
            made.append(server)
            started.set()
            await stop.wait()
        for _ in range(3):  # what was closed is let go of in the loop's next rounds
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def remote(control: Control, url: str, name: str = "champion", **given: Any) -> Arm:
    """An arm whose model is on a server, its artefact kept by the control plane."""
    weight = given.pop("weight", 1.0 if name == "champion" else 0.0)
    called = "risk" if name == "champion" else name
    asked: dict[str, Any] = {"name": called, "url": url, "model": "m", "timeout_ms": 2_000.0}
    artefact = RemoteServer(**(asked | given)).to_bytes()
    digest = Digest.of(artefact)
    control.objects[digest] = artefact
    version = {"champion": "m@1", "shadow": "m@2"}.get(name, "m@3")
    return Arm(name=name, version=version, artefact=digest, format=FORMAT, weight=weight)


def in_front(control: Control, url: str, number: int = 1, **given: Any) -> Bundle:
    """A bundle with a remote champion, a simpler model beside it, and a safe default."""
    said = {k: given.pop(k) for k in list(given) if k in RemoteServer.__struct_fields__}
    fallback = Fallback(label=0, reason="a person decides", arms=("simple",))
    defaults: dict[str, Any] = {
        "arms": (remote(control, url, **said), arm("simple", "m@9", 4)),
        "fallback": fallback,
    }
    return bundle(number, **(defaults | given))
