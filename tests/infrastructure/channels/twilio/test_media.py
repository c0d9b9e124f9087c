"""The files at Twilio are fetched, and nothing else is."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.errors import (
    MediaNotFoundError,
    MediaRefusedError,
    MediaUnavailableError,
    SecretsUnavailableError,
)
from infrastructure.channels.twilio.media import TwilioMediaSource
from infrastructure.configuration.secrets.accounts import TwilioAccount
from tests.infrastructure.channels.https_server import (
    Authority,
    make_authority,
    redirecting,
    responding,
    response,
)
from tests.infrastructure.channels.twilio.internet import (
    ACCOUNT,
    ACCOUNTS,
    CDN,
    OTHER_SID,
    PLACE,
    TOKEN,
    Internet,
    assert_no_secret,
)
from tests.infrastructure.channels.twilio.webhooks import ACCOUNT_SID


def test_file_is_fetched_with_the_first_token_of_the_account(internet: Internet) -> None:
    assert internet.fetch(responding(response(b"file"))) == b"file"
    (visit,) = internet.visits
    assert f"https://{visit.host}{visit.target}" == PLACE
    credentials = base64.b64decode(visit.headers["authorization"].removeprefix("Basic "))
    assert credentials == f"{ACCOUNT_SID}:{TOKEN}".encode()
    assert visit.headers["accept-encoding"] == "identity"


def test_file_is_read_behind_redirects_without_credentials(internet: Internet) -> None:
    handle = redirecting(CDN, "/d/e", "https://API.twilio.com:443/f#g", content=b"x" * 300_000)
    assert internet.fetch(handle) == b"x" * 300_000
    assert internet.targets == [
        PLACE.removeprefix("https://"),
        CDN.removeprefix("https://"),
        "media.example.com/d/e",
        "api.twilio.com/f",
    ]
    assert ["authorization" in visit.headers for visit in internet.visits] == [True, *[False] * 3]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(internet: Internet, status: int) -> None:
    assert internet.fetch(redirecting(CDN, status=status)) == b"file"


def test_redirects_end_at_the_fourth(internet: Internet) -> None:
    internet.refused(redirecting(CDN, CDN, CDN, CDN), "too many redirects")
    assert len(internet.visits) == 4


@pytest.mark.parametrize(
    "location",
    [
        *("http://media.example.com/a", "ftp://media.example.com/a", "file:///etc/passwd"),
        *("https://user@media.example.com/a", "https://user:word@media.example.com/a"),
        *("https://media.example.com:8443/a", "https://media.example.com:80/a"),
        *("https://[::1]/a", "https://media.example.com\\@127.0.0.1/a", "https://médià.example/a"),
        *("https:///a", "https://", "https://media.example.com", "//user@media.example.com/a"),
        *("https://media.example.com/a b", "https://media.example.com/\tb", "https://[/a"),
        *("https://.media.example.com/a", "https://-/a", f"https://{'a' * 254}/a", "", "a", "?a"),
        *("#a", "..", "https:a", "https:/a", "///media.example.com/a", "/a\\b", "\\a"),
    ],
)
def test_redirect_to_another_kind_of_place_is_refused(internet: Internet, location: str) -> None:
    handle = responding(response(b"", f"Location: {location}", status=302), response(b"secret"))
    internet.refused(handle, "is not one like")
    assert len(internet.visits) == 1


def test_redirect_to_a_private_address_is_refused(internet: Internet) -> None:
    inside = {"media.example.com": "127.0.0.2"}
    internet.refused(redirecting(CDN), "media.example.com has no public address", addresses=inside)
    assert len(internet.visits) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_redirect_to_this_machine_is_refused(internet: Internet, host: str) -> None:
    from infrastructure.channels.public_addresses import is_public, system_addresses

    def resolve(name: str) -> Sequence[str]:
        return ["127.0.0.1"] if name == "api.twilio.com" else system_addresses(name)

    seen: list[str] = []

    def is_allowed(address: str) -> bool:
        seen.append(address)
        return len(seen) == 1 or is_public(address)

    internet.refused(
        redirecting(f"https://{host}/a"),
        "no public address",
        resolve=resolve,
        is_allowed=is_allowed,
    )
    assert len(internet.visits) == 1


@pytest.mark.parametrize(
    "url",
    [
        PLACE.replace("https:", "http:"),
        PLACE.replace("api.twilio.com", "api.twilio.com.example.com"),
        PLACE.replace("api.twilio.com", "example.com"),
        PLACE.replace("api.twilio.com", "other.api.twilio.com"),
        PLACE.replace("api.twilio.com", "other-api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com."),
        PLACE.replace("api.twilio.com", "api.twilio.com:8443"),
        PLACE.replace("api.twilio.com", "user:word@api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com@example.com"),
        PLACE.replace("api.twilio.com", "example.com\\@api.twilio.com"),
        PLACE.replace("api.twilio.com", "example.com#@api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com\t"),
        PLACE.replace("api.twilio.com", "a\u03c1i.twilio.com"),
        PLACE.replace(ACCOUNT_SID, OTHER_SID),
        PLACE.replace("2010-04-01", "2011-04-01"),
        f"{ACCOUNT}.json",
        f"{ACCOUNT}/Messages.json",
        f"{ACCOUNT}/../{OTHER_SID}/Messages/MM2/Media/ME3",
        f"{ACCOUNT}/Messages/../Media/ME3",
        f"{ACCOUNT}/Messages/MM2/Media/..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3/../../../../{ACCOUNT_SID}.json",
        f"{ACCOUNT}/./Messages/MM2/Media/ME3",
        f"{ACCOUNT}//Messages/MM2/Media/ME3",
        f"{ACCOUNT}/Messages/MM2/Media/%2e%2e",
        f"{ACCOUNT}/Messages/MM2/Media/%252e%252e",
        f"{ACCOUNT}/Messages/MM2/Media/ME3%2f..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3%5c..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\\..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\r\nX-Forged: 1",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\n",
        f"{ACCOUNT}/Messages/MM2/Media/ME3?x=..",
        f"{PLACE} HTTP/1.1",
        f"{PLACE}.json",
        "",
        "https://[",
        "x" * 100_000,
    ],
)
def test_url_that_is_not_of_a_file_of_the_account_is_refused(internet: Internet, url: str) -> None:
    asked: list[str] = []
    internet.refused(responding(response(b"secret")), None, url, resolve=asked.append)
    assert asked == []


def a_source_of(accounts: tuple[TwilioAccount, ...]) -> TwilioMediaSource:
    return TwilioMediaSource(lambda: accounts)


def test_media_of_an_account_without_a_token_are_refused() -> None:
    accounts: list[tuple[TwilioAccount, ...]] = [
        (),
        (TwilioAccount(ACCOUNT_SID, ()),),
        ACCOUNTS[:1],
    ]
    for known in accounts:
        with pytest.raises(MediaRefusedError, match="no token is set for the account"):
            a_source_of(known).fetch(PLACE, ACCOUNT_SID)


def test_unreadable_secrets_stay_a_temporary_error() -> None:
    def accounts() -> tuple[TwilioAccount, ...]:
        raise SecretsUnavailableError("not now")

    with pytest.raises(SecretsUnavailableError):
        TwilioMediaSource(accounts).fetch(PLACE, ACCOUNT_SID)


def test_host_that_does_not_prove_its_name_gets_no_credentials(tmp_path: Path) -> None:
    internet = Internet(make_authority(tmp_path, "media.example.com"))
    internet.refused(responding(response(b"x")), "does not prove that it is this host")
    assert internet.visits == []


def test_host_of_a_redirect_must_prove_its_own_name(tmp_path: Path) -> None:
    internet = Internet(make_authority(tmp_path, "api.twilio.com"))
    internet.refused(redirecting(CDN), "media.example.com does not prove that it is this host")
    assert len(internet.visits) == 1


def test_host_of_an_unknown_authority_gets_no_credentials(
    authority: Authority, internet: Internet, tmp_path: Path
) -> None:
    other = make_authority(tmp_path, "api.twilio.com")
    internet.refused(
        responding(response(b"x")), "does not prove that it is", authorities=other.trusted
    )
    assert internet.visits == []


def test_host_is_resolved_once(internet: Internet) -> None:
    asked: list[str] = []

    def rebinding(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    assert internet.fetch(responding(response(b"file")), resolve=rebinding) == b"file"
    assert asked == ["api.twilio.com"]


def test_addresses_that_are_not_public_are_left_out(internet: Internet) -> None:
    def resolve(host: str) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.1", "::1"]

    assert internet.fetch(responding(response(b"file")), resolve=resolve) == b"file"


def test_next_address_is_tried_if_one_does_not_answer(internet: Internet) -> None:
    handle = responding(response(b"file"))
    resolve = lambda host: ["127.0.0.9", "127.0.0.1"]  # noqa: E731 - one line
    content = internet.fetch(handle, resolve=resolve, is_allowed=lambda address: True)
    assert content == b"file"


def test_environment_proxies_are_not_used(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert internet.fetch(responding(response(b"file"))) == b"file"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *[(status, MediaNotFoundError) for status in (404, 410)],
        *[(status, MediaUnavailableError) for status in (408, 429, 500, 503)],
        *[(status, MediaRefusedError) for status in (201, 204, 206, 300, 304, 400, 401, 403)],
    ],
)
def test_answer_without_the_file_is_an_error(
    internet: Internet, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        internet.fetch(responding(response(b"", status=status)))
    assert_no_secret(caught.value)


def test_refused_token_is_named(internet: Internet) -> None:
    internet.refused(responding(response(b"", status=401)), "is the account's first token")


def test_redirect_without_a_place_is_refused(internet: Internet) -> None:
    internet.refused(responding(response(b"", status=302)), "api.twilio.com answered 302")
