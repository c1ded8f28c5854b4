"""People arriving at the gateway over HTTP, and their labels hours later."""

from __future__ import annotations

import heapq
import http.client
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from seawall.adapters.clock import FileClock
from seawall.cli.demo import data
from seawall.kernel import Unavailable, from_ns

PER_HOUR, PER_REQUEST = 1_000, 25
IDLE = 1.0

FIELDS = (data.UNIT, *data.FEATURES, *data.PROTECTED)
SOONEST, LATEST = timedelta(minutes=20), timedelta(hours=2, minutes=40)
"""When labels come after their decision: uniform between these."""

Rewrite = Callable[[dict[str, list[Any]]], dict[str, list[Any]]]


class Sent(msgspec.Struct):
    """What came of the people sent so far."""

    people: int = 0
    refused: int = 0
    by_arm: Counter[str] = msgspec.field(default_factory=lambda: Counter[str]())
    by_verdict: Counter[str] = msgspec.field(default_factory=lambda: Counter[str]())
    refusal: dict[str, Any] = {}
    last_decision: str = ""


class Traffic:
    """Sends people in file order at a fixed pace of the clock, which it alone moves."""

    def __init__(self, gateway: str, clock: FileClock, people: Mapping[str, Sequence[Any]]) -> None:
        parts = urlsplit(gateway)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self._clock, self._random = clock, random.Random(20150101)  # noqa: S311 -- delays
        self._people, self.position = people, 0
        self._due: list[tuple[int, str, int]] = []
        self.people_sent = self.labels_sent = 0
        self._used = time.monotonic()

    def of(self, people: Mapping[str, Sequence[Any]]) -> Traffic:
        """The same doors for other people; labels still due come all the same."""
        self._people, self.position = people, 0
        return self

    @property
    def left(self) -> int:
        """How many people have not been sent."""
        return len(self._people[data.LABEL]) - self.position

    def hour(
        self,
        sent: Sent,
        rewrite: Rewrite | None = None,
        *,
        labels: bool = True,
        share: float = 1.0,
    ) -> None:
        """One hour of the clock, or a share of it: people arrive evenly, labels are reported."""
        steps = PER_HOUR // PER_REQUEST
        for _ in range(round(steps * share)):
            self.request(sent, rewrite, labels=labels)
            self._clock.advance(timedelta(hours=1) / steps)
        self.report_labels()

    def request(
        self, sent: Sent, rewrite: Rewrite | None = None, *, labels: bool = True
    ) -> list[dict[str, Any]]:
        """One request with the next people; returns the answers, empty when it was refused."""
        begin, end = self.position, min(self.position + PER_REQUEST, len(self._people[data.LABEL]))
        self.position = end
        if begin == end:
            return []
        columns = {name: list(self._people[name][begin:end]) for name in FIELDS}
        if rewrite is not None:
            columns = rewrite(columns)
        body = {
            "dataframe_split": {
                "columns": list(columns),
                "data": list(zip(*columns.values(), strict=True)),
            }
        }
        sent.people += end - begin
        self.people_sent += end - begin
        status, answer = self._post("/endpoints/income/invocations", body)
        if status != 200:
            sent.refused += end - begin
            sent.refusal = answer
            return []
        answers: list[dict[str, Any]] = answer["predictions"]
        now = self._clock.now_ns()
        for told, label in zip(answers, self._people[data.LABEL][begin:end], strict=True):
            sent.by_arm[told["arm"]] += 1
            sent.by_verdict[told["verdict"]] += 1
            if labels:
                delay = self._random.uniform(SOONEST.total_seconds(), LATEST.total_seconds())
                heapq.heappush(self._due, (now + int(delay * 1e9), told["decision_id"], int(label)))
        sent.last_decision = answers[-1]["decision_id"]
        return answers

    def report_labels(self) -> None:
        """Report every label that is known by now."""
        now, ready = self._clock.now_ns(), list[dict[str, Any]]()
        while self._due and self._due[0][0] <= now:
            when, decision, label = heapq.heappop(self._due)
            known = from_ns(when).isoformat()
            ready.append({"decision_id": decision, "label": label, "time": known})
        if ready:
            status, answer = self._post("/outcomes", ready)
            if status != 200:
                raise Unavailable(f"outcomes were not taken: {answer}")
            self.labels_sent += answer["received"]

    def wait_out(self, hours: float) -> None:
        """Let the clock go on with nobody arriving; labels still come."""
        for _ in range(round(hours * 4)):
            self._clock.advance(timedelta(minutes=15))
            self.report_labels()

    def _post(self, path: str, body: Any) -> tuple[int, Any]:
        content = msgspec.json.encode(body)
        if time.monotonic() - self._used > IDLE:
            self._http.close()  # the server may have closed it; http.client connects anew
        try:
            self._http.request("POST", path, content, {"content-type": "application/json"})
            answer = self._http.getresponse()
            return answer.status, msgspec.json.decode(answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise Unavailable(f"the gateway does not answer: {error}") from error
        finally:
            self._used = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def people_of(table: Any) -> dict[str, list[Any]]:
    """The columns that requests and labels are made of, as plain lists."""
    return {name: table[name].to_pylist() for name in (*FIELDS, data.LABEL)}
