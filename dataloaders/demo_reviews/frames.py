"""The sentences' frames, written for one split each: no frame of one split is in another.

Slots: {t} a term, {o} what is said of it, {x} what is said by others and is not so, {u} and {v} term and opinion of
a second aspect; {n} a span of time, {k} an occasion, {w} a person, {m} a model, {p} a place, {g} a thing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Frames:
    """One split's frames. `plain`, `clause` and `use` judge one aspect, whatever the polarity."""

    plain: tuple[str, ...]  # the shortest clauses, which people use most
    clause: tuple[str, ...]
    use: tuple[str, ...]  # clauses on what one uses, so not on a price or a service
    praise: tuple[str, ...]
    blame: tuple[str, ...]
    contrast: tuple[str, ...]  # opposite polarities
    both: tuple[str, ...]  # one opinion of two aspects
    opening: tuple[str, ...]  # no aspect is judged here or in a closing
    closing: tuple[str, ...]
    other: tuple[str, ...]  # the aspect OTHERS


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


SLOTS = {
    "n": ("hai tuần", "3 ngày", "một tháng", "nửa năm", "5 hôm", "2 tháng", "gần một năm", "10 ngày", "mấy bữa"),
    "k": ("ban đêm", "ngoài trời", "lúc đi đường", "ở nhà", "cuối tuần", "khi đi làm", "khi xem phim", "lúc rảnh"),
    "w": ("mẹ mình", "bạn mình", "vợ mình", "em gái", "ba mình", "ông anh", "chị đồng nghiệp", "con trai"),
    "m": ("samsung", "oppo", "xiaomi", "iphone", "vivo", "realme", "nokia"),
    "p": ("Hà Nội", "Cần Thơ", "Đà Nẵng", "Bình Dương", "Huế", "Nha Trang", "Vinh", "quận 7"),
    "g": ("sim", "thẻ nhớ", "hóa đơn", "mã giảm giá", "bản màu xanh", "bản màu đen", "hàng trưng bày", "tai nghe"),
}

