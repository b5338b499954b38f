"""What an answer rests on: places, frames and tokens. Gradients and attention, no certainty."""
