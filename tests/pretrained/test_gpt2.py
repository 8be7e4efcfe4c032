"""GPT-2's files in our own modules give transformers' numbers; what does not fit is refused by name."""

import json

import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from course_utils.decoding.greedy import greedy
from course_utils.models.gpt import GPT, GPTConfig, pad_left
from course_utils.pretrained.gpt2 import load_gpt2, published_name, read_bpe, read_config, read_model
from course_utils.storage import DataError
from course_utils.text.bpe import END_OF_TEXT

TEXT = "the lowest of the low, the lower one: it's slow; they'll see 1234 new news. L'été à Besançon 👍🏽"
MERGES = 30
V = 256 + MERGES + 1
SHAPES = {
    "small": {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 4},
    "one head, one layer": {"n_positions": 8, "n_embd": 12, "n_layer": 1, "n_head": 1},
    "deep": {"n_positions": 20, "n_embd": 24, "n_layer": 7, "n_head": 3},
    "inner width": {"n_positions": 32, "n_embd": 32, "n_layer": 3, "n_head": 8, "n_inner": 50},
    "untied": {"n_positions": 16, "n_embd": 20, "n_layer": 2, "n_head": 5, "tie_word_embeddings": False},
    "exact gelu": {"n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "activation_function": "gelu"},
    "relu": {"n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "activation_function": "relu"},
    "epsilon": {"n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2, "layer_norm_epsilon": 0.1},
}


def write_tokenizer(folder):
    """vocab.json and merges.txt as the tokenizers library writes them, with the mark behind."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=V - 1, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    write_json(folder / "vocab.json", vocabulary | {END_OF_TEXT: V - 1})


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def theirs(**shape):
    """A model of transformers with random weights, large enough for scores that differ clearly."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    ends = {"bos_token_id": V - 1, "eos_token_id": V - 1, "pad_token_id": V - 1}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=V, **shape, **ends)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


# Written by hand, so that the quick tests need no transformers; the slow ones prove that the form is theirs.
CONFIG = {"model_type": "gpt2", "vocab_size": V, "n_positions": 8, "n_embd": 4, "n_layer": 2, "n_head": 2}


def tensors():
    model, generator = GPT(read_sizes()), torch.Generator().manual_seed(0)
    shapes = {}
    for name, weight in model.state_dict().items():
        shape = list(weight.shape)
        if ".attention.query." in name or ".attention.key." in name or ".attention.value." in name:
            shape[0] *= 3
        turned = weight.ndim == 2 and name.startswith("blocks")
        shapes[f"transformer.{published_name(name)}"] = shape[::-1] if turned else shape
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def read_sizes():
    return GPTConfig(V, context=8, width=4, layers=2, heads=2)


@pytest.fixture
def folder(tmp_path):
    write_tokenizer(tmp_path)
    write_json(tmp_path / "config.json", CONFIG)
    safetensors.torch.save_file(tensors(), tmp_path / "model.safetensors")
    return tmp_path


# -- against transformers -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scores_are_those_of_transformers(tmp_path, shape):
    reference = theirs(**shape)
    reference.save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    model, bpe = load_gpt2(tmp_path)
    longest = torch.randint(V, (3, shape["n_positions"]))
    with torch.no_grad():
        wanted = reference(longest).logits
        assert wanted.std() > 0.5
        torch.testing.assert_close(model(longest), wanted, atol=1e-4, rtol=0)
    assert (len(bpe), model.config.vocabulary_size, model.training) == (V, V, False)


@pytest.mark.slow
def test_padded_batches_go_on_as_in_transformers(tmp_path):
    reference = theirs(**SHAPES["small"])
    reference.save_pretrained(tmp_path)
    model = read_model(tmp_path, config=read_config(tmp_path))
    prompts, mask = pad_left([[5, 7, 9, 11], [250], [30, 30]], padding=V - 1)
    found = greedy(
        model.step, model.start(prompts, mask=mask), start=prompts[:, -1], end=V - 1, max_length=20
    )
    wanted = reference.generate(prompts, attention_mask=mask.long(), do_sample=False, max_new_tokens=20)
    for one, row in zip(found, wanted[:, prompts.shape[1] :].tolist(), strict=True):
        assert list(one.tokens) == row[: len(one.tokens)]


@pytest.mark.slow
def test_tokens_are_those_of_transformers_tokenizer(folder):
    from transformers import GPT2Tokenizer

    reference, bpe = GPT2Tokenizer.from_pretrained(folder), read_bpe(folder)
    for text in (TEXT, "", "  two  spaces\n\n", "日本語 \x00 naïve", "DON'T don't"):
        assert bpe.encode(text) == reference.encode(text)
    assert bpe.end == reference.convert_tokens_to_ids(END_OF_TEXT) == V - 1


# -- by hand ------------------------------------------------------------------------------------------------


def test_every_weight_finds_its_place(folder):
    model, published = read_model(folder, config=read_config(folder)), tensors()
    block = model.blocks[1]
    joined = published["transformer.h.1.attn.c_attn.weight"]  # (4, 12)
    assert torch.equal(block.attention.query.weight, joined[:, :4].T)
    assert torch.equal(block.attention.value.weight, joined[:, 8:].T)
    assert torch.equal(block.attention.key.bias, published["transformer.h.1.attn.c_attn.bias"][4:8])
    assert torch.equal(block.attention.output.weight, published["transformer.h.1.attn.c_proj.weight"].T)
    assert torch.equal(block.feed_forward.narrow.weight, published["transformer.h.1.mlp.c_proj.weight"].T)
    assert torch.equal(model.final_norm.weight, published["transformer.ln_f.weight"])
    assert torch.equal(model.token_embedding.weight, published["transformer.wte.weight"])
    assert model.loss(torch.randint(V, (2, 5))).isfinite()


def test_old_files_are_read_too(folder):
    """Names without a prefix, masks among the tensors, the head a second time, half precision."""
    old = {name.removeprefix("transformer."): tensor.half() for name, tensor in tensors().items()}
    old |= {"h.0.attn.bias": torch.ones(1, 1, 8, 8), "h.1.attn.masked_bias": torch.tensor(-1e4)}
    old["lm_head.weight"] = old["wte.weight"].clone()
    safetensors.torch.save_file(old, folder / "model.safetensors")
    model, _ = load_gpt2(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    torch.testing.assert_close(
        model.positions.table.weight, tensors()["transformer.wpe.weight"], atol=2e-3, rtol=0
    )


def test_settings_are_taken_over(folder):
    write_json(
        folder / "config.json", CONFIG | {"n_inner": 9, "resid_pdrop": 0.3, "layer_norm_epsilon": 1e-3}
    )
    wanted = GPTConfig(V, context=8, width=4, layers=2, heads=2, inner=9, dropout=0.3, epsilon=1e-3)
    assert read_config(folder) == wanted


def change(folder, **changed):
    kept = {name: tensor for name, tensor in (tensors() | changed).items() if tensor is not None}
    safetensors.torch.save_file(kept, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"transformer.h.1.mlp.c_fc.bias": None}, r"h\.1\.mlp\.c_fc\.bias is missing, not \(16,\)"),
        ({"transformer.wte.weight": None}, r"wte\.weight is missing, not \(287, 4\)"),
        (
            {"transformer.h.0.attn.c_attn.weight": torch.zeros(12, 4)},
            r"c_attn\.weight is \(12, 4\), not \(4, 12\)",
        ),
        ({"transformer.wpe.weight": torch.zeros(9, 4)}, r"wpe\.weight is \(9, 4\), not \(8, 4\)"),
        ({"transformer.h.2.ln_1.bias": torch.zeros(4)}, r"holds h\.2\.ln_1\.bias, for which .* has no place"),
        ({"transformer.h.0.crossattention.x": torch.zeros(4)}, r"holds h\.0\.crossattention\.x, for which"),
        ({"lm_head.weight": torch.zeros(V, 4)}, r"holds lm_head\.weight, for which"),
    ],
)
def test_tensors_that_do_not_fit_are_named(folder, changed, message):
    change(folder, **changed)
    with pytest.raises(DataError, match=message):
        load_gpt2(folder)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert'; .* where it is 'gpt2'"),
        ({"model_type": None}, "model_type is None; "),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True; .* is False"),
        ({"scale_attn_weights": False}, "scale_attn_weights is False"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
        ({"activation_function": "silu"}, "activation_function is 'silu'; known are gelu_new"),
        ({"n_embd": None}, "no whole number for n_embd"),
        ({"n_head": 3}, "does not describe a model: width 4 cannot be shared equally by 3 heads"),
        ({"n_layer": 0}, "does not describe a model: layers is 0"),
        ({"n_layer": 3}, r"h\.2\.attn\.c_attn\.weight is missing|h\.2\..* is missing"),
        ({"n_layer": 1}, r"holds h\.1\..*, for which"),
        ({"n_inner": "wide"}, "does not describe a model"),
        ({"tie_word_embeddings": False}, r"lm_head\.weight is missing, not \(287, 4\)"),
        ({"vocab_size": 300}, "vocab_size in config.json is 300, but vocab.json holds 287 pieces"),
    ],
)
def test_settings_that_do_not_fit_are_named(folder, changed, message):
    write_json(folder / "config.json", CONFIG | changed)
    with pytest.raises(DataError, match=message):
        load_gpt2(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "merges.txt", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "bytes"])
