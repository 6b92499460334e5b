"""Which version is served: the one that the registry's alias names at the moment, or a fixed one."""

from mlflow.tracking import MlflowClient

from serving import registry
from serving.app import Service
from serving.registry import ModelUnavailable, NoVersion
from serving.server import PORT


class Versions:
    """A first version that can't be loaded is fatal, and so is a fixed one that is missing: earlier pods serve on.
    After that, the server keeps the one that it has."""

    def __init__(self, service: Service, uri: str) -> None:
        self._service, self._uri = service, uri
        self._said = ""

    def update(self) -> None:
        """Ask the registry once; raises ModelUnavailable if the first version can't be served."""
        try:
            found = registry.resolve(MlflowClient(), self._uri)
            if self._service.model is None or self._service.model.identity.version != found.version:
                model = registry.load(self._service.name, self._uri, found)
                self._service.serve(model)
                batching = f"; requests are not batched: {model.unbatched}" if model.unbatched else ""
                self._say(f"{self._uri} is version {found.version}, on port {PORT}{batching}")
        except NoVersion as error:
            if self._service.model is None and registry.is_fixed(self._uri):
                raise ModelUnavailable(str(error)) from error
            if self._service.model is None:
                self._service.waiting = str(error)
            self._say(str(error))
        except ModelUnavailable as error:
            if self._service.model is None and self._service.waiting is None:
                raise
            if self._service.waiting is not None:
                self._service.waiting = str(error)
            self._service.metrics.failed_to_load()
            self._say(str(error))

    def _say(self, what: str) -> None:
        """Say it once, not at every poll."""
        if what != self._said:
            print(f"serving: {what}", flush=True)
            self._said = what