TRAIN = Frames(
    plain=("{t} {o}", "{t} {o}", "{t} thì {o}", "thấy {t} {o}", "{t} {o} luôn"),
    clause=_lines("""
        ban đầu chưa quen, bây giờ thấy {t} {o}
        tóm lại thì {t} {o}
        đối với {w} thì {t} {o}
        nhắc đến {t} là {o}
        quả là {t} {o}
        mình thấy {t} {o}
        về {t} thì {o}
        phải nói {t} {o}
        riêng {t} {o}
        {t} theo mình {o}
        {t} nhìn chung {o}
        {t} nói thật là {o}
        {t} {o} nha mọi người
        {t} thì {o} á
        mình thấy {t} {o} ạ
        {t} {o} nhé mọi người
        nói thật {t} {o} đó nha
        {t} mình xài thấy {o}
        tới hiện tại {t} {o}
        khoản {t} này {o}
        sau {n} thấy {t} {o}
        giờ {t} {o}
        ai hỏi {t} thì mình đáp là {o}
        xét {t} thì {o}
        {t} mình đánh giá là {o}
        đến hôm nay {t} {o}
        {w} cũng bảo {t} {o}
        cả nhà đều thấy {t} {o}
        {t} so với con {m} cũ {o}
        cá nhân mình thấy {t} {o}
        nói về {t} là {o}
        tới phần {t} thì {o}
        {t} lúc nào cũng {o}
        được {n} thì {t} {o}
        {t} {o} đó các bạn
        công nhận {t} {o}
        thấy {t} {o} nên viết vài dòng
        {t} trước giờ {o}
    """),
    use=_lines("""
        sử dụng {n} thấy {t} {o}
        ra ngoài dùng thì {t} {o}
        khi dùng mới biết {t} {o}
        dùng rồi mới biết {t} {o}
        {k} thì {t} {o}
        {t} thực tế {o}
        {t} xài {n} rồi vẫn thấy {o}
        {w} xài thử cũng nói {t} {o}
        {t} hôm nay thử {k} {o}
    """),
    praise=_lines("""
        khoái vì {t} {o}
        may mà {t} {o}
        sợ {t} {x}, hóa ra {o}
        được cái {t} {o}
        thích nhất là {t} {o}
        ưng {t} vì {o}
        nhiều người chê {t} {x} nhưng mình thấy {o}
        lúc đầu tưởng {t} {x} ai ngờ {o}
        hài lòng vì {t} {o}
        điểm cộng là {t} {o}
        trước nghe nói {t} {x}, mua về lại {o}
        khen {t} vì {o}
        mừng là {t} {o}
        không sợ {t} {x} đâu, {o}
    """),
    blame=_lines("""
        khổ nỗi cái {t} {o}
        bực mình vì {t} {o}
        nghĩ {t} {x}, hóa ra {o}
        mỗi tội {t} {o}
        chán nhất là {t} {o}
        buồn vì {t} {o}
        quảng cáo {t} {x} mà thực tế {o}
        lúc đầu tưởng {t} {x} ai ngờ {o}
        không hài lòng vì {t} {o}
        điểm trừ là {t} {o}
        trước nghe nói {t} {x}, mua về lại {o}
        chê {t} vì {o}
        tiếc là {t} {o}
        nhiều người khen {t} {x} nhưng mình thấy {o}
    """),
    contrast=_lines("""
        {t} {o}, chỉ mỗi {u} {v}
        {t} {o} vậy mà {u} {v}
        {t} {o}, thế nhưng mà {u} {v}
        {t} {o} nhưng {u} {v}
        {t} {o} nhưng {u} thì {v}
        {t} {o} mà {u} {v}
        tuy {t} {o} nhưng {u} {v}
        {t} {o}, tuy nhiên {u} {v}
        {t} {o}, bù lại {u} {v}
        {t} {o}, có điều {u} {v}
        mặc dù {t} {o} nhưng bù lại {u} {v}
        {t} {o} còn {u} {v}
        {t} thì {o} mà {u} lại {v}
        {t} {o}, ngược lại {u} {v}
        {t} {o} chứ {u} {v}
    """),
    both=_lines("""
        như {t}, {u} cũng {o}
        cả {t} lẫn {u} đều {o}
        {t} với {u} đều {o}
        {t} và {u} {o}
        {t}, {u} đều {o}
        mình thấy {t} và {u} đều {o}
    """),
    opening=_lines("""
        vừa mua máy {n}
        vào đây viết đánh giá
        chủ yếu mình lướt web
        mình mua được {n} rồi
        mới lấy máy {n}
        dùng {n} xin đánh giá
        mua cho {w} xài
        đặt mua {m} ở {p}
        trước mình dùng {m}
        xài {n} có vài nhận xét
        hôm qua mới nhận máy ở {p}
        mình đổi từ {m} sang
        lần đầu mua {m}
        {w} tặng con này được {n}
        chuyển qua {m} được {n}
        mình hay chụp hình cho {w}
        mình mua để chơi game là chính
        nhà cần máy để lướt web
        cần máy có pin để đi {p}
    """),
    closing=_lines("""
        {n} nữa mình viết tiếp
        đọc rồi cho ý kiến nha
        vài lời cho ai cần
        cảm ơn mọi người đã đọc
        đánh giá thật của mình
        dùng thêm {n} sẽ viết tiếp
        mọi người tham khảo
        mình nghĩ sao nói vậy
        ý kiến riêng của mình
        có gì sẽ cập nhật sau
        bạn nào quan tâm thì tham khảo
        ai phân vân thì đọc thử
    """),
    other=_lines("""
        khi nào có {g} vậy mọi người
        trời {p} hôm nay mưa
        có chỗ nào bán {g} không
        cho mình hỏi ở {p} còn {g} không
        shop ơi có {g} không ạ
        bao giờ có {g} vậy
        ship về {p} mất mấy ngày vậy
        nhờ shop trả lời tin nhắn giúp
        có ai biết cách cài {m} không
        hỏi chút, mua trả góp cần gì ạ
        ai ở {p} cho xin địa chỉ shop
        mình cần {g} thì hỏi ở đâu
        bạn nào bán lại {m} không
        mình nhắn tin mà chưa thấy ai trả lời
        có ship về {p} không shop
        hỏi {g} thì nhắn cho ai ạ
        mình tính mua thêm cho {w}
        nay {p} mưa cả ngày
        ai chỉ mình cách lắp {g} với
        muốn đổi sang {m} thì làm sao ạ
        gửi {g} về {p} được không
        chừng nào {m} ra đời mới vậy
        mình ở {p} đặt được không
        cho xin số điện thoại shop ở {p}
        {w} nhờ mình hỏi {g}
        có phải đặt trước không ạ
        shop cho hỏi {g} lấy ở đâu
        mọi người ơi {m} với con này khác nhau gì vậy
    """),
)

