"""Read by schemathesis: the files that it sends are photos."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

from evaluation.photo_files import drawing, saved

schemathesis.openapi.media_type("image/jpeg", st.sampled_from([saved(drawing()), saved(drawing(), "PNG")]))
