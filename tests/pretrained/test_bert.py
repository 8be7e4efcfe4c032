"""Published weights go where they belong, and a file that does not fit is refused with a sentence."""

import json

import pytest
import safetensors.torch
import torch

from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.pretrained.bert import bert_name, read_bert
from course_utils.storage import DataError

SIZES = EncoderConfig(vocabulary_size=11, width=8, layers=2, heads=2, inner=12, positions=6)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Encoder(SIZES)


@pytest.fixture
def published(model):
    weights = {bert_name(name): torch.rand_like(weight) for name, weight in model.state_dict().items()}
    return weights | {"pooler.dense.weight": torch.zeros(8, 8)}


def write(path, weights):
    safetensors.torch.save_file(weights, path)
    return path


def test_every_weight_finds_its_place(tmp_path, model, published):
    weights = read_bert(write(tmp_path / "m.safetensors", published), model, repair="restore it")
    model.load_state_dict(weights)
    torch.testing.assert_close(
        model.blocks[1].attention.output.bias,
        published["encoder.layer.1.attention.output.dense.bias"],
    )
    torch.testing.assert_close(
        model.blocks[0].feed_forward_norm.weight, published["encoder.layer.0.output.LayerNorm.weight"]
    )
    assert len(weights) == len(published) - 1


def test_names_are_all_different(model):
    names = [bert_name(name) for name in model.state_dict()]
    assert len(set(names)) == len(names) == 5 + 2 * 16


def test_a_wrong_shape_is_named(tmp_path, model, published):
    published["embeddings.position_embeddings.weight"] = torch.zeros(7, 8)
    with pytest.raises(DataError, match=r"position_embeddings\.weight is \(7, 8\), not \(6, 8\); restore it"):
        read_bert(write(tmp_path / "m.safetensors", published), model, repair="restore it")


def test_a_missing_weight_is_named(tmp_path, model, published):
    del published["encoder.layer.1.output.dense.bias"]
    with pytest.raises(DataError, match=r"encoder\.layer\.1\.output\.dense\.bias is missing, not \(8,\)"):
        read_bert(write(tmp_path / "m.safetensors", published), model, repair="restore it")


@pytest.mark.parametrize("damage", ["cut", "pickle", "empty", "header"])
def test_other_files_are_refused(tmp_path, model, published, damage):
    path = write(tmp_path / "m.safetensors", published)
    whole = path.read_bytes()
    header = json.dumps({"x": {"dtype": "F32", "shape": [9], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(
        {
            "cut": whole[:-10],
            "pickle": b"\x80\x04cos\nsystem\n(S'echo'\ntR.",
            "empty": b"",
            "header": len(header).to_bytes(8, "little") + header + bytes(8),
        }[damage]
    )
    with pytest.raises(DataError, match="cannot be read as safetensors .*restore it"):
        read_bert(path, model, repair="restore it")


def test_a_missing_file_is_refused(tmp_path, model):
    with pytest.raises(DataError, match="cannot be read as safetensors"):
        read_bert(tmp_path / "none.safetensors", model, repair="restore it")
