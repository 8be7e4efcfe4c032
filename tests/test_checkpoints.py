"""Kept models are whole: saved atomically, verified when loaded, trained only when needed."""

import errno
import importlib
import json
import linecache
import os
import random
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors
import torch
from small_models import (
    POSIX,
    ROOT,
    Counter,
    Regression,
    assert_same,
    make_batches,
    shuffled,
    weights,
)
from torch import nn

from course_utils import checkpoints, training
from course_utils.checkpoints import cached, load_model, save_model
from course_utils.storage import DataError, StorageError, StorageWarning
from course_utils.training import History, fit


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    monkeypatch.setenv("CI", "1")


@dataclass(frozen=True)
class Config:
    width: int = 5
    rates: tuple = (0.1, 0.2)


class Odd(nn.Module):
    """Tied weights and every kind of tensor that a file must bring back."""

    def __init__(self, *, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(6, 4)
        self.head = nn.Linear(4, 6, bias=False)
        self.head.weight = self.embedding.weight
        self.turned = nn.Parameter(torch.randn(3, 2).T)
        self.short = nn.Parameter(torch.randn(3).to(torch.bfloat16))
        self.register_buffer("count", torch.tensor(seed + 10))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("empty", torch.empty(0, 3))
        self.register_buffer("nothing", torch.empty(0, 3))
        self.register_buffer("scratch", torch.randn(2), persistent=False)


def test_a_kept_model_comes_back_with_config_and_history(tmp_path):
    model, other = Odd(seed=1), Odd(seed=2)
    history = fit(Regression(), make_batches(), steps=3, learning_rate=0.1, history=History())
    path = save_model(tmp_path / "odd.safetensors", model, config=Config(), history=history)
    assert load_model(path, other) == history
    assert_same(weights(model), weights(other))
    assert other.head.weight is other.embedding.weight
    assert list(tmp_path.iterdir()) == [path]
    with safetensors.safe_open(path, framework="pt") as file:  # any reader can open it
        course = json.loads(file.metadata()["course"])
        assert "head.weight" not in file.keys()  # noqa: SIM118 - not a dict
        assert torch.equal(file.get_tensor("turned"), model.turned)
    assert course["config"] == {"Config": {"width": 5, "rates": [0.1, 0.2]}}
    assert course["history"]["losses"] == history.losses


def test_training_goes_on_after_loading(tmp_path):
    model = Regression()
    history = fit(model, shuffled, steps=5, learning_rate=0.01, history=History())
    path = save_model(tmp_path / "m", model, config={}, history=history)
    twin = Regression(seed=9)
    back = load_model(path, twin)
    history.optimizer = None
    for some, its in ((model, history), (twin, back)):
        fit(some, shuffled, steps=5, learning_rate=0.01, history=its)
    assert back.losses == history.losses
    assert_same(weights(model), weights(twin))


@pytest.fixture
def kept(tmp_path):
    return save_model(tmp_path / "kept.safetensors", Odd(seed=1), config={"a": 1}, history=History())


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"none cannot be read \(No such file.*\); train the model again\.$"):
        load_model(tmp_path / "none", Odd())


def test_any_change_to_a_file_is_noticed_and_the_model_left_alone(kept):
    model, whole, chance = Odd(seed=2), kept.read_bytes(), random.Random(3)
    before = weights(model)
    changed = [whole[:length] for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1)]
    changed += [whole + b"\x00", b"\xff" * 8 + whole[8:], whole[:8] + b"{}" + whole[10:]]
    for _ in range(400):
        position = chance.randrange(len(whole))
        changed.append(
            whole[:position] + bytes([whole[position] ^ 1 << chance.randrange(8)]) + whole[position + 1 :]
        )
    for data in changed:
        kept.write_bytes(data)
        with pytest.raises(DataError, match="damaged or was changed; train the model again") as caught:
            load_model(kept, model)
        assert "\n" not in str(caught.value)
    assert_same(before, weights(model))


def test_a_pickle_is_refused(tmp_path):
    torch.save(Odd().state_dict(), tmp_path / "kept")
    with pytest.raises(DataError, match="damaged"):
        load_model(tmp_path / "kept", Odd())


