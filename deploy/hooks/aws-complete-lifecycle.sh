#!/bin/sh
# Lets an Auto Scaling group of AWS end this instance as soon as the relay has drained, instead of at the time limit of its lifecycle hook:
#
#   [drain]
#   on_drained = ["/usr/local/lib/moqmesh/aws-complete-lifecycle.sh", "HOOK", "GROUP"]
#
# HOOK is the name of the lifecycle hook for autoscaling:EC2_INSTANCE_TERMINATING, GROUP that of the group. It needs curl, the program aws, and
# the right autoscaling:CompleteLifecycleAction. It does nothing while the group keeps the instance.
set -eu

hook=${1:?"usage: aws-complete-lifecycle.sh HOOK GROUP"}
group=${2:?"usage: aws-complete-lifecycle.sh HOOK GROUP"}
imds=${IMDS_URL:-http://169.254.169.254}/latest

token=$(curl -sf -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token")
metadata() {
  curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" "$imds/meta-data/$1"
}

state=$(metadata autoscaling/target-lifecycle-state)
if [ "$state" != Terminated ]; then
  echo "the target state of this instance is $state"
  exit 0
fi
instance=$(metadata instance-id)
region=$(metadata placement/region)
exec aws autoscaling complete-lifecycle-action --region "$region" --auto-scaling-group-name "$group" \
  --lifecycle-hook-name "$hook" --instance-id "$instance" --lifecycle-action-result CONTINUE
