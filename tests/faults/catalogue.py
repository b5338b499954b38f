"""Faults that said nothing elsewhere: each in the data, in the settings, or in one line of the code."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dataloaders import crops, readers, video
from dataloaders.datasets import CAER
from dataloaders.order import Order, class_weights
from models.adapter import Adapter
from models.prompts import PromptLearner
from models.recogniser import VideoRecogniser
from models.video_encoder import VideoEncoder
from tests.faults.sound import read_rows, write_rows
from trainer import Trainer
from utils import averaging, prediction
from utils.losses import decorrelation, ghm, ldl, moco
from utils.objective import video as video_terms
from utils.tasks.clips import Clips
from utils.tasks.reviews import Reviews

# Functions have these names, too.
clip_loaders, pretraining = sys.modules["dataloaders.clip_loaders"], sys.modules["models.simclr"]


@dataclass(frozen=True)
class Fault:
    """`finding` is what must be said of it, by name, before training or at the end of the first epoch."""

    name: str
    shows: str  # what its user sees elsewhere
    finding: str
    base: str = "video"
    data: Callable[[Path], None] | None = None  # edits the files under a root
    flags: str = ""
    line: tuple[Callable, str, str] | None = None  # in a function, old text and new


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change a file's text."""
    return lambda root: (root / name).write_text(change((root / name).read_text(encoding="utf-8")), encoding="utf-8")


def edit_boxes(change: Callable[[str, dict], tuple[str, dict]]) -> Callable[[Path], None]:
    return edit("face.json", lambda text: json.dumps(dict(change(*item) for item in json.loads(text).items())))


def of_each_box(change: Callable[[list], list]) -> Callable[[Path], None]:
    return edit_boxes(lambda clip, boxes: (clip, {frame: change(box) for frame, box in boxes.items()}))


def copy_into(split: str, other: str) -> Callable[[Path], None]:
    """The pictures of one split's clips become another's, under the names that stand there."""
    def copy(root: Path) -> None:
        for name in CAER:
            for clip in sorted((root / "CAER" / split / name).iterdir()):
                shutil.rmtree(clip)
                shutil.copytree(root / "CAER" / other / name / clip.name, clip)
    return copy


def paint(root: Path, change: Callable[[np.ndarray], np.ndarray], split: str = "train") -> None:
    for path in (root / "CAER" / split).rglob("*.jpg"):
        cv2.imwrite(str(path), change(cv2.imread(str(path))))


