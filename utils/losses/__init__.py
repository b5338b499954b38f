"""The loss core: each loss is a pure function of tensors, with a module over it that holds its settings."""

from .alpha import class_counts, inverse_frequency_alpha
from .decorrelation import DecorrelationLoss
from .focal import FocalLoss
from .ghm import GHMCLoss, gradient_norm_stats
from .ldl import SemanticLDLLoss, solve_target_temperature, target_distribution, true_class_mass
from .lsr2 import LSR2
from .moco import MoCoLoss
from .mutual_information import MutualInformationLoss
from .ntxent import NTXentLoss
from .supcon import SupConLoss
from .unified_focal import UnifiedFocalLoss

__all__ = [
    "LSR2",
    "DecorrelationLoss",
    "FocalLoss",
    "GHMCLoss",
    "MoCoLoss",
    "MutualInformationLoss",
    "NTXentLoss",
    "SemanticLDLLoss",
    "SupConLoss",
    "UnifiedFocalLoss",
    "class_counts",
    "gradient_norm_stats",
    "inverse_frequency_alpha",
    "solve_target_temperature",
    "target_distribution",
    "true_class_mass",
]
