"""Files that mean harm, by the ways in which a person meets them: refused in one line, or read in bounded memory.

Nothing in them is run, and nothing is written but where the command was told to.
"""

import io
import json
import os
import pickle
import resource
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from dataloaders.clips import ClipError
from dataloaders.features import read_features
from dataloaders.readers import read_clip
from dataloaders.stream import Stream
from main import main
from scripts.pack import main as pack
from tests.dataloaders.footage import frame, write_image
from tests.inference.runs import save_run
from tests.small_reviews import write_recipe
from utils.errors import UserError
from utils.provenance.hashes import sha256

MUCH = 300  # MiB; what is handed over here would take gigabytes


class Evil:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def refuses(capsys, tmp_path, monkeypatch) -> Callable[..., str]:
    """The one line by which a command refuses, with exit status 2; nothing is left but below `out` and `files`."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*words, command=main) -> str:
        capsys.readouterr()
        assert command([str(word) for word in words]) == 2
        said = capsys.readouterr().err
        lines = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and said.splitlines()[-1] == lines[0] and "Traceback" not in said
        assert {path.name for path in tmp_path.iterdir()} <= {"work", "out", "files"}
        assert not [*(tmp_path / "work").iterdir()]
        return lines[0]

    return run


@pytest.fixture
def files(tmp_path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def run(configure, files) -> Path:
    """Of a recogniser, with random weights."""
    return save_run(configure("--temperature 0.05"), files / "run")


def in_child(call: Callable) -> tuple[str, int]:
    """What a call says, in a process of its own, and by how many MiB the memory of that grew at most."""
    read, write = os.pipe()
    if not (child := os.fork()):
        before, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, ""
        try:
            said = f"gave {call()}"
        except (UserError, ClipError) as error:
            said = str(error)
        except BaseException as error:
            said = f"traceback {error!r}"
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os.write(write, f"{grown // 1024} {said[:4000]}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        grown, said = pipe.read().decode().split(" ", 1)
    assert os.waitpid(child, 0)[1] == 0
    return said, int(grown)


def bounded(call: Callable, most: int = MUCH) -> str:
    said, grown = in_child(call)
    assert grown < most, f"{grown} MiB: {said}"
    return said


# A pickled checkpoint


def as_zip(value, path: Path) -> None:
    torch.save(value, path)


def as_pickle(value, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


def as_legacy(value, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def as_tar(value, path: Path) -> None:
    """As the first torch wrote them, with members that lead out."""
    with tarfile.open(path, "w") as tar:
        for name in ("../escaped", "storages", "tensors", "pickle"):
            content = pickle.dumps(value)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


WAYS = {
    "--resume": lambda recipe, file, run: ["train", recipe, "--resume", file, "--output-dir", run.parent / "new"],
    "--clip-pretrained": lambda recipe, file, run: ["train", recipe, "--clip-pretrained", file, "--output-dir",
                                                    run.parent / "new"],
    "--init-from": lambda recipe, file, run: ["train", recipe, "--init-from", run, "--output-dir", run.parent / "new"],
    "eval": lambda recipe, file, run: ["eval", run],
    "predict": lambda recipe, file, run: ["predict", run, recipe],
    "export": lambda recipe, file, run: ["export", run],
    "serve": lambda recipe, file, run: ["serve", run],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("write", [as_zip, as_pickle, as_legacy, as_tar])
def test_no_checkpoint_is_unpickled(recipe, run, files, refuses, way, write):
    write({"state_dict": Evil(files / "made"), "config": Evil(files / "made")}, files / "last.pt")
    shutil.copy(files / "last.pt", run / "model.safetensors")
    said = refuses(*WAYS[way](recipe, files / "last.pt", run))
    assert "last.pt" in said or "run" in said
    assert not (files / "made").exists() and not [*files.rglob("escaped")]


class Program(torch.nn.Module):
    """As it is loaded, writes a file."""

    def __init__(self):
        super().__init__()
        self.number: int = 1

    @torch.jit.export
    def __getstate__(self) -> tuple[int, bool]:
        return self.number, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]) -> None:
        content = torch.from_file("made-by-program", True, 64, dtype=torch.uint8)
        self.number = int(content.fill_(1)[0])
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore")
def test_no_program_of_torchscript_is_run(recipe, files, refuses, monkeypatch):
    torch.jit.script(Program()).save(files / "clip.pt")
    monkeypatch.chdir(files)
    torch.jit.load(files / "clip.pt")
    (files / "made-by-program").unlink()  # so torch itself would
    assert "clip.pt: cannot be read as a checkpoint" in refuses(
        "train", recipe, "--clip-pretrained", files / "clip.pt", "--output-dir", files / "new")
    assert not (files / "made-by-program").exists()


def test_an_encoder_brings_no_code_and_no_pickle(files, refuses):
    from dataloaders.tokenizer import train_tokenizer

    encoder = files / "encoder"
    train_tokenizer(["một hai ba"] * 5, 60).save_pretrained(encoder)
    (encoder / "config.json").write_text(json.dumps({
        "model_type": "xlm-roberta", "vocab_size": 60, "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": 8, "pad_token_id": 1,
        "auto_map": {"AutoModel": "own.Model", "AutoConfig": "own.Config"}}))
    (encoder / "own.py").write_text(f"import os\nos.mkdir({str(files / 'made')!r})\n")
    torch.save({"embeddings": Evil(files / "made")}, encoder / "pytorch_model.bin")
    recipe = write_recipe(files)
    assert "--encoder" in refuses("train", recipe, "--encoder", encoder, "--output-dir", files / "new")
    assert not (files / "made").exists()


# What swells


def rezipped(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Members that `change` alters are compressed."""
    with zipfile.ZipFile(path) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            other = change(name, content)
            new.writestr(name, other, zipfile.ZIP_STORED if other is content else zipfile.ZIP_DEFLATED)


