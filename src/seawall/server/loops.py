"""What the control plane does by itself, over and over: reconcile, tell, sequence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from seawall.app import experiments, monitors, respond, retrain, rollouts, watch
from seawall.app.bundles import Deployment
from seawall.app.identities import service_token
from seawall.app.root import App
from seawall.kernel import Event, SeawallError, Transaction
from seawall.retraining.run import RetrainingRun
from seawall.rollout.rollout import Rollout
from seawall.serving.endpoint import Endpoint

log = structlog.get_logger("seawall.server")


class Reconciler:
    """Brings every endpoint to what its evidence asks for, every `seconds` of real time."""

    def __init__(self, app: App, seconds: float) -> None:
        self._app, self._seconds = app, seconds
        self.rounds = 0
        """How many looks at all endpoints have ended since the process started."""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin in the background."""
        retrain.give_up_interrupted(self._app)
        for work in (self._reconcile, self._sequence):
            thread = threading.Thread(target=self._loop, args=(work,), name=work.__name__)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End after the present round; a training command under way is stopped."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=20)

    def _loop(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                work()
            except SeawallError as error:
                log.warning("round failed", work=work.__name__, error=str(error))
            except Exception:
                log.exception("round failed", work=work.__name__)
            self._stop.wait(max(0.01, self._seconds - (time.monotonic() - began)))

    def _sequence(self) -> None:
        """Audit entries get their place in the tree, events reach their readers."""
        self._app.store.audit.sequence(self._app.log)
        self._app.store.outbox.deliver({"pages": ("*:*:*", self._tell_pages)})

    def _tell_pages(self, event: Event, _tx: Transaction) -> None:
        self._app.tell(event.type.split(":")[0], event.subject)

    def _reconcile(self) -> None:
        for deployment in self._app.store.find(Deployment):
            try:
                self._look_after(self._app.store.get(Endpoint, deployment.endpoint))
            except SeawallError as error:  # one endpoint's fault is no other's
                log.warning("look failed", endpoint=deployment.endpoint, error=str(error))
        self.rounds += 1

    def _look_after(self, endpoint: Endpoint) -> None:
        for rollout in self._app.store.find(Rollout, f"{endpoint.name}/"):
            if rollout.open:
                rollouts.observe(self._app, rollout.key)
        experiments.observe(self._app, endpoint)
        look = watch.look_at_drift(self._app, endpoint)
        monitors.look_at_monitors(self._app, endpoint)
        held = look or watch.last_look(self._app, endpoint.name)
        alerts = watch.firing(self._app, endpoint, held.reading if held else None)
        respond.respond(self._app, endpoint, alerts)
        if look is not None and (run := retrain.trigger(self._app, endpoint)):
            tokens = retrain.Tokens(
                *(
                    service_token(self._app, name, roles, lasts=retrain.TOKENS_LAST)
                    for name, roles in retrain.SERVICES.items()
                )
            )
            thread = threading.Thread(
                target=self._retrain, args=(run, tokens), name=f"retraining {run.id}"
            )
            thread.start()
            self._threads.append(thread)

    def _retrain(self, run: RetrainingRun, tokens: retrain.Tokens) -> None:
        try:
            retrain.carry_out(self._app, run, tokens, self._stop)
        except SeawallError as error:
            log.warning("retraining failed", run=run.id, error=str(error))
            retrain.give_up(self._app, run.key, str(error))
