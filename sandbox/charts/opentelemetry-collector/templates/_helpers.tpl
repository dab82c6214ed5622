{{- define "collector.name" -}}
{{- $name := default (printf "%s-%s" .Release.Name .Chart.Name) .Values.fullnameOverride -}}
{{- $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "collector.selector" -}}
app.kubernetes.io/name: {{ template "collector.name" . }}
{{- end -}}

{{/* The labels of the chart, and those of the values with other names. */}}
{{- define "collector.labels" -}}
{{- $labels := include "collector.selector" . | fromYaml -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service -}}
{{- mustMerge $labels .Values.labels | toYaml -}}
{{- end -}}

{{- define "collector.mode" -}}
{{- $modes := list "deployment" "statefulset" -}}
{{- if not (has .Values.mode $modes) -}}
{{- fail (print "mode must be " (join " or " $modes) ", not " .Values.mode) -}}
{{- end -}}
{{- .Values.mode -}}
{{- end -}}

{{/* 80 % of an amount of memory such as 512Mi, 1Gi, 500M or 1073741824, for Go's soft limit. */}}
{{- define "collector.goMemory" -}}
{{- $amount := toString . -}}
{{- $mebibytes := 0.0 -}}
{{- if hasSuffix "Gi" $amount -}}
{{- $mebibytes = mulf (trimSuffix "Gi" $amount | float64) 0x1p10 -}}
{{- else if hasSuffix "Mi" $amount -}}
{{- $mebibytes = trimSuffix "Mi" $amount | float64 -}}
{{- else if hasSuffix "M" $amount -}}
{{- $mebibytes = divf (mulf (trimSuffix "M" $amount | float64) 1e6) 0x1p20 -}}
{{- else -}}
{{- $mebibytes = divf (float64 $amount) 0x1p20 -}}
{{- end -}}
{{- mulf $mebibytes 0.8 | floor | int64 }}MiB
{{- end -}}

{{/* The enabled ports, as a list of a Service or of a container: `key` is the field of the number. */}}
{{- define "collector.ports" -}}
{{- $key := .key -}}
{{- range $name, $port := .ports }}
{{- if $port.enabled }}
- name: {{ lower $name }}
  {{ $key }}: {{ (split ":" $port.endpoint)._1 | int }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "collector.hasPorts" -}}
{{- $found := false -}}
{{- range .Values.ports -}}
{{- if .enabled -}}
{{- $found = true -}}
{{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}