def deflated_tensor(path: Path) -> None:
    torch.save({"w": torch.zeros(4)}, path)
    rezipped(path, lambda name, content: bytes(2**29) if name.endswith("/data/0") else content)


def deflated_pickle(path: Path) -> None:
    torch.save({"w": torch.zeros(4)}, path)
    text = b"\x80\x02X" + struct.pack("<I", 2**28) + b"a" * 2**28 + b"."
    rezipped(path, lambda name, content: text if name.endswith("data.pkl") else content)


def one_number_a_billion_times(path: Path) -> None:
    torch.save({"w": torch.zeros(1, dtype=torch.half).expand(10**5, 10**4)}, path)


def claims_terabytes(path: Path) -> None:
    torch.save({"w": torch.zeros(4)}, path)
    huge = b"\x8a\x06" + (10**12).to_bytes(6, "little")
    with zipfile.ZipFile(path) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            new.writestr(name, content.replace(b"K\x04t", huge + b"t").replace(b"K\x04\x85", huge + b"\x85"))


def safetensors_of_terabytes(path: Path) -> None:
    head = json.dumps({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(100))


def safetensors_of_a_long_head(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")


SWELLING = [deflated_tensor, deflated_pickle, one_number_a_billion_times, claims_terabytes, safetensors_of_terabytes,
            safetensors_of_a_long_head]


@pytest.mark.parametrize("write", SWELLING)
def test_no_checkpoint_swells(micro, files, write):
    from models.clip import load_clip
    from models.weights import read_about
    from utils import checkpoint

    path = files / ("model.safetensors" if "safetensors" in write.__name__ else "last.pt")
    write(path)
    assert path.stat().st_size < 2**22
    assert bounded(lambda: load_clip("micro", str(path), 32)).startswith(f"{path}: cannot be read as a checkpoint: ")
    assert bounded(lambda: checkpoint.load(path)).startswith(f"{path}: not a whole checkpoint: ")
    if path.suffix == ".safetensors":
        assert bounded(lambda: read_about(files)).startswith(f"{path}: not the weights of a run: ")


def test_a_state_of_another_shape_or_kind(recipe, configure, files, refuses):
    """Settings that are right do not make a state."""
    settings = configure(f"--output-dir {files / 'new'}").flat()
    nested = ["x"]
    for _ in range(60):
        nested = [nested, nested]  # as a text, 2**60 times as long
    parts = ("model", "objective", "optimizer", "scaler", "skips", "meter", "tally", "health", "epoch", "batch",
             "steps", "best", "history")
    for state in ([1], torch.zeros(2), {}, {"config": 3}, {"config": settings | {"lr": nested}}, {"config": settings},
                  {"config": settings, **dict.fromkeys(parts, 3)}, {"config": settings, **dict.fromkeys(parts, {})}):
        torch.save(state, files / "last.pt")
        refuses("train", recipe, "--resume", files / "last.pt", "--output-dir", files / "new")


CACHES = {
    "a shape of petabytes": lambda path: np.lib.format.write_array_header_1_0(
        path, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**15)}),
    "a shape past all numbers": lambda path: np.lib.format.write_array_header_1_0(
        path, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**30)}),
    "a pickle": lambda path: np.save(path, np.array([Evil(Path("made")), 1], dtype=object), allow_pickle=True),
    "no array": lambda path: path.write(b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 9000),
}


