# shellcheck shell=bash disable=SC2154 # machine.env sets the variables in capitals.
# AWS: functions of the script `machine`. The rights are those of the instance profile that terraform/modules/aws/relay makes. curl signs the requests: the program `aws` of
# Debian 13 is older than the server ids of load balancers for QUIC.
metadata=${MOQMESH_METADATA:-http://169.254.169.254}

# imds PATH: version 2 of the metadata service. It fails when there is no such path.
imds() {
  local token
  token=$(curl --fail --silent --max-time 5 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token") || return
  curl --fail --silent --max-time 5 --header "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/$1"
}

# signed SERVICE REGION ARGUMENT...: a request with the machine's own credentials. curl reads them from standard input: `ps` does not show them.
signed() {
  local service=$1 region=$2 role credentials answer
  shift 2
  role=$(imds iam/security-credentials/) || return
  credentials=$(imds "iam/security-credentials/$role") || return
  answer=$(
    jq --raw-output '"user = \"\(.AccessKeyId):\(.SecretAccessKey)\"", "header = \"X-Amz-Security-Token: \(.Token)\""' <<< "$credentials" |
      curl --fail-with-body --silent --show-error --max-time 20 --aws-sigv4 "aws:amz:$region:$service" --config - "$@"
  ) || { say "$service refuses: $answer"; return 1; }
  printf '%s' "$answer"
}

endpoint() { printf '%s' "${MOQMESH_ENDPOINT:-https://$1.$LOCATION.amazonaws.com}"; }

# query SERVICE NAME=VALUE...
query() {
  local service=$1 pair fields=()
  shift
  for pair in "$@"; do fields+=(--data-urlencode "$pair"); done
  signed "$service" "$LOCATION" "${fields[@]}" "$(endpoint "$service")/" > /dev/null
}

machine_id() { local id; id=$(imds instance-id) && printf '%s\n' "${id#i-}"; }
private_ipv4() { imds local-ipv4; }
public_ipv4() { imds public-ipv4 || true; }
public_ipv6() { imds ipv6 || true; }

read_secret() {
  signed secretsmanager "$LOCATION" --header 'X-Amz-Target: secretsmanager.GetSecretValue' --header 'Content-Type: application/x-amz-json-1.1' \
    --data "$(jq --null-input --compact-output --arg id "$1" '{SecretId: $id}')" "$(endpoint secretsmanager)/" | jq --join-output --exit-status .SecretString
}

# write_record UPSERT|DELETE ZONE NAME TYPE VALUE TTL
write_record() {
  signed route53 us-east-1 --header 'Content-Type: application/xml' --data "$(
    printf '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>%s</Action><ResourceRecordSet>' "$1"
    printf '<Name>%s</Name><Type>%s</Type><TTL>%s</TTL><ResourceRecords><ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords>' "$3" "$4" "$6" "$5"
    printf '</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>'
  )" "${MOQMESH_ENDPOINT:-https://route53.amazonaws.com}/2013-04-01/hostedzone/$2/rrset" > /dev/null
}

# join_target quic|udp,ARN SERVER_ID: a group for QUIC wants the server id, another one refuses it.
join_target() {
  local fields
  fields=("Action=RegisterTargets" "Version=2015-12-01" "TargetGroupArn=${1#*,}" "Targets.member.1.Id=$(imds instance-id)")
  case $1 in quic,*) fields+=("Targets.member.1.QuicServerId=$2") ;; esac
  query elasticloadbalancing "${fields[@]}"
}

leave_target() {
  query elasticloadbalancing Action=DeregisterTargets Version=2015-12-01 "TargetGroupArn=${1#*,}" "Targets.member.1.Id=$(imds instance-id)"
}

# Prints why the machine ends, or fails: a spot machine is taken back, or its group ends it.
ending() {
  if imds spot/instance-action > /dev/null; then
    echo "spot notice"
  else
    [ "$(imds autoscaling/target-lifecycle-state)" = Terminated ] && echo "its group ends it"
  fi
}

# The hook holds the machine until here, or until its time is over.
ended() {
  [ -z "${TERMINATION_HOOK:-}" ] && return
  query autoscaling Action=CompleteLifecycleAction Version=2011-01-01 "LifecycleHookName=$TERMINATION_HOOK" "AutoScalingGroupName=$SCALING" \
    LifecycleActionResult=CONTINUE "InstanceId=$(imds instance-id)"
}

# put_metrics < NAME UNIT VALUE: under the Auto Scaling group, by which a pool scales, and under the mesh, over which the alarms are.
put_metrics() {
  local body
  body=$(jq --raw-input --null-input --raw-output --arg namespace "$NAMESPACE" --arg group "$SCALING" --arg mesh "$MESH" '
    [inputs | split(" ") as [$name, $unit, $value] | {$name, $unit, $value, dimension: ("AutoScalingGroupName", "Mesh")}]
    | [to_entries[] | "MetricData.member.\(.key + 1)" as $at | .value
      | ["\($at).MetricName", .name], ["\($at).Unit", .unit], ["\($at).Value", .value],
        ["\($at).Dimensions.member.1.Name", .dimension],
        ["\($at).Dimensions.member.1.Value", if .dimension == "Mesh" then $mesh else $group end]]
    | [["Action", "PutMetricData"], ["Version", "2010-08-01"], ["Namespace", $namespace]] + .
    | map("\(.[0])=\(.[1] | @uri)") | join("&")') || return
  signed monitoring "$LOCATION" --data "$body" "$(endpoint monitoring)/" > /dev/null
}
