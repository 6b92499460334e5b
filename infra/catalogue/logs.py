"""Names by which the log store, its collector and its proxy find each other, and `make logs` the proxy."""

from __future__ import annotations

from infra.catalogue.images import LOGS
from infra.catalogue.names import selector

STORE, COLLECTOR, READER = "log-store", "log-collector", "log-reader"
STORE_PODS, COLLECTOR_PODS, READER_PODS = (selector(name, LOGS) for name in (STORE, COLLECTOR, READER))
STORE_PORT = 9428

READER_POD = f"{READER}-0"
"""A StatefulSet's pod has a name of its own, so that a role can allow a port-forward to this pod only."""
READER_PORT = 8427
"""On the pod's loopback interface, which a port-forward reaches and no other pod."""

QUERY = "/select/logsql/query"
"""The path at which the store is asked for lines that it has."""
USERS_FILE = "users.yml"
"""The key of the proxy's Secret with its users, in JSON."""

POD_LOGS = "/var/log/pods"
"""Where the collector sees the node's folder, whichever it is there: part of each log's name in the store."""
