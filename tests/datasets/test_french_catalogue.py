"""JupyterLab's French catalogue: what is kept, what is left out and why, and a damaged package."""

import base64
import hashlib
import random
import re
from collections import Counter
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from test_message_files import compiled

from course_utils.datasets import catalogue
from course_utils.datasets.catalogue import (
    MARKUP,
    OTHER,
    PACKAGE,
    SAME,
    UNTRANSLATED,
    CatalogueEntry,
    load_catalogue,
    read_catalogue,
)
from course_utils.datasets.parallel import split_by_source
from course_utils.storage import DataError

REAL = read_catalogue()


def test_the_real_catalogue():
    assert REAL.version == distribution(PACKAGE).version
    assert len(REAL.entries) > 2500
    pairs = dict(load_catalogue())
    assert len(pairs) == len(REAL.entries)
    assert pairs["Copy the selected cells"] == "Copier les cellules sélectionnées"
    assert pairs["%1 Item"] == "%1 élément"
    assert pairs["%1 Items"] == "%1 éléments"


def test_each_english_text_stands_once_in_order_and_tidy():
    english = [entry.english for entry in REAL.entries]
    assert english == sorted(set(english))
    for entry in REAL.entries:
        for text in (entry.english, entry.french):
            assert text == " ".join(text.split())
            assert text
        assert entry.english != entry.french
        assert "\x04" not in entry.english
        assert not re.search(r"</?[a-z]+[ >]", entry.english)


def test_placeholders_stay():
    def count(text):
        return Counter(re.findall(r"%\d|\{\d*\}", text))

    with_some = [entry for entry in REAL.entries if count(entry.english)]
    assert len(with_some) > 200
    assert sum(count(e.english) == count(e.french) for e in with_some) / len(with_some) > 0.97


def test_nothing_is_lost():
    files = [file.locate() for file in distribution(PACKAGE).files if file.suffix == ".mo"]
    entries = 0
    for file in files:
        for message in catalogue.read_messages(file):
            entries += 2 if message.plural else 1
    assert len(REAL.entries) + len(REAL.left_out) + REAL.repeated == entries
    assert set(REAL.reasons()) <= {UNTRANSLATED, SAME, MARKUP, OTHER}
    assert sum(REAL.reasons().values()) == len(REAL.left_out)
    assert len({(e.english, e.french) for e, _ in REAL.left_out} | set(load_catalogue())) == (
        len(REAL.left_out) + len(REAL.entries)
    )


