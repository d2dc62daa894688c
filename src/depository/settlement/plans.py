"""How much work an effort stands for, counted in units of work, never in seconds."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The work of an effort, stage by stage."""

    rounds: int
    """Rounds of cuts."""
    far: float
    """The part of the bound by which a rounding may end below it before another is tried turn by turn."""
    passes: int
    """Passes of an improvement."""
    looks: int
    """How often an improvement may look at each leg."""
    scan: int = 50
    """How many ways to mend a position an improvement weighs."""
    searches: tuple[tuple[int, int], ...]
    """Searches: units beside those in doubt, checkpoints of the solver."""
    wider: int
    """How many wider searches may follow where the set is still far from the bound."""
    rest: float
    """A search ends when this part of the gap is the most that is left to gain in it."""
    block: int | None = None
    """About how many units are searched together on wide days, if not as on all others."""
    kin: range = range(0)
    """Which other solutions of the relaxation give sets of their own on large days. Going on from a lesser effort, they are
    crossed with its set and begin after those that it had."""
    idle: tuple[tuple[int, int], ...] = ()
    """On large days in place of all searches but the first: those in which units worth neither more nor less than they use are in doubt."""
    finds: int | None = None
    """The better set with which a search for `kin` or `idle` ends: what the solver finds next takes long and brings little."""
    regions: int = 0
    """How many regions are searched after each of the idle."""
    whole: int
    """Up to so many open units a search goes for the proof."""
    proof: int
    """That search's units times checkpoints."""


PLANS = {
    "quick": Plan(
        rounds=2, far=0.05, passes=1, looks=100, scan=10, searches=((500, 60),), wider=1, rest=0.02, block=1250,
        whole=1500, proof=1_000_000,
    ),
    "standard": Plan(
        rounds=6, far=0.005, passes=3, looks=200, searches=((1500, 120),), wider=2, rest=0.001, kin=range(1), idle=((6000, 120),),
        finds=2, whole=3000, proof=12_000_000,
    ),
    "thorough": Plan(
        rounds=12, far=0.005, passes=5, looks=500, searches=((1500, 120), (3000, 150), (6000, 150)), wider=2, rest=0.001,
        kin=range(1, 7), idle=((16_000, 120),), finds=2, regions=24, whole=12_000, proof=8_000_000,
    ),
}  # fmt: skip

# Above HUGE units a round of cuts or a dive takes as long as all searches of the blocks in doubt, which find far more; quick goes without,
# for its second round takes as long as the relaxation. As much improvement comes of fewer ways weighed, in half the time. In
# blocks of 12,500 a search leaves next to nothing: what there is to gain lies between them.
HUGE_PLANS = {
    "quick": replace(PLANS["quick"], rounds=0, rest=0.005, scan=5, block=None),
    "standard": replace(PLANS["standard"], rounds=4, far=1.0, idle=((10_000, 60),), scan=10, block=60_000),
    "thorough": replace(PLANS["thorough"], rounds=4, far=1.0, idle=((30_000, 60),), regions=0, scan=10, block=80_000),
}  # fmt: skip
