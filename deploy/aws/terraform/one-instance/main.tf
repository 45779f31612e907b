# The same resources as ../../cloudformation/one-instance.yaml, one by one. Never planned against AWS: docs/aws-deployment.md.

data "aws_partition" "current" {}

data "aws_ssm_parameter" "image_id" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_security_group" "security_group" {
  description = "RecoverOps. Nothing comes in; HTTPS goes out."
  vpc_id      = var.vpc_id
  egress {
    description = "AWS and packages over HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

data "aws_iam_policy_document" "instance" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "role" {
  description        = "What RecoverOps may do, and what a session of SSM needs."
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

resource "aws_iam_role_policy_attachment" "role" {
  role       = aws_iam_role.role.name
  policy_arn = var.engine_policy_arn
}

resource "aws_iam_role_policy" "role_policy" {
  name   = "session-and-program"
  role   = aws_iam_role.role.id
  policy = data.aws_iam_policy_document.role_policy.json
}

data "aws_iam_policy_document" "role_policy" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.wheel_bucket}/${var.wheel_folder}/*"]
  }
  statement {
    actions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_instance_profile" "profile" {
  role = aws_iam_role.role.name
}

resource "aws_launch_template" "settings" {
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}

resource "aws_instance" "instance" {
  ami                    = data.aws_ssm_parameter.image_id.value
  instance_type          = var.instance_type
  subnet_id              = var.subnet_id
  vpc_security_group_ids = [aws_security_group.security_group.id]
  iam_instance_profile   = aws_iam_instance_profile.profile.name
  user_data = templatefile("${path.module}/install.sh.tftpl", {
    bucket = var.wheel_bucket
    folder = var.wheel_folder
    wheel  = var.wheel_name
    unit   = file("${path.module}/../../../systemd/recoverops.service")
  })
  launch_template {
    id      = aws_launch_template.settings.id
    version = aws_launch_template.settings.latest_version
  }
  credit_specification {
    cpu_credits = "standard"
  }
  root_block_device {
    volume_type           = "gp3"
    volume_size           = 16
    encrypted             = true
    delete_on_termination = true
  }
  tags = {
    Name = "recoverops"
  }
  depends_on = [aws_iam_role_policy.role_policy]
}

output "instance_id" {
  description = "For a session: aws ssm start-session --target <this>."
  value       = aws_instance.instance.id
}

output "role_arn" {
  description = "The role of RecoverOps, for the trust policies of roles in other accounts."
  value       = aws_iam_role.role.arn
}
