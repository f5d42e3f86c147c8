"""`python -m terraform.provider serve --reattach-file F`, `… install --mirror DIR`, or `… plugin` as Terraform does."""

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m terraform.provider", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve", help="serve many runs until told to end")
    serving.add_argument("--reattach-file", type=Path, required=True)
    installing = verbs.add_parser("install", help="put the provider into a filesystem mirror")
    installing.add_argument("--mirror", type=Path, required=True)
    installing.add_argument("--packages", type=Path, help="a folder of other providers' packages, to be beside it")
    verbs.add_parser("plugin", help="serve the one Terraform process that started this")
    options = parser.parse_args()
    if options.verb == "serve":
        from terraform.provider.server import serve

        serve(options.reattach_file)
    elif options.verb == "install":
        from terraform.provider.install import add, install

        others = add(options.mirror, options.packages) if options.packages else []
        print(*others, *install(options.mirror), sep="\n")
    else:
        from tf.runner import run_provider

        from terraform.provider.provider import RegionProvider

        run_provider(RegionProvider(), ["terraform-provider-region"])


if __name__ == "__main__":
    main()
