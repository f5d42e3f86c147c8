{{- define "bailiwick.selector" -}}
app.kubernetes.io/name: bailiwick
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "bailiwick.labels" -}}
{{ include "bailiwick.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "bailiwick.host" -}}
{{ .root.Release.Name }}-{{ .name }}.{{ .root.Release.Namespace }}.svc
{{- end }}

{{- define "bailiwick.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := $image.repository -}}
{{- $digest := $image.digest -}}
{{- if eq .kind "worker" -}}
{{- $repository = $image.worker -}}
{{- $digest = $image.workerDigest -}}
{{- end -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag }}
{{- end -}}
{{- end }}

{{/* What every process is told. What is secret comes from one Secret; the probes and Prometheus call by the service's name. */}}
{{- define "bailiwick.env" -}}
- {name: BAILIWICK_EMBEDDED, value: "0"}
- {name: BAILIWICK_SECRETS_DIR, value: /srv/bailiwick/secrets}
- {name: BAILIWICK_REGIONS_FILE, value: /etc/bailiwick/regions.json}
- {name: BAILIWICK_LEDGER_POLICY, value: /srv/bailiwick/secrets/policy.json}
- {name: BAILIWICK_WITNESS_DIR, value: /srv/bailiwick/witness}
- {name: BAILIWICK_TSA_CERTIFICATES, value: /srv/bailiwick/secrets/tsa.pem}
{{- range $name, $value := .root.Values.env }}
{{- if eq $name "BAILIWICK_ALLOWED_HOSTS" }}
- name: BAILIWICK_ALLOWED_HOSTS
  value: {{ printf "%s,%s" $value (include "bailiwick.host" $) | quote }}
{{- else }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- range $name := list "DJANGO_SECRET_KEY" "REDIS_URL" "BAILIWICK_ANCHOR_KEY_ID" "BAILIWICK_ANCHOR_SECRET" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $.root.Values.secrets.environment }}, key: {{ $name }}}}
{{- end }}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .root.Values.secrets.environment }}, key: {{ if eq .kind "migrate" }}BAILIWICK_MIGRATE_DATABASE_URL{{ else }}DATABASE_URL{{ end }}}}
{{- if eq .kind "sealer" }}
- name: BAILIWICK_SEALER_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .root.Values.secrets.environment }}, key: BAILIWICK_SEALER_DATABASE_URL}}
{{- end }}
{{- range $name := list "BAILIWICK_DIRECT_DATABASE_URL" "BAILIWICK_REPLICA_DATABASE_URL" "BAILIWICK_VERIFIER_DATABASE_URL" "BAILIWICK_VERIFIER_REDIS_URL" "BAILIWICK_OPTIMIZER_KEY_ID" "BAILIWICK_OPTIMIZER_SECRET" "EMAIL_HOST_USER" "EMAIL_HOST_PASSWORD" "OIDC_RP_CLIENT_SECRET" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $.root.Values.secrets.environment }}, key: {{ $name }}, optional: true}}
{{- end }}
{{- end }}

{{- define "bailiwick.pod" -}}
automountServiceAccountToken: false
{{- if .root.Values.serviceAccountName }}
serviceAccountName: {{ .root.Values.serviceAccountName }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
terminationGracePeriodSeconds: {{ if eq .kind "worker" }}240{{ else }}30{{ end }}
{{- if .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml .root.Values.image.pullSecrets | nindent 2 }}
{{- end }}
{{- if ne .kind "migrate" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "bailiwick.selector" . | nindent 12 }}
{{- end }}
containers:
  - name: {{ .kind }}
    image: {{ include "bailiwick.image" . | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: {{ toYaml .command | nindent 6 }}
    env:
      {{- include "bailiwick.env" . | nindent 6 }}
    {{- if eq .kind "door" }}
    ports:
      - {name: http, containerPort: 8000}
    readinessProbe:
      httpGet: {path: /health/ready, port: http, httpHeaders: [{name: Host, value: {{ include "bailiwick.host" . | quote }}}]}
      initialDelaySeconds: 10
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 3
    livenessProbe:
      httpGet: {path: /health/live, port: http, httpHeaders: [{name: Host, value: {{ include "bailiwick.host" . | quote }}}]}
      initialDelaySeconds: 30
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 5
    {{- end }}
    resources:
      {{- toYaml .root.Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: secrets, mountPath: /srv/bailiwick/secrets}
      {{- range $file := list "jwt_ed25519.pem" "report_ed25519.pem" "notify.key" "erasure_ledger_key" "policy.json" "tsa.pem" }}
      - {name: keys, mountPath: /srv/bailiwick/secrets/{{ $file }}, subPath: {{ $file }}, readOnly: true}
      {{- end }}
      - {name: certificates, mountPath: /srv/bailiwick/secrets/certificates, readOnly: true}
      - {name: regions, mountPath: /etc/bailiwick, readOnly: true}
      {{- if ne .kind "migrate" }}
      - {name: shared, mountPath: /srv/bailiwick/secrets/regions, subPath: bindings}
      - {name: shared, mountPath: /srv/bailiwick/work, subPath: work}
      - {name: shared, mountPath: /srv/bailiwick/registry, subPath: registry}
      {{- end }}
      {{- if eq .kind "sealer" }}
      - {name: witness, mountPath: /srv/bailiwick/witness}
      - {name: sealer, mountPath: /srv/bailiwick/secrets/ledger_key, subPath: ledger_key, readOnly: true}
      - {name: sealer, mountPath: /srv/bailiwick/witness/witness_key, subPath: witness_key, readOnly: true}
      {{- else if eq .kind "door" }}
      - {name: witness, mountPath: /srv/bailiwick/witness, readOnly: true}
      {{- end }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 256Mi}}
  - {name: secrets, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
  - {name: keys, secret: {secretName: {{ .root.Values.secrets.keys }}, defaultMode: 288}}
  - {name: certificates, secret: {secretName: {{ .root.Values.secrets.certificates }}, defaultMode: 288}}
  - {name: regions, secret: {secretName: {{ .root.Values.secrets.regions }}, defaultMode: 288}}
  {{- if ne .kind "migrate" }}
  - {name: shared, persistentVolumeClaim: {claimName: {{ .root.Values.storage.shared }}}}
  {{- end }}
  {{- if eq .kind "sealer" }}
  - {name: sealer, secret: {secretName: {{ .root.Values.secrets.sealer }}, defaultMode: 288}}
  {{- end }}
  {{- if or (eq .kind "sealer") (eq .kind "door") }}
  - {name: witness, persistentVolumeClaim: {claimName: {{ .root.Values.storage.witness }}}}
  {{- end }}
{{- end }}

{{/* A kind never has two pods on a node, so one leaves before its successor comes. */}}
{{- define "bailiwick.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "bailiwick.labels" . | nindent 4 }}
spec:
  {{- if not (and (eq .kind "door") .root.Values.autoscaling.enabled) }}
  replicas: {{ .it.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
  selector:
    matchLabels:
      {{- include "bailiwick.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "bailiwick.labels" . | nindent 8 }}
    spec:
      {{- include "bailiwick.pod" . | nindent 6 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "bailiwick.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "bailiwick.selector" . | nindent 6 }}
{{- end }}
