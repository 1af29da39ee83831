"""Run the Python blocks of the tutorial, as a reader would, against an archive: run_tutorial.py TUTORIAL ADDRESS."""

import re
import sys
import traceback
from pathlib import Path

ADDRESS_IN_THE_TEXT = "http://127.0.0.1:8000"


def main(tutorial: Path, address: str) -> int:
    text = tutorial.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, start=1):
        code = block.replace(ADDRESS_IN_THE_TEXT, address)
        try:
            exec(compile(code, f"block {number} of {tutorial.name}", "exec"), names)  # noqa: S102 - our own documentation
        except Exception:  # noqa: BLE001 - whatever a reader would meet
            traceback.print_exc()
            print(f"  tutorial     FAILED  block {number} of {len(blocks)}:\n{code}", flush=True)
            return 1
        print(f"  tutorial     ok      block {number} of {len(blocks)}", flush=True)
    # What the text promises about the answers.
    assert len(names["windows"]) > 0, "the cone has found nothing"
    assert names["windows"]["separation_deg"].unit == "deg", "the columns have no units"
    assert len(names["products"]) > 0, "there is no spectrum"
    assert 0 < names["coverage"].sky_fraction <= 1, "the coverage is empty"
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
