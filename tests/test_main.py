"""The command line, from words to files. Most of it runs in this process: imports alone take seconds."""

import errno
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import weakref
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import dataloaders.video
from commands import training as training_command
from commands.build import build_trainer
from commands.evaluate import changed_for_eval
from main import main
from trainer import Trainer
from utils import checkpoint
from utils.config import CONFIGS, TextConfig, TextLossConfig, TextModelConfig, flag
from utils.errors import UserError

ROOT = Path(__file__).parent.parent

ALL = """
--root-dir --train-annotation --val-annotation --test-annotation --val-fraction --batch-size --num-workers
--reader-timeout --max-bad-clips --dataset --model --dropout --epochs --optimizer --lr --weight-decay --warmup-epochs
--milestones --gamma --use-amp --amp-dtype --grad-clip --accumulate --ema --early-stop --save-every --resume
--force --score-test --seed --device --output-dir --compile --shard
""".split()

CLIPS = """
--target --bounding-box-face --bounding-box-body --streams --missing-box --centre-crop --box-margin --crop-body
--num-segments --duration --image-size --packed --stream --stream-lanes --shuffle-buffer --label-fraction --clip-model
--clip-pretrained --init-from --adapter-ratio --temporal-layers --temporal-heads --temporal-pool --chunk-size
--temperature --moco-k --moco-m --moco-t
""".split()

OWN = {
    "video": CLIPS + """
--augment --random-erasing --use-weighted-sampler --sampler-power --text-type --contexts-number
--class-token-position --class-specific-contexts --contexts-init --mirror --label-smoothing --use-ldl
--ldl-warmup --ldl-temperature --ldl-target-mass --ldl-features --lambda-mi --mi-warmup --mi-ramp --lambda-dc
--dc-warmup --dc-ramp --dc-rows --use-moco --lambda-moco --moco-keys --mixup-alpha
--lr-image-encoder --lr-prompt-learner --lr-adapter --cache-features
""".split(),
    "text": """
--benchmark --text-column --aspects --sentiments --max-tokens --oversample --encoder --vocab-size --prefix --pooling
--mention-threshold --head-width --projection-width --loss-type --unmentioned --classification-weight --focal-gamma
--focal-alpha --ghm-bins --ghm-momentum --unified-weight --unified-delta --unified-gamma --unified-rare
--contrastive-weight --contrastive-temperature --contrastive-base-weight --mention-weight --lr-encoder
--layer-decay --freeze-embeddings --token-dropout
""".split(),
    "simclr": CLIPS + """
--unlabelled --load-size --window --crop-scale --flip --colour --grey --blur --head-layers --head-width
--ssl --projection-width --neighbours
""".split(),
}
FLAGS = {task: ALL + own for task, own in OWN.items()}

# Names that users of this family of projects know.
KNOWN = """
--root-dir --train-annotation --val-annotation --test-annotation --bounding-box-face --bounding-box-body --clip-model
--clip-pretrained --epochs --batch-size --lr --lr-image-encoder --lr-prompt-learner --lr-adapter --weight-decay
--milestones --use-amp --grad-clip --label-smoothing --use-ldl --ldl-temperature --ldl-warmup --lambda-mi --lambda-dc
--mi-warmup --mi-ramp --dc-warmup --dc-ramp --use-moco --moco-k --moco-m --moco-t --mixup-alpha --use-weighted-sampler
--text-type --contexts-number --class-token-position --temporal-layers --num-segments --duration --image-size
--temperature --crop-body --resume --seed --num-workers --output-dir --label-fraction
""".split()


def test_no_flag_comes_or_goes_unnoticed():
    assert {task: sorted(map(flag, config.settings())) for task, config in CONFIGS.items()} == {
        task: sorted(flags) for task, flags in FLAGS.items()}
    assert set(KNOWN) <= set(FLAGS["video"])


NO_FORMS = {
    "video": ("use-amp", "use-ldl", "use-moco", "use-weighted-sampler", "crop-body", "class-specific-contexts"),
    "text": ("use-amp", "score-test", "freeze-embeddings"),
    "simclr": ("use-amp", "score-test", "crop-body"),
}


@pytest.mark.parametrize("task", FLAGS)
def test_help_prints_the_tasks_flags_and_the_no_form_of_booleans(tmp_path, capsys, task):
    (tmp_path / "mine.yaml").write_text(f"model: {task}\n")
    with pytest.raises(SystemExit) as end:
        main(["train", str(tmp_path / "mine.yaml"), "--help"])
    said = capsys.readouterr().out
    words = set(re.findall(r"--[a-z-]+", said))
    assert not end.value.code
    assert words >= set(FLAGS[task]) and not words & set(sum(FLAGS.values(), [])) - set(FLAGS[task])
    assert {f"--no-{name}" for name in NO_FORMS[task]} <= words


