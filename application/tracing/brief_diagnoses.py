"""What is kept of the diagnosis of a refused request."""

from datetime import datetime

from application.ports.refusals import BriefDiagnosis
from application.ports.signature_doctor import Diagnosis, DiagnosisStatus

NONE_FITS = "none_fits"
ACCEPTED = "accepted"
_MOST_CODE_CHARACTERS = 100


def brief_diagnosis_of(diagnosis: Diagnosis, at: datetime) -> BriefDiagnosis:
    """``diagnosis`` in short."""
    if diagnosis.status is DiagnosisStatus.ACCEPTED:
        return BriefDiagnosis(
            ACCEPTED,
            "With the secrets that are configured now it is accepted: they were changed a moment "
            "ago.",
            "Nothing is left to do but to let the customer write again",
            is_certain=True,
            at=at,
        )
    return BriefDiagnosis(
        "+".join(diagnosis.causes)[:_MOST_CODE_CHARACTERS] or NONE_FITS,
        diagnosis.explanation,
        ". ".join(diagnosis.remedies),
        diagnosis.is_certain,
        at,
    )
