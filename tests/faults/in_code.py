"""Faults of one line."""

import sys

import models
import trainer
from dataloaders import augment, crops, readers, video
from dataloaders.order import Order, class_weights
from models.adapter import Adapter
from models.prompts import PromptLearner
from models.recogniser import VideoRecogniser, compare
from models.video_encoder import VideoEncoder
from tests.faults.fault import Fault
from tests.faults.in_data import edit
from trainer import Trainer
from utils import averaging, prediction, seeding
from utils.losses import decorrelation, ghm, ldl, moco, ntxent
from utils.objective import text as text_terms
from utils.objective import video as video_terms
from utils.tasks.clips import Clips
from utils.tasks.reviews import Reviews

# Functions have these names, too.
clip_loaders, pretraining = sys.modules["dataloaders.clip_loaders"], sys.modules["models.simclr"]

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
    Fault("the averaged weights are never updated", "the evaluated network is the random start",
          "average-does-not-follow",
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
          line=(readers.read_image, "cv2.IMREAD_COLOR_RGB", "cv2.IMREAD_COLOR")),
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
          line=(compare, "text.float().T / temperature", "text.float().T * temperature")),
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
    Fault("--label-fraction takes all", "few labels do as well as many", "known-answer", flags="--label-fraction 0.4",
          line=(clip_loaders._labelled, "chosen = labelled_subset(clips, fraction, config.train.seed)",
                "chosen = clips")),
    Fault("the context is never augmented", "overfits to the background", "augmentation-missing",
          line=(video.VideoDataset.__getitem__, "self._finish(context,", "VideoDataset._finish(self, context,")),
    Fault("a rotation of never more than a degree", "overfits a little more", "known-answer",
          line=(augment.draw_augmentation, "spread(15)", "spread(1)")),
    Fault("every step drops out alike", "overfits as without dropout", "known-answer",
          line=(seeding.seed_torch, "int(stream.integers(2**63))", "seed")),
    Fault("all seeds start from the same weights", "the spread over seeds is too small", "known-answer",
          line=(models.build_model, "seed_torch(config.train.seed, INITIAL)", "seed_torch(0, INITIAL)")),
    Fault("the context is of other moments than the face", "context helps a little less", "trial-streams-apart",
          line=(VideoEncoder.forward, "self.fusion(*x)", "self.fusion(x[0], x[1].flip(1))")),
    Fault("the views of neighbours are pulled together", "NT-Xent falls, and features tell nothing", "known-answer",
          "simclr", line=(ntxent.ntxent_loss, ".repeat(2)  #", ".repeat_interleave(2)  #")),
    Fault("reviews are drawn together by the labels of others", "the contrastive loss does not fall", "trial-value",
          "text", line=(text_terms.Contrast.forward, "batch.targets)", "batch.targets.roll(1, 0))")),
    Fault("of equal scores the less sure is kept", "a score of 0 at first keeps the weights of the first epoch",
          "known-answer", line=(trainer._rank, "-best", "best")),
]
