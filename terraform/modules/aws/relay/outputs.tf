output "scaling_groups" {
  description = "Name of the Auto Scaling group of each group: the dimension of its metrics in CloudWatch."
  value       = { for name, group in aws_autoscaling_group.relay : name => group.name }
}

output "security_groups" {
  description = "Id of the security group of each role."
  value       = { for role, group in aws_security_group.relay : role => group.id }
}

output "roles" {
  description = "ARN of the IAM role of each role of relays."
  value       = { for role, iam in aws_iam_role.relay : role => iam.arn }
}

output "log_group" {
  description = "Log group of the relays in this region."
  value       = aws_cloudwatch_log_group.relays.name
}

output "user_data_sizes" {
  description = "Bytes of the user data of each group's machines. AWS takes 16384."
  value       = { for name, template in aws_launch_template.relay : name => floor(length(template.user_data) * 3 / 4) }
}