def test_no_pickle_in_the_source():
    source = Path(checkpoints.__file__).read_text(encoding="utf-8")
    assert "pickle" not in source
    assert "torch.load" not in source.replace("safetensors.torch.load", "")
    assert "torch.save" not in source.replace("safetensors.torch.save", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: setattr(m, "turned", nn.Parameter(torch.zeros(3, 2))),
            r"turned is \(2, 3\) float32, .*\(3, 2\)",
        ),
        (lambda m: setattr(m, "short", nn.Parameter(torch.zeros(3))), "short is .*bfloat16"),
        (lambda m: m.register_buffer("extra", torch.zeros(1)), "only the model has extra"),
        (lambda m: delattr(m, "mask"), "only the file has mask"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_the_model_left_alone(kept, change, message):
    model = Odd(seed=2)
    change(model)
    before = weights(model)
    with pytest.raises(DataError, match=message):
        load_model(kept, model)
    assert_same(before, weights(model))


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_failing_save_leaves_the_old_file(kept, monkeypatch, step, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError) as caught:
        save_model(kept, Odd(seed=5), config={}, history=History())
    assert str(caught.value).count(". ") == 0
    assert list(kept.parent.iterdir()) == [kept]
    model = Odd(seed=2)
    load_model(kept, model)
    assert_same(weights(model), weights(Odd(seed=1)))


def test_a_config_without_json_form_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="the config has no JSON form"):
        save_model(tmp_path / "a", Odd(), config={"f": print}, history=History())
    assert list(tmp_path.iterdir()) == []


