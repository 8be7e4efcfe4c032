"""What benchmarks/ writes: rows with the agreed fields, a table made of them, budgets that can be missed."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIELDS = {"name", "lesson", "unit", "ours", "peer", "theirs", "ratio", "better", "runs", "machine"}


@pytest.fixture
def results(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import results

    yield results
    sys.modules.pop("results")


@pytest.fixture
def latency(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import latency

    return latency


@pytest.fixture
def row(results):
    return results.make_row(
        name="sorting",
        lesson="01",
        unit="s",
        ours=[3.0, 1.0, 2.0],
        peer="other 1.2",
        theirs=[8.0, 8.0, 9.0, 7.0],
        better="lower",
    )


def test_row_holds_medians_and_their_ratio(row):
    assert set(row) == FIELDS
    assert (row["ours"], row["theirs"], row["ratio"], row["runs"]) == (2.0, 8.0, 0.25, 3)


@pytest.mark.parametrize(
    "wrong", [{"ours": []}, {"theirs": []}, {"better": "smaller"}], ids=["no ours", "no theirs", "better"]
)
def test_a_row_without_evidence_is_refused(results, wrong):
    good = {"ours": [1.0], "theirs": [1.0], "better": "lower"}
    with pytest.raises(ValueError, match="measure both|better must be"):
        results.make_row(name="x", lesson="01", unit="s", peer="other 1.2", **{**good, **wrong})


def test_a_new_measurement_replaces_the_old_one_of_the_same_thing(results, row):
    newer = {**row, "ours": 1.5, "peer": "other 1.3"}
    another = {**row, "name": "searching"}
    assert results.merge([row, another], [newer]) == [newer, another]


def test_table_shows_every_figure(results, row):
    table = results.as_markdown([row])
    line = next(line for line in table.splitlines() if line.startswith("| sorting"))
    assert line == "| sorting | 01 | s ↓ | 2 | 8 | 0.25 | 3 | other 1.2 |"
    assert row["machine"] in table


def test_committed_rows_have_the_agreed_fields(results):
    rows = results.read_rows()
    assert rows, "benchmarks/results.json is missing; run make bench"
    for found in rows:
        assert set(found) == FIELDS
        assert found["better"] in ("lower", "higher")
        assert found["ratio"] == pytest.approx(found["ours"] / found["theirs"], rel=0.02)
        assert found["runs"] >= 3
    assert len({(found["name"], found["peer"]) for found in rows}) == len(rows)


def test_readme_is_made_from_the_rows(results):
    assert results.README.read_text(encoding="utf-8") == results.readme(results.read_rows())


def test_lesson_numbers_of_rows_exist(results):
    lessons = {path.name[:2] for path in (ROOT / "notebooks" / "src").glob("*.py")}
    assert {found["lesson"] for found in results.read_rows()} <= lessons | {""}


def test_words_are_not_lost_to_the_other_library(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import word_vectors

    documents = [["a"] * 25_000, ["b"] * 10]
    pieces = word_vectors.split_long(documents)
    assert [len(piece) for piece in pieces] == [10_000, 10_000, 5_000, 10]
    assert sum(pieces, []) == sum(documents, [])


def test_budget_is_strict_on_an_idle_machine_and_scales_on_a_busy_one(latency):
    idle = latency.YARDSTICK_IDLE
    assert latency.Latency(median=50.0, yardstick=idle, budget=50.0).within
    assert not latency.Latency(median=50.1, yardstick=idle, budget=50.0).within
    assert not latency.Latency(median=50.1, yardstick=idle - 10, budget=50.0).within
    twice = latency.FRAMES + 2 * (idle - latency.FRAMES)
    assert latency.Latency(50.0, twice, 50.0).allowed == pytest.approx(75.0)


def test_best_round_counts(latency, monkeypatch):
    rounds = iter(
        [{"a": [90.0], "bare": [30.0]}, {"a": [48.0], "bare": [36.0]}, {"a": [10.0], "bare": [9.0]}]
    )
    monkeypatch.setattr(latency, "measure_alternately", lambda controls, **options: next(rounds))
    controls = [latency.Control(name, None, None) for name in ("a", "bare")]
    found = latency.measure_against_yardstick(*controls, budget=50.0)
    assert (found.median, found.yardstick) == (48.0, 36.0)
    assert json.loads(json.dumps(found.allowed)) == 50.0


@pytest.fixture
def attention_training(monkeypatch, results):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import attention_training

    yield attention_training
    sys.modules.pop("attention_training")


def test_both_loops_attend_alike_and_as_ours(attention_training):
    """One layer over [query; key] is the sum of a layer each; so is Bahdanau's score in the course."""
    import torch

    from course_utils.layers.attention_scores import AdditiveScore, average_by_scores

    torch.manual_seed(0)
    split = attention_training.SplitAttention(6, hidden=6)
    joined = attention_training.JoinedAttention(6, hidden=6)
    ours = AdditiveScore(6, hidden=6)
    with torch.no_grad():
        joined.energy.weight.copy_(torch.cat([split.of_query.weight, split.of_keys.weight], dim=1))
        joined.energy.bias.copy_(split.of_query.bias + split.of_keys.bias)
        joined.score.weight.copy_(split.score.weight)
        ours.of_query.weight.copy_(split.of_query.weight)
        ours.of_query.bias.copy_(joined.energy.bias)
        ours.of_key.weight.copy_(split.of_keys.weight)
        ours.direction.copy_(split.score.weight[0])
    query, keys = torch.randn(2, 1, 6), torch.randn(2, 4, 6)
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    context = split(query, keys, mask)
    torch.testing.assert_close(joined(query, keys, mask), context)
    keys[1, 2:] = 100.0  # behind the mask
    torch.testing.assert_close(split(query, keys, mask), context)
    found, _ = average_by_scores(ours(query, ours.project(keys)), keys, mask=mask)
    torch.testing.assert_close(found, context)


@pytest.mark.parametrize("joined", [True, False])
def test_the_loop_predicts_each_word_from_those_before(attention_training, joined):
    import torch

    torch.manual_seed(0)
    model = attention_training.StepByStep(9, 8, joined=joined, width=4, hidden=4)
    source, target = torch.tensor([[3, 4, 5, 2]]), torch.tensor([[1, 3, 4, 5]])
    scores = model(source, target)
    assert scores.shape == (1, 4, 8)
    changed = target.clone()
    changed[0, 2] = 6
    after = model(source, changed)
    torch.testing.assert_close(after[:, :2], scores[:, :2])
    assert not torch.allclose(after[:, 2:], scores[:, 2:])


def test_only_words_and_end_marks_are_counted(attention_training):
    import torch

    batch = torch.zeros(2, 3, dtype=torch.long), torch.tensor([[1, 5, 6, 2], [1, 5, 2, 0]])
    assert attention_training.count_tokens([batch, batch]) == 2 * (3 + 2)


def test_a_side_that_does_not_learn_has_no_speed(attention_training):
    from course_utils.training import History

    history = History()
    for _ in range(20):
        history.record(loss=5.0, seconds=0.0, learning_rate=0.1)
    with pytest.raises(AssertionError, match="loop: the loss went from 5.00 to 5.00"):
        attention_training.require_learning("loop", history)
