"""Sign-in codes are valid once, for ten minutes."""

from datetime import timedelta
from pathlib import Path

import pytest

from application.clock import utc_now
from entrypoints.composition.container import build_container
from entrypoints.http.access.sign_in_codes import SignInCodes
from entrypoints.http.console.start import sign_in_address


def test_code_is_valid_for_ten_minutes(tmp_path: Path) -> None:
    codes, now = SignInCodes(tmp_path), utc_now()
    late, in_time = codes.make(now), codes.make(now)
    assert codes.use(in_time, now + timedelta(minutes=9, seconds=58))
    assert not codes.use(late, now + timedelta(minutes=10))
    assert not codes.use(late, now)


def test_old_codes_are_removed_with_the_next_one(tmp_path: Path) -> None:
    codes, now = SignInCodes(tmp_path), utc_now()
    codes.make(now)
    codes.make(now + timedelta(minutes=11))
    (left,) = (tmp_path / "sign-in-codes").iterdir()
    assert left.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]"), ("192.0.2.7", "192.0.2.7")],
)
def test_address_that_a_start_prints_is_one_that_answers(
    tmp_path: Path, bound: str, reached: str
) -> None:
    container = build_container({"DATA_DIR": str(tmp_path)})
    address = sign_in_address(container, f"http://{bound}:8000")
    assert address is not None
    assert address.startswith(f"http://{reached}:8000/sign-in/")
