# In: the web, and nothing else. There is no SSH port; Systems Manager connects from inside.

resource "aws_security_group" "web" {
  name        = "${var.name}-web"
  description = "Visitors of the site"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-web" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "http" {
  security_group_id = aws_security_group.web.id
  description       = "HTTP: redirects to HTTPS, and answers the certificate authority"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.web.id
  description       = "HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "http3" {
  security_group_id = aws_security_group.web.id
  description       = "HTTP/3"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "udp"
  from_port         = 443
  to_port           = 443
}

# Out: packages (80 and 443), APIs and certificates (443), mail to a server of another's (587). DNS and time are
# AWS's own addresses, which security groups do not filter.
resource "aws_vpc_security_group_egress_rule" "tcp" {
  for_each = { http = 80, https = 443, submission = 587 }

  security_group_id = aws_security_group.web.id
  description       = "Out by ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

# The network's own group, which whatever is made without a group would get, allows nothing.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id
}
