from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.misbehaving import Misbehaving, binary, misbehaving, mlflow, oip, reply

from seawall.adapters.upstream import Late, RemoteModel, Upstream
from seawall.kernel import BadInput, Corrupt, Unavailable
from seawall.serving.remote import RemoteServer
from seawall.serving.signature import Field, Signature

SIGNATURE = Signature((Field(name="age", kind="number"), Field(name="hours", kind="number")))
ROWS = np.array([[40, 38.5], [71, np.nan]], dtype=np.float32)
Use = Callable[[Misbehaving, Upstream], Coroutine[Any, Any, Any]]


def at(url: str, protocol: str = "oip", **given: Any) -> RemoteServer:
    model = {"model": "m"} if protocol == "oip" else {}
    return RemoteServer(name="risk", url=url, protocol=protocol, **(model | given))  # type: ignore[arg-type]


def using(use: Use, **given: Any) -> Any:
    async def run() -> Any:
        async with misbehaving() as server, Upstream("risk", server.url, **given) as upstream:
            return await use(server, upstream)

    return asyncio.run(run())


def scored(answer: bytes, protocol: Any = "oip", how: str = "plain", **given: Any) -> Any:
    async def use(server: Misbehaving, upstream: Upstream) -> Any:
        server.answer, server.how = answer, how
        return await RemoteModel(upstream, at(server.url, protocol), SIGNATURE).scores(ROWS)

    return using(use, **given)


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("oip", oip([0.25, 0.5])),
        ("oip", oip([[0.75, 0.25], [0.5, 0.5]], [2, 2])),
        ("oip", oip([0.75, 0.25, 0.5, 0.5], [2, 2])),
        ("oip", binary([0.25, 0.5])),
        ("mlflow", mlflow([0.25, 0.5])),
        ("mlflow", mlflow([[0.75, 0.25], [0.5, 0.5]])),
        ("mlflow", mlflow([{"score": 0.25, "label": 0}, {"score": 0.5, "label": 1}])),
        ("mlflow", mlflow({"score": [0.25, 0.5], "label": [0, 1]})),
    ],
)
def test_scores_are_read_in_every_shape_that_servers_use(protocol: str, answer: bytes) -> None:
    np.testing.assert_array_equal(scored(answer, protocol), [0.25, 0.5])


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("hang", "no answer within 0.3 s"),
        ("drip", "no answer within 0.3 s"),
        ("reset", "closed the connection"),
        ("half", "did not answer in HTTP|closed the connection"),
        ("endless", "more than 1,000,000 bytes"),
    ],
)
def test_a_server_that_fails_on_the_way_is_unavailable_by_name_and_in_time(
    how: str, told: str
) -> None:
    with pytest.raises(Unavailable, match=f"the upstream risk .*({told})"):
        scored(oip([0.25, 0.5]), how=how, timeout=0.3, most_bytes=1_000_000)


@pytest.mark.parametrize(
    "answer",
    [
        *(reply(b"{}", f"{status} x") for status in (301, 404, 429, 500, 503)),
        b"what?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        reply(b"", more="content-length: 99999999999\r\n"),
    ],
)
def test_another_status_or_no_http_is_unavailable(answer: bytes) -> None:
    with pytest.raises(Unavailable, match="the upstream risk"):
        scored(answer, timeout=0.5)


@pytest.mark.parametrize(
    ("protocol", "answer", "told"),
    [
        ("oip", reply(b"<html>"), "something else"),
        ("oip", reply(b"\xff\xfe"), "something else"),
        ("oip", reply(b'{"outputs": []}'), "something else"),
        ("oip", reply(b'{"outputs": ' + b"[" * 100_000), "something else"),
        ("oip", oip([0.5]), "something else"),
        ("oip", oip([0.5, 0.5], [2, 7]), "something else"),
        ("oip", oip([0.5, 0.5], [2, -1]), "something else"),
        ("oip", oip(["a", {}]), "something else"),
        ("oip", oip([0.5, None]), "no finite number"),
        ("oip", binary([0.5, float("nan")]), "no finite number"),
        ("oip", binary([0.5, float("inf")]), "no finite number"),
        ("oip", binary([0.5, 0.5], size=3), "something else"),
        ("oip", binary([0.5, 0.5], size=-9), "something else"),
        ("mlflow", mlflow([0.5]), "1 scores for 2 rows"),
        ("mlflow", mlflow("abc"), "something else"),
        ("mlflow", mlflow({}), "something else"),
        ("mlflow", mlflow([[0.5], [0.5, 0.5]]), "something else"),
        ("mlflow", reply(b'{"predictions": [NaN, 1]}'), "something else"),
    ],
)
def test_what_is_no_score_a_row_is_corrupt_by_name(protocol: str, answer: bytes, told: str) -> None:
    with pytest.raises(Corrupt, match=f"the upstream risk answered .*{told}"):
        scored(answer, protocol)


