"""The stage the demo plays on: a folder, a clock, the control plane, the identities."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.clock import FileClock
from seawall.cli.demo.processes import Processes, free_port
from seawall.cli.demo.traffic import Traffic
from seawall.kernel import Unavailable, from_ns
from seawall.sdk.client import Client

TRAINING = "seawall.cli.demo.train"
START = datetime(2016, 1, 4, 8, 0, tzinfo=UTC)
PEOPLE = {
    "developer": ("developer",),
    "validator": ("validator",),
    "approver": ("approver",),
    "operator": ("operator",),
    "auditor": ("auditor",),
}
PATIENCE = 60.0
"""Seconds of real time to wait for something that should take a moment."""


class World:
    """Everything the steps share. `begin` starts the control plane, `end` stops all processes."""

    def __init__(self, folder: Path, data: Path | None, port: int | None) -> None:
        self.folder = folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "clock").unlink(missing_ok=True)
        self.clock = FileClock.create(folder / "clock", START)
        self.port, self.gateway_port = port or free_port(), free_port()
        self.panel_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.gateway = f"http://127.0.0.1:{self.gateway_port}"
        self.extracts = folder / "extracts"
        env = {
            "SEAWALL_URL": self.url,
            "SEAWALL_DATA_DIR": str(folder / "state"),
            "SEAWALL_PORT": str(self.port),
            "SEAWALL_GATEWAY_PORT": str(self.gateway_port),
            "SEAWALL_CLOCK": f"file:{folder / 'clock'}",
            "SEAWALL_RECONCILE_SECONDS": "0.05",
            "SEAWALL_FLUSH_SECONDS": "0.05",
            "SEAWALL_POLL_SECONDS": "0.1",
            "SEAWALL_SHIP_SECONDS": "0.5",
            "SEAWALL_SEAL_SECONDS": "21600",
            "SEAWALL_LOG_LEVEL": "warning",
            "SEAWALL_DEMO_PANEL": f"http://127.0.0.1:{self.panel_port}",
            "EXTRACTS_FOLDER": str(self.extracts),
            "OMP_NUM_THREADS": "1",
        }
        if data is not None:
            env["CENSUS_FILE"] = str(data.resolve())
        self.processes = Processes(folder, env)
        self.tokens: dict[str, str] = {}
        self.clients: dict[str, Client] = {}
        self.traffic: Traffic | None = None
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._training: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self) -> None:
        """Start the control plane, claim its first token, and make the identities."""
        self.processes.start("control-plane", ["serve", "--no-gateway"])
        ticket = self.processes.wait_for("control-plane", r"ticket=(\S+)")[1]
        self.processes.wait_until_ready("control-plane", f"{self.url}/healthz")
        with Client(self.url, "") as nobody:
            admin = nobody.post("/claim", {"ticket": ticket})["token"]
        self.tokens["administrator"] = admin
        with Client(self.url, admin) as administrator:
            for name, roles in PEOPLE.items():
                body = {"name": name, "roles": list(roles)}
                self.tokens[name] = administrator.post("/identities", body)["token"]
            body = {"name": "gateway", "roles": ["gateway"], "service": True}
            self.tokens["gateway"] = administrator.post("/identities", body)["token"]
        self.clients = {name: Client(self.url, token) for name, token in self.tokens.items()}

    def start_gateway(self, people: dict[str, list[Any]]) -> None:
        """Start the gateway as a process of its own, and open the doors."""
        key = self.folder / "state" / "keys" / "seawall.pem.pub"
        self.processes.start(
            "gateway",
            [
                *("gateway", "--endpoint", "income", "--trust", str(key)),
                *("--state-dir", str(self.folder / "state" / "gateway")),
                *("--table", str(self.folder / "state" / "decisions")),
            ],
            SEAWALL_TOKEN=self.tokens["gateway"],
        )
        self.processes.wait_until_ready("gateway", f"{self.gateway}/readyz")
        self.traffic = Traffic(self.gateway, self.clock, people)

    @property
    def doors(self) -> Traffic:
        """The traffic, once the gateway is there."""
        assert self.traffic is not None
        return self.traffic

    def begin_training(self, recipe: str) -> None:
        """Start the training program as the developer, while other things go on."""
        token = self.tokens["developer"]
        self._training[recipe] = self.processes.begin(TRAINING, recipe, SEAWALL_TOKEN=token)

    def train(self, recipe: str) -> str:
        """Run the training program, or wait for the one begun; returns the version."""
        if recipe not in self._training:
            self.begin_training(recipe)
        return self.processes.printed(self._training.pop(recipe))

    def command(self, who: str, *words: str) -> tuple[int, Any]:
        """Run a `seawall` command as one of the identities; returns status and document."""
        return self.processes.run(words, SEAWALL_TOKEN=self.tokens[who])

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """Wait a moment for what should come by itself; raises `Unavailable` if it does not."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if got := found():
                return got
            time.sleep(0.02)
        raise Unavailable(f"waited {PATIENCE:g} s for {what}", where=str(self.folder / "logs"))

    def invite(self) -> str:
        """A one-time link for a visitor who may operate, approve and look at everything."""
        administrator = self.clients["administrator"]
        if "visitor" not in self.tokens:
            body = {"name": "visitor", "roles": ["operator", "approver", "auditor"]}
            self.tokens["visitor"] = administrator.post("/identities", body)["token"]
        ticket = administrator.post("/identities/visitor/ticket")["ticket"]
        return f"{self.url}/login?ticket={ticket}"

    def admit_challenger(self) -> None:
        """Approve the retrained challenger and begin its rollout, for the visitor to watch."""
        runs = self.clients["operator"].get("/retraining/income")
        version = runs[-1]["version"]
        body = {"suitable": True, "rating_affirmed": True, "comment": "for the visitor to watch"}
        self.clients["approver"].post(f"/versions/{version}/approvals", body)
        start = {"endpoint": "income", "candidate": version}
        self.clients["operator"].post("/rollouts", start)

    def bundle_taken(self) -> None:
        """Wait until the gateway serves the newest bundle."""
        newest = self.clients["operator"].get("/endpoints/income")["deployment"]["number"]
        self.until(
            "the gateway to take its bundle", lambda: self._metric("bundle_number") >= newest
        )

    def looked_at(self) -> None:
        """Wait until everybody sent so far was reported and every endpoint looked at since."""
        self.until("the gateway's report", self._reported)
        begun = self._rounds() + 1  # the round under way may have begun before the report
        self.until("a look at the endpoints", lambda: self._rounds() > begun)

    def _reported(self) -> bool:
        counted = self._metric("decisions_total", but='arm="shadow"')
        everybody = counted + self._metric("rejected_total") >= self.doors.people_sent
        labelled = self._metric("outcomes_total") >= self.doors.labels_sent
        left = self._metric("telemetry_rows_waiting") + self._metric("label_rows_waiting")
        return everybody and labelled and left == 0

    @property
    def labels_joined(self) -> int:
        """How many labels found their decision in time."""
        return int(self._metric("outcomes_total", of='result="joined"'))

    def _metric(self, name: str, *, of: str = "", but: str = "no label") -> float:
        """The sum of a metric of the gateway over the lines with one label, without another."""
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self._get(f"{self.gateway}/metrics").splitlines()
            if line.startswith((f"seawall_{name}{{", f"seawall_{name} "))
            and of in line
            and but not in line
        )

    def _rounds(self) -> int:
        return int(msgspec.json.decode(self._get(f"{self.url}/healthz"))["rounds"])

    def _get(self, url: str) -> str:
        """What a page for machines says, asked on loopback whatever proxy is set."""
        with self._direct.open(url, timeout=5) as answer:
            return answer.read().decode()

    @property
    def now(self) -> datetime:
        """The clock's present moment."""
        return from_ns(self.clock.now_ns())

    def end(self) -> None:
        """Stop everything that was started."""
        if self.traffic is not None:
            self.traffic.close()
        for client in self.clients.values():
            client.close()
        self.processes.end()
