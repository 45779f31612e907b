# The same resources as ../../cloudformation/service.yaml, one by one. Never planned against AWS: docs/aws-deployment.md.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  configuration_arn = "arn:${data.aws_partition.current.partition}:ssm:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:parameter${var.configuration_parameter}"
}

# The password is kept in the state: encrypt the state, and let nobody read it who may not read the store.
resource "random_password" "database_secret" {
  length  = 40
  special = false
}

resource "aws_secretsmanager_secret" "database_secret" {
  name_prefix = "${var.name}-database-"
  description = "Password of the store of RecoverOps."
}

resource "aws_secretsmanager_secret_version" "database_secret" {
  secret_id     = aws_secretsmanager_secret.database_secret.id
  secret_string = jsonencode({ username = "recoverops", password = random_password.database_secret.result })
}

resource "aws_secretsmanager_secret" "store_url" {
  name_prefix = "${var.name}-store-url-"
  description = "Address of the store of RecoverOps, for RECOVEROPS_STORAGE__URL."
}

resource "aws_secretsmanager_secret_version" "store_url" {
  secret_id     = aws_secretsmanager_secret.store_url.id
  secret_string = "postgresql://recoverops:${random_password.database_secret.result}@${aws_db_instance.database.address}:5432/recoverops?sslmode=require"
}

resource "aws_security_group" "balancer_security_group" {
  description = "The internal load balancer of RecoverOps."
  vpc_id      = var.vpc_id
  ingress {
    description = "HTTPS from inside"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [var.client_cidr]
  }
  egress {
    description = "The task, and nothing beyond the VPC"
    protocol    = "tcp"
    from_port   = 8765
    to_port     = 8765
    cidr_blocks = [data.aws_vpc.vpc.cidr_block]
  }
}

data "aws_vpc" "vpc" {
  id = var.vpc_id
}

resource "aws_security_group" "task_security_group" {
  description = "The task of RecoverOps. Only the load balancer comes in."
  vpc_id      = var.vpc_id
  ingress {
    description     = "The load balancer"
    protocol        = "tcp"
    from_port       = 8765
    to_port         = 8765
    security_groups = [aws_security_group.balancer_security_group.id]
  }
  egress {
    description = "AWS over HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    description = "The store"
    protocol    = "tcp"
    from_port   = 5432
    to_port     = 5432
    cidr_blocks = [data.aws_vpc.vpc.cidr_block]
  }
  egress {
    description = "The data directory"
    protocol    = "tcp"
    from_port   = 2049
    to_port     = 2049
    cidr_blocks = [data.aws_vpc.vpc.cidr_block]
  }
}

resource "aws_security_group" "database_security_group" {
  description = "The store of RecoverOps. Only its task comes in."
  vpc_id      = var.vpc_id
  ingress {
    description     = "The task"
    protocol        = "tcp"
    from_port       = 5432
    to_port         = 5432
    security_groups = [aws_security_group.task_security_group.id]
  }
}

resource "aws_security_group" "files_security_group" {
  description = "The data directory of RecoverOps. Only its task comes in."
  vpc_id      = var.vpc_id
  ingress {
    description     = "The task"
    protocol        = "tcp"
    from_port       = 2049
    to_port         = 2049
    security_groups = [aws_security_group.task_security_group.id]
  }
}

resource "aws_db_subnet_group" "database_subnets" {
  description = "Two zones for the store of RecoverOps."
  subnet_ids  = [var.subnet_a, var.subnet_b]
}

resource "aws_db_instance" "database" {
  engine                     = "postgres"
  engine_version             = "18"
  db_name                    = "recoverops"
  instance_class             = var.database_class
  allocated_storage          = var.database_gigabytes
  storage_type               = "gp3"
  storage_encrypted          = true
  multi_az                   = true
  publicly_accessible        = false
  deletion_protection        = true
  backup_retention_period    = 7
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true
  final_snapshot_identifier  = "${var.name}-final"
  username                   = "recoverops"
  password                   = random_password.database_secret.result
  db_subnet_group_name       = aws_db_subnet_group.database_subnets.name
  vpc_security_group_ids     = [aws_security_group.database_security_group.id]
}

resource "aws_efs_file_system" "files" {
  encrypted = true
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_efs_backup_policy" "files" {
  file_system_id = aws_efs_file_system.files.id
  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "files_in_a" {
  file_system_id  = aws_efs_file_system.files.id
  subnet_id       = var.subnet_a
  security_groups = [aws_security_group.files_security_group.id]
}

resource "aws_efs_mount_target" "files_in_b" {
  file_system_id  = aws_efs_file_system.files.id
  subnet_id       = var.subnet_b
  security_groups = [aws_security_group.files_security_group.id]
}

resource "aws_efs_access_point" "data_directory" {
  file_system_id = aws_efs_file_system.files.id
  posix_user {
    uid = 10001
    gid = 10001
  }
  root_directory {
    path = "/recoverops"
    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0700"
    }
  }
}

