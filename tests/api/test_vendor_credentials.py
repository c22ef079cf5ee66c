"""Credentials of vendors, as operators see them."""

from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.jobs.submissions import ProviderRequest, Rejected
from tests.api.installation import ApiUnderTest

UNPAID = Rejected("provider_blocked", "no credit", account_must_act=True)
REQUEST = ProviderRequest("POST", "https://example.com/v1", {}, {})


async def test_an_operator_sees_what_is_wrong_with_a_credential_and_uses_it_again(api: ApiUnderTest) -> None:
    code, records = await api.job("ada"), api.dependencies.records
    sent = await records.submissions.intend(code, provider="replicate", token="token-1", request=REQUEST)
    await records.submissions.conclude(sent, UNPAID, trial=Trial(credential="replicate"))

    listed = (await api.http.get("/api/credentials")).json()["data"]
    mended = await api.http.post("/api/credentials/replicate/reset")
    missing = await api.http.post("/api/credentials/replicate:none/reset")

    before = {one["credential"]: one for one in listed}["replicate"]
    assert (before["provider"], before["state"], before["is_blocked"]) == ("replicate", "open", True)
    assert before["reason"] == "no credit"
    assert (mended.status_code, mended.json()["state"], missing.status_code) == (200, "closed", 404)
    assert "token" not in before


async def test_whoever_is_no_operator_does_not(shared_api: ApiUnderTest) -> None:
    ada = await shared_api.key_for("ada")

    assert (await shared_api.http.get("/api/credentials", headers=ada)).status_code == 403
    assert (await shared_api.http.post("/api/credentials/replicate/reset", headers=ada)).status_code == 403
