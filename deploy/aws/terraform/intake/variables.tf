variable "name" {
  description = "Begins the names of what is made."
  type        = string
  default     = "recoverops"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "Expected [a-z][a-z0-9-]{0,30}."
  }
}

variable "log_group_name" {
  description = "The log group whose lines go into the stream, and whose errors are counted."
  type        = string
  validation {
    condition     = can(regex("^([A-Za-z0-9_./#-]{1,512})$", var.log_group_name))
    error_message = "Expected [A-Za-z0-9_./#-]{1,512}."
  }
}

variable "error_pattern" {
  description = "Filter pattern of CloudWatch Logs that finds the lines which count as errors."
  type        = string
  default     = "?ERROR ?FATAL ?CRITICAL"
  validation {
    condition     = can(regex("^(.{1,1024})$", var.error_pattern))
    error_message = "Expected .{1,1024}."
  }
}

variable "errors_per_minute" {
  description = "From this many errors in each of three minutes on, there is an alarm."
  type        = number
  default     = 10
  validation {
    condition     = var.errors_per_minute >= 1 && var.errors_per_minute <= 1000000
    error_message = "Expected 1 to 1000000."
  }
}

variable "recoverops_url" {
  description = "Where RecoverOps is, e.g. https://recoverops.internal.example.com, without a path."
  type        = string
  validation {
    condition     = can(regex("^(https://[a-z0-9.-]+(:[0-9]{1,5})?)$", var.recoverops_url))
    error_message = "Expected https://[a-z0-9.-]+(:[0-9]{1,5})?."
  }
}

variable "intake_key_arn" {
  description = "ARN of the secret in Secrets Manager that holds a key with the role intake."
  type        = string
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+)$", var.intake_key_arn))
    error_message = "Expected arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+."
  }
}

variable "code_bucket" {
  description = "Bucket that holds the packed functions, in this region."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$", var.code_bucket))
    error_message = "Expected [a-z0-9][a-z0-9.-]{1,61}[a-z0-9]."
  }
}

variable "code_key" {
  description = "Key of the zip file with forward.py and widen.py of deploy/aws/lambda."
  type        = string
  validation {
    condition     = can(regex("^([A-Za-z0-9/_.-]{1,512})$", var.code_key))
    error_message = "Expected [A-Za-z0-9/_.-]{1,512}."
  }
}

variable "vpc_id" {
  description = "The VPC from which RecoverOps is reached."
  type        = string
  validation {
    condition     = can(regex("^(vpc-[0-9a-f]{8,17})$", var.vpc_id))
    error_message = "Expected vpc-[0-9a-f]{8,17}."
  }
}

variable "subnet_ids" {
  description = "Private subnets of it, in two zones, with a way to Secrets Manager (a NAT gateway or an endpoint)."
  type        = list(string)
  validation {
    condition     = alltrue([for one in var.subnet_ids : can(regex("^(subnet-[0-9a-f]{8,17})$", one))])
    error_message = "Expected subnet-[0-9a-f]{8,17}."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps a record; an outage of RecoverOps may last that long."
  type        = number
  default     = 24
  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "Expected 24 to 8760."
  }
}

variable "archive_days" {
  description = "How long the archive keeps a record."
  type        = number
  default     = 90
  validation {
    condition     = var.archive_days >= 1 && var.archive_days <= 3650
    error_message = "Expected 1 to 3650."
  }
}

variable "most_lag_seconds" {
  description = "When the oldest unread record is older than this, more readers are started."
  type        = number
  default     = 60
  validation {
    condition     = var.most_lag_seconds >= 5 && var.most_lag_seconds <= 3600
    error_message = "Expected 5 to 3600."
  }
}

variable "widest_readers" {
  description = "Readers per shard while it lags."
  type        = number
  default     = 10
  validation {
    condition     = var.widest_readers >= 2 && var.widest_readers <= 10
    error_message = "Expected 2 to 10."
  }
}
