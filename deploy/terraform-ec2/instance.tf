# The machine can be thrown away and made anew: everything that must last is on the data volume.

data "aws_ssm_parameter" "ami" {
  name = var.ami_parameter
}

resource "aws_key_pair" "deployer" {
  count = var.ssh_public_key == "" ? 0 : 1

  key_name   = var.name
  public_key = var.ssh_public_key
}

resource "aws_instance" "main" {
  ami                         = data.aws_ssm_parameter.ami.insecure_value
  instance_type               = var.instance_type
  subnet_id                   = aws_subnet.public.id
  vpc_security_group_ids      = [aws_security_group.web.id]
  iam_instance_profile        = aws_iam_instance_profile.instance.name
  key_name                    = one(aws_key_pair.deployer[*].key_name)
  ebs_optimized               = true
  monitoring                  = true
  associate_public_ip_address = true # for its first minutes; the elastic address takes over

  user_data_replace_on_change = false
  user_data = templatefile("${path.module}/user-data.sh.tftpl", {
    domain     = var.domain
    owner      = var.owner
    region     = var.region
    repository = var.repository
    ref        = var.ref
    backups    = "${aws_s3_bucket.backup.id}/${var.backup_prefix}"
    device     = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(aws_ebs_volume.data.id, "-", "")}"
  })

  # 2 hops, because the notifier sends through SES with the machine's role, and a container is one hop further away.
  # Only containers with a way out reach it: the gateway and the notifier (network `edge` of docker-compose.yml). The
  # role may do no more than identity.tf says. Whoever sends by SMTP sets it to 1.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "disabled"
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.root_gib
    encrypted             = true
    delete_on_termination = true
  }

  tags = { Name = var.name }

  lifecycle {
    ignore_changes = [ami, user_data, associate_public_ip_address] # none of them may replace a machine that runs
  }
}

resource "aws_ebs_volume" "data" {
  availability_zone = aws_subnet.public.availability_zone
  type              = "gp3"
  size              = var.data_gib
  encrypted         = true

  tags = { Name = "${var.name}-data" }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_volume_attachment" "data" {
  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.data.id
  instance_id                    = aws_instance.main.id
  stop_instance_before_detaching = true
}
