output "topics" {
  description = "ARN of the topic of each region: subscribe by e-mail, chat or a service."
  value       = local.topics
}

output "alarms" {
  description = "Names of the alarms."
  value = sort(concat(
    [for alarm in aws_cloudwatch_metric_alarm.relays : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.down : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.traffic : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.budget : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.targets : alarm.alarm_name],
  ))
}
