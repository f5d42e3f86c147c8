"""What stands before the platforms and splits reads between two stores: one shape for load balancer, DNS and proxy.

The registry's routing epoch alone decides who owns a tenant. A split moves reads, which the platforms hand on where
they must, so a wrong one costs latency and never a write.
"""

from .elbv2 import Elbv2
from .envoy import Envoy
from .route53 import Route53
from .split import Intended, Served, Split, as_intended

__all__ = ["Elbv2", "Envoy", "Intended", "Route53", "Served", "Split", "as_intended"]
