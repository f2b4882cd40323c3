"""The whole xdist concern: what workers are told, how items are shared out, and reports that must survive the wire.

Each worker gets a fixed, strided share of the items (worker k of n gets every nth from the kth), so that it knows what
it will run and can look ahead over all of it. A worker that replaces a crashed one takes over the rest of its share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from pytest_polecat.controller import Controller

INPUT = "polecat"
"""The key under which workers find what the controller tells them.

`{"run", "share", "shares", "strided"}`, and of `Identities` and `Place` the `weights` and `until`.
"""


def worker_input(config: pytest.Config) -> dict[str, Any] | None:
    """What the controller told this worker; None in the controller and without xdist."""
    given: dict[str, Any] | None = getattr(config, "workerinput", {}).get(INPUT)
    return given


def end_worker(session: pytest.Session, why: str) -> NoReturn:
    """End the session of which this is a worker; the controller says why. There is no other way to tell it."""
    session.shouldfail = why
    raise session.Failed(why)


def distributes(config: pytest.Config) -> bool:
    """Whether this is an xdist controller: it runs no items itself."""
    distributed = config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))
    return distributed and not hasattr(config, "workerinput")


def worker_count(config: pytest.Config) -> int:
    """How many workers the controller starts."""
    from xdist.workermanage import parse_tx_spec_config

    return len(parse_tx_spec_config(config))


class XdistHooks:
    """Registered in an xdist controller that asks questions."""

    def __init__(self, run_path: str, shares: int, controller: Controller, begun: Callable[[], None]) -> None:
        """`begun` is called when the run has."""
        self._run_path = run_path
        self._shares = shares
        self._controller = controller
        self._begun = begun
        self._free = list(range(shares))
        self._share: dict[str, int] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tell a worker its share; the replacement of a crashed worker gets that worker's."""
        share = self._free.pop(0) if self._free else 0
        self._share[node.gateway.id] = share
        node.workerinput[INPUT] = {
            "run": self._run_path,
            "share": share,
            "shares": self._shares,
            "strided": node.config.getoption("dist") == "load",
            "weights": self._controller.identities.weights,
            "until": self._controller.place.until,
        }

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Free the share of a worker that is gone."""
        share = self._share.pop(node.gateway.id, None)
        if share is not None:
            self._free.insert(0, share)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """A worker has written down the selection: open the run and start the server."""
        if self._controller.begin():
            self._begun()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> ShareScheduler | None:
        """Share the items out by our rule, unless the user asked for another than xdist's default."""
        if config.getoption("dist") != "load":
            return None
        return ShareScheduler(self._shares, lambda node: self._share[node.gateway.id])


class ShareScheduler:
    """xdist's scheduling protocol with fixed, strided shares.

    `pending` holds, for each share, the indices of the items not finished yet; the first of a running worker's is the
    one it is at. A worker is told its whole share at once.
    """

    def __init__(self, shares: int, share_of: Callable[[WorkerController], int]) -> None:
        self._shares = shares
        self._share_of = share_of
        self._nodes: dict[WorkerController, int] = {}
        self._told: set[WorkerController] = set()
        self._collected: dict[WorkerController, list[str]] = {}
        self._collection: list[str] | None = None
        self._pending: dict[int, list[int]] = {}

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers that take part."""
        return list(self._nodes)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every worker has collected."""
        return self._collection is not None or len(self._collected) >= self._shares

    @property
    def tests_finished(self) -> bool:
        """Whether no worker needs more than it has: each keeps its last item until it is told that no more comes."""
        if self._collection is None:
            return False
        held = {self._nodes[node] for node in self._told}
        return all(not left or (share in held and len(left) < 2) for share, left in self._pending.items())

    @property
    def has_pending(self) -> bool:
        """Whether items are left."""
        return any(self._pending.values())

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready."""
        self._nodes[node] = self._share_of(node)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker has collected these node ids; all must have collected the same."""
        known = self._collection or next(iter(self._collected.values()), None)
        if known is not None and list(collection) != known:
            raise pytest.UsageError(
                f"worker {node.gateway.id} collected other items than the first worker; "
                "make the collection deterministic (no sets, no unseeded randomness in parametrize)"
            )
        self._collected[node] = list(collection)

    def schedule(self) -> None:
        """Hand every worker that has none yet its share."""
        if self._collection is None:
            if not self.collection_is_completed:
                return
            self._collection = next(iter(self._collected.values()))
            indices = range(len(self._collection))
            self._pending = {share: list(indices[share :: self._shares]) for share in range(self._shares)}
        for node, share in self._nodes.items():
            if node not in self._told and node in self._collected:
                self._told.add(node)
                if self._pending[share]:
                    node.send_runtest_some(self._pending[share])
                else:
                    node.shutdown()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has finished an item."""
        del duration
        self._pending[self._nodes[node]].remove(item_index)

    def mark_test_pending(self, item: str) -> None:
        """An item must run again: whoever holds its share gets it."""
        collection = self._collection or []
        index = collection.index(item)
        share = index % self._shares
        self._pending[share].insert(0, index)
        for node in self._told:
            if self._nodes[node] == share:
                node.send_runtest_some([index])

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        """Part of xdist's protocol for stealing work; shares are fixed, so nothing is ever stolen."""
        raise NotImplementedError

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone. Returns the item it died at, if any; the rest of its share waits for its replacement."""
        share = self._nodes.pop(node)
        self._told.discard(node)
        self._collected.pop(node, None)
        left = self._pending.get(share)
        if not left or self._collection is None:
            return None
        return self._collection[left.pop(0)]
