import csv
import json
import random
import shutil
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from dataloaders import tokenizer as module
from dataloaders.tokenizer import check_ids_fit, load_tokenizer, train_tokenizer
from utils.errors import UserError

VISOBERT = "../models/visobert-tokenizer"
TEXT, IDS = "hào quang rực rỡ 🔥", [0, 2280, 2844, 5789, 5670, 4849, 2]
ROLES = ["bos_token", "cls_token", "eos_token", "sep_token", "unk_token", "pad_token", "mask_token"]
BERT = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nxin\nban\n##g\nXin\n"
SENTENCES = ["máy đẹp pin trâu", "máy đẹp giá tốt", "pin kém máy nóng", "giá rẻ máy đẹp pin trâu"]


@pytest.fixture(scope="session")
def small():
    return train_tokenizer(SENTENCES, 60)


def folder_of(place, **files):
    for name, text in files.items():
        (place / name.replace("__", ".")).write_text(text if isinstance(text, str) else json.dumps(text))
    return place


def saved(tokenizer, place, **files):
    """A folder with nothing but its tokenizer.json, and these files."""
    return folder_of(place, tokenizer__json=tokenizer.backend_tokenizer.to_str(), **files)


def refused(place):
    with pytest.raises(UserError) as error:
        load_tokenizer(place)
    assert "\n" not in str(error.value)
    return str(error.value)


def model_only(shared, place):
    for name in ("config.json", "sentencepiece.bpe.model"):
        shutil.copy(shared(VISOBERT) / name, place / name)
    return place


def test_visoberts_ids_whichever_file_is_there(shared, tmp_path):
    for place in (shared(VISOBERT), model_only(shared, tmp_path)):
        tokenizer = load_tokenizer(place)
        assert isinstance(tokenizer, PreTrainedTokenizerFast)
        assert tokenizer(TEXT) == {"input_ids": IDS, "attention_mask": [1] * 7}
        special = [tokenizer.convert_tokens_to_ids(getattr(tokenizer, role)) for role in ROLES]
        assert special == [0, 0, 2, 2, 3, 1, 15001]
        assert tokenizer.decode(IDS, skip_special_tokens=True) == TEXT
        assert len(tokenizer) == 15002


def test_visoberts_ids_are_sentencepieces_on_every_review(shared, tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece", reason="needs sentencepiece to compare with")
    path = shared(VISOBERT) / "sentencepiece.bpe.model"
    true = sentencepiece.SentencePieceProcessor(model_file=str(path))
    texts = []
    for name in ("Train.csv", "Dev.csv"):
        with (shared("uit-visfd") / name).open(newline="", encoding="utf-8") as file:
            texts += [row["comment"] for row in csv.DictReader(file)]
    assert len(texts) == 8898
    stream = random.Random(0)
    words = [word for text in texts for word in text.split()]
    texts += ["".join(stream.choices(words, k=3)) for _ in range(2000)]
    texts += ["", " ", "\n\r\n", "a\u200bb", "👨‍👩‍👧‍👦 ok", "ＡＢＣ　ｄ", "</s> <mask> <s>", "a  b ", "kkkkkkkkkkk",
              "\ufeffx", unicodedata.normalize("NFC", unicodedata.normalize("NFD", "Những chiếc điện thoại"))]
    expected = [[0, *(i + 1 if i else 3 for i in true.encode(text)), 2] for text in texts]
    assert load_tokenizer(shared(VISOBERT))(texts)["input_ids"] == expected
    assert load_tokenizer(model_only(shared, tmp_path))(texts)["input_ids"] == expected


def test_it_neither_pads_nor_cuts_unless_asked(shared):
    tokenizer = load_tokenizer(shared(VISOBERT))  # its file says 256, fixed
    assert tokenizer.backend_tokenizer.truncation is None and tokenizer.backend_tokenizer.padding is None
    assert len(tokenizer("đẹp " * 300)["input_ids"]) == 302
    batch = tokenizer(["đẹp", "đẹp đẹp đẹp"], padding=True, truncation=True, max_length=4)
    assert [len(ids) for ids in batch["input_ids"]] == [4, 4] and batch["attention_mask"][0] == [1, 1, 1, 0]
    assert [len(ids) for ids in tokenizer(["đẹp", "đẹp " * 300])["input_ids"]] == [3, 302]  # and it forgets that


def test_tokenizer_json_comes_before_a_model(small, tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_bytes(b"no model")
    assert load_tokenizer(saved(small, tmp_path)).get_vocab() == small.get_vocab()


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model"])
def test_a_model_of_xlm_rs_family_needs_no_config(shared, tmp_path, name):
    shutil.copy(shared(VISOBERT) / "sentencepiece.bpe.model", tmp_path / name)
    assert load_tokenizer(str(tmp_path))(TEXT)["input_ids"] == IDS


def test_a_bpe_model_of_another_family_is_refused(shared, tmp_path):
    place = folder_of(model_only(shared, tmp_path), config__json={"model_type": "camembert"})
    assert refused(place) == (f"{place / 'sentencepiece.bpe.model'}: a BPE whose order of ids is not known; "
                              "put its encoder's tokenizer.json beside it")


def wordlevel(*words):
    from tokenizers import Tokenizer, models

    return Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=words[0])).to_str()


