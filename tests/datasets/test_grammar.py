"""The grammar: hand-written pairs for each phenomenon, alignments checked by hand, agreement in bulk."""

import re
import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest
from grammar_pairs import ALIGNMENTS, PAIRS, pairs_of

from course_utils.datasets import grammar as grammar_module
from course_utils.datasets.grammar import FILES, grammar_folder, load_grammar
from course_utils.datasets.grammar_parse import english_tokens
from course_utils.storage import DataError


@pytest.fixture(scope="module")
def grammar():
    return load_grammar()


@pytest.fixture(scope="module")
def many(grammar):
    return grammar.generate(20_000, seed=12, growth=1.5)


@pytest.fixture(scope="module")
def french(many):
    return [f" {' '.join(pair.target)} " for pair in many]


def test_there_are_enough_pairs():
    assert min(len(pairs_of(phenomenon)) for phenomenon in PAIRS) >= 8
    assert sum(len(pairs_of(phenomenon)) for phenomenon in PAIRS) >= 120
    assert len(ALIGNMENTS) >= 25


@pytest.mark.slow
@pytest.mark.parametrize("phenomenon", PAIRS)
def test_the_french_of_hand_written_pairs(phenomenon, grammar):
    said = {english: " ".join(grammar.translate(english).target) for english, _ in pairs_of(phenomenon)}
    assert said == dict(pairs_of(phenomenon))


@pytest.mark.slow
@pytest.mark.parametrize(("english", "target", "alignment"), ALIGNMENTS)
def test_alignments_checked_by_hand(english, target, alignment, grammar):
    pair = grammar.translate(english)
    assert " ".join(pair.target) == target
    assert pair.alignment == {tuple(map(int, link.split("-"))) for link in alignment.split()}


@pytest.mark.slow
def test_what_is_generated_is_translated_back_and_nothing_else(grammar):
    """Context decides: no sentence has two translations, or one with two alignments."""
    for pair in grammar.generate(1_500, seed=3, growth=1.5):
        assert grammar.translations(pair.source) == [pair]


@pytest.mark.slow
def test_alignments_are_within_bounds_and_leave_no_french_word_out(many):
    for pair in many:
        sources, targets = zip(*pair.alignment, strict=True)
        assert set(targets) == set(range(len(pair.target)))
        assert 0 <= min(sources) <= max(sources) < len(pair.source)
        assert 3 <= len(pair.source) <= 25


@pytest.mark.slow
def test_only_some_english_words_have_no_counterpart(many):
    """The card names them: "and" in numbers."""
    alone = Counter()
    for pair in many:
        aligned = {source for source, _ in pair.alignment}
        alone.update(word for place, word in enumerate(pair.source) if place not in aligned)
    assert set(alone) == {"and"}


@pytest.mark.slow
def test_nothing_is_left_uncontracted_or_unelided(french, many):
    vowel = "[aàâeéèêiîoôœuû]"
    mute = {"homme", "hommes", "héroïne", "héroïnes", "hôtel", "hôtels", "hôpital", "hôpitaux", "hélène"}
    mute |= {"heureux", "heureuse", "heureuses", "hier", "hiver"}
    opens = f"(?:(?!onze\\b){vowel}|y |(?:{'|'.join(sorted(mute))}) )"
    wrong = [
        r" de les? ",
        r" à les? ",
        r" de du ",
        r" de des ",
        rf" (?:le|la|je|me|ne|de|que|ce|ma|sa) {opens}",
        r" [dlnjmq]u?' (?!h|y )[^aàâeéèêiîoôœuûy]",
        r" (?:l|d|n|j|m|qu)' (?:héros|hérisson|hérissons|hibou|hiboux|harpe|harpes|hache|haches|huit|onze) ",
        r" (?:cet|bel|vieil|nouvel) (?:héros|hérisson|hibou) ",
        r"  ",
        r"\|",
    ]
    for pattern in wrong:
        found = [text for text in french if re.search(pattern, text)]
        assert found == [], pattern
    seen = {word for text in french for word in text.split()}
    assert {
        "du",
        "des",
        "au",
        "aux",
        "l'",
        "d'",
        "n'",
        "j'",
        "m'",
        "qu'",
        "cet",
        "bel",
        "vieil",
        "nouvel",
    } <= seen
    english = [" ".join(pair.source) for pair in many]
    assert not [text for text in english if re.search(r"\b(a [aeiou]|an [^aeiou])", text)]


