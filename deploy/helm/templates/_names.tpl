{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "wanwire.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Who gives identities. */}}
{{- define "wanwire.agent" -}}
{{- if eq .Values.mode "nsm" -}}
unix:///run/spire/sockets/agent.sock
{{- else if eq .Values.mode "standalone" -}}
unix:///run/wanwire/agent/agent.sock
{{- else -}}
{{- fail (printf "mode: %q is not valid: want standalone or nsm" .Values.mode) -}}
{{- end -}}
{{- end }}

{{- define "wanwire.logLevel" -}}
{{- if ne .Values.logLevel "INFO" -}}
- name: NSM_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- end -}}
{{- end }}
