import argparse
import sys
from pathlib import Path

import terraform.policies
from terraform.policies.root import Root, load
from terraform.policies.rules import broken


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m terraform.policies", description=terraform.policies.__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--plan", type=Path, required=True, help="what `terraform show -json` says of the plan")
    parser.add_argument("--backend-config", type=Path)
    options = parser.parse_args()
    found = broken(Root.read(options.root, load(options.plan), options.backend_config))
    for rule, words in found.items():
        print(*(f"{rule}: {one}" for one in words), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
