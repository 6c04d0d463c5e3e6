import pytest
from headless_browser import Browser, find_chromium


@pytest.fixture(scope="session")
def _one_browser():
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on the PATH")
    browser = Browser(program)
    yield browser
    browser.close()


@pytest.fixture
def browser(_one_browser):
    """A headless browser on an empty page, 1,200 pixels wide, that shows no errors of earlier tests."""
    _one_browser.size(1200)
    _one_browser.open("about:blank")
    return _one_browser