def test_files_that_cannot_be_read_are_named(folder, name, damage):
    (folder / name).unlink() if damage == "missing" else (folder / name).write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(DataError, match=rf"{name} .*cannot be read"):
        load_gpt2(folder)


def test_a_pickle_is_not_opened(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"in pytorch_model\.bin only, a pickle, which may run any code"):
        load_gpt2(folder)


def test_json_of_another_kind_is_refused(folder):
    (folder / "config.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="config.json holds no JSON object"):
        load_gpt2(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match="config.json is no JSON"):
        load_gpt2(folder)


def test_tokenizer_files_that_do_not_fit_are_refused(folder):
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    write_json(folder / "vocab.json", vocabulary | {"a": vocabulary["b"], "b": vocabulary["a"]})
    with pytest.raises(DataError, match="'a' is token 65 in vocab.json and 64 by merges.txt"):
        read_bpe(folder)
    write_json(folder / "vocab.json", vocabulary | {END_OF_TEXT: 999})
    with pytest.raises(DataError, match="the tokens of its marks .* must follow those of the merges"):
        read_bpe(folder)
    write_json(folder / "vocab.json", vocabulary | {"a": "64"})
    with pytest.raises(DataError, match="must give each piece a whole number"):
        read_bpe(folder)
    write_json(folder / "vocab.json", vocabulary)
    with (folder / "merges.txt").open("a", encoding="utf-8") as file:
        file.write("\nxq zz\n")
    with pytest.raises(DataError, match=r"merge 30 is \['xq', 'zz'\]; it must join two pieces"):
        read_bpe(folder)
