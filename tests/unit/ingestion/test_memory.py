import gc

import pytest

from ingestion.memory import rare_collections


def test_the_thresholds_come_back_after_an_error():
    before = gc.get_threshold()

    @rare_collections()
    def read():
        assert gc.get_threshold()[0] > before[0]
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        read()
    assert gc.get_threshold() == before
