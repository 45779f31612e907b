variable "vpc_id" {
  description = "The VPC that the instance is in."
  type        = string
  validation {
    condition     = can(regex("^(vpc-[0-9a-f]{8,17})$", var.vpc_id))
    error_message = "Expected vpc-[0-9a-f]{8,17}."
  }
}

variable "subnet_id" {
  description = "A subnet of it with a way to the APIs of AWS and to a package index."
  type        = string
  validation {
    condition     = can(regex("^(subnet-[0-9a-f]{8,17})$", var.subnet_id))
    error_message = "Expected subnet-[0-9a-f]{8,17}."
  }
}

variable "instance_type" {
  description = "A type with 1 GB or more. t3.micro is in the free tier of many accounts, t4g.micro costs less."
  type        = string
  default     = "t3.micro"
  validation {
    condition     = contains(["t3.micro", "t3.small", "t3a.micro", "t3a.small"], var.instance_type)
    error_message = "Expected one of t3.micro, t3.small, t3a.micro, t3a.small."
  }
}

variable "wheel_bucket" {
  description = "Bucket that holds the wheel of RecoverOps, requirements.lock and recoverops.yaml."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$", var.wheel_bucket))
    error_message = "Expected [a-z0-9][a-z0-9.-]{1,61}[a-z0-9]."
  }
}

variable "wheel_folder" {
  description = "Their folder in it, without a slash at its ends, e.g. recoverops/0.1.0."
  type        = string
  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$", var.wheel_folder))
    error_message = "Expected [A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*."
  }
}

variable "wheel_name" {
  description = "Name of the wheel, e.g. recoverops-0.1.0-py3-none-any.whl."
  type        = string
  validation {
    condition     = can(regex("^(recoverops-[A-Za-z0-9_.+-]+\\.whl)$", var.wheel_name))
    error_message = "Expected recoverops-[A-Za-z0-9_.+-]+\\.whl."
  }
}

variable "engine_policy_arn" {
  description = "ARN of the managed policy that holds what \"recoverops permissions aws\" prints."
  type        = string
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\\w+=,.@/-]+)$", var.engine_policy_arn))
    error_message = "Expected arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\\w+=,.@/-]+."
  }
}
