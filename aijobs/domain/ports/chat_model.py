"""Language models that are called over HTTP."""

from collections.abc import Sequence
from typing import Protocol

from aijobs.domain.llm import AnswerSchema, ChatMessage, Completion, ModelTerms, OnText


class ChatModel(Protocol):
    """A stateless language model that is called over HTTP: each call sends all earlier messages."""

    @property
    def model(self) -> str:
        """The name under which it is asked."""
        ...

    @property
    def terms(self) -> ModelTerms:
        """Its window, and its prices."""
        ...

    @property
    def takes_files(self) -> bool:
        """Whether documents may be attached; pictures always may."""
        ...

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        shape: AnswerSchema | None = None,
        on_text: OnText | None = None,
        reference: str | None = None,
    ) -> Completion:
        """Ask once. A request that is refused for one of its fields, which is free, may be sent again without it.

        An answer without a text is none. `reference` is for the provider's log: ASCII, at most 512 characters.

        Raises AnswerLost when the question has left and no whole answer came, ProviderUnavailable when it was surely
        not answered (with Retry-After where given), ProviderFailed when it never will be.
        """
        ...
