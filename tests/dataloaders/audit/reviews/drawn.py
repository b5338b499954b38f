"""Reviews drawn from a few words, whose labels follow from their texts, and what an audit finds in them."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from dataloaders import build_loaders
from dataloaders.audit import audit
from tests.small_reviews import RECIPE, write_table
from utils.findings import Finding
from utils.recipe import load_config
from utils.structures import NOT_MENTIONED

THINGS = {"BATTERY": ["pin", "sạc", "nguồn"], "CAMERA": ["camera", "chụp", "ảnh"],
          "SCREEN": ["màn", "cảm ứng", "kính"], "PRICE": ["giá", "tiền", "đồng"]}
WORDS = {"Positive": ["rất tốt", "đẹp quá", "tuyệt vời", "ngon lành"],
         "Negative": ["quá tệ", "kém", "chán", "thất vọng"],
         "Neutral": ["bình thường", "tạm", "cũng được", "không biết"]}
FILLERS = ["máy mình mua", "hôm qua", "ở cửa hàng", "gần nhà", "thử vài ngày", "thấy nhân viên", "giao nhanh",
           "hộp còn mới", "con gái", "bạn bè", "anh chị em", "xem phim", "nghe nhạc", "chơi game", "lướt web", "đi làm",
           "về quê", "Samsung", "Oppo", "Vivo", "trắng", "đen", "xanh", "tuần trước", "trên mạng", "cho mẹ",
           "hai tháng nay", "hôm kia", "lên phố", "gọi video", "bảo hành", "mưa to", "ngoài trời", "buổi tối",
           "trong túi", "đọc báo", "học bài", "giữa đường", "đầu năm"]

ASPECTS, SENTIMENTS = sorted(THINGS), list(WORDS)
Rows = list[tuple[str, str]]


def drawn(number: int, seed: int) -> Rows:
    stream, rows = random.Random(seed), []
    for _ in range(number):
        parts, labels = [], []
        for aspect in stream.sample(sorted(THINGS), stream.randint(1, 2)):
            sentiment, = stream.choices(list(WORDS), (5, 4, 2))
            parts.append(f"{stream.choice(THINGS[aspect])} {stream.choice(WORDS[sentiment])}")
            labels.append(f"{{{aspect}#{sentiment}}};")
        parts += [" ".join(stream.choices(FILLERS, k=stream.randint(3, 7))) for _ in range(2)]
        stream.shuffle(parts)
        rows.append((", ".join(parts).capitalize() + stream.choice(".!?"), "".join(labels)))
    return rows


TRAIN, VAL = drawn(900, 0), drawn(200, 1)


class Namespace(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.reviews)


def dataset_of(rows: Rows) -> Namespace:
    """What a ReviewDataset of these rows has, tokens apart."""
    number = {name: place for place, name in enumerate(WORDS)}
    targets = np.full((len(rows), len(THINGS)), NOT_MENTIONED)
    for row, (_, label) in enumerate(rows):
        for aspect, sentiment in re.findall(r"\{(\w+)#(\w+)\}", label):
            targets[row, ASPECTS.index(aspect)] = number[sentiment]
    reviews = [SimpleNamespace(id=str(place), text=text) for place, (text, _) in enumerate(rows, 1)]
    return Namespace(reviews=reviews, ids=[review.id for review in reviews], targets=targets)


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    """The first of each name."""
    assert all(finding.count > 0 and finding.text for finding in findings)
    return {finding.name: finding for finding in reversed(findings)}


def tables(root: Path, train: Rows, val: Rows) -> Path:
    """The tables and their recipe; nobody draws the third."""
    for split, rows in (("train", train), ("val", val)):
        write_table(root / f"{split}.csv", rows)
    path = root / "drawn.yaml"
    recipe = RECIPE.format(root=root).replace("test_annotation: test.csv\n", "").replace("size: 3", "size: 16")
    path.write_text(recipe.replace("vocab_size: 300", "vocab_size: 600"))
    return path


def found(root: Path, train: Rows = TRAIN, val: Rows = VAL, flags: str = "", spoil: Callable = lambda loaders: None,
          full: bool = False) -> dict[str, Finding]:
    """By name, those of train before those of val; notes of distribution left out."""
    config = load_config(str(tables(root, train, val)), flags.split())
    loaders, labels = build_loaders(config, root / "run")
    labels = spoil(loaders) or labels
    findings = audit(config, loaders, labels, full)
    return {name: finding for name, finding in by_name(findings).items() if name != "labels"}


def loud(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.level for name, finding in findings.items() if finding.level != "note"}
