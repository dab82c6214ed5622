"""A fake of the platform's OTLP collector on loopback. It accepts metrics over HTTP as protobuf and as JSON."""

import gzip
import http.server
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

# The end of the name of the gauge with the age of the oldest drift.
DRIFT = "__oldest_drift_hours"


class Collector:
    """Listens until the `with` block ends and records the requests."""

    def __init__(self):
        self.paths, self.headers, self.requests = [], [], []
        # Responses to the next requests, instead of the normal one: (status, content type, body).
        self.responses = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                kind, request = self.headers["Content-Type"], ExportMetricsServiceRequest()
                if kind == "application/json":
                    json_format.Parse(body, request)
                    response = b"{}"
                else:
                    request.ParseFromString(body)
                    response = ExportMetricsServiceResponse().SerializeToString()
                collector.paths.append(self.path)
                collector.headers.append(dict(self.headers))
                status = 200
                if collector.responses:
                    status, kind, response = collector.responses.pop(0)
                else:
                    collector.requests.append(request)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.endpoint = f"{self.base}/v1/metrics"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def gauges(self):
        """Returns the last number of images of every gauge: {name: (value, attributes, service name, scope)}."""
        return {name: values for name, values in self.all_gauges().items() if not name.endswith(DRIFT)}

    def drift(self):
        """Returns the same of the age of the oldest drift, which a later run pushes with another value; None without it."""
        return next((values for name, values in self.all_gauges().items() if name.endswith(DRIFT)), None)

    def all_gauges(self):
        """Returns the last value of every gauge."""
        found = {}
        for request in self.requests:
            for resource in request.resource_metrics:
                service = _attributes(resource.resource.attributes).get("service.name")
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        assert metric.HasField("gauge"), metric
                        point = metric.gauge.data_points[-1]
                        value = getattr(point, point.WhichOneof("value"))
                        attributes = _attributes(point.attributes)
                        found[metric.name] = (value, attributes, service, scope.scope.name)
        return found


def _attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}
