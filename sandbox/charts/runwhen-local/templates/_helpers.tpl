{{- define "runwhen-local.image" -}}
{{- $image := .Values.runwhenLocal.image -}}
{{- printf "%s/%s:%s" $image.registry $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
