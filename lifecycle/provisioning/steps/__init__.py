"""One file per step of provisioning. Each may be killed at any instruction and run again."""
