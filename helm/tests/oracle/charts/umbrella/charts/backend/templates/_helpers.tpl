{{- define "shared.name" -}}from-backend{{- end -}}
