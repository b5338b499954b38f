"""The momentum encoder: a copy that follows what learns, and gives MoCo its keys."""

from torch import nn

from utils.averaging import move_towards


class MomentumEncoder:
    """Of a network: `key_side` follows what `followed` gives, by `momentum` (He et al., 2020, arXiv 1911.05722, eq. 2).

    There is none where `key_side` is None.
    """

    key_side: nn.Module | None
    momentum: float

    def meet_keys(self) -> None:
        """The key side becomes what it follows."""
        if self.key_side is not None:
            self.key_side.load_state_dict(self.followed().state_dict())

    def after_step(self) -> None:
        """The key side follows what learns; called once per optimiser step."""
        if self.key_side is not None and any(parameter.requires_grad for parameter in self.followed().parameters()):
            move_towards(self.key_side, self.followed(), self.momentum)
