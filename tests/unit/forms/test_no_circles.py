"""Where forms are read the collector of circles is off, so what is wrong with a row leaves none behind."""

import gc

from forms import samples
from forms.buna import BUNA
from forms.columns import validate_columns
from forms.field import CellFault, fields_of


def test_the_faults_of_wrong_rows_are_gone_when_the_rows_are() -> None:
    assert BUNA.table is not None
    names = [one.name for one in fields_of(BUNA.table)]
    clients = [samples.buna_client(n, email="client at example.com" if n % 2 else None) for n in range(1, 21)]
    rows = [tuple(client.get(name) for name in names) for client in clients]
    gc.collect()
    gc.disable()
    try:
        found = validate_columns(BUNA.table, list(zip(*rows, strict=True)), BUNA.rule, BUNA.checks)
        assert len(found.rejects) == 10
        assert [one for one in gc.get_objects() if isinstance(one, CellFault)] == []
    finally:
        gc.enable()