def test_special_tokens_are_recognised(tmp_path):
    tokenizer = load_tokenizer(folder_of(tmp_path, tokenizer__json=wordlevel("[UNK]", "[PAD]", "[CLS]", "[SEP]", "a")))
    assert (tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.unk_token_id) == (1, 2, 0)
    assert tokenizer.mask_token is None and len(tokenizer) == 5
    assert tokenizer("a")["input_ids"] == [4]


@pytest.mark.parametrize("config", [
    {"tokenizer_config__json": {"pad_token": "p", "cls_token": {"content": "c", "lstrip": False}, "bos_token": None}},
    {"special_tokens_map__json": {"pad_token": "p", "cls_token": "c"}},
    {"special_tokens_map__json": {"pad_token": "a", "cls_token": "c"}, "tokenizer_config__json": {"pad_token": "p"}},
])
def test_special_tokens_are_taken_from_the_folders_settings(tmp_path, config):
    words = wordlevel("<unk>", "p", "c", "a", "<pad>")
    tokenizer = load_tokenizer(folder_of(tmp_path, tokenizer__json=words, **config))
    assert (tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.unk_token_id) == (1, 2, 0)
    assert len(tokenizer) == 5


def test_other_settings_of_the_folder_are_kept(small, tmp_path):
    place = saved(small, tmp_path, tokenizer_config__json={
        "model_max_length": 77, "padding_side": "left", "model_input_names": ["input_ids"], "auto_map": {"x": "y"}})
    tokenizer = load_tokenizer(place)
    assert (tokenizer.model_max_length, tokenizer.padding_side) == (77, "left")
    assert tokenizer("máy").keys() == {"input_ids"}


@pytest.mark.parametrize("files, words", [
    ({"tokenizer__json": wordlevel("<unk>", "a")}, "no token to pad with; name pad_token in its tokenizer_config.json"),
    ({"tokenizer_config__json": {"pad_token": "zz"}}, "pad_token is 'zz', which its vocabulary lacks"),
    ({"tokenizer_config__json": {"padding_side": "up"}}, "tokenizer_config.json: "),
    ({"tokenizer_config__json": "{"}, "tokenizer_config.json: not JSON"),
    ({"special_tokens_map__json": "[]"}, "special_tokens_map.json: must be an object, not a list"),
])
def test_settings_of_no_use_are_refused(small, tmp_path, files, words):
    place = folder_of(saved(small, tmp_path), **files)
    assert refused(place).startswith(str(place)) and words in refused(place)


