import json
import logging

import pytest
import torch

from pretune import pretrain
from pretune.training.runs import precision
from pretune.training.runs.precision import computes_bf16, decided_before, emulation_cost

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def shown(caplog):
    logging.getLogger("pretune.training").propagate = True
    caplog.set_level(logging.INFO, logger="pretune.training")


def hardware(monkeypatch, avx512_bf16: bool, amx: bool = False) -> None:
    """As if torch said this of the CPU."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)


@pytest.mark.parametrize(("avx512_bf16", "amx", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_what_a_cpu_computes_by_itself(monkeypatch, avx512_bf16, amx, expected):
    hardware(monkeypatch, bool(avx512_bf16), bool(amx))
    assert computes_bf16(CPU) == bool(expected)


def test_a_torch_that_does_not_say_means_no(monkeypatch):
    for name in precision.OF_A_CPU:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not computes_bf16(CPU) and not computes_bf16(torch.device("meta"))


@pytest.mark.parametrize("emulated", [False, True])
def test_a_gpu_counts_if_it_does_not_emulate(monkeypatch, emulated):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not computes_bf16(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert computes_bf16(torch.device("cuda"))


def test_auto_is_decided_once_told_recorded_and_kept(tiny, monkeypatch, caplog):
    hardware(monkeypatch, True)
    first = pretrain(**tiny, mixed_precision="auto", checkpointing_steps=10)
    assert "mixed_precision auto: bf16, since this hardware computes it" in caplog.text
    assert first.record["mixed_precision"] == "bf16" and first.record["arguments"]["mixed_precision"] == "auto"
    state = json.loads((first.output_dir / "checkpoint-20" / "state.json").read_text())
    assert state["identity"]["mixed_precision"] == "bf16"
    hardware(monkeypatch, False)
    monkeypatch.setattr(precision, "emulation_cost", lambda device: (9.4, 7.1))
    longer = {**tiny, "num_train_epochs": 5}
    again = pretrain(**longer, mixed_precision="auto", resume_from_checkpoint="latest")
    assert again.record["mixed_precision"] == "bf16" and again.record["resumed_from_step"] == 20
    assert "mixed_precision auto: bf16, as the run began" in caplog.text
    assert "a linear layer takes 9.4 times as long as in float32, a convolution 7.1 times" in caplog.text


def test_auto_on_hardware_that_would_emulate_is_float32_to_the_bit(tiny, tmp_path, monkeypatch, caplog):
    hardware(monkeypatch, False)
    plain = pretrain(**{**tiny, "output_dir": tmp_path / "plain"})
    auto = pretrain(**tiny, mixed_precision="auto")
    assert "mixed_precision auto: float32, since this hardware would only emulate bf16" in caplog.text
    assert auto.record["mixed_precision"] == "no" and "emulates" not in caplog.text
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, auto.model.state_dict()[name])


def test_a_checkpoint_of_other_arithmetic_is_refused(tiny, monkeypatch):
    hardware(monkeypatch, True)
    pretrain(**tiny, mixed_precision="bf16", checkpointing_steps=10)
    with pytest.raises(ValueError, match="another mixed_precision: bf16 there, no here"):
        pretrain(**{**tiny, "num_train_epochs": 5}, resume_from_checkpoint="latest")


def test_the_cost_of_emulation_is_measured_and_draws_nothing():
    before = torch.get_rng_state()
    assert all(cost > 0 for cost in emulation_cost(CPU))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("state", ["", "[]", '{"identity": 3}', '{"identity": {"mixed_precision": "fp8"}}'])
def test_a_damaged_checkpoint_decides_nothing(tmp_path, state):
    folder = tmp_path / "checkpoint-3"
    folder.mkdir()
    (folder / "state.json").write_text(state)
    assert decided_before(tmp_path, "latest") is None
    (tmp_path / "run.json").write_text('{"verb": "pretrain", "mixed_precision": "bf16"}')
    assert decided_before(tmp_path, "latest") == "bf16" and decided_before(tmp_path, None) is None