@pytest.mark.parametrize("words, status", [
    ([], 2), (["train"], 2), (["fly", "caer"], 2), (["train", "--lr"], 2), (["--help"], 0)])
def test_what_is_no_command_shows_how(words, status, capsys):
    assert main(words) == status
    assert "python main.py train RECIPE [flags]" in "".join(capsys.readouterr())


# ---------------------------------------------------------------- mistakes

def label_list(root: Path, labels: list[int]) -> Path:
    path = root.parent / "list.txt"
    path.write_text("".join(f"CAER/train/Anger/0000.png 1 {label}\n" for label in labels))
    return path


def empty_root(root: Path) -> Path:
    bare = root.parent / "bare"
    (bare / "train").mkdir(parents=True)
    return bare


SIMCLR = """\
model: simclr
root_dir: {root}
clip_model: micro
clip_pretrained: none
image_size: 32
num_segments: 2
num_workers: 0
epochs: 1
use_amp: false
device: cpu
"""

MISTAKES = {
    "recipe": ("nowhere", "recipe 'nowhere': no such file"),
    "flag": ("{recipe} --epoch 3", "unknown flag --epoch; did you mean --epochs?"),
    "value": ("{recipe} --epochs many", "many"),
    "range": ("{recipe} --epochs 0", "--epochs 0: must be at least 1"),
    "choice": ("{recipe} --text-type poem", "poem"),
    "root": ("{recipe} --root-dir /nowhere", "--root-dir /nowhere: no such folder"),
    "no root": ("caer", "--root-dir"),
    "list": ("{recipe} --train-annotation gone.txt", "--train-annotation gone.txt: no such file"),
    "boxes": ("{recipe} --bounding-box-face gone.json", "--bounding-box-face gone.json: no such file"),
    "weights": ("{recipe} --clip-pretrained gone.pt", "--clip-pretrained gone.pt: neither a file nor a tag"),
    "model": ("{recipe} --clip-model ViT-X", "--clip-model ViT-X: no such model"),
    "timm's model": ("{recipe} --clip-model timm/nonesuch", "--clip-model timm/nonesuch: cannot be had: "),
    "timm's weights": ("{recipe} --clip-model timm/resnet10t --clip-pretrained openai",
                       "--clip-pretrained openai: timm/resnet10t takes `timm`, for timm's weights, or `none`"),
    "start": ("{recipe} --init-from gone", "gone/model.safetensors: no such file; give the folder of a finished run"),
    "no labels": ("{recipe} --label-fraction 0", "--label-fraction 0.0: must be in (0, 1]"),
    "all labels twice": ("{recipe} --label-fraction 2", "--label-fraction 2.0: must be in (0, 1]"),
    "rate": ("{recipe} --lr auto", "auto"),
    "unlabelled": ("{simclr} --unlabelled gone", "--unlabelled gone: "),
    "nothing unlabelled": ("{simclr} --unlabelled {empty}", "holds no video or image"),
    "frames too small": ("{simclr} --load-size 31", "--load-size 31: must not be below --image-size 32"),
    "objective": ("{simclr} --ssl moco --temperature 0.1", "temperature: used with --ssl simclr only"),
    "start of simclr": ("{simclr} --init-from gone", "gone/model.safetensors: no such file"),
    "simclr's flag": ("{recipe} --load-size 64", "unknown flag --load-size"),
    "recogniser's flag": ("{simclr} --lr-adapter 1", "unknown flag --lr-adapter"),
    "heads": ("{recipe} --temporal-heads 5", "--temporal-heads 5: must divide"),
    "contexts": ("{recipe} --contexts-number 99", "--contexts-number 99"),
    "device": ("{recipe} --device abacus", "--device abacus"),
    "mass": ("{recipe} --ldl-target-mass 0.1", "--ldl-temperature auto"),
    "labels": ("{recipe} --train-annotation {labels} --val-annotation {labels}", "out of range"),
    "no clip": ("{recipe} --root-dir {empty}", "holds no clip"),
    "resume": ("{recipe} --resume gone/checkpoints/last.pt", "last.pt: no such checkpoint"),
    "frozen": ("{recipe} --lr 0 --lr-image-encoder 0 --lr-adapter 0 --lr-prompt-learner 0", "every learning rate is 0"),
}