HARD_CASES = """
    import itertools, json, os, random, resource, signal, sys, time
    from pathlib import Path
    import torch
    from torch import nn
    from course_utils.storage import StorageError
    from course_utils.checkpoints import load_model, save_model
    from course_utils.training import History

    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    path, report = folder / "model.safetensors", {"versions": [], "lengths": []}
    models = [nn.Linear(250, 300), nn.Linear(250, 300)]
    histories = [History(), History()]
    for number in range(2):
        nn.init.constant_(models[number].weight, number + 1.0)
        nn.init.constant_(models[number].bias, number + 1.0)
        for _ in range(number + 1):
            histories[number].record(loss=1.0, seconds=1.0, learning_rate=1.0)

    def save(number):
        save_model(path, models[number], config={"n": number}, history=histories[number])

    chance = random.Random(0)
    for kill in range(25):
        save(0)
        ready, started = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(started, b"x")
            for number in itertools.count():
                save((number + 1) % 2)
        os.read(ready, 1)
        if kill % 2:  # at any moment
            time.sleep(chance.uniform(0, 0.02))
        else:  # while something is being written
            while not any(folder.glob(".*.tmp")):
                pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready), os.close(started)
        model = nn.Linear(250, 300)
        history = load_model(path, model)
        report["versions"].append(sorted({*model.weight.unique().tolist(), *model.bias.unique().tolist()}))
        report["lengths"].append(len(history))
    report["leftovers"] = len(list(folder.glob(".*.tmp")))
    for leftover in folder.glob(".*.tmp"):
        os.utime(leftover, (0, 0))
    save(0)
    report["files"] = [p.name for p in folder.iterdir()]

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        save(1)
    except StorageError as error:
        report["full"] = str(error)
    report["after_full"] = [len(load_model(path, nn.Linear(250, 300))), [p.name for p in folder.iterdir()]]
    print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def hard_cases(tmp_path_factory):
    """What 25 kills in the middle of saving and a real file-size limit left (one start of torch for all)."""
    command = [sys.executable, "-c", textwrap.dedent(HARD_CASES), str(tmp_path_factory.mktemp("hard"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@POSIX
@pytest.mark.slow
def test_kills_while_saving_leave_one_of_the_two_versions(hard_cases):
    assert len(hard_cases["versions"]) == 25
    for version, length in zip(hard_cases["versions"], hard_cases["lengths"], strict=True):
        assert version == [float(length)]
    assert set(hard_cases["lengths"]) == {1, 2}
    assert hard_cases["leftovers"] > 0, "no kill hit a running save, so this test proved nothing"
    assert hard_cases["files"] == ["model.safetensors"]


@POSIX
@pytest.mark.slow
def test_a_real_limit_on_file_size_leaves_the_old_model(hard_cases):
    assert "make room" in hard_cases["full"]
    assert hard_cases["after_full"] == [1, ["model.safetensors"]]


# The cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def use_cache(**changes):
    """Call `cached` with a small regression; the third answer is how often it trained."""
    trained = []

    def train(model, history):
        trained.append(1)
        fit(model, shuffled, steps=4, learning_rate=0.01, history=history)

    arguments = {"config": Config(), "data_version": "v1", "code": [Regression, make_batches]}
    model, history, was_cached = cached(
        "small",
        build=lambda: Regression(seed=torch.initial_seed() % 1000),
        train=train,
        **(arguments | changes),
    )
    assert was_cached is not bool(trained)
    return model, history, was_cached


def test_the_second_call_loads_what_the_first_one_trained(cache):
    model, history, was_cached = use_cache()
    again, its_history, again_cached = use_cache()
    assert (was_cached, again_cached) == (False, True)
    assert_same(weights(model), weights(again))
    assert its_history == history
    assert len(history) == 4
    assert not model.training
    assert not again.training
    assert len(list(cache.iterdir())) == 1


@dataclass(frozen=True)
class OtherConfig(Config):
    pass


@pytest.mark.parametrize(
    "changes",
    [
        {"config": Config(width=6)},
        {"config": OtherConfig()},
        {"config": {"width": 5}},
        {"data_version": "v2"},
        {"code": [Regression]},
        {"code": Counter},
        {"code": training},
        {"seed": 1},
    ],
)
def test_whatever_shapes_the_result_leads_to_training(cache, changes):
    assert use_cache()[2] is False
    assert use_cache(**changes)[2] is False
    assert use_cache(**changes)[2] is True
    assert use_cache()[2] is True
    assert len(list(cache.iterdir())) == 2


def test_changed_source_leads_to_training(cache, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "lesson_code_for_test.py"
    answers = []
    for number, line in enumerate(["return 1", "return 1", "return 22"]):
        file.write_text(
            f"size = 1\n\ndef step():\n    {line}\n",
            encoding="utf-8",
            newline="\r\n" if number == 1 else "\n",
        )
        importlib.invalidate_caches()
        sys.modules.pop("lesson_code_for_test", None)
        module = importlib.import_module("lesson_code_for_test")
        answers.append((use_cache(code=module.step)[2], use_cache(code=module)[2]))
    assert answers == [(False, False), (True, True), (False, False)]


def test_classes_typed_into_a_notebook_have_a_source_too(cache):
    def define(number):
        source = f"class Cell:\n    size = {number}\n    def f(self):\n        return {number}\n"
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        space = {"__name__": "__main__x"}
        exec(compile(source, name, "exec"), space)
        return space["Cell"]

    assert use_cache(code=define(1))[2] is False
    assert use_cache(code=define(1))[2] is True
    assert use_cache(code=define(2))[2] is False


@pytest.mark.parametrize("code", [len, 3, "text", type("Bare", (), {})])
def test_code_without_source_is_refused(cache, code):
    with pytest.raises(ValueError, match="has no source by which to tell versions"):
        use_cache(code=code)


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", ".hidden", "x" * 101, "a\n", "é"])
def test_a_name_that_is_no_file_name_is_refused(cache, name):
    with pytest.raises(ValueError, match="cannot be a file name"):
        cached(name, config={}, data_version="", code=Regression, build=Regression, train=lambda m, h: None)


def test_random_numbers_afterwards_are_the_same_with_and_without_training(cache):
    torch.manual_seed(11)
    expected = torch.rand(3)
    models = []
    for seed in (11, 11, 12):
        torch.manual_seed(seed)
        models.append(weights(use_cache(config={"seed before": seed if seed == 12 else 11})[0]))
        if seed == 11:
            assert torch.equal(torch.rand(3), expected)
    assert_same(models[0], models[2])  # what ran before does not change the result


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "other shape"])
def test_a_damaged_file_is_set_aside_and_the_model_trained_anew(cache, damage):
    model, history, _ = use_cache()
    path = next(cache.iterdir())
    data = path.read_bytes()
    if damage == "other shape":
        save_model(path, Regression(width=9), config={}, history=History())
        data = path.read_bytes()
    else:
        data = {"truncated": data[:-9], "altered": data[:-1] + b"?", "empty": b""}[damage]
        path.write_bytes(data)
    with pytest.warns(StorageWarning) as caught:
        again, its_history, was_cached = use_cache()
    assert was_cached is False
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "\n" not in message
    assert "trained anew" in message
    assert f"kept as {path.name}.damaged-1" in message
    assert ("layers.0.bias is (9,) float32, the model needs (5,) float32" in message) is (
        damage == "other shape"
    )
    assert path.with_name(path.name + ".damaged-1").read_bytes() == data
    assert_same(weights(model), weights(again))
    assert its_history.losses == history.losses
    assert use_cache()[2] is True


def test_a_cache_that_cannot_be_written_still_gives_the_model(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(StorageWarning, match="trained and ready, but will have to be trained again") as caught:
        model, history, was_cached = use_cache()
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert was_cached is False
    assert len(history) == 4
    assert not torch.equal(model.layers[0].weight, Regression(seed=0).layers[0].weight)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_cache_still_gives_the_model(cache, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.warns(StorageWarning, match="trained and ready"):
        model, history, _ = use_cache()
    assert len(history) == 4
    assert list(cache.iterdir()) == []


def test_unfinished_training_is_not_kept(cache, capsys):
    def stop(model, history):
        fit(model, shuffled, steps=1, learning_rate=0.01, history=history)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("small", config={}, data_version="", code=Regression, build=Regression, train=stop)
    assert "run the cell again" in capsys.readouterr().out
    assert not cache.exists()