def nouns_by_form():
    """French form → set of (gender, number) that some noun has with it; not "porte", which may be a verb."""
    found = {}
    for line in (grammar_folder() / "nouns.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        _, _, singular, gender, plural, *_ = line.split("\t")
        found.setdefault(singular, set()).add((gender, "s"))
        found.setdefault(plural, set()).add((gender, "p"))
    verbs = (grammar_folder() / "verbs.tsv").read_text(encoding="utf-8").split()
    return {form: kinds for form, kinds in found.items() if form not in verbs}


@pytest.mark.slow
def test_determiners_agree_with_the_nouns_beside_them(french):
    nouns = nouns_by_form()
    wanted = {
        "le": "ms",
        "un": "ms",
        "ce": "ms",
        "cet": "ms",
        "la": "fs",
        "une": "fs",
        "cette": "fs",
        "ma": "fs",
    }
    wanted |= dict.fromkeys(
        ("les", "ces", "mes", "ses", "nos", "vos", "leurs", "deux", "trois", "cents"), "mfp"
    )
    wanted |= dict.fromkeys(("notre", "votre", "leur", "mon", "son", "l'"), "mfs") | {"du": "ms", "au": "ms"}
    checked = 0
    for text in french:
        words = text.split()
        for before, word, following in zip(["", *words], words, words[1:], strict=False):
            in_number = word in ("un", "une") and before in ("et", "cent", "quatre-vingt")
            if word in wanted and following in nouns and not in_number:
                *genders, number = wanted[word]
                assert any(g in genders and n == number for g, n in nouns[following]), text
                checked += 1
    assert checked > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        # subject and auxiliary or copula
        (r" (?:je (?!ne|le|la|les|l'|n'|lui|leur|vous|nous|me|m'))(?:est|a|sont|ont|avons|sommes) ", 0),
        (r" ils (?:ne |n' )?(?:est|a|sommes|avons|ai|suis) ", 0),
        (r" elle (?:n' )?est (?:arrivé|tombé|parti|venu|resté|entré)s? ", 0),
        (r" il (?:n' )?est (?:arrivée|tombée|partie|venue|restée|entrée)s? ", 0),
        (r" elle (?:n' )?est (?:arrivée|tombée|partie|venue|restée|entrée) ", 10),
        (r" ils (?:ne )?sont (?:arrivé|tombé|parti|venu|resté|entré)(?:e|es)? ", 0),
        # the participle agrees with an object that goes before it
        (r" les (?:ai|a|ont|avons|avez) (?:vu|aimé|trouvé|perdu|acheté|mangé|lu|bu)e? ", 0),
        (r" que les \w+ ont \w+(?:ées|és|ée|us|ues|ue) ", 20),
        # negation has both halves
        (r" n(?:e|') (?:(?!pas|jamais)[\w'-]+ ){6,}\.", 0),
        (r" (?:une|la|cette) (?:\w+ )?(?:beau|vieux|nouveau|gros|blanc|petit|grand|bon|long) ", 0),
    ],
)
def test_agreement_in_bulk(pattern, least, french):
    found = [text for text in french if re.search(pattern, text)]
    assert len(found) >= least
    assert least or found == []


@pytest.mark.slow
def test_every_phenomenon_is_generated(many):
    counts = Counter(phenomenon for pair in many for phenomenon in pair.phenomena)
    assert set(counts) == {
        *("adjective-after", "adjective-before", "adverb", "clitic", "context", "crossing", "negation"),
        *("number", "past", "past-être", "possession", "preposition", "question", "relative"),
    }
    assert min(counts.values()) >= 100


