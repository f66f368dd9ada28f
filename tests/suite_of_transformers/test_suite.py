"""transformers' own model tests, from the source distribution of the version that is installed, over our families.

The distribution is asked of pip by its name, by this test alone; where it cannot be had, the test says so and is left
out. What of these tests a family does not pass stands in `DEVIATIONS`, with the reason, and nothing else may.
"""

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest
import transformers
from families import ROWS

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
# One of each kind; the others share the code of one of these. All of them pass or deviate as these do.
CHOSEN = ("autoencoder", "joint_embedding", "masked_image_model", "bigan", "speech_best_rq", "bag_autoencoder",
          "masked_language_model")  # fmt: skip
# What the mixin imports and a source distribution lacks; our models neither generate nor are exported by these.
STUBS = {
    "exporters/test_export.py": "class ExportTesterMixin: pass\n",
    "generation/test_utils.py": "class GenerationTesterMixin: pass\n",
    "utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
}
# Tests that take long here and say nothing of our code: a deprecated argument's name, twice what another test does.
LEFT_OUT = ("bc_torch_dtype", "reentrant", "flash_attn", "deepspeed", "model_parallelism", "rope", "get_text_features",
            "get_image_features", "get_audio_features", "get_video_features", "moe_models", "router")  # fmt: skip
NO_TOKENS = tuple(f for f in ROWS if f not in ("pretune_speech_best_rq", "pretune_masked_image_model")
                  and ROWS[f].modality != "text" or f == "pretune_bag_autoencoder")  # fmt: skip
SMALL = "networks of our own are small: nothing is gained by computing activations twice"
DEVIATIONS = {
    "test_gradient_checkpointing_backward_compatibility": (("pretune_joint_embedding",), SMALL),
    "test_gradient_checkpointing_enable_disable": (("pretune_joint_embedding",), SMALL),
    "test_peft_gradient_checkpointing_enable_disable": (("pretune_joint_embedding",), SMALL),
    "test_training_gradient_checkpointing": (("pretune_joint_embedding",), SMALL),
    "test_hidden_states_output": (NO_TOKENS, "hidden states are maps or rows, not (batch, tokens, width)"),
    "test_model_get_set_embeddings": (
        tuple(f for f in ROWS if f not in ("pretune_masked_language_model", "pretune_text_autoencoder")),
        "nothing is looked up in a table of vectors: a ViT cuts patches, the others have no such layer",
    ),
    "test_model_outputs_equivalence": (
        ("pretune_masked_image_model",), "it subtracts outputs, and the mask is of true and false"
    ),
    "test_model_weights_reload_no_missing_tied_weights": (
        tuple(ROWS), "it loads an empty file; an incomplete checkpoint is an error here"
    ),
    "test_reverse_loading_mapping": (
        ("pretune_masked_image_model",), "weights are saved under the names in memory; see `save_pretrained`"
    ),
    "test_init_weights_can_init_buffers": (
        ("pretune_bigan", "pretune_speech_best_rq"), "buffers that begin with random numbers differ each time"
    ),
}  # fmt: skip


def source_of_transformers(folder: Path) -> Path:
    """The unpacked tests of the source distribution; skips the test where there is none to be had."""
    wanted = f"transformers=={transformers.__version__}"
    words = ["download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([sys.executable, "-m", "pip", *words, wanted], capture_output=True, text=True, timeout=300)
    archive = next(folder.glob("transformers-*.tar.gz"), None)
    if archive is None:
        said = (done.stderr or done.stdout).strip().splitlines() or ["pip said nothing"]
        pytest.skip(f"the source distribution of {wanted} cannot be had here: {said[-1][:200]}")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, [m for m in opened.getmembers() if "/tests/" in m.name], filter="data")
    return next(folder.glob("transformers-*/tests"))


def lay_out(tests: Path, folder: Path) -> None:
    """The package `tests`, with what it imports and is not in it."""
    tests.rename(folder / "tests")
    for name, text in STUBS.items():
        path = folder / "tests" / name
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    (folder / "tests" / "__init__.py").touch()
    (folder / "conftest.py").write_text("import pretune.auto  # noqa: F401\n")
    (folder / "test_families.py").write_text((HERE / "testers.py").read_text())


def outcomes(report: Path) -> tuple[dict[str, set[str]], int]:
    """({test: families that failed it}, how many passed)."""
    failed, passed = defaultdict(set), 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        family = case.get("classname").rpartition("Test_")[2]
        if case.find("failure") is not None or case.find("error") is not None:
            failed[case.get("name")].add(family)
        elif case.find("skipped") is None:
            passed += 1
    return failed, passed


@pytest.mark.slow
def test_families_pass_the_tests_of_transformers(tmp_path):
    pytest.importorskip("parameterized")
    lay_out(source_of_transformers(tmp_path), tmp_path)
    chosen = " or ".join(f"Test_pretune_{name}" for name in CHOSEN)
    left_out = " and ".join(f"not {name}" for name in LEFT_OUT)
    words = ["-m", "pytest", "-q", "test_families.py", "-k", f"({chosen}) and {left_out}", "-W", "ignore",
             "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--junitxml", "report.xml"]  # fmt: skip
    path = os.pathsep.join([str(tmp_path), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=900,
    )  # fmt: skip
    assert (tmp_path / "report.xml").is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    failed, passed = outcomes(tmp_path / "report.xml")
    families = {f"pretune_{name}" for name in CHOSEN}
    expected = {test: {*allowed} & families for test, (allowed, _) in DEVIATIONS.items()}
    assert {test: found for test, found in failed.items() if found} == {t: f for t, f in expected.items() if f}, (
        done.stdout[-6000:]
    )
    assert passed > 200


def test_every_deviation_has_its_reason_and_is_of_a_family():
    for test, (families, reason) in DEVIATIONS.items():
        assert test.startswith("test_") and {*families} <= {*ROWS} and len(reason) > 20
