"""The parser stays quick: a loose ceiling on the time of the processor, which other work on the machine leaves alone."""

import statistics
import time

from tests.support.adql_corpus import ACCEPTED
from vo.adql.parser import parse_query

CEILING_MS = 0.3


def parser_times_ms(rounds=20):
    """Median time of the processor to parse each query of the corpus, in milliseconds."""
    times = []
    for text in ACCEPTED:
        spent = []
        for _ in range(rounds):
            start = time.process_time_ns()
            parse_query(text)
            spent.append((time.process_time_ns() - start) / 1e6)
        times.append(statistics.median(spent))
    return times


def test_the_median_query_is_parsed_in_less_than_the_ceiling():
    assert statistics.median(parser_times_ms()) < CEILING_MS


if __name__ == "__main__":
    times = parser_times_ms(100)
    print(
        f"{len(times)} queries: median {statistics.median(times):.3f} ms, longest {max(times):.3f} ms of the processor"
    )  # a command