@pytest.mark.parametrize("words, said", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_status_2(words, said, recipe, caer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data" / "root"
    shutil.copytree(caer, root)
    simclr = tmp_path / "simclr.yaml"
    simclr.write_text(SIMCLR.format(root=root))
    places = dict(recipe=recipe, simclr=simclr, labels=label_list(root, [0, 1, 9]), empty=empty_root(root))
    words = words.format(**places).split()
    assert main(["train", *words, "--output-dir", str(tmp_path / "run")]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("lists: ")]
    assert [line for line in errors if line.startswith("error: ")] == errors[-1:]
    assert said in errors[-1]
    assert not any("Traceback" in line for line in errors)


def test_eval_of_no_run(tmp_path, capsys):
    assert main(["eval", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == f"error: {tmp_path}: no run; give the folder of a finished one, with its config.yaml\n"


# ---------------------------------------------------------------- before and after training

@pytest.mark.parametrize("rate, warnings", [("9e-05", 1), ("0.0001", 0), ("0.01", 0)])
def test_a_random_image_tower_at_a_low_rate_is_warned_of(configure, tmp_path, caplog, rate, warnings):
    build_trainer(configure(f"--clip-pretrained none --lr-image-encoder {rate}"), tmp_path)
    assert [record.getMessage() for record in caplog.records if record.name == "camxuc" and record.levelno >= 30] == [
        f"--clip-pretrained none: a random image tower hardly learns at --lr-image-encoder {rate}; "
        "configs/demo.yaml has settings that do"] * warnings


def test_a_trained_image_tower_at_a_low_rate_is_not(configure, tmp_path, caplog):
    weights = openai_checkpoint(tmp_path / "openai.pt")
    build_trainer(configure(f"--clip-pretrained {weights} --lr-image-encoder 1e-6"), tmp_path)
    assert not [record for record in caplog.records if record.name == "camxuc" and record.levelno >= 30]


# ---------------------------------------------------------------- a whole run

@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    """A finished run, and the clips read in training and after it."""
    folder, reads = tmp_path_factory.mktemp("runs") / "run", []
    with pytest.MonkeyPatch.context() as patch:
        read, fit = dataloaders.video.read_clip, Trainer.fit
        patch.setattr(dataloaders.video, "read_clip", lambda path, pick: reads.append(path.parts) or read(path, pick))
        patch.setattr(Trainer, "fit", lambda self: (reads.append("begun"), fit(self), reads.append("trained")))
        assert main(["train", str(recipe), "--output-dir", str(folder), "--ema", "0.5"]) == 0
    return folder, reads


def test_the_run_folder_holds_what_is_promised(finished):
    folder, _ = finished
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.as_posix() for path in files if path.parent.name != "tensorboard") == [
        ".lock", "check.json", "checkpoints/best.pt", "checkpoints/last.pt", "checkpoints/previous.pt", "config.yaml",
        "health.json", "history.csv", "metrics.json", "model.safetensors", "predictions.csv", "provenance.json",
        "report.html", "train.log"]
    assert list((folder / "tensorboard").iterdir())


def test_the_files_agree(finished):
    folder, _ = finished
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"val", "test"} and {split["clips"] for split in metrics.values()} == {7}
    last = checkpoint.load(folder / "checkpoints" / "last.pt")
    assert metrics["val"]["uar"] == last["best"]["score"] == max(row["val_uar"] for row in last["history"])
    rows = [line.split(",") for line in (folder / "predictions.csv").read_text().splitlines()[1:]]
    for split, scores in metrics.items():
        of_split = [row for row in rows if row[0] == split]
        assert len(of_split) == 7 and all(f"/{split}" in row[1] for row in of_split)
        assert sum(row[2] == row[3] for row in of_split) / 7 == pytest.approx(scores["war"])
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["about"])["labels"]["classes"][:2] == ["Anger", "Disgust"]
        best = checkpoint.load(folder / "checkpoints" / "best.pt")["model"]
        assert set(file.keys()) == set(best)
        assert all(torch.equal(file.get_tensor(name), value) for name, value in best.items())


def test_the_test_split_is_read_after_training_only(finished):
    _, reads = finished
    begin, end = reads.index("begun"), reads.index("trained")  # the check before compares the clips of all splits
    assert end - begin >= 2 * (14 + 7) and not any("test" in parts for parts in reads[begin:end])
    assert sum("test" in parts for parts in reads[end + 1 :]) >= 7


def test_a_test_split_that_is_not_to_be_scored_is_only_looked_through_by_the_check(recipe, tmp_path, monkeypatch):
    folder, reads = tmp_path / "run", []
    read, fit = dataloaders.video.read_clip, Trainer.fit
    monkeypatch.setattr(Trainer, "fit", lambda self: (reads.clear(), fit(self)))
    monkeypatch.setattr(dataloaders.video, "read_clip", lambda path, pick: reads.append(path.parts) or read(path, pick))
    assert main(["train", str(recipe), "--output-dir", str(folder), "--epochs", "1", "--no-score-test"]) == 0
    assert set(json.loads((folder / "metrics.json").read_text())) == {"val"}
    assert len(reads) >= 14 + 2 * 7 and not any("test" in parts for parts in reads)


def test_eval_gives_the_scores_of_training(finished, tmp_path, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    before = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({"val": before["val"]}))
    assert main(["eval", str(folder)]) == 0
    assert json.loads((folder / "metrics.json").read_text()) == before
    cuts, scores = capsys.readouterr().out.splitlines()
    assert cuts.startswith("test: 7 clips (context: whole frame 100.0%, face: centre crop 100.0%)")
    assert scores.startswith(f"test: WAR {before['test']['war']:.3f}  UAR ")
    assert main(["eval", str(folder), "--split", "val"]) == 0
    assert json.loads((folder / "metrics.json").read_text()) == before


@pytest.mark.parametrize("words", [
    "--class-token-position front", "--temporal-pool attention", "--temperature 1", "--streams face", "--seed 9",
    "--text-type class_descriptor"])
def test_eval_refuses_what_would_be_another_network(finished, words, capsys):
    assert main(["eval", str(finished[0]), *words.split()]) == 2
    assert capsys.readouterr().err.startswith(f"error: eval {words.split()[0]}: the run was trained with ")


def text_config(**loss) -> TextConfig:
    return TextConfig(model=TextModelConfig(mention_threshold=0.3), loss=TextLossConfig(**loss))


@pytest.mark.parametrize("then, now, said", [
    (dict(unmentioned="neutral"), dict(), "eval --unmentioned: the run was trained with neutral"),
    (dict(), dict(unmentioned="class"), "eval --unmentioned: the run was trained with ignore"),
    (dict(), dict(loss_type="ghm"), "eval --loss-type: the run was trained with focal"),
])
def test_eval_refuses_a_setting_that_brings_others_into_use(then, now, said):
    """The run's own config lacks these others."""
    with pytest.raises(UserError, match=said):
        changed_for_eval(text_config(**then), text_config(**now))


def test_eval_may_move_the_threshold_of_mentions():
    assert changed_for_eval(TextConfig(), text_config()) == ["mention_threshold"]
    assert changed_for_eval(text_config(), text_config()) == []


def test_eval_with_other_data_settings_leaves_the_scores_of_the_run(finished, tmp_path, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    before = (folder / "metrics.json").read_text()
    assert main(["eval", str(folder), "--missing-box", "full", "--mirror"]) == 0
    said = capsys.readouterr().out
    assert "face: full frame 100.0%" in said
    assert "not written to metrics.json: --missing-box, --mirror differ from the run's own" in said
    assert (folder / "metrics.json").read_text() == before


def test_eval_says_nothing_of_the_same_data_elsewhere_and_warns_of_others(finished, caer, tmp_path, capsys):
    folder, root = shutil.copytree(finished[0], tmp_path / "run"), shutil.copytree(caer, tmp_path / "data")
    assert main(["eval", str(folder), "--root-dir", str(root)]) == 0
    assert capsys.readouterr().err == ""
    (root / "CAER/test/Happy/0000.png").rename(root / "CAER/test/Sad/0009.png")
    before = (folder / "provenance.json").read_bytes()
    assert main(["eval", str(folder), "--root-dir", str(root), "--probe", "knn"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{folder}: warning: test: not the samples that the run had: 1 added, 1 removed; take the run's own data, or "
        "do not compare scores with its [other-test-data]"]
    assert (folder / "provenance.json").read_bytes() == before


def test_eval_of_a_run_that_does_not_say_what_it_was_made_of(finished, tmp_path, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    (folder / "provenance.json").unlink()
    assert main(["eval", str(folder)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{folder}: note: the run does not say what it was made of, so nothing can be compared [no-provenance]"]


def test_a_resumed_run_says_which_code_each_session_had(finished, recipe, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    monkeypatch.setattr("utils.provenance.session.code", lambda: {
        "sha256": "x", "git": None, "files": first["code"]["files"] | {"trainer.py": "changed"}})
    first = json.loads((folder / "provenance.json").read_text())["sessions"][0]
    words = ["train", str(recipe), "--output-dir", str(folder), "--ema", "0.5", "--resume", "auto", "--epochs", "3"]
    assert main(words) == 0
    assert [session["code"]["sha256"] for session in json.loads((folder / "provenance.json").read_text())[
        "sessions"]] == [first["code"]["sha256"], "x"]
    assert "WARNING" in (line := next(line for line in (folder / "train.log").read_text().splitlines()
                                      if "other-code" in line)) and "e.g. trainer.py;" in line
    assert "code of the run differs" in (folder / "report.html").read_text()


def test_eval_on_other_classes(finished, caer, tmp_path, capsys):
    rows = [f"CAER/train/Anger/0000.png 1 {label}\n" for label in range(5)]
    (tmp_path / "list.txt").write_text("".join(rows))
    words = ["--dataset", "raer", *(f"--{split}-annotation={tmp_path}/list.txt" for split in ("train", "val", "test"))]
    assert main(["eval", str(finished[0]), *words]) == 2
    assert "was trained on Anger, " in (said := capsys.readouterr().err) and "the data have Neutrality, " in said


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe\0"])
def test_eval_beside_damaged_scores(finished, tmp_path, capsys, content):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    (folder / "metrics.json").write_bytes(content)
    assert main(["eval", str(folder)]) == 2
    assert f"error: {folder}/metrics.json: " in (said := capsys.readouterr().err) and "delete it" in said


def test_eval_help(finished, capsys):
    assert main(["eval", "--help"]) == 0 and "eval RUN [--split test]" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["eval", str(finished[0]), "-h"])
    said = capsys.readouterr().out
    assert not end.value.code
    assert all(name in said for name in ("--split train|val|test", "--probe linear|knn", "--root-dir"))


def test_a_resumed_run_does_not_hold_the_checkpoint_while_it_trains(finished, recipe, tmp_path, monkeypatch):
    """It is as large as all that is trained."""
    class State(dict):
        pass

    states, read, fit = [], training_command.run_to_resume, Trainer.fit

    def to_resume(config, run_dir):
        states.append(weakref.ref(state := State(read(config, run_dir))))
        return state

    def held(self):
        gc.collect()
        states[0] = states[0]()
        fit(self)

    monkeypatch.setattr(training_command, "run_to_resume", to_resume)
    monkeypatch.setattr(Trainer, "fit", held)
    folder = shutil.copytree(finished[0], tmp_path / "run")
    assert main(["train", str(recipe), "--output-dir", str(folder), "--ema", "0.5", "--resume", "auto",
                 "--epochs", "3"]) == 0
    assert states == [None]


def test_a_finished_run_is_left_as_it_is(finished, recipe, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")
              if path.suffix in (".html", ".json", ".pt", ".yaml")}
    assert main(["train", str(recipe), "--output-dir", str(folder), "--ema", "0.5", "--resume", "auto",
                 "--epochs", "1"]) == 0
    assert "is finished, and its test split has been read; --epochs N trains on" in (folder / "train.log").read_text()
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_ctrl_c_outside_training_is_one_word(monkeypatch, capsys):
    def interrupted(recipe, flags):
        raise KeyboardInterrupt

    monkeypatch.setattr("commands.train.train", interrupted)
    assert main(["train", "demo"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("number, name, said", [
    (errno.ENOSPC, None, "cannot write: No space left on device"),
    (errno.EROFS, "runs/x", "runs/x: Read-only file system"),
    (errno.EACCES, "d/.x", "d/.x: Permission denied"), (errno.EEXIST, "x", "x: File exists")])
def test_what_the_system_refuses_is_one_line_wherever_it_is_met(monkeypatch, capsys, number, name, said):
    def full(recipe, flags):
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr("commands.train.train", full)
    assert main(["train", "demo"]) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


@pytest.mark.parametrize("number", [errno.EBADF, errno.EACCES])  # of no file
def test_other_errors_of_the_system_are_ours_to_mend(monkeypatch, number):
    def broken(recipe, flags):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("commands.train.train", broken)
    with pytest.raises(OSError, match=os.strerror(number)):
        main(["train", "demo"])


def test_eval_bounds_the_bad_clips_as_it_is_told(finished, caer, tmp_path, capsys):
    folder, root = shutil.copytree(finished[0], tmp_path / "run"), shutil.copytree(caer, tmp_path / "data")
    (root / "CAER/test/Happy/0000.png").write_bytes(b"")
    words = ["eval", str(folder), "--root-dir", str(root), "--max-bad-clips"]
    assert main([*words, "0.1"]) == 2
    assert "error: test: 1 of 7 samples cannot be read, over --max-bad-clips 0.1" in capsys.readouterr().err
    assert main([*words, "0.2"]) == 0
    assert capsys.readouterr().out.startswith("test: 6 clips ")


def openai_checkpoint(path: Path) -> Path:
    """As OpenAI's: fp16, old layout, three sizes; weights large enough that the activation shows."""
    import open_clip

    torch.manual_seed(0)
    weights = open_clip.create_model("micro").state_dict()
    weights = {k: (v * 8 if ".mlp." in k else v).half() for k, v in weights.items()}
    sizes = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    torch.save(weights | {k: torch.tensor(v) for k, v in sizes.items()}, path)
    return path


def test_eval_of_a_run_from_openai_weights_gives_the_scores_of_training(recipe, micro, tmp_path):
    folder, weights = tmp_path / "run", openai_checkpoint(tmp_path / "openai.pt")
    words = f"--epochs 1 --clip-pretrained {weights} --output-dir {folder}".split()
    assert main(["train", str(recipe), *words]) == 0
    before = json.loads((folder / "metrics.json").read_text())
    weights.unlink()
    assert main(["eval", str(folder)]) == 0
    assert json.loads((folder / "metrics.json").read_text())["test"]["cross_entropy"] == pytest.approx(
        before["test"]["cross_entropy"])


def test_resume_with_other_settings_leaves_the_run_as_it_was(finished, recipe, tmp_path, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    before = (folder / "config.yaml").read_text()
    words = ["train", str(recipe), "--output-dir", str(folder), "--ema", "0.5", "--resume", "auto", "--seed", "3"]
    assert main(words) == 2
    assert "seed 0 -> 3" in capsys.readouterr().err.splitlines()[-1]
    assert (folder / "config.yaml").read_text() == before


# ---------------------------------------------------------------- signals

@contextmanager
def training(words: list[str]):
    """A process of its own, in a group of its own, that has ended its first epoch."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "main.py", *words, "--epochs", "90"], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment, start_new_session=True)
    with process:
        try:
            next(line for line in process.stdout if line.split()[:1] == ["1"])  # the first epoch's row
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the main process", "to the workers too"])
def test_sigterm_then_resume_equals_an_unbroken_run(recipe, tmp_path, send):
    """A real process is ended in its second epoch or later; that epoch is then finished."""
    words = ["train", str(recipe), "--clip-model", "tiny", "--milestones", "99", "--num-workers", "1"]
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    with training([*words, "--output-dir", str(broken)]) as process:
        send(process.pid, signal.SIGTERM)
        assert process.wait(timeout=1200) == 143
    state = checkpoint.load(broken / "checkpoints" / "last.pt")
    assert state["epoch"] >= 1 and state["steps"] == 5 * state["epoch"] + state["batch"]
    epochs = ["--epochs", str(state["epoch"] + 1)]
    assert main([*words, "--output-dir", str(broken), *epochs, "--resume", "auto"]) == 0
    assert main([*words, "--output-dir", str(whole), *epochs]) == 0
    for name in ("checkpoints/last.pt", "checkpoints/best.pt"):
        one, other = (checkpoint.load(run / name)["model"] for run in (broken, whole))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert (broken / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()


@pytest.mark.slow
def test_a_worker_that_dies_is_told_of_and_another_reads_on(recipe, tmp_path):
    folder = tmp_path / "run"
    words = ["train", str(recipe), "--clip-model", "tiny", "--num-workers", "1", "--output-dir", str(folder)]
    with training(words) as process:
        worker = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        os.kill(int(worker), signal.SIGKILL)
        next(line for line in process.stdout if line.split()[:1] == ["5"])  # the fifth epoch's row
        process.terminate()
        _, said = process.communicate(timeout=1200)
        assert process.returncode == 143
    assert said.count("a loader process died while reading ") == 1 and "Traceback" not in said
    log = (folder / "train.log").read_text()
    assert re.search(rf"a loader process died while reading .* {worker}\) .*; another process reads on\n", log)
    assert log.count(" left out") == log.count(", 0 left out") > 0
    assert checkpoint.load(folder / "checkpoints" / "last.pt")["epoch"] >= 1
