# Only with var.zone_id; otherwise output `dns_records` says what to make elsewhere.

locals {
  zones       = var.zone_id == "" ? 0 : 1
  dkim_tokens = aws_sesv2_email_identity.domain.dkim_signing_attributes[0].tokens
}

resource "aws_route53_record" "site" {
  count = local.zones

  zone_id = var.zone_id
  name    = var.domain
  type    = "A"
  ttl     = 300
  records = [aws_eip.main.public_ip]
}

resource "aws_route53_record" "dkim" {
  count = 3 * local.zones

  zone_id = var.zone_id
  name    = "${local.dkim_tokens[count.index]}._domainkey.${var.domain}"
  type    = "CNAME"
  ttl     = 1800
  records = ["${local.dkim_tokens[count.index]}.dkim.amazonses.com"]
}

resource "aws_route53_record" "dmarc" {
  count = local.zones

  zone_id = var.zone_id
  name    = "_dmarc.${var.domain}"
  type    = "TXT"
  ttl     = 1800
  records = ["v=DMARC1; p=quarantine; adkim=r; aspf=r"]
}
