# shellcheck shell=bash disable=SC2154 # machine.env sets the variables in capitals.
# Google Cloud: functions of the script `machine`. The rights are those of the service account that terraform/modules/google/relay makes.
metadata=${MOQMESH_METADATA:-http://metadata.google.internal}/computeMetadata/v1

# meta PATH: the metadata service. It fails when there is no such path.
meta() { curl --fail --silent --max-time 5 --header 'Metadata-Flavor: Google' "$metadata/$1"; }

# api SERVICE METHOD PATH [BODY]: a request with the token of the machine's service account. curl reads the token from standard input: `ps` does not show it.
api() {
  local token answer
  token=$(meta instance/service-accounts/default/token) || return
  answer=$(
    jq --exit-status --raw-output '"header = \"Authorization: Bearer \(.access_token)\""' <<< "$token" |
      curl --fail-with-body --silent --max-time 20 --config - --request "$2" ${4:+--header 'Content-Type: application/json' --data "$4"} \
        "${MOQMESH_ENDPOINT:-https://$1.googleapis.com}/$3"
  ) || { say "$1 refuses $2 $3: $answer"; return 1; }
  printf '%s' "$answer"
}

# The end of the machine's name: a pool's relay has the name of its machine.
machine_id() { local name; name=$(meta instance/name) && printf '%s\n' "${name##*-}"; }
private_ipv4() { meta instance/network-interfaces/0/ip; }
public_ipv4() { meta instance/network-interfaces/0/access-configs/0/external-ip || true; }
# The networks of terraform/modules/google/mesh have IPv4 alone.
public_ipv6() { :; }

# read_secret projects/PROJECT/secrets/NAME
read_secret() { api secretmanager GET "v1/$1/versions/latest:access" | jq --raw-output --exit-status .payload.data | base64 --decode; }

# write_record UPSERT|DELETE projects/PROJECT/managedZones/ZONE NAME TYPE VALUE TTL
write_record() {
  local sets="dns/v1/$2/rrsets" body
  body=$(jq --null-input --compact-output --arg name "$3." --arg type "$4" --arg value "$5" --argjson ttl "$6" '{name: $name, type: $type, ttl: $ttl, rrdatas: [$value]}')
  if [ "$1" = DELETE ]; then
    api dns DELETE "$sets/$3./$4" > /dev/null
  elif api dns GET "$sets/$3./$4" > /dev/null 2>&1; then
    api dns PATCH "$sets/$3./$4" "$body" > /dev/null
  else
    api dns POST "$sets" "$body" > /dev/null
  fi
}

# Prints why the machine ends, or fails. A group that ends a machine shuts the system down, which stops the relay: moqmesh.service.d/end.conf.
ending() { [ "$(meta instance/preempted)" = TRUE ] && echo "spot notice"; }

# Google waits for no report.
ended() { :; }

# put_metrics < NAME UNIT VALUE: each of this machine, with the labels of its mesh, its group and its location.
put_metrics() {
  local project zone
  project=$(meta project/project-id) || return
  zone=$(meta instance/zone) || return
  api monitoring POST "v3/projects/$project/timeSeries" "$(
    jq --raw-input --null-input --compact-output --arg namespace "$NAMESPACE" --arg mesh "$MESH" --arg group "$SCALING" --arg location "$LOCATION" \
      --arg project "$project" --arg zone "${zone##*/}" --arg instance "$(meta instance/id)" --arg now "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" '{timeSeries: [
        inputs | split(" ") as [$name, $unit, $value] | {
          metric: {type: "custom.googleapis.com/\($namespace)/\($name)", labels: {mesh: $mesh, group: $group, location: $location}},
          resource: {type: "gce_instance", labels: {project_id: $project, zone: $zone, instance_id: $instance}},
          metricKind: "GAUGE", valueType: "DOUBLE",
          points: [{interval: {endTime: $now}, value: {doubleValue: ($value | tonumber)}}]
        }
      ]}'
  )" > /dev/null
}
