"""The two commands the README begins with; `tests/docs/` runs all of its blocks."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def test_the_two_commands_are_there_and_have_targets():
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text()
    for target in ("quickstart", "test"):
        assert f"make {target}" in README and re.search(rf"^{target}:", makefile, re.M)


def test_quickstarts_difference_is_the_paired_one_with_its_interval():
    from pretune.training.quickstart import difference

    said = difference([70.0, 75.0, 71.0], [69.0, 73.0, 68.0])  # gains 1, 2, 3: sd 1, t of two degrees 4.303
    assert said == "difference, draw by draw: +2.0 points, 95 % interval -0.5 to +4.5 (n = 3)"


@pytest.mark.slow
def test_quickstart_prints_accuracies_their_difference_and_lines_that_load(tmp_path, launch):
    from pretune.training import quickstart

    quickstart.main(tmp_path / "runs/quickstart", draws=2)
    said = launch("-m", "pretune.training.quickstart", cwd=tmp_path).stdout  # it may be run again at once
    rows = re.findall(r"(pretrained, then fine-tuned|same network from scratch) +([\d.]+) \+- [\d.]+ %", said)
    assert len(rows) == 2 and all(30 < float(accuracy) < 100 for _, accuracy in rows)
    interval = re.search(r"difference, .*: (\S+) points, 95 % interval (\S+) to (\S+) \(n = 10\)", said)
    gain, low, high = map(float, interval.groups())
    assert low < gain < high and abs(gain - float(rows[0][1]) + float(rows[1][1])) < 0.11
    assert "help" not in said and "pretune evaluate --model runs/quickstart/autoencoder --dataset digits" in said
    code = "\n".join(line.strip() for line in re.findall(r"^   (?:from|model|embedding) .*$", said, re.M))
    shown = launch(
        "-c", f"import torch; pixel_values = torch.rand(2, 1, 8, 8)\n{code}\nprint(embedding.shape)", cwd=tmp_path
    )
    assert shown.stdout.strip() == "torch.Size([2, 2])"
