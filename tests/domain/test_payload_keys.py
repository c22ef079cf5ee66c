"""The setting with the keys of payloads: what is wrong with it is named, and never quoted."""

import base64
from typing import Final

import pytest
from pydantic import SecretStr, ValidationError

from aijobs.domain.errors import PayloadUnreadable
from aijobs.domain.values.payload_keys import PayloadKeys
from aijobs.process_settings import PayloadSettings

ONE: Final = base64.b64encode(b"1" * 32).decode()
TWO: Final = base64.b64encode(b"2" * 32).decode()


def test_the_first_encrypts_and_all_decrypt() -> None:
    older, both = PayloadKeys.parse(f"a:{ONE}"), PayloadKeys.parse(f"b:{TWO},\n a:{ONE}")

    assert both.current == "b"
    assert both.decrypt(older.encrypt(b"old"), "a") == b"old"
    assert both.decrypt(both.encrypt(b"new"), "b") == b"new"
    with pytest.raises(PayloadUnreadable, match="the key b"):
        older.decrypt(both.encrypt(b"new"), "b")


def test_the_same_is_never_encrypted_alike() -> None:
    keys = PayloadKeys.parse(f"a:{ONE}")

    assert keys.encrypt(b"same") != keys.encrypt(b"same")


def test_a_payload_is_bound_to_the_id_of_its_key() -> None:
    keys = PayloadKeys({"a": b"1" * 32, "b": b"1" * 32})

    with pytest.raises(PayloadUnreadable, match="altered"):
        keys.decrypt(keys.encrypt(b"hello"), "b")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (ONE, "id:base64"),
        (f"a b:{ONE}", "key 1"),
        (f"a:{ONE},a:{TWO}", "two keys have the id a"),
        (f"a:{ONE[:-6]}==", "the key a"),
        ("a:c2hvcnQ=", "5 bytes instead of 32"),
        (f"a:{ONE},,", ""),
        (",".join(f"k{number}:{ONE}" for number in range(21)), "more than 20"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(wrong: str, named: str) -> None:
    if not named:
        assert PayloadSettings(keys=SecretStr(wrong)).ring is not None
        return
    with pytest.raises(ValidationError) as refused:
        PayloadSettings(keys=SecretStr(wrong))

    assert named in str(refused.value)
    assert ONE[:12] not in str(refused.value)


def test_without_keys_nothing_is_encrypted() -> None:
    assert PayloadSettings().ring is None
    assert PayloadSettings(keys=SecretStr(" \n")).ring is None
