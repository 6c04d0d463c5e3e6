"""Integer logistic functions: the same table on every machine, made with integer arithmetic only."""

ONE = 1 << 16  # probability 1; probabilities are integers in 1..ONE-1
UNIT = 256  # stretch units: ln(p / (1 - p)) = stretch / UNIT
LIMIT = 11 * UNIT - 1  # largest stretch told apart
PROBABILITY_FLOOR = 24  # no event is thought rarer than this / ONE


def _exponentials(count: int) -> list[int]:
    """exp(-k / UNIT) for k < count, as 64-bit fractions; the factor is exp(-1/256) * 2**64, rounded down."""
    factor, term = 0, 1 << 80
    for k in range(1, 12):  # Taylor series of exp(-1/UNIT), all terms exact to 2**-80
        factor += term
        term = -term // (UNIT * k)
    values = [1 << 64]
    for _ in range(count - 1):
        values.append(values[-1] * factor >> 80)
    return values


_EXP = _exponentials(16 * UNIT)
_HALF = [(ONE << 64) // ((1 << 64) + e) for e in _EXP[: LIMIT + 1]]
SQUASH = [max(ONE - p, PROBABILITY_FLOOR) for p in reversed(_HALF[1:])]
SQUASH += [min(p, ONE - PROBABILITY_FLOOR) for p in _HALF]  # SQUASH[stretch + LIMIT] = probability


def _invert_squash() -> list[int]:
    table, x = [], -LIMIT
    for p in range(8, ONE, 16):
        while x < LIMIT and SQUASH[x + LIMIT] < p:
            x += 1
        table.append(x)
    return table


STRETCH = _invert_squash()  # STRETCH[probability >> 4]

TAIL_STEPS = 64  # table steps for one scale of the logistic distribution
TAIL_LIMIT = 16 * TAIL_STEPS - 1
_UPPER = [(e << 32) // ((1 << 64) + e) for e in _EXP[:: UNIT // TAIL_STEPS]]
TAIL = [(1 << 32) - v for v in reversed(_UPPER[1:])] + _UPPER  # TAIL[x + TAIL_LIMIT] = P(X > x / TAIL_STEPS) * 2**32
