variable "project" {
  description = "Id of the project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a project, such as media-123456."
  }
}

variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "region" {
  description = "The region's name in the mesh, such as `eu`."
  type        = string
}

variable "location" {
  description = "The region in the words of Google, such as `europe-west3`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.location))
    error_message = "location must be a region of Google Cloud, such as europe-west3."
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
  description = "Image of the machines, Debian 13: `projects/PROJECT/global/images/NAME`. Null: the newest one of Debian's family at the time of `apply`."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("projects/[^/]+/global/images/[^/]+$", var.image))
    error_message = "image must be an image such as projects/debian-cloud/global/images/debian-13-arm64-v20261110."
  }
}

variable "network" {
  description = "The network: its `id`, the `subnetwork` of this region, and the `zones` in which machines run."
  type = object({
    id         = string
    subnetwork = string
    zones      = list(string)
  })

  validation {
    condition     = length(var.network.zones) >= 1 && alltrue([for zone in var.network.zones : startswith(zone, "${var.location}-")])
    error_message = "network.zones must have zones of this region, better three of them."
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
  description = "Each secret, as `projects/PROJECT/secrets/NAME`, by the file that it becomes, such as `secrets/cluster.jwk`."
  type        = map(string)

  validation {
    condition     = alltrue([for id in values(var.secrets) : can(regex("^projects/[^/]+/secrets/[A-Za-z0-9_-]+$", id))])
    error_message = "a secret is projects/PROJECT/secrets/NAME."
  }
}

variable "disk_key" {
  description = "Key of Cloud KMS for the disks in this region. Null: Google's own keys; the disks are encrypted in both cases."
  type        = string
  default     = null
}

variable "zones" {
  description = "Zones of Cloud DNS in which machines of pools write their own addresses, as `projects/PROJECT/managedZones/NAME`: the `public` and the `private` one, the `right` (an IAM role) with which they do, and the life of the records in seconds."
  type = object({
    public  = optional(string)
    private = optional(string)
    right   = optional(string, "roles/dns.admin")
    ttl     = optional(number, 30)
  })
  default = {}

  validation {
    condition     = alltrue([for zone in compact([var.zones.public, var.zones.private]) : can(regex("^projects/[^/]+/managedZones/[^/]+$", zone))])
    error_message = "a zone is projects/PROJECT/managedZones/NAME."
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
  description = "Machines of pools are spot machines, all of them: Google has no mix in one group. Machines that keep their name never are."
  type        = bool
  default     = false
}

variable "spot_notice" {
  description = "Seconds between Google's notice and the shutdown of a spot machine. Null: the shutdown is the notice, and the machine has 30 s for all of its drain."
  type        = number
  default     = 120

  validation {
    condition     = var.spot_notice == null || try(var.spot_notice >= 45 && var.spot_notice <= 120, false)
    error_message = "spot_notice must be 45 to 120 seconds, or null."
  }
}

variable "patience" {
  description = "Seconds that a new machine has until its relay must be live; afterwards Google replaces it. A machine without its secrets is not live."
  type        = number
  default     = 900

  validation {
    condition     = var.patience >= 180 && var.patience <= 3600
    error_message = "patience must be 180 to 3600 seconds."
  }
}

variable "metrics" {
  description = "The relays' metrics are `custom.googleapis.com/METRICS/NAME` in Cloud Monitoring; pools also scale on them."
  type        = string
  default     = "moqmesh"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,30}$", var.metrics))
    error_message = "metrics must be lower-case letters, digits and underscores."
  }
}

variable "logs" {
  description = "The Debian package of Google's Ops Agent, which ships the relays' logs: its URL, and its SHA-256. Without an agent the logs stay on the machines."
  type = object({
    agent = optional(object({ url = string, sha256 = string }))
  })
  default = {}
}

variable "labels" {
  description = "Labels of all resources that take them."
  type        = map(string)
  default     = {}
}
