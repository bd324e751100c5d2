"""Text from outside is plain, one line and bounded, whatever it was."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.clean import plain


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<b>Bitcoin</b> rises", "Bitcoin rises"),
        ("Bitcoin &amp; Ether", "Bitcoin & Ether"),
        ("&lt;script&gt;alert(1)&lt;/script&gt; news", "news"),
        ("<script>alert(1)</script>news", "news"),
        ("<style>a{}</style>news<script>never closed", "news"),
        ("After six months , the war", "After six months, the war"),
        ("a\x00b\x1b[31mc\u202ed\u200be", "a b [31mc d e"),
        ("line\nbreak\ttab", "line break tab"),
        ("5 < 6 and 7 > 3", "5 3"),
        ("<img src=x onerror=alert(1)>", ""),
        (None, ""),
        (5, ""),
        (["x"], ""),
        ("\ud800 lone", "lone"),
    ],
)
def test_text_becomes_harmless(raw, clean):
    assert plain(raw, longest=200) == clean


def test_it_is_cut_with_a_sign():
    assert plain("word " * 100, longest=20) == "word word word word…"
    assert len(plain("x" * 50_000, longest=300)) == 300


@given(st.text(max_size=400), st.integers(2, 60))
def test_any_text_is_one_bounded_line_without_control_characters(raw, longest):
    clean = plain(raw, longest=longest)
    assert len(clean) <= longest
    assert not any(unicodedata.category(sign)[0] == "C" for sign in clean)
    assert clean == " ".join(clean.split())


@given(
    st.lists(
        st.sampled_from(["<", "</", "&lt;", ">", "&gt;", "script", "b", " ", "x", "&amp;", "/"]), max_size=12
    )
)
def test_no_script_tag_survives(parts):
    assert "<script>" not in plain("".join(parts), longest=200).lower()
