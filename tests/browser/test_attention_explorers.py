"""Eight explorers of recurrent networks, decoding and attention on the page: every control moved by keys, and
every number compared with what plain numpy gives."""

import math

import numpy as np
import pytest
from attention_scratch import (
    BEGIN,
    END,
    FRENCH,
    HARMFUL,
    HEADS,
    LONGEST,
    READ_OFF,
    SENTENCE,
    SPOKEN,
    THRESHOLD,
    UNITS,
    WIDTHS,
    Tables,
    drawn_scores,
    notebook_sources,
    plain_entropy,
    plain_softmax,
)
from explorer_view import CHANGED, ExplorerView
from notebook_page import NotebookPage
from test_context_and_search import BAD, OUTSIDE, enter
from test_explorer_input import assert_nothing_injected
from test_explorer_page import CUT, FOCUSED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("attention")]

VARIABLES = {
    "alignment": "alignment_explorer",
    "weights": "weight_editor",
    "pipeline": "score_pipeline",
    "dotproducts": "dot_products",
    "ablation": "ablation_lab",
    "gates": "gate_explorer",
    "lengths": "length_explorer",
    "beam": "beam_explorer",
}
START = {
    "alignment": {"sentence": SENTENCE, "head": "straight", "threshold": THRESHOLD, "gold": True},
    "weights": {"place": 1, "word": 0, "weight": "own", "guess": "", "reveal": False},
    "pipeline": {"query": 2, "head": "first", "scale": True, "mask": True},
    "dotproducts": {"width": 64, "keys": 16, "spread": 1.0, "seed": 3},
    "ablation": {"head": "straight", "mode": "zero", "guess": 0.0, "reveal": "hide"},
    "gates": {"sentence": SENTENCE, "unit": 2, "word": 1},
    "lengths": {"width": 3, "minimum": 5, "model": "attention"},
    "beam": {"sentence": SENTENCE, "width": 2, "penalty": 0.0, "depth": 8},
}
MARKS = """nodes => nodes.map(node => ({
    ...node.dataset, hover: node.querySelector('title')?.textContent ?? '' }))"""
CLOSE = {"rel": 1e-5, "abs": 1e-9}  # the page carries six digits or more


@pytest.fixture(scope="module")
def tables():
    return Tables()


@pytest.fixture(scope="module")
def attention_page(lab, context, tables):
    name = lab.write_notebook("attention_scratch.ipynb", notebook_sources())
    (lab.root / "notebooks" / "attention.json").write_text(tables.as_json(), encoding="utf-8")
    page = NotebookPage(context, lab, name)
    page.run_all()
    yield page
    page.close()


@pytest.fixture(autouse=True)
def _nothing_bad_on_this_page(attention_page):
    """No request left the machine, no error in the console, on stderr or in the kernel."""
    attention_page.page.bring_to_front()
    yield
    assert attention_page.forgive() == []


def opened(page, name):
    view = ExplorerView(page, name, variable=VARIABLES[name])
    view.set_state(**START[name])
    return view


@pytest.fixture(params=START)
def view(request, attention_page):
    return opened(attention_page, request.param)


@pytest.fixture
def at(attention_page):
    """Function: name of an explorer → it, as at the start."""
    return lambda name: opened(attention_page, name)


def marks(view, selector):
    """Data attributes and hover text of elements of the picture."""
    return view.picture.locator(selector).evaluate_all(MARKS)


def values(found):
    return [float(one["value"]) for one in found]


def state(view, *keys):
    """Entries of `state()`; some explorers hold arrays there, which have no JSON form."""
    return view.notebook.ask(f"[{VARIABLES[view.name]}.state()[key] for key in {keys!r}]")


def readout(view, control):
    return view.part(control).locator(".widget-readout").inner_text()


def moved(view, control, key):
    """A key that must change the picture in the document; `test_it_fits_the_page` looks at the screen."""
    view.notebook.settle()
    before = view.markup()
    view.press(control, key)
    view.page.wait_for_function(
        CHANGED, arg=[view.root.element_handle(), f".course-{view.name}-picture", before]
    )
    view.notebook.settle()


# ---- AlignmentExplorer -----------------------------------------------------------------------------------


