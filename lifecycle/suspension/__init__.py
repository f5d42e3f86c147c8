"""What follows a change of status into every system of the tenant, once the registry has it in force."""
