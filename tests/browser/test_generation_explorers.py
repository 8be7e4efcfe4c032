"""GenerationExplorer and MaskExplorer on the page: controls moved by keys, numbers worked out here."""

import re

import pytest
from explorer_view import CHANGED, ExplorerView
from generation_scratch import (
    CLS,
    CONTEXT,
    END,
    HARMFUL,
    MASK,
    MOST,
    NAMES,
    PROMPT,
    SENTENCE,
    SEP,
    WORDS,
    Tables,
    V,
    notebook_sources,
    plain_entropy,
    visible,
)
from notebook_page import NotebookPage
from test_context_and_search import BAD, OUTSIDE, enter
from test_explorer_input import assert_nothing_injected
from test_explorer_page import COLOURS, CUT, FOCUSED, THEMES, contrast

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("generation")]

START = {
    "generation": {
        "prompt": PROMPT, "method": "sampling", "temperature": 1.0, "top_k": "all", "top_p": 1.0, "seed": 0,
        "step": 0,
    },
    "mask": {"sentence": SENTENCE, "place": 3, "context": "all", "side": "both sides"},
}  # fmt: skip
MARKS = (
    "nodes => nodes.map(node => ({...node.dataset, hover: node.querySelector('title')?.textContent ?? ''}))"
)
CLOSE = {"rel": 1e-6, "abs": 1e-8}


@pytest.fixture(scope="module")
def tables():
    return Tables()


@pytest.fixture(scope="module")
def generation_page(lab, context, tables):
    name = lab.write_notebook("generation_scratch.ipynb", notebook_sources())
    (lab.root / "notebooks" / "generation.json").write_text(tables.as_json(), encoding="utf-8")
    page = NotebookPage(context, lab, name)
    page.run_all()
    yield page
    page.close()


@pytest.fixture(autouse=True)
def _nothing_bad_on_this_page(generation_page):
    """No request left the machine, no error in the console, on stderr or in the kernel."""
    generation_page.page.bring_to_front()
    yield
    assert generation_page.forgive() == []


def opened(page, name):
    view = ExplorerView(page, name, variable=f"{name}_explorer")
    view.set_state(**START[name])
    return view


@pytest.fixture(params=START)
def view(request, generation_page):
    return opened(generation_page, request.param)


@pytest.fixture
def generation(generation_page):
    return opened(generation_page, "generation")


@pytest.fixture
def mask(generation_page):
    return opened(generation_page, "mask")


def marks(view, selector):
    return view.picture.locator(selector).evaluate_all(MARKS)


def bars(view):
    """Series → label → value."""
    found = {}
    for one in marks(view, "rect[data-series]"):
        found.setdefault(one["series"], {})[one["label"]] = float(one["value"])
    return found


def moved(view, control, key):
    """A key that must change the picture in the document."""
    view.notebook.settle()
    before = view.markup()
    view.press(control, key)
    view.page.wait_for_function(
        CHANGED, arg=[view.root.element_handle(), f".course-{view.name}-picture", before]
    )
    view.notebook.settle()


# ---- GenerationExplorer ----------------------------------------------------------------------------------


def check_generation(view, tables, *, seed=0, step=0, greedy=False, **settings):
    """Each box and each bar, what the filters left, and the same in `state()`."""
    if greedy:
        settings = {"top_k": 1}
    tokens, shares = tables.write(seed=seed, count=step, **settings)
    state, given = view.state(), len(PROMPT.split())
    assert (state["tokens"], state["problem"], view.status()) == (tokens, "", "")
    boxes = marks(view, "g.token")
    assert [box["piece"] for box in boxes] == [visible(WORDS[token]) for token in tokens] == state["pieces"]
    assert [box["kind"] for box in boxes] == ["given"] * given + ["written"] * len(shares)
    for box, share in zip(boxes[given:], shares, strict=True):
        assert box["note"] == ("<1 %" if share < 0.005 else f"{100 * share:.0f} %")
    assert [one["probability"] for one in state["chosen"]] == pytest.approx(shares)
    finished = bool(shares) and tokens[-1] == END
    assert state["finished"] == finished
    before = tables.next_token(tokens[:-1] if finished else tokens)
    after, mass = tables.filtered(tokens[:-1] if finished else tokens, **settings)
    rows = sorted(range(V), key=lambda token: -before[token])[:12]
    rows += [token for token in state["candidate_tokens"] if token not in rows]
    drawn = bars(view)
    series = "greedy" if greedy else "temperature and filters"
    for name, values in (("the model", before), (series, after)):
        others = drawn[name].pop(f"the {V - len(rows)} others")
        assert others == pytest.approx(1 - sum(values[token] for token in rows), **CLOSE)
        assert list(drawn[name]) == [visible(WORDS[token]) for token in rows]
        assert list(drawn[name].values()) == pytest.approx([values[token] for token in rows], **CLOSE)
    kept = sum(share > 0 for share in after)
    assert (state["kept"], view.drawing("data-kept")) == (kept, str(kept))
    assert state["entropy_before"] == pytest.approx(plain_entropy(before))
    assert state["entropy_after"] == pytest.approx(plain_entropy(after), abs=1e-9)
    if not greedy:
        assert state["kept_mass"] == pytest.approx(mass)
        assert f"{kept} of {V} tokens kept" in view.sentence()
    text = f"{given} tokens of prompt, {len(shares)} written"
    assert text in view.sentence()
    hovers = [one["hover"] for one in marks(view, 'rect[data-series="the model"]')]
    assert all(re.search(r", the model: [<\d.]+ % \(", hover) for hover in hovers)


