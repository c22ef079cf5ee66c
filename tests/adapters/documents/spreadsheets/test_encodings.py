"""Encodings of texts are recognised, or refused: no text is ever nonsense."""

import pytest

from aijobs.adapters.documents.encodings.detection import decoded
from aijobs.domain.errors import UnreadableFile

SENTENCES = {
    "gb18030": "甲方：北京国际贸易有限公司，合同金额：一万元整。",
    "big5": "合約金額：一萬元整，甲方：台北公司",
    "big5hkscs": "合約金額：一萬元整，乙方：香港公司",
    "cp932": "契約金額：一万円です。よろしくお願いいたします。",
    "euc_jp": "契約金額：一万円です。よろしくお願いいたします。",
    "cp949": "계약 금액은 만원입니다. 서울특별시 강남구",
    "euc_kr": "주식회사 대표이사, 계약서 번호",
    "cp1252": "Größe: 5 Stück, Müller & Söhne – 12,50 €",
    "iso2022_jp": "契約金額：一万円です。",
    "iso2022_kr": "계약 금액은 만원입니다.",
    "hz": "甲方：北京国际贸易有限公司",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_each_encoding_is_recognised(encoding: str) -> None:
    text = SENTENCES[encoding]

    assert decoded(text.encode(encoding)) == text
    assert decoded(f"{text}\r\n1,2,3\r\n".encode(encoding) * 3000) == f"{text}\r\n1,2,3\r\n" * 3000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["Order,Amount\n", "甲方：北京国际贸易有限公司", "合同", "a"])
def test_unicode_is_recognised_with_and_without_a_mark(encoding: str, text: str) -> None:
    content = text.encode(encoding)
    try:
        read = decoded(content)
    except UnreadableFile:
        assert encoding in {"utf-16-le", "utf-16-be"}  # without a mark two bytes say nothing
        assert len(text) < 4
    else:
        assert read == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(("Договор, сумма прописью", encoding) for encoding in ("cp1251", "koi8_r", "iso8859_5", "mac_cyrillic")),
        ("Σύμβαση πώλησης", "cp1253"),
        ("عقد بيع بمبلغ", "cp1256"),
        *(("Łódź, żółć, gęś", encoding) for encoding in ("cp1250", "iso8859_2")),
        ("สัญญาซื้อขาย", "cp874"),
    ],
)
def test_other_encodings_are_refused(text: str, encoding: str) -> None:
    with pytest.raises(UnreadableFile, match="Save it as UTF-8"):
        decoded(text.encode(encoding))
    assert decoded(text.encode()) == text


#: Each is another word in another encoding too.
WORDS = {
    "gb18030": "合同 金额 甲方 乙方 订单 编号 测试 中国 欧元 联通 古巴 发票 客户 地址",
    "big5": "合約 金額 甲方 乙方 訂單 編號 測試 中國 歐元 發票 客戶 地址 採購單",
    "cp932": "契約 金額 甲 注文書 番号 テスト 日本 ユーロ 請求書 住所 ﾃｽﾄ",
    "euc_jp": "契約 金額 注文書 番号 テスト 日本 ユーロ 請求書 住所",
    "cp949": "계약 금액 주문 번호 시험 한국 유로 송장 고객 주소",
    "cp1252": "Größe Café España Ñandú Œuvre",
}


@pytest.mark.parametrize("encoding", WORDS)
def test_a_single_word_is_right_or_refused(encoding: str) -> None:
    right = 0
    for word in WORDS[encoding].split():
        try:
            assert decoded(word.encode(encoding)) == word
        except UnreadableFile:
            continue
        right += 1
    assert right >= len(WORDS[encoding].split()) // 3


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff", bytes(range(128, 256)), b"abc \x8f\x9d"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        decoded(content)


@pytest.mark.parametrize("content", [b"a\0b", b"\x01\x02text", "中\x00文".encode("gb18030")])
def test_control_characters_are_no_text(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        decoded(content)
