"""`--web`: the page of a job or a run, in a browser."""

from dbjobs.cli.context import App
from dbjobs.errors import NotFoundError
from dbjobs.output.browser import is_page, open_page


def show_page(app: App, url: str | None, *, is_result: bool = True) -> None:
    """Open a page; where no browser can be opened, its URL is the result, or a note."""
    if url is None or not is_page(url):
        raise NotFoundError("the workspace gives no URL for this page", hint="look for it in the workspace")
    if open_page(url, app.environ):
        app.streams.note(f"opened {url}")
    elif is_result:
        app.streams.result(url)
    else:
        app.streams.note(f"page: {url}")