def test_temperature_and_filters(generation, tables):
    check_generation(generation, tables)
    for key, temperature in (("ArrowLeft", 2 ** (-1 / 8)), ("Home", 1 / 16), ("End", 8.0)):
        moved(generation, "temperature", key)
        check_generation(generation, tables, temperature=temperature)
    generation.set_state(temperature=1.0)
    for key, top_k in (("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3)):
        moved(generation, "top_k", key)
        check_generation(generation, tables, top_k=top_k)
    generation.set_state(top_k=20)
    for key, top_p in (("ArrowLeft", 0.95), ("Home", 0.05)):
        moved(generation, "top_p", key)
        check_generation(generation, tables, top_k=20, top_p=top_p)


def test_a_text_is_written_step_by_step(generation, tables):
    for step in (1, 2, 3):
        moved(generation, "step", "ArrowRight")
        check_generation(generation, tables, step=step)
    moved(generation, "step", "End")
    check_generation(generation, tables, step=MOST)
    for key, seed in (("ArrowRight", 1), ("End", 99)):
        moved(generation, "seed", key)
        check_generation(generation, tables, seed=seed, step=MOST)
    moved(generation, "seed", "Home")
    check_generation(generation, tables, step=MOST)
    with generation.changing():
        generation.choose("method", "greedy")
    check_generation(generation, tables, step=MOST, greedy=True)


def test_a_prompt_is_typed_key_by_key(generation):
    """Nothing happens before Enter."""
    before, field = generation.markup(), generation.handle("prompt")
    field.press("Control+a")
    field.press_sequentially("on a mat")
    generation.notebook.settle()
    assert generation.markup() == before
    with generation.changing():
        field.press("Enter")
    assert generation.state()["tokens"] == [NAMES[word] for word in ("on", "a", "mat")]
    with generation.changing():
        enter(generation, "prompt", f"the 🌊 שלום {HARMFUL} ")
    assert [box["piece"] for box in marks(generation, "g.token")] == [
        "␣the", "␣🌊", "␣שלום", f"␣{HARMFUL}",
    ]  # fmt: skip
    assert_nothing_injected(generation)


def test_a_prompt_longer_than_the_context_and_a_temperature_of_zero(generation):
    markup = generation.markup()
    enter(generation, "prompt", "cat " * (CONTEXT + 1))
    generation.notebook.settle()
    assert f"has {CONTEXT + 1} tokens and the model reads {CONTEXT}; shorten it" in generation.status()
    assert generation.markup() == markup
    enter(generation, "prompt", "cat " * CONTEXT)
    generation.set_state(step=MOST)
    assert "the context is full" in generation.sentence()
    with pytest.raises(AssertionError, match=r"number above 0.*choose greedy"):
        generation.set_state(temperature=0)
    generation.notebook.settle()
    assert "the context is full" in generation.sentence()


# ---- MaskExplorer ----------------------------------------------------------------------------------------


def check_mask(view, tables, *, place=3, hidden=(), sentence=SENTENCE, known=True):
    """Each box, each bar, rank and probability of the truth with and without the hidden pieces."""
    ids = [CLS, *(NAMES[word] for word in sentence.split()), SEP]
    whole = [MASK if i == place else token for i, token in enumerate(ids)]
    tokens = [MASK if i in hidden else token for i, token in enumerate(whole)]
    state = view.state()
    assert (state["tokens"], state["masked"], state["hidden"]) == (tokens, place, list(hidden))
    kinds = ["asked" if i == place else "hidden" if i in hidden else "given" for i in range(len(ids))]
    assert [box["kind"] for box in marks(view, "g.token")] == kinds
    seen, full = tables.guesses(tokens, place), tables.guesses(whole, place)
    drawn = bars(view)
    for name, shares in seen.items():
        best, one = sorted(range(V), key=lambda token: -shares[token])[:5], state["answers"][name]
        rows = best + ([ids[place]] if known and ids[place] not in best else [])
        assert drawn[name] == {visible(WORDS[token]): pytest.approx(shares[token], **CLOSE) for token in rows}
        if known:
            right = ids[place]
            ranks = [1 + sum(share > s[right] for share in s) for s in (shares, full[name])]
            assert (one["rank"], one["full_rank"]) == tuple(ranks)
            assert one["probability"] == pytest.approx(shares[right])
            assert one["full_probability"] == pytest.approx(full[name][right])
            assert f"rank {ranks[0]}; with nothing hidden" in view.sentence()
        else:
            assert (one["rank"], state["truth"]) == (None, None)
    assert view.status() == ""


def test_another_piece_is_masked(mask, tables):
    check_mask(mask, tables)
    for key, place in (("ArrowRight", 4), ("Home", 1), ("End", 6)):
        moved(mask, "place", key)
        check_mask(mask, tables, place=place)


def test_pieces_are_hidden(mask, tables):
    for key, hidden in (("Home", (1, 2, 4, 5, 6)), ("ArrowRight", (1, 5, 6)), ("ArrowRight", (6,))):
        moved(mask, "context", key)
        check_mask(mask, tables, hidden=hidden)
    mask.set_state(context="all")
    for side, hidden in (("left only", (4, 5, 6)), ("right only", (1, 2)), ("both sides", ())):
        with mask.changing():
            mask.choose("side", side)
        check_mask(mask, tables, hidden=hidden)


def test_a_sentence_is_typed(mask, tables):
    with mask.changing():
        enter(mask, "sentence", f"a 🌊 {HARMFUL} שלום the")
    check_mask(mask, tables, sentence=f"a 🌊 {HARMFUL} שלום the")
    assert_nothing_injected(mask)
    with mask.changing():
        enter(mask, "sentence", "the [MASK] sat on")
    check_mask(mask, tables, place=2, sentence="the [MASK] sat on", known=False)
    assert "What stands at the mask" in mask.sentence()


# ---- both ------------------------------------------------------------------------------------------------


def test_unusable_text(view):
    """A message in plain sight, the last good picture, nothing injected, no error; then all is well again."""
    control = "prompt" if view.name == "generation" else "sentence"
    markup = view.markup()
    for kind, text in BAD.items():
        enter(view, control, text)
        view.notebook.settle()
        message = view.part("status")
        assert message.is_visible()
        assert 0 < len(message.inner_text().strip()) < 300, kind
        assert view.markup() == markup, kind
        assert_nothing_injected(view)
    enter(view, control, START[view.name][control])
    view.notebook.settle()
    assert (view.status(), view.markup()) == ("", markup)


@pytest.mark.parametrize("theme", THEMES)
def test_it_fits_the_page_in_both_themes(view, theme):
    """Nothing is cut off or too pale, also on a narrow page; a screen reader hears the sentence."""
    view.notebook.set_theme(theme)
    try:
        assert view.root.locator(".widget-label, .widget-readout, button").evaluate_all(CUT) == []
        assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert (view.drawing("role"), view.drawing("aria-label")) == ("img", view.sentence())
        if view.name == "generation":
            view.set_state(step=MOST, temperature=8.0)
        assert view.picture.locator("svg").first.evaluate(OUTSIDE) == []
        text = view.root.locator(f".course-{view.name}-text[role=status]")
        assert contrast(*text.evaluate(COLOURS)) >= 4.5
        view.page.set_viewport_size({"width": 700, "height": 900})
        view.root.scroll_into_view_if_needed()
        box, room = view.picture.locator("svg").first.bounding_box(), view.root.bounding_box()
        assert 300 <= box["width"] <= room["width"]
    finally:
        view.page.set_viewport_size({"width": 1280, "height": 1000})
        view.notebook.set_theme(THEMES[0])


def test_every_control_is_reached_by_keys_alone(view):
    view.root.locator("input, .noUi-handle").first.focus()
    reached = set()
    for _ in range(16):
        reached |= {key for key in START[view.name] if view.part(key).evaluate(FOCUSED)}
        if len(reached) == len(START[view.name]):
            break
        view.page.keyboard.press("Tab")
    assert reached == set(START[view.name])
