{{- define "moqmesh.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Labels that all objects of the release have. */ -}}
{{- define "moqmesh.selector" -}}
app.kubernetes.io/name: moqmesh
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "moqmesh.labels" -}}
{{ include "moqmesh.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "moqmesh.groupSelector" -}}
{{ include "moqmesh.selector" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "moqmesh.groupLabels" -}}
{{ include "moqmesh.labels" .root }}
app.kubernetes.io/component: {{ .name }}
moqmesh/role: {{ .group.role }}
{{- end -}}

{{- /* A duration of docs/config.md in whole seconds. */ -}}
{{- define "moqmesh.seconds" -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" . -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $factors := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- if or (not $number) (not (hasKey $factors $unit)) -}}
{{- fail (printf "%q is no duration: write a number with ms, s, m, h or d, such as 20s" .) -}}
{{- end -}}
{{- mulf (float64 $number) (get $factors $unit) | ceil | int -}}
{{- end -}}

{{- /* The Secret of a name in `secrets`: what is given, or what cert-manager makes. */ -}}
{{- define "moqmesh.secret" -}}
{{- $given := get .root.Values.secrets .secret -}}
{{- $made := and .root.Values.certManager.enabled (or (eq .secret "mesh") (and (eq .secret "tls") .root.Values.certManager.public.dnsNames)) -}}
{{- if and (not $given) (or $made (and .root.Values.externalSecrets.enabled (hasKey .root.Values.externalSecrets.keys .secret))) -}}
{{- $given = printf "%s-%s" (include "moqmesh.fullname" .root) .secret -}}
{{- end -}}
{{- $given -}}
{{- end -}}

{{- /* The name that a headless service has in the cluster's DNS. */ -}}
{{- define "moqmesh.host" -}}
{{ include "moqmesh.fullname" .root }}-{{ .name }}-relays.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end -}}

{{- /* One group with the defaults, as YAML. */ -}}
{{- define "moqmesh.group" -}}
{{- $group := mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (default dict .given)) -}}
{{- if not $group.kind -}}{{- $_ := set $group "kind" (ternary "Deployment" "StatefulSet" (eq $group.role "edge")) -}}{{- end -}}
{{- $_ := set $group "clients" (or (has $group.role (list "origin" "edge")) (not .root.Values.mesh.enabled)) -}}
{{- toYaml $group -}}
{{- end -}}

{{- /* The Secrets that a group mounts: a YAML map of name to Secret. */ -}}
{{- define "moqmesh.mounted" -}}
{{- $mounted := dict -}}
{{- $wanted := list "admin" "keys" -}}
{{- if .group.clients -}}{{- $wanted = append $wanted "tls" -}}{{- end -}}
{{- if .root.Values.mesh.enabled -}}{{- $wanted = concat $wanted (list "mesh" "cluster") -}}{{- end -}}
{{- if eq .group.role "root" -}}{{- $wanted = append $wanted "registry" -}}{{- end -}}
{{- range $wanted -}}
{{- $secret := include "moqmesh.secret" (dict "root" $.root "secret" .) -}}
{{- if $secret -}}{{- $_ := set $mounted . $secret -}}{{- end -}}
{{- end -}}
{{- toYaml $mounted -}}
{{- end -}}

{{- /* The configuration of a group, as YAML. */ -}}
{{- define "moqmesh.config" -}}
{{- $root := .root -}}{{- $group := .group -}}
{{- $has := include "moqmesh.mounted" . | fromYaml -}}
{{- $at := "/etc/moqmesh" -}}
{{- $tls := dict -}}
{{- $own := ternary "tls" "mesh" (hasKey $has "tls") -}}
{{- if hasKey $has $own -}}
{{- $_ := set $tls "cert" (printf "%s/%s/tls.crt" $at $own) -}}
{{- $_ := set $tls "key" (printf "%s/%s/tls.key" $at $own) -}}
{{- end -}}
{{- if and (hasKey $has "tls") (hasKey $has "mesh") -}}
{{- $_ := set $tls "certificates" (list (printf "%s/mesh/tls.crt %s/mesh/tls.key" $at $at)) -}}
{{- end -}}
{{- $auth := dict -}}
{{- if hasKey $has "keys" -}}{{- $auth = dict "key_dir" (printf "%s/keys" $at) "max_life" "24h" -}}{{- end -}}
{{- /* A relay refuses an admin listener that other machines reach and that nothing protects. */ -}}
{{- $admin := ternary "::" "127.0.0.1" (or (hasKey $has "admin") (hasKey $has "keys")) -}}
{{- $http := dict "admin_host" $admin "admin_port" 4444 "health_host" "::" "health_port" 4446 -}}
{{- if hasKey $has "admin" -}}
{{- $_ := set $http "admin_token_file" (printf "%s/admin/admin.token" $at) -}}
{{- $_ := set $http "admin_read_token_file" (printf "%s/admin/read.token" $at) -}}
{{- end -}}
{{- $config := dict "server" (dict "host" "::" "port" 4443) "tls" $tls "auth" $auth "http" $http "log" (dict "format" "json") "drain" (dict "grace" "20s" "spread" "10s") -}}
{{- if $root.Values.mesh.enabled -}}
{{- $cluster := dict "role" $group.role "region" $group.region "regions" $group.near "listen" "[::]:4445" -}}
{{- $merged := mustMergeOverwrite (dict "cluster" $cluster) (deepCopy $root.Values.config) -}}
{{- $port := regexFind "[0-9]+$" $merged.cluster.listen -}}
{{- $roots := $root.Values.mesh.roots -}}{{- $dns := list -}}
{{- range $name, $given := $root.Values.relays -}}
{{- $other := include "moqmesh.group" (dict "root" $root "given" $given) | fromYaml -}}
{{- $host := include "moqmesh.host" (dict "root" $root "name" $name) -}}
{{- if eq $other.role "root" -}}
{{- range $index := until (int $other.replicas) -}}
{{- $roots = append $roots (printf "https://%s-%s-%d.%s:%s" (include "moqmesh.fullname" $root) $name $index $host $port) -}}
{{- end -}}
{{- else if eq $other.kind "StatefulSet" -}}
{{- $dns = append $dns (printf "%s %s https://%s:%s" $other.role $other.region $host $port) -}}
{{- end -}}
{{- end -}}
{{- if eq $root.Values.mesh.discovery "dns" -}}{{- $_ := set $cluster "dns" $dns -}}{{- else -}}{{- $_ := set $cluster "root" $roots -}}{{- end -}}
{{- if hasKey $has "cluster" -}}{{- $_ := set $cluster "key_file" (printf "%s/cluster/cluster.jwk" $at) -}}{{- end -}}
{{- if hasKey $has "mesh" -}}{{- $_ := set $cluster "ca" (printf "%s/mesh/ca.crt" $at) -}}{{- end -}}
{{- if hasKey $has "registry" -}}{{- $_ := set $cluster "registry_file" (printf "%s/registry/registry.url" $at) -}}{{- end -}}
{{- if $group.publicUrl -}}{{- $_ := set $cluster "public_url" $group.publicUrl -}}{{- end -}}
{{- $_ := set $config "cluster" $cluster -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $config (deepCopy $root.Values.config) (deepCopy $group.config)) -}}
{{- end -}}

