{{- define "common.service" -}}
{{- $root := .root -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "shop.fullname" $root }}
spec:
  type: {{ $root.Values.service.type }}
  ports:
    - port: {{ .port }}
{{- end -}}
