"""The fields of SendGrid's form."""

import pytest

from infrastructure.channels.sendgrid.form_fields import passed_dkim_domains


@pytest.mark.parametrize(
    ("statuses", "domains"),
    [
        ("{@example.com : pass}", ("example.com",)),
        ("{@example.com: pass}", ("example.com",)),
        ("{@Example.COM : PASS}", ("example.com",)),
        ("{@a.example : fail, @b.example : pass}", ("b.example",)),
        ("{@a.example : pass}{@b.example : pass}", ("a.example", "b.example")),
        ("{@a.example : pass},{@b.example : none}", ("a.example",)),
        ("{@m\u00fcnchen.example : pass}", ("xn--mnchen-3ya.example",)),
        ("none", ()),
        ("", ()),
        ("pass", ()),
        ("{@example.com : passed}", ()),
        ("{@example.com : fail}", ()),
        ("{@a b.example : pass}", ()),
        ("{@-.example : pass}", ()),
        ("forged {@example.com : pass}", ()),
        ("@" * 10_000, ()),
    ],
)
def test_dkim_results_are_read_as_sendgrid_writes_them(
    statuses: str, domains: tuple[str, ...]
) -> None:
    assert passed_dkim_domains(statuses) == domains