def test_no_reply_ends_otherwise_than_in_scores_or_one_error() -> None:
    async def use(server: Misbehaving, upstream: Upstream) -> None:
        model = {p: RemoteModel(upstream, at(server.url, p), SIGNATURE) for p in ("oip", "mlflow")}
        loop = asyncio.get_running_loop()

        def one(protocol: str, answer: bytes) -> None:
            server.answer = answer
            work = model[protocol].scores(ROWS, 5.0)
            found = asyncio.run_coroutine_threadsafe(work, loop).result()
            assert found.shape == (2,)

        json_like = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["outputs", "data", "score", "name"]), inner)
            ),
        )
        bodies = st.one_of(
            st.binary(max_size=60).map(reply),
            json_like.map(mlflow),
            st.lists(json_like, max_size=3).map(oip),
            st.binary(max_size=60),
        )

        @given(st.sampled_from(["oip", "mlflow"]), bodies)
        @settings(max_examples=100, deadline=None)
        def check(protocol: str, answer: bytes) -> None:
            server.how = "plain" if answer.startswith(b"HTTP") else "half"
            try:
                one(protocol, answer)
            except (Unavailable, Corrupt) as error:
                told = str(error)
            else:
                return
            assert "the upstream risk" in told
            assert "\n" not in told

        await asyncio.to_thread(check)
        for _ in range(100):
            if server.open <= 1:
                break
            await asyncio.sleep(0.05)
        assert server.open <= 64

    using(use)


def test_after_a_fault_the_next_request_is_answered() -> None:
    async def use(server: Misbehaving, upstream: Upstream) -> None:
        model = RemoteModel(upstream, at(server.url), SIGNATURE)
        for how in ("hang", "reset", "drip", "endless"):
            server.answer, server.how = oip([0.25, 0.5]), how
            with pytest.raises(Unavailable):
                await model.scores(ROWS, 0.2)
            server.how = "plain"
            assert (await model.scores(ROWS, 20.0)).tolist() == [0.25, 0.5]

    using(use, most_bytes=1_000_000)


def test_a_server_that_hangs_holds_no_more_than_the_pool() -> None:
    async def use(server: Misbehaving, upstream: Upstream) -> None:
        server.how = "hang"
        model = RemoteModel(upstream, at(server.url), SIGNATURE)
        many = [model.scores(ROWS, 0.3) for _ in range(100)]
        found = await asyncio.gather(*many, return_exceptions=True)
        assert {type(f) for f in found} == {Late}
        assert len(server.asked) < 50  # a slot is free again when a request has waited enough

    using(use, connections=4)


def test_a_huge_reply_takes_no_more_memory_than_is_let_in() -> None:
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        with pytest.raises(Unavailable, match="more than"):
            scored(b"", how="endless", timeout=30.0, most_bytes=2_000_000)
    assert psutil.Process().memory_info().rss - before < 100_000_000


def test_a_request_is_forwarded_and_answered_byte_for_byte() -> None:
    async def use(server: Misbehaving, upstream: Upstream) -> None:
        body = bytes(range(256))
        server.answer = reply(
            body, "418 teapot", "X-Own: a\r\nset-cookie: s=1\r\nconnection: x\r\n"
        )
        sent = [(b"content-type", b"a/b"), (b"X-Caller", b"shop"), (b"connection", b"upgrade")]
        answer = await upstream.forward("/p?q=1", sent, body)
        assert (answer.status, answer.body) == (418, body)
        assert answer.headers == [(b"X-Own", b"a"), (b"set-cookie", b"s=1")]
        head, _, received = server.asked[0].partition(b"\r\n\r\n")
        assert received == body
        assert head.startswith(b"POST /p?q=1 HTTP/1.1\r\n")
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        assert names == {b"host", b"content-type", b"x-caller", b"content-length"}
        await upstream.forward("/p", {}, b"")
        assert b"cookie" not in server.asked[1].lower()

    using(use)


@pytest.mark.parametrize("url", ["", "risk:80", "ftp://risk", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"no address of a server \(risk\)"):
        Upstream("risk", url)
