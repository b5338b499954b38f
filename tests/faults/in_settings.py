"""Faults in a recipe."""

from tests.faults.fault import Fault

SETTINGS = [
    Fault("LDL at a temperature of 1", "the loss is 0.007 and accuracy at chance", "flat-targets",
          flags="--ldl-temperature 1"),
    Fault("LDL from random text features so sharp that it is none", "LDL and cross entropy give the same curve",
          "one-hot-targets", flags="--ldl-temperature 0.001"),
    Fault("body boxes given and --crop-body off", "the context is the whole frame", "body-boxes-unused",
          flags="--bounding-box-body face.json"),
    Fault("a learning rate that explodes", "the loss is a straight line", "stopped",
          flags="--optimizer sgd --lr 1e30 --lr-image-encoder 1e30 --lr-adapter 1e30 --grad-clip 0 --warmup-epochs 0"),
    Fault("reviews cut off after eight tokens", "F1 is low for long reviews", "cut-off", "text",
          flags="--max-tokens 8"),
    Fault("cosines that are not divided", "the loss stays at ln 7", "odd-setting", flags="--temperature 1"),
    Fault("a warm-up that outlasts the training", "the loss falls slowly, to the end", "odd-setting",
          flags="--warmup-epochs 5"),
    Fault("an untrained image tower that is frozen", "scores of random features", "odd-setting",
          flags="--lr-image-encoder 0"),
    Fault("a contrastive loss a hundred times as heavy", "classification hardly learns", "odd-setting", "text",
          flags="--contrastive-weight 100"),
]
