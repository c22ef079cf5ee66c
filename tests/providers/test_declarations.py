"""Files that declare a provider: what is wrong in one is named."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from aijobs.domain.catalogue import Catalogue
from aijobs.providers.declared import DeclarationError, declared_package, key_table, read_declaration
from aijobs.providers.declared.parameters import parameters_of
from aijobs.providers.registry import SHIPPED
from aijobs.settings import SHIPPED_CATALOGUE
from aijobs.usecases.models import AvailableModels
from api.schemas.model_responses import model_response
from tests.providers.acme_vendor import ACME, KEY


def with_change(old: str, new: str) -> str:
    assert old in ACME
    return ACME.replace(old, new, 1)


def test_the_table_of_keys_in_the_documents_is_what_the_code_says() -> None:
    docs = Path(__file__).parents[2] / "docs" / "providers.md"

    assert key_table() in docs.read_text("utf-8"), "`aijobs provider keys` writes it"


def test_every_key_has_a_meaning() -> None:
    _, _, *rows = (line.strip("|").split("|") for line in key_table().splitlines())

    assert {len(row) for row in rows} == {4}
    assert [row[0] for row in rows if not row[3].strip()] == []
    assert [row[2].strip() for row in rows if row[0].strip() == "`query.progress_scale`"] == ["`100`"]


def test_everything_that_can_be_declared_is_read() -> None:
    declaration = read_declaration(ACME)

    assert declaration.capabilities.cancel
    assert declaration.capabilities.webhook
    assert declared_package(ACME).vendor.label == "Acme"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "progress_scale = 1\n",
            "",
            "40 in examples.running would be 4000 %; if the vendor counts to 100, set progress_scale = 1",
        ),
        ('"cdn.acme.example"]', '"cdn.example"]', "download_hosts: cdn.acme.example is not listed, so the result in"),
        (
            'choices = ["plain", "rich"]',
            'choices = ["plain", "rich"]\ndefault = "odd"',
            "parameters.style.default: 'odd' could not be sent: Input should be 'plain' or 'rich'",
        ),
        (
            "required = true",
            'required = true\nlabel = { de = "Text" }',
            "parameters.prompt.label: there is no language 'de'; there are en, zh",
        ),
        (
            "required = true",
            "required = true\ndescription = {}",
            "parameters.prompt.description: needs a text in one language at least: en, zh",
        ),
        ("default = 20", "default = 51", "parameters.steps.default: 51 could not be sent: Input should be less than"),
        ("minimum = 1\n", "minimum = 60\n", "parameters.steps: its minimum 60 is above its maximum 50"),
        ('link_lifetime = "1h"', 'link_lifetime = "1 hour"', "link_lifetime: is no duration: write 1h, 30m or 90s"),
        ("[auth]", "[auth", "not TOML"),
        ('label = "Acme"', 'label = "Acme"\nlable = "x"', "lable: Extra inputs"),
        ('status = "job.state"', 'status = "job..state"', "query.status: Value error, is no JMESPath expression"),
        ('status = "job.state"', 'status = "state"', "query.status: 'state' matches nothing in examples.finished"),
        ('progress = "job.progress"', 'progress = "job.percent"', "query.progress: 'job.percent' matches nothing"),
        ('link = "job.link"', 'link = "job.url"', "submit.ref.link: 'job.url' matches nothing in examples.submitted"),
        ('links = "files[].url"', 'links = "urls"', "outputs.links: 'urls' matches nothing in examples.results"),
        (
            'kind = "image"',
            'kind = "image"\nnames = { at = "x" }',
            "outputs.names.at: 'x' matches nothing in examples.fin",
        ),
        ('"/jobs/{ref.id}/files"', '"/files/{finished.at}"', "outputs.path: {finished.at} is nothing"),
        ('items = "jobs"', 'items = "data"', "reconcile.items: 'data' matches nothing in examples.listed"),
        ('token = "tag"', 'token = "tags"', "reconcile.token: 'tags' matches nothing in any item"),
        ('processing = ["running"]', 'processing = ["running", "done"]', "'done' is in more than one list"),
        ('failed = ["broken"]', "failed = []", "statuses.failed: no word means it"),
        ('generated = ["done"]', 'generated = ["ready"]', "its status 'done' is not in statuses.generated"),
        ("later = [503]", "later = [404, 503]", "errors: 404 is in more than one list"),
        ("later = [503]", "later = [200]", "errors: 200 is a success"),
        ('tag = "{token}"', 'tag = "{settings.secret}"', "submit.body: {settings.secret} is nothing that it may name"),
        ('tag = "{token}"', 'tag = "{env.HOME}"', "{env.HOME} is nothing"),
        ('tag = "{token}"', 'tag = "${AIJOBS_SECRET}"', "{AIJOBS_SECRET} is nothing"),
        ('tag = "{token}"', 'tag = "{{ config }}"', "submit.body: "),
        ('tag = "{token}"', 'tag = "{file:/etc/passwd}"', "{file:/etc/passwd} is nothing"),
        ('tag = "{token}"', 'tag = "{token.__class__}"', "{token.__class__} is nothing"),
        ('tag = "{token}"', 'tag = "{params.prompts}"', "{params.prompts} is nothing"),
        ("/models/{model}/jobs", "/models/{ref.id}/jobs", "submit.path: {ref.id} is nothing"),
        ('path = "/jobs/{ref.id}"\nstatus', 'path = "//evil.example/{ref.id}"\nstatus', "must begin with one /"),
        ('base_url = "https://api.acme.example/v2"', 'base_url = "file:///etc"', "base_url: Value error, must be an"),
        ('"https://api.acme.example/v2"', '"https://u:p@api.acme.example"', "base_url: Value error, must be an"),
        ('url = "{webhook_url}", ', "", "webhook: no part of submit names {webhook_url}"),
        (', secret = "{webhook_secret}"', "", "webhook.proof.0: no part of submit names {webhook_secret}"),
        (', header = "X-Acme-Signature"', "", "webhook.proof.0: hmac_sha256 needs a header"),
        ('ref = { id = "job.id", link', "ref = { link", "submit.ref: it has no id"),
        ("results = ", "# results = ", "examples.results: is needed to try outputs.links"),
        ("finished = '{", "finished = '", "examples.finished: is not JSON"),
        ('params_at = "input"', 'params_at = "a.b"', "submit.params_at: must be"),
        ('params_at = "input"', 'params_at = "tag"', "submit.body.tag: must be a table, since the parameters go into"),
        ("[parameters.prompt]", "[parameters._prompt]", "parameters._prompt: a parameter cannot be called so"),
        ("[parameters.prompt]", "[parameters.model_dump]", "parameters.model_dump: a parameter cannot be called so"),
        ("max_length = 100", "minimum = 1", "parameters.prompt: its type is string, which has no minimum"),
        ("max_length = 100", "max_length = -1", "parameters.prompt.max_length: Input should be greater than"),
        ("minimum = 1\n", "minimum = 0.5\n", "parameters.steps: its minimum 0.5 is no whole number"),
        ("minimum = 1\n", "minimum = nan\n", "parameters.steps.minimum: Input should be a finite number"),
        ("minimum = 1\n", "max_length = 1\n", "parameters.steps: its type is integer, which has no max_length"),
        ("minimum = 1\n", 'choices = ["a"]\n', "parameters.steps: its type is integer, and 'a' among its choices is"),
        ("progress_scale = 1", "progress_scale = inf", "query.progress_scale: Input should be a finite number"),
        ('"price": 0.04', '"price": {}', "query.charge: {} in examples.finished is no number"),
        ('"progress": 40', '"progress": "soon"', "query.progress: 'soon' in examples.running is no number"),
        ('links = "files[].url"', 'links = "files[::0].url"', "outputs.links: 'files[::0].url' matches nothing"),
        ('links = "files[].url"', f'links = "{"(" * 2_000}"', "outputs.links: Value error, is nested too deeply"),
        ("listed = '{", f"listed = '{'[' * 100_000}{{", "examples.listed: is not JSON"),
        ('"https://api.acme.example/v2"', '"https://[api/v2"', "base_url: Value error, must be an http or https"),
        ("[auth]", '[auth]\nheader = "X Key"', "auth.header: 'X Key' is no name of a header"),
        ("[auth]", '[auth]\nscheme = "Be\\narer"', "auth.scheme: 'Be\\narer' cannot stand in a header"),
        ('Version = "2026-01-01"', 'Version = "值"', "submit.headers.Version: '值' cannot stand in a header"),
        ('Version = "2026-01-01"', 'authorization = "x"', "submit.headers.authorization: carries the key"),
        ("too_late = [409]", "too_late = [204]", "cancel.too_late: 204 is a success"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(complaint)):
        read_declaration(with_change(old, new))


@pytest.mark.parametrize("link", ["http://10.0.0.5/7.png", "data:image/png;base64,aGk="])
def test_only_links_of_https_need_a_host_that_is_listed(link: str) -> None:
    """Others are for the operator to allow."""
    declaration = read_declaration(with_change("https://cdn.acme.example/7.png", link))

    assert declaration.download_hosts == ["cdn.acme.example"]


def test_a_webhook_without_a_section_is_named() -> None:
    without = re.sub(r"\[webhook\].*?\n\n", "", ACME, flags=re.DOTALL)

    with pytest.raises(DeclarationError, match=r"names \{webhook_url\}, and there is no section"):
        read_declaration(without)


def test_a_key_to_send_again_by_is_sent() -> None:
    without = ACME.replace("-{token}", "").replace('tag = "{token}", ', "")

    with pytest.raises(DeclarationError, match=r"resend_window: no part of submit names \{token\}"):
        read_declaration(without)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(DeclarationError) as wrong:
        read_declaration(with_change('failed = ["broken"]', "failed = []").replace('items = "jobs"', 'items = "x"'))

    assert len(str(wrong.value).splitlines()) == 3  # the example of a failure is none now


def test_a_file_has_a_length() -> None:
    with pytest.raises(DeclarationError, match="longer than"):
        read_declaration(ACME + "#" * 300_000)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "prompt"),
        ({"prompt": "x" * 101}, "prompt"),
        ({"prompt": "x", "steps": 51}, "steps"),
        ({"prompt": "x", "steps": "5"}, "steps"),
        ({"prompt": "x", "style": "odd"}, "style"),
        ({"prompt": "x", "images": ["file:///etc/passwd"]}, "images"),
        ({"prompt": "x", "images": ["https://a.example/1"] * 3}, "images"),
        ({"prompt": "x", "seed": 1}, "seed"),
    ],
)
def test_parameters_are_held_to_their_declaration(sent: dict[str, object], field: str) -> None:
    parameters = parameters_of(read_declaration(ACME).parameters)

    with pytest.raises(ValidationError) as wrong:
        parameters.model_validate(sent)

    assert wrong.value.errors()[0]["loc"][0] == field


def test_parameters_may_be_left_out_and_have_defaults() -> None:
    parameters = parameters_of(read_declaration(ACME).parameters)

    taken = parameters.model_validate({"prompt": "x"}).model_dump(exclude_none=True)

    assert taken == {"prompt": "x", "steps": 20}
    assert set(parameters.file_fields()) == {"images"}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"base_resp": {"status_code": 1004, "status_msg": "login fail"}}', "answers 1004: login fail"),
        (b"<html>", "answers without JSON"),
        (b'{"files": [], "base_resp": {"status_code": 0, "status_msg": "success"}}', None),
    ],
)
def test_a_key_that_is_refused_within_a_success_is_noticed(body: bytes, complaint: str | None) -> None:
    assert SHIPPED["minimax"].vendor.key_check.complaint(body) == complaint


async def test_what_people_read_of_a_parameter_is_declared_by_language_and_a_catalogue_lays_its_own_over_it() -> None:
    declared = with_change("required = true\n", f"required = true\n{TEXTS}")
    package = declared_package(declared)
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), OWN_TEXTS)
    async with package.opened(package.settings(token=KEY)) as provider:
        models = AvailableModels(catalogue=catalogue, providers={"acme": provider})
        entry = model_response(models, catalogue.model("ttapi_midjourney_v7"))
        kept = provider.parameters(catalogue.model("ttapi_midjourney_v7"))

    properties = (entry.parameters or {})["properties"]
    assert properties["prompt"]["x-in"] == {
        "en": {"label": "prompt", "description": "What to draw"},
        "zh": {"label": "画面", "description": "要画的内容"},
    }
    assert properties["prompt"]["description"] == "What to draw"
    assert properties["steps"]["x-in"]["zh"] == {"label": "步数", "description": "越多越慢"}
    assert properties["steps"]["description"] == "越多越慢"
    assert "x-texts" not in properties["prompt"]
    assert kept.model_validate({"prompt": "a lighthouse"}).model_dump()["prompt"] == "a lighthouse"


TEXTS = """label = { zh = "画面" }
description = { en = "What to draw", zh = "画什么" }
"""
OWN_TEXTS = """
[models.ttapi_midjourney_v7]
provider = "acme"
parameters.labels.steps = { zh = "步数" }
parameters.descriptions.steps = { zh = "越多越慢" }
parameters.descriptions.prompt = { zh = "要画的内容" }
"""
