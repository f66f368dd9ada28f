import warnings

import matplotlib.text
import numpy as np
import pytest
from PIL import Image

from pretune.training.modalities.figures import new_figure, one_word, save_figure
from pretune.training.runs.pictures import draw_confusion, draw_confusions, draw_embeddings, draw_losses, drawing

# Two $ make mathematics, which may not parse; "_" hides an entry of a legend; some have no shape in any font.
NAMES = ["$a_$", "$5 to $10", "_hidden", r"$\frac$", "two\nlines\x00", "\ud800", "x" * 300, "%s {0} \\", "#", ""]


@pytest.fixture
def parsed(monkeypatch):
    """The texts that were taken for mathematics while pictures were drawn."""
    found = []
    real = matplotlib.text.Text._preprocess_math

    def preprocess(self, text):
        shown, kind = real(self, text)
        if kind is True:
            found.append(text)
        return shown, kind

    monkeypatch.setattr(matplotlib.text.Text, "_preprocess_math", preprocess)
    warnings.simplefilter("ignore", UserWarning)  # letters that the font has no shape for
    return found


def test_names_of_labels_are_drawn_as_they_stand(tmp_path, parsed):
    labels = np.arange(40) % len(NAMES)
    draw_embeddings(tmp_path / "latents.png", np.random.rand(40, 2), labels, NAMES)
    draw_confusion(tmp_path / "confusion.png", np.eye(len(NAMES), dtype=int), NAMES)
    draw_confusions(
        tmp_path / "two.png", {name: np.eye(2, dtype=int) for name in NAMES[:3]}, NAMES[:2], "$t_$", "$n_$\ud800"
    )
    assert parsed == []
    for name in ("latents", "confusion", "two"):
        assert Image.open(tmp_path / f"{name}.png").size[0] > 100


def test_powers_of_ten_on_an_axis_are_still_mathematics(tmp_path, parsed):
    lines = [{"epoch": epoch, "loss": 10.0**-epoch} for epoch in range(4)]
    draw_losses(tmp_path / "loss.png", lines, (0.5, "$mean_$"))
    assert parsed and all("mathdefault" in text for text in parsed)


def test_every_label_stands_in_the_legend(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    shown = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: shown.extend(self.axes[0].get_legend().get_texts()))
    draw_embeddings(tmp_path / "x.png", np.random.rand(6, 2), np.arange(6) % 3, ["_a", "__", "b"])
    assert [text.get_text() for text in shown] == ["_a", "__", "b"]


def test_a_name_in_a_picture_is_one_short_line():
    assert [one_word(name) for name in NAMES[4:7]] == ["two lines?", "?", "x" * 37 + "..."]


@pytest.mark.parametrize("error", [ValueError("bad\nfont"), MemoryError(), RuntimeError("x"), OSError(28, "full")])
def test_a_picture_that_fails_is_a_warning(error, caplog):
    import logging

    logging.getLogger("pretune.training").propagate = True
    with drawing("x.png"):
        raise error
    assert "x.png could not be drawn" in caplog.text and "\nfont" not in caplog.text


def test_what_ends_a_process_is_no_failed_picture():
    with pytest.raises(KeyboardInterrupt), drawing("x.png"):
        raise KeyboardInterrupt


def test_a_picture_takes_the_place_of_a_link(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "x.png").symlink_to(tmp_path / "precious")
    save_figure(new_figure(2, 2), tmp_path / "x.png")
    assert (tmp_path / "precious").read_text() == "mine" and not (tmp_path / "x.png").is_symlink()


def test_a_note_says_in_the_file_what_it_is_of(tmp_path):
    save_figure(new_figure(2, 2), tmp_path / "x.png", "of \ud800 me")
    assert Image.open(tmp_path / "x.png").text["Description"] == "of ? me"
