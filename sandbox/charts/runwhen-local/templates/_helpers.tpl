{{/* The name of the resources. The value of a label has at most 63 characters. */}}
{{- define "runwhen-local.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- $name = .Release.Name -}}
{{- else -}}
{{- $name = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "runwhen-local.labels" -}}
app.kubernetes.io/name: {{ include "runwhen-local.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "runwhen-local.image" -}}
{{- $image := .Values.runwhenLocal.image -}}
{{- printf "%s/%s:%s" $image.registry $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}

{{- define "runwhen-local.serviceAccount" -}}
{{- $account := .Values.runwhenLocal.serviceAccount -}}
{{- $name := include "runwhen-local.name" . -}}
{{- ternary (default $name $account.name) (default "default" $account.name) $account.create -}}
{{- end -}}

{{/* The environment of a container. */}}
{{- define "runwhen-local.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  valueFrom:
    {{- toYaml $value | nindent 4 }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The security context of a container: its settings (`own`), and the common ones that it lacks. */}}
{{- define "runwhen-local.securityContext" -}}
{{- merge (deepCopy .own) .common | toYaml -}}
{{- end -}}

{{- define "runwhen-local.workspace" -}}
{{- $workspace := .Values.workspace -}}
{{- $name := required "workspace.name is required" $workspace.name -}}
{{- $settings := dict "workspaceName" $name "location" .Release.Namespace -}}
{{- if not (empty $workspace.namespaces) -}}
{{- $_ := set $settings "namespaces" $workspace.namespaces -}}
{{- end -}}
{{- mergeOverwrite $settings $workspace.config | toYaml -}}
{{- end -}}