VAL = Frames(
    plain=("{t} {o} nhé", "{t} {o} nha", "thấy được {t} {o}"),
    clause=_lines("""
        {t} mình thấy {o}
        {t} phải công nhận {o}
        phần {t} {o}
        tính ra {t} {o}
        mình nghĩ {t} {o}
        {t} cá nhân mình thấy {o}
        {t} tới giờ vẫn {o}
        sau {n} thì {t} {o}
        {w} bảo {t} {o}
        {t} đúng là {o}
        nói thẳng {t} {o}
        nói vậy chứ {t} {o}
        {t} hiện giờ {o}
        với mình {t} {o}
        {t} thì đúng kiểu {o}
        hỏi {t} thì là {o}
        {t} {o} đấy
        {t} với mình là {o}
        qua {n} thì {t} {o}
    """),
    use=_lines("""
        {k} mình thử thì {t} {o}
        {t} xài thực tế {o}
        dùng {n} thấy {t} {o}
        {w} mượn dùng cũng thấy {t} {o}
    """),
    praise=_lines("""
        vui vì {t} {o}
        khoản {t} được khen vì {o}
        cứ lo {t} {x} nhưng hóa ra {o}
        cái mình thích là {t} {o}
    """),
    blame=_lines("""
        bực vì {t} {o}
        khoản {t} bị chê vì {o}
        cứ nghĩ {t} {x} nhưng hóa ra {o}
        cái mình không thích là {t} {o}
    """),
    contrast=_lines("""
        {t} thì {o} nhưng {u} {v}
        {t} {o}, thế nhưng {u} {v}
        {t} {o} trong khi {u} {v}
        dù {t} {o} nhưng {u} {v}
        {t} {o}, còn {u} thì {v}
        {t} {o}, đổi lại {u} {v}
    """),
    both=_lines("""
        {t} cùng {u} đều {o}
        {t} hay {u} đều {o}
        thấy cả {t} và {u} {o}
    """),
    opening=_lines("""
        máy mua {n} trước
        xài được {n} rồi viết đánh giá
        mình lấy con {m} ở {p}
        nhà có {w} dùng {m}
        mua về được {n}
        mình là người dùng {m} lâu năm
        mình thường lướt web với chơi game
    """),
    closing=_lines("""
        góp ý thật lòng
        ai cần thì xem
        để {n} nữa mình viết thêm
        nhận xét của riêng mình
        mọi người xem rồi quyết định
        đánh giá vậy thôi
    """),
    other=_lines("""
        shop ở {p} có {g} không ạ
        xin hỏi {g} còn không
        mình hỏi mà shop chưa trả lời
        ship {p} được không ạ
        {w} muốn hỏi về {g}
        ai biết {m} khi nào có hàng không
        cho hỏi địa chỉ shop ở {p}
        làm sao để nhận {g} vậy
        ai dùng {m} chỉ mình với
        mình sắp đi {p} chơi
        trả góp {m} thì cần giấy tờ gì
        có ai mua cùng mình không
    """),
)

