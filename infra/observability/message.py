"""What a message says, in Alertmanager's templates, where its own would say too little or too much.

The email, topic and webhook defaults already include all annotations. Slack's default text is empty.
"""

from __future__ import annotations

SLACK = {
    "title": (
        '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] '
        "{{ .GroupLabels.alertname }}{{ with .GroupLabels.team }} ({{ . }}){{ end }}"
    ),
    # A path in the repository leads nowhere from a channel.
    "title_link": '{{ with .CommonAnnotations.runbook_url }}{{ if match "^https?://" . }}{{ . }}{{ end }}{{ end }}',
    # Escaped, or what a label says could call everybody in the channel.
    "text": (
        '{{ range .Alerts }}{{ if eq .Status "resolved" }}over: {{ end }}'
        '{{ .Annotations.summary | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}\n'
        "{{ end }}{{ with .CommonAnnotations.runbook_url }}Runbook: {{ . }}{{ end }}"
    ),
}
"""A line for each alert of the group, and the runbook: what is told together has one name, and so one runbook."""
