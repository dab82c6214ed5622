{{- define "collector.pod" -}}
metadata:
  annotations:
    checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
  labels:
    {{- include "collector.labels" . | nindent 4 }}
spec:
  serviceAccountName: {{ ternary (include "collector.name" .) "default" .Values.serviceAccount.create }}
  containers:
    - name: collector
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion | toString }}"
      args: [--config=/conf/collector.yaml]
      {{- $env := list (dict "name" "NAMESPACE" "value" .Release.Namespace) }}
      {{- with .Values.resources.limits }}
      {{- if .memory }}
      {{- $env = append $env (dict "name" "GOMEMLIMIT" "value" (include "collector.goMemory" .memory)) }}
      {{- end }}
      {{- end }}
      env:
        {{- concat $env (tpl .Values.extraEnv . | fromYamlArray) | toYaml | nindent 8 }}
      {{- if eq (include "collector.hasPorts" .) "true" }}
      ports:
        {{- include "collector.ports" (dict "ports" .Values.ports "key" "containerPort") | trim | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /conf
  volumes:
    - name: config
      configMap:
        name: {{ template "collector.name" . }}
{{- end -}}
