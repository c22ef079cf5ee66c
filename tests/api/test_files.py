"""Uploads: a whole picture is kept, anything else is refused and leaves nothing behind."""

import hashlib

import pytest

from api.requests.uploads import shown_name
from tests.api.installation import ApiUnderTest
from tests.api.pictures import bomb, picture


async def test_a_photo_is_kept_and_described(standing: ApiUnderTest) -> None:
    content = picture(80, 60, "PNG")
    answer = await standing.upload(content, name="me.jpg")

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
    assert (await standing.http.get(f"/api/files/{file['code']}")).json() == file
    assert b"".join([chunk async for chunk in standing.parts.store.read(f"files/{file['code']}.png")]) == content


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
    standing: ApiUnderTest, content: bytes, status: int, code: str
) -> None:
    answer = await standing.upload(content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_form_must_be_a_form_with_a_file(standing: ApiUnderTest) -> None:
    headers = {"Aijobs-User": "ada"}
    no_form = await standing.http.post("/api/files", json={"file": "photo"}, headers=headers)
    no_file = await standing.http.post("/api/files", files={"photo": ("a.jpg", picture())}, headers=headers)
    text = await standing.http.post("/api/files", files={"file": (None, "not a file")}, headers=headers)
    broken = await standing.http.post(
        "/api/files", content=b"--", headers={**headers, "Content-Type": "multipart/form-data"}
    )

    assert no_form.status_code == 415
    assert no_file.json()["errors"][0]["pointer"] == text.json()["errors"][0]["pointer"] == "/file"
    assert broken.status_code == 400


async def test_somebody_elses_file_is_not_there(standing: ApiUnderTest) -> None:
    file = (await standing.upload(picture(), user="ada")).json()

    assert (
        await standing.http.get(f"/api/files/{file['code']}", headers=await standing.key_for("eve"))
    ).status_code == 404
    assert (await standing.http.get("/api/files/nonsense")).status_code == 404


async def test_a_form_may_name_its_user(standing: ApiUnderTest) -> None:
    answer = await standing.http.post("/api/files", files={"file": ("a.jpg", picture())}, data={"user_id": "ada"})
    code = answer.json()["code"]

    assert (await standing.http.get(f"/api/files/{code}", headers={"Aijobs-User": "ada"})).status_code == 200
    assert (await standing.http.get(f"/api/files/{code}", headers={"Aijobs-User": "bob"})).status_code == 404


def test_a_name_is_only_ever_shown() -> None:
    assert shown_name("../../etc/passwd") == "passwd"
    assert shown_name("C:\\photos\\me.jpg") == "me.jpg"
    assert shown_name("gpj.\u202eexe\0.jpg") == "gpj.exe.jpg"
    assert shown_name("照片.jpg") == "照片.jpg"
    assert shown_name("x" * 400) == "x" * 150
    assert shown_name("") == "file"
