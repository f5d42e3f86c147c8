"""How strongly counts speak against a rate, however often one looks.

Who looks every 30 seconds and stops at the first bad look will, sooner or later, have seen one. Here the evidence is a
likelihood ratio against the limit, averaged over several alternatives (Wald 1945, Sequential Tests of Statistical
Hypotheses; the mixture is Robbins 1970). While the limit is kept it is a non-negative supermartingale that starts at 1,
so the chance that it *ever* reaches 1/a is at most a (Ville 1939; Johari, Koomen, Pekelis and Walsh 2022, Always Valid
Inference). All figures are natural logarithms of it.
"""

from collections.abc import Iterable, Sequence
from math import exp, inf, log, log1p

WORSE = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
BETTER = (0.0, 0.1, 0.25, 0.5, 1.0)
ALMOST_ALL = 0.95
Pair = tuple[int, int]


def above(rate: float, hits: int, trials: int) -> float:
    """Evidence that hits come more often than at this rate."""
    return _mixed([_ratio(min(rate * times, ALMOST_ALL), rate, hits, trials) for times in WORSE])


def below(rate: float, usual: float, hits: int, trials: int) -> float:
    """Evidence that hits come less often than at this rate; alternatives are shares of a lower one, `usual`."""
    return _mixed([_ratio(usual * times, rate, hits, trials) for times in BETTER])


def more_often(times: float, pairs: Iterable[tuple[Pair, Pair]]) -> float:
    """Evidence that the first of each pair of (hits, trials) has more than `times` the rate of the second.

    Given that a hit comes, whose it is depends on the ratio of the rates alone, whatever both are and however they
    change (Lindon and Malek 2022, Anytime-Valid Inference for Multinomial Count Data).
    """
    counted = [pair for pair in pairs if pair[0][1] and pair[1][1]]
    return _mixed([sum(_share(times, times * more, *pair) for pair in counted) for more in WORSE])


def _share(null: float, other: float, first: Pair, second: Pair) -> float:
    weight = first[1] / second[1]
    expected, supposed = null * weight / (1 + null * weight), other * weight / (1 + other * weight)
    return first[0] * log(supposed / expected) + second[0] * log((1 - supposed) / (1 - expected))


def _ratio(other: float, null: float, hits: int, trials: int) -> float:
    """How much better another rate explains the counts than this one."""
    if hits and not other:
        return -inf
    gained = hits * log(other / null) if hits else 0.0
    return gained + (trials - hits) * (log1p(-other) - log1p(-null))


def _mixed(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + log(sum(exp(one - most) for one in logs) / len(logs))
