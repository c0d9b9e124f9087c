"""Values as hypothesis makes them, of all that JSON can hold."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from domain.messages import Attachment

texts = st.text(st.characters(codec="utf-8"), max_size=20)
optional_texts = st.none() | texts
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
sizes = st.none() | st.integers(0, 2**53)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
attachments = st.builds(
    Attachment,
    content_type=texts,
    filename=optional_texts,
    size_bytes=sizes,
    sha256=optional_texts,
    content_id=optional_texts,
    inline=st.booleans(),
    url=optional_texts,
    reference=optional_texts,
)
metadata = st.dictionaries(texts, json_values, max_size=3)
