"""The long run keeps its best weights, says how it went, and is read back only as it was written."""

import json

import pytest
import torch

from course_utils.datasets.wikipedia import Article
from course_utils.language_models import long_run
from course_utils.language_models.corpus import encode_articles
from course_utils.language_models.long_run import LongRun, load_long_gpt
from course_utils.language_models.recipes import Schedule, train_gpt
from course_utils.storage import DataError, sha256_of

SMALL = {"context": 16, "width": 32, "layers": 1, "heads": 2, "positions": "rotary", "dropout": 0.0}
SCHEDULE = Schedule(tokens=16 * 8 * 25, batch=8, learning_rate=0.01, warmup=5)
TEXT = "the cat sat on the mat, and the dog sat on the cat. "


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield encode_articles([Article(str(i), f"{i}: " + TEXT * 6) for i in range(20)], merges=20)
    patch.undo()


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    lines = []
    run = LongRun(
        corpus, tmp_path_factory.mktemp("run"), schedule=SCHEDULE, options=SMALL, every=10, say=lines.append
    )
    run.train()
    run.finish()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 25]
    return run


def test_the_log_says_how_it_went(run):
    loaded = load_long_gpt(run.folder)
    assert [entry["step"] for entry in loaded.log] == loaded.history.steps == [10, 20, 25]
    assert loaded.log[1]["tokens"] == 20 * 8 * 16
    losses = run.history.losses
    assert loaded.log[0]["training_loss"] == pytest.approx(sum(losses[:10]) / 10, abs=1e-4)
    assert loaded.log[2]["training_loss"] == pytest.approx(sum(losses[20:]) / 5, abs=1e-4)
    assert loaded.log[2]["validation_bits"] < loaded.log[0]["validation_bits"]
    assert loaded.facts["finished"] is True
    assert (loaded.facts["seed"], loaded.facts["steps"]) == (0, 25)
    assert loaded.facts["passes"] == pytest.approx(25 / run.windows.batches, abs=0.01)


def test_what_is_read_back_is_the_model_rounded_and_its_tokenizer(run, corpus):
    loaded = load_long_gpt(run.folder)
    for one, other in zip(loaded.model.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(one, other.to(torch.bfloat16).float())
    assert not loaded.model.training
    assert loaded.bpe.pieces == corpus.bpe.pieces
    assert (loaded.tokens, loaded.was_cached) == (25 * 8 * 16, True)
    kept = loaded.facts["judged"]["validation"]["bits"]
    assert kept == pytest.approx(loaded.writer.bits(corpus.validation).bits, rel=1e-4)
    assert kept == pytest.approx(loaded.log[-1]["validation_bits"], abs=0.05)
    assert loaded.facts["judged"]["test"]["characters"] == sum(t.characters for t in corpus.test)


def test_looking_changes_nothing_about_the_training(corpus, tmp_path):
    options = SMALL | {"dropout": 0.2}
    looked = LongRun(corpus, tmp_path, schedule=SCHEDULE, options=options, every=10, say=lambda line: None)
    looked.train()
    plain = train_gpt(corpus, schedule=SCHEDULE, **options)
    assert looked.history.losses == pytest.approx(plain.history.losses, rel=1e-4)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(corpus, tmp_path):
    options = SMALL | {"dropout": 0.2}

    def run_in(name, say):
        return LongRun(corpus, tmp_path / name, schedule=SCHEDULE, options=options, every=10, say=say)

    def stop_at_the_second(line):
        if json.loads(line)["step"] == 20:
            raise KeyboardInterrupt

    whole, lines = run_in("whole", lambda line: None), []
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        run_in("stopped", stop_at_the_second).train()
    resumed = run_in("stopped", lines.append)
    resumed.train()
    assert lines[0] == "going on after step 10"
    assert resumed.history.steps == whole.history.steps
    assert resumed.history.losses == pytest.approx(whole.history.losses, rel=1e-5)
    assert [entry["validation_bits"] for entry in resumed.log] == pytest.approx(
        [entry["validation_bits"] for entry in whole.log], abs=2e-4
    )
    again = run_in("stopped", lines.append)  # a run that came to its end begins anew
    again.train()
    assert len([line for line in lines if "going on" in line]) == 1


@pytest.mark.parametrize("change", [lambda data: data[:-5], lambda data: b"", lambda data: data[8:]])
def test_a_damaged_state_is_not_used(corpus, tmp_path, change):
    def stop_at_the_second(line):
        if json.loads(line)["step"] == 20:
            raise KeyboardInterrupt

    settings = {"schedule": SCHEDULE, "options": SMALL, "every": 10}
    run = LongRun(corpus, tmp_path, say=stop_at_the_second, **settings)
    with pytest.raises(KeyboardInterrupt):
        run.train()
    run.state.write_bytes(change(run.state.read_bytes()))
    lines = []
    LongRun(corpus, tmp_path, say=lines.append, **settings).train()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 25]


def test_weights_that_are_no_better_are_not_kept(corpus, tmp_path, monkeypatch):
    found = iter([2.0, 1.0, 3.0])

    class Bits:
        def __init__(self, *_):
            pass

        def bits(self, texts):
            result = type("Result", (), {})()
            result.bits = next(found)
            return result

    monkeypatch.setattr(long_run, "Writer", Bits)
    LongRun(corpus, tmp_path, schedule=SCHEDULE, options=SMALL, every=10, say=lambda line: None).train()
    loaded = load_long_gpt(tmp_path)
    assert [entry["validation_bits"] for entry in loaded.log] == [2.0, 1.0, 3.0]
    assert loaded.facts["weights"]["step"] == 20
    assert loaded.tokens == 20 * 8 * 16


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("gpt.json", lambda data: None, "gpt.json cannot be read"),
        ("gpt.safetensors", lambda data: None, "gpt.safetensors cannot be read"),
        ("gpt.json", lambda data: data[:-20], "gpt.json is damaged"),
        ("gpt.json", lambda data: b"[]", "gpt.json is damaged"),
        ("gpt.json", lambda data: data.replace(b'"width": 32', b'"width": 64'), "size mismatch"),
        ("gpt.safetensors", lambda data: data[:-1] + b"\x00", "is not the file that gpt.json describes"),
    ],
)
def test_a_damaged_run_is_not_used(run, tmp_path, name, change, message):
    for file in run.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = change((tmp_path / name).read_bytes())
    (tmp_path / name).unlink()
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"(?s){message}.*git checkout data/checkpoints"):
        load_long_gpt(tmp_path)


def test_the_shipped_run_is_the_one_the_loader_knows(run, tmp_path, monkeypatch):
    monkeypatch.setattr(long_run, "course_folder", lambda: tmp_path)
    folder = tmp_path / "data" / "checkpoints"
    folder.mkdir(parents=True)
    for file in run.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="gpt.json is damaged or was changed"):
        load_long_gpt()
    monkeypatch.setattr(long_run, "SHIPPED", sha256_of(folder / "gpt.json"))
    assert load_long_gpt().bpe.pieces == run.corpus.bpe.pieces
