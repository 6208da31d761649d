# shellcheck shell=bash disable=SC2154,SC2016 # machine.env sets the variables in capitals; jq has its own.
# Azure: functions of the script `machine`. The rights are those of the identity that terraform/modules/azure/relay makes, whose client id is IDENTITY.
metadata=${MOQMESH_METADATA:-http://169.254.169.254}/metadata

# imds PATH QUERY: the metadata service.
imds() { curl --fail --silent --max-time 5 --noproxy '*' --header 'Metadata: true' "$metadata/$1?$2"; }

compute() { imds "instance/compute/$1" 'api-version=2021-02-01&format=text'; }

# api AUDIENCE METHOD URL [BODY [TYPE]]: a request with a token of the machine's identity. curl reads the token from standard input: `ps` does not show it.
api() {
  local token answer url=$3
  [ -z "${MOQMESH_ENDPOINT:-}" ] || url=$MOQMESH_ENDPOINT/${3#https://}
  token=$(imds identity/oauth2/token "api-version=2018-02-01&client_id=$IDENTITY&resource=$1") || return
  answer=$(
    jq --exit-status --raw-output '"header = \"Authorization: Bearer \(.access_token)\""' <<< "$token" |
      curl --fail-with-body --silent --max-time 20 --config - --request "$2" ${4:+--header "Content-Type: ${5:-application/json}" --data-binary "$4"} "$url"
  ) || { say "Azure refuses $2 $3: $answer"; return 1; }
  printf '%s' "$answer"
}

# The end of the machine's name. Azure gives machines of a scale set names such as moq-eu-edge_1a2b3c4d.
machine_id() { local name; name=$(compute name) && name=${name##*_} && printf '%s\n' "${name,,}"; }
private_ipv4() { imds instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress 'api-version=2021-02-01&format=text'; }

# The metadata of the interface lack public addresses of the standard tier; those of the load balancer have them, and the address of the machine itself.
public_ipv4() {
  imds loadbalancer api-version=2020-10-01 | jq --raw-output --exit-status '[.loadbalancer.publicIpAddresses[]?.frontendIpAddress | select(test("^[0-9.]+$"))][0] // empty' ||
    imds instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress 'api-version=2021-02-01&format=text' || true
}
# The networks of terraform/modules/azure/mesh have IPv4 alone.
public_ipv6() { :; }

# read_secret https://VAULT.vault.azure.net/secrets/NAME
read_secret() { api https://vault.azure.net GET "$1?api-version=7.4" | jq --join-output --exit-status .value; }

# write_record UPSERT|DELETE ZONE NAME TYPE VALUE TTL: ZONE is the id of a public or a private zone. There are records of type A alone.
write_record() {
  local url body
  case ${2,,} in
    */privatednszones/*)
      url="$2/$4/${3%".${2##*/}"}?api-version=2024-06-01"
      body='{properties: {ttl: $ttl, aRecords: [{ipv4Address: $value}]}}'
      ;;
    *)
      url="$2/$4/${3%".${2##*/}"}?api-version=2018-05-01"
      body='{properties: {TTL: $ttl, ARecords: [{ipv4Address: $value}]}}'
      ;;
  esac
  if [ "$1" = DELETE ]; then
    api https://management.azure.com/ DELETE "https://management.azure.com$url" > /dev/null
  else
    api https://management.azure.com/ PUT "https://management.azure.com$url" "$(jq --null-input --compact-output --arg value "$5" --argjson ttl "$6" "$body")" > /dev/null
  fi
}

# Prints why the machine ends, or fails: Azure takes a spot machine back, or its scale set ends it.
ending() {
  local name
  name=$(compute name) || return
  imds scheduledevents api-version=2020-07-01 |
    jq --raw-output --exit-status --arg name "$name" '[.Events[] | select((.EventType | IN("Preempt", "Terminate")) and (.Resources | index($name)))][0] | "\(.EventType) \(.EventId)"'
}

# Azure ends the machine as soon as the event is approved, or when its time is over.
ended() {
  local why
  why=$(ending) || return 0
  curl --fail --silent --max-time 5 --noproxy '*' --header 'Metadata: true' --data "$(jq --null-input --arg id "${why#* }" '{StartRequests: [{EventId: $id}]}')" \
    "$metadata/scheduledevents?api-version=2020-07-01" > /dev/null
}

# put_metrics < NAME UNIT VALUE: of the scale set, by which a pool scales, and of the region's network, over which the alerts are.
put_metrics() {
  local subscription resource_group set lines target
  subscription=$(compute subscriptionId) && resource_group=$(compute resourceGroupName) && set=$(compute vmScaleSetName) || return
  lines=$(
    jq --raw-input --compact-output --arg namespace "$NAMESPACE" --arg mesh "$MESH" --arg group "$SCALING" --arg relay "$(compute name)" --arg now "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" '
      split(" ") as [$name, $unit, $value] | ($value | tonumber) as $value | {time: $now, data: {baseData: {
        metric: $name, namespace: $namespace, dimNames: ["mesh", "group", "relay"],
        series: [{dimValues: [$mesh, $group, $relay], min: $value, max: $value, sum: $value, count: 1}]
      }}}'
  ) || return
  [ -n "$lines" ] || return 0
  for target in "/subscriptions/$subscription/resourceGroups/$resource_group/providers/Microsoft.Compute/virtualMachineScaleSets/$set" "$METRICS_OF_REGION"; do
    api https://monitoring.azure.com/ POST "https://$LOCATION.monitoring.azure.com$target/metrics" "$lines" application/x-ndjson > /dev/null || return
  done
}
