"""The few pages for browsers: sign in, and what comes after it."""

from html import escape

from starlette.responses import HTMLResponse, Response

from entrypoints.http.access.sessions import Session

_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    # With 'no-referrer' browsers would send 'Origin: null' with the forms of these pages. To
    # other sites this sends nothing either: the address may have a sign-in code in it.
    "referrer-policy": "same-origin",
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Frontdesk</title>
<h1>Frontdesk</h1>
{}
</html>
"""

_PASTE_FORM = """<form method="post" action="/sign-in" autocomplete="off">
<p><label>Access token <input type="password" name="token" required></label></p>
<p><button>Sign in</button></p>
</form>"""

_CODE_FORM = """<form method="post">
<p><button>Sign in</button></p>
</form>"""


def sign_in_page(problem: str = "", status: int = 200) -> Response:
    """A form into which a token is pasted."""
    return _page(f"{_paragraph(problem)}{_PASTE_FORM}", status)


def code_page() -> Response:
    """One button: a look at the address, as chat programs take, does not use the code up."""
    return _page(_CODE_FORM)


def used_code_page() -> Response:
    """The code is not valid any more."""
    text = "This sign-in code was used, or is over 10 minutes old: 'frontdesk console' makes one."
    return _page(_paragraph(text), 403)


def home_page(session: Session) -> Response:
    """Whose session it is, and the way out."""
    form = (
        '<form method="post" action="/sign-out">'
        f'<input type="hidden" name="csrf_token" value="{escape(session.csrf_token)}">'
        "<p><button>Sign out</button></p></form>"
    )
    text = f"Signed in with the token '{session.token.name}' until {session.ends_at:%H:%M} UTC."
    api = '<p>The API is under <a href="/v1/openapi.json">/v1</a>.</p>'
    return _page(f"{_paragraph(text)}{api}{form}")


def problem_page(problem: str, status: int) -> Response:
    """What is wrong with a request for a page."""
    return _page(_paragraph(problem), status)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>\n" if text else ""


def _page(content: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(content), status, dict(_HEADERS))
