variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "region" {
  description = "The region's name in the mesh, such as `eu`."
  type        = string
}

variable "location" {
  description = "The region in the words of AWS, such as `eu-central-1`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.location))
    error_message = "location must be a region of AWS, such as eu-central-1."
  }
}

variable "groups" {
  description = "The groups of `topology` that run in this region, by name."
  type = map(object({
    name         = string
    region       = string
    role         = string
    pool         = bool
    location     = string
    size         = string
    host         = string
    cluster_host = string
    min          = number
    max          = number
    config       = string
    secrets      = list(string)
  }))

  validation {
    condition     = length(var.groups) > 0 && alltrue([for group in values(var.groups) : group.location == var.location])
    error_message = "groups must have the groups of this region, and no others."
  }
}

variable "architecture" {
  description = "`arm64` or `x86_64`, as `topology` has it: which image the machines start from."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "image" {
  description = "Image (AMI) of the machines, Debian 13 with cloud-init. Null: the newest one of Debian at the time of `apply`, by Debian's public parameter."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^ami-[0-9a-f]{8,17}$", var.image))
    error_message = "image must be an AMI such as ami-0123456789abcdef0."
  }
}

variable "vpc" {
  description = "The network of the region: its `id`, and the `subnets` in which machines run."
  type = object({
    id      = string
    subnets = list(string)
  })

  validation {
    condition     = length(var.vpc.subnets) >= 1
    error_message = "vpc.subnets must have a subnet, better one in each of three zones."
  }
}

variable "firewall" {
  description = "Rules for incoming traffic by role, as `topology` has them."
  type = map(list(object({
    protocol = string
    port     = number
    from     = list(string)
    why      = string
  })))
}

variable "ports" {
  description = "Ports of the relays, as `topology` has them."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}
}

variable "package" {
  description = "The Debian package of moqmesh for the architecture: its URL, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "secrets" {
  description = "ARN of each secret in this region, by the file that it becomes, such as `secrets/cluster.jwk`."
  type        = map(string)
}

variable "secrets_key" {
  description = "ARN of the KMS key of the secrets in this region. Null: the key that AWS keeps for Secrets Manager."
  type        = string
  default     = null
}

variable "disk_key" {
  description = "ARN of the KMS key of the disks in this region. Null: the key that AWS keeps for disks; they are encrypted in both cases."
  type        = string
  default     = null
}

variable "zones" {
  description = "Route 53 zones in which machines write their own addresses: ids of the `public` and the `private` one, and the life of the records in seconds."
  type = object({
    public  = optional(string)
    private = optional(string)
    ttl     = optional(number, 30)
  })
  default = {}
}

variable "targets" {
  description = "Target groups of this region by role, at which machines of the role register themselves: the `arn`, and whether the group is for `quic`."
  type = map(list(object({
    arn  = string
    quic = bool
  })))
  default = {}

  validation {
    condition     = alltrue([for role in keys(var.targets) : contains(["root", "origin", "regional", "edge"], role)])
    error_message = "targets is by role: root, origin, regional, edge."
  }
}

variable "scaling" {
  description = <<-EOT
    When a pool grows: `egress` is what a machine should send on average, in bits per second, and `sessions` how many sessions it should have. Both are what a pool
    aims at, so choose two thirds of what a machine can do. `warmup` is the seconds until a new machine counts.
  EOT
  type = object({
    egress   = optional(number, 3000000000)
    sessions = optional(number, 12000)
    warmup   = optional(number, 180)
  })
  default = {}

  validation {
    condition     = var.scaling.egress >= 1000000 && var.scaling.sessions >= 10
    error_message = "scaling.egress must be at least 1000000 bits per second, and scaling.sessions at least 10."
  }
}

variable "spot" {
  description = "Share of spot machines in pools, in percent. AWS takes one back with two minutes' notice; it drains. Machines that keep their name are never spot machines."
  type        = number
  default     = 0

  validation {
    condition     = var.spot >= 0 && var.spot <= 100 && floor(var.spot) == var.spot
    error_message = "spot must be a whole number from 0 to 100."
  }
}

variable "drain" {
  description = "Seconds that a machine has to drain before AWS ends it. More than `[drain] grace` and `spread` together, 30 s in the configurations of `topology`."
  type        = number
  default     = 120

  validation {
    condition     = var.drain >= 45 && var.drain <= 7200
    error_message = "drain must be 45 to 7200 seconds."
  }
}

variable "metrics" {
  description = "Namespace in CloudWatch of the relays' metrics, which pools also scale on."
  type        = string
  default     = "moqmesh"
}

variable "logs" {
  description = "Days that CloudWatch keeps the relays' logs, and the CloudWatch agent for Debian that ships them: its URL, and its SHA-256. Without an agent the logs stay on the machines."
  type = object({
    days  = optional(number, 30)
    key   = optional(string)
    agent = optional(object({ url = string, sha256 = string }))
  })
  default = {}

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.logs.days)
    error_message = "logs.days must be a number that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