def test_parts_share_no_english_text_not_even_in_another_case():
    split = split_by_source(load_catalogue())
    parts = [{re.sub(r"\W", "", english.lower()) for english, _ in part} for part in vars(split).values()]
    shared = (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])
    assert shared <= {""}
    sizes = [len(part) for part in vars(split).values()]
    assert [size / sum(sizes) for size in sizes] == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with these catalogues in the place of the real one; returns its folder."""

    def install(catalogues, *, hashes=True):
        rows = []
        for name, content in catalogues.items():
            path = tmp_path / "pack" / f"{name}.mo"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else compiled(content))
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            rows.append(f"pack/{name}.mo,{'sha256=' + digest if hashes else ''},{path.stat().st_size}")
        info = tmp_path / "pack-1.0.dist-info"
        info.mkdir()
        random.Random(0).shuffle(rows)
        (info / "RECORD").write_text("\n".join([*rows, "pack/__init__.py,,"]), encoding="utf-8")
        (info / "METADATA").write_text(f"Name: {PACKAGE}\nVersion: 1.0\n", encoding="utf-8")
        monkeypatch.setattr(catalogue, "distribution", lambda name: Distribution.at(info))
        return tmp_path / "pack"

    return install


def test_contexts_plurals_and_white_space(install):
    install(
        {
            "jupyterlab": {
                "": "header",
                "menu\x04Run": "Exécuter",
                "Run": "Exécuter",
                "\nSize:\n %1": "Taille :\n%1",
                "%1 cell\0%1 cells": "%1 cellule\0%1 cellules",
            }
        }
    )
    found = read_catalogue()
    assert found.version == "1.0"
    assert found.entries == (
        CatalogueEntry("%1 cell", "%1 cellule", "jupyterlab", ""),
        CatalogueEntry("%1 cells", "%1 cellules", "jupyterlab", ""),
        CatalogueEntry("Run", "Exécuter", "jupyterlab", ""),
        CatalogueEntry("Size: %1", "Taille : %1", "jupyterlab", ""),
    )
    assert (found.left_out, found.repeated) == ((), 1)
    assert load_catalogue()[-1] == ("Size: %1", "Taille : %1")


def test_the_commonest_translation_is_chosen_then_that_of_the_program(install):
    install(
        {
            "a_git": {"": "", "Edit": "Modifier", "Run": "Lancer", "Stop": "Stopper"},
            "jupyterlab": {"": "", "Edit": "Édition", "Run": "Exécuter"},
            "zoom": {"": "", "Edit": "Modifier", "Run": "Courir", "Stop": "Arrêter"},
        }
    )
    found = read_catalogue()
    chosen = [(entry.english, entry.french, entry.extension) for entry in found.entries]
    assert chosen == [
        ("Edit", "Modifier", "a_git"),
        ("Run", "Exécuter", "jupyterlab"),
        ("Stop", "Stopper", "a_git"),
    ]
    others = [(entry.english, entry.french, reason) for entry, reason in found.left_out]
    assert others == [
        ("Edit", "Édition", OTHER),
        ("Run", "Courir", OTHER),
        ("Run", "Lancer", OTHER),
        ("Stop", "Arrêter", OTHER),
    ]
    assert found.repeated == 1


@pytest.mark.parametrize(
    ("english", "french", "reason"),
    [
        ("Save", "", UNTRANSLATED),
        ("Save", " \n", UNTRANSLATED),
        ("Notebook", "Notebook", SAME),
        ("Notebook ", "\nNotebook", SAME),
        ('See <a href="%1">here</a>.', "Voir <a>ici</a>.", MARKUP),
        ("Use <br/> now", "Utiliser <br/>", MARKUP),
        ('Add {\n "disabled": true\n}', "Ajouter", MARKUP),
        ("Arguments {id: string}", "Arguments", MARKUP),
    ],
)
def test_what_is_left_out_and_why(install, english, french, reason):
    install({"jupyterlab": {"": "", english: french, "Yes": "Oui"}})
    found = read_catalogue()
    assert [reason for _, reason in found.left_out] == [reason]
    assert found.reasons() == {reason: 1}
    assert load_catalogue() == [("Yes", "Oui")]


@pytest.mark.parametrize(
    "text", ["a < b and b > c", "{}", "{0} of {1}", "%1/%2", "a `{}` b", "[%1]", "x & y"]
)
def test_signs_that_are_no_markup_stay(install, text):
    install({"jupyterlab": {"": "", text: "en français " + text}})
    assert load_catalogue() == [(text, "en français " + text)]


def test_a_package_that_is_not_installed_says_what_to_do(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(catalogue, "distribution", missing)
    with pytest.raises(
        DataError, match=f"{PACKAGE}, which holds the translations, is not installed; run: make lab"
    ):
        load_catalogue()


def test_an_altered_and_a_missing_file_say_what_to_do(install):
    folder = install({"jupyterlab": {"": "", "Yes": "Oui"}})
    path = folder / "jupyterlab.mo"
    path.write_bytes(path.read_bytes().replace(b"Oui", b"Non"))
    with pytest.raises(
        DataError, match=f"was changed; .*python -m pip install --force-reinstall .*{PACKAGE}"
    ):
        load_catalogue()
    path.unlink()
    with pytest.raises(DataError, match="is missing; bring it back with: python -m pip install"):
        load_catalogue()


def test_a_file_that_is_no_catalogue_says_what_to_do(install):
    install({"jupyterlab": b"no catalogue, but with the checksum of the package"})
    with pytest.raises(
        DataError, match="jupyterlab.mo is damaged .*bring it back with: python -m pip install"
    ):
        load_catalogue()


@pytest.mark.parametrize(
    "catalogues", [{}, {"jupyterlab": {"": "", "Yes": "Oui"}}], ids=["none", "no checksum"]
)
def test_a_package_without_translations_says_what_to_do(install, catalogues):
    install(catalogues, hashes=False)
    with pytest.raises(DataError, match="no translations that can be verified; bring them back with"):
        load_catalogue()