def of_clips(change: Callable[[list[np.ndarray]], list[np.ndarray]], split: str = "train", name: str = "*",
             ) -> Callable[[Path], None]:
    """Change the frames of a split's clips, or of one class's."""
    def write(root: Path) -> None:
        for clip in sorted((root / "CAER" / split).glob(f"{name}/*")):
            files = sorted(clip.iterdir(), key=lambda file: int(file.stem))
            for file, frame in zip(files, change([cv2.imread(str(file)) for file in files])):
                cv2.imwrite(str(file), frame, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return write


def letterbox(frame: np.ndarray) -> np.ndarray:
    frame[:7] = frame[-7:] = 0
    return frame


def jumble(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [frames[place] for place in np.random.default_rng(0).permutation(len(frames))]


def copy_cut(root: Path) -> None:
    """Validation is training's clips, cut at the edges and encoded anew."""
    copy_into("validation", "train")(root)
    of_clips(lambda frames: [cv2.resize(frame[2:-2, 3:-3], frame.shape[1::-1]) for frame in frames], "validation")(root)


def swap_folders(root: Path) -> None:
    one, other, third = (root / "CAER/train" / name for name in ("Happy", "Sad", "Else"))
    for old, new in ((one, third), (other, one), (third, other)):
        old.rename(new)


def upload_half(root: Path) -> None:
    for clip in sorted((root / "CAER/train").glob("*/*"))[::4]:
        for number in range(4, 12):
            (clip / f"{number}.jpg").unlink()


def shuffle_boxes(text: str) -> str:
    table = json.loads(text)
    order = np.random.default_rng(0).permutation(len(table))
    return json.dumps(dict(zip(table, [list(table.values())[place] for place in order])))


def late(clip: str, boxes: dict) -> tuple[str, dict]:
    return clip, {f"{n}.jpg": boxes[f"{max(n - 4, 0)}.jpg"] for n in range(len(boxes))}


def rotate_labels(text: str) -> str:
    return re.sub(r"(\d)$", lambda label: str((int(label[1]) + 1) % 7), text, flags=re.MULTILINE)


def break_clips(root: Path) -> None:
    for clip in sorted((root / "CAER/train/Happy").iterdir())[:3]:
        for frame in clip.iterdir():
            frame.write_bytes(b"no picture")


def shift_labels(root: Path) -> None:
    """Each review gets the labels of the one before."""
    header, *rows = read_rows(root / "train.csv")
    labels = [row[-1] for row in rows]
    write_rows(root / "train.csv", [header, *([*row[:-1], label] for row, label in zip(rows, labels[-1:] + labels))])


def fill_with_neutral(root: Path) -> None:
    for name in ("train.csv", "val.csv", "test.csv"):
        header, *rows = read_rows(root / name)
        aspects = sorted(set(re.findall(r"{([^#}]+)#", " ".join(row[-1] for row in rows))))
        filled = ([*row[:-1], row[-1] + "".join(f"{{{a}#Neutral}};" for a in aspects if f"{{{a}" not in row[-1])]
                  for row in rows)
        write_rows(root / name, [header, *filled])


DATA = [
    Fault("the list counts classes in another order", "accuracy stays low, whatever is tried", "label-against-folder",
          data=edit("train.txt", rotate_labels)),
    Fault("validation and test are one list", "the test score is that of the epoch chosen on it", "val-is-test",
          flags="--test-annotation validation.txt"),
    Fault("validation is the training list", "validation is near perfect, test is not", "clip-in-two-splits",
          flags="--val-annotation train.txt"),
    Fault("test clips are copies of training clips under other names", "test is too good to be "
          "true", "same-files-in-two-splits",
          data=copy_into("test", "train")),
    Fault("the box file of another data set", "every face is a centre crop", "face-boxes-match-none",
          data=edit_boxes(lambda clip, boxes: ("other/" + clip[::-1], boxes))),
    Fault("boxes in shares of the frame", "every face is a centre crop", "face-boxes-relative",
          data=of_each_box(lambda b: [b[0] / 64, b[1] / 48, b[2] / 64, b[3] / 48])),
    Fault("boxes as x, y, width, height", "faces are cut off or missing", "face-boxes-inverted",
          data=of_each_box(lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]])),
    Fault("boxes of the same videos at twice the size", "crops show a corner, or nothing", "face-boxes-outside",
          data=of_each_box(lambda b: [2 * v for v in b])),
    Fault("no box for the clips of validation", "validation sees other crops than training", "face-boxes-by-split",
          data=edit_boxes(lambda clip, boxes: (clip.replace("validation", "elsewhere"), boxes))),
    Fault("damaged clips, allowed by --max-bad-clips", "the class gets rarer and nobody knows", "clips-not-decoded",
          data=break_clips, flags="--max-bad-clips 0.5"),
    Fault("black training clips", "the loss falls to that of a guess", "clips-of-one-colour",
          data=lambda root: paint(root, lambda image: image * 0)),
    Fault("grey test clips", "test is far worse than validation", "split-grey",
          data=lambda root: paint(root, lambda i: cv2.cvtColor(cv2.cvtColor(i, 6), 8), "test")),
    Fault("boxes shuffled among the clips", "every face is a piece of backdrop", "face-boxes-hold-nothing",
          data=edit("face.json", shuffle_boxes)),
    Fault("boxes four frames late", "faces slip out of the crop where people move", "face-boxes-late",
          data=edit_boxes(late)),
    Fault("boxes of the mirrored videos", "faces are in the crop only near the middle", "face-boxes-of-another-form",
          data=of_each_box(lambda b: [64 - b[2], b[1], 64 - b[0], b[3]])),
    Fault("the clips of a class have black bars", "the class is found at once, and not in new videos", "class-shortcut",
          data=of_clips(lambda frames: [letterbox(frame) for frame in frames], name="Fear")),
    Fault("validation with blue for red", "validation is far worse than training", "split-turned",
          data=of_clips(lambda frames: [frame[..., ::-1] for frame in frames], "validation")),
    Fault("frames extracted at twice the rate", "temporal layers see half the movement", "frames-twice",
          data=of_clips(lambda frames: [frames[n // 2] for n in range(len(frames))])),
    Fault("frames renamed in a random order", "temporal layers learn noise", "frames-jump", data=of_clips(jumble)),
    Fault("an upload broke off in every fourth clip", "those clips end early", "clips-in-part", data=upload_half),
    Fault("validation clips are training clips, cut and encoded anew", "validation is too good to be true",
          "split-shows-training-clips", data=copy_cut),
    Fault("the folders of two classes changed places", "both classes are never found in validation", "classes-swapped",
          data=swap_folders),
    Fault("no clip of a class in validation", "weights are chosen that ignore the class", "class-absent",
          data=edit("validation.txt", lambda text: "".join(
              line for line in text.splitlines(True) if "/Sad/" not in line))),
    Fault("labels one row off", "F1 stays at that of a fixed answer", "labels-not-of-texts", "text", data=shift_labels),
    Fault("reviews of test in training", "test is too good to be true", "splits-overlap", "text",
          data=lambda root: (root / "test.csv").write_text((root / "train.csv").read_text())),
    Fault("what is not mentioned stands there as Neutral", "accuracy of 86 % by always saying Neutral",
          "unmentioned-as-neutral", "text", data=fill_with_neutral),
    Fault("UTF-8 read as Latin-1 and written again", "unknown tokens, F1 a little low", "mojibake", "text",
          data=edit("train.csv", lambda text: text.encode().decode("latin-1"))),
]
SETTINGS = [
    Fault("LDL at a temperature of 1", "the loss is 0.007 and accuracy at chance", "flat-targets",
          flags="--ldl-temperature 1"),
    Fault("LDL from random text features so sharp that it is none", "LDL and cross entropy give the same curve",
          "one-hot-targets", flags="--ldl-temperature 0.001"),
    Fault("body boxes given and --crop-body off", "the context is the whole frame", "body-boxes-unused",
          flags="--bounding-box-body face.json"),
    Fault("a learning rate that explodes", "the loss is a straight line", "stopped",
          flags="--optimizer sgd --lr 1e4 --lr-image-encoder 1e4 --lr-adapter 1e4 --grad-clip 0 --warmup-epochs 0"),
    Fault("reviews cut off after eight tokens", "F1 is low for long reviews", "cut-off", "text", flags="--max-tokens "
          "8"),
]
CODE = [
    Fault("mixup is configured and the batch comes back unmixed", "overfits as without it", "configured-but-idle",
          line=(Clips.prepare, "return mixup(batch, self.mixup_alpha, stream)", "return batch")),
    Fault("gradients are never cleared", "training wanders off after an epoch", "gradients-not-cleared",
          line=(Trainer.step, "self.optimizer.zero_grad()", "pass")),
    Fault("the optimiser does not step", "the loss is a straight line", "nothing-learns",
          line=(Trainer.step, "self.scaler.step(self.optimizer)", "pass")),
    Fault("gradients are clipped after the step", "rare explosions", "gradients-not-clipped",
          line=(Trainer.step, "self.settings.grad_clip or", "")),
    Fault("the loss is climbed", "the loss rises", "another-loss",
          line=(Trainer.step, "self.scaler.scale(report", "self.scaler.scale(-report")),
    Fault("the momentum encoder stands still", "MoCo's loss does not fall", "momentum-side-stands-still",
          line=(Trainer.step, "self.model.after_step()", "pass")),
    Fault("the averaged weights are never updated", "the evaluated network is the random "
          "start", "average-does-not-follow",
          line=(averaging.move_towards, "lerp_(value, 1 - momentum)", "lerp_(value, 0)")),
    Fault("training goes on in evaluation mode", "overfits, as there is no dropout", "trained-in-evaluation-mode",
          flags="--no-use-moco", line=(Trainer._train_epoch, "self.model.train()", "self.model.eval()")),
    Fault("evaluation runs in training mode", "scores that change from run to run", "evaluated-in-training-mode",
          line=(prediction.predict, "model.eval()", "model.train()")),
    Fault("validation goes through the training loader", "validation is near perfect", "evaluation-incomplete",
          line=(Trainer.evaluate, "self.loaders[split]", 'self.loaders["train"]')),
    Fault("the learning rate is set once", "no warm-up, no decay", "learning-rate",
          line=(Trainer._set_learning_rates, 'group["full_lr"] * factor', 'group["full_lr"]')),
    Fault("the worst weights are kept", "the test score is that of the first epoch", "not-the-best-weights",
          line=(Trainer.load_best, 'checkpoint.load(self.folder / "best.pt")["model"]',
                "{n: v * 0.5 for n, v in self.evaluated.state_dict().items()}")),
    Fault("frames in alphabetical order", "temporal layers learn noise", "frames-not-in-order",
          line=(readers.frame_files, "(_numeric(p.stem), p.name)", "p.name")),
    Fault("blue for red", "a pretrained tower sees other colours", "context-not-as-read",
          line=(readers._read_image, "cv2.cvtColor(image, cv2.COLOR_BGR2RGB)", "image")),
    Fault("boxes are read and not used", "every face is a centre crop", "face-not-as-read",
          line=(video.VideoDataset._face, "if self.faces else None", "if not self.faces else None")),
    Fault("the centre of the box is its corner", "faces are half outside the crop", "face-not-as-read",
          line=(crops.face_region, "(x1 + x2) / 2, (y1 + y2) / 2", "x1, y1")),
    Fault("a batch's labels run the other way", "accuracy at chance in training too", "mislabelled-batch",
          line=(video.collate_clips, "[sample.target for sample in good]", "[sample.target for sample in good[::-1]]")),
    Fault("training clips are not shuffled", "one class a batch; the loss saws", "order-not-shuffled",
          line=(Order._indices, "if self.shuffle else self.visits", "if False else self.visits")),
    Fault("all epochs have one order", "overfits a little sooner", "same-order", flags="--epochs 2",
          line=(Order.batches, "generator(self.seed, ORDER, epoch)", "generator(self.seed, ORDER, 0)")),
    Fault("the weighted sampler prefers the frequent", "rare classes are never found", "classes-not-drawn-as-asked",
          flags="--use-weighted-sampler", data=edit("train.txt", lambda text: "".join(
              line for i, line in enumerate(text.splitlines(True)) if i < 9 or i % 3 == 0)),
          line=(class_weights, "** -float(power)", "** float(power)")),
    Fault("pixels are not normalised", "a pretrained tower hardly learns", "trial-pixels",
          line=(VideoEncoder.forward, "(x.float() - self.mean) / self.std", "x.float()")),
    Fault("the prompt learner is cut off", "prompts stay random", "no-gradient",
          line=(PromptLearner.forward, "self.context.expand", "self.context.detach().expand")),
    Fault("logits are cosines times the temperature", "the loss stays at ln 7", "trial-logits",
          line=(VideoRecogniser.forward, "video @ text.T / self.temperature", "video @ text.T * self.temperature")),
    Fault("LDL's targets are learned too", "targets drift to what is easy", "known-answer",
          line=(ldl.semantic_ldl_loss, "text_features.detach()", "text_features")),
    Fault("LDL never sets in", "the curve of LSR2 alone", "configured-but-idle",
          line=(video_terms._ldl, "from_epoch(config.ldl_warmup)", "from_epoch(10 ** 9)")),
    Fault("MoCo's queue is never filled", "MoCo's loss is 0", "queue-stands-still",
          line=(video_terms.MoCo.forward, "if self.training:", "if not self.training:")),
    Fault("MoCo takes its own class for negatives", "classes are torn apart", "known-answer",
          line=(moco.moco_loss, "(labels.unsqueeze(-1) != queue_labels)", "(labels.unsqueeze(-1) > -9)")),
    Fault("correlation between samples, not channels", "DC falls and features do not decorrelate", "known-answer",
          line=(decorrelation.decorrelation_loss, "channels.T @ channels", "channels @ channels.T")),
    Fault("GHM's bins end at half the range", "all hard cells weigh the same", "known-answer", "text",
          flags="--loss-type ghm", line=(ghm.bin_membership, "* bins", "* bins * 2")),
    Fault("a token that hides nothing", "overfits as without it", "configured-but-idle", "text",
          flags="--token-dropout 0.2", line=(Reviews.prepare, "mask=batch.mask * kept", "mask=batch.mask")),
]
CODE += [
    Fault("accumulated batches count alike, not their samples", "a last batch of one weighs as much as a full one",
          "known-answer", flags="--accumulate 2", line=(Trainer.step, "(len(batch) / samples)", "(1 / len(batches))")),
    Fault("progress is the number of the epoch", "ramps are stairs, and the rate jumps", "known-answer",
          line=(Trainer.step, 'self.epoch + self.batch / len(self.loaders["train"])', "self.epoch")),
    Fault("the last weights are kept for the best", "the test score is that of an overfitted network", "known-answer",
          line=(Trainer._close_epoch, "_rank(best) > _rank(self.best)", "True")),
    Fault("the weights are evaluated, and their average is kept", "the test score is not that of the epoch chosen",
          "known-answer", line=(Trainer.evaluate, "predict(self.evaluated", "predict(self.model")),
    Fault("a resumed training forgets its momenta", "the loss jumps where a run goes on", "known-answer",
          line=(Trainer._parts, '"optimizer": self.optimizer, ', "")),
    Fault("predictions are not in the order of their ids", "scores near chance, whatever is learned", "known-answer",
          line=(prediction.predict, "parts.append(part.float().cpu())", "parts.insert(0, part.float().cpu())")),
    Fault("probabilities are taken over the samples", "one sure clip takes a class from the others", "known-answer",
          line=(prediction.Predictions.probabilities, "dim=-1", "dim=0")),
    Fault("face and context change places", "scores are those of the background", "trial-start",
          line=(VideoEncoder.forward, "[face, context]", "[context, face]")),
    Fault("the adapter has no dropout", "overfits, and --dropout changes little", "trial-built",
          line=(Adapter.__init__, "nn.Dropout(dropout)", "nn.Dropout(0.0)")),
    Fault("keys come from the query side", "MoCo's loss falls at once, and teaches little", "trial-keys",
          line=(VideoRecogniser._keys, "self.key_side(self.text_tower)", "self.prompts(self.text_tower)")),
    Fault("the image tower is frozen though it has a learning rate", "features stay CLIP's", "trial-learns",
          line=(VideoRecogniser.__init__, "requires_grad_(trainable_image)", "requires_grad_(False)")),
    Fault("validation clips are augmented, too", "validation scores are low and odd", "evaluation-changes",
          line=(clip_loaders._loaders, "(kind or VideoDataset)", "(training or VideoDataset)")),
    Fault("the projection head never normalises by its batch", "NT-Xent falls slowly, and features collapse",
          "trial-frozen", "simclr", line=(pretraining._projected, "head.train(len(features) > 1)", "head.eval()")),
    Fault("pretraining is given the labels", "features are too good for having seen none", "settings-not-used",
          "simclr", line=(clip_loaders.simclr_loaders, "replace(clip, label=i)", "clip")),
]
FAULTS = DATA + SETTINGS + CODE
