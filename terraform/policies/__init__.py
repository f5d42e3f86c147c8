"""The rules of this project's Terraform, over source and plan: one for each way in which the estate before had failed.

python -m terraform.policies ROOT --plan plan.json [--backend-config backend.hcl]

says what breaks which rule and ends with 1, or with 0. `plan.json` is what `terraform show -json` says of a saved plan:
its configuration is the source with modules resolved, its changes are what would be.
"""