def check_alignment(view, tables, *, sentence=SENTENCE, head="straight", threshold=THRESHOLD, gold=True):
    """Each cell, each ring and frame, and the three measures."""
    weights, source = tables.alignment(sentence, head), sentence.split()
    target, places = [FRENCH[word] for word in source], range(len(sentence.split()))
    if threshold == 0:
        links = {(int(row.argmax()), t) for t, row in enumerate(weights)}
    else:
        links = {(s, t) for t in places for s in places if weights[t, s] >= threshold}
    right = {(i, i) for i in places} if gold and "🌊" not in source else None
    cells = marks(view, "rect[data-row]")
    assert [(int(c["row"]), int(c["column"])) for c in cells] == [(t, s) for t in places for s in places]
    assert values(cells) == pytest.approx(weights.ravel(), **CLOSE)
    hovers = [f"{target[t]} → {source[s]}: {weights[t, s]:.4f}" for t in places for s in places]
    assert [cell["hover"] for cell in cells] == hovers
    assert {(int(c["column"]), int(c["row"])) for c in cells if "link" in c} == links
    assert {(int(c["column"]), int(c["row"])) for c in cells if "gold" in c} == (right or set())
    found, precision, recall, error = state(view, "links", "precision", "recall", "error_rate")
    assert {tuple(link) for link in found} == links
    if right is None:
        assert (precision, recall, error) == (None, None, None)
        assert view.drawing("data-precision") is None
    else:
        both = len(links & right)
        expected = (both / len(links) if links else None, both / len(right),
                    1 - 2 * both / (len(links) + len(right)))  # fmt: skip
        assert (precision, recall, error) == pytest.approx(expected)
        assert float(view.drawing("data-error-rate")) == pytest.approx(expected[2], rel=1e-5)
        assert f"recall {expected[1]:.2f}" in view.sentence()
    assert view.status() == ""


def test_where_the_model_looked(at, tables):
    view = at("alignment")
    check_alignment(view, tables)
    for key, head in (("ArrowRight", "blurred"), ("End", "backward"), ("Home", "straight")):
        moved(view, "head", key)
        check_alignment(view, tables, head=head)
        assert readout(view, "head") == head
    for key, threshold in (("Home", 0), ("ArrowRight", 0.05), ("End", 1)):
        moved(view, "threshold", key)
        check_alignment(view, tables, threshold=threshold)
    view.set_state(threshold=THRESHOLD)
    moved(view, "gold", "Space")
    check_alignment(view, tables, gold=False)
    assert "alignment error rate" not in view.sentence()


def test_a_sentence_is_typed(at, tables):
    """Key by key; nothing happens before Enter, and an unknown gold alignment is told."""
    view = at("alignment")
    before, field = view.markup(), view.handle("sentence")
    field.press("Control+a")
    field.press_sequentially("a dog sees")
    view.notebook.settle()
    assert view.markup() == before
    with view.changing():
        field.press("Enter")
    check_alignment(view, tables, sentence="a dog sees")
    with view.changing():
        view.fill("sentence", f"  the 🌊  sees {HARMFUL} ")
        view.press("sentence", "Tab")
    check_alignment(view, tables, sentence=f"the 🌊 sees {HARMFUL}")
    assert "o gold links are known for this sentence." in view.sentence()
    assert_nothing_injected(view)


# ---- WeightEditor ----------------------------------------------------------------------------------------


