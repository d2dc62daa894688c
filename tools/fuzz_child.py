"""The process that fuzzes one parser: libFuzzer by atheris, until its options stop it; `tools/fuzz.py` starts it.

python -m tools.fuzz_child PARSER FOLDER [options of libFuzzer]
"""

import sys
from pathlib import Path

import atheris

from tools.mutations import mutated

GUIDES = ["parsers", "forms", "depository.identifiers", "depository.rejects"]
if sys.argv[1:2] == ["cms"]:
    # Which elements a signature has is found there.
    GUIDES.append("asn1crypto")

# The code whose paths guide the fuzzer is changed as it is imported, in this process alone.
with atheris.instrument_imports(include=GUIDES):
    from tools.fuzz_targets import TARGETS, one_input


def main(name: str, seeds: str, options: list[str]) -> None:
    """Writes the right files into the folder `seeds` and runs libFuzzer; does not return."""
    target = TARGETS[name]
    for number, data in enumerate(target.seeds()):
        (Path(seeds) / f"{number:04d}").write_bytes(data)

    def custom(data: bytes, max_size: int, seed: int) -> bytes:
        changed = mutated(data, seed, lambda piece: bytes(atheris.Mutate(piece, max(len(piece) * 2, 64))))
        return changed[:max_size]

    atheris.Setup([sys.argv[0], *options], lambda data: one_input(target, data), custom_mutator=custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
