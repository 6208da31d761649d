output "user_data" {
  description = "The machine's user data: cloud-init in the form `#cloud-config`. It has no secret."
  value       = local.user_data
}

output "startup_script" {
  description = "The same as a shell script, for images without cloud-init, as Debian's on Google Cloud are. It runs at every start of the machine, and does nothing after the first one that succeeded."
  value       = local.script
}

output "files" {
  description = "Files that cloud-init writes, by path: `content` and `mode`."
  value       = local.files
}
