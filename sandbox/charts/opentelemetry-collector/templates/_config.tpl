{{/* The configuration of the values, with the enabled presets. */}}
{{- define "collector.config" -}}
{{- $presets := .Values.presets -}}
{{- $config := deepCopy .Values.config -}}
{{- if $presets.hostMetrics.enabled -}}
{{- $receiver := dict "config" $config "signal" "metrics" "name" "hostmetrics"
      "settings" (include "collector.hostMetrics" $presets.hostMetrics | fromYaml) -}}
{{- $config = include "collector.withReceiver" $receiver | fromYaml -}}
{{- end -}}
{{- if $presets.podLogs.enabled -}}
{{- $receiver := dict "config" $config "signal" "logs" "name" "filelog"
      "settings" (include "collector.podLogs" . | fromYaml) -}}
{{- $config = include "collector.withReceiver" $receiver | fromYaml -}}
{{- end -}}
{{- if $presets.memoryLimiter.enabled -}}
{{- $config = include "collector.withMemoryLimiter" (dict "config" $config) | fromYaml -}}
{{- end -}}
{{- $config = include "collector.withoutDebug" (dict "config" $config) | fromYaml -}}
{{- tpl (toYaml $config) . -}}
{{- end -}}

{{- define "collector.hostMetrics" -}}
collection_interval: {{ .interval }}
scrapers:
  {{- range sortAlpha .scrapers }}
  {{ . }}: {}
  {{- end }}
{{- end -}}

{{/* The logs of all pods, except for the collector's own. */}}
{{- define "collector.podLogs" -}}
{{- $own := printf "/var/log/pods/%s_%s*_*/*/*.log" .Release.Namespace (include "collector.name" .) -}}
include:
  - /var/log/pods/*/*/*.log
exclude:
  {{- prepend .Values.presets.podLogs.exclude $own | toYaml | nindent 2 }}
operators:
  - type: router
    routes:
      - output: json
        expr: {{ `body matches "^\\{"` | quote }}
{{- end -}}

{{/* Adds a receiver to the pipeline of its signal. Settings of the values take precedence. */}}
{{- define "collector.withReceiver" -}}
{{- if not (hasKey .config.service.pipelines .signal) -}}
{{- fail (printf "%s needs the pipeline %s" .name .signal) -}}
{{- end -}}
{{- $config := mustMergeOverwrite (dict "receivers" (dict .name .settings)) .config -}}
{{- $pipeline := get $config.service.pipelines .signal -}}
{{- $_ := set $pipeline "receivers" (append $pipeline.receivers .name | uniq) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Makes the memory limiter the first processor of every pipeline. */}}
{{- define "collector.withMemoryLimiter" -}}
{{- $settings := dict "check_interval" "5s" "limit_percentage" 80 -}}
{{- $config := mustMergeOverwrite (dict "processors" (dict "memory_limiter" $settings)) .config -}}
{{- range $config.service.pipelines -}}
{{- $_ := set . "processors" (prepend (default list .processors) "memory_limiter" | uniq) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Removes the exporter `debug` if there are others. */}}
{{- define "collector.withoutDebug" -}}
{{- $others := mustWithout (keys .config.exporters) "debug" -}}
{{- if not (empty $others) -}}
{{- $_ := unset .config.exporters "debug" -}}
{{- range .config.service.pipelines -}}
{{- $_ := set . "exporters" (mustWithout .exporters "debug") -}}
{{- end -}}
{{- end -}}
{{- toYaml .config -}}
{{- end -}}
