"""What the reviews speak of and what they say of it: the vocabulary that all splits share.

An opinion is put together from small parts, so that one adjective serves both polarities: "không hề tệ" is
praise, "không đẹp" is not.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

POSITIVE, NEGATIVE, NEUTRAL = POLARITIES = ("Positive", "Negative", "Neutral")


def choose(rng: np.random.Generator, options):
    return options[int(len(options) * rng.random())]


def common(rng: np.random.Generator, options):
    """The earlier an option, the more often: of four, the first is taken every other time."""
    return options[int(len(options) * rng.random() ** 3)]


def weighted(rng: np.random.Generator, shares: dict):
    """A key of `shares`, each as often as its share of their sum."""
    point = rng.random() * sum(shares.values())
    for key, share in shares.items():
        point -= share
        if point < 0:
            return key
    return key


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


@dataclass(frozen=True)
class Topic:
    """One thing that an aspect covers. Each field lists its phrases with | between them, common ones first."""

    aspect: str
    terms: str  # what it is called
    good: str  # adjectives: with an intensifier praise, with a negator blame
    bad: str
    faults: str  # mishaps: blame if they happen, praise if they do not
    praise: str  # said as they stand
    blame: str
    plain: str  # neither

    def list(self, field: str) -> tuple[str, ...]:
        return _split(getattr(self, field))


TOPICS = (
    Topic("BATTERY", "pin|thời lượng pin|viên pin|dung lượng pin", "trâu|bền|khỏe", "yếu|đuối",
          "tụt nhanh|hao lúc để không|chai sớm", "xài thoải mái từ sáng tới tối|hai ngày mới phải cắm",
          "nửa buổi đã đỏ vạch|ngày cắm ba lần", "đủ qua một ngày|ngày sạc một lần như máy khác"),
    Topic("BATTERY", "sạc|tốc độ sạc|củ sạc theo máy", "nhanh|lẹ", "chậm|lâu",
          "nóng khi cắm|ngắt giữa chừng|chập chờn", "uống ly cà phê là đầy|vèo cái đã đầy",
          "cắm cả đêm mới đầy|chờ dài cổ chưa đầy", "tầm hai tiếng thì đầy|không nhanh không chậm"),
    Topic("CAMERA", "camera|cam sau|cam trước|cam selfie", "đẹp|nét|xịn", "mờ|xấu|tối",
          "nhòe hình|bệt màu|lấy nét sai", "chi tiết như máy cơ|lên màu tự nhiên",
          "vỡ nét khi phóng to|thua cả máy đời cũ", "chụp đủ dùng|chỉ hợp chụp lúc cần"),
    Topic("CAMERA", "chụp hình|chụp ảnh|chụp đêm|quay phim", "đẹp|nét", "xấu|mờ",
          "rung hình|cháy sáng|ám vàng", "đăng lên mạng ai cũng hỏi máy gì|khỏi cần chỉnh lại",
          "nhìn không ra mặt mình|đăng lên ngại với bạn bè", "ở mức xem được|đủ làm kỷ niệm"),
    Topic("DESIGN", "thiết kế|kiểu dáng|ngoại hình|màu máy", "đẹp|sang|tinh tế", "xấu|thô",
          "bám vân tay|trầy xước|phai màu", "nhìn là mê|lên tay ai cũng khen",
          "nhìn như đồ chơi|cầm lên là mất thiện cảm", "không có gì mới|giống mấy đời trước"),
    Topic("DESIGN", "cầm trên tay|độ hoàn thiện|khung viền|vỏ máy", "chắc|đẹp|gọn", "ọp ẹp|thô|nặng",
          "kêu cót két|hở khe|trơn tuột", "vừa vặn cho tay nhỏ|nhẹ tênh",
          "cầm lâu mỏi rã tay|bỏ túi quần là vướng", "cầm vừa tay|không nặng không nhẹ"),
    Topic("FEATURES", "vân tay|cảm biến vân tay|mở khóa khuôn mặt|cảm ứng", "nhạy|nhanh", "chậm|lì",
          "nhận sai|loạn|liệt một góc", "chạm phát ăn ngay|tay ướt vẫn nhận",
          "bấm chục lần mới ăn|tay hơi ẩm là chịu", "lúc nhạy lúc không|chậm hơn máy cũ chút xíu"),
    Topic("FEATURES", "loa|loa ngoài|âm thanh|tiếng loa", "hay|to", "nhỏ|rè",
          "mất tiếng|rè ở mức lớn|lúc to lúc nhỏ", "mở lên nghe khắp nhà|nghe nhạc đã tai",
          "áp sát tai mới nghe|người kia nghe như ở dưới giếng", "nghe gọi thì đủ|không to không nhỏ"),
    Topic("FEATURES", "wifi|sóng|bắt sóng|bluetooth", "mạnh|nhanh", "yếu|chậm|chập chờn",
          "rớt mạng|mất kết nối|đứng sóng", "xuống tầng hầm vẫn vào mạng|cách ba bức tường vẫn đủ vạch",
          "đứng cạnh cục phát vẫn một vạch|gọi câu được câu mất", "lúc mạnh lúc yếu|như bao máy khác"),
    Topic("GENERAL", "máy|con máy này|em này|sản phẩm", "ngon|xịn|đáng tiền", "tồi|dỏm|phí tiền",
          "phát sinh lỗi|trục trặc|dở chứng", "rất đáng mua|xài là ghiền",
          "không nên rước về|mua xong chỉ muốn trả", "dùng tạm|chưa biết khen hay chê"),
    Topic("GENERAL", "chất lượng|trải nghiệm|mọi thứ|tổng thể", "ngon|đỉnh", "tồi|thấp",
          "xuống cấp|sinh tật|đi xuống", "đạt mười trên mười|hơn cả kỳ vọng",
          "dưới mức kỳ vọng|càng xài càng nản", "tầm năm trên mười|có cái được có cái chưa"),
    Topic("PERFORMANCE", "máy chạy|hiệu năng|cấu hình|con chip", "mượt|nhanh|mạnh", "lag|chậm|yếu",
          "đơ|đứng hình|bị tắt nguồn", "mở app nào cũng vèo vèo|cân hết tác vụ",
          "mở cái danh bạ cũng phải chờ|mở game phải chờ mãi", "làm việc nhẹ thì được|đủ lướt web nghe nhạc"),
    Topic("PERFORMANCE", "chơi game|chiến game|đa nhiệm|lướt web", "mượt|ngon|nhanh", "lag|giật|chậm",
          "văng app|tụt khung hình|khựng", "bật hết cỡ vẫn đã|mở chục cái cùng lúc vẫn êm",
          "vào trận là thành con rùa|đang vui thì máy bỏ cuộc", "để mức thấp thì được|được mỗi trò nhẹ"),
    Topic("PRICE", "giá|giá cả|giá thành|mức giá", "rẻ|hợp lý|mềm", "đắt|cao|chát|vô lý",
          "đội lên|thay đổi xoành xoạch|chênh so với chỗ khác", "đáng từng đồng|sinh viên cũng với tới",
          "mua xong hôm sau đã giảm|thêm chút là lên máy xịn hơn", "ngang mấy chỗ khác|đúng tầm"),
    Topic("SCREEN", "màn hình|màn|tấm nền|độ sáng màn", "đẹp|nét|sáng", "tối|mờ|xấu",
          "bị sọc|ám xanh|chớp tắt", "xem phim sướng mắt|ra nắng vẫn đọc rõ",
          "ra nắng như tấm gương|nhìn lâu nhức mắt", "xem được|cũng như máy khác"),
    Topic("SER&ACC", "nhân viên|nhân viên tư vấn|bạn bán hàng|tư vấn viên",
          "nhiệt tình|dễ thương|lịch sự", "cộc lốc|hời hợt",
          "nói cho qua chuyện|hứa suông|báo nhầm giá", "hỏi gì cũng giải thích cặn kẽ|cài đặt giúp từ a tới z",
          "hỏi ba câu đáp một câu|mua xong là coi như người lạ", "làm đúng phận sự|không vồn vã cũng không lạnh nhạt"),
    Topic("SER&ACC", "giao hàng|bảo hành|đóng gói|dịch vụ", "nhanh|chu đáo|cẩn thận", "chậm|lâu|cẩu thả",
          "trễ hẹn|đẩy khách qua lại|giao nhầm", "sáng đặt chiều có|đổi máy mới không hỏi nhiều",
          "gọi năm lần bảy lượt mới chịu làm|hẹn lần hẹn lữa", "đúng hẹn chứ không sớm|đúng quy định"),
    Topic("SER&ACC", "tai nghe tặng kèm|ốp lưng|phụ kiện|cáp đi kèm", "đẹp|xịn|bền", "dỏm|xấu|mỏng",
          "hỏng|bong tróc|lỏng lẻo", "tặng cả bộ khỏi mua thêm|dùng hoài chưa hư",
          "vài hôm là vứt|có cũng như không", "có gì xài nấy|đủ món cơ bản"),
    Topic("STORAGE", "bộ nhớ|dung lượng|bộ nhớ trong|ram", "lớn|nhiều|thoải mái|rộng rãi", "ít|nhỏ|chật|thiếu",
          "báo đầy|hết chỗ|phải xóa bớt ảnh", "tải cả kho phim vẫn còn chỗ|chứa mấy nghìn tấm ảnh",
          "tải vài app là đầy|hệ thống chiếm gần hết", "đủ cho người dùng ít|ngang các máy cùng tầm"),
)  # fmt: skip
ASPECTS = tuple(sorted({topic.aspect for topic in TOPICS}))  # without OTHERS, which has no polarity

# What may be said of any aspect: these words do not tell which one is meant.
ANY = {
    POSITIVE: _split("miễn chê|khỏi bàn|quá ok|hết ý|làm mình hài lòng|quá ổn áp|hết chỗ chê|đáng khen"
                     "|làm mình ưng bụng"),
    NEGATIVE: _split("quá tệ|làm mình thất vọng|không ưng nổi|không thể chấp nhận|dưới trung bình|đáng chê"
                     "|không đáng khen chút nào|làm mình bực"),
    NEUTRAL: _split("bình thường|tạm được|ở mức trung bình|tạm ổn|cũng thường thôi|không khen không chê|chấp nhận được"
                    "|tàm tạm|không gì nổi bật"),
}  # fmt: skip

# Adjectives that fit every topic.
GOOD, BAD = _split("tốt|ổn|ok|tuyệt"), _split("tệ|chán|dở|kém")

# {} stands for an adjective or a mishap. The lists of both polarities are nearly the same, so that none tells it.
_INTENSE = _split("{}|{}|rất {}|quá {}|cực {}|{} lắm|{} thật|{} ghê|{} dã man|vẫn {}")
_NOT_BAD = _split("không hề {}|không {} chút nào|chẳng {} tí nào|đâu có {}|không {}")
_NOT_GOOD = (*_split("không hề {}|không {} chút nào|chẳng {} tí nào|đâu có {}|không {}"),
             *_split("chưa {}|không {} lắm|không được {}"))
_NO_FAULT = _split("không {}|chưa thấy {}|không thấy {}|không hề {}|chưa {} lần nào|chẳng {} bao giờ|đâu có {}")
_FAULT = _split("hay {}|cứ {} hoài|liên tục {}|lâu lâu lại {}|có lúc {}|{} suốt|vẫn {}|mới mấy hôm đã {}")
_BETWEEN = _split("không {} mà cũng không {}|không quá {} nhưng cũng không {}")
_AS_IT_STANDS = ("{}",)
_ANY_TOPIC = {kind: tuple((word,) for word in words) for kind, words in {**ANY, "good": GOOD, "bad": BAD}.items()}
Kind = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]  # forms, and the words that each may take


def opinion(rng: np.random.Generator, topic: Topic, polarity: str) -> str:
    """What is said of `topic`, to follow one of its terms."""
    forms, words = weighted(rng, kinds(topic, polarity))
    return common(rng, forms).format(*common(rng, words))


def sayings(topic: Topic, polarity: str) -> set[str]:
    """All that `opinion` may say."""
    return {form.format(*word) for forms, words in kinds(topic, polarity) for form in forms for word in words}


def _words(topic: Topic, field: str) -> tuple[tuple[str], ...]:
    return tuple((word,) for word in topic.list(field))


@cache
def kinds(topic: Topic, polarity: str) -> dict[Kind, int]:
    """The kinds of what is said of `topic` in a polarity, with the share of each."""
    if polarity == NEUTRAL:
        between = tuple((*one, *other) for one in _words(topic, "good") for other in _words(topic, "bad"))
        plain = {(_AS_IT_STANDS, _ANY_TOPIC[NEUTRAL]): 70, (_AS_IT_STANDS, _words(topic, "plain")): 15}
        return plain | {(_BETWEEN, between): 15}
    liked = polarity == POSITIVE
    intense = (*_INTENSE, "khá {}" if liked else "hơi {}")
    right, wrong, own = ("good", "bad", "praise") if liked else ("bad", "good", "blame")
    negated, event = (_NOT_BAD, _NO_FAULT) if liked else (_NOT_GOOD, _FAULT)
    return {
        (intense, _words(topic, right)): 33, (intense, _ANY_TOPIC[right]): 36,
        (negated, _words(topic, wrong)): 5, (negated, _ANY_TOPIC[wrong]): 6,
        (event, _words(topic, "faults")): 5, (_AS_IT_STANDS, _words(topic, own)): 5,
        (_AS_IT_STANDS, _ANY_TOPIC[polarity]): 10,
    }  # fmt: skip


def phrases(aspect: str, polarity: str) -> set[str]:
    """Every plain phrase of a polarity that fits `aspect`, negated ones left out."""
    fields = {POSITIVE: ("good", "praise"), NEGATIVE: ("bad", "blame", "faults"), NEUTRAL: ("plain",)}[polarity]
    own = {phrase for topic in TOPICS if topic.aspect == aspect for field in fields for phrase in topic.list(field)}
    return own | set({POSITIVE: GOOD, NEGATIVE: BAD, NEUTRAL: ANY[NEUTRAL]}[polarity])