def check_weights(view, tables, *, place=1, word=0, weight=None, guess=None, revealed=False):
    """Both rows of weights, and the words before and, once revealed, after."""
    own = tables.own_weights(place)
    edited = own if weight is None else tables.edited(place, word, weight)
    before, after = tables.next_word(own), tables.next_word(edited)
    cells = marks(view, "rect[data-row]")
    assert values(cells) == pytest.approx([*own, *edited], **CLOSE)
    assert [c["hover"].rsplit(": ")[-1] for c in cells] == [f"{w:.4f}" for w in [*own, *edited]]
    ringed = [(int(c["row"]), int(c["column"])) for c in cells if "link" in c]
    assert ringed == ([] if weight is None else [(1, word)])
    bars = marks(view, "rect[data-label]")
    shown = {b["label"]: float(b["value"]) for b in bars if b["when"] == "before"}
    assert shown == pytest.approx({label: before[label] for label in shown}, **CLOSE)
    assert {*sorted(before, key=before.get)[-5:]} <= set(shown)
    shown = {b["label"]: float(b["value"]) for b in bars if b["when"] == "after"}
    answers = state(view, "top_before", "after", "top_after", "guess_probability", "guess_rank")
    assert answers[0] == max(before, key=before.get)
    if not revealed:
        assert shown == {}
        assert answers[1:] == [None] * 4
    else:
        assert shown == pytest.approx({label: after[label] for label in shown}, **CLOSE)
        assert {*sorted(after, key=after.get)[-5:], guess} <= set(shown)
        assert answers[2] == max(after, key=after.get)
        assert answers[3] == pytest.approx(after[guess])
        assert answers[4] == 1 + sum(share > after[guess] for share in after.values())
        assert f"“{guess}” gets {after[guess]:.3f}, rank {answers[4]}." in view.sentence()
    assert view.status() == ""


def test_an_edited_weight_changes_the_next_word_as_computed_here(at, tables):
    view = at("weights")
    check_weights(view, tables)
    for key, weight in (("ArrowRight", 0.0), ("ArrowRight", 0.05), ("End", 1.0)):
        moved(view, "weight", key)
        check_weights(view, tables, weight=weight)
    assert "which word comes next?" in view.drawing("aria-label")
    view.fill("guess", "noir")
    moved(view, "guess", "Enter")
    check_weights(view, tables, weight=1.0, guess="noir")
    moved(view, "reveal", "Space")
    check_weights(view, tables, weight=1.0, guess="noir", revealed=True)
    for key, word in (("ArrowRight", 1), ("End", 4)):
        moved(view, "word", key)
        check_weights(view, tables, word=word, weight=1.0, guess="noir", revealed=True)
    moved(view, "weight", "ArrowLeft")
    check_weights(view, tables, word=4, weight=0.95, guess="noir", revealed=True)


def test_another_place_is_another_question(at, tables):
    view = at("weights")
    view.set_state(weight=0.5, guess="le", reveal=True)
    check_weights(view, tables, weight=0.5, guess="le", revealed=True)
    moved(view, "place", "ArrowRight")
    check_weights(view, tables, place=2, weight=0.5)
    assert view.handle("guess").input_value() == ""
    before = view.markup()
    view.press("reveal", "Space")
    view.notebook.settle()
    assert "Guess first" in view.status()
    assert view.markup() == before
    view.press("reveal", "Space")
    view.notebook.settle()
    assert view.status() == ""


# ---- ScorePipeline ---------------------------------------------------------------------------------------


def check_pipeline(view, tables, *, query=2, head="first", scale=True, mask=True):
    """Each stage of each key, the mix, and the entropies of all variants."""
    stages = tables.stages(head, query, scale=scale, mask=mask)
    words = {"dot": "dot product"}
    for stage, numbers in stages.items():
        cells = marks(view, f'rect[data-stage="{stage}"]')
        assert values(cells) == pytest.approx(numbers, **CLOSE), stage
        if stage != "mix":
            assert [int(cell["key"]) for cell in cells] == list(range(5))
            said = [f"{word}, {words.get(stage, stage)}: {number:.6g}"
                    for word, number in zip(SENTENCE.split(), numbers, strict=True)]  # fmt: skip
            assert all(c["hover"].startswith(start) for c, start in zip(cells, said, strict=True))
    entropy = plain_entropy(stages["softmax"])
    assert float(view.drawing("data-entropy")) == pytest.approx(entropy, **CLOSE)
    bars = marks(view, "rect[data-label]")
    switches = [(True, True), (True, False), (False, True), (False, False)]
    variants = [tables.stages(head, query, scale=s, mask=m)["softmax"] for s, m in switches]
    assert values(bars) == pytest.approx([plain_entropy(one) for one in variants], **CLOSE)
    keys = ("dot_products", "scaled_scores", "weights", "mix", "entropy_nats", "winner")
    found = dict(zip(keys, state(view, *keys), strict=True))
    for key, stage in zip(keys, ("dot", "scale", "softmax", "mix"), strict=False):
        assert found[key] == pytest.approx(stages[stage], abs=1e-12)
    assert found["winner"] == SENTENCE.split()[int(np.argmax(stages["softmax"]))]
    assert (view.drawing("data-scaled"), view.drawing("data-masked")) == (str(int(scale)), str(int(mask)))
    assert view.status() == ""


