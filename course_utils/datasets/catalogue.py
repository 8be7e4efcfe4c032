"""JupyterLab's French catalogue: every label and message of the program, with its translation by people.

A real translation task, small and unkind: half of the texts have three words or fewer, translators did not
always agree, and some slipped ("Copy this cell" became "Couper cette cellule": cut it). It is used as it is.

Origin: the package jupyterlab-language-pack-fr-FR of Project Jupyter, translated by volunteers; licence BSD
3-clause. The package is never imported, its .mo files are only read.
"""

from __future__ import annotations

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from course_utils.datasets.message_files import Message, read_messages
from course_utils.storage import DataError, verify_file

PACKAGE = "jupyterlab-language-pack-fr-FR"
REPAIR = f"python -m pip install --force-reinstall --no-deps {PACKAGE}"

UNTRANSLATED = "it is not translated"
SAME = "both languages have the same text"
MARKUP = "it holds markup or program text"
OTHER = "another translation of the text was chosen more often"


@dataclass(frozen=True)
class CatalogueEntry:
    """A text of the program and its translation."""

    english: str
    french: str
    extension: str  # which part of the program: "jupyterlab", "jupyterlab_git", …
    context: str  # where it is shown: "menu", "settings", …; often ""


@dataclass(frozen=True)
class Catalogue:
    """What the package holds, after sorting out."""

    version: str  # of the package
    entries: tuple[CatalogueEntry, ...]  # one for each English text, sorted by it
    left_out: tuple[tuple[CatalogueEntry, str], ...]  # entries with the reason why they are not used
    repeated: int  # entries whose pair stands in `entries` or `left_out` already

    def reasons(self) -> dict[str, int]:
        """Why entries were left out, and how many for each reason."""
        return dict(Counter(reason for _, reason in self.left_out).most_common())


def load_catalogue() -> list[tuple[str, str]]:
    """Pairs of an English text and its French translation.

    Returns
    -------
    list of (english, french)
        Sorted; each English text once. See `read_catalogue`; split them with
        `course_utils.datasets.parallel.split_by_source`.

    Raises
    ------
    DataError
        If the package is not installed or was altered.
    """
    return [(entry.english, entry.french) for entry in read_catalogue().entries]


def read_catalogue() -> Catalogue:
    """Read the catalogue with all that `load_catalogue` leaves out.

    Returns
    -------
    Catalogue

    Raises
    ------
    DataError
        If the package is not installed or was altered.

    Notes
    -----
    - Each form of a message is an entry: the singular with the singular, the plural with the plural.
    - Runs of white space, line breaks among them, become one space; placeholders (``%1``, ``{0}``) stay.
    - Contexts are kept beside the entry. Where translators chose differently for one text (a "Filter" is a
      thing or a command), the commonest choice is used; of equals the one of the program itself before those
      of its extensions, then the first in order. The others are left out.
    - Left out, too: what is not translated; what is the same in both languages (names mostly, and what nobody
      translated: nothing tells them apart); and what holds HTML tags or program text.
    - The files are compared with the checksums that the package brings, not with fixed ones: a later release
      has more and better translations, and is welcome. So a lesson prints `version` beside its figures.
    """
    package = _find_package()
    kept: dict[str, list[CatalogueEntry]] = defaultdict(list)
    left_out: dict[tuple[str, str, str], CatalogueEntry] = {}
    entries = list(_read_entries(package))
    for entry in entries:
        reason = _reason_against(entry)
        if reason:
            left_out.setdefault((entry.english, entry.french, reason), entry)
        else:
            kept[entry.english].append(entry)
    chosen = []
    for english in sorted(kept):
        best, *others = _by_preference(kept[english])
        chosen.append(best)
        left_out |= {(english, other.french, OTHER): other for other in others}
    refused = tuple((left_out[key], key[2]) for key in sorted(left_out))
    return Catalogue(package.version, tuple(chosen), refused, len(entries) - len(chosen) - len(refused))


def _find_package() -> Distribution:
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError:
        raise DataError(f"{PACKAGE}, which holds the translations, is not installed; run: make lab") from None


def _read_entries(package: Distribution) -> Iterator[CatalogueEntry]:
    """All entries of all files, those of the program itself first."""
    paths = sorted(_verified_files(package), key=lambda path: (path.stem != "jupyterlab", path.stem))
    for path in paths:
        try:
            messages = read_messages(path)
        except (ValueError, OSError) as error:
            raise DataError(f"{path.name} is damaged ({error}); bring it back with: {REPAIR}") from error
        for message in messages:
            for english, french in _forms(message):
                yield CatalogueEntry(_tidy(english), _tidy(french), path.stem, message.context)


def _verified_files(package: Distribution) -> list[Path]:
    """The package's .mo files, compared with its own list of checksums."""
    paths = []
    for file in package.files or []:
        if file.suffix == ".mo" and file.hash is not None:
            digest = base64.urlsafe_b64decode(file.hash.value + "==").hex()
            paths.append(verify_file(Path(str(file.locate())), sha256=digest, source=REPAIR))
    if not paths:
        raise DataError(
            f"{PACKAGE} holds no translations that can be verified; bring them back with: {REPAIR}"
        )
    return paths


def _forms(message: Message) -> list[tuple[str, str]]:
    """Singular with singular and, where there is one, plural with plural."""
    forms = [(message.singular, message.translations[0])]
    if message.plural:
        forms.append((message.plural, message.translations[-1]))
    return forms


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _reason_against(entry: CatalogueEntry) -> str:
    """Why an entry is not used, or ""."""
    if not entry.french:
        return UNTRANSLATED
    if entry.english == entry.french:
        return SAME
    if re.search(r"</?[A-Za-z][^<>]*>|[{\[] *\"|\{ *\w+ *:|\{ \w", entry.english):
        return MARKUP
    return ""


def _by_preference(entries: Iterable[CatalogueEntry]) -> list[CatalogueEntry]:
    """One entry for each French text, the commonest first, of equals the one that was read first."""
    first: dict[str, CatalogueEntry] = {}
    counts: Counter[str] = Counter()
    for entry in entries:
        counts[entry.french] += 1
        first.setdefault(entry.french, entry)
    return [first[french] for french, _ in counts.most_common()]
