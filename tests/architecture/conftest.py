"""What the controls assert is told in full where it fails."""

import pytest

pytest.register_assert_rewrite("tests.architecture.controls", "tests.architecture.at_rest")