@pytest.mark.parametrize("content", CACHES)
def test_no_cache_of_features_swells_or_is_unpickled(files, content):
    class Two:
        size = 2

    with (files / "val.npy").open("wb") as file:
        CACHES[content](file)
    told = [{"notes": {}}, {"notes": {}}]
    (files / "val.json").write_text(json.dumps({"clips": told, "sha256": sha256(files / "val.npy")}))
    assert "these features are damaged; delete" in bounded(lambda: read_features(Two(), files, "val"))
    (files / "val.json").write_text("[" * 100_000)
    assert "these features are damaged; delete" in bounded(lambda: read_features(Two(), files, "val"))
    assert not Path("made").exists()


# A tar with `../`


@pytest.fixture
def packed(recipe, caer, files) -> Path:
    assert pack([str(recipe), "--output", str(files / "pack"), "--workers", "0"]) == 0
    return files / "pack"


def test_a_pack_whose_first_member_leads_out(recipe, packed, files, refuses):
    content = bytearray((packed / "train-00000.tar").read_bytes())
    content[:100] = b"../../../escaped.json".ljust(100, b"\0")
    (packed / "train-00000.tar").write_bytes(content)
    assert "train-00000.tar: no shard of a pack; its first member is '../../../escaped.json'" in refuses(
        "train", recipe, "--packed", packed, "--output-dir", files / "new")
    assert not [*files.parent.rglob("escaped*")]


def test_members_of_a_pack_that_lead_out_are_bad_clips(recipe, packed, files, refuses):
    """With max_bad_clips 0 the first of them ends the training."""
    shard = packed / "train-00000.tar"
    with tarfile.open(shard) as tar:
        names = [name for name in tar.getnames() if name.endswith(".jpg")]
    content = shard.read_bytes()
    for name in names:
        content = content.replace(name.encode(), b"../../escaped".ljust(len(name), b"x"))
    shard.write_bytes(content)
    assert len(names) == 28
    assert "is damaged" in refuses("train", recipe, "--packed", packed, "--output-dir", files / "new", "--force")
    assert not [*files.parent.rglob("escaped*")]


def test_a_stream_of_members_that_lead_out_or_are_links_is_refused(recipe, packed, files, refuses):
    """They are whole members of a tar file, whose lengths and sums are right."""
    shard = packed / "train-00000.tar"
    content = shard.read_bytes()
    for name, kind in (("../../escaped.jpg", tarfile.REGTYPE), ("000000000.face.000.jpg", tarfile.SYMTYPE)):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
        shard.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + content[512:])
        assert "train-00000.tar" in refuses("train", recipe, "--packed", packed, "--stream", packed, "--output-dir",
                                            files / "new", "--force")
    assert not [*files.parent.rglob("escaped*")]


# YAML


TAGS = ["!!python/object/apply:os.mkdir [{}]", "!!python/object/new:os.mkdir [{}]", "!!python/name:os.mkdir ''",
        "!!python/module:os ''", "!!python/object/apply:subprocess.check_call [[mkdir, {}]]"]


