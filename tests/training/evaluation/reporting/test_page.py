"""The page: all of the report's text, pictures inside, nothing of the text taken for HTML."""

from html.parser import HTMLParser

from pretune.training.evaluation.reporting.costs_table import costs_table
from pretune.training.evaluation.reporting.page import as_page

TEXT = """# A <b>title</b>

**Bold & so on**

![a figure](few_labels.png)

| a | b |
|---|---|
| 1 | <script>alert(1)</script> |

- one
- two

```sh
pretune evaluate --model <x>
```
"""


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.sources = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_data(self, data):
        self.text += data


def test_text_tables_lists_code_and_pictures(tmp_path):
    (tmp_path / "few_labels.png").write_bytes(b"picture")
    page = Reader()
    page.feed(as_page(TEXT, tmp_path))
    assert {"h1", "strong", "table", "li", "pre", "img"} <= set(page.tags) and "script" not in page.tags
    assert page.tags.count("b") == 0 and "A <b>title</b>" in page.text and "pretune evaluate --model <x>" in page.text
    assert page.sources == ["data:image/png;base64,cGljdHVyZQ=="]


def test_a_picture_that_is_not_there_leaves_nothing(tmp_path):
    assert "<img" not in as_page(TEXT, tmp_path)


def test_what_is_not_known_of_costs_is_left_empty():
    assert costs_table({"a": {"latent_size": 3, "cost": {}}}, "images") == []
    lines = costs_table(
        {"a": {"latent_size": 3, "cost": {"parameters": 1200, "minutes": 2.0}}, "b": {"latent_size": 4}}, "x"
    )
    assert lines[-2].startswith("| a | 2.0 |  | 1,200 |") and lines[-1].count("|") == lines[-2].count("|")
