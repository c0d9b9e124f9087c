"""The pages for browsers that have not signed in."""

from starlette.responses import Response


def sign_in_page(wanted: str = "/", problem: str = "", status: int = 200) -> Response:
    """A form into which a token is pasted. It leads to the page that was ``wanted``."""
    return _page("sign_in.html", status, wanted=wanted, problem=problem)


def code_page() -> Response:
    """One button: a look at the address, as chat programs take, does not use the code up."""
    return _page("sign_in_code.html")


def used_code_page() -> Response:
    """The code is not valid any more."""
    text = "This sign-in code was used, or is over 10 minutes old: 'frontdesk console' makes one."
    return problem_page(text, 403)


def problem_page(
    problem: str, status: int, way_on: tuple[str, str] = ("/sign-in", "Sign in")
) -> Response:
    """What is wrong with a request for a page, and the address and the name of a page to go to."""
    return _page("refused.html", status, problem=problem, way_on=way_on)


def _page(template: str, status: int = 200, **context: object) -> Response:
    # Templates are for servers with whom somebody signs in.
    from entrypoints.http.console.rendering import html_response

    return html_response(template, context, status)
