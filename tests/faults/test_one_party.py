"""One party's broken folder or file holds up nobody else's (design §4)."""

import shutil
from datetime import timedelta
from pathlib import Path

from tests.faults.kill_points import DAY, SMALL_DAY, Drop, World, drop_files
from tests.support.fault_results import tried


def receipts(root: Path, party: str) -> list[str]:
    return sorted(path.name.partition(".xlsx")[0] for path in (root / party / "outbox").glob("*.receipt.json"))


def test_a_missing_inbox_and_a_missing_outbox_delay_their_own_party_alone(world: World, tmp_path: Path) -> None:
    root = tmp_path / "sftp"
    day = f"{DAY}/"
    first, second, third = (
        Drop("B02", "inbox", day + "1005/B02/inbox/IST_B02-IST-0001.xlsx"),
        Drop("B03", "inbox", day + "1020/B03/inbox/IST_B03-IST-0001.xlsx"),
        Drop("B05", "inbox", day + "0940/B05/inbox/WRN_B05-WRN-0001.xlsx"),
    )
    with world.server(root) as server:
        place = world.place(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path / "var", server)
        depository = world.forker.depository(place)
        depository.do("load", SMALL_DAY[0].moment(world.zone))
        shutil.rmtree(root / "B01" / "inbox")
        shutil.rmtree(root / "B02" / "outbox")
        # What somebody put on our side by hand is no file of ours to read, and is in nobody's way.
        (root / "csd" / "claimed" / "B04" / "inbox~20261123T050000000000~folder.xlsx").mkdir()
        drop_files(root, (first, second, third))
        at = SMALL_DAY[6].moment(world.zone)
        depository.do("look", at)
        assert receipts(root, "B03") == ["IST_B03-IST-0001"]
        assert receipts(root, "B05") == ["WRN_B05-WRN-0001"]
        # Mended, the answer that waited comes with the next look.
        (root / "B02" / "outbox").mkdir()
        (root / "B01" / "inbox").mkdir()
        depository.do("look", at + timedelta(seconds=2))
        assert receipts(root, "B02") == ["IST_B02-IST-0001"]
        depository.close()
    tried(
        "a party's inbox or outbox is missing",
        "embedded SFTP server",
        "the others' files go on; its own when it is mended",
    )