@pytest.mark.parametrize("tag", TAGS)
def test_no_tag_of_python_is_heeded(run, files, refuses, tag):
    hostile = f"dataset: caer\nroot_dir: {tag.format(files / 'made')}\n"
    recipe, study = files / "recipe.yaml", files / "study.yaml"
    recipe.write_text(hostile)
    study.write_text(f"recipe: demo\nseeds: [0]\nbaseline: {tag.format(files / 'made')}\n")
    (run / "config.yaml").write_text(hostile)
    for words in (["train", recipe], ["check", recipe], ["faces", recipe], ["ablate", study], ["eval", run],
                  ["predict", run, recipe], ["export", run], ["serve", run]):
        assert "not a YAML file: could not determine a constructor for the tag" in refuses(*words)
    assert "not a YAML file" in refuses(recipe, "--output", files / "pack", command=pack)
    assert not (files / "made").exists()


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{other}'] * 10)}]\n" for other, one in zip("abcdefghi", "bcdefghij"))


@pytest.mark.parametrize("text, said", [
    (LAUGHS, "alias *a"), (LAUGHS.replace("[", "{? ").replace("]", "}"), "not a YAML file"),
    ("- " * 30_000, "nested too deeply"), ("[" * 60_000, "nested too deeply"), ("x" * 10**6, "1,000,000 bytes"),
    ("root_dir: --help", "'--help' cannot be a value"), ("root_dir: -h", "'-h' cannot be a value"),
    ('root_dir: "a\\0b"', r"'a\x00b' cannot be a value"), ("epochs: !!int ''", "not a YAML file"),
    ("epochs: 2020-99-99", "not a YAML file"), ("? [a]\n: b", "not a YAML file"), ("epochs: &a [*a]", "alias *a"),
    ("seed: " + "9" * 5000, "not a YAML file")])
def test_no_recipe_swells_or_breaks_the_reader(files, refuses, text, said):
    (files / "recipe.yaml").write_text(text)
    assert said in refuses("train", files / "recipe.yaml")
    assert said in bounded(lambda: __import__("utils.recipe").recipe.load_config(str(files / "recipe.yaml")))


# Lists


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.png", "CAER/../../secret.png", "C:\\secret.png",
                                  "..\\secret.png", "\\\\host\\share\\secret.png", "//host/secret.png", ".",
                                  "CAER/a\0.png"])
def test_no_listed_path_leads_out_of_the_root(recipe, caer, run, files, refuses, path):
    listed = [f"CAER/train/{folder.name}/0000.png 1 {label}" for label, folder in enumerate(
        sorted((caer / "CAER" / "train").iterdir()))]
    (files / "list.txt").write_text("\n".join([*listed, f"{path} 1 0"]))
    (files / "good.txt").write_text("\n".join(listed))
    flags = ["--train-annotation", files / "good.txt", "--val-annotation", files / "list.txt"]
    for words in (["train", recipe, *flags, "--output-dir", files / "new"], ["eval", run, *flags, "--split", "val"],
                  ["faces", recipe, *flags, "--output", files / "faces.json"]):
        assert "is no path inside --root-dir; paths must be relative to it" in refuses(*words)
    assert "is no path inside" in refuses(recipe, *flags, "--output", files / "pack", command=pack)


def test_links_are_followed_and_those_that_lead_away_are_told(recipe, caer, files, capsys, tmp_path):
    """The root, a folder and a clip may each be a link, as on Kaggle and in the hub's cache; a list cannot make one."""
    root, stored = files / "data", files / "stored"
    shutil.copytree(caer, stored)
    (stored / "CAER" / "train" / "Fear").rename(files / "Fear")
    (stored / "CAER" / "train" / "Fear").symlink_to(files / "Fear")
    (stored / "CAER" / "train" / "Sad" / "0000.png").rename(files / "sad.png")
    (stored / "CAER" / "train" / "Sad" / "0000.png").symlink_to("../../../../sad.png")
    (stored / "CAER" / "train" / "Sad" / "2.png").symlink_to("2.png")  # to itself
    root.symlink_to(stored)
    words = ["check", str(recipe), "--root-dir", str(root), "--json", "--output-dir", str(files / "check")]
    main([*words, "--max-bad-clips", "0.5"])
    found = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["clips-linked"]["count"] == 3 and found["clips-linked"]["level"] == "note"
    assert found["clips-missing"]["example"] == "CAER/train/Sad/2.png"


# Pictures and films


