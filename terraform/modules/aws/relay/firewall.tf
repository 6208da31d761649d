# Security groups by role, with the rules of `topology`.

locals {
  rules = merge(flatten([
    for role in local.roles : [
      for rule in var.firewall[role] : {
        for block in rule.from : "${role}-${rule.protocol}-${rule.port}-${block}" => merge(rule, { role = role, block = block, v6 = strcontains(block, ":") })
      }
    ]
  ])...)
}

resource "aws_security_group" "relay" {
  for_each = local.roles

  region      = var.location
  name        = "${var.name}-${each.key}"
  description = "moqmesh: relays with the role ${each.key}"
  vpc_id      = var.vpc.id
  tags        = merge(local.tags, { Name = "${var.name}-${each.key}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "relay" {
  for_each = local.rules

  region            = var.location
  security_group_id = aws_security_group.relay[each.value.role].id
  description       = each.value.why
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.v6 ? null : each.value.block
  cidr_ipv6         = each.value.v6 ? each.value.block : null
  tags              = local.tags
}

# Relays dial each other, the secrets manager and Debian's packages, and their packets to clients leave by any port.
resource "aws_vpc_security_group_egress_rule" "relay" {
  for_each = merge([for role in local.roles : { "${role}-v4" = { role = role, v6 = false }, "${role}-v6" = { role = role, v6 = true } }]...)

  region            = var.location
  security_group_id = aws_security_group.relay[each.value.role].id
  description       = "to clients, relays and services"
  ip_protocol       = "-1"
  cidr_ipv4         = each.value.v6 ? null : "0.0.0.0/0"
  cidr_ipv6         = each.value.v6 ? "::/0" : null
  tags              = local.tags
}
