"""What a machine does to keep its data, step by step while it starts; nothing without a state folder."""

import threading

from local.functions import FunctionHost
from local.state.buckets import Buckets
from local.state.changes import CHANGES
from local.state.folder import StateFolder
from local.state.keeper import Keeper
from local.state.parameters import Parameters, Secrets
from local.state.queues import Queues
from local.state.tables import Tables
from local.state.user_pools import IDENTITIES_KIND, UserPools, take_identities
from local.state.work import Work
from local.triggers import Triggers


class Keeping:
    """The data of one machine."""

    def __init__(self, folder: StateFolder | None) -> None:
        """Before the machine makes its resources. Raises StateError."""
        CHANGES.are_refused = False
        self._stopping = threading.Lock()
        self._keeper = None if folder is None else Keeper(folder)
        self._work: Work | None = None
        take_identities({} if self._keeper is None else self._keeper.documents(IDENTITIES_KIND))

    @property
    def is_new(self) -> bool:
        """Whether there is nothing from an earlier run."""
        return self._keeper is None or self._keeper.is_new

    def restore_data(self) -> None:
        """After the machine has made its resources. Raises StateError."""
        if self._keeper is not None:
            self._keeper.restore([Tables(), Buckets(), Queues(), UserPools(), Parameters(), Secrets()])

    def restore_work(self, triggers: Triggers, host: FunctionHost) -> None:
        """Before the triggers start. Changes are noted from now on. Raises StateError."""
        if self._keeper is not None:
            self._work = Work(triggers, host)
            self._keeper.restore([self._work])
            CHANGES.are_recorded = True

    def resume_executions(self) -> None:
        """After the triggers have started."""
        if self._work is not None:
            self._work.resume()

    def start(self) -> None:
        """Write what has changed, and what changes from now on."""
        if self._keeper is not None:
            self._keeper.start()

    def stop(self) -> None:
        """Write for the last time; the embedded AWS acknowledges nothing from now on. Later calls change nothing."""
        with self._stopping:
            if self._keeper is not None:
                self._keeper.stop()
