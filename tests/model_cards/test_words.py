import pytest

from pretune.model_cards.words import escape, table_cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, text: 1.5 (a/b) 50 %", "plain, text: 1.5 (a/b) 50 %"),
        ("a_b pretune_autoencoder", "a_b pretune_autoencoder"),
        ("_x_ and __y", "&#95;x&#95; and &#95;&#95;y"),
        (
            "*b* `c` [d](e) ~f~ |g| $h$ \\i",
            "&#42;b&#42; &#96;c&#96; &#91;d&#93;(e) &#126;f&#126; &#124;g&#124; &#36;h&#36; &#92;i",
        ),
        ("<script>&amp;", "&#60;script&#62;&#38;amp;"),
        ("{{ x }} {% y %}", "&#123;&#123; x &#125;&#125; &#123;% y %&#125;"),
        ("https://e.com www.e.com me@e.com", "https&#58;//e.com www&#46;e.com me&#64;e.com"),
        ("# title", "&#35; title"),
        ("- item", "&#45; item"),
        ("+ item", "&#43; item"),
        ("=====", "&#61;===="),
        ("---", "&#45;--"),
        ("-0.5 +3 =x", "-0.5 +3 =x"),
        ("1. item", "1&#46; item"),
        ("23) item", "23&#41; item"),
        ("1.5 is", "1.5 is"),
        ("two\n\n# lines\x85\u2028end", "two &#35; lines end"),
    ],
)
def test_nothing_in_a_text_from_outside_acts_in_a_card(text, expected):
    assert escape(text) == expected


@pytest.mark.parametrize("start", "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
def test_a_cell_of_a_table_is_never_a_formula(start):
    assert table_cell(f"{start}1+1") == f"'{start}1+1"
    assert table_cell(f"a{start}1") == f"a{start}1" and table_cell("") == "" and table_cell(7) == "7"
