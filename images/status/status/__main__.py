"""python -m status: serves the page on port 8080. Files and URLs are set by environment variables."""

import os
import sys
from pathlib import Path

import uvicorn

from status.app import create_app
from status.declared import Declared
from status.login import Login, NoLogin
from status.page import Page
from status.sources import Alertmanager, Cluster, Prometheus

PORT = 8080
REQUIRED = ("PROMETHEUS_URL", "ALERTMANAGER_URL", "DECLARED_FILE", "DASHBOARDS", "LOGIN_FILE")


def main() -> None:
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"status: set {', '.join(missing)}")
    login = Login(Path(os.environ["LOGIN_FILE"]))
    try:
        login.require_passwords()
        Declared.read(Path(os.environ["DECLARED_FILE"]))
    except (NoLogin, OSError, ValueError) as error:
        sys.exit(f"status: {error}")
    page = Page(
        cluster=Cluster(),
        prometheus=Prometheus(os.environ["PROMETHEUS_URL"]),
        alertmanager=Alertmanager(os.environ["ALERTMANAGER_URL"]),
        declared=Path(os.environ["DECLARED_FILE"]),
        dashboards=Path(os.environ["DASHBOARDS"]),
    )
    print(f"status: serving on port {PORT}", flush=True)
    uvicorn.run(create_app(page, login), host="0.0.0.0", port=PORT, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
