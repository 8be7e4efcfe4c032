"""The command behind the long run, with a tiny model and a text of one's own."""

import pytest
import train_long_gpt

from course_utils.language_models.long_run import load_long_gpt
from course_utils.storage import sha256_of


def test_quick_run_on_a_text_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "own.txt").write_text("\n\n".join(["the cat sat on the mat. " * 40] * 60), encoding="utf-8")
    output = tmp_path / "run"
    arguments = ["--quick", "--text", str(tmp_path / "own.txt"), "--output", str(output), "--every", "20"]
    monkeypatch.setattr("sys.argv", ["train_long_gpt.py", *arguments])
    monkeypatch.setattr(train_long_gpt, "QUICK_TOKENS", 16 * 32 * 30)
    monkeypatch.setattr(train_long_gpt, "set_threads", lambda: None)
    train_long_gpt.main()
    told = capsys.readouterr().out
    loaded = load_long_gpt(output)
    assert [entry["step"] for entry in loaded.log] == [20, 30]
    assert loaded.model.config.width == train_long_gpt.QUICK["width"]
    assert loaded.facts["judged"]["test"]["bits"] == pytest.approx(loaded.log[-1]["validation_bits"], rel=0.2)
    assert f'SHIPPED = "{sha256_of(output / "gpt.json")}"' in told
    assert "bits per character" in told
