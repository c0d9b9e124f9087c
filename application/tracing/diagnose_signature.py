"""Say of captured requests why their signatures are refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from application.ports.signature_doctor import Capture, Diagnosis, SignatureDoctor
from domain.channels import ChannelType, channel_in_path
from domain.errors import PermanentError, UnsupportedChannelError


class NoWebhookError(PermanentError):
    """Among the captured requests is none that a provider may have sent."""


@dataclass(frozen=True)
class DiagnoseSignature:
    """Finds the webhooks among captured requests, and asks the doctor of their provider."""

    doctors: Sequence[SignatureDoctor]

    def __call__(self, captures: Iterable[Capture]) -> Iterator[Diagnosis]:
        """A diagnosis of each webhook, in order; a capture of a browser also has other requests.

        Raises ``NoWebhookError`` if there is none.
        """
        is_none = True
        for capture in captures:
            doctor = next((one for one in self.doctors if one.recognises(capture)), None)
            if doctor is not None:
                is_none = False
                yield doctor.diagnose(capture, _channel(capture))
        if is_none:
            raise NoWebhookError(
                "no captured request looks like a provider's webhook: it has neither a signature "
                "header nor a provider's fields"
            )


def _channel(capture: Capture) -> ChannelType | None:
    try:
        return channel_in_path(capture.path)
    except UnsupportedChannelError:
        return None
