"""Whether a network says and holds what the recipe asks for: its prompts, and the weights that it was given."""

from models.audit.prompts import audit_prompts
from models.audit.weights import audit_weights

__all__ = ["audit_prompts", "audit_weights"]