{{- /* Sections as TOML, which writes texts, numbers, booleans and lists as JSON does. Lists of maps are arrays of tables. */ -}}
{{- define "moqmesh.toml" -}}
{{- range $section, $content := . -}}
{{- if kindIs "slice" $content -}}
{{- range $content }}
[[{{ $section }}]]
{{ range $key, $value := . }}{{ $key }} = {{ toRawJson $value }}
{{ end -}}
{{- end -}}
{{- else if $content }}
[{{ $section }}]
{{ range $key, $value := $content }}{{ $key }} = {{ toRawJson $value }}
{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "moqmesh.clusterPort" -}}
{{- regexFind "[0-9]+$" .cluster.listen -}}
{{- end -}}

{{- /* All that a template needs of one group, as YAML: the group, its configuration, its ports and the name of its objects. */ -}}
{{- define "moqmesh.relay" -}}
{{- $group := include "moqmesh.group" . | fromYaml -}}
{{- $scope := dict "root" .root "name" .name "group" $group -}}
{{- $config := include "moqmesh.config" $scope | fromYaml -}}
{{- $ports := dict "public" $config.server.port "admin" $config.http.admin_port "health" $config.http.health_port -}}
{{- if .root.Values.mesh.enabled -}}{{- $_ := set $ports "cluster" (include "moqmesh.clusterPort" $config | int) -}}{{- end -}}
{{- $full := printf "%s-%s" (include "moqmesh.fullname" .root) .name -}}
{{- include "moqmesh.refuse" (merge (dict "config" $config "ports" $ports "full" $full) $scope) -}}
{{- toYaml (dict "group" $group "config" $config "ports" $ports "full" $full "host" (include "moqmesh.host" $scope) "mounted" (include "moqmesh.mounted" $scope | fromYaml)) -}}
{{- end -}}

