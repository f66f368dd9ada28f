"""The package from outside: light imports, the command, the wheel."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import pretune
from pretune.cli import main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "torch|transformers|datasets|accelerate|sklearn|matplotlib|numpy|huggingface_hub"


VERBS = ("inspect", "pretrain", "finetune", "evaluate", "compare", "try", "embed", "push", "card", "config")
LIGHT = (
    [], ["--help"], ["--version"], ["config"], ["pretrain", "no-recipe"], ["pretrain", "--learning_rat", "1"],
    ["pretrain", "mnist_conv", "--help"], *([verb, "--help"] for verb in VERBS),
)  # fmt: skip


def test_import_and_help_load_nothing_heavy(launch):
    code = (
        "import contextlib, json, re, sys, pretune\n"
        "def heavy():\n"
        f"    return [m for m in sys.modules if re.fullmatch(r'{HEAVY}', m)]\n"
        "loaded = {'import': heavy()}\n"
        "from pretune.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main(words)\n"
        "    loaded[' '.join(words)] = heavy()\n"
        "print('LOADED', json.dumps(loaded))"
    )
    said = launch("-c", code, json.dumps(LIGHT)).stdout.rpartition("LOADED ")[2]
    assert json.loads(said) == {"import": [], **{" ".join(words): [] for words in LIGHT}}


def test_every_public_name_is_listed_and_documented():
    assert set(pretune.__all__) == {
        "BiGANConfig", "BiGANForImageClassification", "BiGANModel", "ConvAutoencoderConfig",
        "ConvAutoencoderForImageClassification", "ConvAutoencoderModel", "MaskedImageModel", "MaskedImageModelConfig",
        "MaskedImageModelForImageClassification",
        "JointEmbeddingConfig", "JointEmbeddingForImageClassification", "JointEmbeddingModel",
        "BagAutoencoderConfig", "BagAutoencoderForSequenceClassification", "BagAutoencoderModel",
        "TextAutoencoderConfig", "TextAutoencoderForSequenceClassification", "TextAutoencoderModel",
        "MaskedLanguageModel", "MaskedLanguageModelConfig", "MaskedLanguageModelForSequenceClassification",
        "AutoencoderConfig", "AutoencoderForImageClassification", "AutoencoderImageProcessor", "AutoencoderModel",
        "SpeechJointEmbeddingConfig", "SpeechJointEmbeddingForAudioClassification", "SpeechJointEmbeddingModel",
        "SpeechConvAutoencoderConfig", "SpeechConvAutoencoderForAudioClassification", "SpeechConvAutoencoderModel",
        "BestRqConfig", "BestRqForAudioClassification", "BestRqModel", "LogMelFeatureExtractor",
        "InputError", "Interrupted", "PushFailed", "__version__", "compare", "embed", "evaluate", "finetune",
        "inspect", "pretrain", "push", "try_routes",
    }  # fmt: skip
    for name in pretune.__all__:
        assert name == "__version__" or getattr(pretune, name).__doc__
    assert dir(pretune) == sorted(pretune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Autoencoder'"):
        pretune.Autoencoder  # noqa: B018


def test_command_lists_verbs_and_refuses_others(launch, capsys):
    main([])
    assert re.findall(r"^  (\w+) ", capsys.readouterr().out, re.M) == list(VERBS)
    refused = launch("-m", "pretune", "pretrian", check=2)
    assert refused.stderr == f"error: unknown verb 'pretrian': expected one of {', '.join(VERBS)}.\n"


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_imports_from_anywhere(tmp_path, launch):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = tmp_path / "source"
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True).stdout.split()
    for name in files or pytest.fail("this test needs the git checkout"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("pretune-*.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    folders = ("pretune", "configuration", "modeling", "training", "model_cards")
    kept = (".py", ".yaml", "template.md")  # the published cards stay in the repository
    modules = [n for n in files if n.endswith(kept) and n.split("/")[0] in folders]
    expected = {n if n.startswith("pretune/") else f"pretune/{n}" for n in modules}
    assert {n for n in packed if ".dist-info/" not in n} == expected
    assert any(n.endswith("licenses/LICENSE") for n in packed)

    subprocess.run([*pip, "install", "--no-deps", "-q", "--target", tmp_path / "site", wheel], check=True)
    names = [
        n.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for n in sorted(expected)
        if n.endswith(".py")
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {[n for n in names if not n.endswith('__main__')]}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(tmp_path / 'site')!r}), module.__file__\n"
        "assert not {'training', 'modeling', 'configuration', 'model_cards'} & set(sys.modules)\n"
        "print(importlib.import_module('pretune').__version__)"
    )
    elsewhere = launch("-c", code, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, cwd=tmp_path)
    assert elsewhere.stdout.strip() == pretune.__version__
    # in a clone's own folder the front door there comes first, and finds the other folders beside it
    use = "import sys, pretune; print(pretune.AutoencoderModel, sys.modules['pretune.modeling'].__file__)"
    inside = launch("-c", use, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, cwd=source).stdout
    assert inside.strip().endswith(f"AutoencoderModel'> {source / 'modeling/__init__.py'}")
    assert "pretrain" in launch("-m", "pretune", cwd=source).stdout


def test_version_changelog_and_recipes_agree():
    assert f'version = "{pretune.__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## {pretune.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    for recipe in (ROOT / "training/recipes").glob("*.yaml"):
        text = recipe.read_text()
        assert text.startswith("#") and f" {recipe.stem} " in text.split("dataset:")[0], (
            "a recipe's header has its command"
        )
        own = recipe.stem.startswith(("photos", "fsdd", "signs"))  # the user's, or a dataset of no one place
        assert own == ("dataset" not in yaml.safe_load(text))