TEST = Frames(
    plain=("{t} {o} á", "{t} thấy {o}", "{t} {o} ạ"),
    clause=_lines("""
        {t} công nhận {o}
        khoản {t} {o}
        xét ra {t} {o}
        mình nhận xét {t} {o}
        {t} với cá nhân mình {o}
        {t} cho đến giờ {o}
        theo {w} thì {t} {o}
        {t} quả thật {o}
        thật lòng {t} {o}
        tóm lại {t} {o}
        {t} bây giờ {o}
        đối với mình {t} {o}
        {t} phải nói thật là {o}
        nhắc tới {t} thì {o}
        {t} {o} đó nha
        qua {n} mình thấy {t} {o}
        hiện tại {t} {o}
        mình thì thấy {t} {o}
    """),
    use=_lines("""
        {t} mình dùng thấy {o}
        sau {n} sử dụng {t} {o}
        {t} khi dùng {k} {o}
        {t} ngoài thực tế {o}
        mình dùng {n}, {t} {o}
        {w} dùng chung cũng nói {t} {o}
    """),
    praise=_lines("""
        may là {t} {o}
        khoái nhất là {t} {o}
        ai cũng chê {t} {x} nhưng mình lại thấy {o}
        ban đầu sợ {t} {x} mà hóa ra {o}
        điểm mình thích là {t} {o}
    """),
    blame=_lines("""
        khổ nỗi {t} {o}
        bực nhất là {t} {o}
        ai cũng khen {t} {x} nhưng mình lại thấy {o}
        ban đầu nghĩ {t} {x} mà hóa ra {o}
        điểm mình không thích là {t} {o}
    """),
    contrast=_lines("""
        {t} {o} nhưng mà {u} {v}
        {t} {o} nhưng bù lại {u} {v}
        {t} thì {o}, còn {u} thì {v}
        mặc dù {t} {o} nhưng {u} vẫn {v}
        {t} {o}, thế mà {u} {v}
        {t} {o}, nhưng {u} lại {v}
        {t} {o}, chỉ có {u} là {v}
        {t} thì {o} chứ {u} {v}
    """),
    both=_lines("""
        {t} cũng như {u} đều {o}
        từ {t} tới {u} đều {o}
        {t} lẫn {u} {o}
    """),
    opening=_lines("""
        mình mới mua {n}
        xài {n} nên vào đánh giá
        mua {m} ở {p} được {n}
        mình mua tặng {w}
        trước giờ mình xài {m}
        nhận máy được {n}
        mình vừa đổi sang {m}
        mình mua để chụp hình cho {w}
        mình chủ yếu chơi game
    """),
    closing=_lines("""
        vài dòng cho mọi người tham khảo
        cảm ơn đã đọc
        mình đánh giá vậy
        thêm {n} nữa sẽ cập nhật
        ai phân vân thì đọc
        ý mình là vậy
    """),
    other=_lines("""
        shop cho mình hỏi còn {g} không ạ
        cho hỏi bao giờ có {g}
        mình ở {p} thì ship mấy ngày
        nhắn tin cho shop mà chưa ai trả lời
        có bạn nào ở {p} không cho mình hỏi
        làm sao đổi {g} vậy mọi người
        {w} hỏi mua {m} trả góp được không
        ai biết chỗ lấy {g} chỉ mình
        khi nào {m} có đời mới vậy shop
        cho mình xin địa chỉ ở {p}
        mình muốn mua thêm {g} thì nhắn cho ai
        {p} nay trời mưa
        gửi về {p} có được không ạ
        con này với {m} thì khác gì nhau
    """),
)

FRAMES = {"train": TRAIN, "val": VAL, "test": TEST}
