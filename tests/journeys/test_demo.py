"""The demonstration, run as in a fresh clone of the project."""

from pathlib import Path

import pytest

from infra.settings import ROOT
from local import sample
from local.demo import OUTPUT, STATES, run_demo
from local.machine import Machine
from tests import pictures


def states_printed(printed: str, photo: str) -> list[str]:
    return [line.partition(": ")[2] for line in printed.splitlines() if line.startswith(f"  {photo}: ")]


@pytest.mark.slow
def test_the_sample_is_twelve_megapixels_and_always_the_same_landscape() -> None:
    # The grain differs each time; the picture under it does not.
    once, again = (sample.draw().resize((40, 30)) for _ in range(2))
    assert sample.WIDTH * sample.HEIGHT == 12_000_000
    differences = [abs(a - b) for a, b in zip(once.tobytes(), again.tobytes(), strict=True)]
    assert max(differences) < 8
    assert len(set(once.get_flattened_data())) > 500


def test_the_demo_turns_photos_into_files_and_a_table(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sea side.jpg").write_bytes(pictures.jpeg(1000, 750))
    (tmp_path / "logo.png").write_bytes(pictures.alpha_png())
    (tmp_path / "[red].jpg").write_bytes(pictures.jpeg())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "logo.png").write_bytes(pictures.alpha_png())
    names = [str(tmp_path / name) for name in ("sea side.jpg", "logo.png", "[red].jpg", "other/logo.png")]
    output = tmp_path / "out"
    assert run_demo([*names, "--url", machine.api_url, "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    # How many states a poll meets on the way depends on the machine's speed; their order and their end do not.
    for name in ("sea side.jpg", "logo.png", "[red].jpg"):
        assert "COMPLETED" in states_printed(printed, name)
    assert states_printed(printed, "sea side.jpg") == sorted(states_printed(printed, "sea side.jpg"), key=STATES.index)
    assert len(list(output.iterdir())) == 24
    assert "[red].jpg" in printed
    picture = pictures.decoded((output / "sea side-small-watermarked.jpg").read_bytes())
    assert picture.size == (800, 600)
    assert "800x600" in printed
    assert f"Files in {output}:\n" in printed
    for step in ("make demo PHOTOS=", "make run", "make test"):
        assert step in printed.partition("What next:")[2]


def test_the_variants_lie_outside_of_the_checkout_which_reloaders_watch() -> None:
    assert OUTPUT.is_absolute()
    assert not OUTPUT.is_relative_to(ROOT)


def test_the_table_fits_80_columns_without_cutting_names(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "morning-fog.jpg").write_bytes(pictures.jpeg(2000, 1500))
    output = tmp_path / "out"
    assert run_demo([str(tmp_path / "morning-fog.jpg"), "--url", machine.api_url, "--output", str(output)]) == 0
    table = capsys.readouterr().out.partition("Files in")[2].splitlines()
    rows = [line for line in table if "morning-fog" in line and "since its upload" not in line]
    assert len(rows) == 7
    assert all(len(row) <= 80 for row in rows)
    assert {row.split()[0] for row in rows} == {"morning-fog.jpg", *(each.name for each in output.iterdir())}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"no picture", "not_an_image"), (b"", "empty")],
    ids=["missing", "text", "empty"],
)
def test_a_failure_is_printed_and_the_exit_status_is_1(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    path = tmp_path / "odd.jpg"
    if content is not None:
        path.write_bytes(content)
    assert run_demo([str(path), "--url", machine.api_url, "--output", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert "What next" not in printed.out


def test_one_bad_photo_does_not_stop_the_others(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "good.jpg").write_bytes(pictures.jpeg())
    output = tmp_path / "out"
    names = [str(tmp_path / "notes.txt"), str(tmp_path / "good.jpg")]
    assert run_demo([*names, "--url", machine.api_url, "--output", str(output)]) == 1
    assert "notes.txt: POST /upload answered 415" in capsys.readouterr().err
    assert len(list(output.iterdir())) == 6


def test_a_darkroom_that_does_not_answer_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures.jpeg())
    assert run_demo([str(tmp_path / "a.jpg"), "--url", "http://127.0.0.1:9"]) == 1
    assert "gave no answer" in capsys.readouterr().err
