"""The worked example of a new family, held to the contract that every family is."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

RUN = """
import sys
sys.path.insert(0, "tests")
import conftest
import pytest
import families
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageClassification
from transformers import AutoModelForPreTraining
from pretune import AutoencoderImageProcessor
import example

row = (example.LinearConfig, example.LinearModel, example.LinearForImageClassification, AutoencoderImageProcessor)
AutoConfig.register("pretune_linear", row[0])
AutoModel.register(row[0], row[1])
AutoModelForPreTraining.register(row[0], row[1])
AutoModelForImageClassification.register(row[0], row[2])
AutoImageProcessor.register(row[0], image_processor_classes={"pil": row[3]})
families.ROWS = {"pretune_linear": row}
families.TINY_CONFIGS["pretune_linear"] = {"image_size": 8, "latent_size": 4}
families.OTHER_SIZES["pretune_linear"] = {"latent_size": 5}
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/contract"]))
"""


def test_the_example_of_a_family_is_short_and_keeps_the_contract(launch, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    assert len(example.splitlines()) < 80
    (tmp_path / "example.py").write_text(example)
    said = launch("-c", RUN, env={"PYTHONPATH": str(tmp_path)}).stdout
    passed, failed = (re.search(rf"(\d+) {word}", said) for word in ("passed", "failed"))
    assert passed and int(passed[1]) > 25 and not failed, said[-2000:]