def test_every_stage_of_a_score(at, tables):
    view = at("pipeline")
    check_pipeline(view, tables)
    for key, query in (("ArrowRight", 3), ("End", 4), ("Home", 0)):
        moved(view, "query", key)
        check_pipeline(view, tables, query=query)
    view.set_state(query=3)
    moved(view, "head", "End")
    check_pipeline(view, tables, query=3, head="second")
    moved(view, "scale", "Space")
    check_pipeline(view, tables, query=3, head="second", scale=False)
    moved(view, "mask", "Space")
    check_pipeline(view, tables, query=3, head="second", scale=False, mask=False)
    moved(view, "scale", "Space")
    check_pipeline(view, tables, query=3, head="second", mask=False)


# ---- DotProductBench -------------------------------------------------------------------------------------


def check_dot_products(view, *, width=64, keys=16, spread=1.0, seed=3):
    """Spread of the scores, weights of one query, and the entropies at all widths."""
    scores = drawn_scores(width, keys, seed=seed, spread=spread)
    drawn, theory = state(view, "drawn_std", "theory_std")
    assert drawn == pytest.approx(scores.std())
    assert theory == pytest.approx(math.sqrt(width) * spread**2)
    shares = {"with 1/√d": plain_softmax(scores[0] / math.sqrt(width)), "without": plain_softmax(scores[0])}
    bars = marks(view, "rect[data-label]")
    assert len(bars) == 2 * min(8, keys)
    for bar in bars:
        share = shares[bar["series"]][int(bar["label"].removeprefix("key ")) - 1]
        assert float(bar["value"]) == pytest.approx(share, **CLOSE)
        assert bar["hover"] == f"{bar['label']}, {bar['series']}: {share:.6g}"
    points = marks(view, "[data-series][data-name]")
    assert [(p["series"], int(p["name"])) for p in points] == [(name, w) for name in shares for w in WIDTHS]
    for point in points:
        other = int(point["name"])
        scaled = math.sqrt(other) if point["series"] == "with 1/√d" else 1
        rows = drawn_scores(other, keys, seed=seed, spread=spread) / scaled
        entropy = np.mean([plain_entropy(plain_softmax(row)) for row in rows])
        assert float(point["value"]) == pytest.approx(entropy, **CLOSE)
    histogram = marks(view, "rect[data-bin]")
    edges = np.linspace(-4 * theory, 4 * theory, len(histogram) + 1)
    counts = [
        int(((scores >= low) & (scores < high)).sum()) for low, high in zip(edges, edges[1:], strict=False)
    ]
    tall = values(histogram)
    np.testing.assert_allclose(np.array(tall) * max(counts), np.array(counts) * max(tall), rtol=1e-6)
    assert f"{scores.std():.2f}; in theory" in view.sentence()
    assert view.status() == ""


def test_scores_of_random_vectors(at):
    view = at("dotproducts")
    check_dot_products(view)
    for key, width in (("ArrowRight", 256), ("Home", 4)):
        moved(view, "width", key)
        check_dot_products(view, width=width)
    for control, key, value in (("keys", "Home", 2), ("spread", "ArrowRight", 1.25), ("seed", "Home", 0)):
        view.set_state(**START["dotproducts"])
        moved(view, control, key)
        check_dot_products(view, **{control: value})


# ---- AblationLab -----------------------------------------------------------------------------------------