@pytest.mark.parametrize("damage", [
    lambda text: "", lambda text: text[:len(text) // 2], lambda text: text[:-3], lambda text: "[]", lambda text: "{}",
    lambda text: text.replace("BPE", "BPF"), lambda text: text.replace('"merges":[', '"merges":["zz zz",'),
    lambda text: text.replace('"Sequence"', '"Precompiled","precompiled_charsmap":"AAAA"', 1),
    lambda text: text.replace('"Sequence"', '"Precompiled","precompiled_charsmap":"*"', 1)])
def test_a_damaged_tokenizer_json_is_refused(small, tmp_path, damage):
    text = small.backend_tokenizer.to_str()
    place = folder_of(tmp_path, tokenizer__json=damage(text))
    assert damage(text) != text
    assert refused(place).startswith(f"{place / 'tokenizer.json'}: damaged, or no tokenizer: ")


def test_berts_vocabulary(tmp_path):
    place = folder_of(tmp_path, vocab__txt=BERT, config__json={"model_type": "bert"})
    assert load_tokenizer(place)("Xin bang [SEP]")["input_ids"] == [2, 5, 6, 7, 1, 1, 1, 3]
    folder_of(place, tokenizer_config__json={"do_lower_case": False})
    assert load_tokenizer(place)("Xin bang")["input_ids"] == [2, 8, 6, 7, 3]


def test_phoberts_vocabulary(tmp_path):
    place = folder_of(tmp_path, vocab__txt="Xin 9\nchào 8\nz@@ 7\nz 6\n", bpe__codes="X i 9\nXi n</w> 8\n",
                      config__json={"model_type": "roberta", "tokenizer_class": "PhobertTokenizer"})
    tokenizer = load_tokenizer(place)
    assert tokenizer("Xin zz q")["input_ids"] == [0, 4, 6, 7, 3, 2]
    assert tokenizer.pad_token_id == 1


def test_a_class_that_reads_none_of_the_vocabulary_is_refused(tmp_path):
    words = ("reads 5 tokens, fewer than vocab.txt has", "transformers cannot load its tokenizer")  # release 5, 4
    place = folder_of(tmp_path, vocab__txt="a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n", config__json={"model_type": "roberta"})
    assert any(word in refused(place) for word in words)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    place = folder_of(tmp_path, config__json={"model_type": "bert"})
    assert refused(place) == (f"{place}: holds no tokenizer; looked for tokenizer.json, sentencepiece.bpe.model, "
                              "spiece.model, tokenizer.model, vocab.txt, vocab.json")


def test_a_vocabulary_of_no_known_kind_is_refused(tmp_path):
    place = folder_of(tmp_path, vocab__txt=BERT)
    assert refused(place) == f"{place}: its config.json must name the model_type, else vocab.txt cannot be read"


def test_code_in_a_folder_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    place = folder_of(tmp_path, vocab__txt=BERT, config__json={"model_type": "own"},
                      own__py=f"open({str(mark)!r}, 'w')\nclass Own: pass\n",
                      tokenizer_config__json={"auto_map": {"AutoTokenizer": ["own.Own", None]},
                                              "tokenizer_class": "Own"})
    assert "transformers cannot load its tokenizer" in refused(place)
    assert not mark.exists()


def test_a_name_is_fetched_from_the_hub_without_its_weights(small, tmp_path, monkeypatch):
    asked = []

    def download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(saved(small, tmp_path))

    monkeypatch.setattr(module, "snapshot_download", download)
    assert load_tokenizer("some/encoder").get_vocab() == small.get_vocab()
    (name, patterns), = asked
    assert name == "some/encoder" and {"tokenizer.json", "config.json", "vocab.txt", "bpe.codes"} <= set(patterns)
    assert not any("*" in pattern or pattern.endswith((".bin", ".safetensors", ".py")) for pattern in patterns)


def test_a_hub_out_of_reach_is_said_in_one_line(monkeypatch):
    def download(name, allow_patterns):
        raise ConnectionError("Name or service not known.\nmore")

    monkeypatch.setattr(module, "snapshot_download", download)
    assert refused("some/encoder") == ("encoder some/encoder: no such folder, and the hub cannot be reached: "
                                       "Name or service not known; give --encoder FOLDER")


def test_names_that_the_hub_cannot_have_are_refused(tmp_path):
    assert refused(tmp_path / "none") == (f"encoder {tmp_path / 'none'}: no such folder, and no name that the hub "
                                          "could have; give --encoder FOLDER")
    (tmp_path / "t.json").touch()
    assert "t.json: not a folder; give --encoder the folder" in refused(tmp_path / "t.json")


def test_a_name_that_the_hub_lacks_is_told_from_a_hub_out_of_reach(monkeypatch):
    def download(name, allow_patterns):
        raise module.RepositoryNotFoundError.__new__(module.RepositoryNotFoundError)

    monkeypatch.setattr(module, "snapshot_download", download)
    assert refused("some/encoder") == ("encoder some/encoder: no such folder, and the hub has or shows none of this "
                                       "name; give --encoder FOLDER")


def test_ids_must_fit_the_embedding_table(small):
    check_ids_fit(small, len(small), "weights")
    with pytest.raises(UserError, match=f"^weights: the tokenizer's ids go up to {len(small) - 1}, but the embedding "
                                        f"table has {len(small) - 1} rows; give"):
        check_ids_fit(small, len(small) - 1, "weights")


def test_a_learned_tokenizer_has_xlm_rs_shape(small):
    vocabulary = small.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary))) and len(vocabulary) <= 60
    assert [vocabulary[token] for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")] == [0, 1, 2, 3, len(small) - 1]
    assert [small.convert_tokens_to_ids(getattr(small, role)) for role in ROLES] == [0, 0, 2, 2, 3, 1, len(small) - 1]
    assert small("máy đẹp")["input_ids"] == [0, vocabulary["▁máy"], vocabulary["▁đẹp"], 2]
    assert small("") == {"input_ids": [0, 2], "attention_mask": [1, 1]}
    assert small("  máy\n\u3000đẹp ") == small("máy đẹp")  # as SentencePiece's nmt_nfkc
    assert small("①") == small("1") != small("máy")
    assert small("máyQ中")["input_ids"] == [0, vocabulary["▁máy"], 3, 2]


def test_the_most_frequent_pair_is_merged_first():
    tokenizer = train_tokenizer(["cab dab ab"], 11)  # 5 special, ▁ a b c d, and room for one
    assert tokenizer.get_vocab().keys() - {*"▁abcd", "<s>", "<pad>", "</s>", "<unk>", "<mask>"} == {"ab"}


@given(st.permutations(SENTENCES * 2), st.integers(6, 80))
def test_learning_depends_on_counts_alone(texts, size):
    first, second = train_tokenizer(SENTENCES * 2, size), train_tokenizer(iter(texts), size)
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    assert len(first) <= size


def test_the_rarest_characters_give_way_where_ids_are_few():
    tokenizer = train_tokenizer(["aaa bbb cc d e"], 8)  # four blanks, three a, three b, two c
    assert tokenizer.get_vocab().keys() - {"<s>", "<pad>", "</s>", "<unk>", "<mask>"} == {"▁", "a", "b"}


@pytest.mark.parametrize("texts, size, words", [
    (["a"], 5, "a vocabulary of 5: must be at least 6"), ([], 10, "no text"), (["", " \n"], 10, "no text")])
def test_nothing_to_learn_from_is_refused(texts, size, words):
    with pytest.raises(UserError, match=words):
        train_tokenizer(texts, size)


def test_typed_special_tokens_are_neither_learned_nor_read_as_such():
    tokenizer = train_tokenizer(["x<s> y<s> z＜s＞ x</s> y</s> z</s> x<mask> y<mask> z<mask>"] * 9, 90)
    ids = tokenizer("x<s> y<s> x</s> <mask> z<mask> <pad> <unk> a")["input_ids"]
    assert not {0, 1, 2, len(tokenizer) - 1} & set(ids[1:-1])
    assert tokenizer.get_vocab()["<mask>"] == len(tokenizer) - 1


@given(st.lists(st.text(st.sampled_from("máy đẹpintrâu🔥\n<s>/"), max_size=30), min_size=1))
def test_a_saved_tokenizer_gives_the_same_ids(small, scratch, texts):
    small.save_pretrained(scratch / "saved")
    loaded = load_tokenizer(scratch / "saved")
    assert loaded(texts) == small(texts)
    assert loaded.special_tokens_map == small.special_tokens_map


def test_visobert_saved_and_loaded_gives_the_same_ids(shared, tmp_path):
    load_tokenizer(shared(VISOBERT)).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer(TEXT)["input_ids"] == IDS
    assert len(tokenizer("đẹp " * 300)["input_ids"]) == 302