resource "aws_cloudwatch_log_group" "task_log" {
  name              = "/recoverops/${var.name}/engine"
  retention_in_days = 30
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "start_role" {
  description        = "Lets ECS fetch the image, the address of the store and the configuration."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "start_policy" {
  name   = "start"
  role   = aws_iam_role.start_role.id
  policy = data.aws_iam_policy_document.start_policy.json
}

data "aws_iam_policy_document" "start_policy" {
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.repository_arn]
  }
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.store_url.arn]
  }
  statement {
    actions   = ["ssm:GetParameters"]
    resources = [local.configuration_arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.task_log.arn}:*"]
  }
}

resource "aws_iam_role" "task_role" {
  description        = "What RecoverOps itself may do."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy_attachment" "task_role" {
  role       = aws_iam_role.task_role.name
  policy_arn = var.task_policy_arn
}

resource "aws_iam_role_policy" "task_files_policy" {
  name   = "data-directory"
  role   = aws_iam_role.task_role.id
  policy = data.aws_iam_policy_document.task_files_policy.json
}

data "aws_iam_policy_document" "task_files_policy" {
  statement {
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.files.arn]
    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.data_directory.arn]
    }
  }
}

resource "aws_ecs_cluster" "cluster" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "task" {
  family                   = "${var.name}-engine"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.start_role.arn
  task_role_arn            = aws_iam_role.task_role.arn
  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }
  volume {
    name = "data"
    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.files.id
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = aws_efs_access_point.data_directory.id
        iam             = "ENABLED"
      }
    }
  }
  volume {
    name = "configuration"
  }
  container_definitions = jsonencode([{
    name                   = "recoverops"
    image                  = var.image_uri
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 60
    portMappings           = [{ containerPort = 8765, protocol = "tcp" }]
    environment = [
      { name = "RECOVEROPS_DATA_DIR", value = "/var/lib/recoverops" },
      # The door opens beyond loopback here, behind a load balancer with TLS and a security group that lets in only that.
      { name = "RECOVEROPS_API__HOST", value = "0.0.0.0" },
    ]
    secrets = [
      { name = "RECOVEROPS_STORAGE__URL", valueFrom = aws_secretsmanager_secret.store_url.arn },
      { name = "CONFIGURATION_YAML", valueFrom = local.configuration_arn },
    ]
    mountPoints = [
      { sourceVolume = "data", containerPath = "/var/lib/recoverops", readOnly = false },
      { sourceVolume = "configuration", containerPath = "/run/recoverops", readOnly = false },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.task_log.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = "engine"
      }
    }
  }])
}

resource "aws_ecs_service" "service" {
  name            = "${var.name}-engine"
  cluster         = aws_ecs_cluster.cluster.id
  task_definition = aws_ecs_task_definition.task.arn
  launch_type     = "FARGATE"
  desired_count   = 1
  # One engine at a time: a deployment stops the old task before it starts the new one.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  health_check_grace_period_seconds  = 120
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    assign_public_ip = false
    subnets          = [var.subnet_a, var.subnet_b]
    security_groups  = [aws_security_group.task_security_group.id]
  }
  load_balancer {
    container_name   = "recoverops"
    container_port   = 8765
    target_group_arn = aws_lb_target_group.targets.arn
  }
  depends_on = [
    aws_lb_listener.listener,
    aws_efs_mount_target.files_in_a,
    aws_efs_mount_target.files_in_b,
    aws_iam_role_policy.start_policy,
    aws_iam_role_policy.task_files_policy,
  ]
}

resource "aws_lb" "balancer" {
  load_balancer_type         = "application"
  internal                   = true
  subnets                    = [var.subnet_a, var.subnet_b]
  security_groups            = [aws_security_group.balancer_security_group.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
}

resource "aws_lb_target_group" "targets" {
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8765
  deregistration_delay = 10
  health_check {
    path                = "/health"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "listener" {
  load_balancer_arn = aws_lb.balancer.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.targets.arn
  }
}

output "address" {
  description = "Name of the load balancer; point the name of the certificate at it."
  value       = aws_lb.balancer.dns_name
}

output "task_role_arn" {
  description = "The role of RecoverOps, for the trust policies of roles in other accounts."
  value       = aws_iam_role.task_role.arn
}