def test_an_ablated_head_gives_the_loss_computed_here(attention_page, tables):
    """From a fresh laboratory on: what was revealed is remembered, and nothing is told before."""
    view = ExplorerView(attention_page, "ablation", variable="ablation_lab")
    baseline = tables.loss()
    assert state(view, "baseline", "revealed", "loss", "effect") == [
        pytest.approx(baseline),
        False,
        None,
        None,
    ]
    tried = {}
    for head, mode in [(head, mode) for mode in ("zero", "mean") for head in HEADS]:
        loss = tables.loss(head, mode)
        if head != view.drawing("data-head"):
            moved(view, "head", "Home" if head == HEADS[0] else "ArrowRight")
        if mode != view.drawing("data-mode"):
            with view.changing():
                view.choose("mode", mode)
        hidden = f"{loss:.3f}", f"{loss - baseline:+.3f}"
        assert view.drawing("data-effect") == ""
        assert state(view, "loss") == [None]
        if not any(f"{one['effect']:+.3f}" == hidden[1] for one in tried.values()):
            assert not any(number in view.markup() for number in hidden)
        moved(view, "guess", "ArrowRight")
        guess = float(view.notebook.ask("ablation_lab.controls['guess'].value"))
        with view.changing():
            view.choose("reveal", "show")
        tried[f"{head} → {mode}"] = {"effect": loss - baseline, "guess": guess}
        assert state(view, "loss", "effect", "first_guess") == pytest.approx([loss, loss - baseline, guess])
        bars, guesses = marks(view, "rect[data-label]"), marks(view, "[data-guess-of]")
        ranked = sorted(tried, key=lambda name: -tried[name]["effect"])
        assert [bar["label"] for bar in bars] == ranked
        assert values(bars) == pytest.approx([tried[name]["effect"] for name in ranked], **CLOSE)
        assert [bar["hover"] for bar in bars] == [f"{name}: {tried[name]['effect']:+.6g}" for name in ranked]
        assert {g["guessOf"]: float(g["value"]) for g in guesses} == pytest.approx(
            {name: one["guess"] for name, one in tried.items()}
        )
        assert f"it is {loss:.3f}, an effect of {loss - baseline:+.3f}" in view.sentence()
        assert view.status() == ""


# ---- GateExplorer ----------------------------------------------------------------------------------------


def check_gates(view, tables, *, sentence=SENTENCE, unit=2, word=1):
    """State and gates of the unit, means over all, and what is read off."""
    found, tokens = tables.gates(sentence), sentence.split()
    expected = [found[name][:, unit] for name in ("state", "reset", "update", "candidate")]
    expected += [found[name].mean(axis=1) for name in ("reset", "update")] + [found[READ_OFF]]
    cells = marks(view, "rect[data-row]")
    assert [cell["token"] for cell in cells] == tokens * len(expected)
    assert values(cells) == pytest.approx(np.concatenate(expected), **CLOSE)
    assert [cell["hover"].rsplit(": ")[-1] for cell in cells] == [
        f"{v:.4f}" for v in np.concatenate(expected)
    ]
    place = min(word, len(tokens)) - 1
    assert [int(one["chosen"]) for one in marks(view, "rect[data-chosen]")] == [place]
    before = found["state"][place - 1] if place else np.zeros(UNITS)
    after = found["state"][place]
    most = sorted(range(UNITS), key=lambda one: -abs(after[one] - before[one]))[:5]
    (listed,) = state(view, "moved")
    assert listed == [[one, pytest.approx(before[one]), pytest.approx(after[one])] for one in most]
    assert f"state {after[unit]:.3f}, reset {found['reset'][place, unit]:.3f}" in view.sentence()
    assert view.status() == ""


def test_state_and_gates_word_by_word(at, tables):
    view = at("gates")
    check_gates(view, tables)
    for key, unit in (("ArrowRight", 3), ("End", UNITS - 1), ("Home", 0)):
        moved(view, "unit", key)
        check_gates(view, tables, unit=unit)
    view.set_state(unit=2)
    for key, word in (("ArrowRight", 2), ("End", 60)):
        moved(view, "word", key)
        check_gates(view, tables, word=word)
    with view.changing():
        enter(view, "sentence", "A DOG sees the 🌊")
    check_gates(view, tables, sentence="a dog sees the 🌊", word=60)


# ---- LengthExplorer --------------------------------------------------------------------------------------


