"""Pairs of a hypothesis and a reference for tests: drawn at random, and awkward ones by hand."""

import random

PIECE_TEXT = (
    "the cat sat on mat dog The a a a b c of , . ! ? ; : ... .. -- - ' \" ( ) (hi) [x] don't l'été naïve Ça "
    "3.14 1,000 5-year 2-3 x-y $5 50% a.b a.,5 .5 5. & &amp; &quot; &lt;b&gt; <skipped> @user #tag _ {} ~ ` "
    "| \\ / 日本 日本語 😀 ǅ ß İ \u0301 \u00a0 \u2028 \x85 \x1c \u200b né,e fin."
)
PIECES = PIECE_TEXT.split(" ")
AWKWARD = [
    ("", ""),
    ("", "the cat"),
    ("the cat", ""),
    (" ", "a"),
    ("a", "a"),
    ("a", "b"),
    ("a b", "a b"),
    ("a b c", "a b c"),
    ("a b c", "a b d"),
    ("a b c d", "a b c d"),
    ("a b c d", "d c b a"),
    ("the the the the the the the", "the cat is on the mat"),
    ("a a a", "a a"),
    ("a a", "a a a"),
    ("...", "..."),
    ("!", "?"),
    ("!?", "!"),
    ("Été", "été"),
    ("é", "e\u0301"),
    ("日本語", "日本語"),
    ("日 本 語 ！", "日本語！"),
    ("it's 3.14, isn't it?", "it is 3.14 , is n't it ?"),
    ("1,000.5 2-3 a-b", "1,000.5 2 - 3 a - b"),
    ("x &amp;lt; y", "x < y"),
    ("&amp;quot;x", '"x'),
    ("cut-\n", "cut -"),
    ("&quot;yes&quot;", '"yes"'),
    ("a <skipped> b", "a b"),
    ("hyphen-\nated line\nbreak", "hyphenated line break"),
    ("tab\tand\rreturn", "tab and return"),
    (" leading and trailing  ", "leading and trailing"),
    ("(hi) (hi", "(hi) hi)"),
    ("word", "word " * 200),
    ("word " * 200, "word"),
]


def draw_pairs(number, *, seed=0):
    """Texts of 0 to 20 pieces: equal, unrelated, or one made of the other by changing and dropping words."""
    generator = random.Random(seed)

    def text(most):
        return " ".join(generator.choice(PIECES) for _ in range(generator.choice((0, 1, 2, 3, 4, 8, most))))

    pairs = []
    for _ in range(number):
        reference, kind = text(20), generator.random()
        kept = [word for word in reference.split(" ") if generator.random() < 0.9]
        changed = [word if generator.random() < 0.8 else generator.choice(PIECES) for word in kept]
        hypothesis = reference if kind < 0.1 else text(12) if kind < 0.2 else " ".join(changed)
        pairs.append((hypothesis, reference))
    return pairs


PAIRS = AWKWARD + draw_pairs(1200)
HYPOTHESES, REFERENCES = map(list, zip(*PAIRS, strict=True))
WORD_PAIRS = [(h.split(), r.split()) for h, r in PAIRS]
