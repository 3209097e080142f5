{{- define "service.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}

{{/* What an umbrella chart sets for all its parts wins. */}}
{{- define "service.image" -}}
{{ .Values.image.repository }}:{{ ((.Values.global).image).tag | default .Values.image.tag }}
{{- end }}

{{- define "service.labels" -}}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
