"""What is asked of green. Data: an installation, a tier or a move may set any of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The defaults of migration.md; shares are between 0 and 1, times in seconds."""

    error_rate: float = 0.01
    times_blue_errors: float = 2.0
    times_blue_latency: float = 2.0
    quantile: float = 0.95
    soak: float = 300.0
    overlap: float = 0.9  # an answer disagrees when less of blue's top k is in it
    disagreeing: float = 0.02
    cpu: float = 0.8
    memory: float = 0.85
    pool: float = 0.8
    sustained: int = 3  # windows in succession over a resource's limit
    reported: int = 3  # problems that people have reported
    min_requests: int = 100
    min_errors: int = 3
    min_compared: int = 20
    false_alarm: float = 0.001  # the chance that a green at the limit is ever rolled back
    false_pass: float = 0.01  # the chance that a green at `clearly_bad` times the limit ever passes
    clearly_bad: float = 3.0

    def __post_init__(self) -> None:
        for name in ("error_rate", "quantile", "overlap", "disagreeing", "false_alarm", "false_pass"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is a share between 0 and 1")
        if self.clearly_bad <= 1 or max(self.error_rate, self.disagreeing, 1 - self.quantile) * self.clearly_bad >= 1:
            raise ValueError("clearly_bad is more than once a limit, and leaves it a share")
