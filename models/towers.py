"""Image towers small enough to train from scratch, registered with timm so that open_clip finds them."""

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnet import BasicBlock, ResNet

# Shape of the input and of the map that is pooled; timm wants to know them of every model.
default_cfgs = generate_default_cfgs({
    "camxuc_tiny.untrained": dict(input_size=(3, 48, 48), pool_size=(2, 2), first_conv="conv1.0", classifier="fc"),
})


@register_model
def camxuc_tiny(pretrained: bool = False, **kwargs) -> ResNet:
    """For the demo: four short stages on 48x48 faces, 0.3 M parameters."""
    layout = dict(block=BasicBlock, layers=(1, 1, 1, 1), channels=(16, 32, 64, 128), stem_width=16, stem_type="deep")
    return build_model_with_cfg(ResNet, "camxuc_tiny", pretrained, **layout, **kwargs)