@pytest.mark.slow
def test_the_same_seed_gives_the_same_sentences_in_any_process():
    code = (
        "import hashlib; from course_utils.datasets.grammar import load_grammar;"
        "pairs = load_grammar().generate(500, seed=4);"
        "lines = [(p.source, p.target, sorted(p.alignment), sorted(p.phenomena)) for p in pairs];"
        "print(hashlib.sha256(repr(lines).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.slow
def test_other_seeds_give_other_sentences_and_growth_longer_ones(grammar):
    first, second = (grammar.generate(300, seed=seed) for seed in (0, 1))
    assert first == grammar.generate(300, seed=0)
    assert len({p.source for p in first} & {p.source for p in second}) < 60
    mean = [sum(len(p.source) for p in grammar.generate(500, seed=0, growth=g)) / 500 for g in (0.3, 1, 3)]
    assert mean == sorted(mean)
    assert mean[2] > 1.3 * mean[0]


@pytest.mark.slow
def test_five_thousand_sentences_a_second(grammar):
    grammar.generate(500, seed=0)
    started = time.process_time()
    grammar.generate(5_000, seed=1)
    assert time.process_time() - started < 1


@pytest.mark.slow
def test_sentences_that_the_grammar_does_not_have(grammar):
    for text, message in [
        ("", "is empty"),
        ("the dgo sleeps", r"'dgo' is not in the grammar \(it has .*dog"),
        ("the dog sleep", "knows none up to 'the dog sleep'"),
        ("sleeps the dog", "beginning with 'sleeps'"),
        ("the cake eats the boy", "knows none"),
        ("dog " * 200, "has 201 tokens; 100 are the most"),
    ]:
        with pytest.raises(ValueError, match=message):
            grammar.translate(text)
    with pytest.raises(ValueError, match="widen the bounds"):
        grammar.generate(1, seed=0, shortest=1, longest=2)


def test_english_text_is_cut_into_tokens():
    text = "Doesn't the teacher's dog like the boys' forty-two cats, Anna?"
    wanted = "does n't the teacher 's dog like the boys ' forty two cats , anna ?"
    assert " ".join(english_tokens(text)) == wanted
    assert english_tokens("He sleeps") == ("he", "sleeps", ".")


# ------------------------------------------------------------------ files: altered, extended, wrong
@pytest.fixture
def folder(tmp_path):
    """A copy of the grammar that tests may change."""
    return shutil.copytree(grammar_folder(), tmp_path / "grammar")


def test_missing_and_altered_files_are_refused(folder, monkeypatch):
    monkeypatch.setattr(grammar_module, "grammar_folder", lambda: folder)
    for name in FILES:
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept + b"\n")
        with pytest.raises(DataError, match=f"was changed; .*git checkout data/grammar/{name}"):
            load_grammar()
        (folder / name).unlink()
        with pytest.raises(DataError, match=f"is missing; .*git checkout data/grammar/{name}"):
            load_grammar()
        (folder / name).write_bytes(kept)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("nouns.tsv", "garçon\tm", "garçon\tx", "the gender is m or f, not 'x'"),
        ("nouns.tsv", "boys\tgarçon", "boys garçon", "7 cells where 8 are wanted"),
        ("nouns.tsv", "\tfrench_plural", "\tplural_french", "must name the columns"),
        ("nouns.tsv", "part\t-\tfurniture", "part\t-\tfurnitur", "has the class furnitur"),
        ("nouns.tsv", "part\t-\tfurniture", "part\t-\t-", "a part, and nothing else, has an owner"),
        ("nouns.tsv", "axe\taxes\thache", "key\tkeys\thache", "'key' has two translations as N.thing.fs"),
        ("verbs.tsv", "dormi\tavoir", "dormi\thaben", "'haben' is no auxiliary"),
        ("verbs.tsv", "bound\tperson\tcurtain", "bound\tperson\tflower", "'draw' has two translations with"),
        ("verbs.tsv", "intr\tbird,night", "intr\tbirds", "has the class birds"),
        ("adjectives.tsv", "vieil\tbefore", "vieil\tnear", "'near' is no position"),
        ("withheld.tsv", "black\tcat", "black\tcta", "has no 'cta' among its words"),
        ("withheld.tsv", "question\tclitic", "question\tirony", "has no 'irony' among its phenomena"),
        ("rules.txt", "group mass       solid", "group mass       solids", "has the class 'solids'"),
        ("rules.txt", "variable d       pres", "variable c       pres", "a variable is a new letter"),
        ("rules.txt", "table un       ms:un", "table un       ms-un", "not of the form values:word"),
        ("rules.txt", "rule Asking 3", "rule asking 3", "a rule begins with"),
        ("rules.txt", "rule Asking 3", "rule Asking much", "a rule begins with"),
        ("rules.txt", "rule Asking 3", "regel Asking 3", "is not understood"),
        ("rules.txt", "  fr  pourquoi:1", "  de  pourquoi:1", "wants a line that begins with 'fr'"),
        ("rules.txt", "  fr  pourquoi:1", "  fr  pourquoi", "'pourquoi' has no number that aligns it"),
        ("rules.txt", "  fr  pourquoi:1", "  fr  pourquoi:2", "has a number that no English word has"),
        ("rules.txt", "  fr  pourquoi:1", "  fr  le.q:1", "the table 'le' has no form for"),
        ("rules.txt", "  fr  pourquoi:1", "  fr  les.a:1", "there is no table 'les'"),
        ("rules.txt", "  fr  pourquoi:1", "  fr  pourquoi:1 | x:1 | y:1", "a French side one at most"),
        ("rules.txt", "  fr  des:1 Plain.g.y", "  fr  des:1", "are not those of the English"),
        (
            "rules.txt",
            "  en  some:1 Plain.g.y",
            "  en  some:1 Plain.g.y Plain.g.y",
            "tell them apart with ~2",
        ),
        ("rules.txt", "  en  why:1", "  en  why:1 Wherefore", "are not those of the English"),
        (
            "rules.txt",
            "Det.q.a Place.full\n  fr  Det.q.a Place.full",
            "Hut\n  fr  Hut",
            "neither rules nor words",
        ),
        (
            "rules.txt",
            "Det.q.a Place.full\n  fr  Det.q.a Place.full",
            "Det.q\n  fr  Det.q",
            "another number of",
        ),
        ("rules.txt", "  fr  Time.t ,:1 Event.t .:2", "  fr  Time.t/1 ,:1 Event.t .:2", "has no two parts"),
    ],
)
def test_mistakes_are_named_with_file_and_line(name, old, new, message, folder):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")
    with pytest.raises(DataError, match=message) as caught:
        load_grammar(folder)
    found = re.match(rf"{name}, line (\d+): ", str(caught.value))
    assert found, str(caught.value)
    assert abs(int(found[1]) - line) <= 2  # a side of a rule may be named by its neighbour's line


