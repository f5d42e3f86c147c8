NAMES = (
    "three flaky unforeseen refused foreign unstorable waits slow cut skips stops",
    "backup stubborn clean_up cleaned asks undone leased",
)
KINDS = {f"test.{name}": f"tests.jobs.kinds.{name.upper()}" for name in " ".join(NAMES).split()}
