import html
import json
from urllib.parse import quote

import pytest

from fastsmtp.masking import MASK, mask_in, mask_values, unmask_values

STORED = {"Authorization": "Bearer x", "X-Team": "ops"}


def test_names_are_shown_and_values_are_not() -> None:
    assert mask_values(STORED) == {"Authorization": MASK, "X-Team": MASK}


def test_what_comes_back_masked_is_kept() -> None:
    assert unmask_values(mask_values(STORED), stored=STORED) == STORED


def test_what_is_left_out_goes_and_what_is_new_comes() -> None:
    changed = {"X-Team": MASK, "X-New": "1"}
    assert unmask_values(changed, stored=STORED) == {"X-Team": "ops", "X-New": "1"}


def test_a_mask_without_a_stored_value_is_refused() -> None:
    with pytest.raises(ValueError, match="X-New"):
        unmask_values({"X-New": MASK}, stored=STORED)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"authorization":"Bearer s3cret-t0ken"}', f'{{"authorization":"{MASK}"}}'),
        ("token=s3cret-t0ken; s3cret-t0ken", f"token={MASK}; {MASK}"),
        ("Bearer of good news for ops", "Bearer of good news for ops"),
        ("", ""),
    ],
)
def test_what_a_stranger_repeats_is_masked(text: str, masked: str) -> None:
    assert mask_in(text, ["Bearer s3cret-t0ken", "ops"]) == masked


SECRET = 's3cret/"t0&ken+'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET).replace("/", r"\/"),
        quote(SECRET, safe=""),
        html.escape(SECRET),
    ],
)
def test_however_it_is_written(written: str) -> None:
    masked = mask_in(f"<{written}>", [f"Bearer {SECRET}"])
    assert masked.replace('"', "") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key: s3cret-t0ken", f"key: {MASK}"),
        ("key: s3cret-t0k", f"key: {MASK}"),
        ("key: Bearer s3", f"key: {MASK}"),
        ("s3cret-tx", "s3cret-tx"),
        ("s3cret-tx s", f"s3cret-tx {MASK}"),
        ("nothing of it?", "nothing of it?"),
        ("", ""),
    ],
)
def test_what_was_cut_off_in_the_middle_of_a_secret(text: str, masked: str) -> None:
    assert mask_in(text, ["Bearer s3cret-t0ken"], is_cut=True) == masked
