"""Failed assertions in controls.py are shown in full."""

import pytest

pytest.register_assert_rewrite("tests.architecture.controls", "tests.architecture.at_rest")