def check_lengths(view, tables, *, width=3, minimum=5, model="attention"):
    """Each point, each bar, and the median first mistakes of the chosen model."""
    points, expected = marks(view, "path[data-model]"), {}
    for name in tables.right_or_wrong:
        for bucket, (count, share, _) in tables.buckets(name, width=width).items():
            if count >= minimum:
                expected[name, bucket] = share
    assert [(p["model"], p["bucket"]) for p in points] == list(expected)
    assert values(points) == pytest.approx(list(expected.values()), **CLOSE)
    said = [f"{name}, length {bucket}: {share:.4g}" for (name, bucket), share in expected.items()]
    assert [point["hover"] for point in points] == said
    own = tables.buckets(model, width=width)
    bars = marks(view, "rect[data-count]")
    assert {b["bucket"]: int(b["count"]) for b in bars} == {name: one[0] for name, one in own.items()}
    (first, overall, low, high) = state(view, "first", "overall", "low", "high")
    assert overall == pytest.approx(tables.right_or_wrong[model].mean())
    for place, (count, share, median) in enumerate(own.values()):
        if count < minimum:
            continue
        if tables.first_mistakes[model] is not None:
            assert (None if math.isnan(first[place]) else first[place]) == median
        # Wilson: the shares whose own standard error just reaches the one that was seen
        for end in (low[place], high[place]):
            reach = 1.959964 * math.sqrt(end * (1 - end) / count)
            assert abs(share - end) == pytest.approx(reach, abs=1e-6)
    assert (first is None) == (tables.first_mistakes[model] is None)
    assert view.status() == ""


def test_quality_by_length(at, tables):
    view = at("lengths")
    check_lengths(view, tables)
    for key, width in (("ArrowRight", 4), ("End", 8), ("Home", 1)):
        moved(view, "width", key)
        check_lengths(view, tables, width=width)
    view.set_state(width=3)
    for key, minimum in (("ArrowRight", 6), ("Home", 1)):
        view.press("minimum", key)
        view.notebook.settle()
        check_lengths(view, tables, minimum=minimum)
    moved(view, "model", "Home")
    check_lengths(view, tables, minimum=1, model="no attention")
    before = view.markup()
    view.press("minimum", "End")
    view.notebook.settle()
    assert "No bucket of 3 lengths holds 100 sentences" in view.status()
    assert view.markup() == before


# ---- BeamExplorer ----------------------------------------------------------------------------------------


def check_beam(view, tables, *, sentence=SENTENCE, width=2, penalty=0.0, depth=8):
    """Each node's gain, sum and score; who lives on at each step; the texts found."""
    gains = tables.gains(sentence)
    nodes = marks(view, "g.node")
    shown = {int(node["node"]): node for node in nodes}
    texts = {place: node["hover"].split(":")[0] for place, node in shown.items()}
    for place, node in shown.items():
        path = [place]
        while shown[path[-1]]["parent"]:
            path.append(int(shown[path[-1]]["parent"]))
        tokens = [BEGIN, *(SPOKEN.index(texts[one]) for one in reversed(path))]
        steps = [gains[a][b] for a, b in zip(tokens, tokens[1:], strict=False)]
        assert int(node["step"]) == len(steps)
        assert float(node["logProbability"]) == pytest.approx(steps[-1], rel=1e-6)
        assert float(node["total"]) == pytest.approx(sum(steps), rel=1e-6)
        assert float(node["score"]) == pytest.approx(sum(steps) / len(steps) ** penalty, rel=1e-6)
    last = max(int(node["step"]) for node in nodes)
    assert last <= min(depth, LONGEST)
    for step in range(1, last + 1):
        here = [node for node in nodes if int(node["step"]) == step]
        totals = [float(node["total"]) for node in here]
        assert totals == sorted(totals, reverse=True)
        living = [node for node in here if node["fate"] == "kept"]
        assert len(living) <= width
        others = [node for node in here if node["fate"] == "cut" and texts[int(node["node"])] != SPOKEN[END]]
        cut = [float(node["total"]) for node in others]
        assert not living or not cut or float(living[-1]["total"]) >= max(cut)
    (found,) = state(view, "hypotheses")
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    for one in found:
        tokens = [] if one["text"] == "(nothing)" else [SPOKEN.index(word) for word in one["text"].split()]
        way = [BEGIN, *tokens, *([END] if one["finished"] else [])]
        total = sum(gains[a][b] for a, b in zip(way, way[1:], strict=False))
        assert one["total"] == pytest.approx(total, rel=1e-6)
        assert one["score"] == pytest.approx(total / (len(way) - 1) ** penalty, rel=1e-6)
    assert f"Best: {found[0]['text']} (score {scores[0]:.3f}" in view.sentence()
    assert view.status() == ""
    return nodes


