variable "region" {
  description = "The AWS region of everything."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region looks like eu-central-1."
  }
}

variable "zone" {
  description = "The letter of the availability zone. A volume cannot leave its zone, so it stays what it was."
  type        = string
  default     = "a"

  validation {
    condition     = can(regex("^[a-f]$", var.zone))
    error_message = "One letter, a to f."
  }
}

variable "name" {
  description = "What every resource is named after; another name is another installation."
  type        = string
  default     = "letterbox"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "3 to 32 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "domain" {
  description = "The site's name, for example letters.example.org. Visitors come there, and mails come from it."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A full name in lower case, without a scheme."
  }
}

variable "owner" {
  description = "The address that is told of messages."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$", var.owner))
    error_message = "One mail address."
  }
}

variable "zone_id" {
  description = "The Route53 zone that holds the domain; empty if its DNS is elsewhere (the outputs say which records to make)."
  type        = string
  default     = ""

  validation {
    condition     = var.zone_id == "" || can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "The id of a hosted zone begins with Z."
  }
}

variable "repository" {
  description = "What the machine clones, by HTTPS."
  type        = string

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+/[A-Za-z0-9._/-]+$", var.repository))
    error_message = "An https:// address without a user or a password: user data can be read by the machine."
  }
}

variable "ref" {
  description = "Branch, tag or commit that is installed first."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", var.ref))
    error_message = "A branch, a tag or a commit."
  }
}

variable "instance_type" {
  description = "The machine. The containers' limits add up to 13 GB, and they use 2 to 4 GB at rest; 8 GB is the least."
  type        = string
  default     = "t3.large"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.(large|[0-9]*xlarge)$", var.instance_type))
    error_message = "At least large."
  }
}

variable "ami_parameter" {
  description = "The public SSM parameter that names the image: Ubuntu 24.04 for x86_64. It must fit instance_type."
  type        = string
  default     = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"

  validation {
    condition     = startswith(var.ami_parameter, "/aws/service/")
    error_message = "A public parameter begins with /aws/service/."
  }
}

variable "ssh_public_key" {
  description = "The key that scripts/deploy-opensource.sh uses through Systems Manager; no port is opened for it. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.ssh_public_key == "" || can(regex("^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) ", var.ssh_public_key))
    error_message = "The content of a .pub file."
  }
}

variable "cidr" {
  description = "The addresses of the network."
  type        = string
  default     = "10.40.0.0/24"

  validation {
    condition     = can(cidrhost(var.cidr, 1)) && tonumber(split("/", var.cidr)[1]) <= 26
    error_message = "An IPv4 network of /26 or larger."
  }
}

variable "root_gib" {
  description = "Size of the root volume in GiB: the system and its logs."
  type        = number
  default     = 16

  validation {
    condition     = var.root_gib >= 12 && var.root_gib <= 1024
    error_message = "12 to 1024."
  }
}

variable "data_gib" {
  description = "Size of the data volume in GiB: Docker's images and volumes, settings and secrets. It can grow, never shrink."
  type        = number
  default     = 60

  validation {
    condition     = var.data_gib >= 40 && var.data_gib <= 16384
    error_message = "40 to 16384."
  }
}

variable "backup_prefix" {
  description = "The one prefix of the backup bucket that the machine may use."
  type        = string
  default     = "letterbox"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.backup_prefix))
    error_message = "Lower-case letters, digits and hyphens, without a slash."
  }
}

variable "backup_days" {
  description = "How many days the bucket keeps a backup that has been replaced or removed. Erased personal data lives in backups for as long."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 365
    error_message = "7 to 365."
  }
}

variable "flow_log_days" {
  description = "How many days the network's flow log is kept: it holds visitors' addresses."
  type        = number
  default     = 14

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90], var.flow_log_days)
    error_message = "1, 3, 5, 7, 14, 30, 60 or 90: what CloudWatch offers."
  }
}