RULES = """
variable a  ms fs mp fp
table le    ms:le fs:la mp:les fp:les
table do    ms:does fs:does *:do
rule S 1
  en  the:1 N.person.a V.intr.person.-.fin.past.a.ms .:2
  fr  le.a:1 N.person.a V.intr.person.-.fin.past.a.ms .:2
"""
NEGATED = """
rule S 1 +negation
  en  the:1 N.person.a did:2 not:3 V.intr.person.-.bare.past.a.ms .:4
  fr  le.a:1 N.person.a ne:3 V.intr.person.-.bare.past.a.ms/1:2 pas:3 V.intr.person.-.bare.past.a.ms/2 .:4
"""


@pytest.fixture
def small(tmp_path):
    """A grammar of one rule, with the heads of the course's tables and a few of their lines."""
    for name in FILES.keys() - {"rules.txt", "withheld.tsv"}:
        lines = (grammar_folder() / name).read_text(encoding="utf-8").splitlines()
        wanted = ("boy\t", "queen\t", "laugh\t", "arrive\t")
        kept = [line for line in lines if line.startswith(wanted) and "vehicle" not in line]
        (tmp_path / name).write_text("\n".join([lines[0], *kept]), encoding="utf-8")
    (tmp_path / "rules.txt").write_text(RULES, encoding="utf-8")
    return tmp_path


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_grammar_of_ones_own_is_read_and_can_be_extended(small):
    assert (
        " ".join(load_grammar(small).translate("The queens arrived").target) == "les reines sont arrivées ."
    )
    with pytest.raises(ValueError, match="'hen' is not in the grammar"):
        load_grammar(small).translate("The hen laughed")
    append(small / "nouns.tsv", "\nhen\thens\tpoule\tf\tpoules\tperson\t-\t-\n")
    append(small / "rules.txt", NEGATED)
    longer = load_grammar(small)
    assert " ".join(longer.translate("The hen laughed").target) == "la poule a ri ."
    pair = longer.translate("The hens did not laugh")
    assert " ".join(pair.target) == "les poules n' ont pas ri ."
    assert pair.alignment == {(0, 0), (1, 1), (3, 2), (2, 3), (3, 4), (4, 5), (5, 6)}
    sources = {pair.source for pair in longer.generate(1_000, seed=0)}
    assert len(sources) == 2 * 3 * 2 * 2  # rules, nouns, numbers, verbs
    assert not longer.withheld.listed


