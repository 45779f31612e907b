variable "name" {
  description = "Begins the names of what is made."
  type        = string
  default     = "recoverops"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "Expected [a-z][a-z0-9-]{0,30}."
  }
}

variable "vpc_id" {
  description = "The VPC that everything is in."
  type        = string
  validation {
    condition     = can(regex("^(vpc-[0-9a-f]{8,17})$", var.vpc_id))
    error_message = "Expected vpc-[0-9a-f]{8,17}."
  }
}

variable "subnet_a" {
  description = "A private subnet in the first zone, with a way to the APIs of AWS (a NAT gateway or endpoints)."
  type        = string
  validation {
    condition     = can(regex("^(subnet-[0-9a-f]{8,17})$", var.subnet_a))
    error_message = "Expected subnet-[0-9a-f]{8,17}."
  }
}

variable "subnet_b" {
  description = "A private subnet in the second zone, likewise."
  type        = string
  validation {
    condition     = can(regex("^(subnet-[0-9a-f]{8,17})$", var.subnet_b))
    error_message = "Expected subnet-[0-9a-f]{8,17}."
  }
}

variable "client_cidr" {
  description = "Private addresses that may reach the load balancer, e.g. 10.0.0.0/16. Never the whole internet."
  type        = string
  validation {
    condition     = can(regex("^((10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)(\\.[0-9]{1,3}){1,3}/(8|9|1[0-9]|2[0-9]|3[0-2]))$", var.client_cidr))
    error_message = "Expected (10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)(\\.[0-9]{1,3}){1,3}/(8|9|1[0-9]|2[0-9]|3[0-2])."
  }
}

variable "certificate_arn" {
  description = "ARN of the certificate in ACM for the name under which RecoverOps is reached."
  type        = string
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+)$", var.certificate_arn))
    error_message = "Expected arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+."
  }
}

variable "image_uri" {
  description = "The image that deploy/docker/Dockerfile makes, in ECR, by its digest."
  type        = string
  validation {
    condition     = can(regex("^([0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9/_.-]+@sha256:[0-9a-f]{64})$", var.image_uri))
    error_message = "Expected [0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9/_.-]+@sha256:[0-9a-f]{64}."
  }
}

variable "repository_arn" {
  description = "ARN of that repository."
  type        = string
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9/_.-]+)$", var.repository_arn))
    error_message = "Expected arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9/_.-]+."
  }
}

variable "task_policy_arn" {
  description = "ARN of the managed policy that holds what \"recoverops permissions aws\" prints. The task has no other rights."
  type        = string
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\\w+=,.@/-]+)$", var.task_policy_arn))
    error_message = "Expected arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\\w+=,.@/-]+."
  }
}

variable "configuration_parameter" {
  description = "Name of the parameter in Parameter Store that holds recoverops.yaml, with its slash, e.g. /recoverops/configuration."
  type        = string
  validation {
    condition     = can(regex("^(/[A-Za-z0-9_./-]{1,1000})$", var.configuration_parameter))
    error_message = "Expected /[A-Za-z0-9_./-]{1,1000}."
  }
}

variable "database_class" {
  description = "Class of the database."
  type        = string
  default     = "db.t4g.micro"
  validation {
    condition     = can(regex("^(db\\.[a-z0-9]+\\.[a-z0-9]+)$", var.database_class))
    error_message = "Expected db\\.[a-z0-9]+\\.[a-z0-9]+."
  }
}

variable "database_gigabytes" {
  description = "Its storage."
  type        = number
  default     = 20
  validation {
    condition     = var.database_gigabytes >= 20 && var.database_gigabytes <= 16384
    error_message = "Expected 20 to 16384."
  }
}
