{{- define "umbrella.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "shared.name" -}}from-umbrella-{{ .Chart.Name }}{{- end -}}
