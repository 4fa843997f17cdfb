from html.parser import HTMLParser

import pytest

from theradose.report.content import BANNER
from theradose.report.html import write_html
from unit.report.example import renamed

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7*7 }}'
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements, self.open, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page_of(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert not page.open
    return page


@pytest.fixture(scope="module")
def page(result, images, pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("html") / "report.html"
    write_html(result, images, path, pictures=pictures)
    return page_of(path)


def test_the_page_loads_nothing(page):
    links = [value for _, attrs in page.elements for key, value in attrs.items() if key in {"src", "href", "srcset"}]
    assert links
    assert all(link.startswith(("data:image/svg+xml;base64,", "#")) for link in links)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form"}
    policy = next(attrs["content"] for tag, attrs in page.elements if "http-equiv" in attrs)
    assert "default-src 'none'" in policy
    assert "url(" not in "".join(page.text)


def test_the_page_can_be_read_by_a_machine_voice(page):
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert all(attrs["alt"] for tag, attrs in page.elements if tag == "img")
    assert all(attrs.get("scope") for tag, attrs in page.elements if tag == "th")
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") > 8
    targets = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {attrs["href"][1:] for tag, attrs in page.elements if tag == "a"} <= targets


def test_the_banner_opens_and_closes_the_page(page):
    assert sum(text == BANNER for text in page.text) == 2


def test_data_is_never_markup(result, images, pictures, tmp_path):
    changed, _ = renamed(result, images, HOSTILE)
    study = changed.study | {"therapy": HOSTILE}
    changed = changed.model_copy(update={"study": study, "run_id": HOSTILE})
    write_html(changed, images, tmp_path / "report.html", pictures=pictures)
    page = page_of(tmp_path / "report.html")
    assert "script" not in {tag for tag, _ in page.elements}
    assert not any("onerror" in attrs for _, attrs in page.elements)
    assert any(HOSTILE in text for text in page.text)


def test_the_same_result_gives_the_same_page(result, images, pictures, tmp_path):
    for name in ("a.html", "b.html"):
        write_html(result, images, tmp_path / name, pictures=pictures)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
