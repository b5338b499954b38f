import torch

from models.fusion import Fusion


def test_starts_as_the_face_alone():
    face, context = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    assert torch.equal(Fusion(8)(face, context), face)


def test_the_context_learns_from_the_first_step():
    fusion = Fusion(8)
    fusion(torch.randn(2, 8), torch.randn(2, 8)).square().sum().backward()
    assert fusion.correction.weight.grad[:, 8:].abs().sum() > 0


def test_learns_a_correction_from_each_stream():
    fusion, face, context = Fusion(4), torch.randn(5, 4), torch.randn(5, 4)
    with torch.no_grad():
        fusion.correction.weight.copy_(torch.cat([torch.eye(4), -2 * torch.eye(4)], dim=1))
        fusion.correction.bias.fill_(3)
    assert torch.allclose(fusion(face, context), 2 * face - 2 * context + 3, atol=1e-6)
