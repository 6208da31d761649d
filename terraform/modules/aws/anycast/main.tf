# One address for edges: a Network Load Balancer for each region, which follows QUIC connections by the server id in their connection ids, and above them optionally a Global
# Accelerator with anycast addresses. Machines register themselves. AWS permits a listener for QUIC only on a load balancer without security groups and with IPv4 alone.

locals {
  tags     = merge(var.tags, { mesh = var.name })
  protocol = var.quic ? "TCP_QUIC" : "TCP_UDP"
}

resource "aws_lb" "edges" {
  for_each = var.regions

  region                           = each.value.location
  name                             = "${var.name}-${each.key}"
  load_balancer_type               = "network"
  internal                         = false
  ip_address_type                  = "ipv4"
  subnets                          = each.value.subnets
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = local.tags

  dynamic "access_logs" {
    for_each = compact([lookup(var.access_logs, each.key, null)])
    content {
      bucket  = access_logs.value
      prefix  = "${var.name}/${each.key}"
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "edges" {
  for_each = var.regions

  region      = each.value.location
  name        = "${var.name}-${each.key}-${var.quic ? "quic" : "udp"}"
  target_type = "instance"
  protocol    = local.protocol
  port        = var.ports.public
  vpc_id      = each.value.vpc
  # A machine that leaves drains its clients itself, in less.
  deregistration_delay = "60"
  tags                 = local.tags

  health_check {
    protocol            = "HTTP"
    port                = tostring(var.ports.health)
    path                = "/health/ready"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "edges" {
  for_each = var.regions

  region            = each.value.location
  load_balancer_arn = aws_lb.edges[each.key].arn
  protocol          = local.protocol
  port              = var.ports.public
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.edges[each.key].arn
  }
}

resource "aws_globalaccelerator_accelerator" "mesh" {
  # checkov:skip=CKV_AWS_75:a flow log has a line for each viewer and window; the relays count and log sessions themselves
  count = var.accelerator ? 1 : 0

  name            = var.name
  ip_address_type = "IPV4"
  enabled         = true
  tags            = local.tags
}

# The protocols are listeners of their own. A client whose address stays comes to the same load balancer with both.
resource "aws_globalaccelerator_listener" "clients" {
  for_each = var.accelerator ? toset(["UDP", "TCP"]) : toset([])

  accelerator_arn = aws_globalaccelerator_accelerator.mesh[0].arn
  protocol        = each.key
  client_affinity = "SOURCE_IP"

  port_range {
    from_port = var.ports.public
    to_port   = var.ports.public
  }
}

resource "aws_globalaccelerator_endpoint_group" "clients" {
  for_each = var.accelerator ? merge([
    for name, region in var.regions : { for protocol in ["UDP", "TCP"] : "${name}-${protocol}" => { name = name, region = region, protocol = protocol } }
  ]...) : {}

  listener_arn            = aws_globalaccelerator_listener.clients[each.value.protocol].arn
  endpoint_group_region   = each.value.region.location
  traffic_dial_percentage = each.value.region.weight == 0 ? 0 : 100

  endpoint_configuration {
    endpoint_id                    = aws_lb.edges[each.value.name].arn
    weight                         = 128
    client_ip_preservation_enabled = false
  }
}
