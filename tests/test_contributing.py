"""The worked example of a new family, held to the contract that every family is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

RUN = """
import sys
sys.path.insert(0, "tests")
import conftest
import pytest
import families
from pretune.modeling.families import FAMILIES, IMAGE_PROCESSOR, Family, register_families

parts = ("LinearConfig", "LinearModel", "LinearForImageClassification")
FAMILIES["linear"] = Family("principal components", "image", *(f"example.{name}" for name in parts), IMAGE_PROCESSOR)
register_families()
families.ROWS = {"pretune_linear": FAMILIES["linear"]}
families.RECONSTRUCTING, families.OF_IMAGES = ["pretune_linear"], ["pretune_linear"]
families.TINY_CONFIGS["pretune_linear"] = {"image_size": 8, "latent_size": 4}
families.OTHER_SIZES["pretune_linear"] = {"latent_size": 5}
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/contract/test_every_family.py"]))
"""


@pytest.mark.slow
def test_the_example_of_a_family_is_short_and_keeps_the_contract(launch, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    assert len(example.splitlines()) < 80
    (tmp_path / "example.py").write_text(example)
    said = launch("-c", RUN, env={"PYTHONPATH": str(tmp_path)}).stdout
    passed, failed = (re.search(rf"(\d+) {word}", said) for word in ("passed", "failed"))
    assert passed and int(passed[1]) > 25 and not failed, said[-2000:]
