"""The reader of the text format takes nothing that Prometheus would not."""

import pytest

from tests.exposition import read

HEAD = "# HELP a_total Some.\n# TYPE a_total counter\n"
HISTOGRAM = "# HELP h Some.\n# TYPE h histogram\n"


def test_a_sound_one() -> None:
    found = read(f'{HEAD}a_total{{b="c\\"\\\\\\n",d=""}} 1.5\na_total 2e-05\n')
    assert found.value("a_total", b='c"\\\n', d="") == 1.5
    assert found.value("a_total") == 2e-05
    assert found.value("a_total", b="c") is None
    assert found.value("b") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "a 1\n", f"{HEAD}a_total 1", f"{HEAD}a_total 1\n\n", f"{HEAD}b_total 1\n"),
        *(f"{HEAD}a_total  1\n", f"{HEAD}a_total one\n", f"{HEAD}a_total -1\n"),
        *(f"{HEAD}a_total 1\na_total 1\n", f"{HEAD}a_total_sum 1\n", f"{HEAD}a_total{{}} 1\n"),
        *(f"{HEAD}a_total{{b=c}} 1\n", f'{HEAD}a_total{{b="c",b="d"}} 1\n'),
        *(f'{HEAD}a_total{{b="\\c"}} 1\n', f'{HEAD}a_total{{b="c" ,d="e"}} 1\n'),
        *(HEAD + HEAD, "# TYPE a counter\n", "# HELP a Some.\n# TYPE b gauge\n"),
        *("# HELP a Some.\n# TYPE a counter\na 1\n", "# HELP a Some.\n# TYPE a other\n"),
        f'{HISTOGRAM}h_bucket{{le="1"}} 2\nh_bucket{{le="+Inf"}} 1\nh_sum 1\nh_count 1\n',
        f'{HISTOGRAM}h_bucket{{le="2"}} 1\nh_bucket{{le="1"}} 1\nh_sum 1\nh_count 1\n',
        f'{HISTOGRAM}h_bucket{{le="1"}} 1\nh_sum 1\nh_count 1\n',
        f'{HISTOGRAM}h_bucket{{le="+Inf"}} 1\nh_sum 1\nh_count 2\n',
        f'{HISTOGRAM}h_bucket{{le="+Inf"}} 1\nh_count 1\n',
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(AssertionError):
        read(text)
