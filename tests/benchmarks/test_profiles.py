"""Pictures of profiles are drawn of what Python and py-spy print."""

from benchmarks.flame_graph import draw
from benchmarks.profiles import read_imports, read_samples

SAMPLES = """\
main (entrypoints/cli/main.py:12);dumps (json/__init__.py:183) 3
main (entrypoints/cli/main.py:12);dumps (json/__init__.py:183) 1
run (threading.py:1);Condition.wait (threading.py:320) 90
"""
IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |     json.decoder
import time:        50 |        150 |   json
import time:        30 |        180 | domain.messages
import time:         7 |          7 | zlib
"""


def test_equal_stacks_are_added_and_idle_threads_left_out() -> None:
    assert read_samples(SAMPLES) == {
        ("main (entrypoints/cli/main.py)", "dumps (json/__init__.py)"): 4
    }


def test_each_import_lies_below_the_module_that_imports_it() -> None:
    assert read_imports(IMPORTS) == {
        ("domain.messages",): 30,
        ("domain.messages", "json"): 50,
        ("domain.messages", "json", "json.decoder"): 100,
        ("zlib",): 7,
    }


def test_picture_says_how_much_and_leaves_out_what_is_too_narrow() -> None:
    picture = draw({("domain.messages",): 999.0, ("tiny",): 1.0}, "A <picture>", "µs")
    assert "A &lt;picture&gt;: 1,000 µs" in picture
    assert "domain.messages (99.9%)" in picture
    assert "tiny" not in picture
