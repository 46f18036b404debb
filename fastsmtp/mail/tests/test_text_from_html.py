import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.html_text import MAX_TOKENS, make_text

CASES = {
    "paragraphs": ("<p>One</p>\n<p>Two<br>lines</p>", "One\n\nTwo\nlines"),
    "white space": ("<div>  a\n  b <b>c</b>  d</div><div>e</div>", "a b c d\ne"),
    "entities": ("Gr&uuml;&szlig;e &amp; &#x20AC;&nbsp;5 &unknown;", "Grüße & € 5 &unknown;"),
    "hidden": (
        "<head><title>T</title><STYLE>p{}</style></head><script>if(a<b){}</script>seen",
        "seen",
    ),
    "comments": ("a<!-- b --><!--[if mso]><p>c</p><![endif]-->d", "ad"),
    "list": ("<ul><li>one</li><li>two</li></ul>end", "- one\n- two\n\nend"),
    "table": ("<table><tr><td>a</td><td>1</td></tr><tr><td>b<td>2</table>", "a\t1\nb\t2"),
    "quote": (
        "Yes.<blockquote><p>one</p><p>two</p></blockquote>Ada",
        "Yes.\n\n> one\n>\n> two\n\nAda",
    ),
    "quote in a quote": ("<blockquote>a<blockquote>b", "> a\n\n> > b"),
    "pre": ("<pre>a  b\n  c\n\nd</pre>", "a  b\n  c\n\nd"),
    "blank lines": ("a<br><br>b", "a\n\nb"),
    "> in an attribute": ("<a title=\"a > b\" href='x>y'>link</a>", "link"),
    "less than": ("1 < 2 and 3 <4", "1 < 2 and 3 <4"),
    "unclosed tag": ("seen<a href=", "seen"),
    "unclosed quote": ('seen <a href="x>link</a> more', 'seen "x>link more'),
    "no tags": ("just text", "just text"),
    "huge reference": ("a&#" + "9" * 5000 + ";b&#x110000;c&#0;", "a\ufffdb\ufffdc\ufffd"),
    "surrogate": ("&#xD800;", "\ufffd"),
    "ends only": ("</p></blockquote></pre>a  b", "a b"),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("source", "text"), CASES.values(), ids=CASES)
def test_text_is_made(source: str, text: str) -> None:
    assert make_text(source) == (text, True)


def test_depth_is_no_limit() -> None:
    assert make_text("<div>" * 40_000 + "deep" + "</div>" * 40_000) == ("deep", True)
    assert make_text("<blockquote>" * 1000 + "deep") == ("> > > > > deep", True)


def test_what_has_too_many_tags_is_cut() -> None:
    assert make_text("a<b>" * MAX_TOKENS + "end") == ("a" * (MAX_TOKENS // 2), False)


@pytest.mark.parametrize(
    "source",
    ["<table><tr><td>" + "x" * 10_000 + "<tr><td>a" * 1000, "<p style='margin:9999999em'>a" * 50],
)
def test_layout_does_not_make_it_longer(source: str) -> None:
    assert len(make_text(source)[0]) <= len(source)


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ["<", ">", "<p>", "</p>", "<pre>", "<!--", "-->", '"', "'", "<a ", "&#", "&amp;", "x\n",
             "<blockquote>", "<style>", "</style", "<li>", "<td>", "\r\n", "\ud800", "\0", " "]
        )
    ).map("".join)
)  # fmt: skip
def test_any_text_becomes_clean_text(source: str) -> None:
    text, is_whole = make_text(source)
    assert is_whole
    text.encode()
    assert "\0" not in text