{{- /* Values that cannot work. */ -}}
{{- define "moqmesh.refuse" -}}
{{- $where := printf "relays.%s" .name -}}
{{- if gt (len .full) 52 -}}{{- fail (printf "%s: the name %s is longer than 52 characters" $where .full) -}}{{- end -}}
{{- if and (gt (int .ports.public) 0) (ne (len (values .ports | uniq)) (len .ports)) -}}
{{- fail (printf "%s: two listeners have one port: %s" $where (toRawJson .ports)) -}}
{{- end -}}
{{- range $name, $port := .ports -}}{{- if le (int $port) 0 -}}{{- fail (printf "%s: the port of %s has to be a fixed one" $where $name) -}}{{- end -}}{{- end -}}
{{- if and (hasKey .config "cluster") (or (hasKey .config.cluster "node") (hasKey .config.cluster "url")) -}}
{{- fail (printf "%s: config.cluster.node and config.cluster.url are made from the name of each pod" $where) -}}
{{- end -}}
{{- if and .root.Values.mesh.enabled (ne .group.kind "StatefulSet") (ne .group.role "edge") -}}
{{- fail (printf "%s: other relays dial a relay with the role %s by the name of its pod: kind has to be StatefulSet" $where .group.role) -}}
{{- end -}}
{{- if and (eq .group.role "root") .group.autoscaling.enabled -}}
{{- fail (printf "%s: the number of roots is in the configuration of every relay: no autoscaling" $where) -}}
{{- end -}}
{{- if and .group.autoscaling.enabled (not (or .group.autoscaling.cpu .group.autoscaling.sessions .group.autoscaling.egress .group.autoscaling.metrics)) -}}
{{- fail (printf "%s: autoscaling needs cpu, sessions, egress or metrics" $where) -}}
{{- end -}}
{{- if gt (int .group.autoscaling.min) (int .group.autoscaling.max) -}}{{- fail (printf "%s: autoscaling.min is above autoscaling.max" $where) -}}{{- end -}}
{{- if and .group.hostNetwork (lt (int .ports.public) 1024) (not .group.hostPrivilegedPorts) -}}
{{- fail (printf "%s: port %d on the host's network: set net.ipv4.ip_unprivileged_port_start=0 on the nodes, then hostPrivilegedPorts" $where (int .ports.public)) -}}
{{- end -}}
{{- if .root.Values.mesh.enabled -}}
{{- $relays := .root.Values.relays -}}
{{- if and (eq .root.Values.mesh.discovery "roots") (not .config.cluster.root) -}}
{{- fail "mesh.discovery is roots, but there is no root: add a group with the role root, or mesh.roots" -}}
{{- end -}}
{{- if not (or (include "moqmesh.secret" (dict "root" .root "secret" "cluster")) .config.cluster.client_ca .config.cluster.token_file) -}}
{{- fail "secrets.cluster is missing: relays need a key to prove that they are of the mesh (moqmesh key generate), or mesh.enabled=false" -}}
{{- end -}}
{{- end -}}
{{- end -}}
