import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig, RobertaConfig, XLMRobertaConfig

from models.text_encoder import config_of, encoder_of, load_encoder, longest_input
from utils.errors import UserError

SMALL = dict(vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
             max_position_embeddings=66)
KINDS = [XLMRobertaConfig(**SMALL), BertConfig(**SMALL), RobertaConfig(**SMALL)]  # PhoBERT is a RoBERTa
IDS = torch.tensor([[0, 7, 9, 2]])


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.model_type)
@pytest.mark.parametrize("kind", [AutoModel, AutoModelForSequenceClassification])
def test_a_folder_gives_its_own_last_hidden_states(config, kind, tmp_path):
    saved = kind.from_config(config).eval()
    saved.save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path), 0).eval()
    base = saved if kind is AutoModel else saved.base_model
    assert torch.allclose(encoder(IDS).last_hidden_state, base(IDS).last_hidden_state, atol=1e-6)
    assert encoder.pooler is None


def test_pytorch_bin_is_read_too(tmp_path):
    saved = AutoModel.from_config(KINDS[0]).eval()
    saved.config.save_pretrained(tmp_path)
    torch.save(saved.state_dict(), tmp_path / "pytorch_model.bin")
    read = load_encoder(str(tmp_path), 0).eval()
    assert torch.allclose(read(IDS).last_hidden_state, saved(IDS).last_hidden_state, atol=1e-6)


def test_missing_weights_are_an_error_but_for_the_pooler(tmp_path):
    AutoModel.from_config(KINDS[0]).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    without_pooler = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler")}
    assert len(without_pooler) < len(weights)
    save_file(without_pooler, path, metadata={"format": "pt"})
    load_encoder(str(tmp_path), 0)
    name = "encoder.layer.0.output.dense.weight"
    save_file({key: tensor for key, tensor in without_pooler.items() if key != name}, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match=f"lack 1 weights, e.g. {name}"):
        load_encoder(str(tmp_path), 0)


@pytest.mark.parametrize("fill", ["nothing", "config"])
def test_a_folder_that_is_no_encoder(tmp_path, fill):
    if fill == "config":
        KINDS[0].save_pretrained(tmp_path)
    with pytest.raises(UserError, match=f"--encoder {tmp_path}: "):
        load_encoder(str(tmp_path), 0)


def test_tiny_is_of_visoberts_architecture():
    encoder = load_encoder("tiny", 300)
    assert encoder.config.model_type == "xlm-roberta" and encoder.get_input_embeddings().weight.shape == (300, 128)
    assert encoder.config.pad_token_id == 1 and longest_input(encoder.config) == 512


@pytest.mark.parametrize("config, longest", list(zip(KINDS, (64, 66, 64))), ids=lambda value: str(value)[:12])
def test_the_longest_input_can_be_read_and_no_longer(config, longest):
    encoder = encoder_of(config).eval()
    assert longest_input(config) == longest
    assert encoder(torch.full((1, longest), 5)).last_hidden_state.shape == (1, longest, 8)
    with pytest.raises((IndexError, RuntimeError)):
        encoder(torch.full((1, longest + 1), 5))


def test_a_config_survives_json():
    config = XLMRobertaConfig(**SMALL)
    assert config_of(config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize("damage", ["cut", "zeros", "shapes", "bin"])
def test_damaged_weights_are_one_line(tmp_path, damage):
    AutoModel.from_config(KINDS[0]).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    if damage == "shapes":
        XLMRobertaConfig(**SMALL | dict(hidden_size=16)).save_pretrained(tmp_path)
    elif damage == "bin":
        path.unlink()
        (tmp_path / "pytorch_model.bin").write_bytes(b"no weights")
    else:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\0" * len(content))
    with pytest.raises(UserError, match=f"--encoder {tmp_path}: "):
        load_encoder(str(tmp_path), 0)
