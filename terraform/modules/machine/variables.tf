variable "cloud" {
  description = "`aws`, `google` or `azure`: whose metadata service, secrets manager, DNS and agent the machine uses."
  type        = string

  validation {
    condition     = contains(["aws", "google", "azure"], var.cloud)
    error_message = "cloud must be aws, google or azure."
  }
}

variable "mesh" {
  description = "Name of the mesh, which metrics have as a dimension."
  type        = string
  default     = "moq"
}

variable "group" {
  description = "What the machine is: one of the `groups` of the module `topology`."
  type = object({
    name         = string
    region       = string
    role         = string
    pool         = bool
    location     = string
    host         = string
    cluster_host = string
    config       = string
    secrets      = list(string)
  })

  validation {
    condition     = var.group.pool == strcontains(var.group.host, "@ID@")
    error_message = "the host of a pool has @ID@ in it, and no other."
  }
}

variable "scaling_group" {
  description = "Name of the cloud's instance group, which metrics have as a dimension."
  type        = string
}

variable "package" {
  description = "The Debian package of moqmesh for the machine's architecture: where it is, and its SHA-256. The machine installs no other."
  type = object({
    url    = string
    sha256 = string
  })

  validation {
    condition     = can(regex("^https://[^\\s'\"]+\\.deb$", var.package.url))
    error_message = "package.url must be an https URL of a .deb file."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package.sha256))
    error_message = "package.sha256 must be 64 hexadecimal digits: sha256sum prints them."
  }
}

variable "secrets" {
  description = "Where each file of `group.secrets` is in the secrets manager, by file. The machine reads them when it starts and every 15 minutes; user data has none."
  type        = map(string)

  validation {
    condition     = length(setsubtract(var.group.secrets, keys(var.secrets))) == 0
    error_message = "a secret that the relay needs is missing: ${join(", ", setsubtract(var.group.secrets, keys(var.secrets)))}."
  }
  validation {
    condition     = alltrue([for id in values(var.secrets) : can(regex("^[A-Za-z0-9:/_.+=@-]+$", id))])
    error_message = "the name of a secret has letters, digits and :/_.+=@- only."
  }
}

variable "zones" {
  description = "DNS zones in which the machine writes its own addresses: `public` for `host`, `private` for `cluster_host`. None: something else writes them."
  type = object({
    public  = optional(string)
    private = optional(string)
    ttl     = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.zones.ttl >= 5 && var.zones.ttl <= 3600
    error_message = "zones.ttl must be 5 to 3600 seconds."
  }
}

variable "targets" {
  description = "Target groups of load balancers at which the machine registers itself, with its server id where the group is for QUIC (AWS)."
  type = list(object({
    arn  = string
    quic = bool
  }))
  default = []
}

variable "termination_hook" {
  description = "Name of the life-cycle hook that holds the machine's end until it has drained (AWS)."
  type        = string
  default     = null
}

variable "settings" {
  description = "What the functions of the cloud need besides, by name: for Azure `IDENTITY`, the client id of the machine's identity, and `METRICS_OF_REGION`, the resource that has the metrics of the region."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.settings : can(regex("^[A-Z_]+$", name)) && can(regex("^[A-Za-z0-9:/_.+=@-]+$", value))])
    error_message = "a setting has a name in capitals, and a value of letters, digits and :/_.+=@- only."
  }
  validation {
    condition     = var.cloud != "azure" || (contains(keys(var.settings), "IDENTITY") && (var.metrics == null || contains(keys(var.settings), "METRICS_OF_REGION")))
    error_message = "Azure needs the settings IDENTITY and, for metrics, METRICS_OF_REGION."
  }
}

variable "metrics" {
  description = <<-EOT
    What the machine measures of its relay every minute and writes into the cloud's metrics under `namespace`. Null: nothing. `measures` are those of the module
    `alarms`.
  EOT
  type = object({
    namespace = string
    measures  = any
  })
  default = null
}

variable "ports" {
  description = "Ports of the relay, as `topology` has them."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}
}

variable "logs" {
  description = "Where the cloud's agent ships the relay's log: `group` is the log group (AWS), and `agent` the agent's Debian package with its SHA-256. Without an agent the log stays on the machine; the agent of Azure is an extension of the machine, not a package."
  type = object({
    group = optional(string)
    agent = optional(object({ url = string, sha256 = string }))
  })
  default = null

  validation {
    condition     = try(var.logs.agent, null) == null || can(regex("^https://[^\\s'\"]+\\.deb$", var.logs.agent.url))
    error_message = "logs.agent.url must be an https URL of a .deb file."
  }
  validation {
    condition     = try(var.logs.agent, null) == null || can(regex("^[0-9a-f]{64}$", var.logs.agent.sha256))
    error_message = "logs.agent.sha256 must be 64 hexadecimal digits."
  }
}
