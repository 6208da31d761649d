# shellcheck shell=bash disable=SC2154 # machine.env sets the variables in capitals.
# AWS: functions of the script `machine`. The rights are those of the instance profile that terraform/modules/aws/relay makes.
export AWS_DEFAULT_REGION=$LOCATION AWS_PAGER=
metadata=${MOQMESH_METADATA:-http://169.254.169.254}

# imds PATH: version 2 of the metadata service. It fails when there is no such path.
imds() {
  local token
  token=$(curl --fail --silent --max-time 5 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token") || return
  curl --fail --silent --max-time 5 --header "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/$1"
}

machine_id() { local id; id=$(imds instance-id) && printf '%s\n' "${id#i-}"; }
private_ipv4() { imds local-ipv4; }
public_ipv4() { imds public-ipv4 || true; }
public_ipv6() { imds ipv6 || true; }

read_secret() { aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text; }

# write_record UPSERT|DELETE ZONE NAME TYPE VALUE TTL
write_record() {
  aws route53 change-resource-record-sets --hosted-zone-id "$2" --output text --query ChangeInfo.Status --change-batch "$(
    jq --null-input --arg action "$1" --arg name "$3" --arg type "$4" --arg value "$5" --argjson ttl "$6" \
      '{Changes: [{Action: $action, ResourceRecordSet: {Name: $name, Type: $type, TTL: $ttl, ResourceRecords: [{Value: $value}]}}]}'
  )" >&2
}

# join_target ARN SERVER_ID: a group for QUIC wants the server id, one for TCP refuses it.
join_target() {
  local protocol target
  protocol=$(aws elbv2 describe-target-groups --target-group-arns "$1" --query 'TargetGroups[0].Protocol' --output text) || return
  target=Id=$(imds instance-id) || return
  case $protocol in *QUIC*) target=$target,QuicServerId=$2 ;; esac
  aws elbv2 register-targets --target-group-arn "$1" --targets "$target"
}

leave_target() { aws elbv2 deregister-targets --target-group-arn "$1" --targets "Id=$(imds instance-id)"; }

# Prints why the machine ends, or fails: a spot machine is taken back, or its group ends it.
ending() {
  if imds spot/instance-action >/dev/null; then echo "spot notice"; return; fi
  [ "$(imds autoscaling/target-lifecycle-state)" = Terminated ] && echo "its group ends it"
}

# The hook holds the machine until here, or until its time is over.
ended() {
  [ -z "${TERMINATION_HOOK:-}" ] && return
  aws autoscaling complete-lifecycle-action --lifecycle-hook-name "$TERMINATION_HOOK" --auto-scaling-group-name "$SCALING" \
    --lifecycle-action-result CONTINUE --instance-id "$(imds instance-id)"
}

# put_metrics < NAME UNIT VALUE: under the Auto Scaling group, by which a pool scales, and under the mesh, over which the alarms are.
put_metrics() {
  aws cloudwatch put-metric-data --namespace "$NAMESPACE" --metric-data "$(
    jq --raw-input --null-input --compact-output --arg group "$SCALING" --arg mesh "$MESH" '[
      inputs | split(" ") as [$name, $unit, $value]
      | {MetricName: $name, Unit: $unit, Value: ($value | tonumber)}
      | . + {Dimensions: [{Name: "AutoScalingGroupName", Value: $group}]}, . + {Dimensions: [{Name: "Mesh", Value: $mesh}]}
    ]'
  )"
}
