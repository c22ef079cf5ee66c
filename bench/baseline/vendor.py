"""Baseline activities for a vendor with Replicate's protocol: nothing is checked or stored."""

import tempfile
from datetime import timedelta
from typing import Any, Final

import httpx
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

POLL_EVERY: Final = timedelta(milliseconds=500)
MODEL_PATH: Final = "/v1/models/topazlabs/image-upscale/predictions"
TOKEN: Final = {"Authorization": "Bearer bench"}


class BareVendor:
    """The calls to the simulated vendor that a bare workflow makes."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @activity.defn(name="vendor_submit")
    async def submit(self, base_url: str, picture: str) -> str:
        """Returns the prediction's URL."""
        body = {"input": {"image": picture, "upscale_factor": "2x"}}
        response = await self._http.post(base_url + MODEL_PATH, json=body, headers=TOKEN)
        return str(response.raise_for_status().json()["urls"]["get"])

    @activity.defn(name="vendor_finished")
    async def finished(self, address: str) -> dict[str, Any]:
        """The finished prediction. Fails until then, so that Temporal retries it."""
        response = await self._http.get(address, headers=TOKEN)
        prediction: dict[str, Any] = response.raise_for_status().json()
        if prediction["status"] != "succeeded":
            raise ApplicationError(
                prediction["status"], next_retry_delay=POLL_EVERY, category=ApplicationErrorCategory.BENIGN
            )
        return prediction

    @activity.defn(name="vendor_download")
    async def download(self, link: str) -> int:
        """Returns the number of stored bytes."""
        response = await self._http.get(link, headers=TOKEN)
        with tempfile.TemporaryFile() as file:
            return file.write(response.raise_for_status().content)