def test_weights_say_how_often_a_rule_is_taken(small):
    append(small / "rules.txt", NEGATED.replace("rule S 1", "rule S 3 grow"))
    grammar = load_grammar(small)
    for growth, share in ((1, 0.75), (1 / 3, 0.5), (3, 0.9)):
        pairs = grammar.generate(3_000, seed=0, growth=growth)
        assert sum("negation" in pair.phenomena for pair in pairs) / 3_000 == pytest.approx(share, abs=0.03)


def test_a_verb_that_nothing_aligns_is_reported(small):
    append(small / "rules.txt", NEGATED.replace("/1:2", "/1"))
    with pytest.raises(DataError, match="no number aligns '(a|ont|est|sont)'"):
        load_grammar(small).generate(50, seed=0)


def test_two_translations_are_reported(small):
    append(
        small / "rules.txt", RULES.partition("rule")[1] + RULES.partition("rule")[2].replace("le.a:1", "ce:1")
    )
    grammar = load_grammar(small)
    assert len(grammar.translations("the boy laughed")) == 2
    with pytest.raises(ValueError, match="more than one translation: ce garçon a ri . / le garçon a ri ."):
        grammar.translate("the boy laughed")


def test_rules_that_lead_nowhere_or_round_in_circles_are_reported(small):
    (small / "rules.txt").write_text("rule S 1\n  en  S .:1\n  fr  S .:1\n", encoding="utf-8")
    with pytest.raises(DataError, match="rules.txt, line 1: no rule leads from the symbol S"):
        load_grammar(small)
    (small / "rules.txt").write_text(RULES + "rule S 1\n  en  S .:1\n  fr  S .:1\n", encoding="utf-8")
    with pytest.raises(DataError, match="begins with itself"):
        load_grammar(small).translate("the boy laughed")


def test_a_file_in_another_encoding_is_reported(small):
    (small / "nouns.tsv").write_bytes("garçon".encode("latin-1"))
    with pytest.raises(DataError, match=r"nouns.tsv cannot be read .*must be a text file in UTF-8"):
        load_grammar(small)
    with pytest.raises(DataError, match=r"cannot be read"):
        load_grammar(small / "nowhere")


def test_the_card_names_every_file():
    files = {path.name for path in grammar_folder().iterdir()}
    assert files == {*FILES, "README.md"}
    card = (grammar_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in card for name in FILES)
    rules = (grammar_folder() / "rules.txt").read_text(encoding="utf-8")
    assert f"{len(re.findall('^rule ', rules, re.MULTILINE))} rules; " in card
