output "user_data" {
  description = "The machine's user data: cloud-init in the form `#cloud-config`. It has no secret."
  value       = local.user_data
}

output "files" {
  description = "Files that cloud-init writes, by path: `content` and `mode`."
  value       = local.files
}