def test_the_tree_of_a_search(at, tables):
    view = at("beam")
    check_beam(view, tables)
    for key, width in (("ArrowRight", 3), ("End", 8), ("Home", 1)):
        moved(view, "width", key)
        nodes = check_beam(view, tables, width=width)
    best = sorted((int(n["step"]), n["hover"].split(":")[0]) for n in nodes if n["best"] == "1")
    assert [word for _, word in best] == tables.greedy(SENTENCE)
    view.set_state(width=4)
    for key, penalty in (("ArrowRight", 0.1), ("End", 2.0)):
        moved(view, "penalty", key)
        check_beam(view, tables, width=4, penalty=penalty)
    moved(view, "depth", "Home")
    nodes = check_beam(view, tables, width=4, penalty=2.0, depth=1)
    assert {node["step"] for node in nodes} == {"1"}


def test_a_source_is_typed(at, tables):
    view = at("beam")
    with view.changing():
        enter(view, "sentence", "Hello  <b>שלום</b> 🌊")
    check_beam(view, tables, sentence="hello <b>שלום</b> 🌊")
    assert_nothing_injected(view)


# ---- all of them -----------------------------------------------------------------------------------------

UNUSABLE = [
    ("alignment", "sentence", tuple(BAD)),
    ("gates", "sentence", tuple(BAD)),
    ("weights", "guess", tuple(kind for kind in BAD if kind not in ("empty", "blank"))),  # no guess yet
    ("beam", "sentence", ("empty", "blank", "ten thousand words")),  # its search here reads any word
]


@pytest.mark.parametrize(("name", "control", "kinds"), UNUSABLE, ids=lambda value: value)
def test_unusable_text(at, name, control, kinds):
    """A message in plain sight, the last good picture, nothing injected, no error; then all is well again."""
    view = at(name)
    markup = view.markup()
    for kind in kinds:
        enter(view, control, BAD[kind])
        view.notebook.settle()
        message = view.part("status")
        assert message.get_attribute("role") == "alert"
        assert message.is_visible()
        assert 0 < len(message.inner_text().strip()) < 300, kind
        assert view.markup() == markup, kind
        assert state(view, "problem") != [""]
        assert_nothing_injected(view)
    enter(view, control, START[name][control])
    view.notebook.settle()
    assert view.status() == ""
    assert view.markup() == markup


@pytest.mark.parametrize(
    ("name", "control", "text", "said"),
    [
        ("alignment", "sentence", "the cta sees", "“cat”"),
        ("gates", "sentence", "the cta sees", "“cat”"),
        ("weights", "guess", "chein", "“chien”"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(at, name, control, text, said):
    view = at(name)
    enter(view, control, text)
    view.notebook.settle()
    assert said in view.status()


def test_it_fits_the_page(view):
    """Nothing is cut off or too small, also on a narrow page; a screen reader hears the sentence."""
    assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    assert view.root.locator(".widget-readout, button").evaluate_all(CUT) == []
    assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert (view.drawing("role"), view.drawing("aria-label")) == ("img", view.sentence())
    assert view.picture.locator("svg").first.evaluate(OUTSIDE) == []
    with view.changing():
        view.root.locator(".noUi-handle").first.press("ArrowRight")
    small = "nodes => nodes.filter(node => parseFloat(getComputedStyle(node).fontSize) < 10).length"
    assert view.picture.locator("svg text").evaluate_all(small) == 0
    view.page.set_viewport_size({"width": 700, "height": 900})
    try:
        view.root.scroll_into_view_if_needed()
        box, room = view.picture.locator("svg").first.bounding_box(), view.root.bounding_box()
        assert 300 <= box["width"] <= room["width"]
        assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    finally:
        view.page.set_viewport_size({"width": 1280, "height": 1000})


def test_every_control_is_reached_by_keys_alone(view):
    view.root.locator("input, .noUi-handle").first.focus()
    reached = set()
    for _ in range(14):
        reached |= {key for key in START[view.name] if view.part(key).evaluate(FOCUSED)}
        if len(reached) == len(START[view.name]):
            break
        view.page.keyboard.press("Tab")
    assert reached == set(START[view.name])
