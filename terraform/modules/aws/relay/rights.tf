# Rights of the machines by role: their own secrets, their own names in DNS, their own target groups and life-cycle hooks, metrics and logs. Nothing else.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  statements = {
    for role in local.roles : role => concat(
      [
        {
          Sid      = "Secrets"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = [for file in local.files[role] : var.secrets[file]]
        },
        {
          Sid       = "Metrics"
          Effect    = "Allow"
          Action    = ["cloudwatch:PutMetricData"]
          Resource  = ["*"]
          Condition = { StringEquals = { "cloudwatch:namespace" = var.metrics } }
        },
        {
          Sid      = "Logs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.relays.arn}:*"]
        },
        {
          Sid    = "Drained"
          Effect = "Allow"
          Action = ["autoscaling:CompleteLifecycleAction"]
          Resource = [
            for name, group in var.groups :
            "arn:${data.aws_partition.current.partition}:autoscaling:${var.location}:${data.aws_caller_identity.current.account_id}:autoScalingGroup:*:autoScalingGroupName/${name}"
            if group.role == role
          ]
        },
      ],
      [for key in compact([var.secrets_key]) : {
        Sid       = "SecretsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [key]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.location}.amazonaws.com" } }
      }],
      [for zones in [local.dns_zones] : {
        Sid      = "OwnNames"
        Effect   = "Allow"
        Action   = ["route53:ChangeResourceRecordSets"]
        Resource = [for zone in zones : "arn:${data.aws_partition.current.partition}:route53:::hostedzone/${zone}"]
        Condition = {
          "ForAllValues:StringLike" = { "route53:ChangeResourceRecordSetsNormalizedRecordNames" = local.names[role] }
          "ForAllValues:StringEquals" = {
            "route53:ChangeResourceRecordSetsRecordTypes" = ["A", "AAAA"]
            "route53:ChangeResourceRecordSetsActions"     = ["UPSERT", "DELETE"]
          }
        }
      } if length(zones) > 0],
      [for targets in [lookup(var.targets, role, [])[*].arn] : {
        Sid      = "OwnTargets"
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        Resource = targets
      } if length(targets) > 0],
    )
  }
}

resource "aws_iam_role" "relay" {
  for_each = local.roles

  name        = "${local.prefix}-${each.key}"
  description = "moqmesh: machines of relays with the role ${each.key} in the region ${var.region}"
  tags        = local.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "relay" {
  for_each = local.roles

  name   = "relay"
  role   = aws_iam_role.relay[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

resource "aws_iam_instance_profile" "relay" {
  for_each = local.roles

  name = "${local.prefix}-${each.key}"
  role = aws_iam_role.relay[each.key].name
  tags = local.tags
}
