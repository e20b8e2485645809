"""Which tests one worker runs one after the other: those that share what takes long to make.

The groups of pytest-xdist (`--dist loadgroup`) have no effect with pytest 9.2: they change ids, and it keeps them.
"""

import zlib

from xdist.scheduler import LoadScopeScheduling

# Files that share a deployed stage, a machine or a package, by the start of their paths. The longest start counts.
# Tests elsewhere are given out one by one, after all groups: they fill the gaps at the end.
_TOGETHER = {
    "tests/contract/": "contract",
    "tests/crashes/": "crashes",
    "tests/deploy/test_delivery.py": "deployment",
    "tests/deploy/test_deploy.py": "deployment",
    "tests/deploy/test_deployed_code.py": "deployment",
    "tests/deploy/test_lifecycle.py": "deployment",
    "tests/deploy/test_other_stages.py": "dev",
    "tests/deploy/test_package.py": "layer",
    "tests/deploy/upgrade/": "upgrade",
    "tests/machine/": "tiny",
    "tests/machine/test_extending.py": "extending",
    "tests/machine/test_process.py": "",
    "tests/machine/test_chalice_local.py": "",
    "tests/machine/test_kills.py": "",
    "tests/machine/test_reloading.py": "",
    "tests/machine/test_state.py": "state",
}
# In how many parts.
_PARTS = {"crashes": 2}


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each group to one worker, those with most tests first. Journeys of one file share their users."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        starts = [start for start in _TOGETHER if path.startswith(start)]
        if starts:
            return self._part_of(_TOGETHER[max(starts, key=len)], nodeid) or nodeid
        return path if path.startswith("tests/journeys/") else nodeid

    def _part_of(self, group: str, nodeid: str) -> str:
        """The group, in parts if it is long: each worker that gets a part starts what the group shares."""
        return f"{group} {zlib.crc32(nodeid.encode()) % _PARTS[group]}" if group in _PARTS else group
