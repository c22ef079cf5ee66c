"""Uploads: a complete picture is stored; anything else is refused, and nothing of it is stored."""

import hashlib

import pytest

from api.requests.uploads import display_name
from tests.adapters.documents.texts.pages import drawn_pdf
from tests.api.installation import ApiUnderTest
from tests.api.pictures import bomb, picture


async def test_a_photo_is_kept_and_described(shared_api: ApiUnderTest) -> None:
    content = picture(80, 60, "PNG")
    answer = await shared_api.upload(content, name="me.jpg")

    file = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/files/{file['code']}"
    assert file == {
        "code": file["code"],
        "name": "me.jpg",
        "media_type": "image/png",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "width": 80,
        "height": 60,
    }
    assert (await shared_api.http.get(f"/api/files/{file['code']}")).json() == file
    assert (
        b"".join([chunk async for chunk in shared_api.dependencies.store.read(f"files/{file['code']}.png")]) == content
    )


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "unreadable_file"),
        (b"this is no picture", 422, "unreadable_file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "unreadable_file"),
        (picture()[:-300], 422, "unreadable_file"),
        (picture(kind="PNG")[:500], 422, "unreadable_file"),
        (bomb(), 413, "file_too_large"),
        (picture() + b"\0" * 256 * 1024, 413, "file_too_large"),
        (b"\0" * 400 * 1024, 413, "body_too_large"),
    ],
)
async def test_what_is_not_a_whole_picture_of_decent_size_is_refused(
    shared_api: ApiUnderTest, content: bytes, status: int, code: str
) -> None:
    answer = await shared_api.upload(content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_form_must_be_a_form_with_a_file(shared_api: ApiUnderTest) -> None:
    headers = {"Aijobs-User": "ada"}
    no_form = await shared_api.http.post("/api/files", json={"file": "photo"}, headers=headers)
    no_file = await shared_api.http.post("/api/files", files={"photo": ("a.jpg", picture())}, headers=headers)
    text = await shared_api.http.post("/api/files", files={"file": (None, "not a file")}, headers=headers)
    broken = await shared_api.http.post(
        "/api/files", content=b"--", headers={**headers, "Content-Type": "multipart/form-data"}
    )

    assert no_form.status_code == 415
    assert no_file.json()["errors"][0]["pointer"] == text.json()["errors"][0]["pointer"] == "/file"
    assert broken.status_code == 400


@pytest.mark.parametrize("name", ["password", "user_id", "templateId"])
async def test_a_field_is_sent_once(shared_api: ApiUnderTest, name: str) -> None:
    form = {name: ["one", "two"]}
    answer = await shared_api.http.post("/api/files", files={"file": ("a.jpg", picture())}, data=form)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]


async def test_somebody_elses_file_is_not_there(shared_api: ApiUnderTest) -> None:
    file = (await shared_api.upload(picture(), user="ada")).json()

    assert (
        await shared_api.http.get(f"/api/files/{file['code']}", headers=await shared_api.key_for("eve"))
    ).status_code == 404
    assert (await shared_api.http.get("/api/files/nonsense")).status_code == 404


async def test_a_form_may_name_its_user(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.http.post("/api/files", files={"file": ("a.jpg", picture())}, data={"user_id": "ada"})
    code = answer.json()["code"]

    assert (await shared_api.http.get(f"/api/files/{code}", headers={"Aijobs-User": "ada"})).status_code == 200
    assert (await shared_api.http.get(f"/api/files/{code}", headers={"Aijobs-User": "bob"})).status_code == 404


LOCKED = drawn_pdf(lambda canvas: canvas.drawString(72, 700, "secret"), password="sesame")


async def test_an_encrypted_document_is_kept_without_its_password(shared_api: ApiUnderTest) -> None:
    form = {"user_id": "ada", "password": "sesame"}
    answer = await shared_api.http.post("/api/files", files={"file": ("a.pdf", LOCKED)}, data=form)

    file = answer.json()
    kept = b"".join([chunk async for chunk in shared_api.dependencies.store.read(f"files/{file['code']}.pdf")])
    assert answer.status_code == 201
    assert (file["size"], file["sha256"]) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert b"/Encrypt" in LOCKED
    assert b"/Encrypt" not in kept
    assert "sesame" not in answer.text


@pytest.mark.parametrize(("password", "message"), [("", "Send its password along"), ("open", "the password is wrong")])
async def test_an_encrypted_document_without_its_password_is_refused(
    shared_api: ApiUnderTest, password: str, message: str
) -> None:
    form = {"user_id": "ada", "password": password}
    answer = await shared_api.http.post("/api/files", files={"file": ("a.pdf", LOCKED)}, data=form)

    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_file")
    assert message in answer.json()["detail"]


async def test_a_document_that_is_not_read_is_refused_by_name(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.upload(b"\xd0\xcf\x11\xe0", name="old.doc")

    assert answer.status_code == 422
    assert "Save it as .docx" in answer.json()["detail"]


def test_a_name_is_only_ever_shown() -> None:
    assert display_name("../../etc/passwd") == "passwd"
    assert display_name("C:\\photos\\me.jpg") == "me.jpg"
    assert display_name("gpj.\u202eexe\0.jpg") == "gpj.exe.jpg"
    assert display_name("照片.jpg") == "照片.jpg"
    assert display_name("x" * 400) == "x" * 150
    assert display_name("") == "file"