def png(width: int, height: int, rows: int = 0) -> bytes:
    """All black; without rows its header alone says so."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(rows)) + packer.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def jpeg(width: int, height: int) -> bytes:
    content = bytearray(cv2.imencode(".jpg", frame(0))[1].tobytes())
    struct.pack_into(">HH", content, content.find(b"\xff\xc0") + 5, min(height, 65535), min(width, 65535))
    return bytes(content)


def tiff(width: int, height: int) -> bytes:
    content = bytearray(cv2.imencode(".tif", frame(0))[1].tobytes())
    table = struct.unpack_from("<I", content, 4)[0]
    for row in range(struct.unpack_from("<H", content, table)[0]):
        place = table + 2 + 12 * row
        if (tag := struct.unpack_from("<H", content, place)[0]) in (256, 257, 278):
            struct.pack_into("<HHII", content, place, tag, 4, 1, width if tag == 256 else height)
    return bytes(content)


def webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides + b"VP8L" + struct.pack("<I", 8) + b"/" + b"\xff" * 7
    return b"RIFF" + struct.pack("<I", len(body)) + body


HEADERS = {
    "png": png, "jpg": jpeg, "tif": tiff, "webp": webp,
    "bmp": lambda width, height: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 200, 0, 0, 54, 40, width, height, 1, 24, 0, 0,
                                                     0, 0, 0, 0) + bytes(146),
    "gif.png": lambda width, height: b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\2\0;",
    "pnm.png": lambda width, height: b"P6 %d %d 255\n" % (width, height),
    "hdr.jpg": lambda width, height: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_of_a_hundred_thousand_pixels_a_side_is_not_believed(files, kind):
    path = files / f"x.{kind}"
    path.write_bytes(HEADERS[kind](100_000, 100_000))
    for read in (lambda: read_clip(path, lambda count: [0] * 8), lambda: list(Stream(path))):
        assert bounded(read, 50) in (f"{path.name}: the image is too large", f"{path.name}: cannot be decoded")


def test_frames_of_black_are_counted_before_they_fill_the_memory(files, monkeypatch):
    """A real PNG of 8192 x 8192 has 200 kB, and 192 MiB when it is read; the bound is a fortieth here, for speed."""
    folder = files / "film"
    folder.mkdir()
    (folder / "0.png").write_bytes(png(8192, 8192, 8192))
    assert bounded(lambda: len(read_clip(folder, lambda count: [0] * 16).pixels), 450) == "gave 16"
    (folder / "0.png").write_bytes(png(2048, 2048, 2048))
    for number in range(1, 60):
        os.link(folder / "0.png", folder / f"{number}.png")
    monkeypatch.setattr("dataloaders.readers.LARGEST_CLIP", 2**24)
    said = bounded(lambda: read_clip(folder, lambda count: list(range(count))), 150)  # all its frames are 720 MiB
    assert said == "its frames are too large together"


def film(path: Path, side: int, frames: int, codec: str = "ffv1") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, width=side, height=side)
        stream.pix_fmt = "yuv420p"
        black = av.VideoFrame(side, side, "yuv420p")
        for plane in black.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(frames):
            black.pts = number
            container.mux(stream.encode(black))
        container.mux(stream.encode())
    return path


def test_a_film_of_black_is_measured_by_its_first_frame(files, monkeypatch):
    """A tenth of the bounds, for speed: at the real ones a film of 1.7 MB took 7 GB."""
    monkeypatch.setattr("dataloaders.readers.LARGEST_CLIP", 2**25)
    monkeypatch.setattr("dataloaders.readers.LARGEST_FRAME", 2**22)
    path = film(files / "x.mkv", 2048, 40)
    said = bounded(lambda: read_clip(path, lambda count: list(range(count))), 250)  # all its frames are 480 MiB
    assert said == "40 frames of 2048x2048 pixels are too large together"
    path = film(files / "y.mkv", 2080, 2)
    for read in (lambda: read_clip(path, lambda count: [0]), lambda: list(Stream(path))):
        assert bounded(read, 250) == "2080x2080 pixels is too large"


def test_a_film_that_claims_to_be_huge(files):
    content = bytearray(film(files / "x.avi", 128, 3, "rawvideo").read_bytes())
    for place in (content.find(b"avih") + 8 + 32, content.find(b"strf") + 8 + 4):
        struct.pack_into("<II", content, place, 100_000, 100_000)
    (files / "x.avi").write_bytes(content)
    for read in (lambda: read_clip(files / "x.avi", lambda count: [0]), lambda: list(Stream(files / "x.avi"))):
        assert bounded(read, 100) and "traceback" not in bounded(read, 100)


def test_a_folder_of_very_many_frames(files):
    folder = files / "film"
    folder.mkdir()
    write_image(folder / "0.png", frame(1))
    for number in range(1, 40_000):
        os.link(folder / "0.png", folder / f"{number}.png")
    assert bounded(lambda: len(read_clip(folder, lambda count: [0, count - 1]).pixels), 60) == "gave 2"


def test_hostile_clips_are_counted_and_the_others_learned_from(recipe, caer, files, capsys):
    root = files / "data"
    shutil.copytree(caer, root)
    for number, (kind, write) in enumerate(HEADERS.items()):
        (root / "CAER" / "train" / "Sad" / f"{number}.{kind}").write_bytes(write(100_000, 100_000))
    (root / "CAER" / "train" / "Sad" / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{files / 'x.ts'}\n")
    flags = ["--root-dir", str(root), "--output-dir", str(files / "new"), "--epochs", "1", "--force"]
    assert main(["train", str(recipe), *flags]) == 2
    assert "--max-bad-clips" in capsys.readouterr().err
    shutil.rmtree(files / "new")
    assert main(["train", str(recipe), *flags, "--max-bad-clips", "0.5"]) == 0
    log = (files / "new" / "train.log").read_text()
    assert "list.mp4" in log and "Traceback" not in log
    assert main(["predict", str(files / "new"), str(root / "CAER/train/Sad/0.png"), "--faces", "none"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("0.png: the image is too large")


# JSON and tables


DEEP = "[" * 100_000


def test_json_nested_without_end(recipe, run, packed, files, refuses):
    for path in (files / "face.json", run / "metrics.json", packed / "index.json"):
        path.write_text(DEEP)
    assert "face.json: not JSON" in refuses("train", recipe, "--bounding-box-face", files / "face.json", "--output-dir",
                                            files / "new")
    assert "metrics.json: not JSON" in refuses("eval", run)
    assert "index.json: not JSON" in refuses("train", recipe, "--packed", packed, "--output-dir", files / "new")


def test_weights_that_tell_of_themselves_without_end(run, refuses):
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(1)}, run / "model.safetensors", {"about": DEEP})
    assert "not the weights of a run" in refuses("eval", run)


@pytest.mark.parametrize("name", ["list.txt", "face.json", "labels.csv", "reviews.csv", "recipe.yaml", "config.yaml"])
def test_a_file_of_gigabytes_is_not_read_whole(files, name):
    """It takes no room on the disk, as in an archive."""
    from dataloaders.boxes import Boxes
    from dataloaders.lists import read_daisee, read_lists
    from dataloaders.reviews import read_reviews
    from dataloaders.table_rows import stream_rows
    from utils.recipe import load_config

    path = files / name
    path.touch()
    os.truncate(path, 2**33)
    reads = {"list.txt": [lambda: read_lists({"train": path}, files, ["a"])], "face.json": [lambda: Boxes(path)],
             "labels.csv": [lambda: read_daisee(path, files, "Boredom")],
             "reviews.csv": [lambda: read_reviews(path), lambda: list(stream_rows(path))]}
    for read in reads.get(name, [lambda: load_config(str(path))]):
        assert bounded(read, 60).startswith(f"{path}: ")


@pytest.mark.parametrize("quoted", [False, True])
def test_a_cell_without_end(files, quoted):
    from dataloaders.lists import read_daisee
    from dataloaders.reviews import read_reviews

    cell = ('"' + "x\n" * 1_500_000 + '"') if quoted else "x" * 3_000_000
    (files / "reviews.csv").write_text(f"comment,label\nok,{{A#Positive}}\n{cell},{{A#Negative}}\n")
    assert bounded(lambda: read_reviews(files / "reviews.csv")).endswith(
        "row 2: a cell of more than 1,048,576 characters; is a quote left open?")
    (files / "labels.csv").write_text(f"ClipID,Boredom\n{cell},1\n")
    assert "labels.csv" in bounded(lambda: read_daisee(files / "labels.csv", files, "Boredom"))
